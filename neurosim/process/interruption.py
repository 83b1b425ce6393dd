"""Ctrl-C, a request to end (SIGTERM) and a lost terminal (SIGHUP), heeded where nothing is lost by it.

Python calls the handler of a signal between any two steps of the main thread. What the handler raises is lost where C
code has called back into Python, as the compiler does, and elsewhere it may leave something half done. So signals wait
while something is compiled (`deferred`) or a file is written (`unbroken`).

The rest is for whoever, like the command line, ends a process that does not get to such a moment. It says what that
would cost: what has been promised (`promise`, `keeping`), what is kept (`kept`), what to tidy up (`at_sudden_end`).
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
# Seconds granted to whatever has promised nothing.
PATIENCE = 1.5


class _Deferral:
    """Postpones the signals that a Python function handles; there is one at a time, in the main thread."""

    def __init__(self) -> None:
        self._handlers: dict[signal.Signals, Callable[[int, FrameType | None], Any]] = {}
        self._noted: list[int] = []

    def begin(self) -> None:
        for number in SIGNALS:
            handler = signal.getsignal(number)
            if callable(handler):  # not ignored, and not left to the system
                self._handlers[number] = handler
                signal.signal(number, self._note)

    def let_in(self) -> None:
        """Handle the signals that have arrived so far; raises what their handlers raise."""
        while self._noted:
            number = self._noted.pop(0)
            self._handlers[signal.Signals(number)](number, sys._getframe())

    def end(self) -> None:
        """Put the handlers back, even if one of them is called and raises in the middle of it."""
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
    """Within this, signals wait; yields a function that handles those that have arrived, to be called in between.

    They are handled at the end, too. Signals that are ignored, or left to the system, are not touched. Outside the main
    thread no signal is handled, and nothing changes.
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
    """Let nothing in."""


class Promise:
    """Something that is kept at the next safe moment, such as a checkpoint between two parts of an epoch."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._longest = 0.0

    def moment(self) -> None:
        """Such a moment is here."""
        now = time.monotonic()
        if self._last is not None:
            self._longest = max(self._longest, now - self._last)
        self._last = now

    def overdue(self, asked: float, now: float) -> bool:
        """Whether to wait no longer for the next moment, if an end was asked for at the time `asked`.

        The limit is twice the longest wait between two moments so far. Before the first one there is little to lose.
        """
        if now - asked <= PATIENCE:
            return False
        return self._last is None or now - self._last > 2 * self._longest


_lock = threading.Lock()
_promises: list[Promise] = []
_keeping = _unbroken = 0
# When the last promise ended.
_kept_at = 0.0
_words: list[Callable[[], str]] = []
# The words of the innermost `kept` that an interruption has left.
_left: Callable[[], str] | None = None
_actions: list[Callable[[], None]] = []


@contextmanager
def promise() -> Iterator[Promise]:
    """Within this, an end has to wait for the next `Promise.moment`."""
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
    """Within this, what has been promised is being kept, however long that takes."""
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
    """Within this, something short is done as a whole, such as writing a file: signals wait, and a sudden end too."""
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
    """Within this, `words` says what an interruption leaves, and how to go on.

    Errors that leave it carry `words` along, as their attribute ``kept``.
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
    """Within this, `action` tidies up if the process is ended from another thread; it must not wait for anything."""
    _actions.append(action)
    try:
        yield
    finally:
        _actions.remove(action)


def overdue(asked: float, now: float) -> bool:
    """Whether nothing that was promised is worth waiting for any longer, once an end has been asked for."""
    if _keeping:
        return False
    if _promises:
        return all(each.overdue(asked, now) for each in list(_promises))
    return now - max(asked, _kept_at) > PATIENCE


def is_unbroken() -> bool:
    """Whether something is under way that should not be cut in half."""
    return _unbroken > 0


def what_is_kept() -> str:
    """What the innermost `kept` says now, or the one that was interrupted; empty if there is none."""
    words = _words[-1] if _words else _left
    return "" if words is None else words()


def tidy_up() -> None:
    """Do what a sudden end requires, the newest action first; one that fails is passed over."""
    for action in reversed(list(_actions)):
        try:
            action()
        except Exception:  # the process ends in any case
            continue
