"""Losses as a textbook prints them: the mean over the rows of a batch, and its gradient.

Targets are a row for each example: values, or 1 for the right class and 0 for the others. Losses on two sides have
the targets -1 and 1, and label smoothing is part of the targets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from neurosim.builtins import losses
from neurosim.errors import PluginError
from neurosim.exchange.functions import Functions, with_settings
from neurosim.exchange.wording import identifier, list_lines, number
from neurosim.formulas.entrywise import entry_of_row, entry_of_sum
from neurosim.formulas.reader import read
from neurosim.network.network import Network

Targets = Literal["as they are", "-1 and 1"]


@dataclass(frozen=True)
class LossText:
    """A loss as code.

    Attributes
    ----------
    about : str
        What it is.
    arguments : tuple of str
        Some of z, a and y: the inputs of the last activation, its outputs, the targets.
    lines : tuple of str
        The body of the function.
    gradient : str
        Its gradient with respect to `a`, or to `z` where it is computed together with the activation; with ``{a}`` and
        ``{z}`` for what these are called.
    targets : Targets
        How the targets are written.
    needed : tuple of str
        What both call.
    """

    about: str
    arguments: tuple[str, ...]
    lines: tuple[str, ...]
    gradient: str
    targets: Targets = "as they are"
    needed: tuple[str, ...] = ()


_LOSSES: Mapping[Callable[..., Any], LossText] = {
    losses.mse: LossText(
        "Mean squared error.",
        ("a", "y"),
        ("return np.mean((a - y) ** 2)",),
        "2 * ({a} - y) / {numbers}",
    ),
    losses.mae: LossText(
        "Mean absolute error.",
        ("a", "y"),
        ("return np.mean(np.abs(a - y))",),
        "np.sign({a} - y) / {numbers}",
    ),
    losses.huber: LossText(
        "Huber's loss: squared where the distance is small, else absolute.",
        ("a", "y"),
        (
            "distance = np.abs(a - y)",
            "linear = {delta} * (distance - {delta} / 2)",
            "return np.mean(np.where(distance <= {delta}, distance**2 / 2, linear))",
        ),
        "np.clip({a} - y, -{delta}, {delta}) / {numbers}",
    ),
    losses.binary_cross_entropy: LossText(
        "Binary cross-entropy: -ln of the probability of the right answer.",
        ("a", "y"),
        (
            "yes, no = np.maximum(a, 1e-30), np.maximum(1 - a, 1e-30)",
            "return -np.mean(y * np.log(yes) + (1 - y) * np.log(no))",
        ),
        "({a} - y) / np.maximum({a} * (1 - {a}), 1e-12) / {numbers}",
    ),
    losses.sigmoid_cross_entropy: LossText(
        "Binary cross-entropy, from the inputs of the sigmoid: no logarithm of 0.",
        ("z", "y"),
        ("return np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z))))",),
        "({a} - y) / {numbers}",
    ),
    losses.categorical_cross_entropy: LossText(
        "Cross-entropy: -ln of the probability of the right class.",
        ("a", "y"),
        ("return -np.sum(y * np.log(np.maximum(a, 1e-30))) / len(y)",),
        "-y / np.maximum({a}, 1e-30) / len(y)",
    ),
    losses.softmax_cross_entropy: LossText(
        "Cross-entropy, from the inputs of the softmax: no logarithm of 0.",
        ("z", "y"),
        (
            "z = z - z.max(axis=1, keepdims=True)",
            "log_a = z - np.log(np.exp(z).sum(axis=1, keepdims=True))",
            "return -np.sum(y * log_a) / len(y)",
        ),
        "({a} - y) / len(y)",
    ),
    losses.hinge: LossText(
        "Hinge loss: 0 beyond the margin on the right side.",
        ("a", "y"),
        ("return np.mean(np.maximum(1 - y * a, 0))",),
        "np.where(y * {a} >= 1, 0, -y) / {numbers}",
        "-1 and 1",
    ),
    losses.perceptron: LossText(
        "Perceptron loss: how far an output is on the wrong side.",
        ("a", "y"),
        ("return np.sum(np.maximum(-y * a, 0)) / len(y)",),
        "np.where(y * {a} >= 0, 0, -y) / len(y)",
        "-1 and 1",
    ),
    losses.step_perceptron: LossText(
        "Perceptron loss: how far the sum of a wrong answer is on the wrong side of 0.",
        ("z", "a", "y"),
        ("return np.sum((a - y) * z) / len(y)",),
        "({a} - y) / len(y)",
    ),
}


def loss_text(network: Network, functions: Functions) -> LossText | None:
    """The loss of a network as code; None where it is none of those here, and no sum over the outputs of a row.

    What it calls is defined in `functions`.
    """
    if network.class_weights:
        plain = loss_text(network.unweighted, functions)
        return None if plain is None else _weighted(plain, network)
    formula = network.pair or network.loss.record
    found = _LOSSES.get(formula.value)
    if found is None:
        return _plugin_loss(network, functions)
    values = {name: number(value) for name, value in network.loss.params.items()}
    values |= {"a": "{a}", "z": "{z}", "numbers": "len(y)" if network.outputs == 1 else "y.size"}
    lines = tuple(line.format_map(values) for line in found.lines)
    return LossText(found.about, found.arguments, lines, found.gradient.format_map(values), found.targets)


def _weighted(loss: LossText, network: Network) -> LossText | None:
    """The loss of each row times the weight of its class; None where its mean is not taken in its last line."""
    *before, last = loss.lines
    mean = re.fullmatch(r"return (-?)np\.(mean|sum)\((.*)\)( / len\(y\))?", last)
    if mean is None:
        return None
    sign, taken, each, count = mean.groups("")
    middle = "0" if loss.targets == "-1 and 1" else "0.5"
    place = f"(y[:, 0] > {middle}).astype(int)" if network.outputs == 1 else "y.argmax(axis=1)"
    weights = (
        *list_lines("CLASS_WEIGHTS = np.array", network.class_weights),
        "",
        "",
        "def class_weights(y):",
        '    """The weight of the right class of each row."""',
        f"    return CLASS_WEIGHTS[{place}, None]",
    )
    return LossText(
        f"{loss.about[:-1]}, times the weight of the class.",
        loss.arguments,
        (*before, f"return {sign}np.{taken}(class_weights(y) * ({each})){count}"),
        f"class_weights(y) * ({loss.gradient})",
        loss.targets,
        weights,
    )


def _plugin_loss(network: Network, functions: Functions) -> LossText | None:
    """A loss on values that adds up over the outputs of a row: its formulas for one output, on whole arrays."""
    record, pair = network.loss.record, network.pair
    if record.targets == "classes" or record.outputs_per_target > 1:
        return None
    rows = ("z", "a", "y") if pair else ("a", "y")
    value, gradient = read((pair or record).value), read((pair or record).derivative)
    name = identifier(record.name, functions.taken)
    about = f"{record.name}{with_settings(network.loss)}"
    try:
        term = entry_of_sum(value, network.outputs)
        slope = entry_of_row(gradient, gradient.params[len(rows)], network.outputs)
    except PluginError:
        return None
    given = functions.entries(name, term, network.loss, rows, f"The loss {about}, of each output.")
    back = functions.entries(f"{name}_gradient", slope, network.loss, rows, f"The derivative of {about}.")
    terms = f"{name}({', '.join(given)})"
    gradient_of = ", ".join(word if word == "y" else f"{{{word}}}" for word in back)
    lines = (f"return np.sum({terms}) / len(y)",)
    return LossText(f"The loss {record.name}.", given, lines, f"{name}_gradient({gradient_of}) / len(y)")


def loss_lines(text: LossText) -> list[str]:
    """The definition of the function, with what it calls."""
    head = f"def loss({', '.join(text.arguments)}):"
    needed = [*text.needed, "", ""] if text.needed else []
    return [*needed, head, f'    """{text.about}"""', *(f"    {line}" for line in text.lines)]
