"""Run folders with a file that is gone, cut, changed or something else: never a traceback, never a wrong answer."""

import json
import math
import random
import shutil
from contextlib import chdir
from pathlib import Path

import pytest
from commands import call, fault_of
from sizes import sizes

from neurosim import run
from neurosim.errors import DataError
from neurosim.runs import Observer
from neurosim.training.history import COLUMNS
from neurosim.training.recording import load_recording

SHAPES = [
    b"[]",
    b"3",
    b"null",
    b'"text"',
    b"{}",
    b"NaN",
    b"[" * 100_000,
    b"9" * 5000,
    b'{"a": 1}',
    b"true",
    b"{}\n{}\n",
]
ODD = [
    None,
    True,
    -1,
    0,
    10**30,
    10**400,
    1e308,
    math.nan,
    math.inf,
    "",
    "text",
    [],
    [1],
    {},
    {"a": {}},
    0.5,
    "0",
    [[]] * 9,
]
DAMAGES = [
    "removed",
    "emptied",
    "cut",
    "folder",
    "link",
    "noise",
    "shape",
    "bit",
    "bit",
    "bit",
    "value",
    "value",
    "key",
]
ALWAYS = [name for name in COLUMNS if "validation" not in name]


class Stopping(Observer):
    def epoch(self, record):
        if record["epoch"] == 2:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """A folder with a run of each kind."""
    place = tmp_path_factory.mktemp("originals")
    with chdir(place):
        small = ["--set", "expect={}", "--set", "data.samples=60", "--set", "training.epochs=3", "--set", "lesson='' "][
            :6
        ]
        recorded = ["--set", 'record.quantities=["parameters", "weight_histogram", "gradient_norm"]']
        lines = {
            "finished": ["run", "moons", *small, *recorded],
            "other": ["run", "moons", *small, "--set", "optimizer.lr=0.5"],
            "ensemble": ["run", "moons", *small, "--seeds", "3"],
            "study": ["run", "moons", *small, "--set", "scenario.repeats=2"],
            "diverged": ["run", "sine", *small, "--set", "optimizer.name=sgd", "--set", "optimizer.lr=1e6",
                         "--set", "network.layers.0.activation=identity",
                         "--set", "network.layers.1.activation=identity"],
            "replayed": ["replay", "finished", "--from", "epoch:1", "--set", "optimizer.lr=0.1"],
        }  # fmt: skip
        for name, words in lines.items():
            done = call([*words, "--out", name])
            assert done.code == (4 if name == "diverged" else 0), done.err
        overrides = {"data.samples": 60, "training.epochs": 5, "training.checkpoint_every": 1, "expect": {}}
        with pytest.raises(KeyboardInterrupt):
            run("moons", overrides=overrides, out="stopped", observer=Stopping())
        Path("rows.csv").write_text("x1,x2\n" + "".join(f"{k / 7},{k / 11}\n" for k in range(9)))
    return place


def targets(place):
    """Every file of every run that a command could read: (kind of run, path in its folder)."""
    kinds = ("finished", "ensemble", "study", "diverged", "replayed", "stopped")
    return [
        (kind, path.relative_to(place / kind))
        for kind in kinds
        for path in sorted((place / kind).rglob("*"))
        if path.is_file() and path.stat().st_size and path.suffix not in (".png", ".html") and path.name != ".lock"
    ]


def commands(kind, chance):
    member = {"study": "study/members/seed-0"}.get(kind, kind)
    return chance.choice(
        [
            ["plot", kind, "--only", "learning_curves", "--out", "out"],
            ["plot", kind, "--only", "weight_histogram", "--out", "out"],
            ["plot", kind, "--out", "out"],
            ["report", kind, "--out", "out"],
            ["doctor", kind, "--out", "out", "--json"],
            ["compare", kind, "other", "--out", "out", "--json"],
            ["replay", kind, "--from", "epoch:1", "--out", "out", "--json"],
            ["replay", member, "--from", "epoch:2", "--set", "optimizer.lr=0.02", "--out", "out", "--json"],
            ["predict", kind, "--data", "rows.csv", "--json"],
            ["run", "--resume", kind, "--json"],
        ]
    )


