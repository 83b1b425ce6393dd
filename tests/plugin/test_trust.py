"""A scenario file cannot make any code load: held by an audit hook that hears of every file and import.

One process runs all scenarios. Its hook is there before neurosim is imported, and the folder with the
scenarios is even on its import path, so that only neurosim stands between a name and the code.
"""

import json
import os
import subprocess
import sys

import pytest

# Says that it was run, and is a plugin that works: the attacks fail for no other reason than trust.
EVIL = """\
from neurosim import Activation, hookimpl
print("evil was here")

def f(z):
    return z

def df(z, a):
    return 1.0

@hookimpl
def neurosim_activations():
    return [Activation("evil", f, df)]
"""
NEIGHBORS = (
    "evil.py",
    "plugins/evil.py",
    "neurosim_plugins.py",
    "conftest.py",
    "sitecustomize.py",
    "setup.py",
    "xor.py",
)

SCENARIO = """\
{top}
[scenario]
name = "attack"
title = "An attack"
{scenario}
[data]
source = "{source}"
{data}
[network]
loss = "{loss}"
[[network.layers]]
kind = "{kind}"
units = 2
activation = {activation}
init = "{init}"
{layer}
[[network.layers]]
kind = "dense"
units = 1
activation = "sigmoid"
[optimizer]
name = "{optimizer}"
lr = 0.1
schedule = "{schedule}"
[training]
epochs = 1
{end}
"""
INNOCENT = {
    "top": "", "scenario": "", "source": "xor", "data": "", "loss": "mse", "kind": "dense", "activation": '"tanh"',
    "init": "zeros", "layer": "", "optimizer": "sgd", "schedule": "constant", "end": "",
}  # fmt: skip
NAMES = ("source", "loss", "kind", "init", "optimizer", "schedule")
# What other programs would take for a place to import from, or for a file.
SPELLINGS = (
    "evil", "evil:f", "evil.f", "evil.activation", "evil:evil", "evil.py", "./evil.py", "../hostile/evil.py",
    "evil.py:f", "plugins/evil.py", "plugins.evil", "file:evil.py", "{folder}/evil.py", "builtin:evil", "neurosim.evil",
    "os:system", "os.system", "antigravity", "__import__('evil')", "!!python/object/apply:os.system", "*", "",
)  # fmt: skip
ATTACKS = {
    **{f"all names are {text}": dict.fromkeys(NAMES, text) | {"activation": f'"{text}"'} for text in SPELLINGS},
    **{f"activation table {text}": {"activation": f'{{ name = "{text}", alpha = 1 }}'} for text in ("evil", "evil:f")},
    **{
        f"requires {text}": {"end": f'[requires]\nplugins = ["{text}"]'}
        for text in ("evil", "evil>=0", "./evil.py", "evil @ file://{folder}/evil.py", "-e .", "antigravity")
    },
    **{
        f"key {key} in {place or 'the file'}": {place: f'{key} = "evil.py"'}
        for key in ("plugin", "plugins", "import", "module", "load", "include", "extends", "python", "code")
        for place in ("top", "scenario", "data", "layer")
    },
    "list of plugins": {"top": 'plugins = ["evil.py", "plugins"]'},
    "section of plugins": {"end": '[plugins]\nfiles = ["evil.py"]\nfolders = ["plugins"]\nevil = "evil:f"'},
    "plugin of an activation": {"activation": '{ name = "tanh", plugin = "evil.py", f = "evil:f" }'},
    "folder to require": {"end": '[requires]\nplugins = []\nplugins_dir = "plugins"'},
    "class to require": {"end": '[requires]\nplugins = [{ name = "evil", path = "evil.py" }]'},
}

DRIVER = """\
import json, os, sys

events = []
folder = os.environ["HOSTILE"]

def inside(path):
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    if not isinstance(path, (str, os.PathLike)):
        return False
    full = os.path.abspath(path)
    # The cache is opened through its descriptor: the names of its files are not relative to this folder.
    return os.path.lexists(full) and full.startswith(folder + os.sep) and full.endswith((".py", ".pyc", ".so", ".pth"))

def hear(event, args):
    if event in ("open", "compile", "exec"):
        subject = args[0] if event == "open" else args[1] if event == "compile" else args[0].co_filename
        if inside(subject):
            events.append([event, str(subject)])
    elif event == "import":
        if inside(args[1]) or args[0].partition(".")[0] in ("evil", "plugins", "antigravity", "conftest"):
            events.append([event, args[0]])
    elif event.startswith(("subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "pty.")):
        events.append([event, repr(args)])

sys.addaudithook(hear)
sys.path.insert(0, folder)

import contextlib, io
from neurosim.cli.application import execute

results = []
for words in json.load(sys.stdin):
    events.clear()
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = execute(words)
    results.append({"code": code, "events": list(events), "output": out.getvalue()})
json.dump(results, sys.stdout)
"""

QUICK = ["--backend", "reference"]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What became of each case: exit status, what was heard, and what was printed."""
    folder = tmp_path_factory.mktemp("trust") / "hostile"
    (folder / "plugins").mkdir(parents=True)
    for name in NEIGHBORS:
        (folder / name).write_text(EVIL)
    cases = {}

    def add(case, changes, *words):
        path = folder / f"scenario{len(cases)}.toml"
        path.write_text(SCENARIO.format(**INNOCENT | changes).replace("{folder}", str(folder)))
        cases[case] = ["run", str(path), "--out", str(folder / f"run{len(cases)}"), *(words or QUICK)]

    for case, changes in ATTACKS.items():
        add(case, changes)
    add("innocent", {})
    add("innocent, compiled", {}, "--backend", "cpu")
    add("as data", {"source": "csv", "data": 'file = "evil.py"\ntarget = "x"'})
    wanted = {"activation": '"evil"'}
    add("without the option", wanted)
    add("with --plugin", wanted, *QUICK, "--plugin", "evil.py")
    add("with --plugins-dir", wanted, *QUICK, "--plugins-dir", "plugins")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NEUROSIM_DISABLE")}
    done = subprocess.run(
        [sys.executable, "-c", DRIVER], cwd=folder, env=environment | {"HOSTILE": str(folder)},
        input=json.dumps(list(cases.values())), capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(zip(cases, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("case", ATTACKS)
def test_an_attack_is_a_fault_and_loads_nothing(outcomes, case):
    outcome = outcomes[case]
    assert outcome["events"] == []
    assert outcome["code"] == 2, outcome["output"]
    assert "evil was here" not in outcome["output"]


@pytest.mark.parametrize("case", ["innocent", "innocent, compiled"])
def test_files_beside_a_scenario_are_left_alone(outcomes, case):
    outcome = outcomes[case]
    assert outcome["events"] == []
    assert outcome["code"] == 0, outcome["output"]


def test_code_named_as_data_is_only_read(outcomes):
    outcome = outcomes["as data"]
    assert {event for event, _ in outcome["events"]} == {"open"}
    assert outcome["code"] in (2, 3)
    assert "evil was here" not in outcome["output"]


@pytest.mark.parametrize("case", ["with --plugin", "with --plugins-dir"])
def test_what_the_user_asks_for_is_loaded_and_heard(outcomes, case):
    """The same file, named by the user: so it is trust that stopped the others, and the hook does hear."""
    assert outcomes["without the option"]["code"] == 2
    outcome = outcomes[case]
    assert outcome["code"] == 0, outcome["output"]
    assert "evil was here" in outcome["output"]
    assert {"open", "compile", "exec"} <= {event for event, _ in outcome["events"]}
    assert all(subject.endswith("evil.py") for _, subject in outcome["events"])
