"""The folder of a run that diverged, read again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from neurosim.plugin.host import Registry
from neurosim.runs.belonging import Trained, changes, check_data_file, file_changes, trained_in
from neurosim.runs.folder import FAILURE, METRICS, SCENARIO
from neurosim.runs.identity import identity_of
from neurosim.runs.run_files import damaged, is_there, read_failure, read_history
from neurosim.scenario import Scenario, load_scenario
from neurosim.training.history import History
from neurosim.training.simulator import Simulator


@dataclass(frozen=True)
class PastRun:
    """A run that has ended, as its folder describes it; its network is not read.

    Attributes
    ----------
    folder : Path
        Where it is.
    scenario : Scenario
        What was run.
    backend : str
        On which backend.
    history : History
        Its epochs, before it diverged if it did.
    trained : Trained
        What it was trained with.
    """

    folder: Path
    scenario: Scenario
    backend: str
    history: History
    trained: Trained


@dataclass(frozen=True)
class FailedRun(PastRun):
    """A run that diverged: `message` says what happened."""

    message: str

    def start(
        self, data_dir: Path | str | None = None, *, variant: str = "", force: bool = False
    ) -> tuple[Simulator, str]:
        """Its network before training (of a study, that of `variant`), and a line saying what has changed since.

        Raises
        ------
        UsageError
            When something has changed and `force` is not given.
        NeurosimError
            As `neurosim.Simulator` does.
        """
        check_data_file(self.folder, self.scenario)
        simulator = Simulator(replace(self.scenario, variant=variant), data_dir=data_dir)
        now = identity_of(simulator)
        changed = changes(self.folder, self.trained.beside(now), now) | file_changes(self.folder, self.trained)
        changed.refuse(force=force)
        return simulator, changed.remark


def read_failed(folder: Path | str, registry: Registry | None = None) -> FailedRun | None:
    """Read the folder of a run that diverged; None where it did not; a data file may lie anywhere, as for `read_run`.

    `FailedRun.start` checks whether it belongs to what is there now.

    Raises
    ------
    DataError
        When a file is missing or damaged.
    ScenarioError
        When its scenario cannot be read.
    """
    path = Path(folder)
    if not is_there(path / FAILURE):
        return None
    failure = read_failure(path / FAILURE)
    history = read_history(path / METRICS)
    if failure.epoch != len(history) + 1:
        raise damaged(path / METRICS, f"it has {len(history)} epochs, and the run diverged in epoch {failure.epoch}")
    scenario = load_scenario(path / SCENARIO, registry=registry, own=True)
    return FailedRun(path, scenario, failure.backend, history, trained_in(path), failure.message)
