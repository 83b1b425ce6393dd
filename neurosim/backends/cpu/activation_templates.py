"""Source text of the kernels of activations and gates.

Rows `r0` to `r1` and columns `c0` to `c1` are the block to work on; `stride` is the number of float32 values from one
row to the next.
"""

from __future__ import annotations

from neurosim.backends.cpu.templates import HEADER, indented, parameters
from neurosim.formulas.float32 import Generated, Translator, own_name
from neurosim.plugin import Activation, Gate, RowActivation

_ACTIVATION = """\
{functions}


@kernel(ACTIVATION)
def forward(z_address, bias_address, a_address, stride, r0, r1, c0, c1, params):
{params}
    bias = floats(bias_address + 4 * c0, c1 - c0)
    for i in range(r0, r1):
        z = floats(z_address + 4 * (i * stride + c0), c1 - c0)
        a = floats(a_address + 4 * (i * stride + c0), c1 - c0)
        for j in range(c1 - c0):
            total = z[j] + bias[j]
            z[j] = total
            a[j] = {f}(total{arguments})


@kernel(ACTIVATION)
def backward(z_address, a_address, d_address, stride, r0, r1, c0, c1, params):
{params}
    for i in range(r0, r1):
        z = floats(z_address + 4 * (i * stride + c0), c1 - c0)
        a = floats(a_address + 4 * (i * stride + c0), c1 - c0)
        d = floats(d_address + 4 * (i * stride + c0), c1 - c0)
        for j in range(c1 - c0):
            d[j] = d[j] * {df}(z[j], a[j]{arguments})
"""

_LEARNED_IMPORTS = """\
from neurosim.backends.cpu.memory import words
from neurosim.backends.cpu.table import (
    FIXED, GROUP_BYTES, LEARNED, LEARNED_FIELDS, LEARNED_OUTPUTS, SPREAD, SUMS, WIDTH,
)
from neurosim.backends.cpu.vectors import LANES

"""

_LEARNED_ACTIVATION = """\
{functions}


@kernel(ACTIVATION)
def forward(z_address, bias_address, a_address, stride, r0, r1, c0, c1, params):
    table = words(params, LEARNED_FIELDS)
{params}
    bias = floats(bias_address + 4 * c0, c1 - c0)
    for i in range(r0, r1):
        z = floats(z_address + 4 * (i * stride + c0), c1 - c0)
        a = floats(a_address + 4 * (i * stride + c0), c1 - c0)
        for j in range(c1 - c0):
            total = z[j] + bias[j]
            z[j] = total
            a[j] = {f}(total{arguments})


@kernel(ACTIVATION)
def backward(z_address, a_address, d_address, stride, r0, r1, c0, c1, params):
    table = words(params, LEARNED_FIELDS)
{params}
    # The sums of a block of rows lie where its first row would.
    first = table[SUMS] + 4 * (r0 * {count} * stride + c0)
{sums}
    for i in range(r0, r1):
        z = floats(z_address + 4 * (i * stride + c0), c1 - c0)
        a = floats(a_address + 4 * (i * stride + c0), c1 - c0)
        d = floats(d_address + 4 * (i * stride + c0), c1 - c0)
{slopes}
        for j in range(c1 - c0):
            d[j] = d[j] * {df}(z[j], a[j]{arguments})
"""

# The same on maps, whose bias is already added: a row is a position, with a line of samples for each channel.
_LEARNED_MAP_ACTIVATION = """\
{functions}


@kernel(ACTIVATION)
def forward(z_address, bias_address, a_address, stride, r0, r1, c0, c1, params):
    table = words(params, LEARNED_FIELDS)
    columns = table[WIDTH] * LANES
{params}
    for i in range((r1 - r0) * (c1 - c0) // columns):
        z = floats(z_address + 4 * i * columns, columns)
        a = floats(a_address + 4 * i * columns, columns)
        for j in range(columns):
            a[j] = {f}(z[j]{arguments})


@kernel(ACTIVATION)
def backward(z_address, a_address, d_address, stride, r0, r1, c0, c1, params):
    table = words(params, LEARNED_FIELDS)
    columns = table[WIDTH] * LANES
{params}
    group = (a_address - table[LEARNED_OUTPUTS]) // table[GROUP_BYTES]
    first = table[SUMS] + 4 * group * {count} * columns
{sums}
    for i in range((r1 - r0) * (c1 - c0) // columns):
        z = floats(z_address + 4 * i * columns, columns)
        a = floats(a_address + 4 * i * columns, columns)
        d = floats(d_address + 4 * i * columns, columns)
{slopes}
        for j in range(columns):
            d[j] = d[j] * {df}(z[j], a[j]{arguments})
"""

_ROW_ACTIVATION = """\
{functions}


@kernel(ACTIVATION)
def forward(z_address, bias_address, a_address, stride, r0, r1, c0, c1, params):
{params}
    bias = floats(bias_address, stride)
    for i in range(r0, r1):
        z = floats(z_address + 4 * i * stride, stride)
        a = floats(a_address + 4 * i * stride, stride)
        for j in range(stride):
            z[j] += bias[j]
        {f}(z, a{arguments})


@kernel(ACTIVATION)
def backward(z_address, a_address, d_address, stride, r0, r1, c0, c1, params):
{params}
    dz = np.empty(stride, np.float32)
    for i in range(r0, r1):
        z = floats(z_address + 4 * i * stride, stride)
        a = floats(a_address + 4 * i * stride, stride)
        d = floats(d_address + 4 * i * stride, stride)
        {backward}(z, a, d, dz{arguments})
        for j in range(stride):
            d[j] = dz[j]
"""

