"""Bodies: JSON of a bounded size, whatever the header says about it."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from core.errors import TooLarge

MAX_BODY = 256 * 1024  # bytes


class JsonParser(BaseParser):
    """JSON in UTF-8. Unlike DRF's it reads no more than it takes; deep nesting is an error, not a crash."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Returns what the body says; raises TooLarge, ParseError."""
        del media_type, parser_context
        raw = stream.read(MAX_BODY + 1)
        if len(raw) > MAX_BODY:
            raise TooLarge(_("A body may have %d KiB.") % (MAX_BODY // 1024))
        try:
            return json.loads(raw.decode(), parse_constant=_no_constants)
        except RecursionError as error:
            raise ParseError(_("The body is nested too deeply.")) from error
        except ValueError as error:
            raise ParseError(_("The body is not JSON in UTF-8.")) from error


def _no_constants(name: str) -> None:
    """NaN and Infinity are no JSON."""
    raise ValueError(name)
