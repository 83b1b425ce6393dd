"""The observers of a run: they are told how it proceeds, and may stop it; nothing that they get can be changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import Any, overload

from numpy.typing import NDArray

from neurosim.errors import NeurosimError
from neurosim.network.layers import Chosen, choose
from neurosim.plugin import Progress, RunObserver
from neurosim.plugin.host.observing import tell
from neurosim.scenario import Scenario
from neurosim.training.history import Record

# Networks that are trained side by side are heard one at a time.
_ONE_AT_A_TIME = threading.RLock()


class Hearing:
    """Tells the observers of a scenario about a run.

    Parameters
    ----------
    scenario : Scenario
        Says who they are.
    progress : function ``progress(settings) -> Progress``
        Returns what they get, for what the scenario says.
    """

    def __init__(self, scenario: Scenario, progress: Callable[[Mapping[str, Any]], Progress]) -> None:
        asked = scenario.training.observers or ()
        self._observers: list[Chosen[RunObserver]] = [choose(choice.record, choice.params) for choice in asked]
        self._settings: Mapping[str, Any] = MappingProxyType(dict(scenario.settings()) if asked else {})
        self._progress = progress

    def __bool__(self) -> bool:
        """Whether anybody listens."""
        return bool(self._observers)

    def tell(self, role: str) -> str:
        """Tell all of them; returns the reason to stop of the first who has one, else nothing.

        Raises PluginError for a function that fails.
        """
        if not self._observers:
            return ""
        progress = self._progress(self._settings)
        with _ONE_AT_A_TIME:
            reasons = [
                (observer.name, tell(observer.record, observer.values, role, progress)) for observer in self._observers
            ]
        return next((f"{reason} (observer {name})" for name, reason in reasons if reason), "")

    @contextmanager
    def to_the_end(self) -> Iterator[None]:
        """Within this a run is trained; where it is left before its end, all are told, whatever they raise then."""
        try:
            yield
        except BaseException:
            with suppress(NeurosimError):
                self.tell("left")
            raise


def closed(arrays: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
    """The same arrays, which are copies of the caller's, closed to writing."""
    for array in arrays.values():
        array.flags.writeable = False
    return MappingProxyType(arrays)


class ClosedRecords(Sequence[Mapping[str, Any]]):
    """The records of a history as they are now, closed to writing."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records, self._count = records, len(records)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[Mapping[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> Mapping[str, Any] | list[Mapping[str, Any]]:
        places = range(self._count)[index]
        if isinstance(places, range):
            return [MappingProxyType(self._records[place]) for place in places]
        return MappingProxyType(self._records[places])

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return (self[place] for place in range(self._count))
