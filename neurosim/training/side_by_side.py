"""Several networks trained at once, each in a thread of its own with its share of the processors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, TypeVar

from neurosim.backends.cpu.team import available_threads

T = TypeVar("T")


@dataclass
class SideBySide:
    """Trains networks side by side; what they give does not depend on how many at once.

    Attributes
    ----------
    at_once : int
        How many are trained at once.
    threads : int or None
        The threads of each.
    stop : bool
        Whether all of them are to end.
    lock : threading.Lock
        Held by whoever changes what they share.
    """

    at_once: int
    threads: int | None
    stop: bool = False
    lock: Any = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, count: int, backend: str, threads: int | None) -> SideBySide:
        """For so many networks: on the CPU as many at once as there are threads, elsewhere one after the other."""
        if backend != "cpu":
            return cls(1, threads)
        available = threads or available_threads()
        at_once = max(min(available, count), 1)
        return cls(at_once, max(available // at_once, 1))

    def heed(self, *_: object) -> None:
        """Raise KeyboardInterrupt if all of them are to end; the networks' threads call it now and then."""
        if self.stop:
            raise KeyboardInterrupt

    def train(self, train_one: Callable[[T], None], networks: Sequence[T]) -> None:
        """Call `train_one` for each network until all are trained or one call raises, which is raised here too."""
        faults: list[BaseException] = []

        def work(network: T) -> None:
            try:
                self.heed()
                train_one(network)
            except BaseException as error:
                # Stopped here: this thread could begin the next network before the one that waits wakes up.
                faults.append(error)
                self.stop = True
                raise

        with ThreadPoolExecutor(max_workers=self.at_once) as pool:
            futures = [pool.submit(work, network) for network in networks]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
                if faults:
                    # The first: those after it may only have been stopped by it.
                    raise faults[0]
            except BaseException:
                self.stop = True
                for future in futures:
                    future.cancel()
                raise
