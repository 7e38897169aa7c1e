"""Reads of the desk: rows, threads, the context panel, tickets."""
