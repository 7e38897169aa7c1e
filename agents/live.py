"""Text on its way to the screen, in pieces of at most one each 40 ms."""

import asyncio
import contextlib
import time
from uuid import UUID

from conversations.actions import show_text

# A token at a time through every socket costs more than it shows: measured, coalescing settles the fan-out.
WINDOW_SECONDS = 0.04


class LiveText:
    """Gathers what a model writes and shows it: the first piece at once, the rest in windows."""

    def __init__(self, *, conversation_id: UUID, run: UUID) -> None:
        """Takes the conversation whose readers see the text, and the run it belongs to."""
        self.conversation_id, self.run = conversation_id, run
        self.text = ""
        self.shown = 0
        self.shown_at = 0.0
        self.later: asyncio.Task[None] | None = None
        # One piece after the other, whatever the cache and the channel layer take for each.
        self.showing = asyncio.Lock()

    async def add(self, piece: str) -> None:
        """Takes the next piece; shows it now, or with what comes within the window."""
        self.text += piece
        wait = self.shown_at + WINDOW_SECONDS - time.monotonic()
        if wait <= 0:
            await self.show()
        elif self.later is None:
            self.later = asyncio.create_task(self._show_later(wait))

    async def _show_later(self, wait: float) -> None:
        await asyncio.sleep(wait)
        self.later = None
        await self.show()

    async def show(self) -> None:
        """Shows everything that has not been shown."""
        async with self.showing:
            if self.shown == len(self.text):
                return
            offset, self.shown, self.shown_at = self.shown, len(self.text), time.monotonic()
            await show_text(
                conversation_id=self.conversation_id, run=self.run, so_far=self.text, offset=offset
            )

    async def close(self) -> None:
        """Shows the rest; nothing is shown afterwards."""
        if self.later is not None:
            self.later.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.later
            self.later = None
        await self.show()
