"""``neurosim plugins`` and ``neurosim plugins check``."""

import json
import re
import subprocess
import sys

import pytest
from matplotlib.image import imread

from neurosim.cli.application import execute

TOP = "import math\nimport numpy as np\nfrom neurosim import Activation, Schedule, hookimpl\n\n"
HOOK = "\n\n@hookimpl\ndef neurosim_activations():\n    return [{records}]\n"
GOOD = TOP + "def bend(z, beta):\n    return z / (1.0 + beta * abs(z))\n"
GOOD += HOOK.format(records='Activation("bend", bend, params={"beta": 1.0})')
WRONG = TOP + "def wrong(z):\n    return z * z\n\ndef slope(z, a):\n    return z\n"
WRONG += HOOK.format(records='Activation("wrong", wrong, slope)')
REFUSED = TOP + "def wave(z):\n    return np.sin(z)\n" + HOOK.format(records='Activation("wave", wave)')
BROKEN = "def f(z)\n    return z\n"


@pytest.fixture
def neurosim(tmp_path, monkeypatch, capsys):
    """Call with the words of a command line, in a folder with plugins; gives exit status and both outputs."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, text in {"good": GOOD, "wrong": WRONG, "refused": REFUSED, "broken": BROKEN}.items():
        (folder / f"{name}.py").write_text(text)

    def call(*words):
        capsys.readouterr()
        code = execute(["plugins", *map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


# Listing ----------------------------------------------------------------------------------------------------


def test_without_plugins_the_built_ins_are_summed_up(neurosim):
    code, out, err = neurosim()
    assert (code, err) == (0, "")
    assert "ok      builtin" in out
    assert re.search(r"\d+ activations, .*\d+ losses, \d+ optimizers", " ".join(out.split()))
    assert "neurosim plugins new NAME" in out


def test_health_of_each_plugin(neurosim):
    code, out, err = neurosim("--plugins-dir", "mine")
    assert (code, err) == (0, "")
    words = " ".join(out.split())
    assert "ok good activation bend from mine/good.py" in words
    assert "broken broken provides nothing from mine/broken.py SyntaxError: expected ':' (line 1)" in words
    assert "fault refused activation wave from mine/refused.py" in words
    assert "activation wave: mine/refused.py:6: in wave: np.sin cannot be compiled; instead: math.sin(z)" in words
    # A wrong derivative is a matter of checking.
    assert "ok wrong activation wrong" in words
    assert all(len(line) <= 80 for line in out.splitlines())


def test_files_that_are_broken_or_missing_are_listed_too(neurosim):
    code, out, _ = neurosim("--plugin", "mine/broken.py", "--plugin", "mine/good.py", "--plugin", "none.py")
    assert code == 0
    assert "SyntaxError: expected ':' (line 1)" in out
    assert "there is no such file" in out


def test_a_file_that_is_named_twice_is_listed_once(neurosim):
    _, out, _ = neurosim("--json", "--plugins-dir", "mine", "--plugin", "mine/../mine/good.py")
    names = [plugin["name"] for plugin in json.loads(out)["plugins"]]
    assert sorted(names) == ["broken", "builtin", "good", "refused", "wrong"]


def test_listing_as_json(neurosim):
    code, out, _ = neurosim("--plugins-dir", "mine", "--json")
    assert code == 0
    plugins = {plugin["name"]: plugin for plugin in json.loads(out)["plugins"]}
    assert {name: plugin["health"] for name, plugin in plugins.items()} == {
        "builtin": "ok",
        "good": "ok",
        "wrong": "ok",
        "refused": "fault",
        "broken": "broken",
    }
    assert plugins["good"]["records"] == [{"kind": "activation", "name": "bend", "fault": None}]
    assert len(plugins["good"]["sha256"]) == 64
    assert plugins["broken"]["error"] == "SyntaxError: expected ':' (line 1)"
    assert plugins["refused"]["records"][0]["fault"].endswith("np.sin cannot be compiled; instead: math.sin(z)")
    assert len(plugins["builtin"]["records"]) > 40


def test_listing_loads_no_compiler():
    script = "import sys\nfrom neurosim.cli.application import execute\nexecute(['plugins'])\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"numba", "matplotlib", "llvmlite"} & {name.split(".")[0] for name in done.stdout.split()}


# Checking ---------------------------------------------------------------------------------------------------


def test_a_good_plugin(neurosim, tmp_path):
    code, out, err = neurosim("check", "mine/good.py")
    assert (code, err) == (0, "")
    words = " ".join(out.split())
    assert words.startswith("activation bend (good) formula passed f, df: compiled for the CPU")
    assert " derivative passed derived from f: the slope of f at " in words
    for item in ("range", "float32", "reference = cpu"):
        assert f" {item} passed " in words
    assert " speed noted " in words
    assert "The derivative, as neurosim has worked it out: def bend_derivative(z, a, beta):" in words
    assert "0 failed" not in words
    # The derivative is code, and has lines of its own length.
    assert all(len(line) <= 80 for line in out.partition("The derivative,")[0].splitlines())
    assert "\x1b" not in out
    picture = tmp_path / "plugin-check" / "bend.png"
    assert " picture drawn plugin-check/bend.png" in words
    image = imread(picture)
    assert image.shape[1] > 900
    assert image.std() > 0.02, "an empty picture"


def test_a_wrong_derivative(neurosim, tmp_path):
    code, out, _ = neurosim("check", "mine/wrong.py", "--no-picture")
    assert code == 2
    assert "derivative       failed   df as given: wrong at" in out
    assert "1 failed" in out.splitlines()[-1]
    assert not (tmp_path / "plugin-check").exists()


def test_a_formula_that_is_not_compiled(neurosim):
    code, out, _ = neurosim("check", "refused", "--plugins-dir", "mine")
    assert code == 2
    words = " ".join(out.split())
    assert "formula failed mine/refused.py:6: in wave: np.sin cannot be compiled. Instead: math.sin(z)." in words
    assert "float32 skipped the formula cannot be compiled" in words
    assert "picture" not in words


def test_a_broken_file(neurosim):
    for words in (["mine/broken.py"], ["broken", "--plugins-dir", "mine"]):
        code, out, err = neurosim("check", *words)
        assert (code, out) == (2, "")
        assert "plugin broken (mine/broken.py) is broken: SyntaxError: expected ':' (line 1)" in err


def test_records_by_name(neurosim):
    for name in ("bend", "good:bend", "good"):
        code, out, _ = neurosim("check", name, "--plugin", "mine/good.py", "--no-picture")
        assert code == 0
        assert out.startswith("activation bend  (good)")


def test_records_of_one_name_are_all_checked(neurosim):
    """A schedule and an initializer."""
    code, out, _ = neurosim("check", "constant")
    assert code == 0
    assert "initializer constant  (builtin" in out
    assert "schedule constant  (builtin" in out
    assert out.splitlines()[-1] == "4 passed, 3 noted"


def test_options_before_and_after_the_command(neurosim):
    assert neurosim("--plugin", "mine/good.py", "check", "bend", "--no-picture")[0] == 0
    _, out, _ = neurosim("--json", "check", "cosine")
    assert json.loads(out)["passed"]


ROWS = """
import numpy as np
from neurosim import Dataset, Table, hookimpl

