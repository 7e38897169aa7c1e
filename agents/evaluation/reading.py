"""Reading a suite: a folder of YAML files, each a case or a list of cases. Every mistake has its line."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import yaml

from agents.evaluation.cases import (
    NOON,
    SCRIPTED,
    SOMEBODY,
    Case,
    Customer,
    Expectation,
    ExpectedCall,
    ExpectedTickets,
    Kind,
    KnownArticle,
    Limits,
    Move,
    Other,
    StandIn,
    Turn,
    Words,
)
from agents.evaluation.yaml_fields import BadSuite, Fields, load

T = TypeVar("T")
LANGUAGES = ("pt", "es", "en")
ANSWERS = ("yes", "no", "silent")
STATUSES = ("bot", "open", "resolved")
CHANNELS = ("web", "email")
LARGEST_FILE = 1_000_000  # bytes


def read_suite(folder: Path) -> list[Case]:
    """Returns the cases of a folder in the order of their files; raises BadSuite naming file, line, field."""
    files = sorted(path for path in folder.glob("*.y*ml") if path.suffix in {".yaml", ".yml"})
    if not files:
        message = f"{folder}: there are no YAML files"
        raise BadSuite(message)
    return apart([case for path in files for case in read_file(path)])


def apart(cases: list[Case]) -> list[Case]:
    """Returns the cases; raises BadSuite where two have one id."""
    seen: dict[str, str] = {}
    for case in cases:
        if case.id in seen:
            message = f"{case.where}: id: {case.id} is the id of a case in {seen[case.id]}, too"
            raise BadSuite(message)
        seen[case.id] = case.where
    return cases


def read_file(path: Path) -> list[Case]:
    """Returns the cases of one file; raises BadSuite."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            message = f"{path}: larger than {LARGEST_FILE} bytes"
            raise BadSuite(message)
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path}: {error}"
        raise BadSuite(message) from error
    return read_text(text, str(path))


def read_text(text: str, where: str) -> list[Case]:
    """Returns the cases of a text; raises BadSuite, which calls it `where`."""
    try:
        told = load(text)
    except yaml.YAMLError as error:
        message = f"{where}: {' '.join(str(error).split())}"
        raise BadSuite(message) from error
    rows = told if isinstance(told, list) else [told]
    return [_case(Fields.of(row, where, "case")) for row in rows]


def _case(fields: Fields) -> Case:
    model = fields.one_of("model", (SCRIPTED,))
    case = Case(
        id=fields.name("id"),
        title=fields.text("title", required=True),
        kind=Kind(fields.one_of("kind", [*Kind], required=True)),
        language=fields.one_of("language", LANGUAGES, required=True),
        turns=_turns(fields, is_scripted=bool(model)),
        where=f"{fields.path}, line {fields.line()}",
        expect=_expectation(fields.inside("expect")),
        demo=fields.value("knowledge") == "demo",
        articles=_articles(fields),
        customer=_customer(fields.inside("customer")),
        others=_each(fields, "others", _other),
        channel=fields.one_of("channel", CHANNELS) or "web",
        tools=_each(fields, "tools", _stand_in),
        persona=fields.text("persona"),
        model=model,
        time=_time(fields),
        known=_known(fields),
    )
    fields.nothing_else()
    return case


def _each(fields: Fields, name: str, read: Callable[[Fields], T]) -> tuple[T, ...]:
    return tuple(read(row) for row in fields.rows(name))


def _turns(fields: Fields, *, is_scripted: bool) -> tuple[Turn, ...]:
    turns = _each(fields, "turns", lambda row: _turn(row, is_scripted=is_scripted))
    if not turns:
        raise fields.bad("turns", "a case needs at least one")
    return turns


def _articles(fields: Fields) -> tuple[KnownArticle, ...]:
    """Returns the case's own articles; `demo` in their place is the demo shop's help centre."""
    if fields.value("knowledge") == "demo":
        fields.take("knowledge")
        return ()
    return _each(fields, "knowledge", _article)


def _article(fields: Fields) -> KnownArticle:
    article = KnownArticle(
        fields.name("id"),
        fields.text("title", required=True),
        fields.text("text", required=True),
        fields.one_of("language", LANGUAGES),
    )
    fields.nothing_else()
    return article


def _customer(fields: Fields) -> Customer:
    customer = Customer(fields.text("name") or SOMEBODY, fields.text("email"), fields.text("locale"))
    fields.nothing_else()
    return customer


