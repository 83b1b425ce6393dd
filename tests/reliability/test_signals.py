"""A signal at any moment of any command: it ends with 130, in one line, and what was promised is kept.

See `signalled`, which runs the commands here: it sends the signal at a chosen call of a Python function.
"""

import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sizes import sizes
from whole_runs import left_by, write_scenario

import neurosim
from neurosim.backends.cpu.jit import entry
from neurosim.cli import ending
from neurosim.files.atomic import write_atomically
from neurosim.process import interruption
from neurosim.runs.checkpoint import newest
from neurosim.training.interruption import interruptions

HARNESS = Path(__file__).with_name("signalled.py")
EPOCHS = 12
# Where a phase begins: file and name of a function, and which of its calls.
PHASES = {
    "imports": ("cli/application.py", "get_command", 1),
    "loading": ("neurosim/problem/assembly.py", "assemble", 1),
    "finding kernels": ("cpu/kernel_cache.py", "load_overload", 3),
    "linking": ("numba/core/codegen.py", "_object_getbuffer_hook", 2),
    "training": ("runs/running.py", "on_epoch", 5),
    "keeping": ("runs/checkpoint.py", "save_checkpoint", 4),
    "measuring": ("neurosim/training/measures.py", "final_measures", 1),
    "finishing": ("runs/folder.py", "finish", 1),
    "drawing": ("analysis/facts.py", "run_facts", 1),
    "the page": ("report/run.py", "prepare_run_page", 1),
    "the end": ("cli/summary.py", "print_summary", 1),
}
SHORT = ("linking", "training", "finishing", "drawing")


def command(plan, words, **how):
    """Start a command that is sent a signal as the plan says; its standard error has all that it says."""
    line = [sys.executable, str(HARNESS), json.dumps(plan), *map(str, words)]
    token = f"{os.getpid()}-{random.randrange(1 << 60)}"
    environment = {**os.environ, "NEUROSIM_SIGNALLED": token}

    def heed():
        """Where these tests run in the background of a shell, Ctrl-C is ignored, and would be here."""
        for number in interruption.SIGNALS:
            signal.signal(number, signal.SIG_DFL)

    pipe = subprocess.PIPE
    process = subprocess.Popen(
        line, stdout=subprocess.DEVNULL, stderr=pipe, text=True, env=environment, preexec_fn=heed, **how
    )
    _, err = process.communicate()
    return process.returncode, err, token


def left_running(token):
    """Processes of a command that are still there; one that is told to end by its parent's end may take a moment."""
    end = time.monotonic() + 10
    while True:
        found = []
        for place in Path("/proc").glob("[0-9]*/environ"):
            try:
                if token.encode() in place.read_bytes():
                    found.append(place.parent.name)
            except OSError:
                continue
        if not found or time.monotonic() > end:
            return found
        time.sleep(0.01)


def fault_of(code, err, token, folder):
    """What is wrong with the end of a command that was sent a signal; nothing where all is well."""
    if code != 130:
        return f"exit status {code}: {err}"
    for words in ("Traceback", "Exception ignored", "bug in neurosim", "Error"):
        if words in err:
            return f"{words}: {err}"
    lines = [line for line in err.splitlines() if not line.startswith(("stopping in a moment", "compiling"))]
    if len(lines) != 1 or not lines[0].startswith("interrupted"):
        return f"not one line: {err}"
    if left_running(token):
        return "a process is left"
    if list(folder.glob("**/.*tmp")):
        return f"temporary files are left: {list(folder.glob('**/.*tmp'))}"
    return ""


