"""The result of a run, and of a study of several networks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurosim.errors import DivergedError
from neurosim.markup import escape, measure, measure_words, table
from neurosim.runs.answering import model_of
from neurosim.runs.expectations import Expectation, Outcome, check_bounds, check_claims, check_expectations
from neurosim.runs.folder import finite
from neurosim.runs.identity import Identity
from neurosim.scenario import Scenario
from neurosim.supplied import SUPPLIED
from neurosim.training.divergence import SLOWER
from neurosim.training.history import METRICS, History, metrics_in
from neurosim.training.measures import (
    FINAL_ONLY,
    SPLITS,
    by_target,
    diverged_measures,
    measure_remarks,
    measured,
    target_remark,
)
from neurosim.training.recording import Recording
from neurosim.training.simulator import Simulator
from neurosim.training.success import Judged, first_success, judge, summarize

# Keys that ``final`` always has, null where there is no such measure.
ALWAYS = tuple(name for name in METRICS if not name.startswith("validation"))


@dataclass(frozen=True)
class Result:
    """The result of a run.

    Attributes
    ----------
    scenario : Scenario
        What was run.
    simulator : Simulator
        The trained network.
    history : History
        Per-epoch records; ``history.train_loss`` is a list.
    metrics : dict
        Final measures, dropout off: ``train_loss``, ``train_accuracy``, ``test_loss``, ``test_accuracy`` and, with a
        validation split, its two; then of each split ``..._rmse``, ``..._r2`` and ``..._baseline_rmse`` where the
        targets are values, in their units, and ``..._baseline_accuracy`` where they are classes; and the metrics that
        ``training.metrics`` asks for.
    expectations : list of Expectation
        The scenario's promises, and whether they were kept.
    seconds : dict
        ``compile``, ``train`` (without evaluation) and ``total``.
    folder : Path or None
        The run folder.
    rows_sha256 : dict of str to str
        SHA-256 of the rows of each split when it was trained, as the data set had them before any scaling.
    identity : Identity or None
        What its numbers belong to, as its folder says; None for a run without a folder, or of an older version.
    mixed : str
        A line saying what has changed since it was trained, if it was read all the same, and which epochs were trained
        differently, if it was continued all the same; else empty.
    trained_on : str
        The backend that trained it, if another one reads it; else empty.
    """

    scenario: Scenario
    simulator: Simulator
    history: History
    metrics: dict[str, float | None]
    expectations: list[Expectation]
    seconds: dict[str, float]
    folder: Path | None
    rows_sha256: Mapping[str, str]
    identity: Identity | None = None
    mixed: str = ""
    trained_on: str = ""

    def __repr__(self) -> str:
        measures = ", ".join(
            f"{measure_words(name)} {measure(name, value)}"
            for name, value in self.metrics.items()
            if value is not None and "baseline" not in name
        )
        parts = [f"seed {self.simulator.seed}", counted(len(self.history), "epoch"), measures]
        parts += promises_met(self.expectations)
        parts += [] if self.folder is None else [str(self.folder)]
        return f"<Result of {label_of(self.scenario)}: {'; '.join(parts)}>"

    def _repr_html_(self) -> str:
        """Measures and promises, for notebooks."""
        names = measured(self.metrics)
        rows = [
            [split, *(measure(name, self.metrics.get(f"{split}_{name}")) for name in names)]
            for split in SPLITS
            if self.metrics.get(f"{split}_loss") is not None
        ]
        about = self.scenario.scenario
        words = f"{counted(len(self.history), 'epoch')}, seed {self.simulator.seed}"
        shown = table(["", *map(measure_words, names)], rows, range(1, len(names) + 1))
        shown += "".join(f"<p>{escape(name)}: {escape(text)}</p>" for name, text in self.remarks.items())
        return f"<p><b>{escape(about.headline)}</b><br>{escape(words)}</p>{shown}{_promises_html(self.expectations)}"

    def export(self, to: str, out: Path | str) -> Path:
        """Write the network in a form that needs no neurosim, and return the file: see `neurosim.export`."""
        path: Path = SUPPLIED["export"](self, to, out)
        return path

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Names of the classes (rows,), or values (rows, outputs), for raw rows in the units of the data.

        X is an array (rows, features), or a table whose columns are found by their names; see `Model.outputs` for what
        is raised. ``load_model(folder)`` answers in the same way in another process.
        """
        return model_of(self.simulator).predict(X)

    @property
    def backend(self) -> str:
        """The backend that trained it."""
        return self.trained_on or self.simulator.backend

    @property
    def remarks(self) -> dict[str, str]:
        """What to know about the measures: the baseline, the units, and whether they belong to what is there now."""
        mixed = {"mixed": self.mixed} if self.mixed else {}
        each = target_remark(self.simulator.judged_split, self.by_target, self.simulator.data)
        return {**mixed, **each, **measure_remarks(self.metrics, self.simulator.data)}

    @property
    def by_target(self) -> dict[str, dict[str, float | None]]:
        """Of several targets the ``rmse`` and ``r2`` of each, on the rows that the network is judged by."""
        simulator = self.simulator
        if len(simulator.data.target_scale) < 2:
            return {}
        rows = simulator.split_rows(simulator.judged_split)
        return by_target(simulator.forward(rows.inputs(np.float32)), rows, simulator.data)

    @property
    def met(self) -> bool:
        """Whether every expectation was met."""
        return all(expectation.met for expectation in self.expectations)

    @property
    def recording(self) -> Recording | None:
        """What was recorded of each layer, as the scenario's ``[record]`` asks."""
        return self.simulator.recording

    @property
    def outcome(self) -> Outcome:
        """The facts that promises are held against."""
        return Outcome(self.metrics, self.history, self.recording)

    def judged(self) -> Judged:
        """The network, judged by what its scenario expects, as one of several that differ in their seed."""
        return judge(self.scenario, self.simulator.seed, self.metrics, first_success(self.scenario, self.history))

    def as_json(self) -> dict[str, Any]:
        """The object that ``neurosim run --json`` prints.

        ``stopped_early`` and ``best_epoch`` are there where the scenario asks for early stopping, or observers that
        may stop it, or for the best weights; ``stopped`` is the reason of an observer that did.
        """
        training, watch = self.scenario.training, self.simulator.watch
        may_stop = training.early_stopping is not None or training.observers
        stopped: dict[str, Any] = {"stopped_early": watch.stopped_early} if may_stop else {}
        stopped |= {"stopped": watch.reason} if watch.reason and watch.stopped_early else {}
        kept = {} if training.keep_best is None else {"best_epoch": watch.kept_epoch}
        return {
            "scenario": self.scenario.scenario.name,
            "backend": self.backend,
            "seed": self.simulator.seed,
            "epochs": len(self.history),
            **stopped,
            **kept,
            "parameters": self.simulator.network.size,
            "multiply_adds": self.simulator.network.multiply_adds,
            "final": finite(self.metrics),
            **({"targets": each} if (each := self.by_target) else {}),
            "expectations": [expectation.as_json() for expectation in self.expectations],
            "seconds": self.seconds,
            "rows_sha256": dict(self.rows_sha256),
            "run_dir": None if self.folder is None else str(self.folder),
            **({"mixed": self.mixed} if self.mixed else {}),
        }


