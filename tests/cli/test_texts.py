"""Texts from anybody, in every place that takes one: shown as text on terminals, in pictures and on pages."""

import contextlib
import io
import json
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import rich

from neurosim.cli import door
from neurosim.cli.application import execute
from neurosim.printable import quoted

# The window's title, a cleared screen, a color that is never used here, a link, a formula that is none, letters that
# turn the direction around, markup and a beginning of a script.
WILD = (
    "\x1b]0;title\x07\x1b[2J\x1b[35m\x1b]8;;http://example.com\x1b\\link\x9b2J \u202e $\\frac{1}$ $\\b{$ \r\b\x7f"
    "[red]</script><script>alert(1)</script> \N{GRINNING FACE} مرحبا"
)
LONG = "x" * 100_000
ODD = "\u200b"
# What a command may send to a terminal besides letters: its colors, and the codes of the line that moves.
OURS = re.compile(r"\x1b\[(?:0|1|2|3[1236]|9[01]|1;3[123]|3[123];1)m|\x1b\[\?25[lh]|\x1b\[2K|\x1b\[1A|\r")
STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
FOLDER = "my run's $x; `y` \x1b[35m"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@dataclass
class Said:
    code: int
    out: str
    err: str


def call(*words):
    """Run a command on a terminal; gives what it showed without the codes of neurosim's own."""
    out, err = Terminal(), Terminal()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.MonkeyPatch.context() as patch:
        patch.setattr(rich, "_console", None)
        code = execute([str(word) for word in words])
    said = Said(code, *(OURS.sub(lambda code: "\n" * (code[0] == "\r"), text.getvalue()) for text in (out, err)))
    for text in (said.out, said.err):
        found = STEERING.search(text)
        assert found is None, f"{words}: {text[max(found.start() - 60, 0) : found.end() + 60]!r}"
        assert "--json" in words or max(map(len, text.splitlines()), default=0) < 3000
    assert "bug in neurosim" not in said.err, said.err
    return said


def toml(text):
    """A text as TOML writes it, every letter by its number where that may matter."""
    return '"' + "".join(c if c.isascii() and c.isalnum() else f"\\U{ord(c):08x}" for c in text) + '"'


def scenario(folder, text, **more):
    """A scenario, its data and a plugin, with a text in every place that takes one."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"da ta{text[:40].replace('/', '')}.csv".replace("\0", "")
    rng = np.random.default_rng(0)
    column = text.replace("\r", "").replace("\n", "") + " "
    field = '"' + column.replace('"', '""')
    rows = [f'{a:.3f},{b:.3f},{field}{k}"' for k, (a, b) in zip([0, 1, 2] * 8, rng.random((24, 2)), strict=True)]
    header = ",".join(f'{field}{k}"' for k in "abc")
    (folder / name).write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    data = {"source": "csv", "file": name, "target": f"{column}c".strip()}
    changes = "\n".join(f"{key} = {toml(value)}" for key, value in {"task": "classification", **data}.items())
    words = toml(text)
    (folder / "s.toml").write_text(
        f"""[scenario]
