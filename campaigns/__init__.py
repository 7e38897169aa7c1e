"""One message to many: audience, schedule, recipient rows, pacing, opt-out, stats.

Produces ordinary messages.
"""
