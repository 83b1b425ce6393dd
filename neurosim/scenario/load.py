"""Load a scenario: find, read, change, check and complete it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from neurosim.errors import UsageError
from neurosim.registry import Plugin, Registry, build_registry, suspects
from neurosim.scenario import overrides as changes
from neurosim.scenario.augmentation import AugmentationSection
from neurosim.scenario.completion import complete
from neurosim.scenario.consistency import consistency_faults
from neurosim.scenario.faults import Report, shorten
from neurosim.scenario.locate import KeyPath, locate
from neurosim.scenario.names import name_faults
from neurosim.scenario.reading import find, parse, read, unusable
from neurosim.scenario.schema import (
    Bound,
    DataSection,
    NetworkSection,
    OptimizerSection,
    RequiresSection,
    ScenarioSection,
    TrainingSection,
)
from neurosim.scenario.shape import validate
from neurosim.scenario.uses import used_plugins
from neurosim.scenario.writing import to_toml


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
    path : pathlib.Path or None
        The file it was read from.
    base : pathlib.Path
        Folder that relative paths in ``[data]`` start from.
    registry : Registry
        Where its names are looked up.
    """

    scenario: ScenarioSection
    data: DataSection
    network: NetworkSection
    optimizer: OptimizerSection
    training: TrainingSection
    augmentation: AugmentationSection
    expect: Mapping[str, Bound]
    requires: RequiresSection
    path: Path | None = field(compare=False)
    base: Path = field(compare=False)
    registry: Registry = field(compare=False, repr=False)

    @property
    def plugins(self) -> list[Plugin]:
        """The plugins that it uses or requires, besides the built-ins."""
        return used_plugins(self)

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
) -> Scenario:
    """Load a scenario and check all of it.

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
        values[changes.key_path(key)] = value
        labels[changes.key_path(key)] = changes.label(key, value)
    if seed is not None:
        values["scenario", "seed"] = seed
        labels["scenario", "seed"] = f"--seed {seed}"
    changed, faults = changes.apply(tree, values)

    if registry is None:
        folders = [path for path in plugins if Path(path).is_dir()]
        registry = build_registry([path for path in plugins if path not in folders], plugin_folders=folders)
    sections, shape_faults = validate(changed)
    faults += unusable(changed)
    told = {fault.path for fault in faults}
    for fault in chain(shape_faults, name_faults(changed, registry), consistency_faults(changed, registry)):
        # One line for each place: what is no number at all need not be of the right size too.
        if fault.path not in told:
            told.add(fault.path)
            faults.append(fault)
    if faults or sections is None:
        hint = suspects(registry.plugins) if any(fault.unknown_name for fault in faults) else ""
        raise Report(shown, positions, labels).error(faults, hint)

    sections = complete(sections, registry)
    return Scenario(
        scenario=sections.scenario,
        data=sections.data,
        network=sections.network,
        optimizer=sections.optimizer,
        training=sections.training,
        augmentation=sections.augmentation,
        expect={str(metric): bound for metric, bound in sections.expect.items()},
        requires=sections.requires,
        path=path,
        base=path.resolve().parent,
        registry=registry,
    )
