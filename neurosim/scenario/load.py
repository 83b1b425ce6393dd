"""Load a scenario: find, read, change, check and complete it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from neurosim.errors import UsageError
from neurosim.network.building import NetworkSection
from neurosim.plugin.host import NEEDED_AGAIN, Plugin, Registry, build_registry, suspects
from neurosim.scenario import overrides as changes
from neurosim.scenario.augmentation import AugmentationSection
from neurosim.scenario.catalog import shipped
from neurosim.scenario.changes import VARIANT, added, changed_keys, lesson_note
from neurosim.scenario.claims import study_faults
from neurosim.scenario.completion import complete
from neurosim.scenario.consistency import consistency_faults
from neurosim.scenario.faults import Fault, Report, shorten
from neurosim.scenario.keys import misplaced
from neurosim.scenario.locate import KeyPath, locate
from neurosim.scenario.names import name_faults
from neurosim.scenario.reading import find, parse, read, unusable
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
from neurosim.scenario.shape import validate
from neurosim.scenario.study import Claim, PlotsSection, RecordSection, Variant
from neurosim.scenario.uses import used_plugins
from neurosim.scenario.variants import expand, override_variants
from neurosim.scenario.vouching import vouched_for
from neurosim.scenario.writing import to_toml
from neurosim.suggestions import unknown


@dataclass(frozen=True)
class Scenario:
    """A scenario that was checked and completed: all names exist, all parameters have values.

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
        What must come of it; a variant has those that are about it alone.
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
    registry : Registry
        Where its names are looked up.
    report : Report
        Knows where in the file everything stands.
    notes : tuple of str
        What another name has taken with it when the scenario was loaded, such as parameters of the optimizer before.
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
    path: Path | None = field(compare=False)
    base: Path = field(compare=False)
    registry: Registry = field(compare=False, repr=False)
    given: ScenarioFile = field(compare=False, repr=False)
    variants: Mapping[str, Scenario] = field(default_factory=dict)
    variant: str = field(default="", compare=False)
    vouched: frozenset[str] = field(default=frozenset(), compare=False)
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
    def plugins(self) -> list[Plugin]:
        """The plugins that it uses or requires, besides the built-ins."""
        return used_plugins(self)

    @property
    def is_study(self) -> bool:
        """Whether it is several runs: variants, or repeats from several seeds."""
        return bool(self.variants) or self.scenario.repeats > 1

    @property
    def expects_failure(self) -> bool:
        """Whether all that ``[expect]`` says is how little can be learnt: an accuracy of at most 75%, for example."""
        return bool(self.expect) and all(
            bound.at_least is None and bound.at_most is not None and bound.at_most < 1.0
            if measure.endswith(("accuracy", "r2"))
            else bound.at_most is None
            for measure, bound in self.expect.items()
        )

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
        made, notes = renamed(parse(self.to_toml(), path.name), values, self.registry)
        tree, faults = changes.apply(made, values)
        report = Report(path.name, {}, labels)
        sections, more = _check(tree, self.registry)
        if faults or more or sections is None:
            raise report.error(_one_each([*faults, *more]))
        changed = _scenario(sections, path, self.base, self.registry, report)
        return replace(changed, variant=self.variant, vouched=self.vouched, notes=tuple(notes))

    def to_toml(self) -> str:
        """The scenario as TOML, with overrides and defaults written out; loads to an equal one."""
        return to_toml(self)


