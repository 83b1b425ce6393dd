"""Which pictures a run has, why it has no others, and that every one can be drawn, as PNG and as SVG."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

import neurosim
from neurosim import Simulator, load_scenario
from neurosim.analysis import conditions
from neurosim.analysis.catalog import function as collecting
from neurosim.analysis.catalog import lacking
from neurosim.analysis.facts import RunFacts, run_facts
from neurosim.analysis.packing import pack, unpack
from neurosim.plots.pictures import function as drawing
from neurosim.plots.pictures import write_pictures
from neurosim.scenario.pictures import FILMS, PICTURES, SEVERAL
from neurosim.scenario.study import QUANTITIES

CNN = {
    "network.layers.0.channels": 4, "network.layers.2.channels": 4, "training.epochs": 2, "expect": {},
}  # fmt: skip
RUNS = {
    "xor": {"training.epochs": 40, "record.every": 4},
    "and": {},
    "moons": {"training.epochs": 4, "record.every": 1},
    "sine": {"training.epochs": 4, "record.every": 1},
    "iris": {"training.epochs": 4},
    "digits": {"training.epochs": 2},
    "digits-cnn": CNN,
}


@pytest.fixture(scope="module")
def simulators():
    def trained(name, changes):
        recorded = {"record": {"quantities": list(QUANTITIES), "every": changes.get("record.every", 1), "rows": 40}}
        others = {key: value for key, value in changes.items() if key != "record.every"}
        simulator = Simulator(load_scenario(name, overrides=others | recorded))
        simulator.train()
        return simulator

    return {name: trained(name, changes) for name, changes in RUNS.items()}


@pytest.mark.parametrize(
    ("name", "usual"),
    [
        ("xor", {"learning_curves", "decision_boundary", "hidden_space"}),
        ("sine", {"learning_curves", "fitted_curve"}),
        ("iris", {"learning_curves", "hidden_space", "confusion_matrix"}),
        ("digits", {"learning_curves", "confusion_matrix", "worst_mistakes"}),
        ("digits-cnn", {"learning_curves", "confusion_matrix", "worst_mistakes", "responses"}),
    ],
)
def test_usual_pictures_by_kind_of_problem(simulators, name, usual):
    recorded = set(QUANTITIES) & set(PICTURES)
    assert set(run_facts(simulators[name]).pictures) - recorded == usual
    assert set(run_facts(simulators[name]).pictures) & recorded


@pytest.mark.parametrize("name", RUNS)
def test_a_run_has_a_picture_or_it_is_said_why_not(simulators, name):
    facts = run_facts(simulators[name], PICTURES)
    reasons = lacking(simulators[name])
    # Only what has nothing to show is neither.
    assert set(PICTURES) - set(facts.pictures) - set(reasons) <= {"worst_mistakes", "loss_surface"}
    assert not set(facts.pictures) & set(reasons)
    assert all(reason and "\n" not in reason for reason in reasons.values())


@pytest.mark.parametrize(
    ("name", "pictures"),
    [
        ("moons", ["unit_maps", "decision_boundary", "hidden_space", "loss_surface"]),
        ("sine", ["unit_maps", "fitted_curve", "learning_curves"]),
        ("iris", ["network_diagram", "worst_mistakes", "confusion_matrix"]),
        ("xor", ["network_diagram", "weight_histogram"]),
        ("digits", ["hidden_space", "first_layer_weights", "worst_mistakes"]),
        pytest.param(
            "digits-cnn",
            ["hidden_space", "filters", "feature_maps", "responses", "activation_histogram", "dead", "gradient_norm"],
            marks=pytest.mark.ci,
        ),
    ],
)
def test_every_picture_can_be_drawn(simulators, name, pictures, tmp_path):
    facts = run_facts(simulators[name], pictures)
    assert list(facts.pictures) == pictures
    for path in write_pictures(facts, tmp_path):
        image = imread(path)
        assert image.shape[0] > 200
        assert image.shape[1] > 500
        assert image.std() > 0.02, f"{path.stem} is empty"


@pytest.mark.parametrize("name", ["moons", pytest.param("digits-cnn", marks=pytest.mark.ci)])
def test_facts_reach_another_process_whole(simulators, name):
    facts = run_facts(simulators[name], PICTURES)
    assert RunFacts.from_bytes(facts.to_bytes()).to_bytes() == facts.to_bytes()


def test_a_picture_can_be_scaled(simulators, tmp_path):
    facts = run_facts(simulators["xor"], ["learning_curves", "network_diagram"], ["svg"])
    first = [path.read_bytes() for path in write_pictures(facts, tmp_path)]
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["learning_curves.svg", "network_diagram.svg"]
    assert first == [path.read_bytes() for path in write_pictures(facts, tmp_path)]
    assert b"epoch</text>" in first[0], "text stays text"


@pytest.mark.parametrize(
    ("name", "picture", "words"),
    [
        ("iris", "decision_boundary", "the network has 4 inputs; a boundary can be drawn for two"),
        ("sine", "confusion_matrix", "values to predict, not classes"),
        ("iris", "filters", "no convolutions"),
        ("digits", "network_diagram", "too large"),
        ("digits-cnn", "first_layer_weights", "not dense"),
        ("and", "unit_maps", "no hidden layer"),
    ],
)
def test_reasons_say_what_is_missing(simulators, name, picture, words):
    assert words in lacking(simulators[name])[picture]


def test_what_was_not_recorded_is_told_with_the_way_to_it():
    simulator = Simulator(load_scenario("iris", overrides={"training.epochs": 1}))
    simulator.train()
    reasons = lacking(simulator)
    assert 'overrides={"record.quantities": ["dead"]}' in reasons["dead"]
    assert '"parameters"' in reasons["loss_surface"]
    # The way works.
    recorded = Simulator(load_scenario("iris", overrides={"training.epochs": 1, "record.quantities": ["dead"]}))
    recorded.train()
    assert "dead" not in lacking(recorded)


def test_the_scenario_says_which_pictures(tmp_path):
    asked = {"plots.pictures": ["network_diagram", "filters"], "plots.formats": ["svg", "png"], "training.epochs": 1}
    simulator = Simulator(load_scenario("iris", overrides=asked))
    simulator.train()
    written = write_pictures(run_facts(simulator), tmp_path)
    assert [path.name for path in written] == ["network_diagram.svg", "network_diagram.png"]


@dataclass(frozen=True)
class Fact:
    numbers: tuple[float, ...]
    about: dict[str, object]


def test_numbers_of_numpy_and_unknown_classes():
    given = Fact((1.5, float("nan")), {"a": [np.float64(2.0), None, True], "b": np.arange(3)})
    found = unpack(pack(given), [Fact])
    assert found.numbers[0] == 1.5
    assert np.isnan(found.numbers[1])
    assert found.about["a"] == [2.0, None, True]
    assert found.about["b"].tolist() == [0, 1, 2]
    with pytest.raises(KeyError):
        unpack(pack(given), [])
    with pytest.raises(TypeError, match="not plain data"):
        pack({"x": object()})


def test_the_documentation_lists_every_picture_and_film():
    text = (Path(__file__).parents[2] / "docs" / "pictures.md").read_text(encoding="utf-8")
    first = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`(?:--animate )?([a-z_]+)`", " ".join(first))) == {*PICTURES, *FILMS}


@pytest.mark.parametrize("picture", PICTURES.values(), ids=lambda picture: picture.name)
def test_a_record_is_complete(picture):
    assert picture.name.isidentifier()
    assert picture.shows
    assert picture.shows[0].islower()
    assert not picture.shows.endswith(".")
    assert callable(collecting(picture.facts))
    assert callable(drawing(picture.drawing))
    for condition in filter(None, (picture.missing, picture.usual)):
        assert callable(getattr(conditions, condition))
    if picture.records:
        assert picture.records in QUANTITIES
    assert picture.by_layer <= bool(picture.records)


@pytest.mark.parametrize("film", FILMS.values(), ids=lambda film: film.name)
def test_a_record_of_a_film_is_complete(film):
    assert callable(drawing(film.drawing))
    assert not film.facts or callable(collecting(film.facts))
    assert not film.missing or callable(getattr(conditions, film.missing))
    assert film.records
    assert set(film.records) <= set(QUANTITIES)


def test_the_records_are_the_only_list_of_pictures():
    """No two names of pictures stand together in any other list, table or set of the package."""
    # Quantities have names of their own, and pictures of them.
    names = {*PICTURES, *SEVERAL} - set(QUANTITIES)
    for path in Path(neurosim.__file__).parent.rglob("*.py"):
        if path.parts[-2:] == ("scenario", "pictures.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            entries = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", ())
            there = [entry.value for entry in entries if isinstance(entry, ast.Constant) and entry.value in names]
            assert len(there) < 2, f"{path}: {there}"
