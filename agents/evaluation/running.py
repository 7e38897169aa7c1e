"""Running the cases of a suite with one model, from its recordings or for real."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.test.utils import override_settings

from agents.evaluation import tape
from agents.evaluation.apart import place_apart
from agents.evaluation.cases import SCRIPTED, Case
from agents.evaluation.judging import judge
from agents.evaluation.stage import Performance, Stage
from agents.evaluation.tape import Recorded, Scripted, Tape
from llm.providers import BUILTIN, BUILTIN_MODEL, PROVIDERS, choose

PASSED, FAILED, KNOWN, MENDED, LEFT_OUT = "passed", "failed", "known", "mended", "left out"
# Keys that stand for none: nothing is sent.
NO_KEY = "recorded"
NO_ADDRESS = "http://recorded.invalid/v1"


@dataclass(frozen=True, slots=True)
class Way:
    """How a suite is run. `model` is a name as the settings know it; `records` asks it for real."""

    model: str = BUILTIN_MODEL
    records: bool = False
    lenient: bool = False

    @property
    def is_builtin(self) -> bool:
        """Whether the model is code of ours, which needs no recording."""
        return self.model.startswith(f"{BUILTIN}/")


@dataclass(slots=True)
class Verdict:
    """What came of a case. `reason` is why it is known to fail, or was left out.

    `mended`: it is marked as known to fail, and passes. `seconds` the model took, where they were measured.
    """

    case: Case
    state: str
    model: str
    faults: list[str] = field(default_factory=list)
    reason: str = ""
    difference: str = ""
    seconds: float | None = None
    performance: Performance = field(default_factory=Performance)

    @property
    def tokens(self) -> int:
        """Tokens in and out, of all turns."""
        return sum(played.tokens for played in self.performance.turns)

    @property
    def cost(self) -> float:
        """US dollars, of all turns."""
        return float(sum(played.cost for played in self.performance.turns))

    @property
    def steps(self) -> int:
        """Tool calls, of all turns."""
        return sum(len(played.calls) for played in self.performance.turns)


def active_model() -> str:
    """Returns the model that the settings choose."""
    return choose(settings.LLM).model


async def run_suite(cases: Sequence[Case], folder: Path, way: Way) -> AsyncIterator[Verdict]:
    """Yields a verdict for each case, played in a database of its own that is dropped at the end."""
    async with place_apart():
        async for verdict in run_cases(cases, folder, way):
            yield verdict


async def run_cases(cases: Iterable[Case], folder: Path, way: Way) -> AsyncIterator[Verdict]:
    """Yields a verdict for each case. The database is emptied before each: never the live one's place."""
    stage = Stage()
    for case in cases:
        yield await _run(stage, case, folder, way)


async def _run(stage: Stage, case: Case, folder: Path, way: Way) -> Verdict:
    model = SCRIPTED if case.model else way.model
    path = tape.place(folder, way.model, case.id)
    recorded: Recorded | None = None
    played = Tape()
    if case.model:
        played.source = Scripted([turn.script for turn in case.turns], played).pieces
    elif not (way.is_builtin or way.records):
        recorded = _recorded(path, lenient=way.lenient)
        if recorded is None:
            return Verdict(case, LEFT_OUT, model, reason="There is no recording of it with this model.")
        played.source = recorded.pieces
    with _settings_for(way, asks=way.records and not case.model):
        performance = await stage.play(case, played, "" if case.model else way.model)
    if way.records and not case.model and not way.is_builtin:
        tape.write(path, played.exchanges)
    verdict = Verdict(case, PASSED, model, judge(case, performance), performance=performance)
    verdict.seconds = _seconds(played, recorded, way)
    if played.unrecorded:
        verdict.difference = played.unrecorded
        verdict.faults.insert(0, "the request changed since it was recorded: record it again")
    _settle(verdict)
    return verdict


def _settle(verdict: Verdict) -> None:
    reason = verdict.case.known_fault(verdict.model)
    verdict.reason = reason
    if verdict.faults:
        verdict.state = KNOWN if reason and not verdict.difference else FAILED
    elif reason:
        verdict.state = MENDED


def _recorded(path: Path, *, lenient: bool) -> Recorded | None:
    return Recorded(tape.read(path), lenient=lenient) if path.exists() else None


def _seconds(played: Tape, recorded: Recorded | None, way: Way) -> float | None:
    """What the model took when it was asked; nobody measures our own code here, nor a script."""
    if recorded is not None:
        return round(recorded.seconds, 3)
    if way.records and not way.is_builtin and played.source is Tape().source:
        return round(sum(one.seconds or 0 for one in played.exchanges), 3)
    return None


@contextmanager
def _settings_for(way: Way, *, asks: bool) -> Iterator[None]:
    """Has the settings name the model, with keys only where it is asked for real; nobody steps in for it."""
    config = dict(settings.LLM) if asks else without_keys(way.model)
    config["LLM_FALLBACK_MODEL"] = ""
    with override_settings(LLM=config):
        yield


def without_keys(model: str) -> dict[str, str]:
    """Returns settings under which a model has its name and its price, and cannot be reached."""
    config = dict.fromkeys(settings.LLM, "") | {
        name: settings.LLM[name] for name in ("LLM_TIMEOUT_SECONDS", "LLM_FIRST_TOKEN_SECONDS")
    }
    first, _, rest = model.partition("/")
    for known in PROVIDERS:
        if known.name == first and rest:
            config |= {known.key: NO_KEY} if known.key else {}
            config |= {known.address: NO_ADDRESS} if known.address else {}
    return config
