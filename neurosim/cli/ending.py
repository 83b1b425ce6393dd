"""How Ctrl-C and a request to end (SIGTERM, SIGHUP) end the command line: with 130, in any phase of any command.

The first one raises KeyboardInterrupt in the main thread, unless something postpones it. A thread watches over that: C
code may not return for minutes, and a library may take the exception for one of its own. What has been promised is
waited for; see `neurosim.process.interruption.overdue`. The second one ends the process at once.
"""

from __future__ import annotations

# Every command starts with this, so it loads nothing that is not there already. (`signal` would first make enums.)
import _signal  # type: ignore[import-not-found]
import _thread
import os
import select
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from neurosim.printable import printable

INTERRUPTED = 130
# As `neurosim.process.interruption` has them.
SIGNALS = tuple(getattr(_signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(_signal, name))
ONE_REQUEST = 0.05
PATIENCE = 1.5
# Seconds that the main thread may take to obey a second request, and that a file being written may take.
AT_ONCE = 0.5
COMPLETED = 2.0
# Seconds between two looks of the thread that watches.
TICK = 0.02


class Ending:
    """Ends this process by signals, from `begin` on."""

    def __init__(self) -> None:
        self.asked = False
        self.said = False
        self._over = False
        self._heard: frozenset[int] = frozenset()
        self._heeded: float | None = None
        self._times: list[float] = []

    def run(self, work: Callable[[], int]) -> int:
        """Do the work of this process; returns its exit status."""
        try:
            self._begin()
            status = work()
            self._over = True
        except KeyboardInterrupt as error:  # before there is a command, or while the last lines wait to be read
            self._over = True
            self.say(kept_by(error))
            status = INTERRUPTED
        if self.asked and status != INTERRUPTED:
            self.say("")
            status = INTERRUPTED
        return status

    def say(self, kept: str, *, line_ended: bool = False) -> None:
        """Say, once, that this is the end, and what is kept; `line_ended` if the cursor is no longer behind ``^C``."""
        if self.said:
            return
        # At a second request, what is known may have been left already.
        promises = _promises()
        line = farewell(kept or ("" if promises is None else _said(promises.what_is_kept)))
        # Another request may have come meanwhile, and have ended the process or said it.
        if not self.said:
            self.said = True
            _write(line if line_ended or not os.isatty(2) else f"\n{line}")

    def _begin(self) -> None:
        # What nohup ignores stays ignored.
        heard = [number for number in SIGNALS if _signal.getsignal(number) != _signal.SIG_IGN]
        self._heard = frozenset(heard)
        before = sys.unraisablehook

        def unraisable(found: Any) -> None:
            if issubclass(found.exc_type, KeyboardInterrupt):
                self._end_now()
            elif not self.asked:
                before(found)

        sys.unraisablehook = unraisable
        try:
            reading, writing = os.pipe()
            os.set_blocking(writing, False)
            _signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
            _thread.start_new_thread(self._listen, (reading,))
        except (AttributeError, OSError, RuntimeError, ValueError):  # no thread to be had, or no such pipe (Windows)
            pass
        for number in heard:
            _signal.signal(number, self._heed)

    def _heed(self, number: int, frame: FrameType | None) -> None:
        """Called in the main thread, between two of its steps."""
        self.asked = True
        now = time.monotonic()
        if self._heeded is None:
            self._heeded = now
            if not self._over:
                raise KeyboardInterrupt
        elif now - self._heeded > ONE_REQUEST:
            self._end_now()

    def _listen(self, pipe: int) -> None:
        """In a thread of its own: signals as they come, whatever the main thread does."""
        watched = False
        while True:
            for number in os.read(pipe, 64):
                if number in self._heard:
                    self.asked = True
                    self._times.append(time.monotonic())
                    if not watched:
                        watched = True
                        _thread.start_new_thread(self._watch, ())

    def _watch(self) -> None:
        """In a thread of its own, from the first signal on: end the process if it does not end itself in time."""
        while True:
            first, last, now = self._times[0], self._times[-1], time.monotonic()
            again = last - first > ONE_REQUEST
            if (again and now - last > AT_ONCE) or _overdue(first, now):
                self._end_now()
            time.sleep(TICK)

    def _end_now(self) -> None:
        """End the process wherever its threads are; files that are being written are completed, or removed."""
        end = time.monotonic() + COMPLETED
        try:
            promises = _promises()
            while promises is not None and promises.is_unbroken() and time.monotonic() < end:
                time.sleep(TICK)
            if promises is not None:
                promises.tidy_up()
            self.say("")
        finally:
            os._exit(INTERRUPTED)


def _promises() -> Any:
    """The module `neurosim.process.interruption`; None if nothing has loaded it, so that nothing is promised."""
    module = sys.modules.get("neurosim.process.interruption")
    # Once its last function is there, all of it is loaded.
    return module if hasattr(module, "tidy_up") else None


def _overdue(asked: float, now: float) -> bool:
    promises = _promises()
    return now - asked > PATIENCE if promises is None else bool(promises.overdue(asked, now))


def kept_by(error: BaseException | None) -> str:
    """What is kept, from an error that left `interruption.kept`, or was raised while handling such a one."""
    while error is not None:
        words: Callable[[], str] | None = getattr(error, "kept", None)
        if words is not None:
            return _said(words)
        error = error.__context__
    return ""


def _said(words: Callable[[], str]) -> str:
    """What they say; nothing where that cannot be found out, for the command ends in any case."""
    try:
        return words()
    except Exception:  # a folder can be in any state
        return ""


def farewell(kept: str) -> str:
    """The line that an interruption ends with."""
    return f"interrupted; {kept}" if kept else "interrupted"


def _write(line: str) -> None:
    """Write to standard error past its buffers, which the main thread may be holding."""
    try:
        # A reader that has stopped reading is not waited for; Windows can only tell that of sockets.
        if os.name == "nt" or select.select([], [2], [], AT_ONCE)[1]:
            os.write(2, f"{printable(line)}\n".encode())
    except (OSError, ValueError):
        pass
