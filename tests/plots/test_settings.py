"""Pictures are the same whatever the user's settings of matplotlib are, and those are left alone."""

import os
import subprocess
import sys

import matplotlib as mpl
import pytest

import neurosim
from neurosim.plots.settings import own_settings

# What a user may have chosen; each of them would be seen.
CHOSEN = {
    "lines.linewidth": 9.0, "font.size": 30.0, "axes.facecolor": "pink", "savefig.dpi": 30.0, "figure.dpi": 300.0,
    "text.color": "red", "xtick.labelsize": 30.0, "xtick.direction": "in", "image.interpolation": "bicubic",
    "legend.framealpha": 0.1, "axes.xmargin": 0.7, "axes.spines.left": False, "savefig.bbox": "tight",
    "path.sketch": (5.0, 50.0, 2.0), "figure.autolayout": True, "svg.fonttype": "path", "patch.edgecolor": "red",
}  # fmt: skip
PICTURES = ("learning_curves", "decision_boundary", "hidden_space", "network_diagram", "unit_maps")


@pytest.fixture(scope="module")
def result():
    return neurosim.run("xor", backend="reference", overrides={"training.epochs": 3, "expect": {}})


@pytest.fixture
def chosen():
    with mpl.rc_context(CHOSEN):
        yield dict(mpl.rcParams)


def drawn(result):
    """The bytes of pictures and of a film, each shown as a notebook shows it."""
    figures = [neurosim.plot(result, name) for name in PICTURES]
    figures += [neurosim.plot(neurosim.compare(result, result))]
    return [figure._repr_png_() for figure in figures]


def test_pictures_do_not_depend_on_the_user_s_settings(result, request):
    expected = drawn(result)
    before = request.getfixturevalue("chosen")
    assert drawn(result) == expected
    assert dict(mpl.rcParams) == before


def test_the_user_s_settings_are_back_when_drawing_fails(chosen):
    @own_settings()
    def draw():
        assert mpl.rcParams["font.size"] != CHOSEN["font.size"]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        draw()
    assert dict(mpl.rcParams) == chosen


def test_settings_made_within_a_picture_hold(chosen):
    with own_settings(), mpl.rc_context({"font.size": 3.0}), own_settings():
        assert mpl.rcParams["font.size"] == 3.0


def warnings_of(*words, **variables):
    """What a command warns of where some variables are set."""
    done = subprocess.run(
        [sys.executable, "-m", "neurosim", *words],
        env={**os.environ, **variables}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [line for line in done.stderr.splitlines() if line.startswith("Warning: ")]


def test_variables_of_matplotlib_that_are_ignored_are_named_where_something_is_drawn(tmp_path):
    run = neurosim.run(
        "xor", backend="cpu", overrides={"training.epochs": 3, "expect": {}}, out=tmp_path / "run"
    ).folder
    rows = tmp_path / "rows.csv"
    rows.write_text("x1,x2\n0,1\n")
    plot = ("plot", str(run), "--only", "learning_curves")
    (line,) = warnings_of(*plot, MPLBACKEND="TkAgg", MATPLOTLIBRC=str(tmp_path))
    assert line.endswith("are the same everywhere: MATPLOTLIBRC, MPLBACKEND")
    for usual in ("", "Agg", "module://matplotlib_inline.backend_inline"):
        assert not warnings_of(*plot, MPLBACKEND=usual, MATPLOTLIBRC="")
    assert not warnings_of("predict", str(run), "--data", str(rows), MPLBACKEND="TkAgg")
