"""The network of a run in NumPy, from scratch, as a textbook prints it: forward, loss, backward, update."""

from __future__ import annotations

import re
from typing import Any

from numpy.typing import NDArray

from neurosim.builtins.activations import identity, relu, tanh
from neurosim.exchange.functions import Functions, optimizer_rule, schedule_function
from neurosim.exchange.numpy_layers import Passes, numpy_passes
from neurosim.exchange.numpy_losses import LossText, loss_lines, loss_text
from neurosim.exchange.randomness import KEYS, NUMPY_MASK, SHUFFLED
from neurosim.exchange.refusals import refusal, unexportable
from neurosim.exchange.stored import Stored, npz_bytes
from neurosim.exchange.telling import about_rows, as_inputs, batches, progress, scaled_bytes, settings, story, verdicts
from neurosim.exchange.wording import LONGEST, block, number
from neurosim.formulas.arrays import NUMPY
from neurosim.training.simulator import Simulator

# Longer lists of names are kept in a dict instead.
_LONGEST_LIST = 40
_SHORTER = {identity: "{z}", relu: "np.maximum({z}, 0)", tanh: "np.tanh({z})"}
# What the script calls its own.
_NAMES = {
    "np", "math", "Path", "p", "g", "x", "y", "z", "a", "t", "rate", "epoch", "order", "batch", "start", "losses",
    "forward", "backward", "loss", "train", "evaluate", "shuffled", "mix", "key", "bits", "dropout_mask", "clipped",
    "class_weights", "CLASS_WEIGHTS", "stored", "inputs", "softmax", "erf", "erfc", "name", "print", "range", "len",
}  # fmt: skip


def numpy_files(simulator: Simulator) -> dict[str, bytes]:
    """The files of a script in NumPy, by what their names end with: ``.py`` and, where it needs one, ``.npz``.

    Raises
    ------
    UsageError
        Naming what cannot be exported yet.
    """
    functions = Functions(NUMPY, _SHORTER, set(_NAMES))
    loss = loss_text(simulator.network, functions)
    missing = [*unexportable(simulator), *([] if loss else [f"the loss {simulator.network.loss.name}"])]
    if missing or loss is None:
        raise refusal("NumPy", missing)
    passes = numpy_passes(simulator.network, functions)
    script = _Script(simulator, loss, functions, passes)
    text = script.text()
    files = {".py": text.encode()}
    if script.stored.arrays:
        files[".npz"] = npz_bytes(script.stored.arrays)
    return files