def go_on(folder, said):
    """Do what the last line says until the run has ended."""
    found = re.search(r"neurosim run --resume (\S+)", said)
    assert (found is not None) == ((folder / "scenario.toml").exists() and "everything is in" not in said), said
    if found is not None:
        words = [sys.executable, "-m", "neurosim", "run", "--resume", found.group(1), "--quiet"]
        done = subprocess.run(words, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def same(folder, expected):
    return not (folder / "summary.json").exists() or left_by(folder) == expected


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A scenario, what a run of it leaves that nothing has stopped, and how many calls that takes."""
    folder = tmp_path_factory.mktemp("whole")
    scenario = write_scenario(folder / "whole.toml", EPOCHS)
    plan = {"calls": None, "signal": 0, "count": str(folder / "count")}
    code, err, _ = command(plan, ["run", scenario, "--out", folder / "run"])
    assert code == 0, err
    return scenario, left_by(folder / "run"), int((folder / "count").read_text().split()[0])


def interrupt(whole, folder, number, calls, *, after=None, again=False):
    """Run with a signal, check its end, and go on to the end of the run; gives what was said.

    Where all was trained, only the pictures would be drawn that are missing: that is done in one case of four.
    """
    scenario, expected, _ = whole
    plan = {"after": after, "calls": calls, "signal": number, "again": again, "count": f"{folder}.count"}
    code, err, token = command(plan, ["run", scenario, "--out", folder])
    about = f"{signal.Signals(number).name} after {after or 'the start'} and {calls} calls{', twice' * again}"
    if Path(f"{folder}.count").exists() and Path(f"{folder}.count").read_text().endswith(" 0"):
        return ""  # it was over before
    assert not fault_of(code, err, token, folder), f"{about}: {fault_of(code, err, token, folder)}"
    kept = newest(folder) is not None or (folder / "summary.json").exists()
    if after == PHASES["training"]:
        assert kept, about
    if not (folder / "summary.json").exists() or calls % 4 == 0:
        go_on(folder, err)
    assert same(folder, expected), about
    return err.splitlines()[-1]


@sizes(short=2, full=200, ci=True)
def test_signals_at_any_call(count, whole, tmp_path):
    """In every phase first, and in the short form in those where most can go wrong; then anywhere."""
    dice = random.Random(count)
    phases = list(PHASES.values()) if count > len(PHASES) else [PHASES[name] for name in SHORT]
    cases = []
    for k in range(count):
        after = phases[k] if k < len(phases) else None if k % 2 else dice.choice(phases)
        calls = dice.randrange(whole[2]) if after is None else int(10 ** dice.uniform(0, 4))
        cases.append((tmp_path / str(k), dice.choice(interruption.SIGNALS), calls, after, dice.random() < 0.25))
    said, faults = [], []

    def check(case):
        try:
            said.append(interrupt(whole, *case[:3], after=case[3], again=case[4]))
        except AssertionError as error:
            faults.append(str(error))

    with ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
        list(pool.map(check, cases))
    assert not faults, f"{len(faults)} of {count}: " + "\n".join(faults)
    print(f"{count} signals, {sum(map(bool, said))} before the end of the run: each 130, all to the same bits")
    for line, times in Counter(map(_blank, said)).most_common():
        print(f"  {times}: {line or '(over before)'}")


def _blank(line):
    return re.sub(r"/\S+", "RUN", line)


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    for seed in (1, 2):
        keys = {"training.epochs": 6, "expect": {}}
        neurosim.run("moons", seed=seed, overrides=keys, out=folder / str(seed), backend="reference")
    return folder


PLUGIN = """
import math
from neurosim import Activation, hookimpl
def bent(z, a):
    return a * math.tanh(z) + 0.1 * z
def slope(z, y, a):
    t = math.tanh(z)
    return a * (1.0 - t * t) + 0.1
@hookimpl
def neurosim_activations():
    return [Activation("bent", bent, slope, params={"a": 1.0})]
"""
VARIANTS = """
[[variants]]
name = "slow"
"optimizer.lr" = 0.001
[[variants]]
name = "fast"
"optimizer.lr" = 0.1
"""
FEW = ("--set", "training.epochs=5", "--set", "expect={}", "--backend", "reference")
COMMANDS = {
    "study": ("run", "STUDY", *FEW, "--out", "OUT"),
    "seeds": ("run", "xor", "--seeds", "3", *FEW, "--out", "OUT"),
    "several": ("run", "and", "or", *FEW, "--out", "OUT"),
    "compare": ("compare", "RUN1", "RUN2"),
    "plot": ("plot", "RUN1", "--out", "OUT"),
    "report": ("report", "RUN1", "--out", "OUT"),
    "doctor": ("doctor", "RUN1"),
    "replay": ("replay", "RUN1", "--from", "3", "--set", "optimizer.lr=0.02", "--out", "OUT"),
    "predict": ("predict", "RUN1", "--data", "ROWS", "--out", "OUT.csv"),
    "explain": ("explain", "xor"),
    "plugins check": ("plugins", "check", "PLUGIN"),
    "bench": ("bench", "--backend", "cpu"),
    "data fetch": ("data", "fetch", "mnist", "--data-dir", "OUT"),
    "info": ("info", "xor"),
}


def words_of(name, runs, folder):
    folder.mkdir(exist_ok=True)
    (folder / "rows.csv").write_text("x1,x2\n0.5,0.5\n")
    (folder / "bent.py").write_text(PLUGIN)
    write_scenario(folder / "study.toml", 5)
    with (folder / "study.toml").open("a") as file:
        file.write(VARIANTS)
    places = {"RUN1": runs / "1", "RUN2": runs / "2", "ROWS": folder / "rows.csv", "PLUGIN": folder / "bent.py"}
    places["STUDY"] = folder / "study.toml"
    return [str(places.get(word, word)).replace("OUT", str(folder / "out")) for word in COMMANDS[name]]


@sizes(short=1, full=40, ci=True)
def test_signals_in_other_commands(count, two_runs, tmp_path):
    """Anywhere in each of them, after a run that counts its calls."""
    dice = random.Random(count)
    names = list(COMMANDS) if count > 1 else ["compare"]

    def check(name):
        folder = tmp_path / name
        words = words_of(name, two_runs, folder)
        counted = {"calls": None, "signal": 0, "count": f"{folder}/count"}
        for _ in range(2):  # the first time it also compiles, which takes many calls more
            shutil.rmtree(folder / "out", ignore_errors=True)
            code, err, _ = command(counted, words, cwd=folder)
        # Without a network nothing is fetched; a plugin may fail its checks.
        assert code == 0 or name in ("data fetch", "plugins check"), f"{name}: {err}"
        total, sent = int((folder / "count").read_text().split()[0]), 0
        for _ in range(max(1, count // len(names))):
            shutil.rmtree(folder / "out", ignore_errors=True)
            plan = {**counted, "calls": dice.randrange(total), "signal": dice.choice(interruption.SIGNALS)}
            code, err, token = command(plan, words, cwd=folder)
            if (folder / "count").read_text().endswith(" 1"):
                sent += 1
                fault = fault_of(code, err, token, folder)
                assert not fault, f"{name}, {plan['calls']} of {total} calls: {fault}"
        return sent

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        sent = dict(zip(names, pool.map(check, names), strict=True))
    assert all(sent.values()), sent
    print(f"{sum(sent.values())} signals in {len(names)} commands, each 130: {sent}")


@pytest.mark.ci
@pytest.mark.parametrize("after", [PHASES["training"], ("plots/studio.py", "finish", 1)])
def test_a_killed_run_leaves_no_process(after, whole, tmp_path):
    """The one that draws ends with the run, whether it was waiting for its order or drawing."""
    plan = {"after": after, "calls": 0, "signal": signal.SIGKILL}
    code, err, token = command(plan, ["run", "xor", "--out", tmp_path / "run"])
    assert (code, err) == (-signal.SIGKILL, "")
    assert not left_running(token)


@contextlib.contextmanager
def at_call_of(name, action):
    """Within this, `action` is done once, when a Python function of this name is called."""

    def look(frame, event, argument):
        if event == "call" and frame.f_code.co_name == name:
            sys.setprofile(None)
            action()

    sys.setprofile(look)
    try:
        yield
    finally:
        sys.setprofile(None)


@pytest.fixture
def as_in_a_notebook():
    """Ctrl-C raises KeyboardInterrupt, wherever these tests run; gives the handler, which must be there afterwards."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def press():
    signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("as_in_a_notebook")
def test_ctrl_c_in_a_callback_of_the_compiler_is_raised_after_it(capfd, monkeypatch, tmp_path):
    # What another run has kept would not be compiled.
    monkeypatch.setenv("NEUROSIM_CACHE", str(tmp_path))

    @entry
    def double(x):
        return 2.0 * x + 17.0

    with pytest.raises(KeyboardInterrupt), at_call_of("_object_compiled_hook", press):
        double(1.0)
    assert capfd.readouterr().err == ""
    assert double(1.0) == 19.0


@pytest.mark.usefixtures("as_in_a_notebook")
def test_ctrl_c_ends_many_seeds_between_their_groups(capfd):
    ensemble = neurosim.Ensemble("xor", 200, threads=2)
    with pytest.raises(KeyboardInterrupt), at_call_of("let_in_between", press):
        ensemble.train()
    assert not ensemble.members
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("as_in_a_notebook")
def test_what_is_deferred_is_let_in_between_and_at_the_end():
    done = []

    def in_between():
        with interruption.deferred():
            with interruption.deferred() as heed:
                press()
                done.append("deferred")
            done.append("still deferred")
            heed()
            done.append("never")

    def at_the_end():
        with interruption.deferred():
            press()
            done.append("to its end")

    for work in (in_between, at_the_end):
        with pytest.raises(KeyboardInterrupt):
            work()
    assert done == ["deferred", "still deferred", "to its end"]


@pytest.mark.usefixtures("as_in_a_notebook")
def test_a_file_is_written_to_its_end(tmp_path):
    with pytest.raises(KeyboardInterrupt), at_call_of("_sync_folder", press):
        write_atomically(tmp_path / "file", "whole")
    with pytest.raises(KeyboardInterrupt), at_call_of("_is_no_file", press):
        write_atomically(tmp_path / "file", "newer")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "newer"


def test_signals_left_to_others_are_not_touched():
    """SIGTERM ends a program that has not said otherwise, and what is ignored stays so."""
    before = {number: signal.getsignal(number) for number in interruption.SIGNALS}
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with interruption.deferred():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_outside_of_the_main_thread_nothing_changes():
    found = []

    def work():
        with interruption.deferred() as heed, interruption.unbroken():
            heed()
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGINT)]


