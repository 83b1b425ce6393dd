"""The network of a run in PyTorch: the module, its weights, the rows, and the loop that trains it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from neurosim.data.rows import Rows
from neurosim.exchange.functions import Functions, Rule, optimizer_rule, schedule_function
from neurosim.exchange.randomness import KEYS, SHUFFLED, TORCH_MAP, TORCH_MASK
from neurosim.exchange.refusals import refusal, unexportable
from neurosim.exchange.stored import initial_arrays, loss_targets, trained_arrays
from neurosim.exchange.telling import (
    about_rows,
    are_bytes,
    as_inputs,
    batches,
    progress,
    report_and_main,
    right_answers,
    scaled_bytes,
    settings,
    story,
)
from neurosim.exchange.torch_layers import SHORTER, torch_model
from neurosim.exchange.torch_losses import TorchLoss, torch_loss
from neurosim.exchange.torch_optimizers import torch_optimizer
from neurosim.exchange.wording import block, number, statement
from neurosim.formulas.arrays import TORCH
from neurosim.training.simulator import Simulator

# What the script calls its own.
_NAMES = {
    "torch", "nn", "F", "math", "Path", "load_file", "Network", "network", "x", "y", "z", "w", "g", "t", "k", "new",
    "rate", "epoch", "order", "batch", "start", "initial", "loss", "losses", "train", "trained", "evaluate", "report",
    "shuffled", "mix", "key", "bits", "dropout_mask", "as_map", "stored", "inputs", "penalty", "optimizer", "schedule",
    "state", "name", "print", "range", "len", "enumerate", "sum", "skip", "masks", "places", "right", "final",
    "accuracy", "weighted_loss", "each", "CLASS_WEIGHTS",
}  # fmt: skip


def torch_files(simulator: Simulator) -> dict[str, bytes]:
    """The files of a script in PyTorch, by what their names end with.

    The trained weights are in ``.safetensors``, the rows and the initial weights in ``.data.safetensors``.

    Raises
    ------
    UsageError
        Naming what cannot be exported yet.
    """
    loss = torch_loss(simulator.network)
    missing = [*unexportable(simulator), *([] if loss else [f"the loss {simulator.network.loss.name}"])]
    if missing or loss is None:
        raise refusal("PyTorch", missing)
    script = _Script(simulator, loss)
    data = {f"start.{name}": array for name, array in script.model.state(initial_arrays(simulator), 0).items()}
    for split in simulator.splits:
        rows = simulator.split_rows(split)
        data |= {f"x_{split}": script.features(rows), f"y_{split}": loss_targets(simulator, rows, signed=loss.signed)}
    now = script.model.state(trained_arrays(simulator), simulator.steps_done)
    return {".py": script.text().encode(), ".safetensors": save(now), ".data.safetensors": save(data)}


class _Script:
    def __init__(self, simulator: Simulator, loss: TorchLoss) -> None:
        self.simulator = simulator
        self.network = simulator.network
        self.training = simulator.training
        self.loss = loss
        self.functions = Functions(TORCH, SHORTER, set(_NAMES))
        self.model = torch_model(simulator.network, self.functions)
        self.activations = list(self.functions.texts.values())
        self.schedule = schedule_function(self.training, self.functions)
        self.optimizer = torch_optimizer(self.training)
        self.rule: Rule | None = None
        if self.optimizer is None:
            self.rule = optimizer_rule(self.training, self.functions, scheduled=self.schedule is not None)
        self.by_class = self.network.loss.record.targets == "classes"

    # Rows ---------------------------------------------------------------------------------------------------

    def features(self, rows: Rows) -> NDArray[Any]:
        """The inputs, maps as PyTorch has them."""
        shape = self.network.input_shape
        if len(shape) < 3:
            return np.ascontiguousarray(rows.features)
        return np.ascontiguousarray(rows.features.reshape(-1, *shape).transpose(0, 3, 1, 2))

    # Text ---------------------------------------------------------------------------------------------------

    def text(self) -> str:
        """The whole script."""
        own = list(self.functions.texts.values())[len(self.activations) :]
        random = self.training.shuffle or self.model.masks
        randomness = [KEYS if random else "", SHUFFLED if self.training.shuffle else ""]
        randomness += [TORCH_MASK if self.model.masks else ""]
        randomness += [TORCH_MAP if any(len(layer.shape) > 1 for layer in self.model.masks) else ""]
        body = [
            [*about_rows(self.simulator), *self._rows()],
            scaled_bytes(self.simulator),
            *self.activations,
            self._module(),
            self._penalty(),
            list(self.loss.lines),
            *own,
            *randomness,
            self._train(),
            self._trained(),
            self._evaluate(),
            report_and_main(self.simulator, "trained()"),
        ]
        return block(self._head(block(*body)), *body)

    def _head(self, body: str) -> list[str]:
        name = self.simulator.scenario.scenario.name
        constants = self.rule.constants if self.rule is not None else {}
        functional = ["from torch.nn import functional as F"] if re.search(r"\bF\.", body) else []
        return [
            f'"""The scenario {name} of neurosim in PyTorch: the model, the rows, and the loop that trains it.',
            "",
            "It needs PyTorch and safetensors. The trained weights are in the file beside it that ends",
            "with .safetensors, the rows and the initial weights in that with .data.safetensors.",
            '"""',
            "",
            *(["import math"] if re.search(r"\bmath\.", body) else []),
            "from pathlib import Path",
            "",
            "import torch",
            "from safetensors.torch import load_file",
            *(["from torch import nn"] if self.model.modules or "nn." in body else []),
            *functional,
            "",
            *story(self.simulator),
            "",
            *settings(self.simulator, constants, body),
            "",
            "# With 64 bits the losses are those of neurosim; without this line it trains faster.",
            "torch.set_default_dtype(torch.float64)",
        ]

    def _rows(self) -> list[str]:
        kind = "" if self.by_class else ".to(torch.get_default_dtype())"
        smoothing = self.network.loss.params.get("label_smoothing", 0.0)
        if smoothing and not self.by_class:
            kind += f" * (1 - {number(smoothing)}) + {number(smoothing)} / 2"
        lines = ['stored = load_file(Path(__file__).with_suffix(".data.safetensors"))']
        for name, rows in ((name, self.simulator.split_rows(name)) for name in self.simulator.splits):
            float_ = "" if are_bytes(rows) else ".to(torch.get_default_dtype())"
            lines += [f'x_{name} = stored["x_{name}"]{float_}', f'y_{name} = stored["y_{name}"]{kind}']
        return [*lines, 'initial = {name[6:]: part for name, part in stored.items() if name[:6] == "start."}']

    def _module(self) -> list[str]:
        model = self.model
        masks = ", masks=None" if model.masks else ""
        if model.masks:
            ones = ", ".join(["1"] * len(model.masks))
            masks = f", masks=({ones},)" if len(model.masks) == 1 else f", masks=({ones})"
        inside = " " * 8
        what = "what goes into the last activation" if self.network.pair else "the outputs"
        return [
            "class Network(nn.Module):",
            f'    """The network; it gives {what}."""',
            "",
            "    def __init__(self):",
            "        super().__init__()",
            *(line for name, call in model.modules.items() for line in statement(f"self.{name} = {call}", inside)),
            *(f"        self.{name}.requires_grad_(False)" for name in model.frozen),
            *(["        self.train()"] if model.steady else []),
            "",
            *self._steady(),
            f"    def forward(self, x{masks}):",
            *(line for text in model.forward[:-1] for line in statement(text, inside)),
            *statement(f"return {model.forward[-1].removeprefix('x = ')}", inside),
        ]

    def _steady(self) -> list[str]:
        """Normalizations that are always evaluated."""
        steady = self.model.steady
        lines = [
            "    def train(self, mode=True):",
            '        """Switch to training, but for what is frozen."""',
            "        super().train(mode)",
            *(f"        self.{name}.eval()" for name in steady),
            "        return self",
            "",
        ]
        return lines if steady else []

    def _penalty(self) -> list[str]:
        terms = self.model.penalties
        if not terms:
            return []
        return [
            "def penalty(network):",
            '    """What large weights cost."""',
            f"    cost = {terms[0]}",
            *(f"    cost = cost + {term}" for term in terms[1:]),
            "    return cost",
        ]

    # Training -----------------------------------------------------------------------------------------------

    def _train(self) -> list[str]:
        training, model = self.training, self.model
        lines = [
            "def train(epochs=EPOCHS):",
            '    """Train from the initial weights; returns the network and the loss of every batch."""',
            "    network = Network()",
            "    network.load_state_dict(initial)",
            *self._begin(),
            *batches(self.simulator),
        ]
        step = [f"x, y = {as_inputs(self.simulator, 'x_train[batch]')}, y_train[batch]"]
        if model.masks:
            step += ["places = range(start, start + len(x))", "masks = ["]
            for layer in model.masks:
                mask = f"dropout_mask({layer.index}, epoch, places, {layer.units}, {number(layer.rate)})"
                height_and_width = ", ".join(map(str, layer.shape[:-1]))
                step.append(f"    as_map({mask}, {height_and_width})," if height_and_width else f"    {mask},")
            step.append("]")
        step.append(f"z = network(x{', masks' if model.masks else ''})")
        step.append(f"loss = {self.loss.text}")
        step.append("losses.append(loss.item())")
        cost = "(loss + penalty(network))" if model.penalties else "loss"
        step += ["optimizer.zero_grad()" if self.optimizer else "network.zero_grad()", f"{cost}.backward()"]
        if training.clip_norm is not None:
            step.append("nn.utils.clip_grad_norm_(network.parameters(), CLIP_NORM)")
        if training.clip_value is not None:
            step.append(f"nn.utils.clip_grad_value_(network.parameters(), {number(training.clip_value)})")
        step += self._update()
        end = progress(self.simulator, "sum({}) / " + str(self.simulator.steps_per_epoch))
        if self.optimizer and self.schedule and self.schedule.place == "epoch":
            end.insert(0, "        schedule.step()")
        return [*lines, *(f"            {line}" for line in step), *end, "    return network, losses"]

    def _begin(self) -> list[str]:
        """What there is before the first step."""
        if self.optimizer is not None:
            lines = statement(f"optimizer = {self.optimizer}", "    ")
            if self.schedule is not None:
                lines.append(f"    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, {self.schedule.name})")
            return [*lines, "    losses = []"]
        assert self.rule is not None
        learned = "network.parameters()"
        begin = []
        if self.network.frozen:
            learned, begin = "learned", ["    learned = [w for w in network.parameters() if w.requires_grad]"]
        slots = [f"    {slot} = [torch.zeros_like(w) for w in {learned}]" for slot in self._slots()]
        return [*begin, *slots, "    losses, t = [], 0"]

    def _slots(self) -> list[str]:
        assert self.rule is not None
        return [slot if slot not in _NAMES else f"{slot}_" for slot in self.rule.slots]

    def _update(self) -> list[str]:
        """One step of the optimizer."""
        if self.optimizer is not None:
            by_step = self.schedule is not None and self.schedule.place == "t"
            return ["optimizer.step()", *(["schedule.step()"] if by_step else [])]
        assert self.rule is not None
        words = {"w": "w", "g": "w.grad", "t": "t", "lr": "rate"}
        words |= {slot: f"{own}[k]" for slot, own in zip(self.rule.slots, self._slots(), strict=True)}
        given = ", ".join(words[argument] for argument in self.rule.arguments)
        new = ", ".join(["new", *(f"{own}[k]" for own in self._slots())])
        place = self.schedule.place if self.schedule else ""
        return [
            *([f"rate = LEARNING_RATE * {self.schedule.name}({place})"] if self.schedule else []),
            "t += 1",
            "with torch.no_grad():",
            f"    for k, w in enumerate({'learned' if self.network.frozen else 'network.parameters()'}):",
            f"        {new} = {self.rule.name}({given})",
            "        w.copy_(new)",
        ]

    def _trained(self) -> list[str]:
        return [
            "def trained():",
            '    """The network as neurosim has trained it."""',
            "    network = Network()",
            '    network.load_state_dict(load_file(Path(__file__).with_suffix(".safetensors")))',
            "    return network",
        ]

    def _evaluate(self) -> list[str]:
        above = self.loss.above or f"z > {number(self.network.loss.record.threshold)}"
        right = right_answers(self.simulator, "dim=1", above, signed=self.loss.signed)
        return [
            "@torch.no_grad()",
            "def evaluate(network, x, y):",
            f'    """The loss on some rows{", and the share of right answers" if right else ""}."""',
            *(["    network.eval()"] if self.network.batch_norms else []),
            f"    z = network({as_inputs(self.simulator, 'x')})",
            f"    loss = {self.loss.text}",
            *([f"    right = {right}"] if right else []),
            f"    return loss.item(){', right.double().mean().item()' if right else ''}",
        ]
