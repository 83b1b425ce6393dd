"""Source text of the kernels of optimizers that update each number by itself; see `rule_templates` for the others."""

from __future__ import annotations

from neurosim.backends.cpu.templates import HEADER, indented
from neurosim.backends.invariants import split_update
from neurosim.formulas.float32 import Generated, own_name
from neurosim.plugin import Optimizer

_OPTIMIZER = """\
CONSTANT_COUNT = {count}


{functions}


@kernel(UPDATE)
def update(w_address, g_address, state_address, state_stride, count, constants):
    c = floats(constants, {count})
{constants}
    w = floats(w_address, count)
    g = floats(g_address, count)
{slots}
    for i in range(count):
        {results} = {update}({values}{arguments}){average}


@kernel(CONSTANTS)
def step_constants(params, constants, t, learning_rate):
    p = doubles(params, {param_count})
    out = floats(constants, {count})
    {step} = t
{params}
{lines}{average_share}
"""
AVERAGE = """
        average[i] = w[i] if c_{last} == F(1.0) else average[i] + (w[i] - average[i]) * c_{last}"""
# Behind the parameters: the first step, the steps between, and the share of an average that is no mean.
AVERAGE_SHARE = """
    since = t - p[{first}]
    share = p[{first} + 2] if p[{first} + 2] > 0.0 else 1.0 / (since / p[{first} + 1] + 1.0)
    out[{last}] = F(1.0) if since <= 0.0 else F(0.0) if since % p[{first} + 1] != 0.0 else F(share)"""


def optimizer_source(optimizer: Optimizer, averages: bool = False) -> Generated:
    """Module with the kernels ``update`` and ``step_constants`` of an optimizer.

    If it `averages`, one more slot is an average of the parameter.
    """
    split = split_update(optimizer)
    slots = [f"slot_{k}" for k in range(len(optimizer.slots))]
    count = split.count + averages
    kept = [*slots, "average"] if averages else slots
    names = list(optimizer.params)
    reads = [f"{own_name(name)} = {'learning_rate' if name == 'lr' else f'p[{k}]'}" for k, name in enumerate(names)]
    elements = [f"{name}[i]" for name in ("w", "g", *slots)]
    text = HEADER.format(what=f"kernels of the optimizer {optimizer.name}") + _OPTIMIZER.format(
        functions=split.update,
        step=split.step,
        update=split.name,
        count=count,
        constants=indented(f"c_{k} = c[{k}]" for k in range(count)),
        slots=indented(
            f"{name} = floats(state_address + 4 * {k} * state_stride, count)" for k, name in enumerate(kept)
        ),
        results=", ".join([elements[0], *elements[2:]]),
        values=", ".join(elements),
        arguments="".join(f", c_{k}" for k in range(split.count)),
        param_count=len(names) + 3 * averages,
        params=indented(reads),
        lines=indented(split.constants),
        average=AVERAGE.format(last=split.count) if averages else "",
        average_share=AVERAGE_SHARE.format(first=len(names), last=split.count) if averages else "",
    )
    return Generated(text, split.translator)
