"""Source text of the kernels of losses.

The rows to work on are `r0` to `r1`; `stride` is the number of float32 values from one row to the next.
"""

from __future__ import annotations

from neurosim.backends.cpu.templates import HEADER, parameters
from neurosim.formulas.float32 import Generated, Translator
from neurosim.formulas.kinds import ArgumentKind
from neurosim.plugin import FromLogits, Loss

_LOSS = """\
{functions}


@kernel(LOSS)
def loss(z_address, a_address, values, classes, d_address, stride, r0, r1, params, scale):
{params}
    total = 0.0
    for i in range(r0, r1):
        z = floats(z_address + 4 * i * stride, stride)
        a = floats(a_address + 4 * i * stride, stride)
        y = {target}
        total += np.float64({value}({row}, y{arguments}))
        if d_address != 0:
            d = floats(d_address + 4 * i * stride, stride)
            {gradient}({row}, y, d{arguments})
            for j in range(stride):
                d[j] *= scale
    return total
"""

_LANE_LOSS = """\
from neurosim.backends.cpu.vectors import stack_lines

{functions}


@kernel(LANE_LOSS)
def loss(z_address, a_address, values, d_address, count, params, out, scale):
{params}
    # Rows of one number as tuples: their length is known, and so the loop is vectorized.
    all_z = floats(z_address, count)
    all_a = floats(a_address, count)
    all_y = floats(values, count)
    losses = floats(out, count)
    for k in range(count):
        z, a, y = (all_z[k],), (all_a[k],), (all_y[k],)
        losses[k] = {value}({row}, y{arguments})
    if d_address != 0:
        all_d = floats(d_address, count)
        d = floats(stack_lines(1), 1)
        for k in range(count):
            z, a, y = (all_z[k],), (all_a[k],), (all_y[k],)
            {gradient}({row}, y, d{arguments})
            all_d[k] = d[0] * scale
"""


def loss_source(loss: Loss, pair: FromLogits | None) -> Generated:
    """Module with the kernel ``loss``: from the outputs or, with `pair`, from the logits."""
    target = "floats(values + 4 * i * stride, stride)"
    if loss.targets == "classes":
        target = "integers(classes + 4 * i, 1)[0]"
    elif loss.outputs_per_target > 1:
        width = f"stride // {loss.outputs_per_target}"
        target = f"floats(values + 4 * i * ({width}), {width})"
    return _loss_source(loss, pair, _LOSS, target)


def lane_loss_source(loss: Loss, pair: FromLogits | None) -> Generated:
    """Module with the kernel ``loss`` of `count` rows of one output, of one network or of many, for a loss on values.

    The losses go to `out`; there is no gradient if it has no address.
    """
    return _loss_source(loss, pair, _LANE_LOSS, "")


def _loss_source(loss: Loss, pair: FromLogits | None, template: str, target: str) -> Generated:
    params, arguments = parameters(loss.params)
    given: list[ArgumentKind] = ["row", "row", loss.target_kind] if pair else ["row", loss.target_kind]
    of = f"the loss {loss.name}" + (f" on logits of {pair.activation}" if pair else "")
    source = pair or loss
    translator = Translator()
    value = translator.add(source.value, given, 1)
    gradient = translator.add(source.derivative, [*given, "row"], 0)
    text = HEADER.format(what=f"kernel of {of}") + template.format(
        functions=translator.source,
        value=value,
        gradient=gradient,
        row="z, a" if pair else "a",
        target=target,
        params=params,
        arguments=arguments,
    )
    return Generated(text, translator)
