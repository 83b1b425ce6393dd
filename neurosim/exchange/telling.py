"""What scripts in any library have in common: the scenario's words, the settings, the rows, what is printed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from neurosim.data.rows import Rows
from neurosim.exchange.wording import comment, number
from neurosim.plugin.columns import Column
from neurosim.printable import LABEL, escaped, labels
from neurosim.suggestions import listed
from neurosim.training.simulator import Simulator

# Lines that a script prints while it trains, about.
_SHOWN = 10


def story(simulator: Simulator) -> list[str]:
    """The title and the lesson of the scenario."""
    scenario = simulator.scenario.scenario
    lesson = comment(scenario.lesson)
    return [*comment(scenario.headline), *(["#", *lesson] if lesson else [])]


def settings(simulator: Simulator, constants: Mapping[str, float], code: str) -> list[str]:
    """The constants of training, those of the optimizer after the others; only what the `code` reads."""
    training = simulator.training
    steps = f"STEPS = EPOCHS * {simulator.steps_per_epoch}  # of the whole run"
    lines = [f"SEED = {simulator.seed}"] if training.shuffle or simulator.network.dropouts else []
    lines += [f"EPOCHS = {training.epochs}", f"BATCH_SIZE = {training.batch_size}"]
    lines += [steps] if re.search(r"\bSTEPS\b", code) else []
    lines += [f"{name} = {number(value)}" for name, value in {"LEARNING_RATE": training.rate, **constants}.items()]
    return [*lines, *([f"CLIP_NORM = {number(training.clip_norm)}"] if training.clip_norm is not None else [])]


def about_rows(simulator: Simulator) -> list[str]:
    """What the rows are, and how they were scaled."""
    data, rows = simulator.scenario.data, simulator.split_rows("train")
    words = f"The data set {data.source}: inputs x and targets y"
    if are_bytes(rows):
        words += ", the inputs as bytes"
    elif data.normalize is not None:
        words += f", the inputs as (value - {number(data.normalize.mean)}) / {number(data.normalize.std)}"
    elif data.standardize:
        categories = simulator.data.columns and simulator.data.made is None
        which = "each input that is no category" if categories else "each input"
        words += f", {which} with mean 0 and standard deviation 1 on the training rows"
    if simulator.data.scales_targets:
        words += ", and so each target" if data.standardize else ", each target with mean 0 and deviation 1"
    made = simulator.data.made
    if made is None:
        return comment(f"{words}.{_about_columns(simulator.data.columns)}")
    inputs = (f"x[:, {k}] = {text}" for k, text in enumerate(labels(made.texts)))
    return comment(f"{words}. Inputs are made of the features {listed(labels(made.names))}: {listed(inputs)}.")


def _about_columns(columns: Sequence[Column]) -> str:
    """Which inputs columns of words have become, and what took the places of missing values; each a sentence."""
    said, start = "", 0
    for column in columns:
        name, end = escaped(column.name, LABEL), start + len(column.inputs)
        places = f"x[:, {start}:{end}]" if end > start + 1 else f"x[:, {start}]"
        categories = listed(labels(column.categories))
        if column.indices:
            said += f" {places} is the place of {name}, from 0, among {categories}."
        elif column.categories:
            said += f" {places} are 1 for the {name} of the row and else 0: {categories}."
        elif column.mean is not None:
            said += f" {places}, {name}, is {number(column.mean)} in the data where a value is missing."
        start = end
    return said


def are_bytes(rows: Rows) -> bool:
    """Whether the inputs are bytes, which are scaled batch by batch."""
    return rows.features.dtype.kind == "u"


def scaled_bytes(simulator: Simulator) -> list[str]:
    """The function that makes inputs of bytes; nothing where the rows are scaled already."""
    if not are_bytes(simulator.split_rows("train")):
        return []
    normalize = simulator.scenario.data.normalize
    scaled = "x / 255" if normalize is None else f"(x / 255 - {number(normalize.mean)}) / {number(normalize.std)}"
    return ["def inputs(x):", '    """Bytes as the network sees them."""', f"    return {scaled}"]


def as_inputs(simulator: Simulator, x: str) -> str:
    """The expression for the inputs of some rows."""
    return f"inputs({x})" if are_bytes(simulator.split_rows("train")) else x


def batches(simulator: Simulator) -> list[str]:
    """The beginning of the loop over epochs and batches, in the body of a function."""
    shuffled = simulator.training.shuffle
    batch = "order[start : start + BATCH_SIZE]" if shuffled else "slice(start, start + BATCH_SIZE)"
    return [
        "    for epoch in range(epochs):",
        *(["        order = shuffled(len(x_train), epoch)"] if shuffled else []),
        "        for start in range(0, len(x_train), BATCH_SIZE):",
        f"            batch = {batch}",
    ]


def progress(simulator: Simulator, mean: str) -> list[str]:
    """The end of an epoch: now and then it prints the loss, the `mean` of some numbers."""
    every, steps = max(1, simulator.training.epochs // _SHOWN), simulator.steps_per_epoch
    value = mean.format(f"losses[-{steps}:]") if steps > 1 else "losses[-1]"
    shown = f'print(f"epoch {{epoch + 1}}: loss {{{value}:.6f}}")'
    if every == 1:
        return [f"        {shown}"]
    return [f"        if (epoch + 1) % {every} == 0:", f"            {shown}"]


def right_answers(simulator: Simulator, axis: str, above: str, *, signed: bool) -> str:
    """The test for which outputs `z` are right answers to `y`; empty where answers are values.

    Parameters
    ----------
    axis : str
        How the library calls the axis of the classes.
    above : str
        The test for which outputs count as class 1, where there are two.
    signed : bool
        Whether the targets are -1 and 1.
    """
    kind = simulator.split_rows("train").accuracy
    if kind == "none":
        return ""
    if kind == "argmax":
        by_class = simulator.network.loss.record.targets == "classes"
        return f"z.argmax({axis}) == {'y' if by_class else f'y.argmax({axis})'}"
    return f"({above}) == (y > {number(0 if signed else 0.5)})"


def report_and_main(simulator: Simulator, trained: str) -> list[str]:
    """The end of a script that shows the network as it is `trained`, and trains it again."""
    return [
        "def report(network):",
        '    """Print how well the network does."""',
        *verdicts(simulator, "network"),
        "",
        "",
        'if __name__ == "__main__":',
        '    print("As neurosim has trained it:")',
        f"    report({trained})",
        '    print("Trained again from the start:")',
        "    network, losses = train()",
        "    report(network)",
    ]


def verdicts(simulator: Simulator, network: str) -> list[str]:
    """Lines that print how well a network does on each split, in the body of a function."""
    regression = simulator.split_rows("train").accuracy == "none"
    lines: list[str] = []
    for name in simulator.splits:
        what = {"train": "training"}.get(name, name)
        call = f"evaluate({network}, x_{name}, y_{name})"
        if regression:
            lines.append(f'    print(f"{what} rows: loss {{{call}:.4f}}")')
        else:
            lines.append(f"    final, accuracy = {call}")
            lines.append(f'    print(f"{what} rows: loss {{final:.4f}}, accuracy {{accuracy:.1%}}")')
    return lines
