"""While a network trains, a request to end waits for a moment at which what is kept is whole."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from neurosim.process.interruption import ONE_REQUEST, SIGNALS, Promise, promise


class Interruptions:
    """Whether an end has been asked for; `told` is called when that happens."""

    def __init__(self, told: Callable[[], None], promised: Promise) -> None:
        self._told = told
        self._promised = promised
        self._asked: float | None = None

    def heed(self) -> None:
        """Say that what is kept is whole now; raises KeyboardInterrupt if an end has been asked for."""
        self._promised.moment()
        if self._asked is not None:
            raise KeyboardInterrupt

    def note(self, number: int, frame: FrameType | None) -> None:
        """The handler of signals: the first one only asks for an end, the second one raises KeyboardInterrupt."""
        now = time.monotonic()
        if self._asked is None:
            self._asked = now
            # A stream that is being written to at this very moment takes nothing else.
            with contextlib.suppress(RuntimeError):
                self._told()
        elif now - self._asked > ONE_REQUEST:
            raise KeyboardInterrupt("asked twice")


@contextmanager
def interruptions(told: Callable[[], None]) -> Iterator[Interruptions]:
    """Within this, the first signal only asks for an end; the second one raises KeyboardInterrupt at once.

    Outside the main thread signals do not arrive, and nothing changes. Signals that are ignored, as by ``nohup``, stay
    ignored.
    """
    with promise() as promised:
        asked = Interruptions(told, promised)
        before: dict[signal.Signals, Any] = {}
        try:
            if threading.current_thread() is threading.main_thread():
                # One whose handler is not Python's could not be put back.
                handlers = {number: signal.getsignal(number) for number in SIGNALS}
                for number, handler in handlers.items():
                    if handler not in (signal.SIG_IGN, None):
                        before[number] = handler
                        signal.signal(number, asked.note)
            yield asked
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
