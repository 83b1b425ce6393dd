"""The simulator: a scenario's network on a backend, ready to be trained and looked into."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.base import outputs
from neurosim.backends.select import make_backend
from neurosim.data.rows import Rows
from neurosim.errors import DivergedError, UsageError
from neurosim.markup import escape
from neurosim.network.course import Course
from neurosim.network.memory import check_memory
from neurosim.network.training import Settings
from neurosim.plugin import Progress
from neurosim.problem.assembly import assemble, assemble_on
from neurosim.scenario import RecordSection, Scenario
from neurosim.scenario.run_folders import as_scenario
from neurosim.scenario.seeds import LARGEST_SEED
from neurosim.training.augmentation import make_augmenter
from neurosim.training.derivative_trial import check_derivatives
from neurosim.training.epochs import Epochs
from neurosim.training.hearing import ClosedRecords, Hearing, closed
from neurosim.training.history import History, Record
from neurosim.training.metrics import metric_values
from neurosim.training.recording import Recording
from neurosim.training.recording.for_report import recorded_for_report
from neurosim.training.recording.recorder import Recorder
from neurosim.training.watch import Watch
from neurosim.training.workbench import Workbench


class Simulator(Workbench):
    """The network of a scenario with its parameters, its optimizer's state and its data.

    Parameters
    ----------
    scenario : Scenario, path, or name of a shipped scenario
        What to train.
    backend : {"cpu", "cuda", "reference"}
        Compiled float32 engine, the same on an NVIDIA GPU, or plain NumPy in float64.
    seed : int, optional
        Instead of the scenario's.
    threads : int, optional
        For the CPU backend; all processors by default. The results do not depend on it.
    data_dir : path, optional
        Folder with data sets, instead of ``NEUROSIM_DATA`` or the per-user cache.
    for_report : bool
        Record what the page about a run shows, besides what the scenario asks for.
    like : Simulator, optional
        Of a scenario with the same ``[data]``, from any seed: its data are used, and not loaded again; see `fresh`.

    Attributes
    ----------
    network : neurosim.network.network.Network
        Layers and shapes.
    data : neurosim.data.Prepared
        The splits, and how inputs were scaled.
    history : History
        One record for each epoch trained so far.
    watch : neurosim.training.watch.Watch
        When training stops early, and which epoch was best.
    measures_each_epoch : bool
        Whether the records have more than what is measured on the way: the other splits, and the metrics.
    """

    def __init__(
        self,
        scenario: Scenario | Path | str,
        backend: str = "cpu",
        seed: int | None = None,
        threads: int | None = None,
        data_dir: Path | str | None = None,
        *,
        for_report: bool = False,
        like: Simulator | None = None,
    ) -> None:
        scenario = as_scenario(scenario)
        self.seed = scenario.scenario.seed if seed is None else seed
        if not isinstance(self.seed, (int, np.integer)) or not 0 <= self.seed <= LARGEST_SEED:
            raise UsageError(f"a seed is a whole number from 0 to 2**63 - 1, not {self.seed!r}")
        if like is None:
            problem = assemble(scenario, data_dir)
        else:
            problem = like._problem if scenario is like.scenario else assemble_on(scenario, like._problem.data)
        if backend != "cuda":  # a GPU has memory of its own
            check_memory(problem.network, problem.training, problem.splits["train"].count)
        self._threads = threads
        self._data_dir = data_dir
        self._tried = False
        self.measures_each_epoch = True
        self.history = History()
        self._augmenter = make_augmenter(scenario, problem.data, problem.splits["train"], self.seed, threads)
        self.watch = Watch(scenario, problem.splits)
        super().__init__(problem, make_backend(backend, problem.network, problem.training, self.seed, threads))
        self._backend.losses = self.watch.losses
        asked = scenario.record
        if for_report:
            asked = recorded_for_report(asked, self.network, self.training.epochs, len(self.data.classes))
        self.scenario: Scenario = scenario if asked is scenario.record else replace(scenario, record=asked)
        judged = self._splits[self.judged_split]
        self._recorder = None if asked is None else Recorder(asked, self._backend, self._splits["train"], judged)
        # Weights that are kept must be known to be finite.
        always = self.watch.best is not None
        self._epochs = Epochs(self._backend, self._epoch_rows, self._recorder, always_look=always)

    def fresh(self, *, bare: bool = False) -> Simulator:
        """Another simulator of the same scenario, seed and backend, not trained yet; the data are shared.

        Observers do not hear of it. A `bare` one records nothing, and its scenario promises nothing.
        """
        scenario = self.scenario
        if scenario.training.observers:
            scenario = replace(scenario, training=scenario.training.model_copy(update={"observers": None}))
        scenario = replace(scenario, record=None, expect={}, claims=()) if bare else scenario
        return Simulator(scenario, self.backend, self.seed, self._threads, self._data_dir, like=self)

    def changed(self, overrides: Mapping[str, Any]) -> Simulator:
        """As `fresh`, with some values of the scenario replaced, by dotted key path; the seed may be one of them.

        Raises
        ------
        NeurosimError
            When the values do not fit the scenario, the data or each other.
        """
        scenario = self.scenario.changed(overrides)
        seed = scenario.scenario.seed if "scenario.seed" in overrides else self.seed
        like = self if scenario.data == self.scenario.data else None
        return Simulator(scenario, self.backend, seed, self._threads, self._data_dir, like=like)

    def __repr__(self) -> str:
        name = self.scenario.scenario.name + (f" ({self.scenario.variant})" if self.scenario.variant else "")
        return (
            f"<Simulator of {name}: backend {self.backend}, seed {self.seed}, {self.network.size:,} parameters, "
            f"{len(self.history)} of {self.training.epochs} epochs trained>"
        )

    def _repr_html_(self) -> str:
        """What it is and what its network is made of, for notebooks."""
        about = f"{self.scenario.scenario.headline}: backend {self.backend}, seed {self.seed}"
        trained = (
            f"{len(self.history)} of {self.training.epochs} epochs trained, {len(self.data.train):,} training rows"
        )
        return f"<p><b>{escape(about)}</b><br>{escape(trained)}</p>{self.network._repr_html_()}"

    @property
    def metric_names(self) -> set[str]:
        """What the scenario's metrics are called in the history: each on each split."""
        return {f"{split}_{metric.name}" for split in self.splits for metric in self._problem.metrics}

    @property
    def augments(self) -> bool:
        """Whether the training rows are changed at random in each epoch."""
        return self._augmenter is not None

    @property
    def recording(self) -> Recording | None:
        """What was recorded of the layers so far; None where the scenario asks for nothing."""
        return None if self._recorder is None else self._recorder.recording

    def prepare(self) -> float:
        """Compile what training, recording and evaluation need; returns the seconds that compiling has taken so far."""
        self._backend.prepare()
        if not self._tried:
            check_derivatives(self.network, self._splits["train"])
            self._tried = True
        if self._augmenter is None:
            return self._backend.compile_seconds
        self._augmenter.prepare()
        return self._backend.compile_seconds + self._augmenter.compile_seconds

    def measure_layers(self, quantities: Sequence[str], rows: int = 256) -> Recording:
        """What ``[record]`` would record of every layer of the network as it is now, at a single time.

        `rows` is the number of training rows that gradients and activations are measured on.
        """
        asked = RecordSection.model_validate({"quantities": list(quantities), "rows": rows})
        recorder = Recorder(asked, self._backend, self._splits["train"], self._splits["train"])
        return recorder.measure(len(self.history))

    def train(
        self,
        on_epoch: Callable[[Record], None] | None = None,
        on_part: Callable[[], None] | None = None,
        folder: Path | None = None,
    ) -> History:
        """Train the epochs of the scenario that are not done yet, or fewer with early stopping.

        The scenario's observers are told, and may stop it too. Where the scenario keeps the best weights, the network
        has them afterwards.

        Parameters
        ----------
        on_epoch : function, optional
            Called with the record of each epoch when it ends.
        on_part : function, optional
            Called now and then within epochs that take more than about a second. There, as in `on_epoch`, the state is
            complete: it can be saved, and training may be left by an exception and resumed later.
        folder : Path, optional
            The run folder, for observers.

        Raises
        ------
        PluginError
            When an observer, or a metric, raises an error.
        DataError
            When an observer cannot write.
        DivergedError
            When loss, gradients or parameters stop being finite. The network is then as it was before that epoch,
            or at a later step of it, and `history` has the epochs until there.
        """
        hearing = Hearing(self.scenario, lambda settings: self._progress(folder, settings))
        between = on_part
        if hearing:

            def between() -> None:
                hearing.tell("part")
                if on_part is not None:
                    on_part()

        with hearing.to_the_end():
            hearing.tell("started")
            while not self.is_trained:
                record = self.train_epoch(between)
                # Before the epoch is kept, and the reason to stop with it.
                self.watch.stop(hearing.tell("epoch"))
                if on_epoch is not None:
                    on_epoch(record)
            self._settle()
            if self._recorder is not None:
                self._recorder.finish(len(self.history))
            self.watch.put_back(self._backend)
            self._epochs.changed()
        hearing.tell("ended")
        return self.history

    def _progress(self, folder: Path | None, settings: Mapping[str, Any]) -> Progress:
        """What observers get."""
        name, variant = self.scenario.scenario.name, self.scenario.variant
        return Progress(
            ClosedRecords(self.history),
            self.training.epochs,
            self.steps_done,
            name + (f" ({variant})" if variant else ""),
            self.seed,
            folder,
            lambda: closed(self.parameters),
            settings,
        )

    def train_epoch(self, on_part: Callable[[], None] | None = None) -> Record:
        """Train one more epoch and measure; the record is also added to `history`. `on_part` is as in `train`."""
        epoch = len(self.history)
        self.prepare()
        try:
            totals, seconds = self._epochs.complete(epoch, on_part)
        except DivergedError:
            self._go_back()
            raise
        record: Record = {
            "epoch": epoch + 1,
            "train_loss": totals.mean_loss,
            "train_accuracy": totals.accuracy_share,
        }
        with self._backend.averaged():
            for split in ("validation", "test"):
                if split in self._splits or split == "test":
                    measures = self.evaluate(split) if split in self._splits and self.measures_each_epoch else {}
                    record[f"{split}_loss"] = measures.get("loss")
                    record[f"{split}_accuracy"] = measures.get("accuracy")
            metrics, splits = self._problem.metrics if self.measures_each_epoch else (), self._splits
            record |= metric_values(
                metrics, self.network, lambda split: outputs(self._backend, splits[split]), splits, self.data
            )
            record |= self.settings_of_epoch(epoch)
            record["seconds"] = seconds
            self.history.append(record)
            self.watch.add(record, self._backend)
        return record

    def train_to(self, step: int) -> None:
        """Train on until `step` steps of the scenario are done in all, which may be in the middle of an epoch.

        If a batch size that grows with the losses leaves fewer steps than there seemed to be, all epochs are trained.

        `history` has the complete epochs; `train_epoch` completes the one that was begun, with the same bits as
        without a stop.

        Raises
        ------
        UsageError
            When the scenario has fewer steps, or more are done already.
        DivergedError
            When loss or parameters stop being finite.
        """
        course, epochs = self.course, self.training.epochs
        if not 0 <= step <= course.total:
            each = f"{self.steps_per_epoch} for each epoch" if self.training.batch_schedule is None else "In all epochs"
            raise UsageError(f"there is no step {step}: training has {course.total} steps", f"{each}.")
        if step < course.before(len(self.history)) + self._epochs.begun_steps:
            raise UsageError(f"this simulator has been trained beyond step {step}", "Make a new one.")
        # A batch size that follows the losses changes what is ahead with each epoch.
        while len(self.history) < min(course.place(step)[0], epochs):
            self.train_epoch()
        self.prepare()
        try:
            if len(self.history) < epochs:
                self._epochs.advance(len(self.history), step - course.before(len(self.history)))
        except DivergedError:
            self._go_back()
            raise
        self._settle()

    def _changed(self) -> None:
        self._epochs.changed()

    def _epoch_rows(self, epoch: int) -> Rows:
        return self._splits["train"] if self._augmenter is None else self._augmenter.rows(epoch)

    @property
    def is_trained(self) -> bool:
        """Whether no epoch is left to train: all are done, or early stopping has ended them."""
        return len(self.history) >= self.training.epochs or self.watch.stops

    @property
    def steps_per_epoch(self) -> int:
        """Updates in one epoch; where a schedule changes the batch size, in the one that comes next."""
        return self.course.steps(max(min(len(self.history), self.training.epochs - 1), 0))

    @property
    def steps_done(self) -> int:
        """Updates so far, those of an epoch that is not complete among them."""
        return self._backend.steps_done

    @property
    def course(self) -> Course:
        """The steps of the scenario, epoch by epoch, with the losses so far."""
        return self._backend.course(self._splits["train"].count)

    def course_after(self, records: Sequence[Record]) -> Course:
        """The same with the losses of these records, of a run of this scenario."""
        return Course(self.training, self._splits["train"].count, [record[self.watch.loss] for record in records])

    def settings_of_step(self, step: int) -> Settings:
        """The optimizer's parameters in a step, counted from 0 over all epochs; of those before the end so far."""
        epoch, place = self.course.place(step)
        return self.course.settings(epoch).some(place, place + 1)

    def settings_of_epoch(self, epoch: int) -> Record:
        """The learning rate in the last step of an epoch, and what else a schedule changes, by its key."""
        course, training = self.course, self.training
        settings = course.settings(epoch)
        found = {"lr": float(settings.rates[-1])}
        for name, factors in settings.factors.items():
            found[f"optimizer.{name}"] = training.optimizer.params[name] * float(factors[-1])
        return found if training.batch_schedule is None else {**found, "training.batch_size": course.batch(epoch)}

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that training changes, as arrays, for a checkpoint; raises DivergedError as `train` does."""
        self._settle()
        backend = self._backend
        return {
            "parameters": backend.parameters.copy(),
            "optimizer": backend.state.copy(),
            "steps_done": np.array([backend.steps_done], np.int64),
            **({"statistics": backend.statistics.copy()} if self.network.batch_norms else {}),
            **self._epochs.state(),
            **self.watch.state(),
            **(self._recorder.state() if self._recorder is not None else {}),
        }

    def restore(self, state: Mapping[str, NDArray[Any]], history: History) -> None:
        """Continue from a `state` of this same scenario, with the records of the epochs before it."""
        backend = self._backend
        targets = {"parameters": backend.parameters, "optimizer": backend.state}
        if self.network.batch_norms:
            targets["statistics"] = backend.statistics
        for name, target in targets.items():
            if name not in state:
                raise UsageError(f"the checkpoint has no {name}")
            if state[name].shape != target.shape:
                raise UsageError(f"the checkpoint's {name} have shape {state[name].shape}, not {target.shape}")
            target[:] = state[name]
        backend.steps_done = int(state["steps_done"][0])
        self.history = history
        self._epochs.restore(state, self._splits["train"])
        self.watch.restore(state, history, backend)
        if self._recorder is not None:
            self._recorder.restore(state)

    def adopt(
        self,
        arrays: Mapping[str, NDArray[Any]],
        history: History,
        recording: Recording | None = None,
        stopped: str = "",
    ) -> None:
        """Be the network that a finished run of this scenario has left: its weights, its records.

        `stopped` is why an observer stopped it.

        The optimizer's state is not among them, so training cannot be resumed from here.
        """
        self.set_parameters({name: array for name, array in arrays.items() if name in self.parameters})
        if self.network.batch_norms:
            self.set_statistics({name: array for name, array in arrays.items() if name in self.statistics})
        self.history = history
        self.watch.follow(history)
        self.watch.stop(stopped)
        if self._recorder is not None and recording is not None:
            self._recorder.recording = recording

    def _settle(self) -> None:
        """Make sure that all numbers are finite, or return to where they were and raise DivergedError."""
        try:
            self._epochs.settle(len(self.history))
        except DivergedError:
            self._go_back()
            raise

    def _go_back(self) -> None:
        """Return to where the backend was brought back to after a divergence; later epochs are forgotten."""
        self.history = History(self.history[: self._epochs.after_divergence()])
        self.watch.go_back(self.history)
