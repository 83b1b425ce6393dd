"""How much each setting matters: a random forest learns the measure from the settings, and is asked without each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.sweeps.entries import Entry
from neurosim.sweeps.ranking import Place, Table

# Different settings from which a forest learns something; trials that it is given at most; parts of a cross-validation.
FEWEST, MOST, PARTS = 20, 2000, 5
# A forest that foretells less of the differences than this knows nothing about the settings.
KNOWS = 0.1
INSTALL = 'pip install "neurosim-edu[sklearn]"'


@dataclass(frozen=True)
class Importance:
    """The importance of each setting.

    Attributes
    ----------
    settings : dict of str to float
        The share of the differences in the ranks of the trials to which a setting contributes, alone or together with
        others (its total Sobol index); the most important first. Empty where nothing can be said.
    foretold : float or None
        The R² with all settings.
    words : str
        How it was found, or why nothing can be said, in a sentence or two.
    """

    settings: dict[str, float]
    foretold: float | None
    words: str

    def as_json(self) -> dict[str, Any]:
        """It as a JSON object."""
        return {"settings": self.settings, "r2": self.foretold, "words": self.words}


def importance(table: Table) -> Importance:
    """The importance of the settings that differ in a table.

    Where the values of a setting are shuffled, the mean squared error of what the forest foretells grows by twice the
    variance to which the setting contributes.
    """
    keys = list(dict.fromkeys(key for place in table.places for key in place.settings))
    if table.measure is None or not keys:
        return Importance({}, None, "Nothing differs among these trials that has a measure.")
    if len(keys) == 1:
        return Importance({}, None, f"Only {keys[0]} differs: what is not chance comes from it.")
    if len(table.places) < FEWEST:
        return Importance(
            {},
            None,
            f"{len(table.places)} different settings are too few to tell which matters: have {FEWEST} or more.",
        )
    try:
        from sklearn.ensemble import RandomForestRegressor
        from sklearn.inspection import permutation_importance
    except ImportError:
        return Importance(
            {}, None, f"How much each setting matters is found by scikit-learn, which is not installed: {INSTALL}"
        )
    trials = [(number, entry) for number, place in enumerate(table.places) for entry in place.entries]
    thinned = trials[:: -(-len(trials) // MOST)]
    inputs = _coded([table.places[number] for number, _ in thinned], keys)
    goals = _ranks([entry for _, entry in thinned], table.measure, table.rises)
    if np.ptp(goals) == 0:
        return Importance({}, None, "All trials are equally good: no setting matters here.")
    # Seeds of one row are in one part: the forest is asked about settings that it has not seen.
    parts = np.random.default_rng(0).permutation(len(table.places)) % PARTS
    part = parts[[number for number, _ in thinned]]
    found = np.zeros(len(keys))
    left = np.zeros(2)
    for own in range(PARTS):
        asked = part == own
        if not asked.any():
            continue
        forest = RandomForestRegressor(100, min_samples_leaf=2, random_state=0).fit(inputs[~asked], goals[~asked])
        # Sums of squares, so that parts of any size are held against the spread of all.
        tried = permutation_importance(
            forest, inputs[asked], goals[asked], scoring="neg_mean_squared_error", n_repeats=5, random_state=0
        )
        found += asked.sum() * tried.importances_mean
        left += asked.sum() * np.array([np.mean((forest.predict(inputs[asked]) - goals[asked]) ** 2), 0.0])
    whole = float(np.sum((goals - goals.mean()) ** 2))
    foretold = 1.0 - float(left[0]) / whole
    if foretold < KNOWS:
        return Importance(
            {},
            foretold,
            f"From the settings a random forest foretells {max(foretold, 0.0):.0%} of the differences among trials "
            "that it has not seen: that is too little to tell which setting matters. The seeds decide, or more trials "
            "are needed.",
        )
    each = {key: max(float(value), 0.0) for key, value in zip(keys, found / (2 * whole), strict=True)}
    several = "" if len(thinned) == len(trials) else f" It was given {len(thinned):,} of the {len(trials):,} trials."
    return Importance(
        dict(sorted(each.items(), key=lambda pair: -pair[1])),
        foretold,
        f"From the settings a random forest foretells {foretold:.0%} of the differences (R² of the ranks) among trials "
        "that it has not seen. A setting's share is the part of the differences to which it contributes, alone or "
        f"together with others, found by shuffling its values.{several}",
    )


def _ranks(entries: Sequence[Entry], measure: str, rises: bool) -> NDArray[np.float64]:
    """Ranks of the measure, 0 the best: those of losses over many powers of ten are as clear. Failed is last."""
    from scipy.stats import rankdata

    sign = -1.0 if rises else 1.0
    values = [entry.final.get(measure) for entry in entries]
    return np.asarray(rankdata([np.inf if value is None else sign * value for value in values]), np.float64)


def _coded(places: Sequence[Place], keys: Sequence[str]) -> NDArray[np.float64]:
    """Settings as numbers (trials, settings): numbers as they are, others by their place among those that there are."""
    return np.array([_column([place.settings.get(key) for place in places]) for key in keys]).T


def _column(values: Sequence[Any]) -> list[float]:
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return [float(value) for value in values]
    names = {name: number for number, name in enumerate(sorted({repr(value) for value in values}))}
    return [float(names[repr(value)]) for value in values]
