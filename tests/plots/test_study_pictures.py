"""Pictures of studies and of what was recorded: what is on them, and that odd numbers do no harm."""

import math

import numpy as np
import pytest

from neurosim.analysis.inputs import InputMap, Points
from neurosim.analysis.studies import RunOfStudy, StudyFacts, VariantFacts
from neurosim.plots.layers import layer_pictures
from neurosim.plots.lines import looks
from neurosim.plots.studies import against, comparison, study_figures, write_figures
from neurosim.training.history import History
from neurosim.training.recording import Recording
from neurosim.training.recording.recording import histogram


def write(shown, folder):
    return write_figures(study_figures(shown), shown.title, folder)


FINAL = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")


def history(epochs=5, *, loss=1.0, accuracy=0.9, test=True):
    return History(
        [
            {"epoch": k + 1, "train_loss": loss * 0.5**k, "train_accuracy": accuracy, "lr": 0.1, "seconds": 0.1,
             "test_loss": loss if test else None, "test_accuracy": accuracy if test else None}
            for k in range(epochs)
        ]
    )  # fmt: skip


def recording(scale=1.0, layers=4):
    made = Recording(tuple(f"layers.{k}" for k in range(layers)))
    random = np.random.default_rng(0)
    for epoch in range(3):
        histograms = [histogram(random.normal(size=50).astype(np.float32)) for _ in range(layers)]
        made.add(
            epoch,
            4 * epoch,
            {
                "gradient_norm": scale * 10.0 ** -np.arange(layers, dtype=np.float32),
                "dead": np.array([np.nan, *[0.5] * (layers - 1)], np.float32),
                "update_ratio": np.full(layers, np.nan if epoch == 0 else 0.01, np.float32),
                "weight_histogram": np.stack([counts for counts, _ in histograms]),
                "weight_histogram_range": np.stack([ends for _, ends in histograms]),
            },
        )
    return made


def run(seed=0, **parts):
    shown = {"history": history(), "recording": None, "inputs": None, **parts}
    last = shown["history"][-1] if len(shown["history"]) else {}
    return RunOfStudy(
        seed, shown["history"], {name: last.get(name) for name in FINAL}, shown["recording"], shown["inputs"]
    )


def facts(*variants, measure="test_accuracy", scale="linear"):
    return StudyFacts("A study", tuple(variants), measure, "mean", "number of things", scale)


def variant(name, *runs, group="", value=None):
    return VariantFacts(name, group, value, tuple(runs or [run()]))


def plane():
    xs = np.linspace(0, 1, 5)
    points = {"train": Points(np.random.default_rng(0).random((6, 2)), np.array([0, 1] * 3))}
    return InputMap((xs, xs), np.random.default_rng(1).random((1, 5, 5)), points, ("x", "y"), ("0", "1"), 0.5)


