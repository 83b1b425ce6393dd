"""Every command under bad conditions: the exit status that is documented, a message of one screen, no traceback.

Conditions bind root too, who may run the tests: what cannot be written lies below a file, in ``/proc`` or beyond a
limit on the size of files.
"""

import ctypes
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import unicodedata
from contextlib import chdir, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest
from commands import call, fault_of
from sizes import sizes

from neurosim import run
from neurosim.runs import Observer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="conditions are made as Linux makes them")

SCENARIO = """
[scenario]
name = "tiny"
title = "A tiny run"
seed = 3
{repeats}
[data]
source = "csv"
file = "rows.csv"
target = "kind"
test_fraction = 0.25
[network]
loss = "binary_cross_entropy"
[[network.layers]]
kind = "dense"
units = 2
activation = "tanh"
[[network.layers]]
kind = "dense"
units = 1
activation = "sigmoid"
[optimizer]
name = "adam"
lr = 0.05
[training]
epochs = 2
"""
PLUGIN = """
from neurosim import Activation, hookimpl
def f(z):
    return 2.0 * z
def df(z, a):
    return 2.0
@hookimpl
def neurosim_activations():
    return [Activation("double", f, df)]
"""
IN, OUT = "IN", "OUT"


@dataclass(frozen=True)
class Way:
    """A way to call a command: `words` with IN for what it reads and OUT for what it writes, each of a kind.

    A kind is "file" or "folder". `good` is what IN is in the laboratory where all is well; `tolerant` means that it
    does not have to be there.
    """

    words: tuple[str, ...]
    good: str = ""
    reads: str = ""
    writes: str = ""
    json: bool = False
    tolerant: bool = False

    def line(self, place, out="out"):
        return [place if word == IN else out if word == OUT else word for word in self.words]

    def __str__(self):
        return " ".join(self.words)


def way(words, good="", **kinds):
    return Way(tuple(words.split()), good, **kinds)


WAYS = [
    way("run IN --out OUT", "tiny.toml", reads="file", writes="folder", json=True),
    way("run IN --out OUT --seeds 2", "tiny.toml", reads="file", writes="folder", json=True),
    way("run IN --out OUT", "study.toml", reads="file", writes="folder", json=True),
    way("run --resume IN", "stopped", reads="folder", json=True),
    way("run tiny.toml --out OUT --plugin IN", "mine.py", reads="file", writes="folder"),
    way("run tiny.toml --out OUT --plugins-dir IN", "plugins", reads="folder", writes="folder"),
    way("explain IN", "tiny.toml", reads="file"),
    way("explain IN --out OUT", "tiny.toml", reads="file", writes="file"),
    way("explain IN --blank --out OUT", "tiny.toml", reads="file", writes="folder"),
    way("plot IN --only learning_curves --out OUT", "first", reads="folder", writes="folder"),
    way("plot --activations tanh --out OUT", writes="folder"),
    way("report IN --out OUT", "first", reads="folder", writes="folder"),
    way("report IN second --out OUT", "first", reads="folder", writes="folder"),
    way("doctor IN --out OUT", "first", reads="folder", writes="folder", json=True),
    way("replay IN --from epoch:1 --out OUT", "first", reads="folder", writes="folder", json=True),
    way("predict IN --data rows.csv --out OUT", "first", reads="folder", writes="file", json=True),
    way("predict IN --data rows.csv", "first/model.safetensors", reads="file", json=True),
    way("predict first --data IN", "rows.csv", reads="file", json=True),
    way("compare IN second --out OUT", "first", reads="folder", writes="folder", json=True),
    way("list", json=True),
    way("info", json=True),
    way("info IN", "tiny.toml", reads="file", json=True),
    way("plugins", json=True),
    way("plugins check IN", "mine.py", reads="file", json=True),
    way("plugins new mine --out OUT", writes="folder"),
    way("data list", json=True),
    way("data list --data-dir IN", "data", reads="folder", json=True, tolerant=True),
    way("schema"),
    way("bench --quick", json=True),
]
BARE = """
run | explain | plot | report | doctor | replay | predict | compare | plugins check | plugins new | data | data fetch
data fetch nothing | list nothing | bench --backend nothing | schema nothing | predict first | predict --data rows.csv
data fetch mnist --data-dir rows.csv | data fetch mnist --data-dir rows.csv/below | data fetch mnist --data-dir loop/x
replay first | compare first | run --resume | plot --only x | nothing | run tiny.toml --nothing | run --seeds 0
"""


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory):
    """A folder with one of everything."""
    place = tmp_path_factory.mktemp("laboratory")
    with chdir(place):
        rows = [f"{k % 5},{(k * 7) % 11},{'yes' if (k % 5) * 2 > (k * 7) % 11 else 'no'}" for k in range(24)]
        Path("rows.csv").write_text("\n".join(["one,two,kind", *rows, ""]))
        Path("tiny.toml").write_text(SCENARIO.format(repeats=""))
        Path("study.toml").write_text(SCENARIO.format(repeats="repeats = 2"))
        Path("mine.py").write_text(PLUGIN)
        for name in ("plugins", "data"):
            Path(name).mkdir()
        for name, lr in (("first", 0.05), ("second", 0.01)):
            done = call(["run", "tiny.toml", "--out", name, "--set", f"optimizer.lr={lr}"])
            assert done.code == 0, done.err
        with pytest.raises(KeyboardInterrupt):
            run("tiny.toml", out="stopped", observer=Stopping())
        Path("empty").touch()
        Path("noise").write_bytes(random.Random(1).randbytes(5000))
        Path("dangling").symlink_to("nothing")
        Path("loop").symlink_to("loop")
    return place


