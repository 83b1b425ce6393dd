"""What a shell offers at TAB, through click's own interface, and as bash gets it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from neurosim.cli.application import COMMANDS, application
from neurosim.scenario import architectures, shipped
from neurosim.scenario.course import lessons

VARIABLE = "_NEUROSIM_COMPLETE"


def offered(line):
    """Words that are offered for the last word of a line, by their type."""
    *before, incomplete = line.split(" ")
    found = ShellComplete(application, {}, "neurosim", VARIABLE).get_completions(before, incomplete)
    return {item.value: item for item in found}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with two runs, a scenario of one's own and a plugin."""
    monkeypatch.chdir(tmp_path)
    for age, name in enumerate(("xor-1", "spirals-2")):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        shutil.copy(shipped()[name[:-2]], folder / "scenario.toml")
        os.utime(folder / "scenario.toml", (1_000 + age, 1_000 + age))
    (tmp_path / "mine.toml").write_text('[training]\nepochs = 7\n[[network.layers]]\nkind = "dense"\nunits = 9\n')
    (tmp_path / "my.py").write_text("")
    return tmp_path


def test_commands_and_options():
    assert list(offered("")) == list(COMMANDS)
    assert list(offered("re")) == ["report", "replay"]
    assert offered("re")["report"].help == COMMANDS["report"]
    assert {"--set", "--seed", "--resume"} <= offered("run xor --").keys()
    assert list(offered("run xor --backend ")) == ["cpu", "reference", "cuda"]
    assert list(offered("plugins ")) == ["check", "new"]


@pytest.mark.parametrize("command", ["run", "explain", "info"])
def test_scenarios_and_their_files(place, command):
    words = list(offered(f"{command} "))
    assert words[: len(lessons())] == list(lessons())
    assert set(words) - set(lessons()) == {*architectures(), "mine.toml", "runs/", "last"}
    assert list(offered(f"{command} xo")) == ["xor-perceptron", "xor", "xor-two-units"]
    assert list(offered(f"{command} mi")) == ["mine.toml"]
    assert list(offered("run xor mi")) == ["mine.toml"]
    assert list(offered("copy moo")) == ["moons"]


@pytest.mark.parametrize(
    "command", ["plot", "report", "doctor", "replay", "predict", "compare", "plot last", "run --resume"]
)
def test_runs_the_newest_first(place, command):
    assert list(offered(f"{command} ")) == ["last", "runs/spirals-2", "runs/xor-1"]
    assert list(offered(f"{command} runs/x")) == ["runs/xor-1"]
    assert list(offered(f"{command} la")) == ["last"]


def test_onnx_files(place):
    (place / "network.onnx").write_bytes(b"")
    assert list(offered("import ")) == ["network.onnx", "runs/"]
    assert list(offered("import network.onnx --o")) == ["--out"]
    assert list(offered("export last --to o")) == ["onnx"]


def test_keys_of_the_scenario_that_is_given(place):
    keys = offered("run mine.toml --set ")
    assert {"training.epochs=", "network.layers.0.units="} == {key for key in keys if not key.endswith(".kind=")}
    assert keys["training.epochs="].help.startswith("now 7. ")
    assert keys["training.epochs="].type == "open"
    # Behind the dot those, too, that it does not have yet.
    assert {"training.epochs=", "training.clip_norm=", "training.early_stopping.patience="} <= offered(
        "run mine.toml --set training."
    ).keys()
    assert {"optimizer.lr=", "optimizer.beta1="} <= offered("run xor --set optimizer.").keys()
    assert "data.noise=" in offered("run moons --set data.")
    assert list(offered("run xor --set lr")) == ["optimizer.lr="]
    assert list(offered("explain moons --set network.layers.0.u")) == ["network.layers.0.units="]
    assert list(offered("info resnet18 --set network.layers.5.shortcut.0.ch")) == [
        "network.layers.5.shortcut.0.channels="
    ]
    assert "now 7" in offered("info mine.toml --set training.ep")["training.epochs="].help
    assert "training.epochs=" in offered("replay runs/xor-1 --from 1 --set tr")
    assert "training.epochs=" in offered("run xor --seed 3 --set=tr")


def test_names_that_a_key_can_be(place):
    assert list(offered("run xor --set optimizer.name=ada")) == [
        "optimizer.name=adafactor", "optimizer.name=adagrad", "optimizer.name=adam", "optimizer.name=adamw",
    ]  # fmt: skip
    assert list(offered("run xor --set network.layers.0.activation=rel")) == ["network.layers.0.activation=relu"]
    assert list(offered("run xor --set training.shuffle=")) == ["training.shuffle=true", "training.shuffle=false"]
    assert list(offered("run mine.toml --set training.epochs=")) == ["training.epochs=7"]


