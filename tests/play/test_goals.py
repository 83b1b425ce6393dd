"""Goals that students say to have reached, trained again; files from anybody harm nothing."""

import json

import pytest

from neurosim.cli.application import execute
from neurosim.play.goals import MOST_STEPS, Goals
from neurosim.problem.assembly import assemble
from neurosim.report.twin import DATASETS
from neurosim.scenario import load_scenario
from neurosim.training.simulator import Simulator

SCENARIO = load_scenario("xor", overrides={"network.layers.0.units": 3})
GOAL = SCENARIO.play.questions[-1]


@pytest.fixture(scope="module")
def goals():
    return Goals(SCENARIO, assemble(SCENARIO), DATASETS)


def said(goals, **entry):
    goals.notes.clear()
    found = goals.reached("ann.json", GOAL, {"right": True, **entry})
    return found, "".join(goals.notes)


def first_step(limit):
    simulator = Simulator(SCENARIO, backend="reference")
    while simulator.evaluate("train")["loss"] > limit:
        simulator.train_to(simulator.steps_done + 10)
    return simulator.steps_done


def test_a_goal_is_reached_again_or_not(goals):
    steps = first_step(GOAL.goal.at_most)
    assert said(goals, step=steps, changed={}) == (True, "")
    found, note = said(goals, step=steps - 20, changed={})
    assert found is False
    assert f"is not reached when it is trained again: after {steps - 20} steps it is 0.01" in note
    layers = [
        {"kind": "dense", "units": 6, "activation": "tanh"},
        {"kind": "dense", "units": 1, "activation": "sigmoid"},
    ]
    assert said(goals, step=steps, changed={"network.layers": layers})[1].endswith("was reached with 6 hidden units")
    # It is not for the student to say that a goal is an easier one.
    assert said(goals, step=9, changed={"optimizer.lr": 1e-9, "play.questions": []})[0] is False
    assert goals.reached("ann.json", GOAL, {"right": "yes", "step": steps, "changed": {}}) is False


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({}, "trained again are 1 to 20,000 steps"),
        ({"step": True, "changed": {}}, "trained again are"),
        ({"step": MOST_STEPS + 1, "changed": {}}, "trained again are"),
        ({"step": 9}, "does not say what was trained"),
        ({"step": 9, "changed": {"network.layers": "x"}}, "cannot be checked"),
        ({"step": 9, "changed": {"network.layers": []}}, "cannot be checked"),
        ({"step": 9, "changed": {"network.layers": None}}, "cannot be checked"),
        ({"step": 9, "changed": {"data.source": "csv", "data.file": "/etc/passwd"}}, "takes no others"),
        ({"step": 9, "changed": {"data.source": "moons", "data.samples": 10**9}}, "100,000 at most"),
        ({"step": 9, "changed": {"optimizer.name": "__import__"}}, "cannot be checked"),
        ({"step": 9, "changed": {"optimizer.lr": float("nan")}}, "are finite"),
        ({"step": 9, "changed": {"scenario.seed": json.loads("[" * 40 + "]" * 40)}}, "levels at most"),
        (
            {
                "step": 20_000,
                "changed": {"network.layers": [{"kind": "dense", "units": 9000}] * 2 + [{"kind": "dense", "units": 1}]},
            },
            "cannot be checked",
        ),
    ],
)
def test_what_cannot_be_trained_again_is_said(goals, entry, words):
    found, note = said(goals, **entry)
    assert found is None
    assert words in note


def test_the_command_checks_what_files_say(tmp_path, capsys):
    scenario = load_scenario("xor")
    asked = scenario.play.questions
    changed = {
        "network.layers": [
            {"kind": "dense", "units": 3, "activation": "tanh"},
            {"kind": "dense", "units": 1, "activation": "sigmoid"},
        ]
    }
    for name, step in (("ann", first_step(0.01)), ("bob", 3)):
        entries = [{"ask": question.ask, "given": None} for question in asked[:-1]]
        entries.append({"ask": asked[-1].ask, "given": 0.01, "right": True, "step": step, "changed": changed})
        content = {"format": "neurosim-answers-1", "scenario": "xor", "name": name, "answers": entries}
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    assert execute(["play", "xor", "--collect", str(tmp_path), "--check", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [student["right"][-1] for student in found["students"]] == [True, False]
    assert len(found["notes"]) == 1
    assert found["notes"][0].startswith("bob.json: ")
    assert execute(["play", "xor", "--collect", str(tmp_path), "--check"]) == 0
    assert "bob.json: " in capsys.readouterr().out.splitlines()[-1]
    assert execute(["play", "xor", "--check"]) == 2
    assert "add --collect FOLDER" in capsys.readouterr().err
