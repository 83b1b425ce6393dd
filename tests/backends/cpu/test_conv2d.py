"""The convolutions of the CPU engine against plain float64 loops and PyTorch, and the bits that they promise."""

import hashlib
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numba.core.registry import cpu_target

from neurosim.backends.cpu import conv2d
from neurosim.backends.cpu.jit import entry
from neurosim.backends.cpu.vectors import LANES, WIDTH

GUARD = 64
TOLERANCE = 1e-5


@entry
def forward(geometry, x, weight, packed, bias, z, y0, y1):
    conv2d.pack_weights(geometry, weight, packed)
    conv2d.conv_forward(geometry, x, packed, bias, z, y0, y1)


@entry
def input_gradient(geometry, dz, weight, packed, dx, y0, y1):
    conv2d.pack_transposed(geometry, weight, packed)
    conv2d.conv_input_gradient(geometry, dz, packed, dx, y0, y1)


@entry
def weight_gradient(geometry, x, dz, dweight, dbias, scratch):
    conv2d.conv_weight_gradient(geometry, x, dz, dweight, dbias, scratch, (0, 1))


class Guarded:
    """An array of float32 between guards, which nothing may write to; all NaN unless `values` are given."""

    def __init__(self, shape, values=None):
        count = int(np.prod(shape))
        self.memory = np.full(count + 2 * GUARD, np.nan, np.float32)
        self.array = self.memory[GUARD : GUARD + count].reshape(shape)
        if values is not None:
            self.array[:] = values

    @property
    def address(self):
        return self.array.ctypes.data

    def intact(self):
        return np.isnan(self.memory[:GUARD]).all() and np.isnan(self.memory[-GUARD:]).all()


def geometry_of(size, channels, kernel, stride=(1, 1), padding=(0, 0, 0, 0)):
    """Geometry of a map of `size`, channels (in, out) and padding (top, bottom, left, right)."""
    top, bottom, left, right = padding
    rows = (size[0] + top + bottom - kernel[0]) // stride[0] + 1
    columns = (size[1] + left + right - kernel[1]) // stride[1] + 1
    return (*size, channels[0], rows, columns, channels[1], *kernel, *stride, top, left)


class Convolution:
    """The operands of a convolution, drawn at random, and what the engine makes of them."""

    def __init__(self, geometry, seed=0):
        height, width, channels, rows, columns, out_channels, *kernel = geometry[:8]
        rng = np.random.default_rng(seed)
        self.geometry = geometry
        self.x = self._drawn(rng, (height, width, channels, LANES))
        self.weight = self._drawn(rng, (*kernel, channels, out_channels))
        self.bias = self._drawn(rng, (out_channels,))
        self.dz = self._drawn(rng, (rows, columns, out_channels, LANES))

    def _drawn(self, rng, shape):
        return Guarded(shape, rng.standard_normal(shape))

    def z(self, cuts=()):
        edges = (0, *sorted(cuts), self.geometry[3])
        packed, out = Guarded((conv2d.packed_floats(self.geometry),)), Guarded(self.dz.array.shape)
        places = [part.address for part in (self.x, self.weight, packed, self.bias, out)]
        for y0, y1 in pairwise(edges):
            forward(self.geometry, *places, y0, y1)
        assert packed.intact()
        assert out.intact()
        return out.array

    def dx(self, cuts=()):
        edges = (0, *sorted(cuts), self.geometry[0])
        packed, out = Guarded((conv2d.transposed_floats(self.geometry),)), Guarded(self.x.array.shape)
        places = [part.address for part in (self.dz, self.weight, packed, out)]
        for y0, y1 in pairwise(edges):
            input_gradient(self.geometry, *places, y0, y1)
        assert packed.intact()
        assert out.intact()
        return out.array

    def dweight_and_dbias(self):
        scratch = Guarded((conv2d.gradient_floats(self.geometry),))
        dweight, dbias = Guarded(self.weight.array.shape), Guarded(self.bias.array.shape)
        places = [part.address for part in (self.x, self.dz, dweight, dbias, scratch)]
        weight_gradient(self.geometry, *places)
        assert all(part.intact() for part in (scratch, dweight, dbias))
        return dweight.array, dbias.array

    def everything(self):
        dweight, dbias = self.dweight_and_dbias()
        return {"z": self.z(), "dx": self.dx(), "dweight": dweight, "dbias": dbias}


