"""The runs that a scenario with variants or repeats is made of, and where each has its folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from neurosim.scenario import Scenario
from neurosim.training.runs import with_seed

MEMBERS = "members"


def study_members(scenario: Scenario, folder: Path | None) -> list[tuple[str, Scenario, Path | None]]:
    """Every variant from every seed: what it is called, its scenario, and its folder inside that of the study."""
    first, repeats = scenario.scenario.seed, scenario.scenario.repeats
    members: list[tuple[str, Scenario, Path | None]] = []
    for name, variant in (scenario.variants or {"": scenario}).items():
        for seed in range(first, first + repeats):
            parts = [name] if name else []
            parts += [f"seed-{seed}"] if repeats > 1 else []
            path = None if folder is None else folder.joinpath(MEMBERS, *parts)
            members.append((" ".join(parts), with_seed(_alone(variant), seed), path))
    return members


def _alone(scenario: Scenario) -> Scenario:
    """One run of a scenario that is to be repeated."""
    return replace(scenario, scenario=scenario.scenario.model_copy(update={"repeats": 1}))