def test_how_long_a_promise_is_waited_for(monkeypatch):
    """Twice as long as the next moment took at most so far; before the first one only as long as nothing promised."""
    now = 0.0
    monkeypatch.setattr(interruption, "_kept_at", now)
    monkeypatch.setattr(interruption.time, "monotonic", lambda: now)
    assert not interruption.overdue(0.0, 1.4)
    assert interruption.overdue(0.0, 1.6)
    with interruption.promise() as promised:
        assert interruption.overdue(0.0, 1.6)
        for moment in (10.0, 15.0, 16.0):
            now = moment
            promised.moment()
        assert not interruption.overdue(17.0, 25.9)
        assert interruption.overdue(17.0, 26.1)
        with interruption.keeping():
            assert not interruption.overdue(17.0, 1000.0)
    assert not interruption.overdue(17.0, 17.4)
    assert interruption.overdue(17.0, 18.6)


def test_the_command_line_and_the_rest_speak_of_the_same():
    assert ending.SIGNALS == interruption.SIGNALS
    assert (ending.ONE_REQUEST, ending.PATIENCE) == (interruption.ONE_REQUEST, interruption.PATIENCE)


def test_a_command_ends_even_if_what_is_kept_cannot_be_found_out(monkeypatch, capfd):
    def words():
        raise OSError("the folder is gone")

    monkeypatch.setattr(interruption, "_left", None)
    with pytest.raises(KeyboardInterrupt) as raised, interruption.kept(words):
        raise KeyboardInterrupt
    assert ending.kept_by(raised.value) == ""
    ending.Ending().say("")
    assert capfd.readouterr().err == "interrupted\n"


@pytest.mark.usefixtures("as_in_a_notebook")
def test_a_request_that_comes_twice_at_once_is_one(monkeypatch):
    """``timeout`` sends its signal to its child, and then to the group that this is in."""
    now = 0.0
    monkeypatch.setattr("neurosim.training.interruption.time.monotonic", lambda: now)
    told = []
    with interruptions(lambda: told.append(True)) as stop:
        press()
        press()
        assert told == [True]
        with pytest.raises(KeyboardInterrupt):
            stop.heed()
        now = 1.0
        with pytest.raises(KeyboardInterrupt, match="asked twice"):
            press()
