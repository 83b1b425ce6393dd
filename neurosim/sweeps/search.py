"""A sweep whose points are chosen by what came out so far: Optuna is asked for them, and told what became of them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.errors import UsageError
from neurosim.scenario.varied import Dimension, Values
from neurosim.sweeps.entries import Entry, packed_entries, read_entry
from neurosim.sweeps.journal import JOURNAL, STOPPED, Asked, import_optuna, open_study, quietly, sampler
from neurosim.sweeps.packs import packs_in
from neurosim.sweeps.plan import Plan
from neurosim.sweeps.space import Point, refuse_counted
from neurosim.sweeps.storage import has_ended
from neurosim.sweeps.trials import Maker, Trial, folder_name
from neurosim.sweeps.worker import Ended
from neurosim.training.measures import JUDGED_BY, OF_VALUES
from neurosim.training.simulator import Simulator

_REASON = "reason"


class Search:
    """The trials of a search, each handed out when somebody is there to train it.

    Parameters
    ----------
    maker : Maker
        Makes the scenarios.
    plan : Plan
        What is varied, and how many points are tried.
    out : Path
        The folder of the sweep; it exists.
    row : function
        Makes the row of a trial that has no folder, of the trial and the reason.
    tell : function
        Called with each entry once it is known, and with whether it was there before.

    Raises
    ------
    UsageError
        When Optuna is not installed, or what is varied does not fit the search.
    """

    def __init__(
        self,
        maker: Maker,
        plan: Plan,
        out: Path,
        row: Callable[[Trial, str], Entry],
        tell: Callable[[Entry, bool], None],
    ) -> None:
        import_optuna()
        _refuse(plan)
        self._maker, self._plan, self._out, self._row, self._tell = maker, plan, out, row, tell
        assert plan.trials is not None
        self._count = plan.trials
        self._seed = maker.scenario.scenario.seed
        self._seeds = [self._seed] if plan.seeds is None else list(range(plan.seeds))
        self.measure = measure_of(maker, plan)
        self._distributions = {dimension.key: _distribution(dimension) for dimension in plan.dimensions}
        self._study = open_study(
            out / JOURNAL,
            self._name(),
            largest=maker.scenario.rises(self.measure),
            about={"measure": self.measure, "seeds": self._seeds},
        )
        # By name, those that are kept in packs.
        self._packed = {name: entry for pack in packs_in(out) for name, entry in packed_entries(pack).items()}
        self._under_way: dict[int, dict[int, Entry]] = {}
        self.entries: dict[int, list[Entry]] = {}

    def _name(self) -> str:
        """The name of the study: the same for all that leads to the same points with the same outcome."""
        plan = self._plan
        varied = [f"{dimension.key}: {dimension.over}" for dimension in plan.dimensions]
        base = folder_name(self._maker.identity_of(self._maker.scenario_of({}, self._seed)))
        decides = json.dumps([base, varied, self._seeds, self.measure, plan.prune])
        of_all = hashlib.sha256(decides.encode()).hexdigest()[:8]
        return f"{self._maker.scenario.scenario.name}-{plan.search}-{of_all}"

    def tasks(self) -> Iterator[list[Trial]]:
        """What is to be trained: the seeds of a point at a time; what is there already is told, not handed out."""
        for number in range(self._count):
            with quietly():
                known = self._study.get_trials(deepcopy=False)
                self._study.sampler = sampler(self._plan.search, (self._seed + number) % 2**32)
                if number >= len(known):
                    self._study.ask(self._distributions)
                elif len(known[number].params) < len(self._distributions):
                    self._complete(known[number])
                found = self._study.get_trials(deepcopy=False)[number]
            task = self._task(number, self._point(found.params), found)
            if task:
                yield task

    def _complete(self, found: Any) -> None:
        """Choose what a trial lacks whose sweep was killed in the middle of it, as it would have been chosen."""
        trial = import_optuna().trial.Trial(self._study, found._trial_id)
        for name, distribution in self._distributions.items():
            if name in found.params and name not in trial.relative_params:
                self._study.sampler.sample_independent(self._study, found, name, distribution)
            trial._suggest(name, distribution)

    def _task(self, number: int, point: Point, found: Any) -> list[Trial]:
        """What of a point has to be trained; the rest is told."""
        asked = Asked(
            self._out / JOURNAL,
            self._study.study_name,
            number,
            self.measure,
            self._maker.scenario.training.epochs,
            self._plan.prune,
        )
        trials = self._maker.trials(point, self._seeds)
        # What has diverged has a folder, and what has failed may work now, if there is more memory.
        pruned = found.state == import_optuna().trial.TrialState.PRUNED
        reason = found.user_attrs.get(_REASON) if pruned else None
        self._under_way[number] = {}
        missing = []
        for trial in trials:
            entry = self._there(trial.name)
            if entry is not None:
                self._known(number, trial.seed, entry, True)
            elif trial.reason or reason:
                self._known(number, trial.seed, self._row(trial, trial.reason or str(reason)), True)
            else:
                missing.append(trial)
        if found.state.is_finished() or missing[:1] != trials[:1]:
            # What has come to its end once, or whose first seed has, comes to it again.
            asked = replace(asked, prune=None)
        return [replace(trial, asked=asked) for trial in missing]

    def _there(self, name: str) -> Entry | None:
        """What is kept of a trial, by its name; None where that is nothing."""
        if name in self._packed or not name:
            return self._packed.get(name)
        return read_entry(self._out / name) if has_ended(self._out / name) else None

    def ended(self, one: Ended) -> None:
        """Take in what has become of a trial that was handed out."""
        trial = one.trial
        assert trial.asked is not None
        if one.pack and trial.name not in self._packed:
            self._packed |= packed_entries(self._out / one.pack)
        entry = None if one.reason else self._there(trial.name)
        if entry is None:
            entry = self._row(trial, one.reason or "its folder was removed meanwhile")
        self._known(trial.asked.number, trial.seed, entry, False)

    def _known(self, number: int, seed: int, entry: Entry, before: bool) -> None:
        self._tell(entry, before)
        by_seed = self._under_way[number]
        by_seed[seed] = entry
        if len(by_seed) == len(self._seeds):
            del self._under_way[number]
            self.entries[number] = [by_seed[seed] for seed in self._seeds]
            self._say(number, self.entries[number])

    def _say(self, number: int, entries: Sequence[Entry]) -> None:
        """Tell Optuna what has become of a point: the mean over its seeds, or why there is none."""
        optuna = import_optuna()
        states = optuna.trial.TrialState
        found = self._study.get_trials(deepcopy=False)[number]
        if found.state.is_finished():
            return
        failed = next((entry for entry in entries if entry.reason), None)
        finals = (entry.final.get(self.measure) for entry in entries)
        values = [value for value in finals if value is not None and math.isfinite(value)]
        with quietly():
            trial = optuna.trial.Trial(self._study, found._trial_id)
            trial.set_user_attr("runs", [entry.folder.name for entry in entries if entry.folder is not None])
            if failed is not None:
                trial.set_user_attr(_REASON, failed.reason)
                # To the search, what diverged is bad; of what does not fit, nobody knows.
                stopped = failed.folder is not None or failed.reason.startswith(STOPPED)
                self._study.tell(number, state=states.PRUNED if stopped else states.FAIL, skip_if_finished=True)
            elif len(values) < len(entries):
                self._study.tell(number, state=states.FAIL, skip_if_finished=True)
            else:
                self._study.tell(number, float(np.mean(values)), skip_if_finished=True)

    def _point(self, params: Mapping[str, Any]) -> Point:
        """The settings of a trial, in the order in which they are varied."""
        return {dimension.key: _value(dimension, params[dimension.key]) for dimension in self._plan.dimensions}


def measure_of(maker: Maker, plan: Plan) -> str:
    """The measure that decides: the one that is given, or the first that the scenario has, as in a ranking.

    Raises
    ------
    UsageError
        When trials are to be stopped early by what is measured at their end only.
    """
    if plan.by is not None:
        if plan.prune is not None and plan.by.partition("_")[2] in OF_VALUES:
            raise UsageError(
                f"{plan.by} is measured at the end only, and trials are stopped early by measures of each epoch",
                f"Search by {plan.by.partition('_')[0]}_loss, or stop no trial early.",
            )
        return plan.by
    scenario = maker.scenario_of({}, maker.scenario.scenario.seed)
    simulator = Simulator(scenario, maker.recipe.backend, None, 1, maker.recipe.data_dir)
    split = next(name for name in JUDGED_BY if name in simulator.splits)
    if simulator.split_rows(split).accuracy != "none":
        return f"{split}_accuracy"
    return f"{split}_loss" if plan.prune is not None else f"{split}_r2"


def _refuse(plan: Plan) -> None:
    """Raise UsageError for what does not fit the search."""
    if not plan.dimensions:
        raise UsageError(f"the search {plan.search} has nothing to choose: no setting is varied")
    refuse_counted(plan.dimensions)
    ranges = [dimension for dimension in plan.dimensions if not isinstance(dimension.over, Values)]
    if plan.search == "cmaes" and len(ranges) < 2:
        raise UsageError(
            "the search cmaes needs at least two ranges, such as log(1e-4,1): it chooses nothing from lists",
            "tpe chooses from both.",
        )


def _distribution(dimension: Dimension) -> Any:
    distributions = import_optuna().distributions
    over = dimension.over
    if isinstance(over, Values):
        return distributions.CategoricalDistribution(list(_choices(over)))
    if over.kind == "int":
        return distributions.IntDistribution(int(over.low), int(over.high))
    return distributions.FloatDistribution(over.low, over.high, log=over.kind == "log")


def _choices(over: Values) -> dict[Any, Any]:
    """The values by what Optuna calls them: themselves where they are of one simple type, else as JSON."""
    kinds = {type(value) for value in over.values}
    if len(kinds) == 1 and kinds <= {bool, int, float, str}:
        return {value: value for value in over.values}
    return {json.dumps(value, sort_keys=True, default=str): value for value in over.values}


def _value(dimension: Dimension, param: Any) -> Any:
    over = dimension.over
    return _choices(over)[param] if isinstance(over, Values) else param
