"""Which scenario a run trains: with the seed and the variant that were asked for, and the networks of a study."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from neurosim.errors import UsageError
from neurosim.problem.given import on_rows
from neurosim.runs.folder import MEMBERS
from neurosim.runs.logs import logged
from neurosim.runs.options import RunOptions, Source
from neurosim.runs.resuming import is_of_run
from neurosim.scenario import Scenario, load_scenario
from neurosim.scenario.changes import SEED, added
from neurosim.scenario.run_folders import check_scenario_given, named_scenario
from neurosim.scenario.seeds import beyond_seeds


def chosen_scenario(given: Source, options: RunOptions) -> Scenario:
    """The scenario to run: loaded where it is not, with the seed and the variant that the options ask for."""
    if isinstance(given, Scenario):
        if options.overrides or options.plugins:
            raise UsageError("overrides and plugins go with a path or a name", "Give them to load_scenario instead.")
        scenario = given
    else:
        check_scenario_given(given)
        source = named_scenario(given)
        own = source.own or is_of_run(given, options.resume)
        path = source.path if source.own else given
        scenario = load_scenario(path, overrides=options.overrides, plugins=options.plugins, own=own)
    if options.seed is not None and options.seed != scenario.scenario.seed:
        names = added(scenario.scenario.changed, [SEED])
        section = scenario.scenario.model_copy(update={"changed": names})
        scenario = with_seed(replace(scenario, scenario=section), options.seed)
    if options.variant is not None:
        scenario = one_variant(scenario, options.variant)
    if options.log:
        if options.target is None:
            raise UsageError("a log is written into the run's folder, and this run has none", "Give out=... too.")
        scenario = logged(scenario, options.log)
    if options.data is not None:
        return on_rows(scenario, options.data, options.validation, options.test)
    if options.validation is not None or options.test is not None:
        raise UsageError("validation and test rows go with data", "Give data=(X, y) too.")
    return scenario


def with_seed(scenario: Scenario, seed: int) -> Scenario:
    """The scenario, and its variants, with another seed."""
    variants = {name: with_seed(variant, seed) for name, variant in scenario.variants.items()}
    section = scenario.scenario.model_copy(update={"seed": seed})
    return replace(scenario, scenario=section, variants=variants)


def one_variant(scenario: Scenario, name: str) -> Scenario:
    """A variant as a scenario of its own; raises UsageError when there is none of this name."""
    return scenario.variants[scenario.about(name).name]


class Planned(NamedTuple):
    """A network of a study: what it is called, its scenario, and its folder inside that of the study, if there is one.

    A single network has no label.
    """

    label: str
    scenario: Scenario
    folder: Path | None


def study_members(scenario: Scenario, folder: Path | None) -> list[Planned]:
    """Every variant from every seed.

    Raises
    ------
    UsageError
        When there are not that many seeds.
    """
    first, repeats = scenario.scenario.seed, scenario.scenario.repeats
    beyond = beyond_seeds(first, repeats)
    if beyond:
        raise UsageError(f"scenario.repeats is {repeats}: {beyond}", "Begin with a smaller seed, or repeat less often.")
    members: list[Planned] = []
    for name, variant in (scenario.variants or {"": scenario}).items():
        for seed in range(first, first + repeats):
            parts = [name] if name else []
            parts += [f"seed-{seed}"] if repeats > 1 else []
            path = None if folder is None else folder.joinpath(MEMBERS, *parts)
            members.append(Planned(" ".join(parts), with_seed(_alone(variant), seed), path))
    return members


def networks_of(scenario: Scenario, folder: Path) -> list[tuple[str, Scenario, Path]]:
    """The networks whose files are in a run folder: those of a study, or the single one, by label."""
    members = study_members(scenario, folder) if scenario.is_study else [Planned("", scenario, folder)]
    return [(label, own, place) for label, own, place in members if place is not None]


def _alone(scenario: Scenario) -> Scenario:
    """One run of a scenario that is to be repeated."""
    return replace(scenario, scenario=scenario.scenario.model_copy(update={"repeats": 1}))