def labels(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_a_comparison_has_a_line_for_each_variant_and_a_band_for_seeds():
    made = comparison(facts(variant("a", run(0), run(1, history=history(loss=2.0))), variant("b")))
    assert labels(made) == ["a", "b"]
    loss, accuracy = made.axes
    assert [len(axes.lines) for axes in (loss, accuracy)] == [2, 2]
    assert len(loss.collections) == 1, "the band of the variant with two seeds"
    assert loss.lines[0].get_ydata()[0] == pytest.approx(1.5), "the mean"
    assert "2 seeds" in made.texts[-1].get_text()
    assert "thin" not in made.texts[-1].get_text()
    assert [axes.get_xlabel() for axes in made.axes] == ["epoch", "epoch"]


def test_runs_that_ended_early_are_drawn_as_far_as_they_go():
    runs = [run(0, history=history(2)), run(1, history=history(6, loss=3.0)), run(2, history=history(5))]
    made = comparison(facts(variant("a", *runs)))
    lines = made.axes[0].lines
    # Nothing is joined where the mean becomes that of fewer runs.
    assert [line.get_xdata().tolist() for line in lines] == [[1, 2], [3, 4, 5], [6]]
    assert lines[0].get_ydata()[0] == pytest.approx(5 / 3)
    assert lines[1].get_ydata()[0] == pytest.approx(0.5)
    assert lines[1].get_linewidth() < lines[0].get_linewidth()
    assert labels(made) == ["a"]
    assert "thin lines: those that were still training" in made.texts[-1].get_text()


def test_repeats_alone_are_drawn_by_split():
    assert labels(comparison(facts(variant("", run(0), run(1))))) == ["train", "test"]


@pytest.mark.parametrize("scale", ["linear", "logarithmic"])
def test_a_measure_against_the_values_of_the_variants(scale):
    made = against(
        facts(
            variant("p2", group="plain", value=2.0), variant("p8", group="plain", value=8.0),
            variant("r8", group="res", value=8.0), variant("r2", group="res", value=2.0),
            scale=scale,
        )
    )  # fmt: skip
    (axes,) = made.axes
    assert labels(made) == ["plain", "res"]
    assert [line.get_xdata().tolist() for line in axes.lines] == [[2.0, 8.0], [2.0, 8.0]]
    assert axes.get_xscale() == ("log" if scale == "logarithmic" else "linear")
    assert axes.get_xlabel() == "number of things"
    assert axes.get_ylabel() == "test accuracy"
    assert axes.get_xticks().tolist() == [2.0, 8.0]


def test_every_variant_of_many_can_be_told_apart():
    many = [variant(f"v{k}") for k in range(25)]
    assert len({(look.color, look.line) for look in looks(many)}) == 25
    numbered = [variant(f"v{k}", group=f"{k % 2}", value=float(k)) for k in range(20)]
    assert len({(look.color, look.line) for look in looks(numbered)}) == 20


def test_recorded_quantities_each_have_a_picture():
    found = layer_pictures("T", [("a", [recording(), recording(2.0)]), ("b", [recording()])], looks([variant("a")] * 2))
    assert set(found) == {"gradient_norm", "dead", "update_ratio", "weight_histogram"}
    by_layer, over_time = found["gradient_norm"].axes
    assert by_layer.get_yscale() == over_time.get_yscale() == "log"
    assert by_layer.lines[0].get_ydata()[0] == pytest.approx(1.5), "the mean of two seeds"
    assert "first layer; dotted: last layer" in over_time.get_xlabel()
    assert len(found["dead"].axes[0].lines[0].get_xdata()) == 3, "layers that have it"
    assert len(found["weight_histogram"].axes) == 8


@pytest.mark.parametrize("count", [3, 12])
def test_histograms_of_many_runs_have_no_words_over_each_other(count):
    names = [f"run-{k}" for k in range(count)]
    found = layer_pictures("T", [(name, [recording(layers=3)]) for name in names], looks([variant(n) for n in names]))
    made = found["weight_histogram"]
    made.draw_without_rendering()
    words = [*made.texts, *(axes.title for axes in made.axes), *(axes.yaxis.label for axes in made.axes)]
    boxes = [text.get_window_extent() for text in words if text.get_text()]
    boxes += [axes.get_window_extent() for axes in made.axes]
    over = [(one, other) for k, one in enumerate(boxes) for other in boxes[:k] if one.overlaps(other)]
    assert over == []
    told = " ".join(text.get_text() for text in made.texts)
    assert ("the first 8 of 12" in told) == (count == 12)


def test_all_pictures_are_written_and_the_same_again(tmp_path):
    shown = facts(
        variant("one", run(0, recording=recording(), inputs=plane()), run(1, recording=recording(3.0)), value=1.0),
        variant("two", run(0, recording=recording(), inputs=plane()), value=20.0),
    )
    names = [path.name for path in write(shown, tmp_path)]
    assert names == [
        "comparison.png", "against.png", "gradient_norm.png", "update_ratio.png", "dead.png", "weight_histogram.png",
        "decision_boundaries.png",
    ]  # fmt: skip
    first = {name: (tmp_path / name).read_bytes() for name in names}
    write(shown, tmp_path)
    assert first == {name: (tmp_path / name).read_bytes() for name in names}


ODD = {
    "diverged": run(history=History([{"epoch": 1, "train_loss": math.nan, "train_accuracy": None}])),
    "infinite": run(history=History([{"epoch": 1, "train_loss": math.inf, "train_accuracy": 0.1}])),
    "nothing trained": run(history=History([])),
    "zero loss": run(history=history(loss=0.0)),
    "zero gradients": run(recording=recording(0.0)),
    "one layer": run(recording=recording(layers=1)),
    "no test rows": run(history=history(test=False)),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_numbers_do_no_harm(tmp_path, name):
    for beside in ([], [variant("usual")]):
        shown = facts(*beside, variant("odd", ODD[name], value=None))
        written = write(shown, tmp_path)
        assert all(path.stat().st_size > 1000 for path in written)
    valued = facts(variant("a", ODD[name], value=1.0), variant("b", value=2.0))
    assert "against.png" in [path.name for path in write(valued, tmp_path)]
