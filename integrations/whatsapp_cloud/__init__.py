"""WhatsApp by Meta's Cloud API: one inbox is one business phone number."""
