"""What a test of a model has come to, in plain sentences, and what to do where it failed."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from llm.embedding import DIMENSIONS
from llm.providers import PROVIDERS
from llm.testing import SECONDS, ModelTest, Tested, Trouble

# A first text that comes later keeps a customer waiting.
SLOW_MS = 3_000


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was tried; `is_good` is None for what is only told.

    `advice` says what to do; `said` is the provider's own words.
    """

    is_good: bool | None
    text: str
    advice: str = ""
    said: str = ""


WHAT = {
    Trouble.KEY: gettext_noop("The provider refuses the key."),
    Trouble.MODEL: gettext_noop("There is no such model, or nothing answers at this address."),
    Trouble.LIMIT: gettext_noop(
        "The provider takes no more calls just now, or the account has nothing left."
    ),
    Trouble.CREDIT: gettext_noop("The account at the provider has nothing left."),
    Trouble.REFUSED: gettext_noop("The provider does not take the request."),
    Trouble.PROVIDER: gettext_noop("The provider has a fault of its own."),
    Trouble.SLOW: gettext_noop("No answer came in time."),
    Trouble.NAME: gettext_noop("There is no computer of that name."),
    Trouble.UNREACHABLE: gettext_noop("Nothing listens at this address."),
    Trouble.PROTOCOL: gettext_noop("Something answers, but not as OpenAI's protocol has it."),
    Trouble.NO_TOOLS: gettext_noop("It answers, but did not call the tool that it was asked to call."),
    Trouble.OTHER: gettext_noop("It could not be asked."),
}
TO_DO = {
    Trouble.KEY: gettext_noop(
        "Look whether %(key)s is whole, still valid and of this provider; then restart."
    ),
    Trouble.MODEL: gettext_noop(
        "Compare the name with the provider's list of models, and the address with its documentation."
    ),
    Trouble.LIMIT: gettext_noop(
        "Wait a minute and test again; look at limits and balance in the provider's account."
    ),
    Trouble.CREDIT: gettext_noop("Add credit in the provider's account."),
    Trouble.REFUSED: gettext_noop(
        "Read what it said below; often the model's name belongs to another provider."
    ),
    Trouble.PROVIDER: gettext_noop(
        "Test again later. With LLM_FALLBACK_MODEL another model steps in meanwhile."
    ),
    Trouble.SLOW: gettext_noop(
        "A model on an own machine may still be loading: test again. Else choose a quicker one; "
        "customers wait for the first text %(patience)s seconds at most "
        "(LLM_FIRST_TOKEN_SECONDS)."
    ),
    Trouble.NAME: gettext_noop(
        "Look for a slip in %(address)s. Within a container, localhost is the container itself."
    ),
    Trouble.UNREACHABLE: gettext_noop(
        "Look whether the server runs and whether port and %(address)s agree. Within a container, "
        "localhost is the container itself."
    ),
    Trouble.PROTOCOL: gettext_noop(
        "Look whether %(address)s ends as the server's documentation says, mostly in /v1."
    ),
    Trouble.NO_TOOLS: gettext_noop(
        "Agents search, open tickets and hand over by tools. Choose a model that can call them, "
        "or start the server with tools switched on."
    ),
    Trouble.OTHER: gettext_noop("Read what it said below."),
}


def tested_lines(test: ModelTest) -> tuple[Line, ...]:
    """Returns what a test came to: the answer, the tool call, the cost."""
    return tuple(_lines(test))


def embedding_lines(dimensions: int, milliseconds: int) -> tuple[Line, ...]:
    """Returns what a test of the embedding model came to."""
    told = {"dimensions": dimensions, "ms": milliseconds}
    text = _("A sentence became a vector of %(dimensions)s numbers in %(ms)s ms. It costs nothing.") % told
    return (Line(is_good=dimensions == DIMENSIONS, text=text),)


def _lines(test: ModelTest) -> Iterator[Line]:
    if test.answer.trouble:
        yield _failed(test, test.answer)
    else:
        yield _answered(test.answer)
    if test.tool is not None:
        yield _failed(test, test.tool) if test.tool.trouble else _called(test.tool)
    yield _cost(test)


def _failed(test: ModelTest, tested: Tested) -> Line:
    provider, _slash, _model = test.model.partition("/")
    known = next((each for each in PROVIDERS if each.name == provider), None)
    told = {
        "key": known.key if known and known.key else _("the key"),
        "address": known.address if known and known.address else _("the address"),
        "patience": settings.LLM.get("LLM_FIRST_TOKEN_SECONDS") or f"{SECONDS:.0f}",
    }
    return Line(
        is_good=False, text=_(WHAT[tested.trouble]), advice=_(TO_DO[tested.trouble]) % told, said=tested.said
    )


def _answered(tested: Tested) -> Line:
    told = {"first": tested.first_text_ms, "whole": tested.duration_ms, "tokens": tested.tokens}
    text = (
        _("It answers: first text after %(first)s ms, all of it (%(tokens)s tokens) after %(whole)s ms.")
        % told
    )
    if (tested.first_text_ms or 0) > SLOW_MS:
        return Line(
            is_good=True, text=text, advice=_("Customers notice such a wait; a smaller model answers sooner.")
        )
    if tested.pieces == 1:
        return Line(
            is_good=True,
            text=text,
            advice=_("It came in one piece: customers see nothing until all is written."),
        )
    return Line(is_good=True, text=text)


def _called(tested: Tested) -> Line:
    return Line(is_good=True, text=_("It calls tools: the call came after %s ms.") % tested.duration_ms)


def _cost(test: ModelTest) -> Line:
    if not test.cost:
        return Line(is_good=None, text=_("What it costs is not known here, or nothing."))
    is_guess = test.answer.estimated or (test.tool is not None and test.tool.estimated)
    text = _("The test cost about US$ %s.") if is_guess else _("The test cost US$ %s.")
    return Line(is_good=None, text=text % f"{test.cost:.6f}")
