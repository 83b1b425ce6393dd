"""Compiled image augmentation; `neurosim.backends.augmentation` says what is computed.

All loops over the pixels of one image run over flat arrays whose lines are `pitch` numbers apart, the width plus a
gap: the gap contains the zeros that the Gaussian sees outside the image, and the loops, which must be long enough to
be vectorized, need not stop at the end of a line.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace

import numpy as np

from neurosim.backends.augmentation import FIELD, Augmentation, augmentation_key, gaussian
from neurosim.backends.cpu import team
from neurosim.backends.cpu.jit import compiled, entry, scalar
from neurosim.backends.cpu.masks import GOLDEN, mix64, uniform
from neurosim.backends.cpu.memory import address_of, atomic_add, floats, integers
from neurosim.backends.cpu.step_math import exact_math
from neurosim.data.rows import Rows

FLOAT = 4  # bytes
# Number of images that a thread takes at a time.
PORTION = 64
# Lines and columns of background around an image: one before and two after it, since the last point between pixels has
# a right and a lower neighbor.
BORDER = 3
UNIT = 2.0**-31


@scalar
def signed(start, second, number):
    """A uniform random number from -1 to 1, times 2**31."""
    return np.float32(np.int32(uniform(start, second, number)))


@compiled
def smooth(source, out, count, step, weights, radius):
    """out[q] = sum over k from -radius to radius of weights[abs(k)] * source[q + k * step].

    `source`, `out` and `weights` are addresses; what lies `radius` steps before and behind the
    `count` numbers of `source` is read too.
    """
    weight = floats(weights, radius + 1)
    middle = floats(source, count)
    result = floats(out, count)
    for q in range(count):
        result[q] = weight[0] * middle[q]
    stride = step * FLOAT
    k = 1
    # Two pairs of neighbors a pass: half the traffic to `result`.
    while k < radius:
        left, right = floats(source - k * stride, count), floats(source + k * stride, count)
        further_left, further_right = floats(source - (k + 1) * stride, count), floats(source + (k + 1) * stride, count)
        near, far = weight[k], weight[k + 1]
        for q in range(count):
            result[q] += near * (left[q] + right[q]) + far * (further_left[q] + further_right[q])
        k += 2
    if k == radius:
        left, right = floats(source - k * stride, count), floats(source + k * stride, count)
        near = weight[k]
        for q in range(count):
            result[q] += near * (left[q] + right[q])


@compiled
def fill_noise(noise, count, numbers, inside, start, second):
    """Random numbers from -1 to 1 for the pixels, zeros for the gaps."""
    result, number, factor = floats(noise, count), integers(numbers, count), floats(inside, count)
    for q in range(count):
        result[q] = signed(start, second, number[q]) * factor[q]


@compiled
def find_places(geometry, count, xs, ys, moved_x, moved_y, places, parts_x, parts_y):
    """The source of each new pixel: the number of the upper left neighbor, and the fractions between pixels.

    `geometry` is (a, b, c, d, e, f, right, bottom, pitch) of x' = a x + b y + c, y' = d x + e y + f,
    counted from the corner of the bordered image, which ends at `right` and `bottom`.
    """
    a, b, c, d, e, f, right, bottom, pitch = geometry
    x, y, u, v = floats(xs, count), floats(ys, count), floats(moved_x, count), floats(moved_y, count)
    place, part_x, part_y = integers(places, count), floats(parts_x, count), floats(parts_y, count)
    zero = np.float32(0)
    for q in range(count):
        # The background begins one pixel outside and extends forever.
        column = min(max(a * x[q] + b * y[q] + c + u[q], zero), right)
        line = min(max(d * x[q] + e * y[q] + f + v[q], zero), bottom)
        whole_column, whole_line = np.int32(column), np.int32(line)
        part_x[q] = column - np.float32(whole_column)
        part_y[q] = line - np.float32(whole_line)
        place[q] = whole_line * pitch + whole_column


@compiled
def interpolate(image, geometry, places, parts_x, parts_y, out, scale, shift):
    """Read all pixels of one image from their sources; `geometry` is (height, width, channels, pitch)."""
    height, width, channels, pitch = geometry
    size = (height + BORDER) * (width + BORDER) * channels
    below = image + (width + BORDER) * channels * FLOAT
    upper_left, upper_right = floats(image, size), floats(image + channels * FLOAT, size)
    lower_left, lower_right = floats(below, size), floats(below + channels * FLOAT, size)
    count = height * pitch
    place, part_x, part_y = integers(places, count), floats(parts_x, count), floats(parts_y, count)
    for i in range(height):
        for j in range(width):
            q = i * pitch + j
            right, low = part_x[q], part_y[q]
            for channel in range(channels):
                # Unsigned, since an index that may be negative is checked.
                at = np.uint64(place[q] * channels + channel)
                upper = upper_left[at] + right * (upper_right[at] - upper_left[at])
                lower = lower_left[at] + right * (lower_right[at] - lower_left[at])
                feature = (i * width + j) * channels + channel
                out[feature] = (upper + low * (lower - upper)) * scale[feature] + shift[feature]


@compiled
def drawn(start, second, number, strength):
    """A uniform random number from -strength to strength."""
    return strength * (np.float64(np.int32(uniform(start, second, number))) * UNIT)


@compiled
def inverse_map(start, second, strengths, height, width):
    """(a, b, c, d, e, f) of the affine map from the new image to the bordered old one."""
    shift, rotation, scale, shear = strengths
    shift_x, shift_y = drawn(start, second, 0, shift), drawn(start, second, 1, shift)
    angle = drawn(start, second, 2, rotation)
    factor = 1.0 / (1.0 + drawn(start, second, 3, scale))
    tilt = exact_math.tan(drawn(start, second, 4, shear))
    cosine, sine = exact_math.cos(angle) * factor, exact_math.sin(angle) * factor
    # (scale R H)^-1 = H^-1 R^-1 / scale, with y pointing down.
    a, b = cosine - tilt * sine, -sine - tilt * cosine
    d, e = sine, cosine
    middle_x, middle_y = 0.5 * (width - 1), 0.5 * (height - 1)
    c = middle_x + 1 - a * shift_x - b * shift_y
    f = middle_y + 1 - d * shift_x - e * shift_y
    return np.float32(a), np.float32(b), np.float32(c), np.float32(d), np.float32(e), np.float32(f)


@entry
def augment(source, out, key, shape, strengths, kernels, background, scaling, counter):
    """Fill `out` with the changed rows of `source`; several threads share the work through `counter`.

    Parameters
    ----------
    source, out : (rows, features) uint8 or float32
        The images, and the array for the new ones.
    key : uint64
        Key of the epoch's random numbers.
    shape : (height, width, channels)
        Shape of the images.
    strengths : 4 floats
        Shift in pixels, rotation in radians, share of the scale, shear in radians.
    kernels : (radius + 1,) float32, twice
        Half of the Gaussian for columns, and for lines, the latter times alpha. Empty for no elastic distortion.
    background : float32
        Value outside the images.
    scaling : 4 arrays (features,) of float32
        ``pixel = feature * scaling[0] + scaling[1]`` and back ``feature = pixel * scaling[2] + scaling[3]``.
    counter : int64 array (1,)
        Number of portions of rows taken so far.
    """
    height, width, channels = shape
    to_scale, to_shift, back_scale, back_shift = scaling
    down, across = kernels
    elastic = down.size > 0
    # The rest of the Gaussian sees only zeros.
    radius = min(down.size - 1, max(height, width) - 1) if elastic else 0
    pitch = width + radius
    count = height * pitch

    numbers, inside = np.zeros(count, np.int32), np.zeros(count, np.float32)
    xs, ys = np.zeros(count, np.float32), np.zeros(count, np.float32)
    for i in range(height):
        for j in range(pitch):
            xs[i * pitch + j] = j - 0.5 * (width - 1)
            ys[i * pitch + j] = i - 0.5 * (height - 1)
            if j < width:
                numbers[i * pitch + j] = i * width + j
                inside[i * pitch + j] = UNIT
    noise = np.zeros((height + 2 * radius) * pitch, np.float32)
    half = np.zeros(count + 2 * radius, np.float32)
    moved = np.zeros((2, count), np.float32)
    places = np.zeros(count, np.int32)
    parts = np.zeros((2, count), np.float32)
    wide = (width + BORDER) * channels
    image = np.full((height + BORDER) * wide, background, np.float32)

    line = width * channels
    places_geometry = (np.float32(width + 1), np.float32(height + 1), np.int32(width + BORDER))

    rows = source.shape[0]
    while True:
        first = atomic_add(address_of(counter), 1) * PORTION
        if first >= rows:
            return
        # Numba frees an array after its last mention, and using its address does not count, so the arrays are
        # mentioned here.
        noise_start = address_of(noise) + radius * pitch * FLOAT
        half_start = address_of(half) + radius * FLOAT
        moved_x, moved_y = address_of(moved), address_of(moved) + count * FLOAT
        parts_x, parts_y = address_of(parts), address_of(parts) + count * FLOAT
        corner = address_of(image) + (wide + channels) * FLOAT
        for row in range(first, min(first + PORTION, rows)):
            word = mix64(key + np.uint64(row + 1) * GOLDEN)
            start, second = np.uint32(word >> np.uint64(32)), np.uint32(word)
            if elastic:
                for axis in range(2):
                    begin = start + np.uint32(FIELD + axis * height * width)
                    fill_noise(noise_start, count, address_of(numbers), address_of(inside), begin, second)
                    smooth(noise_start, half_start, count, pitch, address_of(down), radius)
                    smooth(half_start, moved_x + axis * count * FLOAT, count, 1, address_of(across), radius)
            old = source[row]
            for i in range(height):
                target = floats(corner + i * wide * FLOAT, line)
                for j in range(line):
                    feature = i * line + j
                    target[j] = np.float32(old[feature]) * to_scale[feature] + to_shift[feature]
            affine = inverse_map(start, second, strengths, height, width)
            find_places(
                affine + places_geometry, count, address_of(xs), address_of(ys), moved_x, moved_y,
                address_of(places), parts_x, parts_y,
            )  # fmt: skip
            interpolate(
                address_of(image), (height, width, channels, pitch), address_of(places), parts_x, parts_y,
                out[row], back_scale, back_shift,
            )  # fmt: skip


class Augmenter:
    """Makes the training rows of each epoch, in memory that is reused for the next one.

    Parameters
    ----------
    augmentation : Augmentation
        How to change the images.
    rows : Rows
        The training rows; uint8 rows give uint8 rows, rounded, all others float32.
    threads : int, optional
        The number of processors by default. The results do not depend on it.
    """

    def __init__(self, augmentation: Augmentation, rows: Rows, threads: int | None = None) -> None:
        strengths = augmentation.strengths
        self._seed = augmentation.seed
        self._rows = rows
        is_bytes = rows.features.dtype == np.uint8
        self._source = np.ascontiguousarray(rows.features, None if is_bytes else np.float32)
        self._out = np.empty_like(self._source)
        self._threads = threads if threads is not None else team.available_threads()
        half = gaussian(strengths.sigma) if strengths.alpha > 0 else np.zeros(0)
        scale, shift = augmentation.scale, augmentation.shift
        # Truncating to bytes after adding one half rounds.
        back_shift = shift + 0.5 if is_bytes else shift
        arrays = (1.0 / scale, -shift / scale, scale, back_shift)
        self._settings = (
            augmentation.shape,
            (
                float(strengths.shift),
                math.radians(strengths.rotation),
                float(strengths.scale),
                math.radians(strengths.shear),
            ),
            (half.astype(np.float32), (half * strengths.alpha).astype(np.float32)),
            np.float32(augmentation.background),
            tuple(array.astype(np.float32) for array in arrays),
        )
        self._ready = False
        self.compile_seconds = 0.0

    def prepare(self) -> None:
        """Compile whatever is not compiled yet, before any thread runs it."""
        if self._ready:
            return
        start = time.perf_counter()
        augment(self._source[:0], self._out[:0], np.uint64(0), *self._settings, np.zeros(1, np.int64))
        self._ready = True
        self.compile_seconds = time.perf_counter() - start

    def rows(self, epoch: int) -> Rows:
        """The rows of epoch number `epoch` (from 0); valid until the next call, and a new object each time."""
        self.prepare()
        key = np.uint64(augmentation_key(self._seed, epoch))
        counter = np.zeros(1, np.int64)
        portions = -(-self._rows.count // PORTION)
        team.run_together(
            max(1, min(self._threads, portions)),
            lambda thread, size: augment(self._source, self._out, key, *self._settings, counter),
        )
        return replace(self._rows, features=self._out)
