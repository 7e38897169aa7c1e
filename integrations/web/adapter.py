"""The widget as a channel."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversations.adapters import BaseAdapter, bright
from conversations.channels import Capabilities, SendRefused
from conversations.exchange import Check, Outgoing, Parsed, Sent, Webhook
from core.errors import Unauthenticated


class WebAdapter(BaseAdapter):
    """Nothing to connect but a line of HTML: messages are fetched by the page itself, nothing is sent."""

    label = gettext_lazy("Chat widget")
    capabilities = Capabilities(sends=False)

    def setup_text(self, *, key: str, public_url: str) -> str:
        """Returns the script tag to put on any page."""
        source = f"{public_url}/static/widget/widget.js"
        return f'<script src="{source}" data-inbox="{key}" async></script>'

    def setup_steps(self, *, key: str, public_url: str) -> Sequence[str]:
        """One step."""
        tag = self.setup_text(key=key, public_url=public_url)
        return [_("Put this line before the end of the body of your pages: %s") % tag]

    def verify(self, webhook: Webhook, config: Any) -> None:
        """Refuses: the widget has doors of its own."""
        del webhook, config
        raise Unauthenticated

    def parse(self, webhook: Webhook, config: Any) -> Iterable[Parsed]:
        """There is nothing to parse."""
        del webhook, config
        return ()

    def send(self, outgoing: Outgoing, config: Any) -> Sent:
        """Is never asked to."""
        del outgoing, config
        raise SendRefused

    def test(self, config: Any) -> Check:
        """The page is the connection."""
        del config
        return bright(_("Nothing to test: the page fetches its messages itself."))
