"""The section of a scenario that says what ``neurosim sweep`` varies, and how it searches."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, WithJsonSchema

from neurosim.network.sections import Section
from neurosim.scenario.varied import MOST_POINTS

Search = Literal["grid", "random", "sobol", "tpe", "cmaes"]
Prune = Literal["median", "hyperband"]
SEARCHES: tuple[str, ...] = get_args(Search)
# Searches that learn from what has been trained; the others know all their points beforehand.
LEARNING: tuple[Search, ...] = ("tpe", "cmaes")
MOST_SEEDS = 1_000_000
MOST_SETTINGS = 64

_Varied = Annotated[Any, WithJsonSchema({"anyOf": [{"type": "array", "minItems": 1}, {"type": "string"}]})]


class SweepSection(Section):
    """What `neurosim sweep` varies; all other commands train the scenario as the rest of the file has it."""

    over: dict[str, _Varied] = Field(
        default={},
        max_length=MOST_SETTINGS,
        description="Settings by key path in quotes, each with a list of values or a range: "
        '{ "optimizer.lr" = "log(1e-4,1)", "network.layers.0.units" = [4, 8, 16] }.',
    )
    seeds: int | None = Field(
        default=None,
        ge=1,
        le=MOST_SEEDS,
        description="Train each from the seeds 0 to this number, less one; left out: from the scenario's own.",
    )
    search: Search = Field(
        default="grid",
        description="grid: all combinations; random, sobol: points that are drawn; tpe, cmaes: points that Optuna "
        "chooses by what came out so far.",
    )
    trials: int | None = Field(
        default=None, ge=1, le=MOST_POINTS, description="How many points to try, unless it is a grid."
    )
    by: str | None = Field(
        default=None,
        max_length=100,
        description="The measure that decides, such as validation_accuracy; left out: accuracy, else R², else the "
        "loss, on the test rows if there are any, else the validation rows, else the training rows.",
    )
    prune: Prune | None = Field(
        default=None,
        description="For tpe and cmaes: stop a trial early that is behind the others in the same epoch; median: "
        "behind half of them, hyperband: behind most of its bracket; left out: never.",
    )


def misfit(search: str, trials: object, prune: object) -> tuple[str, str]:
    """What of a search does not fit together: the key that is to blame, and in words; both empty where it does."""
    if search == "grid" and trials is not None:
        return (
            "trials",
            "a grid tries all combinations; for a number of trials, choose another search, such as sobol or tpe",
        )
    if search != "grid" and trials is None:
        return "search", f"the search {search} needs to know how many trials"
    if prune is not None and search not in LEARNING:
        return "prune", f"prune goes with the searches {', '.join(LEARNING)}"
    return "", ""
