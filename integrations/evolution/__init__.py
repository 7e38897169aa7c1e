"""WhatsApp through an Evolution API server (v2) that pairs with a phone by QR code.

Translates its webhooks and calls; decides nothing. Two things of this provider shape the code: it repeats a
message under the same key as often as it likes, and it drops a webhook for good when we answer 4xx.
"""
