"""Clocks that jump, for single processes: libfaketime between them and the system.

Monotonic time goes on as it is, as after a step of NTP.
"""

from pathlib import Path

# Where Debian and others put it.
PLACES = ("/usr/lib", "/usr/local/lib", "/opt/homebrew/lib")


def variables(file: Path) -> dict[str, str]:
    """Returns the environment in which the time is what the file says; raises FileNotFoundError."""
    turn(file, "+0")
    return {
        "LD_PRELOAD": str(_library()),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }


def turn(file: Path, offset: str) -> None:
    """Lets those who live by the file believe in another time: `+2h`, `-3d`, `+0`."""
    new = file.with_suffix(".new")
    new.write_text(f"{offset}\n", encoding="utf-8")
    new.replace(file)


def _library() -> Path:
    found = [path for place in PLACES for path in Path(place).glob("**/faketime/libfaketimeMT.so*")]
    if not found:
        message = "Clocks are turned by libfaketime, which is not installed (Debian: apt install faketime)."
        raise FileNotFoundError(message)
    return found[0]