def plain(case):
    """The definition, in float64: for every tap a product of the cells that it sees."""
    height, width, _, rows, columns, _, kernel_height, kernel_width, sy, sx, top, left = case.geometry
    x, weight, bias, dz = (part.array.astype(np.float64) for part in (case.x, case.weight, case.bias, case.dz))
    bottom = max(0, (rows - 1) * sy + kernel_height - height - top)
    right = max(0, (columns - 1) * sx + kernel_width - width - left)
    padded = np.pad(x, ((top, bottom), (left, right), (0, 0), (0, 0)))
    z = np.broadcast_to(bias[:, None], dz.shape).copy()
    dpadded, dweight = np.zeros_like(padded), np.zeros_like(weight)
    for ky in range(kernel_height):
        for kx in range(kernel_width):
            seen = slice(ky, ky + (rows - 1) * sy + 1, sy), slice(kx, kx + (columns - 1) * sx + 1, sx)
            z += np.einsum("yxin,io->yxon", padded[seen], weight[ky, kx])
            dpadded[seen] += np.einsum("yxon,io->yxin", dz, weight[ky, kx])
            dweight[ky, kx] = np.einsum("yxin,yxon->io", padded[seen], dz)
    dx = dpadded[top : top + height, left : left + width]
    return {"z": z, "dx": dx, "dweight": dweight, "dbias": dz.sum((0, 1, 3))}


def assert_close(case, found, expected):
    for name, values in expected.items():
        # The bias gradient is a long sum, whose terms may cancel: it is as exact as they are many.
        terms = np.sqrt(case.dz.array[:, :, 0].size) / 10 if name == "dbias" else 0.0
        scale = max(1.0, np.abs(values).max(), terms)
        worst = np.abs(found[name] - values).max()
        assert worst <= TOLERANCE * scale, f"{name} is off by {worst:.2g}, of numbers up to {scale:.2g}"


