"""The command line in a process of its own that may neither take all memory nor stay away for ever."""

import contextlib
import io
import multiprocessing
import os
import resource
import traceback
from dataclasses import dataclass

# Address space, most of which is reserved by libraries and never used.
MOST_BYTES = 6 << 30
# No case is meant to take a tenth of this; on a busy machine one may.
MOST_SECONDS = 120


@dataclass(frozen=True)
class Answer:
    """What a command said, and its exit status; None where it had to be ended or has ended the process."""

    code: int | None
    out: str
    err: str


class GuardedCommands:
    """Runs commands in one process after the other, and in a new process after one that hung."""

    def __init__(self, folder):
        self._folder = folder
        self._process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end()

    def __call__(self, *arguments):
        """The answer to the words of a command line."""
        if self._process is None:
            self._start()
        self._connection.send([str(argument) for argument in arguments])
        if not self._connection.poll(MOST_SECONDS):
            self._end()
            return Answer(None, "", f"no end within {MOST_SECONDS} s")
        try:
            return Answer(*self._connection.recv())
        except EOFError:
            self._process.join()
            status = self._process.exitcode
            self._end()
            return Answer(None, "", f"the process has ended with {status}")

    def _start(self):
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, str(self._folder)), daemon=True)
        self._process.start()
        other.close()

    def _end(self):
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
            self._connection.close()
            self._process = None


def _serve(connection, folder):
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    os.chdir(folder)
    from neurosim.cli.application import execute

    while True:
        try:
            arguments = connection.recv()
        except EOFError:
            return
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = execute(arguments)
            except BaseException:
                code = None
                traceback.print_exc()
        connection.send((code, out.getvalue(), err.getvalue()))
