"""Many runs of one scenario on the same rows that differ only in their seed: how often does it learn?

One run answers for one seed. An ensemble trains hundreds and counts: the share that learns what the
scenario promises, with an interval, and how many epochs it took them. Where a scenario promises
that something cannot be learnt, a network that does as promised is no success: see `Scenario.expects_failure`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.base import Backend
from neurosim.backends.select import make_backend, make_small_ensemble
from neurosim.data.rows import Rows
from neurosim.errors import DivergedError, UsageError
from neurosim.markup import escape, table
from neurosim.network.memory import check_memory
from neurosim.problem.assembly import Problem, assemble
from neurosim.scenario import Scenario
from neurosim.scenario.run_folders import as_scenario
from neurosim.scenario.seeds import LARGEST_SEED, beyond_seeds
from neurosim.training.augmentation import augments
from neurosim.training.measures import diverged_measures, final_measures, measure_remarks
from neurosim.training.simulator import Simulator
from neurosim.training.watch import watches

# Progress is told about this often.
PORTIONS = 20
# What is measured of the training rows during an epoch.
DURING = ("train_loss", "train_accuracy")


@dataclass(frozen=True)
class Member:
    """One network of an ensemble, when it has been trained.

    Attributes
    ----------
    seed : int
        Its seed; ``neurosim run SCENARIO --seed SEED`` gives the same network to the bit.
    measures : dict
        Final loss and accuracy of each split, dropout off.
    success : bool or None
        Whether it has learnt what the scenario is about: where failure is expected, whether it has done
        better than that; None when the scenario expects nothing.
    as_expected : bool or None
        Whether it met every expectation of the scenario; None when the scenario has none.
    epochs_to_success : int or None
        The first epoch that met what ``[expect]`` says of the training rows, as measured during
        that epoch; None if none did, if the member failed, if failure is expected, or if there is
        nothing said of them.
    """

    seed: int
    measures: dict[str, float | None]
    success: bool | None
    as_expected: bool | None
    epochs_to_success: int | None


@dataclass
class Ensemble:
    """A scenario trained from many seeds.

    Parameters
    ----------
    scenario : Scenario, path, or name of a shipped scenario
        What to train.
    seeds : sequence of int, or int
        One network for each; a number is so many seeds from 0 on.
    backend : {"cpu", "reference"}
        Where to train.
    threads : int, optional
        Threads of the CPU backend; the results do not depend on it.
    data_dir : path, optional
        Folder with data sets.
    """

    scenario: Scenario
    seeds: Sequence[int]
    backend: str = "cpu"
    threads: int | None = None
    data_dir: Path | str | None = None
    members: list[Member] = field(default_factory=list)
    rows_sha256: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    compile_seconds: float = 0.0
    _prepared: tuple[Problem, Backend] | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.scenario = as_scenario(self.scenario)
        self.seeds = range(self.seeds) if isinstance(self.seeds, int) else self.seeds
        if not self.seeds:
            raise UsageError("an ensemble needs at least one seed")
        wrong = next((seed for seed in self.seeds if not 0 <= seed <= LARGEST_SEED), None)
        if wrong is not None:
            raise UsageError(
                beyond_seeds(self.seeds[0], len(self.seeds)) or f"there is no seed {wrong}",
                f"Seeds are whole numbers from 0 to {LARGEST_SEED}.",
            )

    def __repr__(self) -> str:
        name, count = self.scenario.scenario.name, len(self.seeds)
        seeds = f"{count:,} seed{'s' * (count != 1)} from {self.seeds[0]}"
        if not self.members:
            return f"<Ensemble of {name}: {seeds}, not trained yet>"
        judged = [member.success for member in self.members if member.success is not None]
        rate = f", {sum(judged):,} of {len(judged):,} learn it" if judged else ""
        return f"<Ensemble of {name}: {seeds}{rate}>"

    def _repr_html_(self) -> str:
        """What came of the seeds, in a table for notebooks."""
        if not self.members:
            return f"<p>{escape(repr(self))}</p>"
        found = self.summary()
        rows = [["networks", f"{found['networks']:,}"]]
        if found["success_rate"] is not None:
            low, high = found["success_interval"]
            rows.append(["learn it", f"{found['success_rate']:.1%} (95% interval {low:.1%} to {high:.1%})"])
        for name, words in (("epochs_to_success", "epochs to success"), ("final_train_loss", "final training loss")):
            spread = found[name]
            if spread is not None:
                text = f"median {spread['median']:.4g}, 10% {spread['10%']:.4g}, 90% {spread['90%']:.4g}"
                rows.append([words, text])
        if found["diverged"]:
            rows.append(["diverged", f"{found['diverged']:,}"])
        return f"<p><b>{escape(self.scenario.scenario.headline)}</b></p>{table((), rows)}"

    def records(self) -> list[dict[str, Any]]:
        """A row for each seed, with the columns of ``ensemble.csv``: ``pandas.DataFrame(ensemble.records())``."""
        return [
            {
                "seed": member.seed,
                "success": member.success,
                "as_expected": member.as_expected,
                "epochs_to_success": member.epochs_to_success,
                **member.measures,
            }
            for member in self.members
        ]

    def prepare(self) -> tuple[Problem, Backend]:
        """Load the rows, build the network and compile what training needs, unless that is done; raises as `train`."""
        if self._prepared is None:
            problem = assemble(self.scenario, self.data_dir)
            self.rows_sha256 = problem.data.sha256
            if self.backend != "cuda":  # a GPU has memory of its own
                check_memory(problem.network, problem.training, problem.splits["train"].count)
            first = make_backend(self.backend, problem.network, problem.training, self.seeds[0], self.threads)
            first.prepare()
            self.compile_seconds = first.compile_seconds
            self._prepared = problem, first
        return self._prepared

    def train(self, on_progress: Callable[[float], None] | None = None) -> list[Member]:
        """Train every member; returns them in the order of the seeds.

        Parameters
        ----------
        on_progress : function, optional
            Called with the share that is done, from 0 to 1.

        Raises
        ------
        NeurosimError
            As `Simulator` does. A member that diverges is no error: it has failed.
        """
        tell = on_progress or (lambda share: None)
        problem, first = self.prepare()
        self._prepared = None  # good for one training
        training, splits = problem.training, problem.splits
        start = time.perf_counter()
        alone = watches(self.scenario) or augments(self.scenario)
        together = None if alone else make_small_ensemble(first, self.seeds, [splits["train"]])
        if together is None:
            self.members = self._one_by_one(tell)
        else:
            reached = np.zeros(len(self.seeds), np.int64)
            done = 0
            for portion in range(PORTIONS):
                epochs = training.epochs * (portion + 1) // PORTIONS - done
                if epochs > 0:
                    self._note_success(reached, together.train(epochs), splits["train"], done)
                done += epochs
                tell((portion + 1) / PORTIONS)
            self.members = []
            for k, (seed, parameters) in enumerate(zip(self.seeds, together.parameters, strict=True)):
                first.parameters[:] = parameters
                final = final_measures(first, splits, problem.data)
                self.members.append(self._member(seed, final, int(reached[k])))
        # The baseline and the units are the same for all.
        self.remarks = measure_remarks(self.members[0].measures, problem.data)
        # What only single networks need has been compiled since.
        self.seconds = time.perf_counter() - start - (self.compile_seconds - first.compile_seconds)
        return self.members

    def _one_by_one(self, tell: Callable[[float], None]) -> list[Member]:
        """Networks that are too large to be trained side by side, or that stop or change their rows one by one."""
        members: list[Member] = []
        simulator: Simulator | None = None
        for number, seed in enumerate(self.seeds):
            simulator = Simulator(self.scenario, self.backend, seed, self.threads, self.data_dir, like=simulator)
            self.compile_seconds += simulator.prepare()
            try:
                simulator.train()
                final = simulator.final_measures()
            except DivergedError:
                final = diverged_measures(simulator.final_measures())
            history = simulator.history
            reached = next((record["epoch"] for record in history if self._meets(record, DURING)), 0)
            members.append(self._member(seed, final, reached))
            tell((number + 1) / len(self.seeds))
        return members

    def _note_success(self, reached: NDArray[np.int64], totals: NDArray[Any], rows: Rows, done: int) -> None:
        """Enter the first epoch that met the expectations on the training rows, member by member."""
        measures = {"train_loss": totals[:, :, 0] / rows.count}
        if rows.accuracy != "none":
            measures["train_accuracy"] = totals[:, :, 1] / rows.count
        bounds = {name: bound for name, bound in self.scenario.expect.items() if name in measures}
        if not bounds:
            return
        met = np.ones(totals.shape[:2], bool)
        for name, bound in bounds.items():
            with np.errstate(invalid="ignore"):
                met &= measures[name] >= (-math.inf if bound.at_least is None else bound.at_least)
                met &= measures[name] <= (math.inf if bound.at_most is None else bound.at_most)
        new = met.any(axis=0) & (reached == 0)
        reached[new] = done + 1 + met.argmax(axis=0)[new]

    def _meets(self, measures: dict[str, Any], which: Sequence[str] = ()) -> bool:
        """Whether `measures` meet all expectations, or those on `which` of them; False where there are none."""
        bounds = {name: bound for name, bound in self.scenario.expect.items() if not which or name in which}
        for name, bound in bounds.items():
            value = measures.get(name)
            if value is None or not math.isfinite(value):
                return False
            if bound.at_least is not None and value < bound.at_least:
                return False
            if bound.at_most is not None and value > bound.at_most:
                return False
        return bool(bounds)

    def _member(self, seed: int, measures: dict[str, float | None], reached: int) -> Member:
        # Of the splits that there are.
        ordered = {
            name: value for name, value in measures.items() if measures[f"{name.split('_')[0]}_loss"] is not None
        }
        if not self.scenario.expect:
            return Member(seed, ordered, None, None, None)
        met = self._meets(ordered)
        if self.scenario.expects_failure:
            # A network that diverged has not met what is expected, but has learnt nothing either.
            known = [ordered.get(name) for name in self.scenario.expect]
            finite = all(value is not None and math.isfinite(value) for value in known)
            return Member(seed, ordered, finite and not met, met, None)
        return Member(seed, ordered, met, met, reached if met and reached > 0 else None)

    def _best(self) -> dict[str, float] | None:
        """Where failure is expected, the best that any member has come to of each measure that is spoken of."""
        if not self.scenario.expects_failure:
            return None
        best = {}
        for name in self.scenario.expect:
            values = [member.measures.get(name) for member in self.members]
            known = [value for value in values if value is not None and math.isfinite(value)]
            if known:
                best[name] = max(known) if name.endswith(("accuracy", "r2")) else min(known)
        return best

    def summary(self) -> dict[str, Any]:
        """Success rate with its 95% interval, quantiles of epochs to success, spread of the final loss.

        ``expects`` is "success" or "failure", or None without ``[expect]``; ``as_expected`` counts the
        networks that met it, and ``best`` has the best measures where failure is expected.
        """
        judged = [member.success for member in self.members if member.success is not None]
        successes = sum(judged)
        epochs = [member.epochs_to_success for member in self.members if member.epochs_to_success is not None]
        losses = [member.measures["train_loss"] for member in self.members]
        finite = [loss for loss in losses if loss is not None and math.isfinite(loss)]
        return {
            "networks": len(self.members),
            "expects": ("failure" if self.scenario.expects_failure else "success") if judged else None,
            "as_expected": sum(bool(member.as_expected) for member in self.members) if judged else None,
            "best": self._best(),
            "successes": successes if judged else None,
            "success_rate": successes / len(judged) if judged else None,
            "success_interval": wilson_interval(successes, len(judged)) if judged else None,
            "epochs_to_success": quantiles(epochs),
            "final_train_loss": quantiles(finite),
            "diverged": len(losses) - len(finite),
        }


def wilson_interval(successes: int, trials: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Bounds on a success rate, 95% unless `z` says otherwise (Wilson 1927)."""
    rate, weight = successes / trials, z * z / trials
    centre = (rate + weight / 2) / (1 + weight)
    reach = z / (1 + weight) * math.sqrt(rate * (1 - rate) / trials + weight / (4 * trials))
    # Rounding must not push a bound past what is certain.
    low = 0.0 if successes == 0 else centre - reach
    return low, 1.0 if successes == trials else centre + reach


def quantiles(values: Sequence[float]) -> dict[str, float] | None:
    """10%, median and 90% of some values; None for none."""
    if not values:
        return None
    low, middle, high = np.quantile(np.array(values, np.float64), [0.1, 0.5, 0.9]).tolist()
    return {"10%": low, "median": middle, "90%": high}
