"""Copies from the GPU's memory into shared memory that go on while a thread does something else, for kernels.

A number that is loaded passes through a register of its thread, which waits for it. Here a thread only says what it
wants copied; such copies form groups, and it waits for a group when it needs the numbers. On a GPU (from compute
capability 8.0 on) these are functions of one machine instruction each; in the simulator a copy is made at once.
"""

from __future__ import annotations

import importlib
from typing import Any

from neurosim.backends.cuda.target import simulated

WIDE = 4
# How many groups may still be on their way when a thread has waited: `wait_for_copies`.
UNDERWAY = 2


def _copy_in_python(target: Any, at: Any, source: Any, place: Any) -> None:
    at, place = int(at), int(place)
    if at % WIDE or place % WIDE:
        raise ValueError(f"copy of 16 bytes from {place} to {at}: not multiples of 16 bytes")
    target[at : at + WIDE] = source[place : place + WIDE]


def _nothing_in_python() -> None:
    pass


def _instructions() -> tuple[Any, Any, Any]:
    """The functions for a GPU."""
    # As text, since `target` is the only module that imports numba.cuda.
    intrinsic = importlib.import_module("numba.cuda.extending").intrinsic
    types = importlib.import_module("numba.cuda").types
    from llvmlite import ir

    word, nothing = ir.IntType(64), ir.VoidType()
    shared = ir.PointerType(ir.FloatType(), 3)

    def address(context: Any, builder: Any, kinds: Any, values: Any) -> Any:
        data = context.make_array(kinds[0])(context, builder, values[0]).data
        return builder.gep(data, [context.cast(builder, values[1], kinds[1], types.uint64)])

    def lower_copy(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target = address(context, builder, signature.args[:2], arguments[:2])
        source = address(context, builder, signature.args[2:], arguments[2:])
        text = "cp.async.cg.shared.global [$0], [$1], 16;"
        copy = ir.InlineAsm(ir.FunctionType(nothing, [word, word]), text, "l,l,~{memory}", side_effect=True)
        places = builder.ptrtoint(builder.addrspacecast(target, shared), word), builder.ptrtoint(source, word)
        builder.call(copy, places)
        return context.get_dummy_value()

    def lower(text: str) -> Any:
        def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            builder.call(ir.InlineAsm(ir.FunctionType(nothing, []), text, "~{memory}", side_effect=True), [])
            return context.get_dummy_value()

        return lowered

    lower_close, lower_wait = lower("cp.async.commit_group;"), lower(f"cp.async.wait_group {UNDERWAY};")

    @intrinsic
    def copy_four(typingctx, target, at, source, place):  # type: ignore[no-untyped-def]
        return types.void(target, at, source, place), lower_copy

    @intrinsic
    def close_group(typingctx):  # type: ignore[no-untyped-def]
        return types.void(), lower_close

    @intrinsic
    def wait_for_copies(typingctx):  # type: ignore[no-untyped-def]
        return types.void(), lower_wait

    return copy_four, close_group, wait_for_copies


copy_four, close_group, wait_for_copies = (
    (_copy_in_python, _nothing_in_python, _nothing_in_python) if simulated() else _instructions()
)
copy_four.__doc__ = """Copy four numbers of ``source`` from ``place`` on into the shared ``target``, from ``at`` on.

Both must be at multiples of 16 bytes.
"""
close_group.__doc__ = """What this thread has wanted copied since the last group is a group; it may be empty."""
wait_for_copies.__doc__ = """Wait for this thread's groups, but for the `UNDERWAY` newest."""
