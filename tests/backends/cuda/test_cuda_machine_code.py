"""What is read from machine code: loops over tiles, unrolled or not, and shared memory."""

import struct

import pytest

from neurosim.backends.cuda.machine_code import Loop, product_loops, shared_memory
from neurosim.backends.cuda.resources import Resources

UNROLLED = """\
.text.other:
.L_x_9:
        /*0000*/                   FFMA R1, R2, R3, R1 ;
        /*0010*/                   BAR.SYNC.DEFER_BLOCKING 0x0 ;
        /*0020*/                   BRA `(.L_x_9) ;
.text.kernel:
        /*0000*/                   MOV R1, R2 ;
.L_x_1:
.L_x_2:
        /*0010*/                   LDG.E R4, desc[UR4][R2.64] ;
        /*0020*/              @!P0 BRA `(.L_x_2) ;
        /*0030*/                   BAR.SYNC.DEFER_BLOCKING 0x0 ;
        /*0040*/                   LDS R5, [R6] ;
        /*0050*/                   FFMA R1, R5, R4, R1 ;
        /*0060*/                   FFMA R1, R5, R4, R1 ;
        /*0070*/                   BAR.SYNC.DEFER_BLOCKING 0x0 ;
        /*0080*/               @P1 BRA `(.L_x_1) ;
        /*0090*/                   BAR.SYNC.DEFER_BLOCKING 0x0 ;
        /*00a0*/               @P2 BRA.U.ANY `(.L_x_1) ;
        /*00b0*/                   EXIT ;
"""
ROLLED = """\
.text.kernel:
.L_x_1:
        /*0000*/                   LDG.E R4, desc[UR4][R2.64] ;
        /*0010*/                   BAR.SYNC.DEFER_BLOCKING 0x0 ;
.L_x_2:
        /*0020*/                   LDS R5, [R6] ;
        /*0030*/                   FFMA R1, R5, R4, R1 ;
        /*0040*/                   FFMA R2, R5, R4, R1 ;
        /*0050*/              @!P0 BRA `(.L_x_2) ;
        /*0060*/                   BAR.SYNC.DEFER_BLOCKING 0x0 ;
        /*0070*/              @!P0 BRA `(.L_x_1) ;
"""


@pytest.mark.parametrize(
    ("text", "together", "terms", "loop"),
    [(UNROLLED, 1, 2, Loop(8, 2, 2)), (UNROLLED, 3, 3, None), (ROLLED, 2, 8, Loop(8 + 3 * 4, 8, 2))],
)
def test_loops_over_tiles_are_the_innermost_with_barriers(text, together, terms, loop):
    assert product_loops(text, "kernel", together, terms) == ([] if loop is None else [loop])


def test_shared_memory_is_that_of_the_kernel():
    names = b"\0.nv.shared.kernel\0.nv.shared.other\0.names\0"
    heads = [(0, 0), (1, 5000), (19, 60), (36, len(names))]
    header = struct.pack("<40xQ10xHHH", 64, 48, len(heads), 3)
    table = b"".join(
        struct.pack("<IIQQQQ8x", name, 1, 0, 0, 64 + 48 * len(heads) if size == len(names) else 0, size)
        for name, size in heads
    )
    code = header + table + names
    assert shared_memory(code, "kernel") == 5000
    assert shared_memory(code, "nothing") == 0


@pytest.mark.parametrize(("registers", "threads", "blocks"), [(168, 256, 1), (243, 64, 4), (32, 256, 8), (33, 32, 51)])
def test_blocks_on_a_multiprocessor_share_its_registers(registers, threads, blocks):
    """Registers are given to warps in pieces: 33 for each thread are as many as 40."""
    assert Resources(registers, 0, 0, [], [], "", b"").blocks(threads) == blocks