SHAPES = {
    "lenet 1": geometry_of((28, 28), (1, 6), (5, 5), padding=(2, 2, 2, 2)),
    "lenet 2": geometry_of((14, 14), (6, 16), (5, 5)),
    "32 to 64": geometry_of((10, 9), (32, 64), (3, 3), padding=(1, 1, 1, 1)),
    "20 to 10": geometry_of((9, 8), (20, 10), (3, 3), (2, 3), (1, 1, 1, 1)),
    "128 to 128": geometry_of((7, 7), (128, 128), (3, 3), padding=(1, 1, 1, 1)),
    "1x1": geometry_of((5, 7), (64, 32), (1, 1)),
    "1x1, stride 2": geometry_of((7, 6), (16, 32), (1, 1), (2, 2)),
    "1x5": geometry_of((6, 7), (5, 9), (1, 5), padding=(0, 0, 2, 2)),
    "kernel larger than the map": geometry_of((2, 3), (3, 7), (5, 5), padding=(2, 2, 2, 2)),
    "stride larger than the kernel": geometry_of((10, 11), (3, 6), (2, 2), (3, 3)),
    "padding on one side": geometry_of((8, 8), (4, 8), (3, 3), (2, 2), (0, 1, 0, 1)),
    "kernel of the map's size": geometry_of((4, 4), (10, 20), (4, 4)),
    "a single cell": geometry_of((1, 1), (1, 1), (1, 1)),
    "rows of several blocks": geometry_of((30, 40), (16, 33), (3, 3), padding=(1, 1, 1, 1)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_definition(name):
    case = Convolution(SHAPES[name])
    assert_close(case, case.everything(), plain(case))


@pytest.mark.parametrize("name", SHAPES)
def test_pytorch(name):
    torch = pytest.importorskip("torch", reason="PyTorch is an optional peer: pip install neurosim-edu[peers]")
    case = Convolution(SHAPES[name], seed=1)
    height, width, _, rows, columns, _, kernel_height, kernel_width, sy, sx, top, left = case.geometry
    ends = (columns - 1) * sx + kernel_width - width - left, (rows - 1) * sy + kernel_height - height - top

    def samples_first(part):
        return torch.tensor(part.array.transpose(3, 2, 0, 1).astype(np.float64), requires_grad=True)

    x, dz = samples_first(case.x), samples_first(case.dz)
    weight, bias = samples_first(case.weight), torch.tensor(case.bias.array.astype(np.float64), requires_grad=True)
    # A negative padding drops the cells that no kernel reaches.
    padded = torch.nn.functional.pad(x, (left, ends[0], top, ends[1]))
    z = torch.nn.functional.conv2d(padded, weight, bias, stride=(sy, sx))
    z.backward(dz)
    expected = {"z": z, "dx": x.grad, "dweight": weight.grad}
    expected = {key: value.detach().numpy().transpose(2, 3, 1, 0) for key, value in expected.items()}
    assert_close(case, case.everything(), {**expected, "dbias": bias.grad.numpy()})


@st.composite
def axes(draw):
    """(size, kernel, stride, padding before, padding after) of an axis."""
    size, kernel, stride = draw(st.integers(1, 9)), draw(st.integers(1, 6)), draw(st.integers(1, 4))
    before, after = draw(st.integers(0, kernel)), draw(st.integers(0, kernel))
    return size, kernel, stride, before, max(after, kernel - size - before)


@st.composite
def geometries(draw):
    rows, columns = draw(axes()), draw(axes())
    channels = draw(st.integers(1, 19)), draw(st.integers(1, 19))
    size, kernel, stride = ((rows[i], columns[i]) for i in range(3))
    return geometry_of(size, channels, kernel, stride, (*rows[3:], *columns[3:]))


@given(geometries(), st.integers(0, 2**32))
def test_any_shape(geometry, seed):
    case = Convolution(geometry, seed)
    assert_close(case, case.everything(), plain(case))


@given(geometries(), st.data())
@example(SHAPES["32 to 64"], None)
def test_the_bits_do_not_depend_on_how_rows_are_shared_out(geometry, data):
    case = Convolution(geometry)
    every_row = tuple(range(1, 100))

    def cuts(rows):
        return data.draw(st.lists(st.integers(0, rows), max_size=4)) if data else every_row[: rows - 1]

    assert np.array_equal(case.z(), case.z(cuts(geometry[3])))
    assert np.array_equal(case.dx(), case.dx(cuts(geometry[0])))


def test_rows_that_were_not_asked_for_are_left_alone():
    case = Convolution(SHAPES["20 to 10"])
    packed, out = Guarded((conv2d.packed_floats(case.geometry),)), Guarded(case.dz.array.shape)
    places = [part.address for part in (case.x, case.weight, packed, case.bias, out)]
    forward(case.geometry, *places, 1, 3)
    assert np.isnan(out.array[:1]).all()
    assert np.isnan(out.array[3:]).all()
    assert np.array_equal(out.array[1:3], case.z()[1:3])


def test_a_sample_does_not_see_the_others():
    case = Convolution(SHAPES["lenet 2"])
    z, dx = case.z().copy(), case.dx().copy()
    case.x.array[..., 5] = np.nan
    case.dz.array[..., 5] = np.nan
    others = np.arange(LANES) != 5
    assert np.array_equal(case.z()[..., others], z[..., others])
    assert np.array_equal(case.dx()[..., others], dx[..., others])
    assert np.isnan(case.z()[..., 5]).all()


def test_without_a_bias():
    case = Convolution(SHAPES["20 to 10"])
    dweight = Guarded(case.weight.array.shape)
    weight_gradient(case.geometry, case.x.address, case.dz.address, dweight.address, 0, 0)
    assert np.array_equal(dweight.array, case.dweight_and_dbias()[0])


def digest():
    """Hash of all that is computed for the shapes above."""
    total = hashlib.sha256()
    for geometry in SHAPES.values():
        for values in Convolution(geometry).everything().values():
            total.update(np.ascontiguousarray(values).tobytes())
    return f"{WIDTH} {total.hexdigest()}"


@pytest.mark.skipif(WIDTH < LANES, reason="this processor has no vector registers of 16 floats")
def test_the_bits_are_those_of_a_processor_with_shorter_registers():
    features = cpu_target.target_context.codegen().magic_tuple()[2].split(",")
    older = ",".join(feature for feature in features if "avx512" not in feature and "avx10" not in feature)
    environment = {
        **os.environ,
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": older,
        "PYTHONPATH": str(Path(__file__).parent),
    }
    command = [sys.executable, "-c", "import test_conv2d; print(test_conv2d.digest())"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    width, hash_ = result.stdout.split()
    assert int(width) < WIDTH
    assert hash_ == digest().split()[1]
