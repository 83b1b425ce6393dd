"""Ctrl-C, a request to end (SIGTERM) and a lost terminal (SIGHUP) wait for a moment in which what is kept is whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# There is no SIGHUP on Windows.
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextmanager
def interruptions(told: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Within this, the first signal only asks for an end; the second one raises KeyboardInterrupt at once.

    Gives a function that says whether an end was asked for. `told` is called when that happens. Outside of the
    main thread signals do not arrive, and nothing changes. Signals that are ignored, as by ``nohup``, stay ignored.
    """
    asked = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt("asked twice")
        asked = True
        told()

    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, note) for number in heard}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
