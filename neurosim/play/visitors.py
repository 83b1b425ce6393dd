"""The pages that are open, as the main thread sees them, and what they have asked of it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from neurosim.errors import NeurosimError, UsageError
from neurosim.play.messages import Order, read_message

# Pages at the same time, and orders of all of them that wait.
MOST_VISITORS = 64
MOST_WAITING = 256
# Seconds without a page after which there is nobody left; as long as a page may take to be loaded anew.
PATIENCE = 60.0
# Seconds after which the main thread looks up, for Ctrl-C and for whether anybody is left.
LONGEST = 0.25


class Visitor:
    """A page that is open.

    Parameters
    ----------
    tell : function
        Sends a message to it, from any thread.
    """

    def __init__(self, tell: Callable[[Order], None]) -> None:
        self.tell = tell
        self.there = True


class Host(Protocol):
    """What does what visitors ask, in the main thread."""

    def rest(self) -> float:
        """Seconds until there is something to do without being asked."""

    def obey(self, visitor: Visitor, order: Order) -> None:
        """Do what a visitor asks."""

    def advance(self) -> None:
        """Go on a little."""

    def leave(self, visitor: Visitor) -> None:
        """Forget a visitor."""


class Visitors:
    """All pages that are open; the server's thread enters them, and the main thread attends to them."""

    def __init__(self) -> None:
        self._there: set[Visitor] = set()
        self._orders: queue.Queue[tuple[Visitor, Order | None]] = queue.Queue()
        self._lock = threading.Lock()
        # Since when there has been nobody; unknown before the first one.
        self._empty_since: float | None = None

    def enter(self, tell: Callable[[Order], None]) -> Visitor | None:
        """Let a page in; None if there is no room."""
        with self._lock:
            if len(self._there) >= MOST_VISITORS:
                return None
            visitor = Visitor(tell)
            self._there.add(visitor)
            self._empty_since = None
        return visitor

    def leave(self, visitor: Visitor) -> None:
        """A page was closed."""
        visitor.there = False
        # Before anybody can see that it is gone, so that whoever has seen that all are gone finds it among the orders.
        self._orders.put((visitor, None))
        with self._lock:
            self._there.discard(visitor)
            if not self._there:
                self._empty_since = time.monotonic()

    def hear(self, visitor: Visitor, text: str | None) -> None:
        """Have a message of a page done, or say why not."""
        try:
            order = read_message(text)
            if self._orders.qsize() >= MOST_WAITING:
                raise UsageError("too many orders wait already")
        except UsageError as error:
            visitor.tell({"refused": error.message})
        else:
            self._orders.put((visitor, order))

    def attend(self, host: Host, patience: float = PATIENCE) -> None:
        """Do what visitors ask until all have been gone for so many seconds; `host` has forgotten them all then."""
        while not self._gone(patience):
            try:
                visitor, order = self._orders.get(timeout=max(min(host.rest(), LONGEST), 1e-4))
            except queue.Empty:
                host.advance()
                continue
            _do(host, visitor, order)
        self.settle(host, lambda: True)

    def settle(self, host: Host, until: Callable[[], bool], longest: float = 0.0) -> None:
        """Do what visitors have asked, and what they ask until something holds, or for so many seconds."""
        end = time.monotonic() + longest
        while not (self._orders.empty() and (until() or time.monotonic() >= end)):
            with suppress(queue.Empty):
                _do(host, *self._orders.get(timeout=0.02))

    def _gone(self, patience: float) -> bool:
        with self._lock:
            since = self._empty_since
        return since is not None and time.monotonic() - since >= patience


def _do(host: Host, visitor: Visitor, order: Order | None) -> None:
    """Have one order done; none is that a page was closed."""
    if order is None:
        host.leave(visitor)
    elif visitor.there:
        try:
            host.obey(visitor, order)
        except NeurosimError as error:
            visitor.tell({"failed": error.message})
