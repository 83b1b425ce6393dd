"""The network of a run in Keras: its layers, the rows, and the loop that trains it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.builtins import losses, optimizers
from neurosim.exchange.functions import Functions, schedule_function
from neurosim.exchange.keras_layers import keras_model
from neurosim.exchange.randomness import KEYS, SHUFFLED
from neurosim.exchange.refusals import refusal, unexportable
from neurosim.exchange.stored import initial_arrays, loss_targets, npz_bytes, trained_arrays
from neurosim.exchange.telling import (
    about_rows,
    as_inputs,
    batches,
    progress,
    report_and_main,
    right_answers,
    scaled_bytes,
    settings,
    story,
)
from neurosim.exchange.wording import block, number, statement
from neurosim.formulas.arrays import KERAS
from neurosim.network.network import Network
from neurosim.network.training import Training
from neurosim.training.simulator import Simulator

# What the script calls its own.
_NAMES = {
    "keras", "layers", "ops", "np", "math", "Path", "x", "y", "z", "t", "epoch", "order", "batch", "start", "losses",
    "train", "trained", "evaluate", "report", "shuffled", "mix", "key", "bits", "stored", "inputs", "given", "network",
    "made", "name", "optimizer", "print", "range", "len", "sum", "skip", "right", "final", "accuracy", "loss", "layer",
    "which",
}  # fmt: skip
_LOSSES: Mapping[Callable[..., Any], str] = {
    losses.mse: "MeanSquaredError()",
    losses.mae: "MeanAbsoluteError()",
    losses.huber: "Huber(delta={delta})",
    losses.binary_cross_entropy: "BinaryCrossentropy()",
    losses.sigmoid_cross_entropy: "BinaryCrossentropy(from_logits=True)",
    losses.categorical_cross_entropy: "SparseCategoricalCrossentropy()",
    losses.softmax_cross_entropy: "SparseCategoricalCrossentropy(from_logits=True)",
    losses.hinge: "Hinge()",
}
# Keras adds epsilon inside a root where we add it outside.
_SQUARED = "{eps}**2"
_OPTIMIZERS: Mapping[Callable[..., Any], tuple[str, Mapping[str, str]]] = {
    optimizers.sgd: ("SGD", {"momentum": "{momentum}", "nesterov": "{nesterov}"}),
    optimizers.adam: ("Adam", {"beta_1": "{beta1}", "beta_2": "{beta2}", "epsilon": "{eps}"}),
    optimizers.adamw: (
        "AdamW",
        {"weight_decay": "{weight_decay}", "beta_1": "{beta1}", "beta_2": "{beta2}", "epsilon": "{eps}"},
    ),
    optimizers.rmsprop: ("RMSprop", {"rho": "{rho}", "epsilon": _SQUARED}),
    optimizers.adagrad: ("Adagrad", {"initial_accumulator_value": "0", "epsilon": _SQUARED}),
}
_USUAL = {"momentum": "0", "nesterov": "0", "beta_1": "0.9", "beta_2": "0.999", "rho": "0.9"}


def keras_files(simulator: Simulator) -> dict[str, bytes]:
    """The files of a script in Keras, by what their names end with.

    The rows, the initial weights and those that neurosim has trained are in ``.npz``.

    Raises
    ------
    UsageError
        Naming what cannot be exported yet.
    """
    network, training = simulator.network, simulator.training
    value = (network.pair or network.loss.record).value
    missing = [*unexportable(simulator), *_missing(training, scheduled=training.schedule is not None)]
    if value not in _LOSSES or network.loss.params.get("label_smoothing", 0.0):
        smoothed = " with label_smoothing" if value in _LOSSES else ""
        missing.append(f"the loss {network.loss.name}{smoothed}")
    if missing:
        raise refusal("Keras", missing)
    script = _Script(simulator)
    return {".py": script.text().encode(), ".npz": npz_bytes(script.arrays())}


def _missing(training: Training, *, scheduled: bool) -> list[str]:
    record, settings = training.optimizer.record, training.optimizer.params
    if record.update not in _OPTIMIZERS:
        return [f"the optimizer {record.name}"]
    found = []
    if settings.get("weight_decay", 0.0) and record.update is not optimizers.adamw:
        found.append(f"{record.name} with weight_decay, which Keras takes for another one")
    if settings.get("momentum", 0.0) and scheduled:
        found.append("momentum together with a schedule, which change each other in Keras")
    nesterov = settings.get("nesterov", 0.0)
    if nesterov not in (0.0, 1.0) or (nesterov and not settings["momentum"]):
        found.append("nesterov other than on or off")
    return found


class _Script:
    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.network: Network = simulator.network
        self.training = simulator.training
        self.functions = Functions(KERAS, {}, set(_NAMES))
        self.model = keras_model(simulator.network, self.functions)
        self.activations = list(self.functions.texts.values())
        self.schedule = schedule_function(self.training, self.functions)
        self.signed = self.network.loss.record.value is losses.hinge

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Rows and weights; those of a layer are numbered as in Keras."""
        found: dict[str, NDArray[Any]] = {}
        for split in self.simulator.splits:
            rows = self.simulator.split_rows(split)
            found[f"x_{split}"] = rows.features.reshape(-1, *self.network.input_shape)
            found[f"y_{split}"] = loss_targets(self.simulator, rows, signed=self.signed)
        for which, arrays in (("initial", initial_arrays(self.simulator)), ("trained", trained_arrays(self.simulator))):
            for layer, parameters in self.model.weights.items():
                for place, parameter in enumerate(parameters):
                    found[f"{which}.{layer}.{place}"] = arrays[parameter.name].astype(np.float32)
        return found

    # Text ---------------------------------------------------------------------------------------------------

    def text(self) -> str:
        """The whole script."""
        own = list(self.functions.texts.values())[len(self.activations) :]
        shuffle = self.training.shuffle
        body = [
            [*about_rows(self.simulator), *self._rows()],
            scaled_bytes(self.simulator),
            *self.activations,
            self._made(),
            *own,
            KEYS if shuffle else "",
            SHUFFLED if shuffle else "",
            self._train(),
            self._evaluate(),
            report_and_main(self.simulator, 'made("trained")'),
        ]
        return block(self._head(block(*body)), *body)

    def _head(self, body: str) -> list[str]:
        name = self.simulator.scenario.scenario.name
        return [
            f'"""The scenario {name} of neurosim in Keras: the model, the rows, and the loop that trains it.',
            "",
            "It needs Keras 3 with any backend. The rows, the initial weights and those that neurosim has",
            "trained are in the file beside it that ends with .npz.",
            '"""',
            "",
            *(["import math"] if re.search(r"\bmath\.", body) else []),
            "from pathlib import Path",
            "",
            "import keras",
            "import numpy as np",
            f"from keras import {', '.join(['layers', *(['ops'] if re.search(r'ops[.]', body) else [])])}",
            "",
            *story(self.simulator),
            "",
            *settings(self.simulator, {}, body),
            "",
            "# With 64 bits the losses are those of neurosim; without this line it trains faster.",
            'keras.config.set_floatx("float64")',
        ]

    def _rows(self) -> list[str]:
        lines = ['stored = np.load(Path(__file__).with_suffix(".npz"))']
        for name in self.simulator.splits:
            lines += [f'x_{name}, y_{name} = stored["x_{name}"], stored["y_{name}"]']
        return lines

    def _made(self) -> list[str]:
        what = "what goes into the last activation" if self.network.pair else "the outputs"
        lines = [part for line in self.model.lines for part in statement(line, "    ")]
        return [
            "def made(which):",
            f'    """The network, which gives {what}; with the weights "initial" or "trained"."""',
            f"    x = given = keras.Input({self.network.input_shape})",
            *lines,
            "    network = keras.Model(given, x)",
            "    for layer in network.layers:",
            "        places = range(len(layer.weights))",
            '        layer.set_weights([stored[f"{which}.{layer.name}.{k}"] for k in places])',
            *(f'    network.get_layer("{name}").trainable = False' for name in self.model.frozen),
            *statement(f"optimizer = keras.optimizers.{self._optimizer()}", "    "),
            f"    loss = keras.losses.{self._loss()}",
            "    network.compile(optimizer, loss)",
            "    return network",
        ]

    def _loss(self) -> str:
        value = (self.network.pair or self.network.loss.record).value
        return _LOSSES[value].format_map({name: number(part) for name, part in self.network.loss.params.items()})

    def _optimizer(self) -> str:
        training = self.training
        name, arguments = _OPTIMIZERS[training.optimizer.record.update]
        values = {key: number(value) for key, value in training.optimizer.params.items()}
        given = {key: text.format_map(values) for key, text in arguments.items()}
        given = {key: text for key, text in given.items() if text != _USUAL.get(key)}
        if "nesterov" in given:
            given["nesterov"] = "True"
        if training.clip_norm is not None:
            given["global_clipnorm"] = "CLIP_NORM"
        if training.clip_value is not None:
            given["clipvalue"] = number(training.clip_value)
        return f"{name}({', '.join(['LEARNING_RATE', *(f'{key}={text}' for key, text in given.items())])})"

    # Training -----------------------------------------------------------------------------------------------

    def _train(self) -> list[str]:
        rows, step = as_inputs(self.simulator, "x_train[batch]"), []
        if self.schedule is not None:
            rate = f"LEARNING_RATE * {self.schedule.name}({self.schedule.place})"
            step.append(f"network.optimizer.learning_rate = {rate.replace('(t)', '(len(losses))')}")
        step += [
            f"x, y = {rows}, y_train[batch]",
            "network.reset_metrics()",
            "losses.append(float(network.train_on_batch(x, y)))",
        ]
        return [
            "def train(epochs=EPOCHS):",
            '    """Train from the initial weights; returns the network and the loss of every batch."""',
            '    network, losses = made("initial"), []',
            *batches(self.simulator),
            *(f"            {line}" for line in step),
            *progress(self.simulator, "np.mean({})"),
            "    return network, losses",
        ]

    def _evaluate(self) -> list[str]:
        x = as_inputs(self.simulator, "x")
        middle = 0 if self.network.pair or self.signed else self.network.loss.record.threshold
        right = right_answers(self.simulator, "axis=1", f"z > {number(middle)}", signed=self.signed)
        head, loss = "def evaluate(network, x, y):", f"network.evaluate({x}, y, verbose=0)"
        if not right:
            return [head, '    """The loss on some rows."""', f"    return {loss}"]
        return [
            head,
            '    """The loss on some rows, and the share of right answers."""',
            f"    loss = {loss}",
            f"    z = network.predict({x}, verbose=0)",
            f"    return loss, np.mean({right})",
        ]
