"""Scenario, data and plugin as texts, and what an undisturbed run of them gives; importable as ``folder_world``.

Nothing here asks neurosim which run a folder holds. What a run must give is found by running the same texts in a
clean folder: results are repeatable to the bit, so that one number of another run is noticed.
"""

import csv
import io
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

LRS = (0.05, 0.9, 1e30)  # the last one diverges
EPOCHS = (2, 3)
SEEDS = (1, 2)
KINDS = ("single", "single", "repeats", "variants")
PLUGIN_SLOPES = (1.0, 3.0)
_SCENARIO = """
[scenario]
name = "tiny"
title = "A tiny network"
seed = {seed}
repeats = {repeats}
[data]
source = "csv"
file = "rows.csv"
target = "kind"
[network]
loss = "mse"
layers = [
  {{ kind = "dense", units = 2, activation = "{activation}" }},
  {{ kind = "dense", units = 1, activation = "identity" }},
]
[optimizer]
name = "sgd"
lr = {lr}
[training]
epochs = {epochs}
batch_size = 4
checkpoint_every = 1
[plots]
pictures = []
[expect]
train_accuracy = {{ at_least = 0.7 }}
"""
_VARIANTS = """
[[variants]]
name = "plain"
[[variants]]
name = "momentum"
"optimizer.momentum" = 0.5
"""
_PLUGIN = """
import math
from neurosim import Activation, hookimpl

def bend(z):
    return {slope} * z / (1.0 + math.fabs(z))

def bend_derivative(z, a):
    return {slope} / (1.0 + math.fabs(z)) ** 2

@hookimpl
def neurosim_activations():
    return [Activation("bend", bend, bend_derivative)]
"""
_POINTS = [(round(0.37 * k % 1 - 0.5, 3), round(0.61 * k % 1 - 0.5, 3)) for k in range(1, 13)]
# The rows, the rows with swapped classes, and with one value changed.
TABLES = tuple(
    "a,b,kind\n" + "".join(f"{a + shift * (a == _POINTS[3][0])},{b},{names[a + b > 0]}\n" for a, b in _POINTS)
    for shift, names in ((0, ("down", "up")), (0, ("up", "down")), (0.25, ("down", "up")))
)
NEW_ROWS = "a,b\n0.5,0.25\n-1,2\n0.1,-0.3\n"


@dataclass(frozen=True)
class Settings:
    """What a scenario says."""

    kind: str = "single"
    seed: int = 1
    lr: float = 0.05
    epochs: int = 3
    bent: bool = False

    @property
    def text(self):
        several = {"repeats": 2 if self.kind == "repeats" else 1, "activation": "bend" if self.bent else "tanh"}
        text = _SCENARIO.format(seed=self.seed, lr=self.lr, epochs=self.epochs, **several)
        return text + (_VARIANTS if self.kind == "variants" else "")


@dataclass(frozen=True)
class Begun:
    """A run, a study or many seeds, by all that its numbers may depend on.

    `rows` and `plugin` are numbers of a text each, `seeds` how many with ``--seeds`` or 0, `report` whether what the
    report shows was recorded, and `fork` epoch and learning rate where it is the replay of such a run.
    """

    settings: Settings
    rows: int
    plugin: int
    backend: str
    seeds: int = 0
    report: bool = False
    fork: tuple | None = None

    def edited(self, **settings):
        """The same with another learning rate, or unchanged; of a replay the one after its fork."""
        if self.fork is None or not settings:
            return replace(self, settings=replace(self.settings, **settings))
        epoch, was = self.fork
        same = settings["lr"] == (was or self.settings.lr)
        return self if same else replace(self, fork=(epoch, settings["lr"]))

    def with_what_lies_beside(self, rows, plugin):
        return replace(self, rows=rows, plugin=plugin if self.settings.bent else 0)

    @property
    def several(self):
        return self.settings.kind != "single" and not self.seeds

    @property
    def words(self):
        words = ["run", "scenario.toml", "--backend", self.backend]
        words += ["--threads", "1"] if self.backend == "cpu" else []
        words += ["--seeds", self.seeds] if self.seeds else []
        return words + ([] if self.report else ["--no-report"])


def write_world(folder, settings, rows, plugin):
    """The three texts, and rows to predict for."""
    (folder / "scenario.toml").write_text(settings.text)
    (folder / "rows.csv").write_text(TABLES[rows])
    (folder / "plugin.py").write_text(_PLUGIN.format(slope=PLUGIN_SLOPES[plugin]))
    (folder / "new.csv").write_text(NEW_ROWS)