@dataclass(frozen=True)
class Study:
    """The results of a study.

    Attributes
    ----------
    scenario : Scenario
        What was run.
    results : tuple of Result
        Every run: all seeds of the first variant, then those of the next one.
    expectations : list of Expectation
        The promises, those between variants last; of several seeds the mean counts.
    diverged : dict of str to str
        For each run that diverged, by its label, what happened.
    seconds : dict
        ``compile``, ``train`` (of all runs together) and ``total``.
    folder : Path or None
        The run folder; each run has a folder of its own in it.
    """

    scenario: Scenario
    results: tuple[Result, ...]
    expectations: list[Expectation]
    diverged: dict[str, str]
    seconds: dict[str, float]
    folder: Path | None

    def __repr__(self) -> str:
        repeats = f" from {self.scenario.scenario.repeats} seeds each" if self.scenario.scenario.repeats > 1 else ""
        variants = f"{len(self.scenario.variants)} variants" if self.scenario.variants else "1 network"
        parts = [f"{variants}{repeats}"]
        parts += [f"{len(self.diverged)} diverged"] if self.diverged else []
        parts += promises_met(self.expectations)
        parts += [] if self.folder is None else [str(self.folder)]
        return f"<Study of {self.scenario.scenario.name}: {'; '.join(parts)}>"

    def _repr_html_(self) -> str:
        """A row for each network, and the promises, for notebooks."""
        there = [
            name
            for name in (*METRICS, *self.metrics)
            if any(result.metrics.get(name) is not None for result in self.results)
        ]
        rows = [
            [
                result.scenario.variant or result.scenario.scenario.name,
                str(result.simulator.seed),
                *(measure(name, result.metrics.get(name)) for name in there),
            ]
            for result in self.results
        ]
        header = ["network", "seed", *map(measure_words, there)]
        title = f"<p><b>{escape(self.scenario.scenario.headline)}</b></p>"
        return f"{title}{table(header, rows, range(1, len(header)))}{_promises_html(self.expectations)}"

    @property
    def met(self) -> bool:
        """Whether every expectation was met."""
        return all(expectation.met for expectation in self.expectations)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the variants; without variants, the single name that the repeats share, which may be empty."""
        return tuple(self.scenario.variants) or (self.scenario.variant,)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Measures that its runs have because ``training.metrics`` asks for them."""
        return tuple(dict.fromkeys(name for result in self.results for name in metrics_in(result.metrics)))

    @property
    def final_only(self) -> tuple[str, ...]:
        """Measures that its runs have at their end only."""
        return tuple(name for name in FINAL_ONLY if any(name in result.metrics for result in self.results))

    def __getitem__(self, variant: str) -> tuple[Result, ...]:
        """The runs of a variant, in the order of the seeds; raises UsageError for an unknown one."""
        name = self.scenario.about(variant).name if self.scenario.variants else variant
        return tuple(result for result in self.results if result.scenario.variant == name)

    def spread(self, variant: str, measure: str) -> tuple[float, float] | None:
        """Mean and standard deviation of a final measure over the seeds; None where it is missing."""
        values = [result.metrics.get(measure) for result in self[variant]]
        known = [value for value in values if value is not None and math.isfinite(value)]
        if not known or len(known) < len(values):
            return None
        return float(np.mean(known)), float(np.std(known, ddof=1)) if len(known) > 1 else 0.0

    def members(self, variant: str) -> list[Judged]:
        """The outcomes of a variant's networks, each judged by what the variant expects."""
        return [result.judged() for result in self[variant]]

    def summary(self, variant: str) -> dict[str, Any]:
        """How many networks of a variant have learned it, and more: see `neurosim.training.success.summarize`."""
        scenario = self.scenario.variants.get(variant, self.scenario)
        return summarize(scenario, self.members(variant))

    def records(self) -> list[dict[str, Any]]:
        """A row for each network, with the columns of ``study.csv``: ``pandas.DataFrame(study.records())``."""
        names = (*METRICS, *self.final_only, *self.metrics)
        rows = []
        for result in self.results:
            judged = result.judged()
            rows.append(
                {
                    "variant": result.scenario.variant,
                    "seed": judged.seed,
                    "epochs": len(result.history),
                    "parameters": result.simulator.network.size,
                    "success": judged.success,
                    "as_expected": judged.as_expected,
                    "epochs_to_success": judged.epochs_to_success,
                    **finite({name: result.metrics.get(name) for name in names}),
                    "seconds": float(f"{result.seconds['train']:.6g}"),
                }
            )
        return rows

    def as_json(self) -> dict[str, Any]:
        """The object that ``neurosim run --json`` prints: that of a run, with all runs under ``runs``.

        ``final`` has the means where there are only repeats; of variants there is no common result. With repeats,
        ``over_seeds`` has the summary of each variant's networks.
        """
        alone, repeats = not self.scenario.variants, self.scenario.scenario.repeats
        known = (*METRICS, *self.final_only, *self.metrics)
        spreads = {name: self.spread(self.names[0], name) if alone else None for name in known}
        final = {name: spread and spread[0] for name, spread in spreads.items()}
        first = self.results[0]
        runs = [{"variant": result.scenario.variant or None, **result.as_json()} for result in self.results]
        return {
            "scenario": self.scenario.scenario.name,
            "backend": first.backend,
            "seed": self.scenario.scenario.seed,
            "epochs": first.simulator.training.epochs if alone else None,
            "parameters": first.simulator.network.size if alone else None,
            "final": {name: mean for name, mean in final.items() if mean is not None or name in ALWAYS},
            "expectations": [expectation.as_json() for expectation in self.expectations],
            "seconds": self.seconds,
            "run_dir": None if self.folder is None else str(self.folder),
            "variants": [name for name in self.names if name],
            "repeats": repeats,
            "diverged": self.diverged,
            **({"over_seeds": {name: self.summary(name) for name in self.names}} if repeats > 1 else {}),
            "runs": [
                {key: value for key, value in run.items() if key not in ("scenario", "backend", "expectations")}
                for run in runs
            ],
        }


