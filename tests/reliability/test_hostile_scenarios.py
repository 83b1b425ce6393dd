"""Scenario files that mean harm, or that something has happened to: refused in words, or run; nothing else.

The first harness takes mutants of the shipped scenarios, each made from its number alone: what is accepted and small
is also trained, and some of it explained. The second one takes documents that are no TOML; where the environment
variable ``NEUROSIM_TOML_TEST`` names a folder, such as ``tests`` of https://github.com/toml-lang/toml-test, every
``*.toml`` below it is taken too, in the full run. The last one asks for more than any machine has.

Every command runs in a process with little address space that is ended when it stays away too long.
"""

import json
import os
import re
import tomllib
from itertools import islice
from pathlib import Path

import pytest

pytest.importorskip("resource")  # there is none on Windows

from guarded import GuardedCommands
from hostile_toml import GOOD, documents
from scenario_mutants import mutant
from sizes import sizes

# What `GuardedCommands` calls a scenario's file.
FILE = "s.toml"
# Enough for the explanation of every fault that is told at once.
LONGEST = 8000
# Multiply-adds, parameters, layers, rows and networks that take a moment on any backend.
SMALL = {"work": 1e8, "parameters": 1e6, "layers": 60, "rows": 1e5, "networks": 6}
SCENARIO_FAULT = re.compile(rf"{FILE}:\d+:\d+: |{FILE}: |--(set|seed) |  |augmentation\.|record|training takes ")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def commands(folder):
    with pytest.MonkeyPatch.context() as environment, GuardedCommands(folder) as guarded:
        environment.setenv("NEUROSIM_DATA", str(folder / "no data"))
        yield guarded


def wrong_with(answer, *arguments):
    """What is wrong with the answer to a command; empty where it is as it must be."""
    found = []
    said = f"{answer.out}{answer.err}"
    if answer.code not in (0, 2, 3, 4, 5):
        found.append(f"exit status {answer.code}")
    if "unexpected" in answer.err or "Traceback" in said:
        found.append("an error of Python")
    if arguments[0] == "info" and "not enough memory" in answer.err:
        found.append("takes all memory")
    if answer.code in (2, 3, 4):
        found += _wrong_message(answer.err, answer.code)
    return f"{' '.join(map(str, arguments))}: {', '.join(found)}: {answer.err[-2000:]}" if found else ""


def _wrong_message(said, code):
    message = said.partition("Error: ")[2].partition("\nHint: ")[0]
    if not message and "Diverged: " not in said:
        yield "no message"
    if len(said) > LONGEST:
        yield f"{len(said)} characters"
    if not all(c.isprintable() or c == "\n" for c in said):
        yield "control characters"
    if code == 2 and not all(SCENARIO_FAULT.match(line) for line in message.splitlines()):
        yield "does not name the file"


def is_small(content, numbers):
    """Whether a scenario that was accepted is trained in a moment; `numbers` is what ``info --json`` has printed."""
    tree = tomllib.loads(content.decode("utf-8-sig"))
    rows = max(1800, *_all_samples(tree))
    networks = max(1, len(tree.get("variants", []))) * tree["scenario"].get("repeats", 1)
    asked = {
        "work": rows * networks * numbers["multiply_adds"],
        "parameters": numbers["parameters"],
        "layers": len(numbers["layers"]),
        "rows": rows,
        "networks": networks,
    }
    return all(asked[name] <= most for name, most in SMALL.items())


def _all_samples(value):
    """Numbers of rows that a scenario or one of its variants asks for."""
    yield 0
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in entries:
        if str(key).endswith("samples") and isinstance(entry, int):
            yield entry
        yield from _all_samples(entry)


def briefly(number):
    """The words that train a small scenario for one epoch: on each backend in turn, some with their pictures."""
    backend = "cpu" if number % 3 == 0 else "reference"
    pictures = () if number % 10 == 0 else ("--set", "plots.pictures=[]")
    words = ("run", FILE, "--set", "training.epochs=1", "--backend", backend, "--out", f"out-{number}")
    return (*words, *pictures, "--no-report", "--json")


@sizes(short=20, full=10_000)
def test_mutated_scenarios_are_refused_in_words_or_run(count, commands, folder):
    wrong, refused, trained, explained = [], 0, 0, 0
    for number in range(count):
        name, content = mutant(number)
        (folder / FILE).write_bytes(content)
        answers = {("info", FILE, "--json"): commands("info", FILE, "--json")}
        (answer,) = answers.values()
        refused += answer.code != 0
        if answer.code == 0 and is_small(content, json.loads(answer.out)):
            words = briefly(number)
            answers[words] = commands(*words)
            trained += 1
            if number % 10 == 1:
                answers["explain", FILE] = commands("explain", FILE)
                explained += 1
        for words, answer in answers.items():
            problem = wrong_with(answer, *words)
            if problem:
                wrong.append(f"mutant {number} of {name}: {problem}")
    print(f"{count} mutants: {refused} refused, {trained} trained, {explained} explained, {len(wrong)} wrong")
    assert not wrong, f"{len(wrong)} of {count} mutants:\n" + "\n".join(wrong[:20])
    # Else nothing would have been tried.
    assert refused > count / 4
    assert trained >= count / 20


