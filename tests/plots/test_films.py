"""Films: which frames they have, what is on them, and that the files can be played."""

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from neurosim import Simulator, load_scenario
from neurosim.analysis.catalog import no_film
from neurosim.analysis.frames import film
from neurosim.analysis.inputs import input_map
from neurosim.plots.animation import frames, write_film
from neurosim.scenario.pictures import FILMS
from neurosim.scenario.study import QUANTITIES


def trained(name, epochs, quantities):
    asked = {"training.epochs": epochs, "record": {"quantities": quantities, "rows": 30}, "expect": {}}
    simulator = Simulator(load_scenario(name, overrides=asked))
    simulator.train()
    return simulator


@pytest.fixture(scope="module")
def moons():
    return trained("moons", 4, list(QUANTITIES))


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=() if kind == "boundary" else pytest.mark.ci) for kind in FILMS]
)
def test_a_film_has_a_frame_for_each_time(moons, tmp_path, kind):
    assert no_film(kind, moons) == ""
    path = write_film(film(kind, moons), tmp_path / "a.gif")
    with Image.open(path) as played:
        assert played.n_frames == 5
        shown = []
        for number in range(5):
            played.seek(number)
            shown.append(np.asarray(played.convert("RGB")))
            assert played.info["duration"] == (2500 if number == 4 else 100)
    assert all((one != other).any() for one, other in pairwise(shown))
    again = write_film(film(kind, moons), tmp_path / "b.gif")
    assert again.read_bytes() == path.read_bytes()


def test_long_runs_are_thinned_out():
    simulator = trained("xor", 200, ["parameters"])
    shown = film("boundary", simulator)
    assert (len(shown.places), shown.places[0], shown.places[-1]) == (60, 0, 200)


@pytest.mark.parametrize("name", ["moons", "sine"])
def test_the_boundary_is_that_of_each_time(name):
    simulator = trained(name, 2, ["parameters"])
    before = simulator.parameters
    shown = film("boundary", simulator)
    assert all(simulator.parameters[key].tobytes() == before[key].tobytes() for key in before)
    assert np.array_equal(shown.maps[-1].outputs, input_map(simulator, 100).outputs)
    simulator.set_parameters(simulator.recording.parameters_at(1))
    assert np.array_equal(shown.maps[1].outputs, input_map(simulator, 100).outputs)
    assert not np.array_equal(shown.maps[0].outputs, shown.maps[1].outputs)
    titles = [figure.texts[-1].get_text() for figure in frames(shown)]
    assert titles == ["before training", "epoch 1", "epoch 2"]


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("iris", "boundary", "needs two inputs and classes"),
        ("iris", "histograms", '"weight_histogram"'),
        ("iris", "gradients", '"gradient_norm"'),
    ],
)
def test_what_is_missing_is_said(name, kind, words):
    assert words in no_film(kind, Simulator(load_scenario(name)))


def test_the_boundary_needs_recorded_parameters():
    simulator = trained("moons", 1, ["dead"])
    assert 'overrides={"record.quantities": ["parameters"]}' in no_film("boundary", simulator)
