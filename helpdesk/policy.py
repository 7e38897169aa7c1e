"""What pages may load, said with every answer."""

from functools import cache

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

# What a view that needs another policy leaves on its answer.
OTHER = {f"_csp_{what}{kind}" for what in ("config", "update", "replace", "exempt") for kind in ("", "_ro")}


class PolicyMiddleware(CSPMiddleware):
    """Says the usual policy as it was made once; anew it is six hundredths of a request of the API."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Adds the policy, unless the view has said its own."""
        is_usual = OTHER.isdisjoint(vars(response)) and not hasattr(request, "_csp_nonce")
        # Django's own pages about a fault, which only developers see, need a policy that is none.
        if is_usual and not settings.DEBUG:
            response.headers.setdefault(HEADER, _usual())
            return response
        return super().process_response(request, response)


@cache
def _usual() -> str:
    return build_policy()