name = "texts"
title = {words}
lesson = {words}
[data]
{changes}
validation_fraction = 0.25
[network]
loss = "categorical_cross_entropy"
[[network.layers]]
kind = "dense"
units = 3
activation = "tanh"
[[network.layers]]
kind = "dense"
units = 3
activation = "softmax"
[optimizer]
name = "adam"
lr = 0.05
[training]
epochs = 2
[plots]
against = {toml(text[:60])}
{more.get("variants", "")}""",
        encoding="utf-8",
    )
    plugin = folder / "plugin.py"
    plugin.write_text(
        "from neurosim import Activation, hookimpl\n"
        "def f(z):\n    return z\n"
        "def df(z, a):\n    return 1.0\n"
        "@hookimpl\n"
        "def neurosim_activations():\n"
        f"    return [Activation('straight', f, df, source={text!r})]\n",
        encoding="utf-8",
    )
    broken = folder / f"bro ken{text[:40].replace('/', '')}.py"
    broken.write_text(f"raise RuntimeError({text!r})\n", encoding="utf-8")
    return folder / "s.toml"


KINDS = {"wild": WILD, "long": LONG, "odd": ODD}


@pytest.fixture(
    scope="module", params=["wild", *(pytest.param(kind, marks=pytest.mark.ci) for kind in ("long", "odd"))]
)
def there(request, tmp_path_factory):
    """A folder with such a scenario, its run in two folders, and the text."""
    text = KINDS[request.param]
    folder = tmp_path_factory.mktemp("texts") / FOLDER
    path = scenario(folder, text)
    said = call("run", path, "--backend", "reference", "--out", folder / "run")
    assert said.code == 0, said.err
    assert "No picture" not in said.err
    shutil.copytree(folder / "run", folder / "other run")
    return folder


def test_pictures_and_the_page_of_a_run(there):
    run = there / "run"
    for name in ("unit_maps", "network_diagram", "hidden_space", "worst_mistakes", "confusion_matrix"):
        said = call("plot", run, "--only", name)
        assert said.code == 0, said.err
        assert "Glyph" not in said.err
        assert (run / f"{name}.png").stat().st_size < 2_000_000
    assert call("report", run).code == 0
    page = (run / "report.html").read_text(encoding="utf-8")
    assert STEERING.search(page) is None
    assert "<script>alert" not in page
    assert page.count("</script>") == 2


def test_commands_that_read_a_run(there):
    run = there / "run"
    data = next(there.glob("*.csv"))
    assert call("compare", run, there / "other run", "--out", there / "compared").code == 0
    assert call("report", run, there / "other run", "--out", there / "compared").code == 0
    assert call("doctor", run, "--no-trials").code == 0
    assert call("predict", run, "--data", data, "--backend", "reference").code == 0
    json.loads(call("predict", run, "--data", data, "--backend", "reference", "--json").out)


def test_commands_that_read_a_scenario(there):
    path = there / "s.toml"
    assert call("info", path).code == 0
    for kind in ("text", "markdown", "html"):
        assert call("explain", path, "--format", kind).code == 0
    out = there / "sheet.md"
    assert call("explain", path, "--format", "markdown", "--out", out).code == 0
    assert STEERING.search(out.read_text(encoding="utf-8")) is None
    for setting in ('data.target="\x1b[2J"', "network.loss=\x1b[2J", "\x1b[2J=1"):
        assert call("run", path, "--set", setting).code == 2
    assert call("run", there / "\x1b[2J.toml").code == 3
    assert call("run", path, "--\x1b[2J").code == 2


def test_what_plugins_say(there):
    broken = next(there.glob("bro ken*.py"))
    for command in (["list", "activations"], ["plugins"], ["plugins", "check", "straight"]):
        assert call(*command, "--plugin", there / "plugin.py").code == 0
    assert call("plugins", "--plugins-dir", there).code in (0, 2)
    assert call("run", "xor", "--plugin", broken).code == 2


@pytest.mark.ci
@pytest.mark.parametrize("kind", ["wild", "long"])
def test_studies(kind, tmp_path):
    variants = "\n".join(f'[[variants]]\nname = "{name}"\nvalue = {k}\ngroup = "_g"\n' for k, name in enumerate("ab"))
    path = scenario(tmp_path / FOLDER, KINDS[kind], variants=variants)
    said = call("run", path, "--backend", "reference", "--out", tmp_path / "study")
    assert said.code == 0, said.err
    assert "No picture" not in said.err
    assert call("run", path, "--seeds", "3", "--variant", "a", "--out", tmp_path / "seeds").code == 0
    for command in (["plot"], ["report"], ["doctor", "--no-trials"], ["compare"]):
        assert call(*command, tmp_path / "study").code == 0


@pytest.mark.slow
def test_two_thousand_classes(tmp_path):
    count = 2000
    rng = np.random.default_rng(0)
    rows = [f"{a:.3f},{b:.3f},class number {k % count}" for k, (a, b) in enumerate(rng.random((2 * count, 2)))]
    path = scenario(tmp_path, "many")
    changes = [
        f"data.file={tmp_path / 'many.csv'}",
        "data.target=c",
        f"network.layers.1.units={count}",
        "training.batch_size=500",
    ]
    settings = [word for change in changes for word in ("--set", change)]
    (tmp_path / "many.csv").write_text("\n".join(["a,b,c", *rows]) + "\n")
    run = tmp_path / "run"
    said = call("run", path, "--out", run, *settings)
    assert said.code == 0, said.err
    assert "No picture" not in said.err
    for command in (["plot"], ["report"], ["doctor", "--no-trials"], ["predict", "--data", tmp_path / "many.csv"]):
        said = call(command[0], run, *command[1:])
        assert said.code == 0, said.err
        assert len(said.out.splitlines()) < 100
    for picture in run.glob("*.png"):
        assert picture.stat().st_size < 1_000_000, picture


def suggested(text):
    """The commands that a text suggests, as a shell takes them apart."""
    found = [
        match[0]
        for match in re.finditer(r"neurosim (?:run|doctor|plot|report|compare|predict) .*?(?=  |$)", text, re.M)
    ]
    assert found, text
    return [shlex.split(command.rstrip(".")) for command in found]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("place") / 'my run\'s $x; "q" `y`'


def test_paths_in_hints_are_one_word(place):
    run = place / "a run"
    few = ["--set", "training.epochs=2", "--set", "expect={}", "--backend", "reference", "--no-report"]
    # A finished run, run again into its folder, and one that has diverged.
    assert call("run", "xor", "--out", run, *few, "--quiet").code == 0
    assert call("run", "--resume", run).code == 0
    words = suggested(call("run", "--resume", run).err)
    assert ["neurosim", "plot", str(run)] in [word[:3] for word in words]
    wild = place / "wild"
    huge = ["--set", "optimizer.name=sgd", "--set", "optimizer.lr=1e38"]
    said = call("run", "xor", "--out", wild, *few, "--set", "network.layers.0.activation=relu", *huge)
    assert said.code == 4
    words = suggested(said.err)
    assert ["neurosim", "doctor", str(wild)] in [word[:3] for word in words]
    assert ["neurosim", "run", "--resume", str(wild), "--force"] in [word[:5] for word in words]
    said = call("plot", wild)
    assert said.code == 3
    assert suggested(said.err)[0][:3] == ["neurosim", "doctor", str(wild)]
    said = call("doctor", wild, "--no-trials")
    for command in suggested(said.out):
        assert str(wild / "scenario.toml") in command
    # What is interrupted, and what is no run.
    (run / "summary.json").unlink()
    said = call("plot", run)
    assert said.code == 3
    assert suggested(said.err)[0][:4] == ["neurosim", "run", "--resume", str(run)]
    said = call("run", "xor", "--out", run, *few)
    assert said.code == 3
    assert suggested(said.err)[0][:4] == ["neurosim", "run", "--resume", str(run)]
    own = place / "my own.toml"
    assert call("copy", "xor", own).code == 0
    assert suggested(call("copy", "and", place / "my and.toml").out)[0] == [
        "neurosim",
        "run",
        str(place / "my and.toml"),
    ]
    assert ["neurosim", "run", str(own)] in [word[:3] for word in suggested(call("plot", own).err)]


BASH = shutil.which("bash")


@pytest.mark.skipif(BASH is None, reason="no bash here")
@pytest.mark.parametrize(
    "name", ["a b", "it's", '"$HOME"; `x`', "~", "-x", "\x1b[2J", "two\nlines", "\udcff", "é", "*"]
)
def test_a_shell_takes_a_quoted_path_for_one_word(name):
    typed = quoted(Path(name))
    assert STEERING.search(typed) is None
    done = subprocess.run([BASH, "-c", b"printf '<%s>' " + typed.encode()], capture_output=True, check=True)
    got = done.stdout.decode(errors="surrogateescape")
    assert got in (f"<{name}>", f"<./{name}>")


def test_nothing_goes_past_the_door():
    past = re.compile(r"click\.(secho|style)\(|sys\.std(out|err)\.write\(|(?<![\w.])print\(")
    folder = Path(door.__file__).parent
    found = {path.name for path in folder.glob("*.py") if past.search(path.read_text(encoding="utf-8"))}
    assert found == {"__init__.py"}  # a message of its own, when there is no door any more


def test_only_what_was_colored_here_has_codes_and_only_on_a_terminal():
    screen, pipe = Terminal(), io.StringIO()
    for stream in (screen, pipe):
        with contextlib.redirect_stdout(stream), door.doors():
            door.echo("red \x1b[1mnot bold", fg="red")
    assert screen.getvalue() == "\x1b[31mred \\x1b[1mnot bold\x1b[0m\n"
    assert "\x1b" not in pipe.getvalue()
    with contextlib.redirect_stdout(screen):
        assert door.style("plain", fg="red") == "plain"
