"""Estimators for scikit-learn: what a scenario can say of network and training, behind ``fit`` and ``predict``.

They follow scikit-learn's own networks (`sklearn.neural_network.MLPClassifier`, `MLPRegressor`) in the names of their
parameters and attributes and in what they do not do: nothing is scaled, so put a scaler before them.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.utils import check_random_state, compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from neurosim.exchange.estimator_rows import counting, form_of, merged
from neurosim.plugin import Table
from neurosim.plugin.host import Registry, build_registry
from neurosim.scenario.load import load_scenario
from neurosim.scenario.scenario import Scenario
from neurosim.training.history import Record
from neurosim.training.observer import EpochObserver, Observer, observer_of
from neurosim.training.simulator import Simulator

Hearer = Callable[[Record], Any]
# The largest batch that "auto" takes, as in scikit-learn.
AUTO_BATCH = 200


class _Network(BaseEstimator):  # type: ignore[misc]
    """What both estimators have in common; `NeurosimClassifier` explains the parameters."""

    _simulator: Simulator

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (100,),
        activation: str | Mapping[str, Any] = "relu",
        *,
        init: str | Mapping[str, Any] = "glorot_uniform",
        layers: Sequence[Mapping[str, Any]] | None = None,
        loss: str | Mapping[str, Any] | None = None,
        optimizer: str | Mapping[str, Any] = "adam",
        learning_rate_init: float = 0.001,
        schedule: str | Mapping[str, Any] | None = None,
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        n_iter_no_change: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        backend: str = "cpu",
        threads: int | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.init = init
        self.layers = layers
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate_init = learning_rate_init
        self.schedule = schedule
        self.alpha = alpha
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.backend = backend
        self.threads = threads

    def _fit(self, table: Table, observer: Observer | Hearer | None) -> None:
        """Train on a table, from the weights that are there where the start is to be warm."""
        watcher = observer_of(observer, Observer, EpochObserver) or Observer()
        start = self._simulator if self.warm_start and hasattr(self, "_simulator") else None
        simulator = self._made(table)
        if start is not None:
            simulator.set_parameters(start.parameters)
            simulator.set_statistics(start.statistics)
        watcher.started(simulator)
        history = simulator.train(watcher.epoch, watcher.part)
        self._simulator = simulator
        self.n_iter_ = len(history)
        self.loss_curve_ = list(history.train_loss)
        self.loss_ = self.loss_curve_[-1]
        self.best_loss_ = min(self.loss_curve_)
        self.scenario_ = simulator.scenario

    def _partial_fit(self, table: Table) -> None:
        """One epoch over the rows of a table, with the state that the optimizer is in."""
        if not hasattr(self, "_simulator"):
            self._simulator = self._made(table)
            self.loss_curve_ = []
            self.n_iter_ = 0
            self.scenario_ = self._simulator.scenario
        weights = np.ones(len(table.features)) if table.weights is None else table.weights
        order = np.arange(len(weights))
        if self.shuffle:
            if not hasattr(self, "_orders"):
                self._orders = check_random_state(self.random_state)
            self._orders.shuffle(order)
        targets = table.targets
        if table.classes and self._simulator.network.loss.record.targets != "classes":
            targets = np.eye(len(table.classes))[targets]
        losses = [
            self._simulator.step(table.features[rows], targets[rows], weights[rows]) * len(rows)
            for rows in self._batches(order)
        ]
        self.n_iter_ += 1
        self.loss_curve_.append(float(np.sum(losses) / len(order)))
        self.loss_ = self.loss_curve_[-1]
        self.best_loss_ = min(self.loss_curve_)

    def _batches(self, order: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        size = self._rows_in_a_batch(len(order))
        return (order[start : start + size] for start in range(0, len(order), size))

    def _rows_in_a_batch(self, rows: int) -> int:
        return min(AUTO_BATCH if self.batch_size == "auto" else int(self.batch_size), rows)

    def _made(self, table: Table) -> Simulator:
        """A network for such rows, not trained yet."""
        scenario = load_scenario(self._sections(table), registry=_registry())
        return Simulator(replace(scenario, table=table), self.backend, None, self.threads)

    def _sections(self, table: Table) -> dict[str, Any]:
        """The scenario of such rows."""
        batch = self._rows_in_a_batch(len(table.features))
        penalty = {"l2": self.alpha / (2 * batch)} if self.alpha else {}
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        hidden = self.layers
        if hidden is None:
            sizes = np.atleast_1d(self.hidden_layer_sizes).tolist()
            hidden = [
                {"kind": "dense", "units": size, "activation": self.activation, "init": self.init, **penalty}
                for size in sizes
            ]
        outputs = (
            {"units": len(table.classes), "activation": "softmax"}
            if table.classes
            else {"units": table.targets.shape[1]}
        )
        chosen = {"name": self.optimizer} if isinstance(self.optimizer, str) else dict(self.optimizer)
        stopping = {"patience": self.n_iter_no_change, "min_delta": self.tol}
        watched = "validation_loss" if self.early_stopping else "train_loss"
        return {
            "scenario": {"name": "estimator", "title": type(self).__name__, "seed": seed},
            "data": {"validation_fraction": self.validation_fraction if self.early_stopping else 0.0},
            "network": {
                "loss": self.loss or ("categorical_cross_entropy" if table.classes else "mse"),
                "layers": [*hidden, {"kind": "dense", **outputs, "init": self.init, **penalty}],
            },
            "optimizer": {
                **chosen,
                "lr": self.learning_rate_init,
                **({"schedule": self.schedule} if self.schedule else {}),
            },
            "training": {
                "epochs": self.max_iter,
                "batch_size": batch,
                "shuffle": self.shuffle,
                "early_stopping": {"metric": watched, **stopping},
            },
        }

    def _outputs(self, X: Any) -> NDArray[Any]:
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=(np.float64, np.float32))
        outputs: NDArray[Any] = self._simulator.forward(X)
        return outputs

    def __getstate__(self) -> dict[str, Any]:
        """In place of the simulator, which holds compiled code, what it is made of."""
        state = dict(super().__getstate__())
        simulator = state.pop("_simulator", None)
        if simulator is not None:
            state.pop("scenario_")
            state["_kept"] = {
                "scenario": simulator.scenario.to_toml(),
                "table": form_of(simulator.scenario.table),
                "parameters": {name: array.copy() for name, array in simulator.parameters.items()},
                "statistics": {name: array.copy() for name, array in simulator.statistics.items()},
            }
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make the simulator anew; what the optimizer kept of the gradients is gone."""
        state = dict(state)
        kept = state.pop("_kept", None)
        super().__setstate__(state)
        if kept is not None:
            scenario = replace(_read(kept["scenario"]), table=kept["table"])
            self._simulator = Simulator(scenario, self.backend, None, self.threads)
            self._simulator.set_parameters(kept["parameters"])
            self._simulator.set_statistics(kept["statistics"])
            self.scenario_ = scenario


