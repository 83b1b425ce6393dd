"""How Ctrl-C, SIGTERM and SIGHUP end the command line: with status 130, in any phase of any command.

The first signal raises KeyboardInterrupt in the main thread, unless something postpones it. A thread watches that this
works: C code may not return for minutes, and a library may swallow the exception. It waits for what has been promised;
see `neurosim.process.interruption.overdue`. A second signal ends the process at once.
"""

from __future__ import annotations

# Every command starts with this, so it imports only what is loaded anyway. (`signal` would first create enums.)
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
# The same as in `neurosim.process.interruption`.
SIGNALS = tuple(getattr(_signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(_signal, name))
ONE_REQUEST = 0.05
PATIENCE = 1.5
# Seconds that the main thread may take to obey a second request, and that completing a file may take.
AT_ONCE = 0.5
COMPLETED = 2.0
# Seconds between two checks by the watching thread.
TICK = 0.02


class Ending:
    """Ends this process when signals arrive, while `run` is at work."""

    def __init__(self) -> None:
        self.asked = False
        self.said = False
        self._over = False
        self._handled: frozenset[int] = frozenset()
        self._first_request: float | None = None
        self._times: list[float] = []

    def run(self, work: Callable[[], int]) -> int:
        """Do the work of this process; returns its exit status."""
        try:
            self._begin()
            status = work()
            self._over = True
        except KeyboardInterrupt as error:  # before there is a command, or while the last lines wait for their reader
            self._over = True
            self.say(kept_by(error))
            status = INTERRUPTED
        if self.asked and status != INTERRUPTED:
            self.say("")
            status = INTERRUPTED
        return status

    def say(self, kept: str, *, line_ended: bool = False) -> None:
        """Say, once, that the process ends, and what is kept; `line_ended` if the cursor is past the line of ``^C``."""
        if self.said:
            return
        # At a second request, what is kept may no longer be known here.
        promises = _promises()
        line = farewell(kept or ("" if promises is None else _said(promises.what_is_kept)))
        # Another request may have arrived meanwhile, and have ended the process or said so.
        if not self.said:
            self.said = True
            _write(line if line_ended or not os.isatty(2) else f"\n{line}")

    def _begin(self) -> None:
        # A signal that nohup ignores stays ignored.
        handled = [number for number in SIGNALS if _signal.getsignal(number) != _signal.SIG_IGN]
        self._handled = frozenset(handled)
        before = sys.unraisablehook

        def unraisable(raised: Any) -> None:
            if issubclass(raised.exc_type, KeyboardInterrupt):
                self._end_now()
            elif not self.asked:
                before(raised)

        sys.unraisablehook = unraisable
        try:
            reading, writing = os.pipe()
            os.set_blocking(writing, False)
            _signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
            _thread.start_new_thread(self._listen, (reading,))
        except (AttributeError, OSError, RuntimeError, ValueError):  # no thread available, or no such pipe (Windows)
            pass
        for number in handled:
            _signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal; Python calls this in the main thread, between two bytecodes."""
        self.asked = True
        now = time.monotonic()
        if self._first_request is None:
            self._first_request = now
            if not self._over:
                raise KeyboardInterrupt
        elif now - self._first_request > ONE_REQUEST:
            self._end_now()

    def _listen(self, pipe: int) -> None:
        """In a thread of its own: note signals as they arrive, whatever the main thread is doing."""
        watched = False
        while True:
            for number in os.read(pipe, 64):
                if number in self._handled:
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
        """End the process wherever its threads are; files being written are completed, or removed."""
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
    """The module `neurosim.process.interruption`; None if nothing has imported it, so that nothing is promised."""
    module = sys.modules.get("neurosim.process.interruption")
    # Once its last function exists, the whole module is loaded.
    return module if hasattr(module, "tidy_up") else None


def _overdue(asked: float, now: float) -> bool:
    promises = _promises()
    return now - asked > PATIENCE if promises is None else bool(promises.overdue(asked, now))


def kept_by(error: BaseException | None) -> str:
    """What is kept, according to an error that left `interruption.kept`, or was raised while handling one that did."""
    while error is not None:
        words: Callable[[], str] | None = getattr(error, "kept", None)
        if words is not None:
            return _said(words)
        error = error.__context__
    return ""


def _said(words: Callable[[], str]) -> str:
    """The words; empty if they cannot be determined, since the command ends in any case."""
    try:
        return words()
    except Exception:  # a folder can be in any state
        return ""


def farewell(kept: str) -> str:
    """The last line after an interruption."""
    return f"interrupted; {kept}" if kept else "interrupted"


def _write(line: str) -> None:
    """Write to standard error, bypassing its buffers, whose lock the main thread may hold."""
    try:
        # Do not wait for a reader that has stopped reading; on Windows only sockets can be checked.
        if os.name == "nt" or select.select([], [2], [], AT_ONCE)[1]:
            os.write(2, f"{printable(line)}\n".encode())
    except (OSError, ValueError):
        pass
