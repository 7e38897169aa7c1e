"""How much of what Meta allows has been used up: a header that all its interfaces for businesses send.

https://developers.facebook.com/docs/graph-api/overview/rate-limiting
"""

import json

from core.http import Fetched

USAGE_HEADER = "x-business-use-case-usage"


def regained_after(answer: Fetched) -> float:
    """Seconds until calls are taken again, as the header estimates them in minutes; or 0."""
    try:
        usage = json.loads(answer.headers.get(USAGE_HEADER, "{}"))
        cases = [case for of_account in usage.values() for case in of_account]
        minutes = [float(case.get("estimated_time_to_regain_access", 0)) for case in cases]
    except (ValueError, TypeError, AttributeError):
        return 0.0
    return 60.0 * max(minutes, default=0.0)
