"""The optimizer of a run in PyTorch: its own where it has the same, else the rule written out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from neurosim.builtins import optimizers
from neurosim.exchange.wording import number
from neurosim.network.training import Training

# Our function -> PyTorch's class; its arguments with our parameters; what they are there if left out.
_OURS: Mapping[Callable[..., Any], tuple[str, Mapping[str, str], Mapping[str, str]]] = {
    optimizers.sgd: (
        "SGD",
        {"momentum": "{momentum}", "nesterov": "{nesterov}", "weight_decay": "{weight_decay}"},
        {"momentum": "0", "nesterov": "0", "weight_decay": "0"},
    ),
    optimizers.dampened_sgd: (
        "SGD",
        {"momentum": "{momentum}", "dampening": "{dampening}", "weight_decay": "{weight_decay}"},
        {"momentum": "0", "dampening": "0", "weight_decay": "0"},
    ),
    optimizers.rmsprop: (
        "RMSprop",
        {"alpha": "{rho}", "eps": "{eps}", "weight_decay": "{weight_decay}"},
        {"alpha": "0.99", "eps": "1e-8", "weight_decay": "0"},
    ),
    optimizers.centered_rmsprop: (
        "RMSprop",
        {"alpha": "{rho}", "eps": "{eps}", "weight_decay": "{weight_decay}", "centered": "True"},
        {"alpha": "0.99", "eps": "1e-8", "weight_decay": "0", "centered": "False"},
    ),
    optimizers.adagrad: (
        "Adagrad",
        {"eps": "{eps}", "weight_decay": "{weight_decay}"},
        {"eps": "1e-10", "weight_decay": "0"},
    ),
    **{
        rule: (
            name,
            {"betas": "({beta1}, {beta2})", "eps": "{eps}", "weight_decay": "{weight_decay}", **more},
            {"betas": "(0.9, 0.999)", "eps": "1e-8", "weight_decay": decay, "amsgrad": "False"},
        )
        for rule, name, decay, more in (
            (optimizers.adam, "Adam", "0", {}),
            (optimizers.adamw, "AdamW", "0.01", {}),
            (optimizers.amsgrad, "Adam", "0", {"amsgrad": "True"}),
            (optimizers.amsgradw, "AdamW", "0.01", {"amsgrad": "True"}),
            (optimizers.radam, "RAdam", "0", {}),
        )
    },
    optimizers.nadam: (
        "NAdam",
        {
            "betas": "({beta1}, {beta2})",
            "eps": "{eps}",
            "weight_decay": "{weight_decay}",
            "momentum_decay": "{momentum_decay}",
        },
        {"betas": "(0.9, 0.999)", "eps": "1e-8", "weight_decay": "0", "momentum_decay": "0.004"},
    ),
}


def torch_optimizer(training: Training) -> str | None:
    """The call that makes PyTorch's optimizer for ``network.parameters()``; None where PyTorch has no such one."""
    settings = training.optimizer.params
    nesterov = settings.get("nesterov", 0.0)
    if training.optimizer.record.update not in _OURS:
        return None
    # PyTorch's switch is on or off, and on only where there is momentum.
    if nesterov not in (0.0, 1.0) or (nesterov and not settings["momentum"]):
        return None
    name, arguments, usual = _OURS[training.optimizer.record.update]
    values = {key: number(value) for key, value in settings.items()}
    given = {key: text.format_map(values) for key, text in arguments.items()}
    given = {key: text for key, text in given.items() if text != usual[key]}
    if "nesterov" in given:
        given["nesterov"] = "True"
    more = "".join(f", {key}={text}" for key, text in given.items())
    return f"torch.optim.{name}(network.parameters(), lr=LEARNING_RATE{more})"
