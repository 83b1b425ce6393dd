"""The runs that a scenario with variants or repeats is made of, and where each has its folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from neurosim.errors import UsageError
from neurosim.runs.folder import FAILURE, MEMBERS, SCENARIO, SUMMARY
from neurosim.runs.identity import determining, scenario_changes
from neurosim.runs.running import with_seed
from neurosim.runs.texts import is_there
from neurosim.scenario import Scenario, load_scenario
from neurosim.scenario.seeds import beyond_seeds


def study_members(scenario: Scenario, folder: Path | None) -> list[tuple[str, Scenario, Path | None]]:
    """Every variant from every seed: what it is called, its scenario, and its folder inside that of the study.

    Raises UsageError where there are not that many seeds.
    """
    first, repeats = scenario.scenario.seed, scenario.scenario.repeats
    beyond = beyond_seeds(first, repeats)
    if beyond:
        raise UsageError(f"scenario.repeats is {repeats}: {beyond}", "Begin with a smaller seed, or repeat less often.")
    members: list[tuple[str, Scenario, Path | None]] = []
    for name, variant in (scenario.variants or {"": scenario}).items():
        for seed in range(first, first + repeats):
            parts = [name] if name else []
            parts += [f"seed-{seed}"] if repeats > 1 else []
            path = None if folder is None else folder.joinpath(MEMBERS, *parts)
            members.append((" ".join(parts), with_seed(_alone(variant), seed), path))
    return members


def changed_members(own: Scenario, chosen: Scenario, folder: Path, *, finished: bool = False) -> list[str]:
    """What differs between the networks of a study in `folder`, and those of `chosen`, line by line.

    `own` is the scenario in the folder; networks that have ended there are known by their own ones. With `finished`
    only those count that are trained to their end.
    """
    was, now = ({label: member for label, member, _ in study_members(study, None)} for study in (own, chosen))
    changes: list[str] = []
    if not finished:
        changes += [f"  {label or 'the network'}: not in that folder" for label in now if label not in was]
        changes += [f"  {label or 'the network'}: only in that folder" for label in was if label not in now]
    for label, member, place in study_members(chosen, folder):
        assert place is not None
        if finished and not is_there(place / SUMMARY):
            continue
        before = was.get(label, member)
        if is_there(place / SCENARIO) and (is_there(place / SUMMARY) or is_there(place / FAILURE)):
            before = load_scenario(place / SCENARIO, registry=chosen.registry, own=True)
        found = scenario_changes(determining(before, record=True), determining(member, record=True))
        changes += [f"  {label}:{line.removeprefix('  scenario:')}" for line in found]
    return changes


def _alone(scenario: Scenario) -> Scenario:
    """One run of a scenario that is to be repeated."""
    return replace(scenario, scenario=scenario.scenario.model_copy(update={"repeats": 1}))
