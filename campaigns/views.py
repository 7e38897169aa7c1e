"""The page behind the link in a campaign's message."""

from typing import Any, cast

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from campaigns import actions
from campaigns.actions.lifecycle import OF_A_TEST
from conversations.models import ContactIdentity
from core.errors import NotFound
from core.language import spoken


# The token in the address is who may do it; mail programs post here by themselves (RFC 8058).
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Asks, and at a POST takes somebody at their word. A GET changes nothing: mail servers follow links."""
    if token == OF_A_TEST:
        return _page(request, {"is_test": True}, "")
    try:
        recipient = actions.recipient_of(token)
    except NotFound as error:
        raise Http404 from error
    if request.method == "POST":
        actions.unsubscribe(recipient)
    # `recipient_of` knows of none without.
    identity = cast("ContactIdentity", recipient.identity)
    inbox, locale = identity.inbox, identity.contact.locale
    context = {"is_done": request.method == "POST", "sender": inbox.title or inbox.name}
    return _page(request, context, locale)


def _page(request: HttpRequest, context: dict[str, Any], locale: str) -> HttpResponse:
    with translation.override(spoken(locale or translation.get_language() or "")):
        response = render(request, "campaigns/unsubscribe.html", context)
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response
