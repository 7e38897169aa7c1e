"""What upper apps may react to.

Sent by actions inside the transaction. A receiver changes its own rows or defers a job, nothing else: what
it raises undoes the action.
"""

from django.dispatch import Signal

conversation_opened = Signal()
"""A customer starts or reopens a conversation. Arguments: `conversation`, about to be saved by the action: a
receiver may give it to somebody by setting its status and assignee, and must not save it."""

message_received = Signal()
"""A customer's message was stored. Arguments: `conversation` (locked row), `message`."""

message_sent = Signal()
"""A message to the customer was stored. Arguments: `conversation` (locked row), `message`."""

delivery_failed = Signal()
"""A message did not reach the customer, or a part of it. Arguments: `delivery` (locked row)."""

conversation_handed_over = Signal()
"""People were given the agent's conversation. Arguments: `conversation` (locked row), `by`, `reason`."""

conversation_handed_back = Signal()
"""A person gave a conversation to the agent. Arguments: `conversation` (locked row)."""

conversation_taken_over = Signal()
"""A person took a conversation from the agent. Arguments: `conversation` (locked row)."""

conversation_resolved = Signal()
"""A conversation was resolved. Arguments: `conversation` (locked row), `by`."""

contacts_merged = Signal()
"""Two contacts became one. Arguments: `keep`, `other` (now without identities), `by`."""

identity_moved = Signal()
"""An identity went to another contact: people split it off, or a provider vouched for it. Arguments:
`conversations` (the ids of those that went along), `former` and `contact` (ids)."""
