"""Commands run inside the test process, and what all that they say has to be like; importable as ``commands``."""

import contextlib
import io
import warnings
from dataclasses import dataclass

from neurosim.cli.application import execute

SCREEN = 25
# Letters of a line, without the word "Error: " before a message, which is shortened to as many.
LONGEST = 1000


@dataclass
class Outcome:
    code: int
    out: str
    err: str


def call(words):
    """Run a command line; gives exit status, standard output and standard error."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
        # As outside of tests: a line on standard error.
        warnings.simplefilter("default")
        code = execute([str(word) for word in words])
    return Outcome(code, out.getvalue(), err.getvalue())


def fault_of(outcome, codes):
    """What is wrong with the outcome of a command that should end with one of `codes`; empty where nothing is."""
    err = outcome.err
    lines = err.splitlines()
    if outcome.code not in codes:
        return f"exit status {outcome.code}, not one of {codes}: {err[-600:]}"
    if "Traceback" in err or "Error: unexpected" in err:
        return f"a bug in neurosim: {err[-600:]}"
    if len(lines) > SCREEN:
        return f"{len(lines)} lines: {err[:600]}"
    if outcome.code in (2, 3, 4) and not any(line.startswith(("Error: ", "Diverged: ", "Usage: ")) for line in lines):
        return f"no line says what the error is: {err[:600]}"
    if outcome.code in (2, 3) and not outcome.err.startswith(("Error: ", "Usage: ", "Warning: ")):
        return f"something stands before the error: {err[:600]}"
    longest = max((len(line.removeprefix("Error: ")) for line in lines), default=0)
    return f"a line of {longest} letters" if longest > LONGEST else ""
