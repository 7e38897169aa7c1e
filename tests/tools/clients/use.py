"""Works with the generated client as its user would: `use.py URL KEY CONVERSATION`."""
# The client is made when the test runs.
# mypy: disable-error-code="import-not-found"

import sys

from helpdesk_api import AuthenticatedClient
from helpdesk_api.api.conversations import conversations_list, conversations_read, conversations_write
from helpdesk_api.api.tickets import tickets_create, tickets_list
from helpdesk_api.models import Message, NewMessage, NewTicket, Problem, TicketFile

url, key, conversation = sys.argv[1:]
client = AuthenticatedClient(url, token=key, prefix="", auth_header_name="X-API-Key")

listed = conversations_list.sync(client=client, limit=1)
assert listed.results[0].id.hex == conversation.replace("-", ""), listed
written = conversations_write.sync(conversation, client=client, body=NewMessage(text="Olá, **Davi**"))
assert isinstance(written, Message)
assert written.author.kind == "operator"
made = tickets_create.sync(
    client=client, body=NewTicket(subject="Pedido", conversation=conversation), idempotency_key="order-1"
)
assert isinstance(made, TicketFile)
assert tickets_list.sync(client=client).results[0].number == made.number
missing = conversations_read.sync("00000000-0000-4000-8000-000000000000", client=client)
assert isinstance(missing, Problem)
assert missing.code == "not_found"
sys.stdout.write(made.reference)
