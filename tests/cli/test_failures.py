"""What is raised where nobody foresaw it: a line that names what is to blame, a hint, and the exit status."""

import importlib
import os
import shlex
import sys
from pathlib import Path

import pytest

from neurosim.cli.failures import failure_of
from neurosim.errors import add_hint
from neurosim.suggestions import unknown

DATASET = """
import numpy as np
from neurosim import Dataset, hookimpl

def load(request):
    {body}

@hookimpl
def neurosim_datasets():
    return [Dataset("odd", load)]
"""
SETTINGS = ["--set", 'data={ source = "odd" }', "--out", "out"]


@pytest.mark.parametrize(
    ("body", "code", "error", "hint"),
    [
        ("open('no/such.csv')", 3, "no/such.csv: No such file or directory", "Check how the path is written."),
        ("raise OSError(28, 'No space left on device', 'big.csv')", 3, "big.csv: No space left", "The disk is full"),
        ("raise BrokenPipeError(32, 'Broken pipe')", 3, "Broken pipe", "Check the path"),
        ("np.zeros((1 << 20, 1 << 38))", 3, "there is not enough memory: Unable to allocate 2.00 EiB", "smaller"),
        ("np.zeros((1 << 40, 1 << 40))", 3, "there is not enough memory: array is too big", "smaller"),
        ("raise MemoryError", 3, "there is not enough memory\n", "neurosim info SCENARIO"),
        (
            "return 1 / 0",
            2,
            "plugin odd.py has failed: ZeroDivisionError: division by zero (line 6)",
            "plugins check odd",
        ),
        (
            "return load(request)",
            2,
            "plugin odd.py has failed: RecursionError: maximum recursion depth",
            "plugins check",
        ),
        ("raise EOFError", 2, "plugin odd.py has failed: EOFError (line 6)", "plugins check odd.py"),
        (
            "raise SystemExit(7)",
            2,
            "plugin odd.py has failed: SystemExit: 7; nothing in a plugin may end the program (line 6)",
            "plugins check odd.py",
        ),
        ("raise KeyError('a\\nb' * 900)", 2, "plugin odd.py has failed: KeyError: 'a", "plugins check odd.py"),
    ],
)
def test_a_plugin_that_raises_something_odd(neurosim, body, code, error, hint):
    Path("odd.py").write_text(DATASET.format(body=body))
    done = neurosim("run", "xor", "--plugin", "odd.py", *SETTINGS)
    assert done.code == code, done.err
    assert done.err.startswith(f"Error: {error}")
    first, second = done.err.splitlines()
    assert second.startswith("Hint: ")
    assert hint in second
    assert len(first) < 600


def test_an_installed_plugin_is_named_by_its_distribution(monkeypatch, tmp_path):
    (tmp_path / "odd_package").mkdir()
    (tmp_path / "odd_package/__init__.py").write_text("def fail():\n    return {}['key']\n")
    information = tmp_path / "neurosim_odd-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: neurosim-odd\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[neurosim]\nodd = odd_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    import odd_package

    monkeypatch.delitem(sys.modules, "odd_package")
    with pytest.raises(KeyError) as caught:
        odd_package.fail()
    found = failure_of(caught.value)
    assert found.message == "plugin neurosim-odd has failed: KeyError: 'key' (odd_package/__init__.py, line 2)"
    assert found.code == 2


def test_an_entry_point_that_names_no_module_hides_no_error(monkeypatch, tmp_path):
    information = tmp_path / "neurosim_bad-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: neurosim-bad\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[neurosim]\nbad = not-a module\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert failure_of(KeyError("key")).message == "unexpected KeyError: 'key'"
    assert failure_of(OSError(18, "Invalid cross-device link", "a")).code == 3


def test_what_is_no_fault_of_a_plugin_is_one_of_neurosim():
    assert failure_of(ZeroDivisionError("division by zero")).code == 1
    assert failure_of(RecursionError("deep")).code == 2
    assert failure_of(OSError(12, "Cannot allocate memory")).message == "there is not enough memory"
    two = failure_of(OSError(18, "Invalid cross-device link", "a", None, "b"))
    assert (two.message, two.code) == ("a and b: Invalid cross-device link", 3)


def test_a_message_of_long_lines_is_shortened(neurosim):
    done = neurosim("plot", "x/" * 2000)
    assert done.code == 3
    assert max(map(len, done.err.splitlines())) < 1100


DEEP = Path(*(letter * 180 for letter in "abcdef"))


