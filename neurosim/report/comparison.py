"""Finished runs side by side: which of their settings differ, and whether they can be compared at all."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurosim.analysis.studies import RunOfStudy, StudyFacts, VariantFacts
from neurosim.errors import UsageError
from neurosim.markup import amount, escape, measure_words, table
from neurosim.printable import label
from neurosim.scenario.faults import show
from neurosim.scenario.scenario import holds_tables
from neurosim.scenario.schema import OF_INPUTS
from neurosim.training.measures import JUDGED_BY, judged_split

if TYPE_CHECKING:  # what compares need not load a simulator
    from neurosim.runs import Result
    from neurosim.scenario import Scenario

# Sections whose keys are settings, and keys of the data section that leave rows the same.
SECTIONS = ("data", "augmentation", "network", "optimizer", "training")
SAME_ROWS = (*OF_INPUTS, "standardize_targets")
# What stands below the measures in a table of outcomes.
_FACTS = ("epochs", "s/epoch", "parameters", "promises met", "seeds")
LONGEST_LABEL = 26
# Letters of a folder's name, which may be the only difference between two runs.
LONGEST_NAME = 60


@dataclass(frozen=True)
class Compared:
    """One run.

    Attributes
    ----------
    label : str
        Its name: what differs if that is short, otherwise its folder.
    folder : Path or None
        Where it is.
    settings : dict of str to str
        Its settings by key path, including defaults.
    result : Result
        The run.
    """

    label: str
    folder: Path | None
    settings: dict[str, str]
    result: Result


@dataclass(frozen=True)
class Comparison:
    """Runs side by side.

    Attributes
    ----------
    runs : tuple of Compared
        In the order given.
    differing : tuple of str
        Key paths of the settings that are not the same in all.
    remarks : tuple of str
        What to keep in mind when comparing.
    """

    runs: tuple[Compared, ...]
    differing: tuple[str, ...]
    remarks: tuple[str, ...]

    def __repr__(self) -> str:
        differs = ", ".join(self.differing) or "nothing"
        return f"<Comparison of {', '.join(by_label(self))}; differs: {differs}>"

    def _repr_html_(self) -> str:
        """Which settings differ, and how each run ended, for notebooks."""
        # How long an epoch took says more about the machine than about the runs.
        rows = [*setting_rows(self), *(row for row in outcome_rows(self) if row[0] != "s/epoch")]
        remarks = "".join(f"<p>{escape(remark)}</p>" for remark in self.remarks)
        header = ["", *by_label(self)]
        return table(header, rows, range(1, len(header))) + remarks


def compare(results: Sequence[Result], *, of_one_study: bool = False) -> Comparison:
    """Put runs side by side.

    Raises
    ------
    UsageError
        When they were measured on different rows, unless they are one study, whose author intends it.
    """
    found = [settings(result.scenario) for result in results]
    if not of_one_study:
        for result in results:
            _same_rows(results[0], result)
    keys = dict.fromkeys(key for own in found for key in own)
    differing = tuple(key for key in keys if len({own.get(key, "-") for own in found}) > 1)
    if of_one_study and any(result.scenario.variant for result in results):
        # Every variant was trained from the same seeds.
        differing = tuple(key for key in differing if key != "seed")
    labels = _labels(results, found, differing, of_one_study=of_one_study)
    runs = tuple(
        Compared(label, result.folder, own, result) for label, result, own in zip(labels, results, found, strict=True)
    )
    return Comparison(runs, differing, tuple(_remarks(results, differing)))


def settings(scenario: Scenario) -> dict[str, str]:
    """Every setting of a scenario by its key path, as it would stand in the file; who logs a run is none."""
    found = {"seed": str(scenario.scenario.seed)}
    for section in SECTIONS:
        value = scenario.without_logs if section == "training" else getattr(scenario, section)
        found |= dict(_leaves(value.model_dump(exclude_none=True), section))
    return found


def _leaves(value: Any, path: str) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        # A choice with settings of its own is shown by its name.
        entries = dict(value)
        own = [(path, str(entries.pop("name")))] if "name" in entries and "kind" not in entries else []
        params = entries.pop("params", None)
        if isinstance(params, Mapping):
            entries |= params
        return own + [leaf for key, entry in entries.items() for leaf in _leaves(entry, f"{path}.{key}")]
    if holds_tables(value):
        return [leaf for place, entry in enumerate(value) for leaf in _leaves(entry, f"{path}.{place}")]
    if isinstance(value, bool):
        return [(path, str(value).lower())]
    return [(path, f"{value:g}" if isinstance(value, float) else str(value))]


def _same_rows(first: Result, other: Result) -> None:
    """Raise UsageError if two runs were measured on different rows."""
    if _judged_rows(first) == _judged_rows(other):
        return
    own, others = (result.scenario.data.model_dump(exclude_none=True) for result in (first, other))
    keys = [key for key in {**own, **others} if key not in SAME_ROWS and own.get(key) != others.get(key)]
    # Another data set has other options too.
    keys = ["source"] if "source" in keys else keys
    settings = [f"data.{key} is {_shown(own, key)} and {_shown(others, key)}" for key in keys]
    why = ", ".join(settings) or "with the same [data], so the data themselves have changed in between"
    raise UsageError(
        f"{_where(first)} and {_where(other)} were measured on different rows: {why}",
        "Losses and accuracies on different rows say nothing about each other.",
    )


def _judged_rows(result: Result) -> tuple[str, str]:
    """The split that says most about a network, and the hash of its rows."""
    split = next(name for name in JUDGED_BY if name in result.rows_sha256)
    return split, result.rows_sha256[split]


def _shown(settings: Mapping[str, Any], key: str) -> str:
    return show(settings[key]) if key in settings else "not set"


def _where(result: Result) -> str:
    return str(result.folder) if result.folder is not None else result.scenario.scenario.name


def _labels(
    results: Sequence[Result],
    found: Sequence[Mapping[str, str]],
    differing: Sequence[str],
    *,
    of_one_study: bool,
) -> list[str]:
    """The variant's name; or what differs, if that is short; or the folder."""
    if of_one_study:
        return [result.scenario.variant or f"seed {result.simulator.seed}" for result in results]
    short = [", ".join(f"{last_part(key)} {own.get(key, '-')}" for key in differing) for own in found]
    if differing and len(differing) <= 2 and len(set(short)) == len(short) and max(map(len, short)) <= LONGEST_LABEL:
        return short
    # Without folders, the first difference has to do.
    first = [label(f"{last_part(key)} {own.get(key, '-')}", LONGEST_NAME) for own in found for key in differing[:1]]
    if first and len(set(first)) == len(first) and all(result.folder is None for result in results):
        return first
    names = [label(Path(_where(result)).name, LONGEST_NAME) for result in results]
    return [f"{name} ({place})" if names.count(name) > 1 else name for place, name in enumerate(names, 1)]


