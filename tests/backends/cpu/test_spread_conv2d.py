"""Convolutions with groups and dilations against plain float64 loops, and the bits that they promise."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from neurosim.backends.cpu import conv2d, spread_conv2d, spread_gradients
from neurosim.backends.cpu.jit import entry
from neurosim.backends.cpu.vectors import LANES

GUARD = 64


@entry
def forward(geometry, x, weight, packed, bias, z, scratch, y0, y1):
    spread_conv2d.pack_weights(geometry, weight, packed)
    spread_conv2d.conv_forward(geometry, x, packed, bias, z, y0, y1, scratch)


@entry
def input_gradient(geometry, dz, weight, packed, dx, scratch, y0, y1):
    spread_conv2d.pack_transposed(geometry, weight, packed)
    spread_conv2d.conv_input_gradient(geometry, dz, packed, dx, y0, y1, scratch)


@entry
def weight_gradient(geometry, x, dz, dweight, dbias, scratch, part, parts):
    spread_gradients.conv_weight_gradient(geometry, x, dz, dweight, dbias, scratch, (part, parts))


@entry
def plain_forward(geometry, x, weight, packed, bias, z, scratch, y0, y1):
    conv2d.pack_weights(geometry, weight, packed)
    conv2d.conv_forward(geometry, x, packed, bias, z, y0, y1)


def guarded(shape, values=np.nan):
    """An array of float32, NaN unless `values` are given, in the middle of one of NaN that nothing may write to."""
    whole = np.full(int(np.prod(shape)) + 2 * GUARD, np.nan, np.float32)
    inner = whole[GUARD:-GUARD].reshape(shape)
    inner[:] = values
    return inner


def intact(*arrays):
    for array in arrays:
        whole = array
        while whole.base is not None:
            whole = whole.base
        assert np.isnan(whole[:GUARD]).all()
        assert np.isnan(whole[-GUARD:]).all()


def address(array):
    return array.ctypes.data


def geometry_of(size, channels, kernel, stride=(1, 1), padding=(0, 0, 0, 0), dilation=(1, 1), groups=1):
    """Geometry of a map of `size`, channels of a group (in, out) and padding (top, bottom, left, right)."""
    rows, columns = (
        (size[k] + sum(padding[2 * k : 2 * k + 2]) - (kernel[k] - 1) * dilation[k] - 1) // stride[k] + 1 for k in (0, 1)
    )
    sizes = (*size, channels[0] * groups, rows, columns, channels[1] * groups)
    return (*sizes, *kernel, *stride, padding[0], padding[2], *dilation, groups)


class Convolution:
    """The operands of a convolution, drawn at random, and what the engine makes of them."""

    def __init__(self, geometry):
        self.geometry = geometry
        height, width, channels, rows, columns, outputs, *kernel = geometry[:8]
        groups, rng = geometry[-1], np.random.default_rng(0)
        shapes = {
            "x": (height, width, channels, LANES),
            "weight": (*kernel, channels // groups, outputs),
            "bias": (outputs,),
            "dz": (rows, columns, outputs, LANES),
        }
        drawn = {name: guarded(shape, rng.standard_normal(shape)) for name, shape in shapes.items()}
        self.x, self.weight, self.bias, self.dz = drawn.values()

    def z(self, cuts=(), run=forward):
        packed, out = guarded((spread_conv2d.packed_floats(self.geometry),)), guarded(self.dz.shape)
        scratch = guarded((spread_conv2d.scratch_floats(self.geometry),))
        places = [address(part) for part in (self.x, self.weight, packed, self.bias, out, scratch)]
        for y0, y1 in pairwise((0, *sorted(cuts), self.geometry[3])):
            run(self.geometry if run is forward else self.geometry[:12], *places, y0, y1)
        intact(packed, out, scratch)
        return out

    def dx(self, cuts=()):
        packed, out = guarded((spread_conv2d.transposed_floats(self.geometry),)), guarded(self.x.shape)
        scratch = guarded((spread_conv2d.scratch_floats(self.geometry),))
        places = [address(part) for part in (self.dz, self.weight, packed, out, scratch)]
        for y0, y1 in pairwise((0, *sorted(cuts), self.geometry[0])):
            input_gradient(self.geometry, *places, y0, y1)
        intact(packed, out, scratch)
        return out

    def dweight_and_dbias(self, parts=1):
        scratch = guarded((spread_gradients.gradient_floats(self.geometry),))
        dweight, dbias = guarded(self.weight.shape), guarded(self.bias.shape)
        places = [address(part) for part in (self.x, self.dz, dweight, dbias, scratch)]
        for part in range(parts):
            weight_gradient(self.geometry, *places, part, parts)
        intact(scratch, dweight, dbias)
        return dweight, dbias

    def everything(self):
        dweight, dbias = self.dweight_and_dbias()
        return {"z": self.z(), "dx": self.dx(), "dweight": dweight, "dbias": dbias}

    def expected(self):
        """The definition, in float64: for every tap and group a product of the cells that it sees."""
        height, width, _, rows, columns, _, *kernel = self.geometry[:8]
        sy, sx, top, left, dy, dx, groups = self.geometry[8:]
        bottom = max(0, (rows - 1) * sy + (kernel[0] - 1) * dy + 1 - height - top)
        right = max(0, (columns - 1) * sx + (kernel[1] - 1) * dx + 1 - width - left)
        padded = np.pad(self.x.astype(np.float64), ((top, bottom), (left, right), (0, 0), (0, 0)))
        padded = padded.reshape(*padded.shape[:2], groups, -1, LANES)
        weight = self.weight.astype(np.float64).reshape(*self.weight.shape[:3], groups, -1)
        dz = self.dz.astype(np.float64).reshape(rows, columns, groups, -1, LANES)
        z, dpadded, dweight = np.zeros_like(dz), np.zeros_like(padded), np.zeros_like(weight)
        for ky in range(kernel[0]):
            for kx in range(kernel[1]):
                y, x = ky * dy, kx * dx
                seen = slice(y, y + (rows - 1) * sy + 1, sy), slice(x, x + (columns - 1) * sx + 1, sx)
                z += np.einsum("yxgin,igo->yxgon", padded[seen], weight[ky, kx])
                dpadded[seen] += np.einsum("yxgon,igo->yxgin", dz, weight[ky, kx])
                dweight[ky, kx] = np.einsum("yxgin,yxgon->igo", padded[seen], dz)
        return {
            "z": z.reshape(self.dz.shape) + self.bias[:, None],
            "dx": dpadded[top : top + height, left : left + width].reshape(self.x.shape),
            "dweight": dweight.reshape(self.weight.shape),
            "dbias": dz.sum((0, 1, 4)).ravel(),
        }


def check(geometry):
    case = Convolution(geometry)
    found = case.everything()
    for name, values in case.expected().items():
        # The bias gradient is a long sum, whose terms may cancel: it is as exact as they are many.
        terms = np.sqrt(case.dz[:, :, 0].size) / 10 if name == "dbias" else 0.0
        worst, scale = np.abs(found[name] - values).max(), max(1.0, np.abs(values).max(), terms)
        assert worst <= 1e-5 * scale, f"{name} is off by {worst:.2g}, of numbers up to {scale:.2g}"


ONES = (1, 1, 1, 1)
SHAPES = {
    "depthwise": geometry_of((9, 10), (1, 1), (3, 3), padding=ONES, groups=19),
    "depthwise, stride 2": geometry_of((8, 9), (1, 1), (3, 3), (2, 2), ONES, groups=9),
    "three outputs of each channel": geometry_of((7, 5), (1, 3), (3, 2), (1, 2), (1, 0, 0, 2), (2, 1), 7),
    "groups of four": geometry_of((6, 6), (4, 4), (3, 3), padding=ONES, groups=3),
    "groups of many": geometry_of((5, 6), (20, 12), (2, 3), dilation=(2, 1), groups=2),
    "dilation": geometry_of((9, 11), (13, 10), (3, 3), padding=(2, 2, 2, 2), dilation=(2, 2)),
    "dilation and a stride that it shares a factor with": geometry_of(
        (16, 14), (2, 3), (3, 3), (4, 6), ONES, (6, 4), 2
    ),
    "rows of several blocks": geometry_of((40, 60), (8, 9), (3, 2), padding=ONES, dilation=(1, 2), groups=2),
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_definition(name):
    check(SHAPES[name])


@st.composite
def axes(draw):
    """(size, kernel, stride, padding before, padding after, dilation) of an axis; there is more padding than kernel."""
    size, kernel, stride, dilation = (draw(st.integers(1, most)) for most in (9, 4, 4, 4))
    reach = (kernel - 1) * dilation + 1
    before, after = draw(st.integers(0, reach + 2)), draw(st.integers(0, reach + 2))
    return size, kernel, stride, before, max(after, reach - size - before), dilation


@st.composite
def geometries(draw):
    rows, columns = draw(axes()), draw(axes())
    groups, channels = draw(st.integers(1, 11)), (draw(st.integers(1, 5)), draw(st.integers(1, 10)))
    size, kernel, stride, dilation = ((rows[k], columns[k]) for k in (0, 1, 2, 5))
    return geometry_of(size, channels, kernel, stride, (*rows[3:5], *columns[3:5]), dilation, groups)


@given(geometries())
def test_any_shape(geometry):
    check(geometry)


@given(geometries(), st.data())
@example(SHAPES["depthwise"], None)
def test_the_bits_do_not_depend_on_how_the_work_is_shared_out(geometry, data):
    case = Convolution(geometry)

    def cuts(rows):
        return data.draw(st.lists(st.integers(0, rows), max_size=4)) if data else range(1, rows)

    assert np.array_equal(case.z(), case.z(cuts(geometry[3])))
    assert np.array_equal(case.dx(), case.dx(cuts(geometry[0])))
    for whole, shared in zip(case.dweight_and_dbias(), case.dweight_and_dbias(5), strict=True):
        assert np.array_equal(whole, shared)


def test_a_single_group_of_adjacent_cells_has_the_bits_of_other_convolutions():
    case = Convolution(geometry_of((9, 8), (20, 10), (3, 3), (2, 3), ONES))
    assert np.array_equal(case.z(), case.z(run=plain_forward))


def test_depthwise_convolutions_have_the_bits_of_others():
    """Of those with a second output of each channel, which takes other loops."""
    how = ((3, 3), (1, 2), (2, 1, 0, 3), (1, 2), 11)
    alone, beside = (Convolution(geometry_of((9, 8), channels, *how)) for channels in ((1, 1), (1, 2)))
    beside.x[:], beside.weight[..., ::2], beside.bias[::2] = alone.x, alone.weight, alone.bias
    beside.dz[:, :, ::2] = alone.dz
    assert np.array_equal(alone.z(), beside.z()[:, :, ::2])
    assert np.array_equal(alone.dweight_and_dbias()[0], beside.dweight_and_dbias()[0][..., ::2])
