"""Mailboxes: reads mails by IMAP or from a provider's webhook, sends by SMTP or a provider's interface."""
