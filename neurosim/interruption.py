"""Ctrl-C, a request to end (SIGTERM) and a lost terminal (SIGHUP), heeded where nothing is lost by it.

Python calls the handler of a signal between any two steps of the main thread. What the handler raises there is lost
where C code has called back into Python, as the compiler does, and may tear apart what belongs together. So signals
wait while something is compiled (`deferred`) or a file is written (`unbroken`).

The rest tells whoever ends a process that does not come to such a moment, as the command line does, what that would
cost: what has been promised (`promise`, `keeping`), what is kept (`kept`), what is to be tidied up (`at_sudden_end`).
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
# Signals that come within so many seconds are one request: ``timeout`` sends its signal twice.
ONE_REQUEST = 0.05
# So many seconds are granted to whatever has promised nothing.
PATIENCE = 1.5


class _Deferral:
    """Puts signals off that a function handles; only one in the main thread at a time."""

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
        """Have the signals handled that have come so far; raises what their handlers do."""
        while self._noted:
            number = self._noted.pop(0)
            self._handlers[signal.Signals(number)](number, sys._getframe())

    def end(self) -> None:
        """Put the handlers back, even where one of them is called meanwhile and raises."""
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
    """Within this, signals wait; gives a function that lets those in that have come, to be called in between.

    At the end they are let in, too. Signals that are ignored, or left to the system, are not touched. Outside of the
    main thread no signal is handled, and nothing changes.
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
        """Whether the next moment is not to be waited for any longer, when an end was asked for at the time `asked`.

        It is waited for twice as long as it took to come at most so far. Before the first one, there is little to lose.
        """
        if now - asked <= PATIENCE:
            return False
        return self._last is None or now - self._last > 2 * self._longest


_lock = threading.Lock()
_promises: list[Promise] = []
_keeping = _unbroken = 0
# When the last promise was done with.
_kept_at = 0.0
_words: list[Callable[[], str]] = []
# Of the innermost `kept` that was left by an interruption.
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
    """Within this, `words` tell what is kept at an interruption, and how to go on.

    Errors that leave it take them along, as their attribute ``kept``.
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
    """Within this, `action` tidies up where the process is ended from another thread; it must not wait for anything."""
    _actions.append(action)
    try:
        yield
    finally:
        _actions.remove(action)


def overdue(asked: float, now: float) -> bool:
    """Whether nothing that has been promised is worth waiting for any longer, after an end was asked for."""
    if _keeping:
        return False
    if _promises:
        return all(each.overdue(asked, now) for each in list(_promises))
    return now - max(asked, _kept_at) > PATIENCE


def is_unbroken() -> bool:
    """Whether something is being done that ought to be done as a whole."""
    return _unbroken > 0


def what_is_kept() -> str:
    """What the innermost `kept` says now, or the one that was interrupted; nothing where there is none."""
    words = _words[-1] if _words else _left
    return "" if words is None else words()


def tidy_up() -> None:
    """What is to be done at a sudden end, the last thing first; what fails is left."""
    for action in reversed(list(_actions)):
        try:
            action()
        except Exception:  # the process ends in any case
            continue
