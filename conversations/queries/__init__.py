"""Reads of the spine."""
