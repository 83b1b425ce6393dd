"""Commands with faults in them, each in a process forked off one that has everything loaded; importable as ``forked``.

Run as a script it reads a case a line from standard input, as JSON, and answers with what came of it.
"""

import ctypes
import faulthandler
import json
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ERRORS = {"MemoryError": MemoryError, "RuntimeError": RuntimeError}
# No run here takes as long; it would hang.
LONGEST = 120


@dataclass
class Came:
    """What came of a command: its exit status (negative: the signal that ended it), and what it printed."""

    code: int
    out: str
    err: str
    about: dict


class Server:
    """The process that forks; a context manager."""

    def __init__(self, cwd, warm_up, preload=None):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1"}
        if preload is not None:
            environment["LD_PRELOAD"] = str(preload)
        words = [sys.executable, __file__, json.dumps([str(word) for word in warm_up])]
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=cwd, env=environment
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def run(self, words, **fault):
        """Run a command line under a fault; see `faulty`."""
        self._process.stdin.write(json.dumps({"words": [str(word) for word in words], "fault": fault}) + "\n")
        self._process.stdin.flush()
        return Came(**json.loads(self._process.stdout.readline()))


class Calls:
    """Sees the functions of neurosim that are called once training has ended; one of them may be made to fail."""

    def __init__(self, package, which=None, error=None):
        self.seen = {}
        self._codes = set()
        self._package = package
        self._which = which
        self._error = error
        self._ended = False

    def __call__(self, frame, event, _):
        code = frame.f_code
        if not self._ended:
            self._ended = event == "return" and code.co_qualname == "Simulator.train"
            return
        if event != "call" or code in self._codes:
            return
        self._codes.add(code)
        if not code.co_filename.startswith(self._package):
            return
        name = f"{Path(code.co_filename).relative_to(self._package)}:{code.co_qualname}"
        if name in self.seen:
            return
        self.seen[name] = True
        if name == self._which:
            sys.setprofile(None)
            raise self._error


def faulty(kind="", **how):
    """Put a fault into this process; returns a function that says afterwards what happened.

    ``call``: the first call after training of the function `which` raises `error`; all that are called are told.
    ``malloc``: allocation `number` of at least `size` bytes fails, with `stays` all from then on.
    ``memory``: the address space ends `size` bytes above what is taken.
    """
    if kind == "call":
        import neurosim

        calls = Calls(
            str(Path(neurosim.__file__).parent), how.get("which"), ERRORS.get(how.get("error"), MemoryError)("injected")
        )
        sys.setprofile(calls)
        return lambda: {"calls": list(calls.seen)}
    if kind == "malloc":
        shim = ctypes.CDLL(None)
        shim.failing_malloc_arm(
            ctypes.c_long(how["number"]), ctypes.c_size_t(how["size"]), int(how.get("stays", False))
        )
        return lambda: {"seen": shim.failing_malloc_seen()}
    if kind == "memory":
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + how["size"],) * 2)
    return dict


def child(words, fault, folder):
    """Run the command, with its output in files; never returns."""
    for number, name in ((1, "out"), (2, "err")):
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT)
        os.dup2(descriptor, number)
    # Where it hangs, it says where.
    faulthandler.dump_traceback_later(LONGEST, exit=True, file=sys.__stderr__)
    from neurosim.cli.application import execute

    told = faulty(**fault)
    code = execute(words)
    sys.setprofile(None)
    sys.stdout.flush()
    sys.stderr.flush()
    # What comes now is not part of the command.
    resource.setrlimit(resource.RLIMIT_AS, (resource.getrlimit(resource.RLIMIT_AS)[1],) * 2)
    about = told()
    if "seen" in about:
        ctypes.CDLL(None).failing_malloc_arm(ctypes.c_long(0), ctypes.c_size_t(-1), 0)
    if about:
        (folder / "about").write_text(json.dumps(about))
    os._exit(code)


def serve(warm_up):
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from neurosim.cli.application import execute

    assert execute(warm_up) == 0
    for line in sys.stdin:
        case = json.loads(line)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            process = os.fork()
            if not process:
                try:
                    child(case["words"], case["fault"], folder)
                except BaseException as error:
                    os.write(2, f"Traceback: {type(error).__name__}: {error}\n".encode())
                finally:
                    os._exit(99)
            code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
            out, err = ((folder / name).read_text(errors="replace") for name in ("out", "err"))
            about = json.loads((folder / "about").read_text()) if (folder / "about").exists() else {}
        answers.write(json.dumps({"code": code, "out": out, "err": err, "about": about}) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