class Stopping(Observer):
    def epoch(self, record):
        raise KeyboardInterrupt


@contextmanager
def small_files():
    """No file may have more than 10 bytes: what is written fails like on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# Names that are unusual and fine; one in decomposed form, one with a byte that is no UTF-8, one as long as can be.
NAMES = [
    "with a space", "ünïcode-運行", unicodedata.normalize("NFD", "ünïcode"), "two\nlines", "'quoted\"", "%s{}[red]x",
    os.fsdecode(b"no-\xff-text"), "LONG",
]  # fmt: skip
# What an argument that is read can be instead of what it should be.
ODD = [
    "nowhere/at-all", "rows.csv/below-a-file", "dangling", "loop", "n" * 300, "d/" * 3000, "no\nwhere", "", "noise",
    "empty", "data", "/dev/null", "/proc/self/mem", "/", "first/report.html",
]  # fmt: skip
# Where nothing can be written.
UNWRITABLE = ["rows.csv", "rows.csv/below-a-file", "/proc/nowhere", "loop/x", "n" * 300, "d/" * 3000, "dangling/x", ""]


def named(name, good):
    """A name with the ending that a good one has."""
    suffix = Path(good).suffix
    return "x" * (255 - len(suffix)) + suffix if name == "LONG" else name + suffix


def copy(good, path):
    if Path(good).is_dir():
        shutil.copytree(good, path)
    else:
        shutil.copy2(good, path)


def bad_cases():
    """Cases that have to end with 2 or 3: (command line, whether files are kept small)."""
    for words in BARE.replace("\n", "|").strip("| ").split("|"):
        yield words.split(), False
    for one in WAYS:
        for place in ODD if one.reads and not one.tolerant else ():
            if (place, one.good) not in FINE:
                yield one.line(place), False
        for place in UNWRITABLE if one.writes else ():
            if not (one.writes == "file" and place == "rows.csv"):
                yield one.line(one.good, place), False
        if one.writes == "file":
            yield one.line(one.good, "data"), False
        if one.writes:
            yield one.line(one.good, "limited"), True


# What is odd elsewhere, and right there: a folder without anything in it.
FINE = {(place, "plugins") for place in ("data", "/")}


def remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@sizes(short=120, full=100_000)
def test_what_cannot_work_says_why(laboratory, count):
    cases = list(bad_cases())
    random.Random(5).shuffle(cases)
    faults = []
    with chdir(laboratory):
        for words, limited in cases[:count]:
            with small_files() if limited else nullcontext():
                done = call(words)
            fault = fault_of(done, (2, 3))
            if not fault and done.out and "--out" not in words:
                fault = f"standard output has {done.out[:200]!r}"
            if fault:
                faults.append(f"{' '.join(words)!r:.200}: {fault}")
            remove(Path("limited"))
            remove(Path("out"))
    assert not faults, f"{len(faults)} of {min(count, len(cases))}:\n\n" + "\n\n".join(faults)


def good_cases():
    """Cases that have to work: (way, command line, file or folder to make a copy of, its name)."""
    for one in WAYS:
        if one.json:
            yield one, [*one.line(one.good), "--json"], "", ""
        for name in NAMES if one.reads else ():
            yield one, one.line(named(name, one.good)), one.good, named(name, one.good)
        for name in NAMES if one.writes else ():
            yield one, one.line(one.good, named(name, "")), "", named(name, "")


@sizes(short=8, full=100_000)
def test_unusual_names_are_names(laboratory, count):
    cases = list(good_cases())
    random.Random(6).shuffle(cases)
    faults = []
    with chdir(laboratory):
        for one, words, good, name in cases[:count]:
            if good:
                copy(good, name)
            # What is resumed is finished then.
            spare = "stopped" if "--resume" in words and not good else ""
            if spare:
                copy(spare, "spare")
            done = call(words)
            fault = fault_of(done, (0,)) or (bool(done.err) and one.json and f"says {done.err}")
            if not fault and "--json" in words:
                fault = fault_of_json(done.out)
            if not fault and name and not good and not Path(name).exists():
                fault = "nothing was written"
            if fault:
                faults.append(f"{words!r:.300}: {fault}")
            for path in (name, "out"):
                if path:
                    remove(Path(path))
            if spare:
                remove(Path(spare))
                Path("spare").rename(spare)
    assert not faults, f"{len(faults)} of {min(count, len(cases))}:\n\n" + "\n\n".join(faults)


def fault_of_json(text):
    try:
        json.loads(text, parse_constant=lambda name: pytest.fail(name))
    except ValueError as error:
        return f"standard output is not JSON ({error}): {text[:300]}"
    return ""


def test_debug_shows_a_traceback_and_changes_nothing_else(laboratory):
    with chdir(laboratory):
        for one in WAYS:
            if not one.reads or one.tolerant:
                continue
            plain, debug = call(one.line("nowhere")), call([*one.line("nowhere"), "--debug"])
            assert "Traceback (most recent call last):" in debug.err, one
            assert debug.err.endswith(plain.err), one
            assert (debug.code, debug.out) == (plain.code, plain.out), one
            if one.json:
                assert call([*one.line("nowhere"), "--json"]).out == "", one


@contextmanager
def lost_pipe():
    """A pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        yield writing
    finally:
        os.close(writing)


