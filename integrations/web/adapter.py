"""The widget as a channel."""

from django.utils.translation import gettext_lazy as _


class WebAdapter:
    """Nothing to connect but a line of HTML: messages are fetched by the page itself."""

    label = _("Chat widget")

    def setup_text(self, *, key: str, public_url: str) -> str:
        """Returns the script tag to put on any page."""
        source = f"{public_url}/static/widget/widget.js"
        return f'<script src="{source}" data-inbox="{key}" async></script>'
