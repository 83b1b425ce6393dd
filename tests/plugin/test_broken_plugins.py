"""A plugin that does not work: its cause in one line with the line number, and who is hurt by it."""

import json
import types
import warnings

import pytest

from neurosim import build_registry, hookimpl
from neurosim.cli.application import execute
from neurosim.errors import DataError, PluginError, UsageError
from neurosim.plugin import Activation
from neurosim.plugin.host import Registry

TOP = "from neurosim import Activation, Loss, hookimpl\ndef f(z):\n    return z\ndef df(z, a):\n    return 1.0\n"
NOTHING = (
    "provides nothing: it needs a function such as neurosim_activations() that returns a list of records, "
    "with @hookimpl in the line above it"
)
HOOK = "@hookimpl\ndef neurosim_activations():\n    "
GOOD = TOP + HOOK + "return [Activation('good', f, df)]\n"


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Call with the words of a command line; gives exit status and both outputs."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        capsys.readouterr()
        code = execute([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def broken_with(path):
    """The cause, as it is listed for a file in a folder."""
    registry = build_registry(plugin_folders=[path.parent])
    (plugin,) = registry.plugins
    assert registry.broken() == [plugin]
    assert plugin.name == path.stem
    assert plugin.origin == str(path)
    assert plugin.error.isprintable()
    assert len(plugin.error) < 300
    assert registry.activations.names() == build_registry().activations.names()
    return plugin.error


# Causes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (
            "import math\n\nimport nothing_of_this_name\n",
            "ModuleNotFoundError: No module named 'nothing_of_this_name'; install it, or do without it (line 3)",
        ),
        ("from math import nothing\n", "ImportError: cannot import name 'nothing' from 'math'"),
        ("x = 1\nif x\n    pass\n", "SyntaxError: expected ':' (line 2)"),
        ("x = 1\n  y = 2\n", "IndentationError: unexpected indent (line 2)"),
        ("def inner():\n    return 1 / 0\n\ninner()\n", "ZeroDivisionError: division by zero (line 2)"),
        ("import json\n\njson.loads('x')\n", "JSONDecodeError: Expecting value: line 1 column 1 (char 0) (line 3)"),
        (
            "raise SystemExit('stop')\n",
            "SystemExit: stop; nothing in a plugin may end the program (line 1)",
        ),
        ("import sys\nsys.exit()\n", "SystemExit; nothing in a plugin may end the program (line 2)"),
        ("class Odd(BaseException):\n    pass\nraise Odd('x')\n", "Odd: x (line 3)"),
        ("class Odd(Exception):\n    def __str__(self):\n        return 1 / 0\nraise Odd\n", "Odd (line 4)"),
        ("raise ValueError('\\n\\n\\x1b[31mred\\nand more')\n", "ValueError: \\x1b[31mred (line 1)"),
        ("", NOTHING),
        (TOP, NOTHING),
        (
            TOP + "@hookimpl\n\n# a note\n@hookimpl\ndef neurosim_activation():\n    return []\n",
            "unknown hook 'neurosim_activation'; did you mean \"neurosim_activations\"? (line 10)",
        ),
        (
            TOP + "@hookimpl\ndef wrong():\n    return []\n",
            "@hookimpl marks wrong, which is no hook: it belongs above a function such as neurosim_activations() "
            "that returns a list of records (line 7)",
        ),
        (
            TOP + "def neurosim_losses():\n    return []\n",
            "neurosim_losses is not marked with @hookimpl: write that in the line above it (line 6)",
        ),
        (
            GOOD + "def neurosim_losses():\n    return []\n",
            "neurosim_losses is not marked with @hookimpl: write that in the line above it (line 9)",
        ),
        (
            TOP + "def neurosim_loss():\n    return []\n",
            'neurosim_loss is no hook and not marked with @hookimpl; did you mean "neurosim_losses"? (line 6)',
        ),
        (
            TOP + "@hookimpl\ndef neurosim_losses():\n    return [Activation('x', f, df)]\n",
            "neurosim_losses must return Loss records, not Activation; return it from neurosim_activations (line 7)",
        ),
        (
            TOP + HOOK + "return [1]\n",
            "neurosim_activations must return Activation or RowActivation records, not int (line 7)",
        ),
        (
            TOP + HOOK + "return [Activation]\n",
            "not the class Activation: write Activation(...) (line 7)",
        ),
        (
            TOP + HOOK + "[]\n",
            "neurosim_activations must return a list of records, not None: a return is missing (line 7)",
        ),
        (TOP + HOOK + "return Activation('x', f, df)\n", "not one Activation: put it in [ ] (line 7)"),
        (
            TOP + HOOK + "return 'x'\n",
            "neurosim_activations must return a list of records, not str: put records in [ ] (line 7)",
        ),
        (
            TOP + HOOK + "yield Activation('x', f, df)\n",
            "not a generator: write return [...] in place of yield (line 7)",
        ),
        (TOP + HOOK.replace("def", "async def") + "return []\n", "not a coroutine: leave out async (line 7)"),
        (
            TOP + HOOK.replace("()", "(config)") + "return []\n",
            "neurosim_activations takes no arguments, not (config) (line 7)",
        ),
        (
            TOP + HOOK.replace("hookimpl", "hookimpl(wrapper=True)") + "yield\n",
            "neurosim_activations must be a plain hook that returns a list, not a wrapper (line 7)",
        ),
        (TOP + HOOK + "return 1 / 0\n", "ZeroDivisionError: division by zero (line 8)"),
        (
            TOP + HOOK + "return [Activation('x', f, df)] * 2\n",
            "neurosim_activations gives activation 'x' twice: call one of them something else (line 7)",
        ),
        (
            TOP
            + "def make():\n    return Activation(\n        'x', f, df,\n        params={'beta': 1.0},\n    )\n"
            + HOOK
            + "return [make()]\n",
            "activation 'x': f takes (z), expected (z, beta); write def f(z, beta) (line 7)",
        ),
        ("# coding: nothing-like-this\n", "SyntaxError: unknown encoding: nothing-like-this (line 1)"),
    ],
)
def test_cause(tmp_path, content, cause):
    path = tmp_path / "mine.py"
    path.write_text(content)
    found = broken_with(path)
    assert found.endswith(cause) if cause.endswith(")") else found.startswith(cause)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"x = 1\n\ny = '\xff'\n", "SyntaxError: byte 0xff is not text in UTF-8 (line 3)"),
        (b"# one\n# \xff\n", "SyntaxError: invalid or missing encoding declaration (line 2)"),
        (b"x = 1\n\0\n", "SyntaxError: null byte in the text (line 2)"),
    ],
)
def test_what_is_no_text(tmp_path, content, cause):
    path = tmp_path / "mine.py"
    path.write_bytes(content)
    assert broken_with(path) == cause


