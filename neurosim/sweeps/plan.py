"""What a sweep does: what it varies, from which seeds, how it searches; said by a scenario and by who calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neurosim.errors import UsageError
from neurosim.scenario.sweep_section import LEARNING, SweepSection, misfit
from neurosim.scenario.varied import Dimension, dimension_of
from neurosim.sweeps.space import GRID, Point, points


@dataclass(frozen=True)
class Plan:
    """What a sweep does.

    Attributes
    ----------
    dimensions : tuple of Dimension
        What is varied.
    seeds : int or None
        Each point is trained from the seeds 0 to this number, less one; None: from the scenario's own.
    search : str
        How points are found.
    trials : int or None
        How many points, unless it is a grid.
    by : str or None
        The measure that decides.
    prune : str or None
        Which of them are stopped early.
    """

    dimensions: tuple[Dimension, ...] = ()
    seeds: int | None = None
    search: str = GRID
    trials: int | None = None
    by: str | None = None
    prune: str | None = None

    @property
    def learns(self) -> bool:
        """Whether points are chosen by what came out so far."""
        return self.search in LEARNING

    def points(self) -> list[Point]:
        """The points, where they are known beforehand; raises as `neurosim.sweeps.space.points`."""
        return points(self.dimensions, self.search, self.trials)


def plan_of(
    section: SweepSection | None,
    over: Sequence[Dimension] = (),
    *,
    seeds: int | None = None,
    search: str | None = None,
    trials: int | None = None,
    by: str | None = None,
    prune: str | None = None,
) -> Plan:
    """What a sweep does that a scenario's ``[sweep]`` speaks of; what else is given has the last word.

    Of `over`, each takes the place of what the section has of the same key. Another `search` begins without what the
    section says of its own.

    Raises
    ------
    UsageError
        When nothing varies, or parts do not fit together.
    """
    said = section or SweepSection()
    keys = [dimension.key for dimension in over]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise UsageError(f"over {twice}: given twice", "Put all its values into one.")
    varied = {key: dimension_of(key, value) for key, value in said.over.items()}
    varied |= {dimension.key: dimension for dimension in over}
    another = search is not None and search != said.search
    chosen = search or said.search
    if trials is None and chosen != GRID:
        trials = said.trials
    if prune is None and not another:
        prune = said.prune
    seeds = seeds if seeds is not None else said.seeds
    if not varied and seeds is None:
        raise UsageError(
            "nothing varies: no setting, and no seeds",
            "Give settings with their values, seeds=10, or both; the scenario can too, in its section [sweep].",
        )
    _, wrong = misfit(chosen, trials, prune)
    if wrong:
        raise UsageError(wrong)
    return Plan(tuple(varied.values()), seeds, chosen, trials, by or said.by, prune)
