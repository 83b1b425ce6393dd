"""Ctrl-C, a request to end (SIGTERM) and a lost terminal (SIGHUP), handled at moments when nothing is lost.

Python calls a signal handler between any two bytecodes of the main thread. An exception from the handler is lost if C
code has called back into Python, as the compiler does, and elsewhere it may leave something half done. So signals wait
while something is compiled (`deferred`) or a file is written (`unbroken`).

The rest is for code that, like the command line, ends a process that does not reach such a moment. It says what that
would cost: what has been promised (`promise`, `keeping`), what is kept (`kept`), what to clean up (`at_sudden_end`).
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# There is no SIGHUP on Windows.
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
# Signals that arrive within this many seconds are one request: ``timeout`` sends its signal twice.
ONE_REQUEST = 0.05
# Seconds granted to code that has promised nothing.
PATIENCE = 1.5


class _Deferral:
    """Postpones the signals that a Python function handles; only one exists at a time, in the main thread."""

    def __init__(self) -> None:
        self._handlers: dict[signal.Signals, Callable[[int, FrameType | None], Any]] = {}
        self._noted: list[int] = []

    def begin(self) -> None:
        for number in SIGNALS:
            handler = signal.getsignal(number)
            if callable(handler):  # neither ignored nor left to the system
                self._handlers[number] = handler
                signal.signal(number, self._note)

    def let_in(self) -> None:
        """Handle the signals that have arrived so far; raises what their handlers raise."""
        while self._noted:
            number = self._noted.pop(0)
            self._handlers[signal.Signals(number)](number, sys._getframe())

    def end(self) -> None:
        """Restore the handlers, even if one of them is called and raises meanwhile."""
        remaining = list(self._handlers.items())
        try:
            while remaining:
                signal.signal(*remaining[-1])
                remaining.pop()
        finally:
            for number, handler in remaining:
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._noted.append(number)


_deferral: _Deferral | None = None


@contextmanager
def deferred() -> Iterator[Callable[[], None]]:
    """Inside this, signals wait; yields a function that handles those that have arrived, to be called at safe moments.

    They are handled at the end, too. Signals that are ignored, or left to the system, are not affected. Outside the
    main thread no signals are handled, and nothing changes.
    """
    global _deferral
    if threading.current_thread() is not threading.main_thread():
        yield _nothing
        return
    if _deferral is not None:
        yield _deferral.let_in
        return
    mine = _Deferral()
    try:
        _deferral = mine
        mine.begin()
        yield mine.let_in
    finally:
        _deferral = None
        mine.end()
        mine.let_in()


def _nothing() -> None:
    """Do nothing."""


class Promise:
    """A promise to save something at the next safe moment, such as a checkpoint between two parts of an epoch."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._longest = 0.0

    def moment(self) -> None:
        """Note that such a moment has come."""
        now = time.monotonic()
        if self._last is not None:
            self._longest = max(self._longest, now - self._last)
        self._last = now

    def overdue(self, asked: float, now: float) -> bool:
        """Whether to stop waiting for the next moment, if the process was asked to end at the time `asked`.

        The limit is twice the longest wait between two moments so far. Before the first one there is little to lose.
        """
        if now - asked <= PATIENCE:
            return False
        return self._last is None or now - self._last > 2 * self._longest


_lock = threading.Lock()
_promises: list[Promise] = []
_keeping = _unbroken = 0
# When the latest promise ended.
_kept_at = 0.0
_words: list[Callable[[], str]] = []
# The words of the innermost `kept` that an interruption has exited.
_left: Callable[[], str] | None = None
_actions: list[Callable[[], None]] = []


@contextmanager
def promise() -> Iterator[Promise]:
    """Inside this, the end of the process has to wait for the next `Promise.moment`."""
    global _kept_at
    given = Promise()
    _promises.append(given)
    try:
        yield given
    finally:
        _promises.remove(given)
        _kept_at = time.monotonic()


@contextmanager
def keeping() -> Iterator[None]:
    """Inside this, a promise is being kept, however long that takes."""
    global _keeping, _kept_at
    with _lock:
        _keeping += 1
    try:
        yield
    finally:
        with _lock:
            _keeping -= 1
        _kept_at = time.monotonic()


@contextmanager
def unbroken() -> Iterator[None]:
    """Inside this, something short, such as writing a file, is done as a whole: signals and a sudden end must wait."""
    global _unbroken
    with deferred():
        with _lock:
            _unbroken += 1
        try:
            yield
        finally:
            with _lock:
                _unbroken -= 1


@contextmanager
def kept(words: Callable[[], str]) -> Iterator[None]:
    """Inside this, `words` says what an interruption leaves, and how to resume.

    Errors that propagate out of it have `words` as their attribute ``kept``.
    """
    global _left
    _left = None
    _words.append(words)
    try:
        yield
    except BaseException as error:
        if not hasattr(error, "kept"):
            error.kept = words  # type: ignore[attr-defined]
        if isinstance(error, KeyboardInterrupt):
            _left = _left or words
        raise
    finally:
        _words.remove(words)


@contextmanager
def at_sudden_end(action: Callable[[], None]) -> Iterator[None]:
    """Inside this, `action` cleans up if the process is ended from another thread; it must not wait for anything."""
    _actions.append(action)
    try:
        yield
    finally:
        _actions.remove(action)


def overdue(asked: float, now: float) -> bool:
    """Whether no promise is worth waiting for any longer, once the process has been asked to end."""
    if _keeping:
        return False
    if _promises:
        return all(each.overdue(asked, now) for each in list(_promises))
    return now - max(asked, _kept_at) > PATIENCE


def is_unbroken() -> bool:
    """Whether something is under way that should not be cut off."""
    return _unbroken > 0


def what_is_kept() -> str:
    """The words of the innermost `kept`, or of the one that was interrupted; empty if there is none."""
    words = _words[-1] if _words else _left
    return "" if words is None else words()


def tidy_up() -> None:
    """Do the clean-up that a sudden end requires, newest action first; those that fail are skipped."""
    for action in reversed(list(_actions)):
        try:
            action()
        except Exception:  # the process ends in any case
            continue
