"""A picture that fails takes nothing with it: not the other pictures, the report, or the run."""

import dataclasses
import shutil

import pytest

from neurosim import NeurosimError, Simulator, load_scenario, plot
from neurosim.analysis.facts import run_facts
from neurosim.analysis.failures import Failures
from neurosim.cli.application import execute
from neurosim.plots.pictures import write_pictures
from neurosim.plots.studio import Studio

MOONS = ("run", "moons", "--backend", "reference", "--set", "training.epochs=2", "--set", "data.samples=40")
ASKED = ("--set", 'plots.pictures=["decision_boundary","unit_maps","confusion_matrix"]')


@pytest.fixture(scope="module")
def simulator():
    made = Simulator(load_scenario("moons", overrides={"training.epochs": 2, "data.samples": 40}), backend="reference")
    made.train()
    return made


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder with two runs, a and b, that have no pictures yet."""
    folder = tmp_path_factory.mktemp("runs")
    for name in ("a", "b"):
        words = ("--quiet", "--set", "expect={}", "--set", "plots.pictures=[]", "--no-report", "--out", folder / name)
        assert execute([*MOONS, *map(str, words)]) == 0
    return folder


@pytest.fixture
def runs(command, trained, tmp_path):
    """A copy of the two runs in the current folder."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def call(*words):
        capsys.readouterr()
        code = execute(list(words))
        return code, *capsys.readouterr()

    return call


@pytest.fixture(params=["collecting", "drawing"])
def broken(request, monkeypatch):
    """Makes one picture of runs fail, or one of studies and ensembles."""

    def fail(*_, **__):
        raise IndexError("too many indices")

    def breaks(part, drawing):
        if request.param == "collecting" and part:
            monkeypatch.setattr(f"neurosim.analysis.{part}", fail)
        else:
            monkeypatch.setattr(drawing, fail)

    return breaks


def test_units_of_a_regression_with_two_inputs_have_maps(tmp_path):
    (tmp_path / "plane.csv").write_text("a,b,y\n" + "".join(f"{k % 5},{k // 5},{k * k / 100}\n" for k in range(30)))
    (tmp_path / "plane.toml").write_text(
        """
        scenario = { name = "plane", title = "Plane" }
        data = { source = "csv", file = "plane.csv", target = "y", task = "regression" }
        optimizer = { name = "sgd", lr = 0.01 }
        training = { epochs = 2, batch_size = 8 }
        [network]
        loss = "mse"
        layers = [
          { kind = "dense", units = 3, activation = "tanh" },
          { kind = "dense", units = 1, activation = "identity" },
        ]
        """
    )
    made = Simulator(load_scenario(tmp_path / "plane.toml"), backend="reference")
    made.train()
    drawn = plot(made, "unit_maps")
    assert len(drawn.axes) == 4, "three hidden units and the output"
    assert all(len(axes.lines) == 1 for axes in drawn.axes), "the rows"
    # What such a run has to show by itself.
    assert run_facts(made).pictures == ("learning_curves", "fitted_surface")
    surface = plot(made).axes[0]
    image, rows = surface.images[0], surface.collections[-1]
    assert image.get_clim() == rows.get_clim(), "rows in the colors of the surface"
    assert rows.get_array().tolist() == made.data.to_target_units(made.data.train.targets)[:, 0].tolist()


def test_the_run_goes_on_with_its_other_pictures_and_its_report(command, broken, tmp_path):
    broken("units.unit_maps", "neurosim.plots.units.unit_maps")
    code, out, err = command(*MOONS, *ASKED, "--set", "expect={test_loss={at_most=0.001}}", "--out", "r")
    assert code == 5, "the status is that of the training"
    assert [line for line in err.splitlines() if "unit_maps" in line] == [
        "No picture unit_maps: unexpected IndexError: too many indices. "
        "This is a bug in neurosim; run again with --debug to see where."
    ]
    assert "Pictures: decision_boundary.png, confusion_matrix.png" in out
    assert {path.name for path in (tmp_path / "r").glob("*.png")} == {"decision_boundary.png", "confusion_matrix.png"}
    assert (tmp_path / "r" / "report.html").read_text().count("<figure ") == 2