def label_of(scenario: Scenario) -> str:
    """The name of a scenario, with its variant where it is one."""
    return scenario.scenario.name + (f" ({scenario.variant})" if scenario.variant else "")


def promises_met(expectations: Sequence[Expectation]) -> list[str]:
    """How many promises were met, in words; empty if there are none."""
    met = sum(expectation.met for expectation in expectations)
    return [f"{met} of {counted(len(expectations), 'promise')} met"] if expectations else []


def _promises_html(expectations: Sequence[Expectation]) -> str:
    items = (f"<li>{escape(kept.text)}: {'met' if kept.met else '<b>missed</b>'}</li>" for kept in expectations)
    return f"<ul>{''.join(items)}</ul>"


def counted(count: int, what: str) -> str:
    """A number of things, in words: "1 epoch", "2 epochs"."""
    return f"{count:,} {what}{'s' * (count != 1)}"


def result_of(simulator: Simulator, folder: Path | None, total: float) -> Result:
    """The result of a simulator that is trained; raises DivergedError where its loss is not finite."""
    metrics = simulator.final_measures()
    loss = metrics["train_loss"]
    if loss is not None and not math.isfinite(loss):
        raise DivergedError(
            f"training diverged in epoch {len(simulator.history)}, its last: the loss is {loss} with the last weights",
            SLOWER,
        )
    return _as_result(simulator, metrics, folder, total)


def diverged_result(simulator: Simulator, folder: Path | None, total: float) -> Result:
    """The result of a simulator whose training diverged: no measure is a number."""
    return _as_result(simulator, diverged_measures(simulator.final_measures()), folder, total)


def _as_result(simulator: Simulator, metrics: dict[str, float | None], folder: Path | None, total: float) -> Result:
    seconds = {"compile": simulator.prepare(), "train": sum(simulator.history.seconds), "total": total}
    outcome = Outcome(metrics, simulator.history, simulator.recording)
    expectations = check_expectations(simulator.scenario, outcome)
    rows = simulator.data.sha256
    return Result(simulator.scenario, simulator, simulator.history, metrics, expectations, seconds, folder, rows)


def study_expectations(scenario: Scenario, results: Sequence[Result]) -> list[Expectation]:
    """The promises of a study, and whether they were kept: bounds on each variant, then the claims."""
    variants = scenario.variants or {scenario.variant: scenario}
    outcomes = {name: [result.outcome for result in results if result.scenario.variant == name] for name in variants}
    bounds = [check_bounds(variant, outcomes[name], name) for name, variant in variants.items()]
    return [*(expectation for each in bounds for expectation in each), *check_claims(scenario.claims, outcomes)]
