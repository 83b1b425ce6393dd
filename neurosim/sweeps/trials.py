"""The trials of a sweep: each a scenario with a seed, in a folder named by the hash of all that decides its numbers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from neurosim.data.prepare import Prepared
from neurosim.errors import NeurosimError, UsageError
from neurosim.plugin.host import build_registry
from neurosim.problem.assembly import load_data
from neurosim.runs.identity import Identity, determining, identity_from
from neurosim.scenario import Scenario, load_scenario
from neurosim.scenario.study import PlotsSection
from neurosim.sweeps.journal import Asked
from neurosim.sweeps.packs import BYTES, NO_SEED, around_seed
from neurosim.sweeps.space import Point

# Characters of a hash that name a folder: no two of a billion trials share them.
DIGITS = 2 * BYTES


@dataclass(frozen=True)
class Recipe:
    """How any process makes the scenarios of a sweep.

    Attributes
    ----------
    path : Path or str
        The scenario's file, or its name.
    settings : mapping
        What of it is changed for all trials.
    plugins, plugin_folders : tuple of Path
        Plugin files, and folders of plugin files.
    data_dir : Path or None
        Folder of data sets.
    backend : str
        Where to train.
    own : bool
        As for `neurosim.load_scenario`.
    """

    path: Path | str
    settings: Mapping[str, Any] = field(default_factory=dict)
    plugins: tuple[Path, ...] = ()
    plugin_folders: tuple[Path, ...] = ()
    data_dir: Path | None = None
    backend: str = "cpu"
    own: bool = False

    def scenario(self) -> Scenario:
        """The scenario whose settings are varied.

        Raises
        ------
        NeurosimError
            As `neurosim.load_scenario` does; UsageError where it is a study of several networks.
        """
        registry = build_registry(self.plugins, plugin_folders=self.plugin_folders)
        scenario = load_scenario(self.path, overrides=dict(self.settings), registry=registry, own=self.own)
        refuse_study(scenario)
        return scenario


def refuse_study(scenario: Scenario) -> None:
    """Raise UsageError where a scenario is a study of several networks."""
    if scenario.is_study:
        raise UsageError(
            f"scenario {scenario.scenario.name} is several networks, and a sweep varies one",
            "Copy it and take its variants and repeats out: a sweep has settings and seeds of its own.",
        )


@dataclass(frozen=True)
class Trial:
    """A run that a sweep makes.

    Attributes
    ----------
    point : mapping
        The settings that are varied, and their values.
    seed : int
        Its seed.
    name : str
        The name of its folder; empty where it is refused.
    reason : str
        Why it is refused; else empty.
    asked : Asked or None
        Which trial of Optuna's study it belongs to.
    """

    point: Point
    seed: int
    name: str = ""
    reason: str = ""
    asked: Asked | None = None


class Maker:
    """Makes the scenarios of trials; rows that several have in common are loaded once."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.scenario = recipe.scenario()
        self._data: tuple[Any, Prepared] | None = None

    def scenario_of(self, point: Point, seed: int) -> Scenario:
        """The scenario of a trial: nothing is recorded or drawn; raises as `Scenario.changed`."""
        scenario = self.scenario.changed({**point, "scenario.seed": seed})
        return replace(
            scenario,
            training=scenario.without_logs,
            record=None,
            plots=PlotsSection(),
            play=None,
            sweep=None,
            claims=(),
        )

    def data_of(self, scenario: Scenario) -> Prepared:
        """Its rows."""
        if self._data is None or self._data[0] != scenario.data:
            self._data = scenario.data, load_data(scenario, self.recipe.data_dir)
        return self._data[1]

    def identity_of(self, scenario: Scenario) -> Identity:
        """What its numbers belong to here and now."""
        return identity_from(scenario, self.data_of(scenario).sha256, self.recipe.backend)

    def seedless(self, scenario: Scenario) -> Identity:
        """The same with `NO_SEED` for its seed."""
        return self.identity_of(with_seed(scenario, NO_SEED))

    def trials(self, point: Point, seeds: Sequence[int]) -> list[Trial]:
        """A trial for each seed; what does not fit the scenario is refused with its reason."""
        try:
            scenario = self.scenario_of(point, seeds[0])
            names = names_of(self.seedless(scenario), scenario, seeds)
            return [Trial(point, seed, name) for seed, name in zip(seeds, names, strict=True)]
        except (NeurosimError, MemoryError) as error:
            return [Trial(point, seed, reason=reason_of(error)) for seed in seeds]


def names_of(seedless: Identity, scenario: Scenario, seeds: Sequence[int]) -> list[str]:
    """The names of trials that differ only in their seed; `seedless` is their identity with `NO_SEED`."""
    around = around_seed(_text(seedless))
    if around is None:  # somewhere else in the scenario is this very number
        texts = (_text(replace(seedless, scenario=determining(with_seed(scenario, seed)))) for seed in seeds)
        return [_hashed(text.encode()) for text in texts]
    before, after = (text.encode() for text in around)
    return [_hashed(b"%b%d%b" % (before, seed, after)) for seed in seeds]


def with_seed(scenario: Scenario, seed: int) -> Scenario:
    """The same scenario with another seed."""
    return replace(scenario, scenario=scenario.scenario.model_copy(update={"seed": seed}))


def folder_name(identity: Identity) -> str:
    """The name of the folder of what has this identity."""
    return _hashed(_text(identity).encode())


def _text(identity: Identity) -> str:
    return json.dumps(identity.as_json(), sort_keys=True)


def _hashed(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:DIGITS]


def reason_of(error: BaseException) -> str:
    """Why a trial did not work, in a line."""
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    message = error.message if isinstance(error, NeurosimError) else f"{type(error).__name__}: {error}"
    return " ".join(message.split())
