"""Texts of users in pictures: shown as they are, cut where they are long, and never read as formulas."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.analysis.classification import Classification
from neurosim.analysis.curves import Curves
from neurosim.analysis.facts import RunFacts
from neurosim.analysis.inputs import InputMap, Points
from neurosim.plots.classification import confusion_matrix
from neurosim.plots.curves import learning_curves
from neurosim.plots.inputs import decision_boundary
from neurosim.plots.pictures import draw
from neurosim.plots.style import figure, save
from neurosim.printable import headline, label, labels, printable
from neurosim.training.history import History

FORMULAS = (r"$\frac{1}$", r"costs $5 or $6", r"$\b{$", "$", r"\$x\$", "a_b^c")


def curves(losses, name="loss"):
    epochs = [{"epoch": k + 1, "train_loss": loss, "train_accuracy": None} for k, loss in enumerate(losses)]
    return Curves(History(epochs), name)


@pytest.mark.parametrize("words", FORMULAS)
def test_a_title_is_no_formula(words, tmp_path):
    made = learning_curves(curves([1.0, 0.5], words), words)
    made.axes[0].plot([1, 2], [0.1, 0.2], label=words)
    made.axes[0].legend()
    made.savefig(tmp_path / "tight.png", bbox_inches="tight")
    path = save(made, tmp_path / "curves.svg", words)
    assert path.read_text(encoding="utf-8").count(words) >= 3


def test_powers_of_ten_stay_powers_of_ten(tmp_path):
    path = save(learning_curves(curves([1e2, 1e-3]), "t"), tmp_path / "curves.svg", "t")
    text = path.read_text(encoding="utf-8")
    assert "10⁻²" in text
    assert "mathdefault" not in text


def test_control_characters_are_spelled(tmp_path):
    words = "\x1b]0;title\x07 and \u202eturned"
    path = save(learning_curves(curves([1.0, 0.5], words), words), tmp_path / "curves.svg", words)
    text = path.read_text(encoding="utf-8")
    assert r"\x1b]0;title\x07 and \u202eturned" in text
    assert printable(text) == text


def test_a_picture_can_be_laid_out_before_it_is_drawn():
    classes = (r"$\b{$", r"$\frac{1}$")
    points = Points(np.random.default_rng(0).random((6, 2)), np.array([0, 1] * 3))
    axes = (np.linspace(0, 1, 5), np.linspace(0, 1, 5))
    shown = InputMap(axes, np.random.default_rng(1).random((1, 5, 5)), {"train": points}, classes, classes)
    facts = RunFacts(r"$\frac{1}$", ("decision_boundary",), parts={"inputs.input_map": shown})
    made = draw("decision_boundary", facts)
    made.tight_layout()
    made.canvas.draw()


@pytest.mark.parametrize("letter", ["i", "W", "word ", "\N{CJK UNIFIED IDEOGRAPH-6F22}"])
def test_a_long_title_stays_in_the_picture(letter):
    made, _ = figure(6.0, 4.0, 1, letter * 100_000)
    made.canvas.draw()
    title = made._suptitle
    assert title.get_text().endswith("…")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the font has not all letters
        assert title.get_window_extent().x1 <= made.bbox.x1


@pytest.mark.ci
def test_two_thousand_classes_are_drawn(tmp_path):
    count = 2000
    names = tuple(f"class number {k} of many" for k in range(count))
    counts = np.eye(count, dtype=np.int64)
    counts[3, 1999] = 5
    shown = Classification("test", counts, names, (), probabilities=True, image_shape=(), feature_names=())
    made = confusion_matrix(shown, "t")
    width, height = made.get_size_inches()
    assert max(width, height) < 15
    named = [text.get_text() for text in made.axes[0].get_yticklabels()]
    assert len(set(named)) == len(named) <= 100
    # One wrong answer among four million is still to be seen.
    pixels = np.asarray(made.axes[0].images[0].get_array())
    assert pixels[0, -1, 0] > pixels[0, -1, 2]
    assert (pixels[10, 20, :3] == 1.0).all()
    save(made, tmp_path / "confusion.png", "t")

    rng = np.random.default_rng(0)
    points = Points(rng.random((count, 2)), np.arange(count))
    axes = (np.linspace(0, 1, 20), np.linspace(0, 1, 20))
    made = decision_boundary(InputMap(axes, rng.random((count, 20, 20)), {"train": points}, ("x", "y"), names), "t")
    legend = [text.get_text() for text in made.legends[0].get_texts()]
    assert len(legend) <= 10
    assert legend[-1] == "1,993 more"
    assert len(made.axes[0].collections) < 1500


def test_titles_and_names_are_cut_and_stay_different():
    assert headline("short") == "short"
    assert headline("one\ntwo\tthree") == "one two three"
    assert len(headline("x" * 100_000)) == 160
    assert label("x" * 1000 + "end").endswith("xend")
    assert len(label("x" * 1000)) == 40
    assert label("\u200b") == r"\u200b"
    assert label("مرحبا \N{GRINNING FACE} é") == "مرحبا \N{GRINNING FACE} é"
    long = tuple("x" * 1000 + f"{k}" + "y" * 1000 for k in range(3))
    assert labels(long) == ("…0…", "…1…", "…2…")
    assert len(set(labels(("a", "a\u202a"[:1] + "\t", "b")))) == 3


def test_numbered_labels_are_none_that_is_there_already():
    assert labels(("a", "a (1)", "a", "a (2)", "b")) == ("a (3)", "a (1)", "a (4)", "a (2)", "b")


PIECES = ("a", "b", "é", " ", "\t", "\x1b", "\u200b", "…", " (1)", " (2)", "xy" * 20)


@given(
    st.lists(st.lists(st.sampled_from(PIECES), max_size=6).map("".join) | st.text(max_size=50), max_size=12),
    st.integers(9, 40),
)
def test_no_two_labels_are_the_same(names, longest):
    shown = labels(names, longest)
    assert len(set(shown)) == len(shown) == len(names)
    assert all(printable(one) == one for one in shown)


@pytest.mark.parametrize("epochs", [1, 2, 3, 7, 200])
def test_epochs_are_whole_numbers(epochs):
    made = learning_curves(curves([1.0 / epoch for epoch in range(1, epochs + 1)]), "t")
    made.canvas.draw()
    for axes in made.axes:
        low, high = axes.get_xlim()
        numbers = [number for number in axes.get_xticks() if low <= number <= high]
        assert numbers
        assert all(number == round(number) for number in numbers)