def test_other_names(place):
    assert "scenarios" in offered("list ")
    assert list(offered("data fetch ")) == ["mnist", "fashion_mnist", "cifar10"]
    assert list(offered("plot last --only decision")) == ["decision_boundary"]
    assert "residual-50" in offered("run depth --variant ")
    assert list(offered("run xor --log t")) == ["tensorboard"]
    assert "relu" in offered("plugins check r")
    assert "my.py" in offered("plugins check m")
    assert "epoch" in offered("glossary ep")


def test_what_cannot_be_read_offers_nothing_and_says_nothing(place, capsys):
    (place / "broken.toml").write_text("[[[")
    (place / "runs/xor-1/scenario.toml").write_bytes(b"\xff")
    for line in ("run broken.toml --set tr", "run nothing/ --set tr", "plot nothing/", "run nothing --variant ",
                 "replay runs/xor-1 --set tr", "run last --set tr", "plot last --only d"):  # fmt: skip
        offered(line)
    assert capsys.readouterr() == ("", "")


def test_completion_loads_neither_the_engine_nor_matplotlib(place):
    script = (
        "import sys\n"
        "from click.shell_completion import ShellComplete\n"
        "from neurosim.cli.application import application\n"
        "shell = ShellComplete(application, {}, 'neurosim', '_NEUROSIM_COMPLETE')\n"
        "def loaded():\n    return {name.partition('.')[0] for name in sys.modules}\n"
        "for line in ('', 'run ', 'plot ', 'run xor --set tr'):\n"
        "    *before, word = line.split(' ')\n    assert shell.get_completions(before, word)\n"
        "assert not loaded() & {'numpy', 'pydantic', 'numba'}, loaded()\n"
        "for line in ('run xor --set optimizer.', 'plot last --only ', 'plugins check r', 'data fetch '):\n"
        "    *before, word = line.split(' ')\n    assert shell.get_completions(before, word)\n"
        "assert not loaded() & {'numba', 'llvmlite', 'matplotlib', 'scipy'}, loaded()\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def neurosim_command(folder):
    """The command as a file, so that a shell finds it."""
    file = folder / "bin" / "neurosim"
    file.parent.mkdir()
    file.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m neurosim "$@"\n')
    file.chmod(0o755)
    return {**os.environ, "PATH": f"{file.parent}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_gets_what_stands_behind_its_cut(place):
    lines = ["neurosim pl", "neurosim run xor --set optimizer.name=ada", "neurosim run xor --set=training.ep"]
    script = 'eval "$(_NEUROSIM_COMPLETE=bash_source neurosim)"\n' + "".join(
        f"COMP_LINE='{line}' COMP_POINT={len(line)} COMPREPLY=()\n"
        '_neurosim_completion neurosim 2>/dev/null; echo "${COMPREPLY[@]}"\n'
        for line in lines
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script], capture_output=True, text=True, check=True, env=neurosim_command(place)
    )
    assert done.stdout.splitlines() == ["play plot plugins", "adafactor adagrad adam adamw", "training.epochs="]


@pytest.mark.parametrize(
    ("shell", "words"),
    [
        ("bash", "complete -o nosort -F"),
        ("zsh", "compdef _neurosim_completion neurosim"),
        ("fish", "complete --no-files"),
    ],
)
def test_every_shell_has_a_script(neurosim, monkeypatch, shell, words):
    monkeypatch.setenv(VARIABLE, f"{shell}_source")
    done = neurosim()
    assert done.code == 0
    assert words in done.out


@pytest.mark.parametrize(("shell", "word"), [("zsh", "--set=optimizer.name=sg"), ("fish", "--set=optimizer.name=sg")])
def test_zsh_and_fish_get_the_whole_word(neurosim, monkeypatch, shell, word):
    monkeypatch.setenv(VARIABLE, f"{shell}_complete")
    monkeypatch.setenv("COMP_WORDS", f"neurosim run xor {word}")
    monkeypatch.setenv("COMP_CWORD", "3" if shell == "zsh" else word)
    assert "--set=optimizer.name=sgd" in neurosim().out


def test_another_shell_is_told(neurosim, monkeypatch):
    monkeypatch.setenv(VARIABLE, "tcsh_source")
    done = neurosim()
    assert done.code == 1
    assert "bash_source, zsh_source, fish_source" in done.err


def test_the_readme_has_the_line_of_each_shell():
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    for shell in ("bash", "zsh", "fish"):
        assert f"{VARIABLE}={shell}_source neurosim" in readme
