"""What pages make of a scenario: its network, optimizer and training changed, on its own rows or generated ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from neurosim.errors import ScenarioError, UsageError
from neurosim.problem.assembly import Problem, assemble, assemble_on
from neurosim.scenario import Scenario
from neurosim.scenario.overrides import label

# Parameters of a network that a page may ask for, and rows of a data set.
MOST_PARAMETERS, MOST_SAMPLES = 20_000_000, 100_000
# Of [training]: what is not about the network, and may write files.
KEPT_OUT = ("observers", "metrics")


class Pages:
    """The scenario that pages begin with.

    Parameters
    ----------
    scenario : Scenario
        What pages begin with.
    problem : Problem
        The same, assembled.
    datasets : collection of str
        The data sets, made without files, that a page may choose.
    data_dir : Path, optional
        Folder of data sets.
    """

    def __init__(
        self,
        scenario: Scenario,
        problem: Problem,
        datasets: Collection[str] = (),
        data_dir: Path | None = None,
    ) -> None:
        self._scenario = scenario
        self._problem = problem
        self._datasets = datasets
        self._data_dir = data_dir

    def changed(self, tables: Mapping[str, Any]) -> tuple[Scenario, Problem]:
        """The scenario with what a page has changed in it.

        Its rows are its own, or those of a data set that is generated: nothing here may name a file.

        Raises
        ------
        UsageError, ScenarioError
            For what a page may not ask for, or what is no scenario.
        """
        own = self._scenario
        changes: dict[str, Any] = {}
        for name in ("network", "optimizer", "training"):
            section = tables.get(name)
            if isinstance(section, dict):
                changes[name] = {key: value for key, value in section.items() if key not in KEPT_OUT}
        about, data = tables.get("scenario"), tables.get("data")
        if isinstance(about, dict) and "seed" in about:
            changes["scenario.seed"] = about["seed"]
        source = data.get("source") if isinstance(data, dict) else None
        if isinstance(data, dict) and isinstance(source, str) and source in self._datasets:
            if any(isinstance(value, int | float) and value > MOST_SAMPLES for value in data.values()):
                raise UsageError(f"the numbers of the data may be {MOST_SAMPLES:,} at most")
            changes["data"] = data
        elif source != own.data.source:
            raise UsageError("the server has the rows of the scenario and generated data sets, and takes no others")
        try:
            scenario = own.changed(changes)
        except ScenarioError as error:
            # The page has put them there, so it need not be told where they are from.
            for key, value in changes.items():
                error.message = error.message.replace(f"{label(key, value)}: ", "")
            raise
        same = scenario.data == own.data
        problem = assemble_on(scenario, self._problem.data) if same else assemble(scenario, self._data_dir)
        if problem.network.size > MOST_PARAMETERS:
            raise UsageError(f"the network has more than {MOST_PARAMETERS:,} parameters")
        return scenario, problem
