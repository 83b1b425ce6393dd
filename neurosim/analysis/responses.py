"""What the channels of convolutions respond to: the parts of images that excite each of them most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neurosim.network.layers import Window, Windowed

if TYPE_CHECKING:  # what draws these numbers need not load a simulator
    from neurosim.network.network import Network
    from neurosim.training.simulator import Simulator

IMAGES, CHANNELS, PATCHES = 512, 8, 6


@dataclass(frozen=True)
class ChannelResponses:
    """The strongest responses of some channels of a convolution.

    Attributes
    ----------
    layer : str
        Its name.
    patches : float32 (channels, patches, height, width, image channels)
        What the channel saw where it responded most strongly, one place per image, the strongest first; NaN beyond
        the edges of the image. The size is that of the receptive field, at most the whole image.
    strongest : float32 (channels, patches)
        The responses there.
    """

    layer: str
    patches: NDArray[np.float32]
    strongest: NDArray[np.float32]


@dataclass(frozen=True)
class _Field:
    """The part of the image that a place in a map sees: its size, its stride, and where the first one begins."""

    size: tuple[int, int]
    step: tuple[int, int]
    start: tuple[int, int]

    def through(self, window: Window) -> _Field:
        """As seen through another window."""
        top, _, left, _ = window.padding
        sizes = zip(self.size, self.step, window.reach, strict=True)
        size = tuple(own + step * (reach - 1) for own, step, reach in sizes)
        start = tuple(own - step * pad for own, step, pad in zip(self.start, self.step, (top, left), strict=True))
        step = tuple(own * stride for own, stride in zip(self.step, window.stride, strict=True))
        return _Field((size[0], size[1]), (step[0], step[1]), (start[0], start[1]))


def channel_responses(simulator: Simulator) -> tuple[ChannelResponses, ...]:
    """The convolutions that the images pass through, but not those inside residual layers.

    The images are those of the test rows, or else of the training rows, at most 512 of them.
    """
    fields = _fields(simulator.network)
    if not fields:
        return ()
    rows = simulator.split_rows("test" if "test" in simulator.splits else "train").some(slice(0, IMAGES))
    features = rows.inputs(np.float32)
    seen = simulator.signals(features)
    images = features.reshape(-1, *simulator.network.input_shape)
    return tuple(_strongest(name, field, seen[name].outputs, images) for name, field in fields.items())


def _fields(network: Network) -> dict[str, _Field]:
    """What each convolution sees, by its name."""
    found: dict[str, _Field] = {}
    field = _Field((1, 1), (1, 1), (0, 0))
    if len(network.input_shape) != 3:
        return found
    for layer in network.layers:
        if isinstance(layer, Windowed):
            field = field.through(layer.window)
            if layer.parameters:
                found[layer.name] = field
        elif len(layer.output_shape) != 3 or layer.parts:
            break
    return found


def _strongest(name: str, field: _Field, outputs: NDArray[np.float32], images: NDArray[np.float32]) -> ChannelResponses:
    """The largest response of each channel in each image, and of these the largest."""
    rows, _, width, channels = outputs.shape
    chosen = min(channels, CHANNELS)
    count = min(rows, PATCHES)
    size = (min(field.size[0], images.shape[1]), min(field.size[1], images.shape[2]))
    patches = np.full((chosen, count, *size, images.shape[3]), np.nan, np.float32)
    strongest = np.zeros((chosen, count), np.float32)
    for channel in range(chosen):
        maps = outputs[..., channel].reshape(rows, -1)
        best = maps.max(axis=1)
        for place, row in enumerate(np.argsort(-best, kind="stable")[:count]):
            strongest[channel, place] = best[row]
            y, x = divmod(int(maps[row].argmax()), width)
            patches[channel, place] = _cut(images[row], field, (y, x), size)
    return ChannelResponses(name, patches, strongest)


def _cut(image: NDArray[np.float32], field: _Field, at: tuple[int, int], size: tuple[int, int]) -> NDArray[np.float32]:
    """The part of an image that the place `at` in a map sees; all of it if it sees that much."""
    cut = np.full((*size, image.shape[2]), np.nan, np.float32)
    begins = [
        0 if whole <= own else first + step * place
        for whole, own, first, step, place in zip(image.shape, field.size, field.start, field.step, at, strict=False)
    ]
    top, left = begins
    inside = (slice(max(top, 0), top + size[0]), slice(max(left, 0), left + size[1]))
    part = image[inside]
    down, across = max(-top, 0), max(-left, 0)
    cut[down : down + part.shape[0], across : across + part.shape[1]] = part
    return cut
