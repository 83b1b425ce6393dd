"""Source text of the kernels of optimizers that look at whole arrays; see `optimizer_templates` for the others.

A kernel works on some numbers of one array: `values` are those of the reductions for that array, `spread` the rows of
those that differ within it.
"""

from __future__ import annotations

from neurosim.backends.cpu.optimizer_templates import AVERAGE, AVERAGE_SHARE
from neurosim.backends.cpu.templates import HEADER, indented
from neurosim.backends.invariants import SplitUpdate, split_part
from neurosim.formulas.float32 import Generated, Translator, own_name
from neurosim.plugin import Optimizer
from neurosim.plugin.reductions import UpdatePart

_PART = """

@kernel(PART)
def {role}(w_address, g_address, state_address, state_stride, count, constants, values, spread):
    c = floats(constants, {count})
{constants}
    r = floats(values, {reduction_count})
{reductions}
    w = floats(w_address, count)
    g = floats(g_address, count)
{slots}
    for i in range(count):
        {results} = {function}({arguments}){average}


@kernel(CONSTANTS)
def {role}_constants(params, constants, t, learning_rate):
    p = doubles(params, {param_count})
    out = floats(constants, {count})
    {step} = t
{params}
{lines}{average_share}
"""


def rule_source(optimizer: Optimizer, averages: bool = False) -> Generated:
    """Module with a kernel for each function of a rule and one for its constants; `COUNTS` has their numbers.

    If it `averages`, one more slot is an average of the parameter.
    """
    translator = Translator()
    splits = [split_part(optimizer, part, translator) for part in optimizer.parts]
    parts = list(zip(optimizer.parts, splits, strict=True))
    # The last function is that with which a parameter changes.
    last = [averages and place == len(parts) - 1 for place in range(len(parts))]
    texts = [_part(optimizer, *part, average) for part, average in zip(parts, last, strict=True)]
    counts = ", ".join(
        f"{part.role!r}: {split.count + average}" for (part, split), average in zip(parts, last, strict=True)
    )
    header = HEADER.format(what=f"kernels of the optimizer {optimizer.name}").replace("LOSS, UPDATE", "LOSS, PART")
    return Generated(f"{header}COUNTS = {{{counts}}}\n\n\n{translator.source}{''.join(texts)}", translator)


def _part(optimizer: Optimizer, part: UpdatePart, split: SplitUpdate, averages: bool) -> str:
    names = list(optimizer.reductions)
    spread = [name for name, reduction in optimizer.parsed.items() if reduction.is_spread]
    slots = {name: f"slot_{k}" for k, name in enumerate(optimizer.slots)}
    rows = {"w": "w", "g": "g", "u": "g", **slots}
    reads = [
        f"r_{k} = floats(spread + 4 * {spread.index(name)} * state_stride, count)"
        if name in spread
        else f"r_{k} = r[{names.index(name)}]"
        for k, name in enumerate(split.reductions)
    ]
    kept = [*slots.values(), *(["average"] if averages else [])]
    given = [f"{rows[name]}[i]" for name in part.numbers]
    given += [f"r_{k}[i]" if name in spread else f"r_{k}" for k, name in enumerate(split.reductions)]
    given += [f"c_{k}" for k in range(split.count)]
    params = [
        f"{own_name(name)} = {'learning_rate' if name == 'lr' else f'p[{k}]'}" for k, name in enumerate(split.inputs)
    ]
    return _PART.format(
        role=part.role,
        count=split.count + averages,
        constants=indented(f"c_{k} = c[{k}]" for k in range(split.count + averages)),
        reduction_count=len(names),
        reductions=indented(reads),
        slots=indented(f"{row} = floats(state_address + 4 * {k} * state_stride, count)" for k, row in enumerate(kept)),
        results=", ".join(f"{rows[name]}[i]" for name in part.results),
        function=split.name,
        arguments=", ".join(given),
        param_count=len(split.inputs) + 3 * averages,
        step=split.step,
        params=indented(params),
        lines=indented(split.constants),
        average=AVERAGE.format(last=split.count) if averages else "",
        average_share=AVERAGE_SHARE.format(first=len(split.inputs), last=split.count) if averages else "",
    )
