"""Load a scenario: find, read, change, check and complete it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from neurosim.errors import UsageError
from neurosim.plugin.host import Registry, build_registry, needed_again, suspects
from neurosim.scenario import overrides as changes
from neurosim.scenario.changes import VARIANT, added, changed_keys
from neurosim.scenario.checking import check, one_each
from neurosim.scenario.faults import Fault, Report, shorten
from neurosim.scenario.keys import misplaced
from neurosim.scenario.locate import KeyPath, Position, locate
from neurosim.scenario.namesakes import namesake_notes
from neurosim.scenario.reading import find, parse, read, unusable
from neurosim.scenario.renaming import renamed
from neurosim.scenario.run_plugins import trained_plugins
from neurosim.scenario.scenario import Scenario, completed
from neurosim.scenario.schema import ScenarioFile
from neurosim.scenario.study_checks import study_faults
from neurosim.scenario.sweep_checks import sweep_faults
from neurosim.scenario.variants import expand, override_variants
from neurosim.scenario.vouching import as_named, vouched_for

# What a scenario that is made in Python may leave out: what it is called, and that its rows will be given.
IN_PYTHON = {
    "scenario": {"name": "unnamed", "title": "A scenario without a title"},
    "data": {"source": "arrays"},
}


class _Document(NamedTuple):
    """The values of a scenario, and where they are from.

    Attributes
    ----------
    tree : dict
        As tomllib reads them.
    shown : str
        What it is called in messages.
    positions : mapping or None
        Where everything stands; None where it was made in Python.
    path : Path or None
        The file.
    base : Path
        Where relative paths start from.
    """

    tree: dict[str, Any]
    shown: str
    positions: Mapping[KeyPath, Position] | None
    path: Path | None
    base: Path


def scenario(
    sections: Mapping[str, Any] | None = None,
    /,
    *,
    overrides: Mapping[str, Any] | None = None,
    plugins: Sequence[Path | str] = (),
    registry: Registry | None = None,
    **more: Any,
) -> Scenario:
    """Make a scenario in Python and check all of it, as `load_scenario` does with a file.

    Parameters
    ----------
    sections : mapping, optional
        What stands in the file: ``{"network": {"loss": "mse", "layers": [...]}, ...}``. A section may be given by its
        name too: ``scenario(network={...}, optimizer={"name": "adam"})``. ``[scenario]`` may be left out, and
        ``[data]`` where the rows are given to `run`. Relative paths start from the working folder.
    overrides, plugins, registry
        As for `load_scenario`.

    Raises
    ------
    ScenarioError
        If anything is wrong with it; the message has a line for each fault.
    UsageError
        If a section is given twice, or an override has no usable key path.
    """
    both = sorted((sections or {}).keys() & more.keys())
    if both:
        raise UsageError(f"[{both[0]}] is given twice, in the mapping and by its name")
    return load_scenario({**(sections or {}), **more}, overrides=overrides, plugins=plugins, registry=registry)


def load_scenario(
    source: str | Path | Mapping[str, Any],
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
    source : str, path or mapping
        A TOML file, or the name of a shipped scenario; or its sections, as `scenario` takes them.
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
    if registry is not None and plugins:
        raise UsageError("load_scenario takes plugins or a registry, not both", "build_registry(plugins) makes one")
    document = _document(source)
    tree, path = document.tree, document.path
    faults = list(unusable(tree))
    if faults and any("nested" in fault.text for fault in faults):
        raise Report(document.shown, document.positions).error(faults)

    values: dict[KeyPath, Any] = {}
    labels: dict[KeyPath, str] = {}
    for key, value in (overrides or {}).items():
        place = changes.key_path(key)
        values[place] = as_named(place, changes.as_toml(value))
        labels[place] = changes.label(key, value)
    if seed is not None:
        values["scenario", "seed"] = seed
        labels["scenario", "seed"] = f"seed={seed}"
    if registry is None:
        folders = [path for path in plugins if Path(path).is_dir()]
        registry = build_registry([path for path in plugins if path not in folders], plugin_folders=folders)
    made, notes = renamed(tree, values, registry)
    changed, faults = changes.apply(made, values)
    names = changed_keys(tree, values)
    if names and isinstance(changed.get("scenario"), dict):
        changed["scenario"]["changed"] = added(changed["scenario"].get("changed"), names)
    apart = ("variants", "claims", "plots", "play", "sweep", "scenario")
    shared = {path: value for path, value in values.items() if path[0] not in apart}
    labels |= {place: labels[path] for place, path in override_variants(changed, shared, registry).items()}

    report = Report(document.shown, document.positions, labels)
    sections, own_faults = check(changed, registry)
    # Before what the checks say of the same places.
    faults = [*(Fault(place, text) for place, text in misplaced(values, tree, registry)), *faults]
    faults += [*unusable(changed), *own_faults, *study_faults(changed, registry)]
    expanded = list(expand(changed, registry))
    variants = [check(variant.tree, registry) for variant in expanded]
    known = set(own_faults)
    for variant, (_, variant_faults) in zip(expanded, variants, strict=True):
        relocated = (variant.relocated(fault, known) for fault in variant_faults)
        faults += [*variant.faults, *(fault for fault in relocated if fault is not None)]
    faults += sweep_faults(changed, registry, faults)
    if faults or sections is None:
        strange = [fault.path for fault in faults if fault.unknown_name]
        hint = suspects(registry.plugins) if strange else ""
        # A run has been trained with every name in its scenario, so it is no misspelling.
        if (
            path is not None
            and own
            and not hint
            and not all(any(path[: len(key)] == key for key in values) for path in strange)
        ):
            hint = needed_again(trained_plugins(path.parent), registry.plugins)
        raise report.error(one_each(faults), hint)

    # What is written in Python is the user's own.
    everything = own or path is None
    vouched = vouched_for({(key,): value for key, value in changed.items()} if everything else values)

    def made_of(sections: ScenarioFile) -> Scenario:
        return replace(completed(sections, path, document.base, registry, report), vouched=vouched)

    scenario = made_of(sections)
    if not own:  # a run has been trained with what its names mean
        trees = [changed, *(variant.tree for variant in expanded)]
        found = (namesake_notes(tree, registry, values, shipped=scenario.is_shipped) for tree in trees)
        notes += dict.fromkeys(chain.from_iterable(found))
    return replace(
        scenario,
        notes=(*notes, *(note for variant in expanded for note in variant.notes)),
        variants={
            about.name: replace(
                made_of(_of_variant(about.name, given, sections)),
                variant=about.name,
                notes=(*notes, *variant.notes),
            )
            for about, (given, _), variant in zip(sections.variants, variants, expanded, strict=True)
            if given is not None
        },
    )


def _document(source: str | Path | Mapping[str, Any]) -> _Document:
    """Find and read a file, or take the sections as they are given."""
    if isinstance(source, Mapping):
        sections = {**IN_PYTHON, **source}
        for name, given in IN_PYTHON.items():
            if isinstance(sections[name], Mapping):
                sections[name] = {**given, **sections[name]}
        return _Document(changes.as_toml(sections), "the scenario", None, None, Path.cwd())
    if not isinstance(source, str | os.PathLike):
        raise UsageError(
            "load_scenario takes the name of a scenario, its path or its sections, and this is of type "
            f"{type(source).__name__}"
        )
    path = find(source)
    # A shipped scenario was asked for by name; where it is installed says nothing to the reader.
    shown = path.name if str(source) != str(path) else shorten(str(path))
    text = read(path, shown)
    return _Document(parse(text, shown), shown, locate(text), path, path.resolve().parent)


def _of_variant(name: str, given: ScenarioFile, study: ScenarioFile) -> ScenarioFile:
    """The sections of a variant as a scenario of its own, with the claims that are about it alone."""
    alone = [
        claim.model_copy(update={"of": None})
        for claim in study.claims
        if claim.exceeds is None and (not claim.subjects or name in claim.subjects)
    ]
    about = given.scenario
    own = {"title": f"{about.title} ({name})", "changed": added(about.changed, [f"{VARIANT}{name}"])}
    return given.model_copy(update={"claims": alone, "scenario": about.model_copy(update=own)})
