"""The bytes of a call: what happened and to whom, below 20 kB."""

import json
from datetime import datetime
from typing import Any

from rest_framework.utils.encoders import JSONEncoder

LARGEST = 20_000  # bytes, as the specification advises
# Characters that are left of each text, and entries of each list, until the whole is small enough.
CUTS = (4_000, 1_000, 250, 60, 10)


def body_of(name: str, happened_at: datetime, data: dict[str, Any], *, url: str = "") -> str:
    """Returns the JSON of a call; what is too long is cut, and `url` says where the whole is."""
    whole = _dumped(name, happened_at, data)
    if len(whole.encode()) < LARGEST:
        return whole
    for limit in CUTS:
        cut = _dumped(name, happened_at, {**_shortened(data, limit), "truncated": True, "url": url})
        if len(cut.encode()) < LARGEST:
            return cut
    ids = {key: value for key, value in data.items() if key.endswith("_id") or key == "seq"}
    return _dumped(name, happened_at, {**ids, "truncated": True, "url": url})


def _dumped(name: str, happened_at: datetime, data: dict[str, Any]) -> str:
    told = {"type": name, "timestamp": happened_at, "data": data}
    return json.dumps(told, cls=JSONEncoder, ensure_ascii=False, separators=(",", ":"))


def _shortened(value: Any, limit: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= limit else f"{value[:limit]}…"
    if isinstance(value, dict):
        return {key: _shortened(part, limit) for key, part in list(value.items())[: max(limit, 30)]}
    if isinstance(value, list):
        return [_shortened(part, limit) for part in value[:limit]]
    return value
