"""The two programs that tests need and pip cannot give: Chromium and Redis.

As root on a Debian-like system they are installed when missing. Elsewhere nothing is touched: the caller
learns what is missing and the one command that would get it.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

MAC_BROWSERS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


@dataclass(frozen=True, slots=True)
class Part:
    """A program, the pytest marker of the tests that need it, and its package."""

    marker: str
    package: str
    programs: tuple[str, ...]

    def path(self) -> str | None:
        """Returns where the program is, if it is anywhere."""
        return next((found for name in self.programs if (found := shutil.which(name))), None)


CHROMIUM = Part(
    "browser",
    "chromium",
    ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", *MAC_BROWSERS),
)
REDIS = Part("redis", "redis-server", ("redis-server",))
PARTS = (CHROMIUM, REDIS)


def missing() -> list[Part]:
    """Returns the parts that are not there."""
    return [part for part in PARTS if part.path() is None]


def install(parts: list[Part]) -> bool:
    """Installs the parts where that can be done without asking; says whether it was tried and went well."""
    apt = shutil.which("apt-get")
    if not parts or apt is None or os.geteuid() != 0 or not Path("/etc/debian_version").exists():
        return False
    names = [part.package for part in parts]
    sys.stderr.write(f"Installing {' and '.join(names)} …\n")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", *names]):
        result = subprocess.run([apt, "-qq", *command], env=quiet, stdout=subprocess.DEVNULL, check=False)
        if result.returncode != 0:
            return False
    return True


def advice(parts: list[Part]) -> str:
    """Returns the one command that gets the parts on this system."""
    if sys.platform == "darwin":
        names = {"chromium": "chromium", "redis-server": "redis"}
        return "brew install " + " ".join(names[part.package] for part in parts)
    return "sudo apt-get install " + " ".join(part.package for part in parts)


def main() -> int:
    """Installs what is missing; fails with the command to run when that is not possible."""
    parts = missing()
    if parts and not install(parts):
        sys.stderr.write(f"Missing: {advice(parts)}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
