"""What the layers of a convolutional network make of one image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neurosim.network.layers import Conv2d, Normalization, of_kind

if TYPE_CHECKING:  # what draws these numbers need not load a simulator
    from neurosim.training.simulator import Simulator

MOST_CHANNELS, MOST_LAYERS = 8, 8


@dataclass(frozen=True)
class LayerOutputs:
    """Some channels of the output of a layer.

    Attributes
    ----------
    layer, kind : str
        Its name and kind.
    of : int
        How many channels it has.
    maps : float32 (channels, height, width)
        The first of them.
    """

    layer: str
    kind: str
    of: int
    maps: NDArray[np.float32]


@dataclass(frozen=True)
class FeatureMaps:
    """An image on its way through the network.

    Attributes
    ----------
    image : float32 (height, width, channels)
        As the network gets it.
    name : str
        Which image it is, such as "test image 0: 7".
    answer : str
        What the network takes it for; empty if there are no classes.
    layers : tuple of LayerOutputs
        The layers that output maps.
    left_out : int
        How many more there are.
    """

    image: NDArray[np.float32]
    name: str
    answer: str
    layers: tuple[LayerOutputs, ...]
    left_out: int


def feature_maps(simulator: Simulator) -> FeatureMaps | None:
    """The first test image, or else the first training image, on its way; None without convolutions.

    The outputs are those of training mode, in which batch normalization uses the statistics of the batch: so a batch of
    images goes along with it.
    """
    network, data = simulator.network, simulator.data
    if not of_kind(network.parts, Conv2d):
        return None
    split = "test" if "test" in simulator.splits else "train"
    rows = simulator.split_rows(split).some(slice(0, 128 if network.batch_norms else 1))
    x = rows.inputs(np.float32)
    seen = simulator.signals(x)
    shown = []
    before: tuple[int, ...] = ()
    for layer in network.layers:
        maps = seen[layer.name].outputs[0]
        # Layers that change nothing visible are left out.
        plain = layer.passes_through or isinstance(layer, Normalization)
        if maps.ndim == 3 and not (plain and maps.shape == before):
            channels = np.moveaxis(maps, -1, 0)[:MOST_CHANNELS].astype(np.float32)
            shown.append(LayerOutputs(layer.name, layer.kind, maps.shape[-1], channels))
        before = maps.shape
    name, answer = f"{split} image {int(getattr(data, split).rows[0])}", ""
    if data.classes and network.outputs == len(data.classes):
        right = int(rows.classes[0])
        name += f" ({data.class_labels[right]})"
        answer = data.class_labels[int(simulator.forward(x[:1])[0].argmax())]
    image = x[0].reshape(network.input_shape)
    return FeatureMaps(image, name, answer, tuple(shown[:MOST_LAYERS]), max(len(shown) - MOST_LAYERS, 0))