def load_scenario(
    source: str | Path,
    *,
    overrides: Mapping[str, Any] | None = None,
    seed: int | None = None,
    plugins: Sequence[Path | str] = (),
    registry: Registry | None = None,
    own: bool = False,
) -> Scenario:
    """Load a scenario and check all of it.

    A scenario may be from anybody: of the data files that it names only those below its folder and below the data
    folder will be read, unless the user names one himself, by an override.

    Parameters
    ----------
    source : str or path
        A TOML file, or the name of a shipped scenario.
    overrides : mapping, optional
        Values that replace those of the file, by dotted key path:
        ``{"training.epochs": 200, "network.layers.0.activation": "relu"}``.
    seed : int, optional
        Replaces the seed of the file.
    plugins : sequence of paths
        Python files to load as plugins, and folders of such files. A file named here must work; a
        broken one in a folder hurts only a scenario that needs it. The scenario itself never makes
        code load.
    registry : Registry, optional
        What the scenario may name, instead of the built-ins and the installed plugins.
    own : bool
        Whether the user stands behind all files that it names, as with the scenario in a folder of one of his runs.

    Raises
    ------
    ScenarioError
        If anything is wrong with the scenario; the message has a line for each fault.
    DataError
        If there is no such file, or it cannot be read.
    UsageError
        If an override has no usable key path.
    """
    if not isinstance(source, str | os.PathLike):
        raise UsageError(
            f"load_scenario takes the name of a scenario or its path, and this is of type {type(source).__name__}"
        )
    if registry is not None and plugins:
        raise UsageError("load_scenario takes plugins or a registry, not both", "build_registry(plugins) makes one")
    path = find(source)
    # A shipped scenario was asked for by name; where it is installed says nothing to the reader.
    shown = path.name if str(source) != str(path) else shorten(str(path))
    text = read(path, shown)
    tree = parse(text, shown)
    positions = locate(text)
    faults = list(unusable(tree))
    if faults and any("nested" in fault.text for fault in faults):
        raise Report(shown, positions).error(faults)

    values: dict[KeyPath, Any] = {}
    labels: dict[KeyPath, str] = {}
    for key, value in (overrides or {}).items():
        values[changes.key_path(key)] = changes.as_toml(value)
        labels[changes.key_path(key)] = changes.label(key, value)
    if seed is not None:
        values["scenario", "seed"] = seed
        labels["scenario", "seed"] = f"--seed {seed}"
    if registry is None:
        folders = [path for path in plugins if Path(path).is_dir()]
        registry = build_registry([path for path in plugins if path not in folders], plugin_folders=folders)
    made, notes = renamed(tree, values, registry)
    changed, faults = changes.apply(made, values)
    names = changed_keys(tree, values)
    if names and isinstance(changed.get("scenario"), dict):
        changed["scenario"]["changed"] = added(changed["scenario"].get("changed"), names)
    apart = ("variants", "claims", "plots", "scenario")
    shared = {path: value for path, value in values.items() if path[0] not in apart}
    labels |= {place: labels[path] for place, path in override_variants(changed, shared, registry).items()}

    report = Report(shown, positions, labels)
    sections, own_faults = _check(changed, registry)
    # Before what the checks say of the same places.
    faults = [*(Fault(place, text) for place, text in misplaced(values, tree, registry)), *faults]
    faults += [*unusable(changed), *own_faults, *study_faults(changed)]
    expanded = list(expand(changed, registry))
    variants = []
    known = set(own_faults)
    for variant in expanded:
        found, variant_faults = _check(variant.tree, registry)
        variants.append(found)
        relocated = (variant.relocated(fault, known) for fault in variant_faults)
        faults += [*variant.faults, *(fault for fault in relocated if fault is not None)]
    if faults or sections is None:
        strange = [fault.path for fault in faults if fault.unknown_name]
        hint = suspects(registry.plugins) if strange else ""
        # A run has been trained with every name in its scenario, so it is no misspelling.
        if own and not hint and not all(any(path[: len(key)] == key for key in values) for path in strange):
            hint = NEEDED_AGAIN
        raise report.error(_one_each(faults), hint)

    base = path.resolve().parent
    vouched = vouched_for({(key,): value for key, value in changed.items()} if own else values)
    return replace(
        _scenario(sections, path, base, registry, report),
        vouched=vouched,
        notes=(*notes, *(note for variant in expanded for note in variant.notes)),
        variants={
            about.name: replace(
                _variant(about.name, found, sections, path, base, registry, report),
                vouched=vouched,
                notes=(*notes, *variant.notes),
            )
            for about, found, variant in zip(sections.variants, variants, expanded, strict=True)
            if found is not None
        },
    )


def _check(tree: dict[str, Any], registry: Registry) -> tuple[ScenarioFile | None, list[Fault]]:
    """The sections of a tree, and all that is wrong with it."""
    sections, faults = validate(tree)
    return sections, list(chain(faults, name_faults(tree, registry), consistency_faults(tree, registry)))


def _one_each(faults: Iterable[Fault]) -> list[Fault]:
    """One fault for each place: what is no number at all need not be of the right size too."""
    first: dict[KeyPath, Fault] = {}
    for fault in faults:
        first.setdefault(fault.path, fault)
    return list(first.values())


def _scenario(given: ScenarioFile, path: Path, base: Path, registry: Registry, report: Report) -> Scenario:
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
        path=path,
        base=base,
        registry=registry,
        given=given,
        report=report,
    )


def _variant(
    name: str, given: ScenarioFile, study: ScenarioFile, path: Path, base: Path, registry: Registry, report: Report
) -> Scenario:
    """One variant as a scenario of its own, with the claims that are about it alone."""
    alone = [
        claim.model_copy(update={"of": None})
        for claim in study.claims
        if claim.exceeds is None and (not claim.subjects or name in claim.subjects)
    ]
    about = given.scenario
    own = {"title": f"{about.title} ({name})", "changed": added(about.changed, [f"{VARIANT}{name}"])}
    sections = given.model_copy(update={"claims": alone, "scenario": about.model_copy(update=own)})
    return replace(_scenario(sections, path, base, registry, report), variant=name)
