"""What an agent may show besides text."""

from typing import Annotated

from django.utils.translation import gettext_noop

from llm.tools import Effect, ToolContext, ToolResult, tool
from llm.types import Choice

MOST_CHOICES = 5
LONGEST_LABEL = 120
LONGEST_VALUE = 300  # an article's title, whole: a click on it must find the article


@tool(
    description=gettext_noop(
        "Show the customer up to five buttons below your answer; a click sends the button's text as "
        "their next message. Use it to offer articles or next steps. Ask the question in your text."
    ),
    effect=Effect.READ,
)
def offer_choices(
    context: ToolContext, *, labels: Annotated[list[str], "The texts of the buttons, in order."]
) -> ToolResult:
    """Turns labels into buttons; it changes nothing by itself. Empty and repeated labels are left out."""
    del context
    kept = list(dict.fromkeys(label.strip()[:LONGEST_VALUE] for label in labels if label.strip()))
    choices = tuple(Choice(label=text[:LONGEST_LABEL], value=text) for text in kept[:MOST_CHOICES])
    return ToolResult("The buttons are shown below your answer.", choices=choices)
