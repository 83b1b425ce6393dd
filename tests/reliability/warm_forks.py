"""Commands in forks of a warm process, and kills at a chosen moment; importable as ``warm_forks``.

A command line takes a second to load its libraries and milliseconds to do its work. `Forks` starts a process that
has loaded them and forks for each command, so that each is a process of its own: one that can be killed.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

# What the process that forks does. A command is stopped before the `at`-th change that it makes below `root`.
_SERVER = r"""
import io, json, os, signal, sys, time
from contextlib import redirect_stderr, redirect_stdout

CHANGES = {
    "os.rename": 2, "os.remove": 1, "os.mkdir": 1, "os.rmdir": 1, "os.link": 2, "os.symlink": 2, "os.truncate": 1,
}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

def stopping(root, at, number):
    # Sends this process a signal at its `at`-th change below `root`.
    root, made = os.path.realpath(root) + os.sep, 0
    def hear(event, args):
        nonlocal made
        if event == "open":
            path, changes = args[0], isinstance(args[2], int) and args[2] & WRITING
            paths = [path] if changes and not isinstance(path, int) else []
        else:
            paths = args[:CHANGES.get(event, 0)]
        if any(os.path.abspath(os.fsdecode(path)).startswith(root) for path in paths):
            made += 1
            if made == at:
                os.kill(os.getpid(), number)
    sys.addaudithook(hear)

def child(order):
    os.setsid()
    os.chdir(order["cwd"])
    for number, path in ((1, order["out"]), (2, order["err"])):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
        os.close(file)
    if order["signal"]:
        stopping(order["cwd"], order["at"], order["signal"])
    try:
        code = execute(order["words"])
        sys.stdout.flush()
        sys.stderr.flush()
    except KeyboardInterrupt:  # as `neurosim.cli.main` does
        code = 130
    os._exit(code)

def wait(process, seconds):
    # How it ended, as subprocess tells it; None where it had to be ended.
    end = time.monotonic() + seconds
    pause = 0.001
    while time.monotonic() < end:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(pause)
        pause = min(pause * 1.2, 0.02)
    os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return None

import gc
from neurosim.cli.application import execute
setup = json.loads(sys.stdin.readline())
os.chdir(setup["cwd"])
told = io.StringIO()
with redirect_stdout(told), redirect_stderr(told):
    codes = [execute(words) for words in setup["warm"]]
gc.collect()
gc.freeze()
answers = sys.stdout
print(json.dumps([codes, told.getvalue()]), flush=True)
for line in sys.stdin:
    order = json.loads(line)
    process = os.fork()
    if not process:
        child(order)
    print(json.dumps(wait(process, order["seconds"])), flush=True)
"""
# No command here takes as long.
LONGEST = 120


@dataclass(frozen=True)
class Done:
    """How a command ended: as `subprocess` tells it, None where it did not end by itself."""

    words: tuple
    code: int | None
    out: str
    err: str


class Forks:
    """A context manager; `warm` is command lines that load what the later ones need, run in the folder `cwd`."""

    def __init__(self, cwd, warm, env):
        self._streams = Path(cwd) / "out", Path(cwd) / "err"
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SERVER], stdin=pipe, stdout=pipe, text=True, env=env, bufsize=1
        )
        self.codes, self.told = self._ask({"cwd": str(cwd), "warm": [[*map(str, words)] for words in warm]})

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._process.kill()
        self._process.communicate()

    def _ask(self, order):
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process that forks has ended"
        return json.loads(answer)

    def run(self, cwd, words, *, signal=0, at=0):
        """A command in a folder; `signal` is sent to it at the `at`-th change that it makes there."""
        words = tuple(map(str, words))
        out, err = self._streams
        order = {"cwd": str(cwd), "words": words, "out": str(out), "err": str(err), "seconds": LONGEST}
        code = self._ask({**order, "signal": int(signal), "at": at})
        return Done(words, code, out.read_text(errors="replace"), err.read_text(errors="replace"))