def fail(*_, **__):
    raise ZeroDivisionError("division by zero")


def test_plot_of_that_picture_alone_fails(command, runs, monkeypatch):
    monkeypatch.setattr("neurosim.plots.units.unit_maps", fail)
    code, out, err = command("plot", "a", "--only", "unit_maps", "--only", "decision_boundary", "--debug")
    assert (code, out) == (1, "a/decision_boundary.png\n")
    assert "No picture unit_maps: unexpected ZeroDivisionError" in err
    assert "Traceback" in err, "--debug shows where"
    code, out, err = command("plot", "a")
    assert code == 0
    assert "No picture unit_maps: unexpected ZeroDivisionError" in err
    assert "Traceback" not in err
    assert "a/confusion_matrix.png" in out.splitlines()


@pytest.mark.ci
def test_what_fails_in_a_process_of_its_own_is_told(simulator, tmp_path):
    facts = run_facts(simulator, ["decision_boundary", "unit_maps", "learning_curves"])
    facts = dataclasses.replace(facts, parts={**facts.parts, "units.unit_maps": facts.parts["inputs.input_map"]})
    failures = Failures()
    with Studio(own_process=True) as helper:
        written = helper.draw(facts, tmp_path, failures)
    assert [path.stem for path in written] == ["decision_boundary", "learning_curves"]
    assert all(path.is_file() for path in written)
    assert list(failures) == ["unit_maps"]
    with pytest.raises(type(failures["unit_maps"])):
        write_pictures(facts, tmp_path)


@pytest.mark.ci
def test_facts_that_cannot_be_sent_are_drawn_here(simulator, tmp_path):
    facts = run_facts(simulator, ["decision_boundary", "unit_maps"])
    facts = dataclasses.replace(facts, parts={**facts.parts, "units.unit_maps": object()})
    failures = Failures()
    with Studio(own_process=True) as helper:
        assert [path.stem for path in helper.draw(facts, tmp_path, failures)] == ["decision_boundary"]
    assert list(failures) == ["unit_maps"]


@pytest.mark.ci
def test_from_python_it_is_said_whose_fault_it_is(simulator, broken):
    broken("units.unit_maps", "neurosim.plots.units.unit_maps")
    with pytest.raises(NeurosimError, match="unit_maps could not be drawn: IndexError: too many indices") as caught:
        plot(simulator, "unit_maps")
    assert "bug in neurosim" in caught.value.hint
    assert plot(simulator, "decision_boundary").axes


@pytest.mark.ci
@pytest.mark.parametrize(
    ("words", "drawing", "picture", "left"),
    [
        (("--set", "scenario.repeats=2"), "neurosim.plots.studies.comparison", "comparison", set()),
        (
            ("--set", "scenario.repeats=2", "--set", 'record.quantities=["dead","weight_norm"]'),
            "neurosim.plots.layers.layer_picture",
            "weight_norm",
            {"comparison.png"},
        ),
        (("--seeds", "2"), "neurosim.plots.ensembles.ensemble_histogram", "ensemble", set()),
    ],
)
def test_studies_and_many_seeds_go_on(command, monkeypatch, tmp_path, words, drawing, picture, left):
    monkeypatch.setattr(drawing, fail)
    code, _, err = command(*MOONS, "--set", "expect={}", "--out", "r", *words)
    assert code == 0
    assert f"No picture {picture}: unexpected ZeroDivisionError: division by zero. This is a bug in neurosim" in err
    assert {path.name for path in (tmp_path / "r").glob("*.png")} == left
    assert (tmp_path / "r" / "report.html").is_file()


def test_a_comparison_goes_on(command, runs, monkeypatch):
    monkeypatch.setattr("neurosim.plots.studies.comparison", fail)
    code, out, err = command("compare", "a", "b", "--out", "c")
    assert code == 0
    assert "train loss" in out
    assert "Pictures in c: none" in out
    assert err.startswith("No picture comparison: unexpected ZeroDivisionError")
