"""Networks that are trained for pages: the same steps as in a run, there and back, and what pages may change."""

import base64
import json

import numpy as np
import pytest

from neurosim.errors import NeurosimError
from neurosim.play.course import Lesson
from neurosim.play.curves import Curves
from neurosim.play.school import School
from neurosim.play.visitors import Visitor
from neurosim.problem.assembly import assemble
from neurosim.report.twin import DATASETS
from neurosim.scenario import load_scenario
from neurosim.training.simulator import Simulator

DATA = {"source": "moons", "samples": 60}
SMALL = {"data.samples": 60, "training.batch_size": 10, "network.layers.0.units": 4}


def lesson_of(name="moons", **overrides):
    scenario = load_scenario(name, overrides={**SMALL, **overrides})
    return scenario, Lesson(scenario, assemble(scenario), "reference")


def parameters(lesson):
    return lesson.backend.parameters.copy()


@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {"optimizer.schedule": "reduce_on_plateau", "training.epochs": 4},
    ],
    ids=["plain", "schedule"],
)
def test_steps_in_parts_are_those_of_a_run(overrides):
    scenario, lesson = lesson_of(**overrides)
    for steps in (1, 3, 7, 2):
        lesson.train(steps)
    run = Simulator(scenario, "reference")
    run.train_to(13)
    assert lesson.steps == 13
    assert lesson.epochs == pytest.approx(13 / run.steps_per_epoch)
    assert lesson.left_of_epoch() == run.steps_per_epoch - 13 % run.steps_per_epoch
    np.testing.assert_array_equal(lesson.backend.parameters, run._backend.parameters)


def test_it_goes_back_and_forward_to_any_step():
    _, lesson = lesson_of()
    found = {0: parameters(lesson)}
    for step in range(1, 12):
        lesson.train(1)
        found[step] = parameters(lesson)
    for step in (3, 11, 0, 8):
        lesson.seek(step)
        np.testing.assert_array_equal(lesson.backend.parameters, found[step])
    lesson.set_parameters(np.zeros(len(found[0])))
    lesson.train(1)
    assert not np.array_equal(lesson.backend.parameters, found[9])
    # What was ahead is forgotten.
    other = parameters(lesson)
    lesson.seek(11)
    lesson.seek(9)
    np.testing.assert_array_equal(lesson.backend.parameters, other)


def test_states_that_are_kept_are_bounded():
    _, lesson = lesson_of()
    for _ in range(600):
        lesson.train(1)
    assert len(lesson._states) <= 201
    assert lesson._states[0].steps == 0
    lesson.seek(599)
    assert lesson.steps == 599


def test_a_learning_rate_is_changed_on_the_way():
    _, same = lesson_of()
    _, other = lesson_of()
    _, plain = lesson_of()
    for lesson in (same, other, plain):
        lesson.train(4)
    same.tune("lr", plain.backend.training.rate)
    other.tune("lr", 10 * plain.backend.training.rate)
    for lesson in (same, other, plain):
        lesson.train(4)
    np.testing.assert_array_equal(same.backend.parameters, plain.backend.parameters)
    assert not np.array_equal(other.backend.parameters, plain.backend.parameters)


def test_a_future_that_was_left_stays():
    curves = Curves()
    for step in range(5):
        curves.note(step, step / 2, {"train": {"loss": 1.0 - step, "accuracy": None}})
    curves.branch(4)
    assert curves.other is None
    curves.branch(2)
    assert curves.other["steps"] == [2, 3, 4]
    assert curves.now["losses"]["train"] == [1.0, 0.0, -1.0]
    for step in range(3, 2000):
        curves.note(step, step / 2, {"train": {"loss": 0.0, "accuracy": None}})
    assert len(curves.now["steps"]) <= 400


class Page:
    """A page that keeps what it is told."""

    def __init__(self, name="moons", **overrides):
        scenario = load_scenario(name, overrides={**SMALL, **overrides} if name == "moons" else overrides)
        self.host = School(scenario, assemble(scenario), "reference", DATASETS)
        self.told = []
        # Only what JSON has may be told.
        self.visitor = Visitor(lambda message: self.told.append(json.loads(json.dumps(message, allow_nan=False))))

    def ask(self, do, **more):
        self.host.obey(self.visitor, {"do": do, **more})
        return self.told[-1]["state"] if self.told else None

    def build(self, **tables):
        return self.ask("build", scenario={"data": {**DATA}, **tables}, evaluates=True)


def test_orders_of_a_page():
    page = Page()
    state = page.build()
    assert (state["steps"], state["epochs"], state["running"]) == (0, 0.0, False)
    assert list(state["measures"]) == ["train"]
    assert np.array(state["counts"]["rows"]).shape == (2, 2)
    assert [layer["shape"] for layer in state["layers"]][-1] == "1"
    values = np.frombuffer(base64.b64decode(state["values"]["base64"]), f"<{state['values']['kind']}")
    assert len(values) == sum(layer["parameters"] for layer in state["layers"])
    assert page.ask("step")["steps"] == 1
    assert page.ask("epoch")["epochs"] == 1.0
    assert page.ask("seek", to=10**9)["epochs"] == 1.0
    page.ask("set", name="lr", value=0.5)
    page.ask("more")
    page.ask("run", steps=0)
    assert page.host.rest() == 0.0
    page.host.advance()
    state = page.ask("pause")
    assert state["steps"] > 1
    assert not state["running"]
    page.host.advance()
    assert page.ask("pause")["steps"] == state["steps"]
    page.host.leave(page.visitor)
    with pytest.raises(NeurosimError, match="no network yet"):
        page.ask("step")


def test_what_diverges_is_said():
    page = Page()
    page.build(optimizer={"name": "sgd", "lr": 1e38})
    page.ask("weights", values=[1e300] * len(parameters(page.host._desks[page.visitor].lesson)))
    state = page.ask("epoch")
    assert state["diverged"]
    assert state["measures"]["train"]["loss"] is None


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"data": {"source": "csv", "file": "/etc/passwd", "target": "x"}}, "has the rows of the scenario"),
        ({"data": {"source": "moons", "samples": 10**9}}, "at most"),
        ({"data": None}, "has the rows of the scenario"),
        ({"data": {"source": ["moons"]}}, "has the rows of the scenario"),
        ({"network": {"loss": "mse", "layers": [{"kind": "dense", "units": -1}]}}, "units"),
        (
            {
                "network": {
                    "loss": "mse",
                    "layers": [{"kind": "dense", "units": 9000}] * 3 + [{"kind": "dense", "units": 1}],
                }
            },
            "parameters",
        ),
        ({"optimizer": {"name": "__import__"}}, "optimizer"),
        ({"training": {"epochs": "x"}}, "epochs"),
        ({"scenario": {"seed": "x"}}, "seed"),
    ],
)
def test_what_a_page_may_not_change(tables, said):
    with pytest.raises(NeurosimError, match=said):
        Page().build(**tables)


def test_a_page_sets_no_observers(tmp_path):
    page = Page()
    page.build(training={"epochs": 3, "batch_size": 10, "observers": [{"name": "csv", "file": str(tmp_path / "x")}]})
    page.ask("epoch")
    assert list(tmp_path.iterdir()) == []


def test_what_fails_on_the_way_ends_that_training_only():
    page = Page()
    page.build(optimizer={"name": "sgd", "lr": 0.1, "schedule": "cosine"})
    page.ask("set", name="lr", value=1e300)
    page.ask("run", steps=0)
    page.host.advance()
    assert "lr" in page.told[-1]["failed"]
    assert page.host.rest() > 0