def suggested(hint, command):
    """The words of a command in a hint, from its name to the two blanks behind it."""
    return shlex.split(hint[hint.index(command) :].partition("  ")[0])


def test_a_command_in_a_hint_is_whole(neurosim):
    folder = DEEP / "a run"
    diverging = ("--set", "optimizer.name=sgd", "--set", "optimizer.lr=1e30", "--no-report")
    done = neurosim("run", "sine", *diverging, "--out", folder)
    assert done.code == 4, done.err
    assert suggested(done.err, "neurosim doctor") == ["neurosim", "doctor", str(folder)]
    assert neurosim(*suggested(done.err, "neurosim doctor")[1:]).code in (0, 4)
    again = neurosim("run", "--resume", folder)
    assert suggested(again.err, "neurosim run") == ["neurosim", "run", "--resume", str(folder), "--force"]


def test_a_command_in_a_note_is_whole(tmp_path):
    error, command = ValueError("odd"), f"neurosim run --resume {tmp_path / DEEP}"
    add_hint(error, f"The last state is kept: {command}  resumes from there.")
    error.add_note("x" * 5000)
    ours, foreign = failure_of(error).hint.splitlines()[-2:]
    assert command in ours
    assert len(foreign) <= 200


def test_names_in_a_hint_are_shortened_and_counted():
    names = [f"column {k:04}" for k in range(5000)]
    message, hint = unknown("column", "x" * 5000, names)
    assert len(message) < 130
    assert hint.startswith("known: column 0000, column 0001, ")
    assert hint.endswith(" more")
    assert len(hint) < 700
    assert int(hint.split()[-2].replace(",", "")) + hint.count("column") == 5000
    assert unknown("column", "q", []) == ('unknown column "q"', "known: none")
    assert len(unknown("column", "y" * 5000, ["y" * 5001])[1]) < 130


def test_a_command_with_very_many_columns_is_left_out(neurosim):
    settings = ("--set", "data.source=csv", "--set", f"data.file={Path('t.csv').absolute()}", "--set", "data.target=y")
    for count, means in ((5, '--set \'data.features=["c0", "c1", "c2", "c3", "c4"]\''), (300, "data.features, in")):
        names = [f"c{k}" for k in range(count)]
        row = ",".join(["1.5"] * count)
        Path("t.csv").write_text(
            ",".join([*names, "word", "y"]) + "".join(f"\n{row},{'no' if k else 0},{k}.5" for k in range(9)) + "\n"
        )
        done = neurosim("run", "sine", "--out", "out", *settings)
        assert done.code == 3, done.err
        assert f"Name those that are:  {means}" in done.err


@pytest.mark.parametrize("words", [["run", ""], ["plot", ""], ["plot", "--activations", "--out", ""]])
def test_an_empty_path_is_a_variable_that_was_not_set(neurosim, words):
    done = neurosim(*words)
    assert done.code in (2, 3)
    assert "empty" in done.err or "not found" in done.err


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("nothing", "nothing: there is no such run folder\nHint: Runs are in"),
        ("empty", "empty is not the folder of a run: it has no scenario.toml\nHint: It holds nothing yet."),
    ],
)
def test_resuming_what_is_no_run(neurosim, folder, words):
    Path("empty").mkdir()
    done = neurosim("run", "--resume", folder)
    assert done.code == 3
    assert done.err.startswith(f"Error: {words}")


def test_so_many_seeds_that_no_machine_could_hold_them(neurosim):
    assert neurosim("run", "xor", "--seeds", 10**12).code == 2


@pytest.mark.skipif(sys.platform != "linux", reason="other systems want names to be text")
def test_a_name_that_is_no_text(neurosim):
    folder = os.fsdecode(b"no-\xff")
    Path(folder).mkdir()
    Path(folder, "odd.py").write_text(DATASET.format(body="return 1 / 0"))
    assert "ZeroDivisionError" in neurosim("run", "xor", "--plugin", Path(folder, "odd.py"), *SETTINGS).err
    Path(folder, "rows.csv").write_text("a,b\n" + "".join(f"{k},{k % 2}\n" for k in range(9)))
    data = f'data={{ source = "csv", file = "{Path(folder).resolve()}/rows.csv", target = "b" }}'
    done = neurosim("run", "sine", "--set", data, "--set", "training.epochs=1", "--out", "run")
    assert done.code == 2
    assert "cannot be written as TOML" in done.err
    assert r"no-\udcff/rows.csv" in done.err
    assert not Path("run/summary.json").exists()
