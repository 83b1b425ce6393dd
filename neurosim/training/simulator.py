"""The simulator: a scenario's network on a backend, ready to be trained and looked into."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurosim.backends.base import Inspection, Signals
from neurosim.backends.select import make_backend
from neurosim.data.rows import Rows
from neurosim.errors import DivergedError, UsageError
from neurosim.markup import escape
from neurosim.network.memory import check_memory
from neurosim.problem.assembly import Problem, assemble, assemble_on, given_features, given_rows
from neurosim.scenario import RecordSection, Scenario
from neurosim.scenario.run_folders import as_scenario
from neurosim.suggestions import unknown
from neurosim.training.augmentation import make_augmenter
from neurosim.training.epochs import Epochs
from neurosim.training.history import History, Record
from neurosim.training.measures import final_measures
from neurosim.training.recording import Recording
from neurosim.training.recording.for_report import recorded_for_report
from neurosim.training.recording.recorder import Recorder, confusion
from neurosim.training.watch import Watch

Measures = dict[str, float | None]


class Simulator:
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
        if not isinstance(self.seed, (int, np.integer)) or not 0 <= self.seed < 2**63:
            raise UsageError(f"a seed is a whole number from 0 to 2**63 - 1, not {self.seed!r}")
        if like is None:
            problem = assemble(scenario, data_dir)
        else:
            problem = like._problem if scenario is like.scenario else assemble_on(scenario, like._problem.data)
        if backend != "cuda":  # a GPU has memory of its own
            check_memory(problem.network, problem.training, problem.splits["train"].count)
        self._problem: Problem = problem
        self._threads = threads
        self._data_dir = data_dir
        self.network = problem.network
        self.training = problem.training
        self.data = problem.data
        self.history = History()
        self._splits = problem.splits
        self._augmenter = make_augmenter(scenario, self.data, self._splits["train"], self.seed, threads)
        self.watch = Watch(scenario, self._splits)
        self._backend = make_backend(backend, self.network, self.training, self.seed, threads)
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

        A `bare` one records nothing, and its scenario promises nothing.
        """
        scenario = replace(self.scenario, record=None, expect={}, claims=()) if bare else self.scenario
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
    def backend(self) -> str:
        """Name of the backend."""
        return self._backend.name

    @property
    def augments(self) -> bool:
        """Whether the training rows are changed at random in each epoch."""
        return self._augmenter is not None

    @property
    def splits(self) -> tuple[str, ...]:
        """Which of train, validation and test there are."""
        return tuple(self._splits)

    @property
    def judged_split(self) -> str:
        """The split that says most about the network: test, else validation, else train."""
        return next(name for name in ("test", "validation", "train") if name in self._splits)

    @property
    def recording(self) -> Recording | None:
        """What was recorded of the layers so far; None where the scenario asks for nothing."""
        return None if self._recorder is None else self._recorder.recording

    @property
    def parameters(self) -> dict[str, NDArray[Any]]:
        """Copies of all parameters by name, such as ``layers.0.weight`` (inputs, units).

        float32; float64 on the reference backend. Use `set_parameters` to change them.
        """
        return self.network.named(self._backend.parameters.copy())

    def set_parameters(self, parameters: Mapping[str, ArrayLike]) -> None:
        """Replace all parameters; the optimizer's state stays.

        Raises
        ------
        ShapeError
            When names or shapes differ from those of `parameters`; nothing is changed then.
        """
        self._backend.parameters[:] = self.network.flat(parameters, self._backend.dtype)
        self._epochs.changed()

    @property
    def statistics(self) -> dict[str, NDArray[Any]]:
        """Copies of the running means and variances of batch normalization by name; empty where there is none.

        They are no parameters: training moves them, and evaluation uses them.
        """
        return self.network.named_statistics(self._backend.statistics.copy())

    def set_statistics(self, statistics: Mapping[str, ArrayLike]) -> None:
        """Replace all running statistics; raises as `set_parameters` does."""
        self._backend.statistics[:] = self.network.flat_statistics(statistics, self._backend.dtype)
        self._epochs.changed()

    def prepare(self) -> float:
        """Compile what training, recording and evaluation need; returns the seconds that compiling has taken so far."""
        self._backend.prepare()
        if self._recorder is not None:
            self._recorder.prepare()
        if self._augmenter is None:
            return self._backend.compile_seconds
        self._augmenter.prepare()
        return self._backend.compile_seconds + self._augmenter.compile_seconds

    def forward(self, X: ArrayLike) -> NDArray[Any]:
        """Outputs (rows, outputs) for inputs (rows, features); dropout off.

        Both as the network has them: ``data.to_input`` and ``data.to_target_units`` lead from and to the units of the
        data set.

        Raises
        ------
        ShapeError
            When X has the wrong number of features.
        """
        return self._backend.forward(given_features(self.network, X))

    def gradients(self, X: ArrayLike, y: ArrayLike) -> tuple[float, dict[str, NDArray[Any]]]:
        """Mean loss over the rows with the penalties, and its gradient by parameter name.

        Dropout is off. Batch normalization uses the statistics of these rows, as in training, and leaves
        the running ones as they are.

        `y` holds class indices (rows,) for losses on classes, else values (rows, outputs).
        Raises ShapeError and UsageError when X and y do not fit the network.
        """
        loss, gradient = self._backend.gradients(given_rows(self.network, X, y))
        return loss, self.network.named(gradient)

    def inspect(self, X: ArrayLike, y: ArrayLike) -> Inspection:
        """As `gradients`, with what every layer computed: outputs, weighted sums and their errors, by layer name.

        Raises ShapeError and UsageError when X and y do not fit the network.
        """
        return self._backend.inspect(given_rows(self.network, X, y))

    def signals(self, X: ArrayLike) -> dict[str, Signals]:
        """What every layer computes for inputs (rows, features), by layer name: outputs and weighted sums.

        Dropout is off; batch normalization uses the statistics of these rows. Raises ShapeError when X has the wrong
        number of features.
        """
        return self._backend.signals(given_features(self.network, X))

    def measure_layers(self, quantities: Sequence[str], rows: int = 256) -> Recording:
        """What ``[record]`` would record of every layer of the network as it is now, at a single time.

        `rows` is the number of training rows that gradients and activations are measured on.
        """
        asked = RecordSection.model_validate({"quantities": list(quantities), "rows": rows})
        recorder = Recorder(asked, self._backend, self._splits["train"], self._splits["train"])
        return recorder.measure(len(self.history))

    def loss(self, X: ArrayLike, y: ArrayLike) -> float:
        """Mean loss over the rows with the penalties, as `gradients` gives it; raises as it does."""
        rows = given_rows(self.network, X, y)
        if self.network.batch_norms:
            return self._backend.gradients(rows)[0]
        return self._backend.evaluate(rows).mean_loss + self._backend.penalty()

    def step(self, X: ArrayLike, y: ArrayLike) -> float:
        """One optimizer update on these rows as one batch, dropout on.

        Returns the mean loss with the penalties, before the update.
        """
        self._epochs.changed()
        return self._backend.train_step(given_rows(self.network, X, y))

    def evaluate(self, split: str = "test", most: int | None = None) -> Measures:
        """``{"loss": ..., "accuracy": ...}`` on a split, dropout off; accuracy is None for regression.

        `most` is as in `split_rows`.

        Raises
        ------
        UsageError
            When the scenario has no such split.
        """
        # A loss that is not finite says so itself.
        with np.errstate(all="ignore"):
            totals = self._backend.evaluate(self.split_rows(split, most))
        return {"loss": totals.mean_loss, "accuracy": totals.accuracy_share}

    def confusion(self, split: str = "test", most: int | None = None) -> NDArray[np.uint32] | None:
        """How many rows of a class (down) are taken for a class (across); None where there are no classes.

        `most` is as in `split_rows`.

        Raises
        ------
        UsageError
            When the scenario has no such split.
        """
        return confusion(self._backend, self.split_rows(split, most))

    def train(
        self, on_epoch: Callable[[Record], None] | None = None, on_part: Callable[[], None] | None = None
    ) -> History:
        """Train the epochs of the scenario that are not done yet, or fewer with early stopping.

        Where the scenario keeps the best weights, the network has them afterwards.

        Parameters
        ----------
        on_epoch : function, optional
            Called with the record of each epoch when it ends.
        on_part : function, optional
            Called within epochs of more than about a second, now and then. There as in `on_epoch` the state is
            whole: it can be kept, and training may be left by an exception and gone on with later.

        Raises
        ------
        DivergedError
            When loss, gradients or parameters stop being finite. The network is then as it was before that epoch,
            or at a later step of it, and `history` has the epochs until there.
        """
        while not self.is_trained:
            record = self.train_epoch(on_part)
            if on_epoch is not None:
                on_epoch(record)
        self._settle()
        if self._recorder is not None:
            self._recorder.finish(len(self.history))
        self.watch.put_back(self._backend)
        self._epochs.changed()
        return self.history

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
        for split in ("validation", "test"):
            if split in self._splits or split == "test":
                measures = self.evaluate(split) if split in self._splits else {}
                record[f"{split}_loss"] = measures.get("loss")
                record[f"{split}_accuracy"] = measures.get("accuracy")
        record["lr"] = self.rate_of_step((epoch + 1) * self.steps_per_epoch - 1)
        record["seconds"] = seconds
        self.history.append(record)
        self.watch.add(record, self._backend)
        return record

    def train_to(self, step: int) -> None:
        """Train on until `step` steps of the scenario are done in all, which may be in the middle of an epoch.

        `history` has the epochs that are complete; `train_epoch` completes the one that is begun, and the whole of
        it gives the same bits as without a stop.

        Raises
        ------
        UsageError
            When the scenario has fewer steps, or more are done already.
        DivergedError
            When loss or parameters stop being finite.
        """
        steps = self.steps_per_epoch
        total = steps * self.training.epochs
        if not 0 <= step <= total:
            raise UsageError(f"there is no step {step}: training has {total} steps", f"{steps} for each epoch.")
        if step < len(self.history) * steps + self._epochs.begun_steps:
            raise UsageError(f"this simulator has been trained beyond step {step}", "Make a new one.")
        while len(self.history) < step // steps:
            self.train_epoch()
        self.prepare()
        try:
            self._epochs.advance(len(self.history), step % steps)
        except DivergedError:
            self._go_back()
            raise
        self._settle()

    def _epoch_rows(self, epoch: int) -> Rows:
        return self._splits["train"] if self._augmenter is None else self._augmenter.rows(epoch)

    @property
    def is_trained(self) -> bool:
        """Whether no epoch is left to train: all are done, or early stopping has ended them."""
        return len(self.history) >= self.training.epochs or self.watch.stops

    @property
    def steps_per_epoch(self) -> int:
        """Updates in one epoch."""
        rows = self._splits["train"].count
        return -(-rows // min(self.training.batch_size, rows))

    @property
    def steps_done(self) -> int:
        """Updates so far, those of an epoch that is not complete among them."""
        return self._backend.steps_done

    def rate_of_step(self, step: int) -> float:
        """Learning rate of a step, counted from 0 over all epochs; of those before the end of training so far."""
        epoch, place = divmod(step, self.steps_per_epoch)
        return float(self.training.rates(epoch, self.steps_per_epoch, losses=self.watch.losses)[place])

    def split_rows(self, split: str, most: int | None = None) -> Rows:
        """The rows of a split as the backends get them, or so many of them, evenly spread, where there are more.

        Raises UsageError when there is no such split.
        """
        if split not in self._splits:
            raise UsageError(*unknown("split of this scenario", split, self._splits))
        rows = self._splits[split]
        return rows if most is None or rows.count <= most else rows.some(np.arange(most) * rows.count // most)

    def final_measures(self) -> dict[str, float | None]:
        """What there is to say of the network as it is now on every split; see `neurosim.training.measures`."""
        return final_measures(self._backend, self._splits, self.data)

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

    def adopt(self, arrays: Mapping[str, NDArray[Any]], history: History, recording: Recording | None = None) -> None:
        """Be the network that a finished run of this scenario has left: its weights, its records.

        The optimizer's state is not among them, so there is no going on from here.
        """
        self.set_parameters({name: array for name, array in arrays.items() if name in self.parameters})
        if self.network.batch_norms:
            self.set_statistics({name: array for name, array in arrays.items() if name in self.statistics})
        self.history = history
        self.watch.follow(history)
        if self._recorder is not None and recording is not None:
            self._recorder.recording = recording

    def _settle(self) -> None:
        """Make sure that all numbers are finite, or go back to where they were and raise DivergedError."""
        try:
            self._epochs.settle(len(self.history))
        except DivergedError:
            self._go_back()
            raise

    def _go_back(self) -> None:
        """Be where the backend has been brought back to after a divergence: epochs beyond it are forgotten."""
        self.history = History(self.history[: self._epochs.after_divergence()])
        self.watch.go_back(self.history)
