"""What is read of a step in machine code: its instructions in the usual order, and when each of them starts."""

from neurosim.backends.cuda.machine_steps import SHARED_CYCLES, Step, step_of


def line(text, stall=1, result=7, waits=0):
    """An instruction with its control bits: what it sets when its result is there, and a mask of what it waits for."""
    control = stall | result << 5 | 7 << 8 | waits << 11
    return f"        /*0000*/  {text} ;   /* 0x{0:016x} */\n            /* 0x{control << 41:016x} */"


CODE = "\n".join(
    [
        ".text.other:",
        ".L_x_8:",
        line("BRA.DIV UR4, `(.L_x_9)"),
        line("BAR.SYNC 0x0"),
        line("BRA `(.L_x_8)"),
        ".text.kernel:",
        line("MOV R1, R2"),
        ".L_x_1:",
        line("LDS R1, [R2]", result=0),
        line("FFMA R1, R1, R1, R2", stall=4, waits=1),
        line("BRA.DIV UR4, `(.L_x_9)"),
        # Around what is done for extreme numbers.
        line("@!P0 BRA `(.L_x_2)"),
        line("MOV R4, R5", stall=9),
        line("CALL.REL.NOINC `(division)"),
        ".L_x_2:",
        # Around what not all threads do.
        line("@P1 BRA `(.L_x_3)"),
        line("FADD R1, R1, R2", stall=4),
        ".L_x_3:",
        line("BRA.DIV UR4, `(.L_x_9)"),
        line("@P2 BRA `(.L_x_1)"),
        line("EXIT"),
    ]
)


def test_a_step_is_the_innermost_loop_with_barriers_along_its_usual_way():
    assert step_of(CODE, "kernel") == Step(8, 1, 2, SHARED_CYCLES + 2 * 4 + 5)
    assert step_of(CODE, "nothing") is None
