"""Image augmentation: how each training image is changed before an epoch, as pure data.

An image is sampled at displaced points. The gray value of pixel (x, y) of the new image is read, by bilinear
interpolation, from the point

    A^-1 ((x, y) - center - shift) + center + alpha * (Gaussian of deviation sigma * noise)(x, y)

of the old one, where A = scale * rotation * shear and noise is a pair of uniform random numbers
from -1 to 1 for each pixel: the affine and the elastic distortions of Simard, Steinkraus and Platt
2003. Outside the image is the background. The Gaussian has sum 1, is cut off at 4 deviations and sees zeros outside
the image, like ``scipy.ndimage.gaussian_filter(noise, sigma, mode="constant")``, so alpha has its usual meaning (the
paper's alpha belongs to a differently scaled kernel).

Random numbers are those of `neurosim.randomness.uniform_bits`, read as signed integers over 2**31, with the key of
`augmentation_key` and the number of the row among the training rows: numbers 0 to 4 of a row are for the shift in x
and in y, the rotation, the scale and the shear; from `FIELD` on there is one for each pixel's displacement in x, then
one for each in y. So the numbers for one kind of change do not depend on whether the others are on.

The compiled function that does this is in `neurosim.backends.cpu.augmentation`; every backend uses it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from neurosim.elementary import exp
from neurosim.randomness import key

# The number of the first random number of a row for the displacement field.
FIELD = 8
# Number of deviations after which the Gaussian is cut off, as in SciPy.
TRUNCATE = 4.0


@dataclass(frozen=True)
class Strengths:
    """How strongly images are changed; each change is drawn uniformly from minus to plus its strength.

    Attributes
    ----------
    shift : float
        Pixels, in x and in y.
    rotation : float
        Degrees about the center of the image, counter-clockwise where y points down.
    scale : float
        Share of the size, below 1: images become 1 - scale to 1 + scale times as large.
    shear : float
        Degrees by which vertical lines are tilted, below 90.
    alpha, sigma : float
        Displacement of single pixels: its strength in pixels before smoothing, and the standard
        deviation in pixels of the Gaussian that smooths it, above 0.
    """

    shift: float = 0.0
    rotation: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    alpha: float = 0.0
    sigma: float = 1.0

    @property
    def any(self) -> bool:
        """Whether anything is changed at all."""
        return any(getattr(self, entry.name) > 0 for entry in fields(self) if entry.name != "sigma")


@dataclass(frozen=True)
class Augmentation:
    """Everything that determines the augmented images, besides the images.

    Images are changed in their original form. The features have been scaled since, so the scaling is first undone, and
    the new images are scaled in the same way.

    Attributes
    ----------
    strengths : Strengths
        How strongly images are changed.
    shape : (height, width, channels)
        Shape of the images, each a row of features in this order.
    seed : int
        The seed of the run.
    background : float
        Value outside the image.
    scale, shift : array (features,) of float64
        ``feature = pixel * scale + shift`` for each feature of the rows.
    """

    strengths: Strengths
    shape: tuple[int, int, int]
    seed: int
    background: float
    scale: NDArray[np.float64]
    shift: NDArray[np.float64]


def augmentation_key(seed: int, epoch: int) -> int:
    """Key of the random numbers that change the images of an epoch."""
    return key(seed, "augmentation", epoch)


def gaussian(sigma: float) -> NDArray[np.float64]:
    """The middle and the right half of a Gaussian of sum 1, shape (radius + 1,)."""
    radius = int(TRUNCATE * sigma + 0.5)
    half = exp(-0.5 * (np.arange(radius + 1) / sigma) ** 2)
    total: np.float64 = 2 * half.sum() - half[0]
    return half / total
