"""A disk of PostgreSQL's own that can be filled: a tmpfs over its data directory (Linux, root)."""

import contextlib
import errno
import os
import shutil
import subprocess
from typing import Self

from benchmarks.processes import Home
from helpdesk import embedded
from helpdesk.embedded.state import data_of

# Enough for the write-ahead log between two checkpoints and for what a run stores.
MEGABYTES = 1_024
PIECE = b"\0" * 1024 * 1024


class SmallDisk:
    """Moves the cluster of a home to a disk of a gigabyte, for as long as the context lasts."""

    def __init__(self, home: Home) -> None:
        """Raises PermissionError for whoever may not mount."""
        if os.geteuid() != 0:
            message = "A full disk needs root: its disk is a tmpfs that is mounted for the run."
            raise PermissionError(message)
        self.home, self.place = home, data_of(home.path).parent
        self.filler = self.place / "filler"

    def __enter__(self) -> Self:
        embedded.stop(self.home.path)
        kept = self.place.with_name(f"{self.place.name}.kept")
        # cp keeps owners and modes, on which PostgreSQL insists.
        _run("cp", "-a", str(self.place), str(kept))
        _run("mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(self.place))
        _run("cp", "-a", f"{kept}/.", str(self.place))
        shutil.rmtree(kept)
        embedded.ensure(self.home.path)
        return self

    def __exit__(self, *_: object) -> None:
        self.free()
        embedded.stop(self.home.path)
        _run("umount", str(self.place))

    def fill(self) -> None:
        """Takes all room that is left."""
        try:
            with self.filler.open("wb", buffering=0) as file:
                while file.write(PIECE):
                    pass
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise

    def free(self) -> None:
        """Gives the room back."""
        with contextlib.suppress(FileNotFoundError):
            self.filler.unlink()


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)
