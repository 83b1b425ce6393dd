"""Hostile models, recordings and scenarios make neurosim load nothing, run nothing and open nothing that they name.

One process takes them all. A hook hears of every import, every piece of code that is compiled or executed, every
process, socket, library and unpickled class, and of every file that is opened or changed, wherever in Python it comes
from. Before, the process is warmed up with good files and with plain mistakes, so that what neurosim itself loads when
it is first needed is there. All is computed by the reference backend, which compiles nothing; so nothing is allowed in
the cache of compiled kernels either. Besides the folders of the files themselves, that of the shipped scenarios is
looked into, to tell their names, and the system is asked how much memory there is.
"""

import json
import os
import pickle
import random
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from sizes import sizes

import neurosim
from neurosim.files.sealed import seal, unseal
from neurosim.scenario import shipped

MEMORY = "/sys/fs/cgroup/memory.max"
# What other programs take for something to import, to open, to fill in or to run.
TEXTS = (
    "os:system", "os.system", "subprocess.Popen", "evil", "evil:f", "evil.py", "./evil.py", "../theirs/evil.py",
    "../../evil.py", "{outside}/evil.py", "file://{outside}/evil.py", "http://127.0.0.1:9/evil.py", "builtin:../../x",
    "builtin:evil", "evil:relu", "__import__('os').system('true')", "{0.__class__}", "%(x)s", "${HOME}", "$(true)",
    "`true`", "~/.bashrc", "{{ 7 * 7 }}", "!!python/object/apply:os.system", "lambda: 1", "__class__", "__init__",
    "/etc/passwd", "../../../../../../etc/passwd", "/proc/self/mem", "/dev/zero", "\\\\\\\\127.0.0.1\\\\share\\\\x",
    "//127.0.0.1/share/x", "{outside}", "..", ".", "", "CON", "a\\u0000b", "xor", "-c", "--plugin=evil.py", "x" * 300,
)  # fmt: skip
FILES = (
    "{outside}/rows.csv", "../outside/rows.csv", "link.csv", "linked/rows.csv", "./../outside/./rows.csv", "pipe",
    "loop", "evil.py", "rows.csv/../../outside/rows.csv", "linked/../rows.csv", "/proc/self/environ", "/proc/self/fd/0",
    "scenario.toml", "{data}/rows.csv", "{data}/../outside/rows.csv", "rows.csv", "..\\\\outside\\\\rows.csv",
)  # fmt: skip
SCENARIO = """\
{top}
[scenario]
name = "{name}"
title = "{title}"
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
[plots]
pictures = []
{end}
"""
INNOCENT = {
    "top": "", "name": "attack", "title": "An attack", "source": "xor", "data": "", "loss": "mse", "kind": "dense",
    "activation": '"tanh"', "init": "zeros", "layer": "", "optimizer": "sgd", "schedule": "constant", "end": "",
}  # fmt: skip
CSV = 'file = "{}"\ntarget = "b"'
# Where a text goes; each in its own way.
PLACES = {
    **{key: lambda text, key=key: {key: text} for key in ("name", "title", "source", "loss", "kind", "init")},
    **{key: lambda text, key=key: {key: text} for key in ("optimizer", "schedule")},
    "activation": lambda text: {"activation": f'"{text}"'},
    "activation table": lambda text: {"activation": f'{{ name = "{text}", alpha = 1 }}'},
    "activation parameter": lambda text: {"activation": f'{{ name = "leaky_relu", "{text}" = 1 }}'},
    "key": lambda text: {"top": f'"{text}" = "evil.py"'},
    "key of a layer": lambda text: {"layer": f'"{text}" = "evil.py"'},
    "plugin": lambda text: {"end": f'[requires]\nplugins = ["{text}"]'},
    "plugin by address": lambda text: {"end": f'[requires]\nplugins = ["evil @ {text}"]'},
    "file": lambda text: {"source": "csv", "data": CSV.format(text)},
    "target": lambda text: {"source": "csv", "data": f'file = "rows.csv"\ntarget = "{text}"'},
    "features": lambda text: {"source": "csv", "data": CSV.format("rows.csv") + f'\nfeatures = ["{text}"]'},
    "indices": lambda text: {"source": "csv", "data": CSV.format("rows.csv") + f'\nindices = ["{text}"]'},
    "folder": lambda text: {"source": "images", "data": f'folder = "{text}"'},
    "variant": lambda text: {"end": f'[[variants]]\nname = "{text}"\n[[variants]]\nname = "b"'},
    "key of a variant": lambda text: {"end": f'[[variants]]\nname = "a"\n"{text}" = 1\n[[variants]]\nname = "b"'},
    "file of a variant": lambda text: {
        "source": "csv", "data": CSV.format("rows.csv"),
        "end": f'[[variants]]\nname = "a"\n"data.file" = "{text}"\n[[variants]]\nname = "b"',
    },
    "claim": lambda text: {"end": f'[[claims]]\nmeasure = "{text}"\nlayer = "{text}"\nat_least = 0'},
    "axis": lambda text: {"end": f'against = "{text[:50]}"\nlayer = "{text}"'},
    "recorded": lambda text: {"end": f'[record]\nquantities = ["{text}"]'},
}  # fmt: skip
# Where a text goes in the description of a model.
MODEL_PLACES = (
    ("format",), ("network",), ("network", "input_shape"), ("network", "layers"), ("network", "layers", 0, "kind"),
    ("network", "layers", 0, "name"), ("network", "layers", 0, "units"), ("network", "layers", 0, "activation"),
    ("network", "layers", 0, "activation", "name"), ("network", "layers", 0, "activation", "module"),
    ("network", "layers", 0, "__class__"), ("network", "loss", "name"), ("network", "loss", "path"), ("classes",),
    ("classes", 0), ("plugins",), ("plugins", 0), ("input", "features"), ("input", "features", 0), ("input", "scale"),
    ("input", "columns"), ("input", "columns", 0), ("input", "columns", 0, "categories"), ("input", "image_shape"),
    ("plugin_files",), ("sha256", "layers.0.weight"),
)  # fmt: skip

