"""Mechanisms with no support-desk word in them: errors, actors, queue, realtime, threads, HTML, HTTP out.

Entry rule: two users exist already, no domain noun, no import from any other app of ours.
"""