def test_a_folder_called_like_a_file(tmp_path):
    (tmp_path / "mine.py").mkdir()
    assert broken_with(tmp_path / "mine.py") == "is a folder"


def test_a_link_to_nowhere(tmp_path):
    (tmp_path / "mine.py").symlink_to(tmp_path / "nowhere")
    assert broken_with(tmp_path / "mine.py") == "there is no such file"


def test_the_name_of_the_builtins_is_taken(tmp_path):
    (tmp_path / "builtin.py").write_text(GOOD)
    assert broken_with(tmp_path / "builtin.py") == 'a plugin cannot be called "builtin"; rename it'


@pytest.mark.parametrize(
    "line", ["import beside", "from beside import x", "import inside.part", "from . import beside"]
)
def test_a_plugin_file_has_no_neighbors(tmp_path, line):
    plugins = tmp_path / "plugins"
    (plugins / "inside").mkdir(parents=True)
    (plugins / "mine.py").write_text(f"import math\n{line}\n")
    (plugins / "_beside.py").write_text("")
    (plugins / "beside.py").write_text(GOOD)
    registry = build_registry(plugin_folders=[plugins])
    assert registry.activations.get("good")
    (plugin,) = registry.broken()
    assert plugin.name == "mine"
    assert plugin.error.startswith("a plugin file cannot import its neighbors (")
    assert plugin.error.endswith("); make a package of several files: neurosim plugins new NAME (line 2)")


def test_an_interruption_is_no_fault_of_the_plugin(tmp_path):
    (tmp_path / "mine.py").write_text("raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        build_registry(plugin_folders=[tmp_path])


def test_nothing_of_a_broken_plugin_is_kept(tmp_path):
    (tmp_path / "mine.py").write_text(GOOD + "@hookimpl\ndef neurosim_losses():\n    return None\n")
    registry = build_registry(plugin_folders=[tmp_path])
    assert len(registry.broken()) == 1
    assert "good" not in registry.activations.names()


def test_a_warning_breaks_nothing(tmp_path):
    (tmp_path / "mine.py").write_text("import warnings\nwarnings.warn('old')\nx = '\\d'\n" + GOOD)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        registry = build_registry([tmp_path / "mine.py"])
    assert registry.activations.get("good")
    assert "old" in [str(warning.message) for warning in seen]


def test_encodings_that_python_reads_are_read(tmp_path):
    (tmp_path / "one.py").write_bytes(b"# coding: latin-1\nx = '\xff'\nassert x == chr(255)\n" + GOOD.encode())
    (tmp_path / "two.py").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("'good'", "'other'").encode())
    registry = build_registry(plugin_folders=[tmp_path])
    assert registry.broken() == []
    assert {"good", "other"} <= set(registry.activations.names())


# Objects registered by hand ---------------------------------------------------------------------------------


def test_register_raises_and_keeps_nothing():
    registry = Registry()
    with pytest.raises(PluginError, match="plugin empty is broken: provides nothing: it needs a function"):
        registry.register(types.ModuleType("empty"))
    assert registry.plugins == []


def test_register_names_the_line_in_the_class():
    class Mine:
        @hookimpl
        def neurosim_losses(self):
            return [Activation("x", lambda z: z, lambda z, a: 1.0)]

    with pytest.raises(PluginError, match=r"^plugin mine is broken: .*, not Activation; .*line \d+"):
        Registry().register(Mine(), "mine")