DRIVER = r"""
import ast, os, sys

armed, events = False, []
allowed = [os.path.realpath(path) for path in os.environ["ALLOWED"].split(os.pathsep)]
# How many of the arguments are files that are opened or changed, links followed.
FILES = {
    "open": 1, "os.chmod": 1, "os.chown": 1, "os.truncate": 1, "os.utime": 1, "os.listdir": 1, "os.scandir": 1,
    "os.chdir": 1, "shutil.rmtree": 1, "shutil.copyfile": 2,
}
# The same, where a link is made, moved, replaced or removed itself.
NAMES = {"os.rename": 2, "os.remove": 1, "os.mkdir": 1, "os.rmdir": 1, "os.link": 2, "os.symlink": 2, "shutil.move": 2}
NEVER = (
    "import", "exec", "compile", "pickle.", "marshal.", "subprocess.", "os.system", "os.exec", "os.fork", "os.forkpty",
    "os.posix_spawn", "os.spawn", "os.startfile", "os.putenv", "pty.", "socket.", "ctypes.", "webbrowser.", "urllib.",
    "ftplib.", "http.", "smtplib.", "code.__new__", "function.__new__", "sys.addaudithook", "gc.get_objects",
)

def outside(path, followed):
    if isinstance(path, int) or path is None:
        return False
    folder, name = os.path.split(os.path.abspath(os.fsdecode(path)))
    full = os.path.join(os.path.realpath(folder), name)
    full = os.path.realpath(full) if followed else full
    return not any(full == place or full.startswith(place + os.sep) for place in allowed)

def only_parsed():
    # ast.parse makes a tree of a text, and nothing that can be executed: of built-in formulas, to look at them, and
    # of the header of an array.
    caller = sys._getframe(2).f_code
    return (caller.co_filename, caller.co_name) == (ast.__file__, "parse")

def of_built_ins(event, args):
    # Built-in functions are made once more, with the powers and sines that are the same on every machine.
    if event == "function.__new__":
        file = args[0].co_filename
    elif event in ("compile", "code.__new__"):
        file = args[1]
    else:
        return False
    return isinstance(file, str) and file.startswith(BUILT_INS)

def hear(event, args):
    global armed
    if not armed:
        return
    armed = False
    try:
        if event in FILES or event in NAMES:
            count = FILES.get(event) or NAMES[event]
            if any(outside(path, event in FILES) for path in args[:count]):
                events.append([event, repr(args)[:300]])
        elif event.startswith(NEVER) and not (event == "compile" and only_parsed()) and not of_built_ins(event, args):
            events.append([event, repr(args)[:300]])
    finally:
        armed = True

sys.addaudithook(hear)

import contextlib, io, json, pickle, socket, subprocess
from pathlib import Path
import neurosim
from neurosim.cli.application import execute
from neurosim.training.recording import load_recording

BUILT_INS = os.path.join(os.path.dirname(neurosim.__file__), "builtins") + os.sep

def attempt(words):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = execute(words)
    return code, out.getvalue()

def perform(kind, words):
    if kind == "command":
        return attempt(words)
    try:
        if kind == "record":
            load_recording(words[0])
        else:
            neurosim.load_model(words[0], backend="reference").predict([[0.0, 1.0]])
        return 0, ""
    except neurosim.NeurosimError as error:
        return error.exit_code, error.message
    except Exception as error:
        return 1, repr(error)

orders = json.load(sys.stdin)
for kind, words in orders["warm"]:
    perform(kind, words)

results = []
for kind, words in orders["hostile"]:
    events.clear()
    armed = True
    try:
        code, said = perform(kind, words)
    finally:
        armed = False
    results.append({"code": code, "events": list(events), "said": said[-600:]})

# That the hook does hear.
heard = {}
for name, do in {
    "import": lambda: __import__("antigravity_"),
    "exec": lambda: exec("1"),
    "open": lambda: open(orders["outside"]).close(),
    "remove": lambda: os.remove(orders["outside"] + ".not"),
    "process": lambda: subprocess.run(["true"]),
    "socket": lambda: socket.socket().close(),
    "pickle": lambda: pickle.loads(pickle.dumps(Path)),
}.items():
    events.clear()
    armed = True
    try:
        do()
    except (ImportError, OSError):
        pass
    finally:
        armed = False
    heard[name] = len(events)
json.dump({"results": results, "heard": heard}, sys.stdout)
"""


