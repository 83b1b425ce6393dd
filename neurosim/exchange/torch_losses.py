"""The built-in losses in PyTorch's words, where PyTorch has the same loss.

Targets are class indices for losses that tell classes apart, else a row of values for each example.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from neurosim.builtins import losses
from neurosim.exchange.wording import list_lines, number
from neurosim.network.network import Network


@dataclass(frozen=True)
class TorchLoss:
    """A loss as an expression of the network's output `z` and the targets `y`.

    Attributes
    ----------
    text : str
        The mean over the rows of a batch.
    signed : bool
        Whether the targets are -1 and 1.
    above : str
        When an output counts as class 1, if that is no matter of the loss's threshold.
    lines : tuple of str
        The function that it calls, where it needs one of its own.
    """

    text: str
    signed: bool = False
    above: str = ""
    lines: tuple[str, ...] = ()


_LOSSES: Mapping[Callable[..., Any], TorchLoss] = {
    losses.mse: TorchLoss("F.mse_loss(z, y)"),
    losses.mae: TorchLoss("F.l1_loss(z, y)"),
    losses.huber: TorchLoss("F.huber_loss(z, y, delta={delta})"),
    losses.binary_cross_entropy: TorchLoss("F.binary_cross_entropy(z, y)"),
    losses.sigmoid_cross_entropy: TorchLoss("F.binary_cross_entropy_with_logits(z, y)", above="z > 0"),
    losses.categorical_cross_entropy: TorchLoss("F.nll_loss(torch.log(z.clamp(min=1e-30)), y)"),
    losses.softmax_cross_entropy: TorchLoss("F.cross_entropy(z, y{smoothing})"),
    losses.hinge: TorchLoss("torch.relu(1 - y * z).mean()", signed=True),
    losses.perceptron: TorchLoss("torch.relu(-y * z).sum() / len(y)", signed=True),
    losses.step_perceptron: TorchLoss("torch.sum(((z >= 0).to(z) - y) * z) / len(y)", above="z >= 0"),
}
# Of these, PyTorch's function takes the smoothing; in the targets of the others it is no different.
_SMOOTHED = (losses.softmax_cross_entropy, losses.binary_cross_entropy, losses.sigmoid_cross_entropy)


def torch_loss(network: Network) -> TorchLoss | None:
    """The loss of a network; None where it is none of those here."""
    plain = network.unweighted
    value = (plain.pair or plain.loss.record).value
    found = _LOSSES.get(value)
    smoothing = network.loss.params.get("label_smoothing", 0.0)
    if found is None or (smoothing and value not in _SMOOTHED):
        return None
    values = {name: number(setting) for name, setting in network.loss.params.items()}
    values["smoothing"] = f", label_smoothing={number(smoothing)}" if smoothing else ""
    made = TorchLoss(found.text.format_map(values), found.signed, found.above)
    return _weighted(made, network) if network.class_weights else made


def _weighted(loss: TorchLoss, network: Network) -> TorchLoss | None:
    """The loss of each row times the weight of its class; None where PyTorch has no function for single rows."""
    if not loss.text.startswith("F."):
        return None
    each = f'{loss.text[:-1]}, reduction="none")'
    if network.loss.record.targets == "classes":
        place = "y"
    else:
        each += ".mean(dim=1)"
        place = "(y[:, 0] > 0.5).long()" if network.outputs == 1 else "y.argmax(dim=1)"
    lines = (
        *list_lines("CLASS_WEIGHTS = torch.tensor", network.class_weights),
        "",
        "",
        "def weighted_loss(z, y):",
        '    """The mean over the rows of the loss, times the weight of the right class."""',
        f"    each = {each}",
        f"    return torch.mean(CLASS_WEIGHTS[{place}] * each)",
    )
    return TorchLoss("weighted_loss(z, y)", loss.signed, loss.above, lines)