def child(words, *before, **streams):
    """A command line in a process of its own; gives exit status and standard error."""
    environment = {**os.environ, "NEUROSIM_DISABLE_PLUGINS": "1"}
    done = subprocess.run(
        [*before, sys.executable, "-m", "neurosim", *words],
        env=environment, check=False, timeout=300, **{"stderr": subprocess.PIPE, **streams},
    )  # fmt: skip
    return done.returncode, os.fsdecode(done.stderr or b"")


def each_in_a_child(condition):
    """The ways to call a command, one after the other in a laboratory, with what `condition` finds wrong with each."""
    faults = []
    for one in WAYS:
        copy("stopped", "spare")
        fault = condition(one)
        if fault:
            faults.append(f"{one}: {fault}")
        remove(Path("out"))
        remove(Path("stopped"))
        Path("spare").rename("stopped")
    assert not faults, f"{len(faults)}:\n\n" + "\n\n".join(faults)


@pytest.mark.slow
def test_nobody_reads_what_a_command_says(laboratory):
    def condition(one):
        with lost_pipe() as pipe:
            code, err = child(one.line(one.good), stdout=pipe)
        both_lost = ""
        with lost_pipe() as pipe:
            remove(Path("out"))
            if "--resume" not in one.words:
                both_lost = child(one.line("nowhere" if one.reads else one.good), stdout=pipe, stderr=pipe)[0]
        if both_lost not in ("", 2 if one.reads else 0, 3 if one.reads else 0) and not one.tolerant:
            return f"exit status {both_lost} where nobody reads anything"
        return (code != 0 or bool(err)) and f"exit status {code}: {err}"

    with chdir(laboratory):
        each_in_a_child(condition)


@pytest.mark.slow
def test_standard_output_goes_to_a_full_disk(laboratory):
    def condition(one):
        with open("/dev/full", "wb") as full:
            code, err = child(one.line(one.good), stdout=full)
        right = code == 3 and err.startswith("Error: cannot write standard output: No space left on device\nHint: ")
        return "" if right else f"exit status {code}: {err}"

    with chdir(laboratory):
        each_in_a_child(condition)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace here")
@pytest.mark.parametrize(("call", "error"), [("fsync", "ENOSPC"), ("rename,renameat,renameat2", "EDQUOT")])
def test_the_disk_fails_a_file_that_is_written(laboratory, call, error):
    def condition(one):
        if not one.writes or one.words[:2] == ("plugins", "new"):
            return ""
        strace = ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={call}", "-e", f"inject={call}:error={error}"]
        code, err = child(one.line(one.good), *strace, stdout=subprocess.DEVNULL)
        left = [str(path) for path in Path("out").rglob(".*tmp")] if Path("out").is_dir() else []
        right = code == 3 and err.startswith("Error: cannot write ") and "\nHint: " in err and err.count("\n") < 6
        return "" if right and not left else f"exit status {code}: {err} {left}"

    with chdir(laboratory):
        each_in_a_child(condition)


def without_rights():
    """Take from root, in a child that is about to run another program, the right to pass over those of others."""
    for right in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(24, right, 0, 0, 0)  # PR_CAPBSET_DROP


@pytest.mark.slow
def test_somebody_without_rights(laboratory, tmp_path):
    """What belongs to somebody else and cannot be read, and a folder in which nothing may be written."""
    faults = []
    secret, closed = tmp_path / "secret", tmp_path / "closed"
    for folder in (secret, closed):
        folder.mkdir()
    with chdir(laboratory):
        for good in {one.good for one in WAYS if one.good}:
            copy(good, secret / Path(good).name)
        for folder, mode in ((secret, 0o000), (closed, 0o555)):
            if os.geteuid() == 0:
                os.chown(folder, 65534, 65534)
            folder.chmod(mode)
        for one in WAYS:
            lines = [one.line(str(secret / Path(one.good).name))] if one.reads and not one.tolerant else []
            lines += [one.line(one.good, str(closed / "out"))] if one.writes else []
            for words in lines:
                code, err = child(words, stdout=subprocess.DEVNULL, preexec_fn=without_rights)
                if code not in (2, 3) or "Permission denied" not in err or "Traceback" in err or err.count("\n") > 8:
                    faults.append(f"{words}: exit status {code}: {err}")
    closed.chmod(0o755)
    secret.chmod(0o755)
    assert not faults, f"{len(faults)}:\n\n" + "\n\n".join(faults)
