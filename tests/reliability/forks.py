"""Commands in forks of a process that has loaded everything, killed at a chosen change of a file; as ``forks``."""

import contextlib
import io
import os
import signal
import sys

from commands import call

# What changes which files there are; of `open` only for writing.
CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.truncate")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def _is_change(event, args, *, opened):
    if event in CHANGES:
        return True
    return opened and event == "open" and isinstance(args[2], int) and bool(args[2] & _WRITING)


def die_at(number, *, opened=False):
    """From now on in this process: killed, as by the system, before the change of this number, counted from 1."""
    left = number

    def hear(event, args):
        nonlocal left
        if _is_change(event, args, opened=opened):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hear)


def begin(words, kill=None, *, opened=False, said=None):
    """Run a command line in a fork; returns the process. `said`: a file that gets all that it says."""
    sys.stdout.flush()
    sys.stderr.flush()
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        if kill is not None:
            die_at(kill, opened=opened)
        done = call(words)
        code = done.code
        if said is not None:
            said.write_text(done.out + done.err)
    finally:
        os._exit(code)


def end_of(process):
    """The exit status, negative for the signal that it was killed by."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def quietly(function):
    """Call a function that prints."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return function()