class NeurosimClassifier(ClassifierMixin, _Network):  # type: ignore[misc]
    """A network that tells classes apart, for scikit-learn.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int
        Units of each hidden layer.
    activation : str or mapping
        Of the hidden layers, as a scenario names it: ``"relu"``, ``{"name": "leaky_relu", "alpha": 0.1}``.
    init : str or mapping
        How weights begin, as a scenario names it.
    layers : list of mappings, optional
        All layers but the last, as ``[[network.layers]]`` has them, in place of the three before.
    loss : str or mapping, optional
        As ``[network] loss``; by default cross-entropy for classes, and the mean squared error for values.
    optimizer : str or mapping
        As ``[optimizer]`` without its learning rate.
    learning_rate_init : float
        The learning rate, at the beginning where there is a schedule.
    schedule : str or mapping, optional
        As ``[optimizer] schedule``.
    alpha : float
        Strength of the L2 penalty: as in scikit-learn, alpha / (2 batch_size) times the sum of the squared weights.
    batch_size : int or "auto"
        "auto" takes 200 rows, or all where there are fewer.
    max_iter : int
        Epochs at most.
    shuffle : bool
        Whether the rows are in another order in each epoch.
    random_state : int, RandomState or None
        Decides initial weights, orders and dropout.
    tol, n_iter_no_change : float, int
        Training ends once the loss has not fallen by `tol` for so many epochs.
    early_stopping : bool
        Whether a part of the rows is set aside to watch its loss in place of that of the training rows.
    validation_fraction : float
        How large that part is.
    warm_start : bool
        Whether `fit` goes on from the weights of the last one.
    backend : {"cpu", "cuda", "reference"}
        Where to compute.
    threads : int, optional
        Threads of the CPU backend; all processors by default.
    class_weight : mapping or "balanced", optional
        What the loss of each row is multiplied by, by its class.

    Attributes
    ----------
    classes_ : array (classes,)
        The labels.
    n_iter_ : int
        Epochs trained.
    loss_curve_ : list of float
        Loss of the training rows in each epoch.
    loss_, best_loss_ : float
        The last one, and the smallest.
    scenario_ : Scenario
        What was trained: ``scenario_.to_toml()`` is the beginning of a scenario of one's own.
    n_features_in_, feature_names_in_
        As in scikit-learn.
    """

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (100,),
        activation: str | Mapping[str, Any] = "relu",
        *,
        init: str | Mapping[str, Any] = "glorot_uniform",
        layers: Sequence[Mapping[str, Any]] | None = None,
        loss: str | Mapping[str, Any] | None = None,
        optimizer: str | Mapping[str, Any] = "adam",
        learning_rate_init: float = 0.001,
        schedule: str | Mapping[str, Any] | None = None,
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        n_iter_no_change: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        class_weight: Mapping[Any, float] | str | None = None,
        backend: str = "cpu",
        threads: int | None = None,
    ) -> None:
        super().__init__(
            hidden_layer_sizes,
            activation,
            init=init,
            layers=layers,
            loss=loss,
            optimizer=optimizer,
            learning_rate_init=learning_rate_init,
            schedule=schedule,
            alpha=alpha,
            batch_size=batch_size,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            n_iter_no_change=n_iter_no_change,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            warm_start=warm_start,
            backend=backend,
            threads=threads,
        )
        self.class_weight = class_weight

    def fit(
        self, X: Any, y: Any, sample_weight: ArrayLike | None = None, *, observer: Observer | Hearer | None = None
    ) -> NeurosimClassifier:
        """Train on X (rows, features) with the labels y (rows,); rows count as much as `sample_weight` says.

        An observer, or a function of the record of an epoch, hears how it goes, as in `neurosim.run`.
        """
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32))
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        X, y, weights = merged(*counting(X, y, sample_weight))
        if len(self.classes_) < 2:
            self.n_iter_, self.loss_curve_, self.loss_, self.best_loss_ = 1, [0.0], 0.0, 0.0
            return self
        self._fit(self._table(X, y, weights), observer)
        return self

    def partial_fit(
        self, X: Any, y: Any, classes: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> NeurosimClassifier:
        """One epoch over these rows; `classes` are all labels there will be, needed in the first call."""
        first = not hasattr(self, "classes_")
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32), reset=first)
        check_classification_targets(y)
        if first:
            if classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            self.classes_ = np.unique(np.asarray(classes))
        if self.class_weight == "balanced":
            raise ValueError(
                'class_weight="balanced" needs all rows at once, and partial_fit sees some of them: give the weight of '
                "each class, as compute_class_weight of sklearn.utils works them out."
            )
        strange = np.setdiff1d(y, self.classes_)
        if len(strange):
            raise ValueError(f"y has labels that are not in classes: {strange.tolist()}")
        X, y, weights = counting(X, y, sample_weight)
        self._partial_fit(self._table(X, y, weights))
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """The label of each row, (rows,)."""
        chosen = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[chosen]
        return labels

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """The probability of each class, (rows, classes), float32."""
        check_is_fitted(self)
        if len(self.classes_) < 2:
            X = validate_data(self, X, reset=False)
            return np.ones((len(X), 1), np.float32)
        return self._outputs(X)

    def predict_log_proba(self, X: Any) -> NDArray[Any]:
        """The logarithm of each probability."""
        logarithms: NDArray[Any] = np.log(self.predict_proba(X))
        return logarithms

    def _table(self, X: NDArray[Any], y: NDArray[Any], weights: NDArray[Any] | None) -> Table:
        indices = np.searchsorted(self.classes_, y)
        if self.class_weight is not None:
            # Rows that are given several times, or with a weight, count so often.
            rows = np.bincount(indices, weights, len(self.classes_))
            if self.class_weight == "balanced":
                each = rows.sum() / np.count_nonzero(rows)
                by_class = np.divide(each, rows, out=np.zeros(len(rows)), where=rows > 0)
            else:
                by_class = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
            weights = by_class[indices] * (1.0 if weights is None else weights)
        names = tuple(f"{number}: {label}" for number, label in enumerate(self.classes_.tolist()))
        return Table(X, indices, names, feature_names=_names(self), weights=weights)


