"""A scenario that was checked and completed, as everything after loading sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from neurosim.errors import UsageError
from neurosim.network.network_section import NetworkSection
from neurosim.network.sections import Choice
from neurosim.plugin import Table
from neurosim.plugin.host import BUILTIN, Plugin, Registry
from neurosim.scenario import overrides as changes
from neurosim.scenario.augmentation import AugmentationSection
from neurosim.scenario.changes import lesson_note
from neurosim.scenario.checking import check, one_each
from neurosim.scenario.defaults import complete
from neurosim.scenario.faults import Report
from neurosim.scenario.name_checks import required
from neurosim.scenario.play import PlaySection
from neurosim.scenario.reading import parse
from neurosim.scenario.renaming import renamed
from neurosim.scenario.schema import (
    Bound,
    DataSection,
    OptimizerSection,
    RequiresSection,
    ScenarioFile,
    ScenarioSection,
    TrainingSection,
)
from neurosim.scenario.shipped_scenarios import shipped
from neurosim.scenario.study import Claim, PlotsSection, RecordSection, Variant
from neurosim.scenario.sweep_section import SweepSection
from neurosim.scenario.writing import to_toml
from neurosim.suggestions import unknown


@dataclass(frozen=True)
class Scenario:
    """A scenario that was checked and completed: its names have become records, all parameters have values.

    Attributes
    ----------
    scenario, data, network, optimizer, training, augmentation : sections
        See `neurosim.scenario.schema`.
    expect : mapping of str to Bound
        What the run must show, by measure.
    requires : RequiresSection
        Plugins that must be loaded; they are.
    record : RecordSection or None
        What to record of every layer.
    plots : PlotsSection
        How variants are drawn together.
    claims : tuple of Claim
        What its results must show; a variant has those that are about it alone.
    play : PlaySection or None
        The scenario as a lesson on the page that trains.
    sweep : SweepSection or None
        What `neurosim sweep` varies.
    variants : mapping of str to Scenario
        The variants by name, in the order of the file; each is a scenario without any.
    variant : str
        Name of the variant that this scenario is, else empty.
    given : ScenarioFile
        The sections as they were written, without defaults; variants start from these.
    path : pathlib.Path or None
        The file it was read from.
    base : pathlib.Path
        Folder that relative paths in ``[data]`` start from.
    vouched : set of str
        Data files, as they are named in it, that may lie anywhere, because the user has named them himself.
    plugins : tuple of Plugin
        The plugins that it uses or requires, besides the built-ins.
    registry : Registry
        Where its names have been looked up, and those of a changed scenario will be.
    table : Table or None
        The rows, where they were given in Python and are not to be loaded.
    report : Report
        Knows where in the file everything stands.
    notes : tuple of str
        What to know of how it was loaded: what another name has taken with it, such as parameters of the optimizer
        before, and names of built-in records that a plugin has given too.
    """

    scenario: ScenarioSection
    data: DataSection
    network: NetworkSection
    optimizer: OptimizerSection
    training: TrainingSection
    augmentation: AugmentationSection
    expect: Mapping[str, Bound]
    requires: RequiresSection
    record: RecordSection | None
    plots: PlotsSection
    claims: tuple[Claim, ...]
    play: PlaySection | None
    sweep: SweepSection | None
    path: Path | None = field(compare=False)
    base: Path = field(compare=False)
    plugins: tuple[Plugin, ...] = field(compare=False)
    registry: Registry = field(compare=False, repr=False)
    given: ScenarioFile = field(compare=False, repr=False)
    variants: Mapping[str, Scenario] = field(default_factory=dict)
    variant: str = field(default="", compare=False)
    vouched: frozenset[str] = field(default=frozenset(), compare=False)
    table: Table | None = field(default=None, compare=False, repr=False)
    report: Report = field(default_factory=lambda: Report(""), compare=False, repr=False)
    notes: tuple[str, ...] = field(default=(), compare=False)

    def place(self, key: str) -> str:
        """Where a key path is set, for the beginning of a message: ``xor.toml:20:1``, or the option that sets it."""
        of = f": variant {self.variant}" if self.variant else ""
        return f"{self.report.place(changes.key_path(key))}{of}"

    def __repr__(self) -> str:
        name = self.scenario.name + (f" ({self.variant})" if self.variant else "")
        parts = [self.scenario.headline, f"seed {self.scenario.seed}"]
        parts += [f"{len(self.variants)} variants"] if self.variants else []
        parts += [f"{self.scenario.repeats} repeats"] if self.scenario.repeats > 1 else []
        parts += [f"changed: {', '.join(self.scenario.changed)}"] if self.scenario.changed else []
        return f"<Scenario {name}: {'; '.join(parts)}>"

    @property
    def is_study(self) -> bool:
        """Whether it is several runs: variants, or repeats from several seeds."""
        return bool(self.variants) or self.scenario.repeats > 1

    @cached_property
    def expects_failure(self) -> bool:
        """Whether all that ``[expect]`` says is how little can be learned: an accuracy of at most 75%, for example."""
        return bool(self.expect) and all(
            bound.at_least is None and bound.at_most is not None and bound.at_most < 1.0
            if self.rises(measure)
            else bound.at_most is None
            for measure, bound in self.expect.items()
        )

    def rises(self, measure: str) -> bool:
        """Whether larger values of a measure are better."""
        name = measure.partition("_")[2]
        metrics = {metric.record.name: metric.record for metric in self.training.metrics or ()}
        return bool(metrics[name].better == "larger") if name in metrics else name in ("accuracy", "r2")

    @property
    def is_shipped(self) -> bool:
        """Whether it came with neurosim, changed or not."""
        return self.path is not None and self.path == shipped().get(self.path.stem)

    def lesson_note(self, *, missed: bool) -> str:
        """What a reader of the lesson has to know where something else was run than it speaks of; else empty.

        `missed`: something did not come out as promised.
        """
        return lesson_note(self.scenario.changed, missed=missed)

    def about(self, variant: str) -> Variant:
        """Name, group and value of a variant.

        Raises
        ------
        UsageError
            When there is no such variant.
        """
        for entry in self.given.variants:
            if entry.name == variant:
                return entry
        known = [entry.name for entry in self.given.variants]
        hint = unknown("variant", variant, known)[1] if known else "the scenario has no [[variants]]"
        raise UsageError(f'unknown variant "{variant}" of scenario {self.scenario.name}', hint)

    def changed(self, overrides: Mapping[str, Any]) -> Scenario:
        """The same with some values replaced, by dotted key path, as ``neurosim run RUN/scenario.toml --set`` does.

        Raises
        ------
        ScenarioError
            If the values do not fit; of a study, which is several scenarios, change its variants.
        UsageError
            If an override has no usable key path.
        """
        values = {changes.key_path(key): changes.as_toml(value) for key, value in overrides.items()}
        labels = {changes.key_path(key): changes.label(key, value) for key, value in overrides.items()}
        path = self.path or Path(self.scenario.name)
        made, notes = renamed(self._tree, values, self.registry)
        tree, faults = changes.apply(made, values)
        report = Report(path.name, {}, labels)
        sections, more = check(tree, self.registry)
        if faults or more or sections is None:
            raise report.error(one_each([*faults, *more]))
        changed = completed(sections, path, self.base, self.registry, report)
        table = self.table if changed.data.source == self.data.source else None
        return replace(changed, variant=self.variant, vouched=self.vouched, table=table, notes=tuple(notes))

    @cached_property
    def _tree(self) -> dict[str, Any]:
        """The document that `to_toml` writes; a sweep changes one scenario many times."""
        return parse(self.to_toml(), (self.path or Path(self.scenario.name)).name)

    def to_toml(self) -> str:
        """The scenario as a TOML document, with overrides and defaults written out; loads to an equal scenario.

        Where there are variants, defaults are left out: what a variant says decides on the defaults of its own.

        Raises
        ------
        ScenarioError
            When the name of a file has bytes that are not text.
        """
        if self.variants:
            # The seed, and data files named from the root, may be others than those given.
            data = self.data.model_copy(update={"standardize_targets": self.given.data.standardize_targets})
            return to_toml(self.given.model_copy(update={"scenario": self.scenario, "data": data}))
        complete = {name: getattr(self, name) for name in ScenarioFile.model_fields} | {"variants": []}
        return to_toml(self.given.model_copy(update=complete))

    def settings(self) -> Iterator[tuple[str, Any]]:
        """What it says, by dotted key, such as ``optimizer.lr`` and ``network.layers.0.units``."""
        return _settings(parse(self.to_toml(), self.scenario.name), "")

    @property
    def may_stop_it(self) -> list[Choice]:
        """Its observers without logs, which stop no run and change no number."""
        return [choice for choice in self.training.observers or () if not choice.record.log]

    @property
    def taking_part(self) -> tuple[Plugin, ...]:
        """Those of its plugins that have a part in what is trained, and not only in logs."""
        return _plugins(replace(self, training=self.without_logs), self.registry)

    @property
    def without_logs(self) -> TrainingSection:
        """``[training]`` without logs."""
        return self.training.model_copy(update={"observers": self.may_stop_it or None})


def holds_tables(value: Any) -> bool:
    """Whether a value is a list with tables in it, or in the lists in it, as the branches of a layer are."""
    return isinstance(value, list) and any(isinstance(entry, Mapping) or holds_tables(entry) for entry in value)


def _settings(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    """The values in a tree of tables with their keys; a list of numbers or texts is one."""
    if holds_tables(value):
        value = {str(place): entry for place, entry in enumerate(value)}
    if not isinstance(value, dict):
        yield key, value
        return
    for name, entry in value.items():
        yield from _settings(entry, f"{key}.{name}" if key else name)


def completed(given: ScenarioFile, path: Path | None, base: Path, registry: Registry, report: Report) -> Scenario:
    """The scenario without variants that checked sections are, with all defaults."""
    sections = complete(given, registry)
    return Scenario(
        scenario=sections.scenario,
        data=sections.data,
        network=sections.network,
        optimizer=sections.optimizer,
        training=sections.training,
        augmentation=sections.augmentation,
        expect={str(metric): bound for metric, bound in sections.expect.items()},
        requires=sections.requires,
        record=sections.record,
        plots=sections.plots,
        claims=tuple(sections.claims),
        play=sections.play,
        sweep=sections.sweep,
        path=path,
        base=base,
        plugins=_plugins(sections, registry),
        registry=registry,
        given=given,
        report=report,
    )


def _plugins(sections: ScenarioFile | Scenario, registry: Registry) -> tuple[Plugin, ...]:
    """The plugins that completed sections use or require; no built-ins."""
    optimizer = sections.optimizer
    entries = [sections.data.entry, *sections.network.entries, optimizer.entry]
    entries += [choice.entry for choice in optimizer.all_schedules.values()]
    training = sections.training
    entries += [training.batch_schedule.entry] if training.batch_schedule is not None else []
    entries += [choice.entry for choice in (*(training.metrics or ()), *(training.observers or ()))]
    plugins = [entry.plugin for entry in entries]
    for text in sections.requires.plugins:
        plugins += required(text, registry)
    return tuple(plugin for plugin in dict.fromkeys(plugins) if plugin.name != BUILTIN)