def last_part(key: str) -> str:
    """What a setting is called within its section."""
    return key.rpartition(".")[2]


def _remarks(results: Sequence[Result], differing: Sequence[str]) -> list[str]:
    found = []
    losses = dict.fromkeys(result.scenario.network.loss_name for result in results)
    if len(losses) > 1:
        found.append(f"The losses are different functions ({', '.join(losses)}): compare accuracies, not losses.")
    if len({tuple(result.simulator.data.target_scale) for result in results}) > 1:
        found.append("The losses are of targets scaled differently: compare RMSE and R², not losses.")
    found += _row_remarks(results)
    found += _training_remarks(results)
    if "seed" in differing and len(results) > 1 and len(differing) > 1:
        found.append("The seeds differ too, so part of each difference is chance.")
    return found


def _row_remarks(results: Sequence[Result]) -> list[str]:
    """If not all have learned from the same rows, or were not measured on the same."""
    found = []
    if len({_judged_rows(result) for result in results}) > 1:
        found.append("Not all were measured on the same rows: their losses and accuracies cannot be compared directly.")
    if len({result.rows_sha256.get("train") for result in results}) > 1:
        counts = sorted({len(result.simulator.data.train) for result in results})
        rows = f" ({counts[0]:,} to {counts[-1]:,} of them)" if len(counts) > 1 else ""
        found.append(f"Not all have learned from the same training rows{rows}.")
    return found


def _training_remarks(results: Sequence[Result]) -> list[str]:
    """If plugins or versions differ between runs, or something has changed since one was trained."""
    found = [f"Mixed: {mixed}." for mixed in dict.fromkeys(result.mixed for result in results) if mixed]
    # Networks trained just now, and runs of older versions, say nothing about it.
    trained = [result.identity for result in results if result.identity is not None]
    plugins: dict[str, set[str]] = {}
    for identity in trained:
        for plugin in identity.plugins:
            plugins.setdefault(plugin.name, set()).add(plugin.sha256)
    differing = [name for name, contents in plugins.items() if len(contents) > 1]
    if differing:
        found.append(
            f"Not all were trained with the same plugin {' and '.join(differing)}: what it does may have changed."
        )
    for words, parts in (
        ("with the same versions", [identity.versions for identity in trained]),
        ("on the same kind of processor", [identity.arithmetic for identity in trained]),
    ):
        names = dict.fromkeys(name for part in parts for name in part)
        values = {name: sorted({part[name] for part in parts if name in part}) for name in names}
        differ = [f"{name} {' and '.join(some)}" for name, some in values.items() if len(some) > 1]
        if differ:
            found.append(f"Not all were trained {words}: {', '.join(differ)}.")
    return found


