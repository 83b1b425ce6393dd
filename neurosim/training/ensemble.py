"""Many runs of one scenario on the same rows that differ only in their seed: how often does it learn?

One run answers for one seed. An ensemble trains hundreds and counts: the share that learns what the
scenario promises, with an interval, and how many epochs it took them. Where a scenario promises
that something cannot be learned, a network that does as promised is no success: see `Scenario.expects_failure`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.base import Backend, Totals
from neurosim.backends.select import make_backend, make_small_ensemble
from neurosim.backends.together import Together
from neurosim.data.rows import Rows
from neurosim.errors import BackendError, DivergedError, UsageError
from neurosim.files.atomic import make_folder
from neurosim.markup import escape, table
from neurosim.network.memory import check_memory, check_memory_together
from neurosim.problem.assembly import Problem, assemble
from neurosim.scenario import Scenario
from neurosim.scenario.run_folders import as_scenario
from neurosim.scenario.seeds import LARGEST_SEED, beyond_seeds
from neurosim.training.augmentation import augments
from neurosim.training.derivative_trial import check_derivatives
from neurosim.training.measures import FinalMeasures, diverged_measures, measure_remarks
from neurosim.training.side_by_side import SideBySide
from neurosim.training.simulator import Simulator
from neurosim.training.success import Judged, first_success, judge, spread_words, summarize, within
from neurosim.training.watch import watches


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
    members: list[Judged] = field(default_factory=list)
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
        """The outcome of the seeds, in a table for notebooks."""
        if not self.members:
            return f"<p>{escape(repr(self))}</p>"
        summary = self.summary()
        rows = [["networks", f"{summary['networks']:,}"]]
        if summary["success_rate"] is not None:
            low, high = summary["success_interval"]
            rows.append(["learn it", f"{summary['success_rate']:.1%} (95% interval {low:.1%} to {high:.1%})"])
        for name, words in (("epochs_to_success", "epochs to success"), ("final_train_loss", "final training loss")):
            spread = summary[name]
            if spread is not None:
                rows.append([words, spread_words(spread)])
        if summary["diverged"]:
            rows.append(["diverged", f"{summary['diverged']:,}"])
        return f"<p><b>{escape(self.scenario.scenario.headline)}</b></p>{table((), rows)}"

    def records(self) -> list[dict[str, Any]]:
        """A row for each seed, with the columns of ``ensemble.csv``: ``pandas.DataFrame(ensemble.records())``."""
        return [member.record() for member in self.members]

    def prepare(self) -> tuple[Problem, Backend]:
        """Load the rows, build the network and compile what training needs, unless that is done; raises as `train`."""
        if self._prepared is None:
            problem = assemble(self.scenario, self.data_dir)
            self.rows_sha256 = problem.data.sha256
            if self.backend != "cuda":  # a GPU has memory of its own
                check_memory(problem.network, problem.training, problem.splits["train"].count)
            first = make_backend(self.backend, problem.network, problem.training, self.seeds[0], self.threads)
            first.prepare()
            check_derivatives(problem.network, problem.splits["train"])
            self.compile_seconds = first.compile_seconds
            self._prepared = problem, first
        return self._prepared

    def train(self, on_progress: Callable[[float], None] | None = None, folder: Path | None = None) -> list[Judged]:
        """Train every member; returns them in the order of the seeds.

        Parameters
        ----------
        on_progress : function, optional
            Called with the share that is done, from 0 to 1.
        folder : Path, optional
            Where the observers of each network find a folder of its own, ``seed-N``.

        Raises
        ------
        NeurosimError
            As `Simulator` does. A member that diverges is no error: it has failed.
        """
        tell = on_progress or (lambda share: None)
        problem, first = self.prepare()
        self._prepared = None  # good for one training
        splits = problem.splits
        start = time.perf_counter()
        before, compiled = self.compile_seconds, first.compile_seconds
        alone = watches(self.scenario) or augments(self.scenario)
        together = None if alone else make_small_ensemble(first, self.seeds, [splits["train"]])
        if together is None:
            self.members = self._apart(tell, folder if self.scenario.training.observers else None)
        else:
            self.members = self._together(together, problem, tell)
        # The baseline and the units are the same for all.
        self.remarks = measure_remarks(self.members[0].measures, problem.data)
        # Kernels that only some networks need were compiled meanwhile.
        self.compile_seconds += first.compile_seconds - compiled
        self.seconds = time.perf_counter() - start - (self.compile_seconds - before)
        return self.members

    def _together(self, together: Together, problem: Problem, tell: Callable[[float], None]) -> list[Judged]:
        """Train networks side by side, and measure them all at once."""
        rows, epochs = problem.splits["train"], problem.training.epochs
        reached = np.zeros(len(self.seeds), np.int64)
        done, lock = 0, threading.Lock()

        def note(members: slice, first: int, totals: NDArray[np.float64]) -> None:
            nonlocal done
            self._note_success(reached[members], totals, rows, first)
            with lock:
                done += totals.shape[0] * totals.shape[1]
                tell(done / (epochs * len(self.seeds)))

        together.train_noting(epochs, note)
        measures = FinalMeasures(problem)
        totals = {split: together.evaluate(its_rows).tolist() for split, its_rows in problem.splits.items()}
        outputs = {split: together.outputs(its_rows) for split, its_rows in problem.splits.items()}

        def judged(number: int, seed: int) -> Judged:
            def totals_on(split: str) -> Totals:
                (loss, correct), its_rows = totals[split][number], problem.splits[split]
                return Totals(loss, correct, its_rows.count, its_rows.accuracy)

            final = measures.of(totals_on, lambda split: next(outputs[split]))
            return judge(self.scenario, seed, final, int(reached[number]))

        return [judged(number, seed) for number, seed in enumerate(self.seeds)]

    def _apart(self, tell: Callable[[float], None], folder: Path | None) -> list[Judged]:
        """Train networks that are too large for lanes, or that stop or augment their rows individually."""
        crew, first = self._crew()
        # With it, all that the others need is compiled.
        self.compile_seconds += first.prepare()
        members: dict[int, Judged] = {}
        needs_records = watches(self.scenario) or first.training.needs_feedback

        def train_one(numbered: tuple[int, int]) -> None:
            number, seed = numbered
            simulator = Simulator(self.scenario, self.backend, seed, crew.threads, self.data_dir, like=first)
            compile_seconds = simulator.prepare()
            simulator.measures_each_epoch = needs_records
            try:
                own = None if folder is None else make_folder(folder / f"seed-{seed}")
                simulator.train(lambda record: crew.heed(), crew.heed, own)
                final = simulator.final_measures()
            except DivergedError:
                final = diverged_measures(simulator.final_measures())
            member = judge(self.scenario, seed, final, first_success(self.scenario, simulator.history))
            with crew.lock:
                self.compile_seconds += compile_seconds
                members[number] = member
                tell(len(members) / len(self.seeds))

        crew.train(train_one, list(enumerate(self.seeds)))
        return [members[number] for number in range(len(self.seeds))]

    def _crew(self) -> tuple[SideBySide, Simulator]:
        """How many are trained at once (one if memory is short), and a network whose rows they share."""
        crew = SideBySide.of(len(self.seeds), self.backend, self.threads)
        first = Simulator(self.scenario, self.backend, self.seeds[0], crew.threads, self.data_dir)
        try:
            check_memory_together([(first.network, first.training, len(first.data.train))] * crew.at_once)
        except BackendError:
            crew = SideBySide(1, self.threads)
        return crew, first

    def _note_success(self, reached: NDArray[np.int64], totals: NDArray[Any], rows: Rows, done: int) -> None:
        """Note for each member the first epoch that met the expectations on the training rows."""
        looking = np.flatnonzero(reached == 0)
        if self.scenario.expects_failure or not looking.size:
            return
        if looking.size < reached.size:
            totals = totals[:, looking]
        measures = {"train_loss": totals[:, :, 0] / rows.count}
        if rows.accuracy != "none":
            measures["train_accuracy"] = totals[:, :, 1] / rows.count
        bounds = {name: bound for name, bound in self.scenario.expect.items() if name in measures}
        if not bounds:
            return
        with np.errstate(invalid="ignore"):
            met = np.logical_and.reduce(
                [within(measures[name], bound.at_least, bound.at_most) for name, bound in bounds.items()]
            )
        new = met.any(axis=0)
        reached[looking[new]] = done + 1 + met.argmax(axis=0)[new]

    def summary(self) -> dict[str, Any]:
        """The success rate and more, see `neurosim.training.success.summarize`."""
        return summarize(self.scenario, self.members)