def damage(path, how, chance):
    """Damage a file; gives words for what was done."""
    content = path.read_bytes()
    if how in ("value", "key") and path.suffix not in (".json", ".jsonl"):
        how = "bit"
    if how == "removed":
        path.unlink()
    elif how == "emptied":
        path.write_bytes(b"")
    elif how == "cut":
        path.write_bytes(content[: chance.randrange(len(content))])
    elif how == "folder":
        path.unlink()
        path.mkdir()
    elif how == "link":
        path.unlink()
        path.symlink_to("nowhere")
    elif how == "noise":
        path.write_bytes(chance.randbytes(chance.choice([1, 100, len(content)])))
    elif how == "shape":
        path.write_bytes(chance.choice(SHAPES))
    elif how == "bit":
        place = chance.randrange(len(content))
        path.write_bytes(content[:place] + bytes([content[place] ^ (1 << chance.randrange(8))]) + content[place + 1 :])
    else:
        lines = content.decode().splitlines(keepends=True) if path.suffix == ".jsonl" else [content.decode()]
        number = chance.randrange(len(lines))
        changed = changed_json(json.loads(lines[number]), how, chance)
        lines[number] = json.dumps(changed) + "\n"
        path.write_text("".join(lines))


def changed_json(value, how, chance):
    """The value with one entry, at any depth, replaced or removed."""
    inner = value
    while True:
        keys = list(inner) if isinstance(inner, dict) else range(len(inner))
        key = chance.choice(list(keys))
        if isinstance(inner[key], dict | list) and inner[key] and chance.random() < 0.7:
            inner = inner[key]
            continue
        if how == "key":
            del inner[key]
        else:
            inner[key] = chance.choice(ODD)
        return value


def fault_of_case(place, kind, file, words, done):
    """What is wrong with the outcome of a command on a damaged run; empty where nothing is."""
    damaged = place / kind / file
    fault = fault_of(done, (0, 2, 3, 4, 5))
    if fault:
        return fault
    if done.code in (2, 3):
        # What is gone cannot be known to have been there, and a scenario that says something else is one all the same.
        if file.name not in done.err and damaged.is_file() and file.name != "scenario.toml":
            return f"does not name {file.name}: {done.err}"
        return "" if done.code == 2 or "Hint: " in done.err else f"no hint: {done.err}"
    return silent_fault(place, file, words, damaged, kind)


def silent_fault(place, file, words, damaged, kind):
    """Whether a command that says all is well has read something that was changed."""
    if not damaged.is_relative_to(place / words[1]):
        return ""
    reads_model = words[0] in ("plot", "report", "compare", "predict") and kind in ("finished", "replayed")
    if file.name == "model.safetensors" and reads_model:
        return "the damaged model was used"
    if file.name == "record.npz" and words[0] in ("plot", "report", "compare"):
        try:
            same = load_recording(damaged).to_bytes() == load_recording(place.parent / "kept" / kind / file).to_bytes()
        except DataError as error:
            return f"a recording that cannot be read was used: {error}"
        return "" if same else "a recording that says something else was used"
    if file.name == "metrics.jsonl" and words[0] in ("plot", "report", "compare", "replay"):
        for number, line in enumerate(damaged.read_text().splitlines(), 1):
            record = json.loads(line)
            numbers = [record[name] for name in ALWAYS if record[name] is not None]
            if record["epoch"] != number or not all(isinstance(n, int | float) and math.isfinite(n) for n in numbers):
                return f"a record that no run writes was read: {line}"
    return ""


def restore(kept, kind):
    """A whole run again, and no output."""
    shutil.rmtree("out", ignore_errors=True)
    shutil.rmtree(kind)
    shutil.copytree(kept / kind, kind, symlinks=True)


@sizes(short=20, full=2000)
def test_damaged_runs_are_refused_or_make_no_difference(originals, tmp_path, count):
    kept = tmp_path / "kept"
    shutil.copytree(originals, kept, symlinks=True)
    place = tmp_path / "place"
    shutil.copytree(kept, place)
    all_targets = targets(kept)
    faults, codes = [], {}
    with chdir(place):
        for number in range(count):
            chance = random.Random(f"damaged runs {number}")
            kind, file = chance.choice(all_targets)
            how, words = chance.choice(DAMAGES), commands(kind, chance)
            damage(place / kind / file, how, chance)
            done = call(words)
            codes[done.code] = codes.get(done.code, 0) + 1
            fault = fault_of_case(place, kind, file, words, done)
            restore(kept, kind)
            # What a whole run is refused for, too, need not be put down to the damage.
            if fault and (done.code in (0, 1) or call(words) != done):
                faults.append(f"{number}: {kind}/{file} {how}, {' '.join(words)}: {fault[:500]}")
            if fault:
                restore(kept, kind)
    print(f"{count} cases, by exit status: {dict(sorted(codes.items()))}")
    assert not faults, f"{len(faults)} of {count}:\n\n" + "\n\n".join(faults)