def common_title(shown: Comparison) -> str:
    """The title of their scenario if it is the same for all, otherwise how many there are."""
    titles = dict.fromkeys(run.result.scenario.scenario.headline for run in shown.runs)
    return next(iter(titles)) if len(titles) == 1 else f"{len(shown.runs)} runs compared"


def setting_rows(shown: Comparison) -> list[list[str]]:
    """A row for each setting that differs: its key path, and its value under each label."""
    firsts = [runs[0] for runs in by_label(shown).values()]
    return [[key, *(run.settings.get(key, "-") for run in firsts)] for key in shown.differing]


def outcome_rows(shown: Comparison) -> list[list[str]]:
    """A row for each part of the outcome: its name, and what it is under each label."""
    results = [_outcome(runs) for runs in by_label(shown).values()]
    names = dict.fromkeys(name for cells in results for name in cells)
    # What only later runs have measured comes before the facts all the same.
    ordered = sorted(names, key=lambda name: _FACTS.index(name) if name in _FACTS else -1)
    return [[name, *(cells.get(name, "-") for cells in results)] for name in ordered]


def _outcome(runs: Sequence[Compared]) -> dict[str, str]:
    """The outcome of a run, in words; for several seeds, mean and standard deviation."""
    results = [run.result for run in runs]
    cells = {}
    judged = judged_split(results[0].metrics)
    for name in results[0].metrics:
        known = [value for result in results if (value := result.metrics.get(name)) is not None]
        if known and ("baseline" not in name or name.startswith(judged)):
            cells[measure_words(name)] = _measure(name, known)
    seconds = [value for result in results for value in result.history.seconds if value]
    epochs = sorted({len(result.history) for result in results})
    cells["epochs"] = str(epochs[0]) if len(epochs) == 1 else f"{epochs[0]} to {epochs[-1]}"
    cells["s/epoch"] = f"{sum(seconds) / len(seconds):.2g}" if seconds else "-"
    cells["parameters"] = str(results[0].simulator.network.size)
    promises = [expectation for result in results for expectation in result.expectations]
    if promises:
        cells["promises met"] = f"{sum(promise.met for promise in promises)} of {len(promises)}"
    if len(runs) > 1:
        cells["seeds"] = str(len(runs))
    return cells


def _measure(name: str, values: Sequence[float]) -> str:
    diverged = sum(not math.isfinite(value) for value in values)
    if diverged:
        return "diverged" if diverged == len(values) else f"{diverged} of {len(values)} diverged"
    mean = sum(values) / len(values)
    percent, in_units = name.endswith("_accuracy"), name.endswith("rmse")
    words = f"{mean:.2%}" if percent else amount(mean) if in_units else f"{mean:.4g}"
    if len(values) == 1:
        return words
    deviation = statistics.stdev(values)
    return f"{words} ± {f'{100 * deviation:.2f}' if percent else amount(deviation) if in_units else f'{deviation:.2g}'}"


def by_label(shown: Comparison) -> dict[str, list[Compared]]:
    """The runs by label: each variant of a study has one run for each seed."""
    groups: dict[str, list[Compared]] = {}
    for run in shown.runs:
        groups.setdefault(run.label, []).append(run)
    return groups


def comparison_facts(shown: Comparison, title: str) -> StudyFacts:
    """What there is to draw of several runs: a line for each, or a line with a band for those of one variant."""
    variants = tuple(
        VariantFacts(
            label,
            "",
            None,
            tuple(
                RunOfStudy(
                    run.result.simulator.seed, run.result.history, run.result.metrics, run.result.recording, None
                )
                for run in runs
            ),
        )
        for label, runs in by_label(shown).items()
    )
    finals = [run.result.metrics for run in shown.runs]
    has_test = all(final.get("test_loss") is not None for final in finals)
    return StudyFacts(title, variants, "test_loss" if has_test else "train_loss", "mean", "", "linear")
