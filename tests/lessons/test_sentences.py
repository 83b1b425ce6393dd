"""Every sentence of a lesson that can be measured is held by something, and every number in it by a quote."""

import re
import tomllib
from functools import cache
from pathlib import Path

import pytest
from lessons import later_sentences, sentences

from neurosim import load_scenario
from neurosim.report.glossary import find
from neurosim.scenario import shipped
from neurosim.scenario.course import lessons

# Its lesson and its checks stand beside each other elsewhere.
ELSEWHERE = {"xor", "xor-two-units", "xor-perceptron"}
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
ROOT = Path(__file__).parents[2]


@cache
def lesson(name):
    return " ".join(tomllib.loads(shipped()[name].read_text(encoding="utf-8"))["scenario"]["lesson"].split())


def quotes():
    tables = [sentences.FACTS, sentences.OF_THE_RUN, sentences.APART]
    found = [(name, quote) for table in tables for name, entries in table.items() for quote, _ in entries]
    tables = [sentences.BY_CLAIMS, sentences.OTHERWISE]
    return found + [(name, quote) for table in tables for name, entries in table.items() for quote in entries]


def test_every_quote_is_in_its_lesson():
    assert [(name, quote) for name, quote in quotes() if quote not in lesson(name)] == []


@pytest.mark.parametrize("name", sorted(set(shipped()) - ELSEWHERE))
def test_every_number_of_a_lesson_stands_in_a_quote(name):
    text = lesson(name)
    for quote in (quote for owner, quote in quotes() if owner == name):
        text = text.replace(quote, NUMBER.sub("", quote))
    assert NUMBER.findall(text) == [], text


@pytest.mark.parametrize("name", sentences.FACTS)
def test_facts(name):
    for _, check in sentences.FACTS[name]:
        check()


@pytest.mark.lessons
@pytest.mark.parametrize("name", sentences.APART)
def test_what_a_lesson_says_of_other_runs(name):
    for check in dict.fromkeys(check for _, check in sentences.APART[name]):
        check()


def test_the_course_and_the_readme_agree_on_the_best_networks():
    figures = later_sentences.course_figures()
    assert set(figures) == {name for name in shipped() if name.startswith("mnist")}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (row,) = re.findall(r"^\| `mnist-mlp-best` `mnist-mlp-elastic` \| (.*) \|$", readme, flags=re.MULTILINE)
    assert re.findall(r"([\d.]+)%", row) == [
        f"{100 * figures[name]:.2f}" for name in ("mnist-mlp-best", "mnist-mlp-elastic")
    ]
    for name, figure in figures.items():
        assert load_scenario(name).expect["test_accuracy"].at_least <= figure


# Where a word is explained: the first lesson of the course that uses it.
EXPLAINED = {
    "weight": ("and", "multiplies each input by a number of its own, a weight"),
    "bias": ("and", "one more number, the bias"),
    "target": ("and", "The target is the right answer"),
    "learning rate": ("and", "the learning rate says how long the steps are"),
    "epoch": ("and", "One pass through all four samples is one epoch"),
    "perceptron": ("and", "A perceptron is a single unit"),
    "hidden unit": ("xor", "The six hidden units here draw a line each"),
    "gradient": (
        "xor",
        "how the error at the output changes when this weight alone moves a little: that is the gradient",
    ),
    "backpropagation": ("xor", "Backpropagation finds out, for every weight"),
    "gradient descent": ("xor", "Gradient descent then moves every weight"),
    "loss": ("moons", "The loss is one number that says how wrong the answers are"),
    "test rows": ("moons", "the test rows, which are never used in training"),
    "overfitting": ("moons", "This is called overfitting"),
    "regression": ("sine", "this is called regression"),
    "mean squared error": ("sine", "mean squared error: the distance between answer and point, squared"),
    "softmax": ("iris", "softmax turns their sums into probabilities"),
    "cross-entropy": ("iris", "cross-entropy, is -ln of the probability"),
    "batch size": ("batch-size", "The batch size is the number of rows whose gradients are averaged"),
    "L2": ("overfitting", "L2 puts a price on large weights"),
    "dropout": ("overfitting", "dropout switches off half"),
    "augmentation": ("overfitting", "augmentation shifts, turns and bends"),
    "vanishing gradient": ("vanishing-gradient", "This is the vanishing gradient"),
    "dead unit": ("dying-relu", "the unit is dead"),
    "convolution": ("digits-cnn", "A convolution has a small window of weights"),
    "pooling": ("digits-cnn", "Pooling keeps the largest of each"),
}


@pytest.mark.parametrize("word", EXPLAINED)
def test_a_word_is_explained_in_the_lesson_that_uses_it_first(word):
    name, explanation = EXPLAINED[word]
    assert explanation in lesson(name)
    assert find(word) is not None
    used = re.compile(rf"(?<![\w.-]){re.escape(word)}(?![\w.]\w)", re.IGNORECASE)
    assert next(entry for entry in lessons() if used.search(lesson(entry))) == name