class Truths:
    """What undisturbed runs give: each is made once, in a folder of its own, and read with each command once."""

    def __init__(self, forks, home):
        self._forks = forks
        self._home = home
        self._folders = {}
        self._said = {}

    def folder(self, begun):
        """Folder in which the run was made, as ``run`` in it, and the outcome of the command."""
        if begun not in self._folders:
            place = self._home / f"truth-{len(self._folders)}"
            place.mkdir()
            write_world(place, begun.settings, begun.rows, begun.plugin)
            if begun.fork is None:
                words = [*begun.words, "--out", "run", "--json"]
            else:
                self._forks.run(place, [*replace(begun, fork=None).words, "--out", "before", *WITH_PLUGIN])
                words = ["replay", "before", *fork_words(begun.fork), "--out", "run", "--json"]
            self._folders[begun] = place, self._forks.run(place, [*words, *WITH_PLUGIN])
            if begun.fork is not None:
                without_pictures(place / "run")
        return self._folders[begun]

    def left(self, begun):
        """What the run leaves in its folder."""
        return self._once((begun, "left"), lambda: left_in(self.folder(begun)[0] / "run"))

    def networks(self, begun):
        """What each network of the run gave, in no order."""
        left = self.left(begun)
        summaries = [left[file] for file in left if file.endswith("summary.json")]
        return [network(summary) for summary in summaries if "seed" in summary and "runs" not in summary]

    def said(self, begun, words):
        """The outcome of a command on the run, whose folder is called ``run`` in it, and all pictures that it draws."""
        place = self.folder(begun)[0]
        return self._once((begun, *words), lambda: done_and_drawn(self._forks.run(place, words), place))

    def _once(self, key, make):
        if key not in self._said:
            self._said[key] = make()
        return self._said[key]


WITH_PLUGIN = ("--plugin", "plugin.py")
PICTURES = "pictures"


def without_pictures(folder):
    """Remove the pictures of a replay, which pages show, and by what the run is known again that they are drawn of."""
    for path in folder.glob("*.png"):
        path.unlink()
    about = folder / "replay.json"
    if about.is_file():
        said = json.loads(about.read_text())
        said.pop("files_sha256", None)
        about.write_text(json.dumps(said, indent=2) + "\n")


def fork_words(fork):
    return ["--from", f"epoch:{fork[0]}", *(["--set", f"optimizer.lr={fork[1]}"] if fork[1] else [])]


def done_and_drawn(done, place):
    """The outcome of a command, with the pictures and pages that it was told to put aside; they are removed."""
    drawn = {}
    for path in sorted((place / PICTURES).glob("*")):
        drawn[path.name] = page_text(path, place) if path.suffix == ".html" else path.read_bytes()
        path.unlink()
    return done, drawn


# What is another one each time: seconds, and checksums over them.
_TIMES = re.compile(r"[\d.]+(e-\d+)? ?(s|ms)\b|(?<=\"seconds\":)[^\]},]*[\]},]?|'sha256-[^']*'")

_OTHER_EACH_TIME = {
    "seconds", "files_sha256", "run_dir", "picture", "pictures", "command", "dir", "run", "label", "model",
}  # fmt: skip


def page_text(path, place):
    """A page without seconds, and without where it lies."""
    text = path.read_text().replace(str(place.resolve()), "@")
    return _TIMES.sub("~", re.sub("<table.*?</table>", _untimed, text, flags=re.DOTALL))


def _untimed(table):
    """A table without its column of seconds, if it has one."""
    rows = [re.findall("<t[hd].*?</t[hd]>", row, re.DOTALL) for row in table[0].split("<tr>")]
    timed = [place for row in rows for place, cell in enumerate(row) if "s/epoch" in cell]
    return "\n".join(" ".join(cell for place, cell in enumerate(row) if place not in timed) for row in rows)


def without_times(value):
    """JSON without what a repetition changes: seconds, checksums over them, and folders."""
    if isinstance(value, dict):
        return {key: without_times(inner) for key, inner in value.items() if key not in _OTHER_EACH_TIME}
    if isinstance(value, list):
        return [without_times(inner) for inner in value]
    return value


def network(summary):
    """What is told of a network wherever it is told, as text."""
    names = ("scenario", "backend", "seed", "epochs", "parameters", "final", "expectations")
    return json.dumps([summary[name] for name in names])


def left_in(folder):
    """All that a run leaves, by file, without seconds, folders, pictures and checkpoints."""
    return {
        str(path.relative_to(folder)): _content(path, folder.parent)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.suffix not in (".png", ".html")
        and path.parent.name != "checkpoint"
        # Of a process that was killed; who looks without writing leaves it.
        and path.name != ".lock"
    }


def _content(path, place):
    if path.suffix == ".json":
        text = path.read_text().replace(str(place.resolve()), "@")
        return without_times(json.loads(text))
    if path.suffix == ".jsonl":
        return [without_times(json.loads(line)) for line in path.read_text().splitlines()]
    if path.suffix == ".csv":
        return [{**row, "seconds": ""} for row in csv.DictReader(io.StringIO(path.read_text()))]
    if path.suffix == ".toml":
        # Which settings were given besides is no part of what is run.
        return re.sub(r"(?m)^changed = .*\n", "", path.read_text().replace(str(place.resolve()), "@"))
    if path.suffix == ".safetensors":
        return tensors_in(path)
    return path.read_bytes()


def tensors_in(path):
    """The numbers in a file of safetensors, by name; what describes them is left out."""
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    head = json.loads(content[8:end])
    ranges = {name: entry["data_offsets"] for name, entry in head.items() if name != "__metadata__"}
    return {name: content[end + begin : end + stop] for name, (begin, stop) in ranges.items()}


def snapshot(folder):
    """Every byte in a folder, but for what a killed process has left and the next one clears away."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file() and path.name != ".lock" and not path.name.endswith(".neurosim-tmp")
    }
