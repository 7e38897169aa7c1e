"""What goes wrong between us and a model."""

from core.errors import Unavailable
from core.storable import storable


class ModelError(Unavailable):
    """The language model could not answer."""

    code = "model_error"

    def __init__(self, detail: str = "", *, temporary: bool = False, partial: str = "") -> None:
        """Takes what happened, whether trying later may help, and the text already given out, if any.

        `partial` is what a reader has seen of an answer that will not be completed; it must never be
        shown as the answer. `retry_after` holds the seconds a provider asks to wait, where it names any.
        What happened may be in a provider's own words, and is kept in rows.
        """
        super().__init__(storable(detail), temporary=temporary)
        self.temporary = temporary
        self.partial = partial
        self.retry_after: float | None = None


class TooSlow(ModelError):
    """The language model did not answer in time."""