# Who is hurt ------------------------------------------------------------------------------------------------


def test_an_explicit_file_must_work(command, tmp_path):
    (tmp_path / "mine.py").write_text("x = 1\nif x\n")
    code, out, err = command("run", "xor", "--plugin", "mine.py")
    assert (code, out) == (2, "")
    assert err == "Error: plugin mine.py is broken: SyntaxError: expected ':' (line 2)\n"
    # By whatever other ways it is found too.
    assert command("list", "--plugins-dir", ".", "--plugin", "mine.py")[0] == 2


def test_explicit_files_must_be_files(command, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "mine.txt").write_text(GOOD)
    assert command("run", "xor", "--plugin", "none.py")[0] == 3
    code, _, err = command("run", "xor", "--plugin", "folder")
    assert code == 2
    assert "--plugins-dir folder" in err
    code, _, err = command("run", "xor", "--plugin", "mine.txt")
    assert code == 2
    assert "must end in .py" in err
    with pytest.raises(DataError):
        build_registry(["none.py"])
    with pytest.raises(UsageError):
        build_registry(["folder"])


def test_a_folder_must_be_there(command, tmp_path):
    (tmp_path / "file.py").write_text(GOOD)
    for name, words in (("none", "No such file"), ("file.py", "Not a directory")):
        code, _, err = command("run", "xor", "--plugins-dir", name)
        assert code == 3
        assert f"cannot read plugin folder {name}: {words}" in err


@pytest.fixture
def hurt(tmp_path):
    """A folder with a plugin that works and one that does not."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/good.py").write_text(GOOD)
    (tmp_path / "plugins/bad.py").write_text("x = 1\nif x\n")
    return "It may come from the plugin bad (plugins/bad.py), which is broken: SyntaxError: expected ':' (line 2)"


QUICK = ["--backend", "reference", "--set", "training.epochs=1", "--set", "expect={}", "--quiet"]


def test_a_run_that_does_not_need_it_works(command, hurt):
    code, _, err = command(
        "run", "xor", "--plugins-dir", "plugins", "--set", "network.layers.0.activation=good", *QUICK
    )
    assert (code, err) == (0, "")


def test_a_run_that_names_something_unknown_hears_of_it(command, hurt, tmp_path):
    words = ["run", "xor", "--plugins-dir", "plugins", "--set", "network.layers.0.activation=goood", *QUICK]
    code, _, err = command(*words)
    assert code == 2
    fault, hint = err.splitlines()
    assert fault.endswith('unknown activation "goood"; did you mean "good"?')
    assert hint == f"Hint: {hurt}"
    (tmp_path / "plugins/worse.py").write_text("1 / 0\n")
    assert command(*words)[2].splitlines()[1:] == [
        "Hint: It may come from one of the plugins that are broken:",
        "  bad (plugins/bad.py): SyntaxError: expected ':' (line 2)",
        "  worse (plugins/worse.py): ZeroDivisionError: division by zero (line 1)",
    ]


def test_a_run_with_another_fault_does_not_hear_of_it(command, hurt):
    code, _, err = command("run", "xor", "--plugins-dir", "plugins", "--set", "training.epochs=-1", "--quiet")
    assert code == 2
    assert "bad.py" not in err


def test_python_hears_of_it_too(hurt, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    registry = build_registry(plugin_folders=["plugins"])
    with pytest.raises(PluginError) as caught:
        registry.losses.get("nothing_like_it")
    assert caught.value.hint.splitlines()[-1] == hurt


def test_a_run_that_requires_it_hears_the_cause(command, hurt):
    code, _, err = command("run", "xor", "--plugins-dir", "plugins", "--set", 'requires.plugins=["bad"]', *QUICK)
    assert code == 2
    assert "plugin \"bad\" is broken: SyntaxError: expected ':' (line 2)" in err


def test_a_wrong_usual_init_names_its_activation(command, tmp_path):
    (tmp_path / "mine.py").write_text(GOOD.replace("df)", "df, usual_init='he_unifrom')"))
    code, _, err = command("run", "xor", "--plugin", "mine.py", "--set", "network.layers.0.activation=good", *QUICK)
    assert code == 2
    assert "usual_init of activation 'good' of plugin mine (mine.py): unknown initializer \"he_unifrom\"" in err
    assert 'did you mean "he_uniform"?' in err


def test_list_shows_broken_plugins_and_goes_on(command, hurt):
    code, out, err = command("list", "activations", "--plugins-dir", "plugins", "--json")
    assert code == 0
    assert "good" in [row["name"] for row in json.loads(out)["activations"]]
    assert err == "broken plugin bad (plugins/bad.py): SyntaxError: expected ':' (line 2)\n"


def test_what_a_plugin_prints_does_not_mix_with_results(command, tmp_path):
    (tmp_path / "mine.py").write_text("print('loading')\n" + GOOD)
    code, out, err = command("list", "losses", "--plugin", "mine.py", "--json")
    assert code == 0
    assert json.loads(out)["losses"]
    assert err == "loading\n"