def load(request, file):
    rows = np.loadtxt(request.file(file), delimiter=",", dtype=np.float32)
    return Table(rows, np.arange(len(rows)) % 2, classes=("a", "b"))

@hookimpl
def neurosim_datasets():
    return [Dataset("rows", load, options={"file": None})]
"""


def test_a_data_set_with_required_options(neurosim, tmp_path):
    (tmp_path / "mine" / "rows.py").write_text(ROWS)
    (tmp_path / "my.csv").write_text("1,2\n3,4\n")
    code, out, _ = neurosim("check", "mine/rows.py")
    assert code == 0
    assert out.splitlines()[-1].endswith("neurosim plugins check mine/rows.py --set data.file=VALUE")
    code, out, _ = neurosim("check", "mine/rows.py", "--set", "data.file=my.csv")
    assert code == 0
    assert "load         passed   2 rows, 2 classes" in out
    code, _, err = neurosim("check", "mine/rows.py", "--set", "training.epochs=3")
    assert code == 2
    assert "only options of data sets can be set" in err


def test_checks_as_json(neurosim, tmp_path):
    code, out, err = neurosim("check", "mine/good.py", "--json", "--out", tmp_path / "pictures")
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert report["passed"]
    assert report["counts"]["failed"] == 0
    (record,) = report["records"]
    assert (record["plugin"], record["kind"], record["name"]) == ("good", "activation", "bend")
    assert [entry["item"] for entry in record["verdicts"]][:3] == ["formula", "derivative", "range"]
    assert set(record["verdicts"][0]) == {"item", "outcome", "detail"}
    assert record["derived"].startswith("def bend_derivative(z, a, beta):")
    assert record["picture"] == str(tmp_path / "pictures" / "bend.png")


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (["check"], 2, "which plugin? Try: neurosim plugins check my.py"),
        (["check", "softmx"], 2, 'did you mean "softmax"?'),
        (["check", "nothing-like-it"], 2, "lists the plugins"),
        (["check", "none.py"], 3, "plugin file not found: none.py"),
        (["check", "./mine"], 2, "pip install -e ./mine"),
        (["chek"], 2, 'did you mean "check"?'),
        (["mine/good.py"], 2, "neurosim plugins check mine/good.py"),
    ],
)
def test_what_cannot_be_checked(neurosim, words, code, hint):
    found, out, err = neurosim(*words)
    assert (found, out) == (code, "")
    assert hint in err


def test_an_unknown_name_may_come_from_a_broken_plugin(neurosim):
    _, _, err = neurosim("check", "bendy", "--plugin", "mine/broken.py")
    assert "It may come from the plugin broken" in err
