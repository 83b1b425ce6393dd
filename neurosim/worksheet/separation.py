"""Whether a line separates the classes of a perceptron's data: the line, or a proof that there is none.

Rows with target 1 need w·x + b >= 0, the others w·x + b < 0. By Gordan's theorem (Gordan 1873) there is such a line
exactly when no weights m >= 0, not all 0, make the sum of m (x, 1) over one class equal to that over the other.
Both are linear programs; a solution of the second one is the contradiction.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurosim.network.layers import Dense, as_kind
from neurosim.training.simulator import Simulator
from neurosim.worksheet.blocks import Number, Piece, Section
from neurosim.worksheet.numbers import written
from neurosim.worksheet.sheet import Sheet

# More rows and inputs are too many to be written out.
MOST_ROWS, MOST_INPUTS = 16, 4
Array = NDArray[np.float64]


def is_perceptron(simulator: Simulator) -> bool:
    """Whether the network is one unit with a step activation, and its data are few enough to be written out."""
    layers, rows = simulator.network.layers, simulator.split_rows("train")
    layer = as_kind(layers[0], Dense)
    return (
        len(layers) == 1
        and layer is not None
        and layer.units == 1
        and layer.bias is not None
        and layer.activation.name == "step"
        and rows.count <= MOST_ROWS
        and layer.inputs <= MOST_INPUTS
        and rows.classes.size > 0
    )


def separation(sheet: Sheet, simulator: Simulator) -> None:
    """The line that training finds, or why it finds none, and whether it could. Trains the simulator to its end."""
    rows = simulator.split_rows("train")
    inputs = rows.inputs(np.float64)
    classes = rows.classes.astype(int)
    simulator.train()
    weight = simulator.parameters["layers.0.weight"][:, 0].astype(np.float64)
    bias = float(simulator.parameters["layers.0.bias"][0])
    sums = inputs @ weight + bias
    if ((sums >= 0) == (classes == 1)).all():
        _found(sheet.section("The line that was found", answers=True), simulator, inputs, classes, weight, bias)
        return
    shares = contradiction(inputs, classes)
    if shares is None:
        section = sheet.section("No line yet", answers=True)
        section.say(
            f"After {len(simulator.history)} epochs {int(((sums >= 0) != (classes == 1)).sum())} of {len(classes)} "
            "rows are still classified wrongly. There are lines that separate the classes: more epochs would find one."
        )
        return
    _impossible(sheet.section("Why there is no line", answers=True), inputs, classes, shares)


def contradiction(inputs: Array, classes: NDArray[np.int_]) -> Array | None:
    """Shares of the rows, (rows,), whose inequalities add up to a contradiction; None if a line exists."""
    from scipy.optimize import linprog

    signs = np.where(classes == 1, 1.0, -1.0)
    # Sum of sign * (x, 1) * share = 0, and the shares of the strict class add up to 1.
    sides = np.vstack([(signs[:, None] * np.hstack([inputs, np.ones((len(inputs), 1))])).T, classes == 0])
    wanted = np.zeros(sides.shape[0])
    wanted[-1] = 1.0
    found = linprog(np.ones(len(inputs)), A_eq=sides, b_eq=wanted, bounds=(0, None))
    return np.asarray(found.x) if found.status == 0 else None


def _sum_of(inputs: Array, scale: float = 1.0) -> str:
    """``w1 + 2·w2 + b`` for a row of inputs."""
    parts = []
    for place, value in enumerate([*(inputs * scale), scale]):
        symbol = f"w{place + 1}" if place < len(inputs) else "b"
        if value:
            factor = "" if value == 1 else "-" if value == -1 else f"{written(value)}·"
            parts.append(f"{factor}{symbol}")
    return " + ".join(parts).replace("+ -", "- ") or "0"


def _inequalities(inputs: Array, classes: NDArray[np.int_]) -> list[list[Piece]]:
    return [
        [
            str(place + 1),
            "(" + ", ".join(written(value) for value in row) + ")",
            str(target),
            f"{_sum_of(row)} {'>= 0' if target == 1 else '< 0'}",
        ]
        for place, (row, target) in enumerate(zip(inputs, classes, strict=True))
    ]


def _impossible(section: Section, inputs: Array, classes: NDArray[np.int_], shares: Array) -> None:
    terms = " + ".join(f"w{k + 1}·x[{k + 1}]" for k in range(inputs.shape[1]))
    section.say(
        f"The unit answers 1 where {terms} + b >= 0, and 0 elsewhere. To be right on every row, its weights would have "
        "to satisfy all of these inequalities at once:"
    )
    section.table(("", "x", "y", "so it needs"), _inequalities(inputs, classes))
    used = shares > 1e-9
    smallest = shares[used].min()
    counts = shares / smallest
    for target, sign in ((0, "< 0"), (1, ">= 0")):
        members = np.flatnonzero(used & (classes == target))
        which = " and ".join(
            (f"{written(counts[place])} times " if not np.isclose(counts[place], 1.0) else "") + f"({place + 1})"
            for place in members
        )
        total = sum((counts[place] * np.append(inputs[place], 1.0) for place in members), np.zeros(inputs.shape[1] + 1))
        both = _combination(total)
        section.say(f"Add up {which}:   {both} {sign}", strong=True)
    section.say(
        "The same sum would have to be below 0 and not below 0. No weights can do that: there is no such line, however "
        "long the perceptron trains. One more layer can bend the boundary: see neurosim explain xor.",
        strong=True,
    )


def _combination(total: Array) -> str:
    parts = []
    for place, value in enumerate(total):
        symbol = "b" if place == len(total) - 1 else f"w{place + 1}"
        if not np.isclose(value, 0.0):
            factor = "" if np.isclose(value, 1.0) else f"{written(value)}·"
            parts.append(f"{factor}{symbol}")
    return " + ".join(parts) or "0"


def _found(
    section: Section, simulator: Simulator, inputs: Array, classes: NDArray[np.int_], weight: Array, bias: float
) -> None:
    terms = " + ".join(f"{written(value)}·x[{k + 1}]" for k, value in enumerate(weight))
    line = f"{terms} + {written(bias)} = 0".replace("+ -", "- ")
    right = next((k + 1 for k, record in enumerate(simulator.history) if record["train_accuracy"] == 1.0), None)
    learned = f", and from epoch {right} on it makes no mistakes" if right is not None else ""
    section.say(f"Training to the end ({len(simulator.history)} epochs) gives this line{learned}:")
    section.say(line, strong=True)
    rows: list[list[Piece]] = []
    for row, target in zip(inputs, classes, strict=True):
        z = float(row @ weight + bias)
        rows.append(
            ["(" + ", ".join(written(value) for value in row) + ")", str(target), Number(z), "1" if z >= 0 else "0"]
        )
    section.table(("x", "y", "left side", "answer"), rows)
    section.say(
        "Where the left side is 0 or more, the unit answers 1, elsewhere 0: every row is on the right side of the line."
    )