def _other(fields: Fields) -> Other:
    other = Other(
        fields.text("name", required=True),
        fields.text("email"),
        fields.texts("says"),
        fields.text("note"),
        fields.text("ticket"),
    )
    fields.nothing_else()
    return other


def _stand_in(fields: Fields) -> StandIn:
    made = StandIn(
        fields.name("name"),
        fields.text("description", required=True),
        fields.text("result", required=True),
    )
    fields.nothing_else()
    return made


def _turn(fields: Fields, *, is_scripted: bool) -> Turn:
    script = _each(fields, "script", _move)
    if script and not is_scripted:
        raise fields.bad("script", "only a case with `model: scripted` has one")
    turn = Turn(fields.text("says", required=True), script, _expectation(fields.inside("expect")))
    fields.nothing_else()
    return turn


def _move(fields: Fields) -> Move:
    move = Move(fields.text("text"), fields.text("tool"), fields.mapping("arguments"))
    if not (move.text or move.tool):
        raise fields.bad("script", "needs a text or a tool")
    fields.nothing_else()
    return move


def _expectation(fields: Fields) -> Expectation:
    has_cites = fields.value("cites") is not None
    expected = Expectation(
        answers=fields.one_of("answers", ANSWERS),
        cites=fields.texts("cites") if has_cites else None,
        says=_words(fields),
        says_not=fields.texts("says_not"),
        offers=fields.texts("offers"),
        language=fields.one_of("language", LANGUAGES),
        calls=_calls(fields),
        calls_not=fields.texts("calls_not"),
        status=fields.one_of("status", STATUSES),
        tickets=_tickets(fields),
        never=fields.texts("never"),
        at_most=_limits(fields.inside("at_most")),
    )
    fields.nothing_else()
    return expected


def _words(fields: Fields) -> Words:
    if not isinstance(fields.value("says"), dict):
        return Words(all=fields.texts("says"))
    inside = fields.inside("says")
    words = Words(inside.texts("all"), inside.texts("any"))
    inside.nothing_else()
    return words


def _calls(fields: Fields) -> tuple[ExpectedCall, ...]:
    if isinstance(fields.value("calls"), dict):
        told = fields.mapping("calls")
        for tool, arguments in told.items():
            if not isinstance(arguments, dict):
                raise fields.bad("calls", f"{tool} needs its arguments as a mapping")
        return tuple(ExpectedCall(tool, arguments) for tool, arguments in told.items())
    return tuple(map(ExpectedCall, fields.texts("calls")))


def _tickets(fields: Fields) -> ExpectedTickets | None:
    told = fields.value("tickets")
    if told is None:
        return None
    if not isinstance(told, dict):
        return ExpectedTickets(fields.number("tickets"))
    inside = fields.inside("tickets")
    holding = {name: inside.text(name) for name in ("subject", "description", "team")}
    expected = ExpectedTickets(inside.number("count"), {name: text for name, text in holding.items() if text})
    inside.nothing_else()
    return expected


def _limits(fields: Fields) -> Limits:
    cost = fields.take("cost")
    if cost is not None and (isinstance(cost, bool) or not isinstance(cost, (int, float))):
        raise fields.bad("cost", "must be a number")
    limits = Limits(
        fields.number("steps") if fields.value("steps") is not None else None,
        fields.number("tokens") if fields.value("tokens") is not None else None,
        None if cost is None else Decimal(str(cost)),
    )
    fields.nothing_else()
    return limits


def _time(fields: Fields) -> datetime:
    told = fields.take("time")
    if told is None:
        return NOON
    if not isinstance(told, datetime):
        raise fields.bad("time", "must look like 2026-03-02 12:00:00")
    return told.astimezone(UTC) if told.tzinfo else told.replace(tzinfo=UTC)


def _known(fields: Fields) -> dict[str, str]:
    if isinstance(fields.value("known"), dict):
        return {str(model): str(reason) for model, reason in fields.mapping("known").items()}
    reason = fields.text("known")
    return {"*": reason} if reason else {}


def wanted(cases: Iterable[Case], names: Iterable[str]) -> list[Case]:
    """Returns the cases of these ids, or all where none is named. Raises BadSuite for an unknown one."""
    chosen, found = set(names), list(cases)
    if missing := chosen - {case.id for case in found}:
        message = f"there is no case {min(missing)}"
        raise BadSuite(message)
    return [case for case in found if case.id in chosen] if chosen else found