class NeurosimRegressor(MultiOutputMixin, RegressorMixin, _Network):  # type: ignore[misc]
    """A network that learns values, for scikit-learn: one or several for each row.

    Parameters and attributes are those of `NeurosimClassifier`, but for `class_weight` and `classes_`.
    """

    def fit(
        self, X: Any, y: Any, sample_weight: ArrayLike | None = None, *, observer: Observer | Hearer | None = None
    ) -> NeurosimRegressor:
        """Train on X (rows, features) with the values y, (rows,) or (rows, outputs); see `NeurosimClassifier.fit`."""
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32), multi_output=True, y_numeric=True)
        self._flat = y.ndim == 1
        X, y, weights = merged(*counting(X, y, sample_weight))
        self._fit(self._table(X, y, weights), observer)
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> NeurosimRegressor:
        """One epoch over these rows."""
        first = not hasattr(self, "_simulator")
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32), multi_output=True, y_numeric=True, reset=first)
        self._flat = y.ndim == 1
        X, y, weights = counting(X, y, sample_weight)
        self._partial_fit(self._table(X, y, weights))
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """The values of each row, in the shape that those of `fit` had."""
        outputs = self._outputs(X).astype(np.float64)
        return outputs[:, 0] if self._flat else outputs

    def _table(self, X: NDArray[Any], y: NDArray[Any], weights: NDArray[Any] | None) -> Table:
        values = y.astype(np.float64).reshape(len(y), -1)
        return Table(X, values, feature_names=_names(self), weights=weights)


def _names(estimator: Any) -> tuple[str, ...]:
    names = getattr(estimator, "feature_names_in_", ())
    return tuple(str(name) for name in names) if len(set(names)) == len(names) else ()


@functools.cache
def _registry() -> Registry:
    """The built-ins and the installed plugins, for all networks of the process: so their kernels are the same too."""
    return build_registry()


def _read(text: str) -> Scenario:
    return load_scenario(tomllib.loads(text), registry=_registry())
