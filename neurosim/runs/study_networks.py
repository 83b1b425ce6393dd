"""The networks of a study, each made when its turn comes; the seeds of a variant share its rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from neurosim.network.memory import check_memory_together
from neurosim.runs.identity import Identity, identity_from
from neurosim.runs.results import Result
from neurosim.scenario import Scenario
from neurosim.training.simulator import Simulator


@dataclass
class Member:
    """One run of a study.

    Attributes
    ----------
    label : str
        What it is called.
    scenario : Scenario
        What it trains.
    folder : Path or None
        Where its files go.
    simulator : Simulator or None
        Its network, once it has been made.
    result : Result or None
        Its result, once it has ended.
    fault : str
        Why it diverged, if it did.
    mixed : str
        Which of its epochs were trained differently, see `load_checkpoint`.
    """

    label: str
    scenario: Scenario
    folder: Path | None
    simulator: Simulator | None = None
    result: Result | None = None
    fault: str = ""
    mixed: str = ""


@dataclass
class Workshop:
    """Makes the simulators of a study; `backend`, `threads` and `data_dir` are those of `neurosim.run`."""

    backend: str
    threads: int | None
    data_dir: Path | str | None
    _first: dict[str, Simulator] = field(default_factory=dict)

    def begin(self, members: Sequence[Member]) -> None:
        """Make the first network of every variant, so that what is wrong with one is known before any is trained.

        Raises
        ------
        NeurosimError
            As `Simulator` does.
        BackendError
            When the machine has less memory than all of the networks together take.
        """
        for member in members:
            if member.scenario.variant not in self._first:
                self._first[member.scenario.variant] = self.simulator_of(member)
        if self.backend != "cuda":  # a GPU has memory of its own
            firsts = [self._first[member.scenario.variant] for member in members]
            check_memory_together([(first.network, first.training, len(first.data.train)) for first in firsts])

    def identities(self, members: Sequence[Member]) -> Iterator[tuple[str, Path, Identity]]:
        """For each member its label, its folder, and what its numbers would belong to here and now."""
        for member in members:
            assert member.folder is not None
            rows = self._first[member.scenario.variant].data.sha256
            yield member.label, member.folder, identity_from(member.scenario, rows, self.backend)

    def simulator_of(self, member: Member) -> Simulator:
        """The simulator of a member, made if it is not there yet; the caller prepares it."""
        if member.simulator is None:
            like = self._first.get(member.scenario.variant)
            member.simulator = Simulator(member.scenario, self.backend, None, self.threads, self.data_dir, like=like)
        return member.simulator
