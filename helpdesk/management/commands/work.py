"""`manage.py work`: a worker process beside any number of web processes."""

import asyncio
import signal
import sys
from typing import Any

from django.core.management import BaseCommand

from core import queue

WARM_AFTER_SECONDS = 15


class Command(BaseCommand):
    """Runs jobs until Ctrl-C or SIGTERM; jobs in hand get ten seconds to end, the others stay queued."""

    # As in `serve`: `make check` runs them.
    requires_system_checks = []
    help = "Runs jobs; start as many as you need. Needs REDIS_URL for live text to reach the web processes."

    def handle(self, **_options: Any) -> None:
        """Prepares the models in the background and works."""
        # Until the worker listens for it itself, a signal would end the process as if it had failed.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        asyncio.run(self._work())

    async def _work(self) -> None:
        from llm.door import close, warm_up  # deferred: slow import

        async def warm() -> None:
            # What waits goes first: preparing the models takes a processor for seconds.
            await asyncio.sleep(WARM_AFTER_SECONDS)
            await warm_up()

        warming = asyncio.create_task(warm())
        self.stderr.write("The worker is ready.")
        await queue.keep_working(alone=False, stop_on_signals=True)
        warming.cancel()
        await close()