class _Script:
    def __init__(self, simulator: Simulator, loss: LossText, functions: Functions, passes: Passes) -> None:
        self.simulator = simulator
        self.training = simulator.training
        self.loss = loss
        self.functions = functions
        self.passes = passes
        self.stored = Stored(simulator, loss)
        self.back = self._backward_lines()
        self.made = [line.split(" = ")[0] for line in passes.forward]
        self.saved = self._saved()
        self.read_back = [name for name in self.saved if _reads("\n".join(self.back), name)]
        # Of a deep network the names would fill lines and lines.
        self.in_dict = len(", ".join([*self.saved, *passes.masks])) > _LONGEST_LIST
        # The functions of the layers come before the passes, the others after them.
        self.activations = list(functions.texts.values())
        self.schedule = schedule_function(self.training, functions)
        self.rule = optimizer_rule(self.training, functions, scheduled=self.schedule is not None)

    def text(self) -> str:
        """The whole script."""
        weights = self._weights()
        lines = self.stored.lines(weights)
        own = list(self.functions.texts.values())[len(self.activations) :]
        randomness = [KEYS if self.training.shuffle or self.passes.masks else ""]
        randomness += [SHUFFLED if self.training.shuffle else "", NUMPY_MASK if self.passes.masks else ""]
        return block(
            self._head(),
            [*about_rows(self.simulator), *lines],
            scaled_bytes(self.simulator),
            *self.functions.needed.values(),
            *self.activations,
            self._forward(),
            loss_lines(self.loss),
            self._backward(),
            self._clipped(),
            *own,
            *randomness,
            self._train(),
            self._evaluate(),
            self._main(),
        )

    # The beginning ------------------------------------------------------------------------------------------

    def _head(self) -> list[str]:
        scenario = self.simulator.scenario.scenario
        beside = "" if self._is_whole else " Rows and initial weights are in the .npz file beside it."
        text = "\n".join(self.functions.texts.values())
        math = "math." in text or bool(self.functions.needed)
        imports = [*(["import math"] if math else []), *([] if self._is_whole else ["from pathlib import Path"])]
        return [
            f'"""The scenario {scenario.name} of neurosim from scratch: forward, loss, backward, update.',
            "",
            f"It needs NumPy only.{beside}",
            '"""',
            "",
            *imports,
            *([""] if imports else []),
            "import numpy as np",
            "",
            *story(self.simulator),
            "",
            *settings(self.simulator, self.rule.constants, text),
        ]

    @property
    def _is_whole(self) -> bool:
        return not self.stored.arrays

    # The passes ---------------------------------------------------------------------------------------------

    def _forward(self) -> list[str]:
        masks = "".join(f", {mask}=1" for mask in self.passes.masks)
        about = "What the layers compute, from the inputs to the outputs."
        if masks:
            about = f"{about[:-1]}; without masks nothing is dropped."
        return [
            f"def forward(p, x{masks}):",
            f'    """{about}"""',
            *(["    layer = {}"] if self.in_dict else []),
            *(f"    {self._of_dict(line)}" for line in self.passes.forward),
            f"    return {'layer' if self.in_dict else ', '.join(self.saved)}",
        ]

    def _of_dict(self, line: str) -> str:
        """A line with the values of the forward pass read from a dict, if that is where they are."""
        if not self.in_dict:
            return line
        return re.sub(rf"\b({'|'.join(self.made)})\b", r'layer["\1"]', line).replace("]**", "] ** ")

    def _backward_lines(self) -> list[str]:
        passes = self.passes
        first = passes.sums if passes.network.pair else passes.output
        lines = [f"d{first} = {self.loss.gradient.format(a=passes.output, z=passes.sums)}"]
        for layer in reversed(passes.backward):
            lines += layer
        return lines

    def _saved(self) -> list[str]:
        """The names that the forward pass hands on: what the others read of it, the outputs last."""
        text = "\n".join([*self.back, self._loss_call])
        output = self.passes.output
        return [*(name for name in self.made if name != output and _reads(text, name)), output]

    @property
    def _loss_call(self) -> str:
        by_name = {"z": self.passes.sums, "a": self.passes.output, "y": "y"}
        return f"loss({', '.join(by_name[name] for name in self.loss.arguments)})"

    def _backward(self) -> list[str]:
        return [
            f"def backward({', '.join(['p', 'x', 'y', *self._given_back])}):",
            '    """The gradient of the loss for each parameter: the chain rule, from the outputs back."""',
            "    g = {}",
            *(f"    {self._of_dict(line)}" for line in self.back),
            "    return g",
        ]

    @property
    def _given_back(self) -> list[str]:
        """What the backward pass is given besides the parameters and the rows."""
        masks = [mask for mask in self.passes.masks if _reads("\n".join(self.back), mask)]
        return [*(["layer"] if self.in_dict else self.read_back), *masks]

    def _clipped(self) -> list[str]:
        if self.training.clip_value is not None:
            bound = number(self.training.clip_value)
            return [
                "def clipped(g):",
                f'    """The gradients, no number of them beyond {bound}."""',
                f"    return {{name: np.clip(part, -{bound}, {bound}) for name, part in g.items()}}",
            ]
        if self.training.clip_norm is None:
            return []
        return [
            "def clipped(g):",
            '    """The gradients, all made shorter where together they are longer than CLIP_NORM."""',
            "    norm = np.sqrt(sum(np.sum(part**2) for part in g.values()))",
            "    return {name: part * min(1, CLIP_NORM / norm) for name, part in g.items()}",
        ]

    # Training -----------------------------------------------------------------------------------------------

    def _train(self) -> list[str]:
        training, passes = self.training, self.passes
        x = as_inputs(self.simulator, "x_train[batch]")
        lines = [
            "def train(epochs=EPOCHS):",
            '    """Train from the initial weights; returns the new ones and the loss of every batch."""',
            "    p = {name: start.astype(float) for name, start in START.items()}",
            *(f"    {slot} = {{name: np.zeros_like(part) for name, part in p.items()}}" for slot in self._slots()),
            "    losses, t = [], 0" if self._counts_steps else "    losses = []",
            *batches(self.simulator),
        ]
        step = [f"x, y = {x}, y_train[batch]"]
        if passes.masks:
            step.append("places = range(start, start + len(x))")
            for mask, layer in passes.masks.items():
                args = f"{layer.index}, epoch, places, {layer.units}, {number(layer.rate)}"
                step.append(f"{mask} = dropout_mask({args})")
        given = "".join(f", {mask}" for mask in passes.masks)
        read = [name if name in self.read_back or _reads(self._loss_call, name) else "_" for name in self.saved]
        step.append(f"{'layer' if self.in_dict else ', '.join(read)} = forward(p, x{given})")
        step.append(f"losses.append({self._of_dict(self._loss_call)})")
        call = f"backward({', '.join(['p', 'x', 'y', *self._given_back])})"
        clip = training.clip_norm is not None or training.clip_value is not None
        step.append(f"g = clipped({call})" if clip else f"g = {call}")
        if self.schedule:
            step.append(f"rate = LEARNING_RATE * {self.schedule.name}({self.schedule.place})")
        if self._counts_steps:
            step.append("t += 1")
        step += self._update()
        end = [*progress(self.simulator, "np.mean({})"), "    return p, losses"]
        return [*lines, *(f"            {line}" for line in step), *end]

    @property
    def _counts_steps(self) -> bool:
        return "t" in self.rule.arguments or (self.schedule is not None and self.schedule.place == "t")

    def _slots(self) -> list[str]:
        return [slot if slot not in _NAMES else f"{slot}_" for slot in self.rule.slots]

    def _update(self) -> list[str]:
        """The lines that give each parameter its new values."""
        slots = dict(zip(self.rule.slots, self._slots(), strict=True))
        words = {"w": "w", "g": "g[name]", "t": "t", "lr": "rate"}
        words |= {slot: f"{word}[name]" for slot, word in slots.items()}
        given = ", ".join(words[argument] for argument in self.rule.arguments)
        set_ = ", ".join(["p[name]", *(f"{word}[name]" for word in slots.values())])
        line = f"{set_} = {self.rule.name}({given})"
        if len(line) <= LONGEST - 16:
            return ["for name, w in p.items():", f"    {line}"]
        return [
            "for name, w in p.items():",
            f"    {set_} = {self.rule.name}(",
            f"        {given}",
            "    )",
        ]

    def _evaluate(self) -> list[str]:
        rows = self.stored.splits["train"]
        x = as_inputs(self.simulator, "x")
        loss, a = self._of_dict(self._loss_call), self._of_dict(self.passes.output)
        if rows.accuracy == "none":
            answers = [f"return {loss}"]
            about = "The loss on some rows."
        else:
            middle = 0 if self.loss.targets == "-1 and 1" else self.simulator.network.loss.record.threshold
            right = (
                f"({a} > {number(middle)}) == (y > {number(middle)})"
                if rows.accuracy == "threshold"
                else f"{a}.argmax(axis=1) == y.argmax(axis=1)"
            )
            answers = [f"return {loss}, np.mean({right})"]
            if len(answers[0]) > LONGEST - 4:
                answers = [f"right = {right}", f"return {loss}, np.mean(right)"]
            about = "The loss on some rows, and the share of right answers."
        return [
            "def evaluate(p, x, y):",
            f'    """{about}"""',
            f"    {self._taken} = forward(p, {x})",
            *(f"    {line}" for line in answers),
        ]

    @property
    def _taken(self) -> str:
        """What is taken of the forward pass to see how well the network does."""
        if self.in_dict:
            return "layer"
        asked = [name for name in self.saved if _reads(self._loss_call, name) or name == self.passes.output]
        first = len(self.saved) - len(asked)
        if self.saved[first:] != asked:
            return ", ".join(name if name in asked else "_" for name in self.saved)
        return ", ".join([*(["*_"] if first > 1 else ["_"] * first), *asked])

    def _main(self) -> list[str]:
        return ['if __name__ == "__main__":', "    p, losses = train()", *verdicts(self.simulator, "p")]

    def _weights(self) -> dict[str, NDArray[Any]]:
        network = self.simulator.network
        start = network.named(network.start_values(self.simulator.seed))
        return {name: start[parameter.name] for name, parameter in self.passes.parameters.items()}


def _reads(text: str, name: str) -> bool:
    return re.search(rf"\b{name}\b", text) is not None