class Evil:
    """Says so, where it is unpickled."""

    def __reduce__(self):
        return os.system, ("echo evil was here",)


class Ground:
    """The folders: of a stranger's files, of the user's data and runs, and one that is nobody's business."""

    def __init__(self, home):
        self.theirs, self.data, self.runs, self.outside = (
            home / name for name in ("theirs", "data", "runs", "outside")
        )
        for folder in (self.theirs, self.data, self.runs, self.outside):
            folder.mkdir()
        rows = "a,b\n" + "".join(f"{number},{number % 2}\n" for number in range(8))
        for folder in (self.theirs, self.data, self.outside):
            (folder / "rows.csv").write_text(rows)
        for name in ("evil.py", "neurosim_plugins.py", "conftest.py", "sitecustomize.py"):
            (self.theirs / name).write_text("print('evil was here')\n")
            (self.outside / name).write_text("print('evil was here')\n")
        (self.theirs / "link.csv").symlink_to(self.outside / "rows.csv")
        (self.theirs / "linked").symlink_to(self.outside)
        (self.theirs / "loop").symlink_to(self.theirs / "loop")
        os.mkfifo(self.theirs / "pipe")

    def filled(self, text):
        return text.replace("{outside}", str(self.outside)).replace("{data}", str(self.data))

    def run(self, number, changes, *more, out=True):
        """A command that trains a scenario with these changes; without `out` neurosim names the run folder after it."""
        path = self.theirs / f"scenario{number}.toml"
        parts = INNOCENT | changes
        text = SCENARIO
        for name, part in parts.items():
            text = text.replace("{" + name + "}", part)
        path.write_text(self.filled(text))
        words = ["run", str(path), "--backend", "reference", "--no-report", "--data-dir", str(self.data), *more]
        return "command", [*words, *(["--out", str(self.runs / f"run{number}")] if out else [])]

    def predict(self, model):
        return "command", ["predict", str(model), "--data", str(self.theirs / "rows.csv"), "--backend", "reference"]


def replaced(tree, path, value):
    """A copy of a description with a value in it, at the nearest place that there is."""
    copy = json.loads(json.dumps(tree))
    place = copy
    for key in path[:-1]:
        if isinstance(place, dict):
            place = place.setdefault(key, {})
        else:
            place += [{}] * (not place)
            place = place[key]
    if isinstance(place, list):
        place += [""] * (not place)
    place[path[-1]] = value
    return copy


def hostile_model(rng, ground, number, good):
    """A model file with something in it that another program would load."""
    folder = ground.theirs / f"model{number}"
    folder.mkdir()
    path = folder / "model.safetensors"
    text = ground.filled(rng.choice(TEXTS).encode().decode("unicode_escape"))
    kind = rng.randrange(8)
    if kind == 0:
        path.write_bytes(pickle.dumps(Evil(), rng.randrange(2, 6)))
    elif kind == 1:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(rng.choice(("archive/data.pkl", "../../evil.py", "config.json")), pickle.dumps(Evil()))
    elif kind == 2:
        with path.open("wb") as file:
            np.save(file, np.array([Evil()], object), allow_pickle=True)
    else:
        tensors, words = good
        value = rng.choice((text, [text], {"name": text}, {"class_name": text, "module": "os", "config": {}}))
        words = replaced(words, rng.choice(MODEL_PLACES), value)
        if rng.random() < 0.2:
            tensors = {**tensors, (text or "x").replace("\0", ""): tensors["layers.0.weight"]}
        path.write_bytes(seal(tensors, words))
    given = rng.choice((path, folder))
    return ground.predict(given) if rng.random() < 0.3 else ("model", [str(given)])


