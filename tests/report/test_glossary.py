"""The glossary: whole, consistent with itself, right in its numbers, and found by those who ask."""

import json
import math
import re
from pathlib import Path

import pytest

from neurosim.cli.application import execute
from neurosim.report.glossary import as_markdown, entries, find, mentions

WORDS = {entry.word for entry in entries()}
ASKED_FOR = """
epoch, batch, step, loss, weight, bias, unit, layer, activation, logit, learning rate, gradient, ∂, chain rule,
backpropagation, optimizer, momentum, overfitting, validation, test, regularization, dropout, batch normalization,
convolution, kernel, filter, pooling, softmax, cross-entropy, one-hot, initialization, seed, saturation, dead unit,
vanishing gradient, skip connection, epochs, batches, losses, biases, learning rates, Learning-Rate, neuron, R2, sgd
"""


@pytest.mark.parametrize("word", [word.strip() for word in ASKED_FOR.split(",")])
def test_words_that_a_beginner_meets(word):
    assert find(word) is not None


def test_entries_are_short_and_lead_on():
    assert 40 <= len(WORDS) == len(entries())
    assert len({entry.anchor for entry in entries()}) == len(WORDS)
    for entry in entries():
        assert 1 <= len(re.findall(r"[.)\"](?= |$)", entry.text)) <= 5, entry.word
        assert entry.example, entry.word
        assert entry.see, entry.word
        assert set(entry.see) <= WORDS - {entry.word}, entry.word


def test_no_spelling_means_two_things():
    seen = {}
    for entry in entries():
        for form in {form.lower() for form in (entry.word, *entry.forms, *entry.asked)}:
            assert seen.setdefault(form, entry.word) == entry.word


def softmax(*z):
    total = sum(map(math.exp, z))
    return ", ".join(f"{math.exp(value) / total:.2f}" for value in z)


@pytest.mark.parametrize(
    ("word", "number"),
    [
        ("sigmoid", f"sigmoid(2) = {1 / (1 + math.exp(-2)):.2f}"),
        ("tanh", f"tanh(-3) = {math.tanh(-3):.3f}"),
        ("softmax", f"({softmax(2, 1, 0)})"),
        ("cross-entropy", f"costs {-math.log(0.9):.3f}; 0.1 costs {math.log(10):.2f}"),
        ("accuracy", f"{337 / 359:.1%}"),
        ("batch", f"{math.ceil(1438 / 32)} steps, the last one with the {1438 % 32} rows"),
        ("fully connected layer", f"{784 * 100:,} weights"),
        ("initialization", f"{math.sqrt(2 / 100):.2f}"),
        ("batch normalization", f"{-2 / math.sqrt(8 / 3):.2f}, 0, {2 / math.sqrt(8 / 3):.2f}"),
        ("saturation", f"{math.exp(-6) / (1 + math.exp(-6)) ** 2:.4f}"),
        ("R²", f"{1 - 2 / 8}"),
        ("training set", f"{1797 - round(0.2 * 1797):,} are for training and {round(0.2 * 1797)} for the test"),
    ],
)
def test_numbers_of_the_examples(word, number):
    assert number in find(word).example


def test_words_in_a_text_are_found_and_names_are_left_alone():
    text = "The learning\nrate of optimizer.lr, --seed 3 and train_loss in loss.png: Epochs, a perceptron's bias."
    assert [entry.word for *_, entry in mentions(text)] == ["learning rate", "epoch", "perceptron", "bias"]


def test_the_page_of_the_docs_is_current():
    """Else: python docs/glossary_page.py"""
    page = Path(__file__).parents[2] / "docs" / "glossary.md"
    assert page.read_text(encoding="utf-8") == as_markdown()
    links, places = set(re.findall(r"\(#([\w-]+)\)", as_markdown())), set(re.findall(r'id="([\w-]+)"', as_markdown()))
    assert links <= places


def asked(capsys, *words):
    code = execute(["glossary", *words])
    return code, *capsys.readouterr()


def test_the_command_explains_a_word(capsys):
    code, out, err = asked(capsys, "learning", "rates")
    assert (code, err) == (0, "")
    assert out.startswith("learning rate\n  How far each step goes")
    assert "For example: With slope 2" in out
    assert "See also: step" in out
    assert max(map(len, out.splitlines())) <= 88


def test_the_command_lists_all_words(capsys):
    code, out, _ = asked(capsys)
    assert code == 0
    listed = {word.strip() for line in out.splitlines() if line.startswith("  ") for word in line.split(",")}
    assert listed >= WORDS


def test_the_command_as_json(capsys):
    _, out, _ = asked(capsys, "--json")
    assert {entry["word"] for entry in json.loads(out)} == WORDS
    _, out, _ = asked(capsys, "--json", "epochs")
    assert json.loads(out)["word"] == "epoch"


def test_an_unknown_word_suggests_the_nearest(capsys):
    code, out, err = asked(capsys, "gradeint")
    assert (code, out) == (2, "")
    assert 'the glossary has no entry "gradeint"; did you mean "gradient"?' in err
    assert "to list them all: neurosim glossary" in asked(capsys, "qqqq")[2]
