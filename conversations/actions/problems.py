"""What went wrong with a receipt, in words: for whoever reads the list, and for the log."""

import json
import traceback

from django.db import DatabaseError
from pydantic import ValidationError

from core.errors import HelpdeskError
from core.reasons import in_english, reason
from core.storable import storable

LONGEST_LINE = 2_000


def problem_of(error: Exception) -> str:
    """Returns a failure in words for people, who know no classes of Python, as it is stored."""
    match error:
        case HelpdeskError():
            return error.detail
        case ValidationError():
            parts = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            return reason("It has another form than expected: %s", "; ".join(parts))
        case json.JSONDecodeError():
            return reason("This is no JSON: %s", str(error))
        case UnicodeDecodeError():
            return reason("This is no text: %s", str(error))
        case DatabaseError():
            return reason("The database refuses it: %s", str(error))
        case KeyError():
            return reason("%s is missing.", str(error.args[0] if error.args else "?"))
        case AttributeError() | TypeError() | IndexError():
            return reason("It has another form than expected: %s", str(error))
    return str(error) or reason("It failed, and did not say why.")


def in_a_line(problem: str) -> str:
    """Returns such words for a log, on one line."""
    return " ".join(storable(in_english(problem)).split())[:LONGEST_LINE]


def with_calls(error: Exception) -> str:
    """Returns an error with its calls, in words that every log can hold: strangers' bytes are among them."""
    return storable("".join(traceback.format_exception(error)))