def hostile_record(rng, ground, number):
    """A recording with an array of objects in it, which is a pickle."""
    path = ground.theirs / f"record{number}.npz"
    arrays = {
        "layers": np.array(["a"]),
        "epochs": np.zeros(1),
        "steps": np.zeros(1, int),
        "dead": np.zeros((1, 1), "f4"),
    }
    arrays[rng.choice(list(arrays))] = np.array([Evil()], object)
    np.savez(path, **{rng.choice(TEXTS[:4]).replace(":", "_"): np.array([Evil()], object)}, **arrays)
    return "record", [str(path)]


def hostile_run(rng, ground, number):
    """A command that trains a scenario with some texts in places where names or files are wanted."""
    changes = {}
    for _ in range(rng.choice((1, 1, 2, 3))):
        place = rng.choice(list(PLACES))
        texts = FILES if "file" in place and rng.random() < 0.8 else TEXTS
        changes |= PLACES[place](rng.choice(texts).replace('"', '\\"'))
    out = rng.random() < 0.5
    command, words = ground.run(number, changes, out=out)
    if out and rng.random() < 0.2:
        # A folder where links wait for what is written.
        folder = ground.runs / f"run{number}"
        folder.mkdir()
        for name in ("scenario.toml", "metrics.jsonl", "model.safetensors", "summary.json"):
            (folder / name).symlink_to(ground.outside / f"from-{name}")
    if rng.random() < 0.2:
        words = [rng.choice(("explain", "info")), words[1], "--data-dir", str(ground.data)]
    return command, words


def snapshot(folder):
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes in the file system")
@sizes(short=150, full=1000)
def test_hostile_files_make_nothing_happen(count, tmp_path):
    ground = Ground(tmp_path)
    quick = {"training.epochs": 1, "expect": {}, "record.quantities": ["dead"]}
    neurosim.run("xor", backend="reference", overrides=quick, out=tmp_path / "good")
    good = unseal(tmp_path / "good/model.safetensors", "model")
    hostile = []
    for number in range(count):
        rng = random.Random(f"audit {number}")
        if number % 3 == 0:
            hostile.append(hostile_model(rng, ground, number, good))
        elif number % 30 == 1:
            hostile.append(hostile_record(rng, ground, number))
        else:
            hostile.append(hostile_run(rng, ground, number))
    before = snapshot(ground.outside)
    orders = {"warm": warm_up(ground, tmp_path), "hostile": hostile, "outside": str(ground.outside / "rows.csv")}
    places = (ground.theirs, ground.data, ground.runs, shipped()["xor"].parent, MEMORY)
    done = subprocess.run(
        [sys.executable, "-c", DRIVER], cwd=ground.theirs, text=True, capture_output=True, timeout=900,
        input=json.dumps(orders),
        # A choice of BLAS kernels would have the processor's description read, which no scenario asks for.
        env=os.environ | {"ALLOWED": os.pathsep.join(map(str, places)), "OPENBLAS_CORETYPE": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert all(found["heard"].values()), found["heard"]
    assert len(found["results"]) == count
    codes = {}
    for number, (order, outcome) in enumerate(zip(hostile, found["results"], strict=True)):
        assert outcome["events"] == [], (number, order, outcome)
        assert outcome["code"] in (0, 2, 3, 4, 5), (number, order, outcome)
        assert "Error: unexpected" not in outcome["said"], (number, order, outcome)
        codes[outcome["code"]] = codes.get(outcome["code"], 0) + 1
    assert snapshot(ground.outside) == before
    assert {path.name for path in tmp_path.iterdir()} == {"theirs", "data", "runs", "outside", "good"}
    # Some are harmless after all, and run to their end; so it was not something else that stopped the others.
    assert codes[0] >= count / 50, codes
    print(codes)


def warm_up(ground, home):
    """What loads all that neurosim loads when it is first needed: good files, and plain mistakes."""
    study = '[record]\nquantities = ["dead"]\n[[variants]]\nname = "a"\n[[variants]]\nname = "b"'
    orders = [
        ground.run("good", {}),
        ground.run("study", {"end": study}),
        ground.run("rows", {"source": "csv", "data": CSV.format("rows.csv")}),
        ground.run("elsewhere", {"source": "csv", "data": CSV.format("{outside}/rows.csv")}),
        ground.run("typo", {"activation": '"tanhh"', "end": '[requires]\nplugins = ["nobody>=1"]'}),
        ground.run("odd", {"activation": '"tan\\u0007h"'}),
        ground.run("broken", {"top": "["}),
        ground.run("diverged", {"end": ""}, "--set", "optimizer.lr=1e30", "--set", "training.epochs=50"),
        ground.predict(home / "good"),
        ground.predict(home / "nothing"),
        ("model", [str(home / "good")]),
        ("record", [str(home / "good")]),
        ("record", [str(ground.theirs / "evil.py")]),
    ]
    return orders + [("command", [word, str(ground.theirs / "scenariogood.toml")]) for word in ("explain", "info")]
