"""The spine: contacts and their identities, inboxes, conversations, messages, attachments, events.

Everything said to or by a customer passes here: ordering, deduplication, assignment, hand-over, realtime
events. It knows no channel, no ticket and no AI agent; upper apps react to its signals.
"""
