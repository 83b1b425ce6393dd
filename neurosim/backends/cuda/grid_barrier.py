"""A barrier of all blocks of a launch, by counting those that have come, for kernels.

Whoever meets writes, counts itself, and waits until the count is complete: so what one block has written before, all
others see afterwards. For that a GPU is told in which order others must see this: what is written before the count is
released by it, and acquired with it. Numba has no way to say so; on a GPU these are functions of one machine
instruction each. In the simulator, which runs one block at a time, they are plain Python.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from neurosim.backends.cuda.target import inner, simulated


def _arrive_in_python(counter: Any) -> None:
    counter[0] += np.uint32(1)


def _arrived_in_python(counter: Any) -> Any:
    return counter[0]


def _instructions() -> tuple[Any, Any]:
    """The functions for a GPU."""
    # As text, since `target` is the only module that imports numba.cuda.
    intrinsic = importlib.import_module("numba.cuda.extending").intrinsic
    types = importlib.import_module("numba.cuda").types
    from llvmlite import ir

    number, word = ir.IntType(32), ir.IntType(64)

    def address_of(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        # Blocks that wait for one another must all be on the GPU at once, which is for the launch to see to.
        context.active_code_library.use_cooperative = True
        return builder.ptrtoint(context.make_array(signature.args[0])(context, builder, arguments[0]).data, word)

    def lower_arrive(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [word])
        add = ir.InlineAsm(kind, "red.release.gpu.global.add.u32 [$0], 1;", "l,~{memory}", side_effect=True)
        builder.call(add, [address_of(context, builder, signature, arguments)])
        return context.get_dummy_value()

    def lower_arrived(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(number, [word])
        load = ir.InlineAsm(kind, "ld.acquire.gpu.global.u32 $0, [$1];", "=r,l,~{memory}", side_effect=True)
        return builder.call(load, [address_of(context, builder, signature, arguments)])

    @intrinsic
    def arrive(typingctx, counter):  # type: ignore[no-untyped-def]
        return types.void(counter), lower_arrive

    @intrinsic
    def arrived(typingctx, counter):  # type: ignore[no-untyped-def]
        return types.uint32(counter), lower_arrived

    return arrive, arrived


arrive, arrived = (_arrive_in_python, _arrived_in_python) if simulated() else _instructions()
arrive.__doc__ = """Count this block in ``counter[0]``; whoever sees that sees all that its threads have written."""
arrived.__doc__ = """How many have been counted; from here on, this block sees what they have written before."""


@inner
def wait_for_blocks(counter, meetings, blocks):  # type: ignore[no-untyped-def]
    """Wait until all `blocks` have come here, for the time number `meetings`; `counter` begins with 0.

    For one thread of each block, between two barriers of the block.
    """
    arrive(counter)
    expected = np.uint32(meetings) * np.uint32(blocks)
    # The difference is right even if the count goes beyond what 32 bits can hold.
    while np.int32(np.uint32(expected - arrived(counter))) > 0:
        pass
