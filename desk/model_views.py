"""The page of the admin that says which models are asked, and why, and tests each for real."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from accounts.admin import actor_of, is_admin
from agents.models import Agent
from core import limits
from core.actor import Actor
from core.errors import TooMany
from desk.model_words import Line, embedding_lines, tested_lines
from llm.embedding import DIMENSIONS
from llm.providers import (
    BUILTIN,
    NO_KEY,
    PROVIDERS,
    Provider,
    choose,
    configured,
    decided_by,
    fallback,
    resolve,
)
from llm.testing import test_embedding, test_model

EMBEDDING = "embedding"
# Tests of one administrator; each costs something.
PER_MINUTE = 10


@dataclass(frozen=True, slots=True)
class Shown:
    """A model on the page: what it is there for, and where it is reached. No key is in here."""

    model: str
    roles: tuple[str, ...]
    address: str
    has_key: bool
    lines: tuple[Line, ...] = ()


def is_test(request: HttpRequest) -> bool:
    """Says whether a request asks a provider, and must wait where it holds nobody up."""
    return request.method == "POST"


def models(request: HttpRequest) -> HttpResponse:
    """Shows what is set and tests one model when asked to. For administrators."""
    if not is_admin(request):
        raise PermissionDenied
    tested = request.POST.get("model", "") if is_test(request) else ""
    lines = _tested(tested, actor_of(request)) if tested else ()
    config = settings.LLM
    context = {
        **admin.site.each_context(request),
        "title": _("Models"),
        "first": choose(config).model,
        "decided_by": decided_by(config),
        "names_model": bool(config.get("LLM_MODEL", "").strip()),
        "fallback": fallback(config),
        "is_builtin": choose(config).name == BUILTIN,
        "rows": [_shown(provider, roles, tested, lines) for provider, roles in _asked().items()],
        "missing": list(_missing()),
        "dimensions": DIMENSIONS,
        "embedding_lines": lines if tested == EMBEDDING else (),
    }
    return TemplateResponse(request, "admin/desk/models.html", context)


def _asked() -> dict[Provider, tuple[str, ...]]:
    """Returns every model that may be asked, with what it is there for."""
    config = settings.LLM
    found: dict[Provider, tuple[str, ...]] = {choose(config): (_("asked first"),)}
    if second := fallback(config):
        found[second] = (*found.get(second, ()), _("asked when the first fails"))
    for name, model in Agent.objects.exclude(model="").order_by("name").values_list("name", "model"):
        provider = resolve(config, model)
        found[provider] = (*found.get(provider, ()), _("agent %s") % name)
    for provider in configured(config):
        if provider.name not in {each.name for each in found}:
            found[provider] = (_("its key is set; nobody asks it"),)
    return found


def _shown(provider: Provider, roles: tuple[str, ...], tested: str, lines: tuple[Line, ...]) -> Shown:
    return Shown(
        provider.model, roles, _without_secrets(provider.api_base),
        has_key=provider.api_key not in {"", NO_KEY},
        lines=lines if tested == provider.model else (),
    )  # fmt: skip


def _without_secrets(address: str) -> str:
    """Returns an address without a name, password or query, where keys may stand."""
    try:
        parts = urlsplit(address)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}" if parts.hostname else ""


def _missing() -> Iterator[tuple[str, str]]:
    """Yields the providers that have no key, with the setting that would give them one."""
    present = {provider.name for provider in configured(settings.LLM)}
    for known in PROVIDERS:
        if known.name not in present:
            yield known.name, known.address or known.key


def _tested(model: str, by: Actor) -> tuple[Line, ...]:
    """Tests a model that is on the page; any other is not found."""
    if limits.count(f"test-model:{by.id}") > PER_MINUTE:
        return (Line(is_good=False, text=TooMany().detail),)
    if model == EMBEDDING:
        return embedding_lines(*test_embedding())
    if model not in {provider.model for provider in _asked()}:
        raise Http404
    return tested_lines(async_to_sync(test_model)(model, reference=f"user:{by.id}"))