def other_documents():
    corpus = os.environ.get("NEUROSIM_TOML_TEST")
    return {str(path): path.read_bytes() for path in sorted(Path(corpus).rglob("*.toml"))} if corpus else {}


def is_toml(content):
    try:
        tomllib.loads(content.decode("utf-8-sig"))
    except ValueError:
        return False
    return True


# The long ones come last.
@sizes(short=415, full=100_000)
def test_documents_that_are_no_scenario_are_refused_in_words(count, commands, folder):
    wrong, found = [], dict(islice((documents() | other_documents()).items(), count))
    assert len(found) >= 150
    for name, content in found.items():
        (folder / FILE).write_bytes(content)
        answer = commands("info", FILE)
        problem = wrong_with(answer, "info", FILE)
        # A comment with a character that is only odd makes no wrong scenario.
        if problem or not (answer.code == 2 or (answer.code == 0 and is_toml(content))):
            wrong.append(f"{name}: {problem or answer}")
    print(f"{len(found)} documents, {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong)


def with_layers(*layers):
    """A scenario on 8 x 8 images of digits, with these layers before the last."""
    first = "\n".join(f"[[network.layers]]\n{layer}" for layer in layers)
    return f"""
[scenario]
name = "asks-for-much"
title = "Asks for much"
[data]
source = "digits"
[network]
loss = "categorical_cross_entropy"
{first}
[[network.layers]]
kind = "dense"
units = 10
activation = "softmax"
[optimizer]
name = "adam"
[training]
epochs = 1
"""


DENSE, CONVOLUTION, FLAT = 'kind = "dense"\nunits = {}', 'kind = "conv2d"\n{}', 'kind = "flatten"'
ASKS_FOR_MUCH = {
    "units": (with_layers(DENSE.format(10**9)), "units: expected a number of at most 1000000, not 1000000000"),
    "wide layers": (with_layers(DENSE.format(10**6), DENSE.format(10**6)), r"training takes at least 14\.6 TiB of mem"),
    "channels": (with_layers(CONVOLUTION.format("channels = 1000000\npadding = 'same'"),
                             CONVOLUTION.format("channels = 1000000"), FLAT), "training takes at least .* TiB"),
    "kernel": (with_layers(CONVOLUTION.format("channels = 1\nkernel = 1000000"), FLAT), "at most 10000, not 1000000"),
    "window": (with_layers(CONVOLUTION.format("channels = 1\nkernel = 10000"), FLAT), "10000 x 10000 does not fit"),
    "repeat": (with_layers('kind = "group"\nrepeat = 1000000\nlayers = [{ kind = "flatten" }]'),
               "repeat: expected a number of at most 1000, not 1000000"),
    "repeats in repeats": (with_layers('kind = "group"\nrepeat = 1000\nlayers = [{ kind = "group", repeat = 1000, '
                                       'layers = [{ kind = "dense", units = 2 }] }]'), "these are 1,000,001 layers"),
    "samples": (GOOD.replace("noise = 0.2", "samples = 1000000000000"), "samples = 1000000000000: expected 2 to 10"),
    "classes": (GOOD.replace('"moons"', '"blobs"\nclasses = 10000000'), "classes = 10000000: expected 2 to 1000"),
    "epochs": (GOOD.replace("epochs = 4", "epochs = 1000000000000000"), "epochs: expected a number of at most 214"),
    "batch": (GOOD.replace("epochs = 4", "epochs = 1\nbatch_size = 10000000000"), "expected a number of at most 2147"),
    "repeats": (GOOD.replace("seed = 7", "repeats = 1000000000"), "repeats: expected a number of at most 1000"),
    "variants": (GOOD + "".join(f'[[variants]]\nname = "v{number}"\n' for number in range(25_000)),
                 "variants: expected at most 100 of them"),
    "recordings": (GOOD + '[record]\nquantities = ["dead"]\nevery = 1e-9\n', "every: expected a whole number, not 1e"),
    "recorded rows": (GOOD + '[record]\nquantities = ["dead"]\nrows = 1000000000\n', "rows: expected .* at most 1000"),
    "recorded steps": (GOOD.replace("epochs = 4", "epochs = 2000000000") + '[record]\nquantities = ["parameters"]\n',
                       r"recording parameters .* would take .* GiB"),
    "elastic": (with_layers(FLAT) + "[augmentation]\nelastic = { alpha = 1, sigma = 1e9 }\n",
                "sigma: expected .* most 100"),
}  # fmt: skip


@pytest.mark.parametrize("name", ASKS_FOR_MUCH)
def test_a_scenario_that_asks_for_more_than_there_is_says_what_is_possible(commands, folder, name):
    content, words = ASKS_FOR_MUCH[name]
    (folder / FILE).write_text(content)
    arguments = ("run", FILE, "--no-report", "--out", "out")
    answer = commands(*arguments)
    assert not wrong_with(answer, *arguments)
    assert answer.code == 2
    assert re.search(words, answer.err)