_GATE = """\
{functions}


@scalar
def folded(x, j, stride, count{declared}):
    value = x[j]
    for piece in range(1, count):
        value = {f}(value, x[piece * stride + j]{arguments})
    return value


@kernel(ACTIVATION)
def forward(x_address, a_address, unused, stride, r0, r1, c0, c1, params):
{params}
    for i in range(r0, r1):
        x = floats(x_address + 4 * i * stride * {pieces}, stride * {pieces})
        a = floats(a_address + 4 * i * stride, stride)
        for j in range(c0, c1):
            a[j] = folded(x, j, stride, {pieces}{arguments})


@kernel(ACTIVATION)
def backward(x_address, d_address, dx_address, stride, r0, r1, c0, c1, params):
{params}
    for i in range(r0, r1):
        x = floats(x_address + 4 * i * stride * {pieces}, stride * {pieces})
        d = floats(d_address + 4 * i * stride, stride)
        dx = floats(dx_address + 4 * i * stride * {pieces}, stride * {pieces})
        for j in range(c0, c1):
            slope = d[j]
            for piece in range({pieces} - 1, 0, -1):
                before = folded(x, j, stride, piece{arguments})
                now = x[piece * stride + j]
                dx[piece * stride + j] = slope * {dv}(before, now{arguments})
                slope = slope * {du}(before, now{arguments})
            dx[j] = slope
"""


def activation_source(activation: Activation | RowActivation) -> Generated:
    """Module with the kernels ``forward`` and ``backward`` of an activation."""
    params, arguments = parameters(activation.params)
    header = HEADER.format(what=f"kernels of the activation {activation.name}")
    translator = Translator()
    if isinstance(activation, RowActivation):
        f = translator.add(activation.f, ["row", "row"], 0)
        backward = translator.add(activation.derivative, ["row"] * 4, 0)
        text = header + _ROW_ACTIVATION.format(
            functions=translator.source, f=f, backward=backward, params=params, arguments=arguments
        )
        return Generated(text, translator)
    f = translator.add(activation.f, (), 1)
    df = translator.add(activation.derivative, (), 1)
    text = header + _ACTIVATION.format(functions=translator.source, f=f, df=df, params=params, arguments=arguments)
    return Generated(text, translator)


def learned_activation_source(activation: Activation, *, each: bool, maps: bool) -> Generated:
    """Module with the kernels ``forward`` and ``backward`` of an activation that learns some of its parameters.

    `each` says whether every unit (on `maps`, every channel) has learned parameters of its own.
    """
    slopes = activation.learned_slopes
    translator = Translator()
    f = translator.add(activation.f, (), 1)
    df = translator.add(activation.derivative, (), 1)
    by = [translator.add(slope, (), 1) for slope in slopes.values()]
    lines, arguments = _learned_parameters(activation, each=each, maps=maps)
    length, step = ("columns", "4 * columns") if maps else ("c1 - c0", "4 * stride")
    sums, products = [], []
    for k, slope in enumerate(by):
        view = f"g_{k} = floats(first + {k} * {step}, {length})"
        sums += [view, f"for j in range({length}):", f"    g_{k}[j] = F(0.0)"]
        products += [f"for j in range({length}):", f"    g_{k}[j] += d[j] * {slope}(z[j], a[j]{arguments})"]
    text = HEADER.format(what=f"kernels of the activation {activation.name}, which learns {', '.join(slopes)}")
    text += _LEARNED_IMPORTS + (_LEARNED_MAP_ACTIVATION if maps else _LEARNED_ACTIVATION).format(
        functions=translator.source,
        f=f,
        df=df,
        count=len(by),
        params=indented(lines),
        arguments=arguments,
        sums=indented(sums),
        slopes=indented(products, 2),
    )
    return Generated(text, translator)


def _learned_parameters(activation: Activation, *, each: bool, maps: bool) -> tuple[list[str], str]:
    """Statements that read parameters from the table of an activation that learns, and the arguments to pass on."""
    learned, fixed = list(activation.learn), [name for name in activation.params if name not in activation.learn]
    lines = [f"p = floats(table[FIXED], {len(fixed)})"] if fixed else []
    lines += [f"{own_name(name)} = p[{k}]" for k, name in enumerate(fixed)]
    for k, name in enumerate(learned):
        if not each:
            lines.append(f"{own_name(name)} = floats(table[LEARNED] + {4 * k}, 1)[0]")
        elif maps:
            lines.append(f"{own_name(name)} = floats(table[SPREAD] + {4 * k} * columns, columns)")
        else:
            lines.append(f"{own_name(name)} = floats(table[LEARNED] + 4 * ({k} * stride + c0), c1 - c0)")
    by_unit = learned if each else []
    return lines, "".join(f", {own_name(name)}{'[j]' if name in by_unit else ''}" for name in activation.params)


def gate_source(gate: Gate, pieces: int) -> Generated:
    """Module with the kernels ``forward`` and ``backward`` of units that fold so many numbers with a gate."""
    params, arguments = parameters(gate.params)
    translator = Translator()
    f, du, dv = (translator.add(formula.function, formula.arguments, 1) for formula in gate.formulas)
    text = HEADER.format(what=f"kernels of the gate {gate.name}") + _GATE.format(
        functions=translator.source,
        f=f,
        du=du,
        dv=dv,
        pieces=pieces,
        params=params,
        declared=arguments,
        arguments=arguments,
    )
    return Generated(text, translator)
