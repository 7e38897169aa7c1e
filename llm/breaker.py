"""Leaves a provider alone that keeps failing, so that customers do not wait for it one after the other.

Kept per process and in memory: a worker that starts tries everything once.
"""

import time
from dataclasses import dataclass

FAILURES = 5  # in a row
REST_SECONDS = 15.0


@dataclass(slots=True)
class _State:
    failures: int = 0
    closed_until: float = 0.0


_states: dict[str, _State] = {}


def is_resting(model: str) -> bool:
    """Returns whether the model has failed so often that it is not asked for a while."""
    state = _states.get(model)
    return state is not None and time.monotonic() < state.closed_until


def may_ask(model: str) -> bool:
    """Returns whether the model is asked now.

    After a rest one call tries it while the others go on without: its success lets all in, its failure or its
    silence for as long again is the next rest.
    """
    if is_resting(model):
        return False
    state = _states.get(model)
    if state is not None and state.failures >= FAILURES:
        state.closed_until = time.monotonic() + REST_SECONDS
    return True


def note_success(model: str) -> None:
    """Forgets the failures of a model that has answered."""
    _states.pop(model, None)


def note_failure(model: str) -> None:
    """Counts a temporary failure; the fifth in a row starts a rest, and so does each one after it."""
    state = _states.setdefault(model, _State())
    state.failures += 1
    if state.failures >= FAILURES:
        state.closed_until = time.monotonic() + REST_SECONDS


def reset() -> None:
    """Forgets everything."""
    _states.clear()
