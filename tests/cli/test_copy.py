"""``neurosim copy``: a shipped scenario as a file of one's own."""

import tomllib
from pathlib import Path

import pytest

from neurosim import load_scenario
from neurosim.scenario import shipped


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_copy_is_the_scenario(neurosim, name):
    done = neurosim("copy", name)
    assert done.code == 0, done.err
    assert f"neurosim run {name}.toml\n" in done.out
    # The schema is not where the shipped file has it.
    assert not Path(f"{name}.toml").read_text().startswith("#:schema")
    assert load_scenario(f"{name}.toml") == load_scenario(name)


def test_a_copy_runs_and_is_called_by_its_file(neurosim):
    assert neurosim("copy", "and", "sub/mine.toml").code == 0
    assert neurosim("run", "sub/mine.toml", "--backend", "reference", "--no-report", "--quiet").code == 0
    neurosim("copy", "and", "bare")
    assert "neurosim run ./bare\n" in neurosim("copy", "or", "bare", "--force").out
    assert load_scenario("./bare").scenario.name == "or"


def test_the_name_still_means_the_scenario_that_came_with_neurosim(neurosim):
    neurosim("copy", "and")
    done = neurosim("info", "and")
    assert "and is the scenario that came with neurosim; the file here is and.toml" in done.err
    assert neurosim("info", "and.toml").err == ""


def test_nothing_is_overwritten_without_force(neurosim):
    Path("xor.toml").write_text("mine")
    Path("link.toml").symlink_to("nowhere.toml")
    for arguments in (["xor"], ["xor", "."], ["and", "xor.toml"], ["and", "link.toml"]):
        done = neurosim("copy", *arguments)
        assert done.code == 2
        assert "is there already" in done.err
        assert "--force" in done.err
    assert Path("xor.toml").read_text() == "mine"
    assert neurosim("copy", "xor", "--force").code == 0
    assert tomllib.loads(Path("xor.toml").read_text())["scenario"]["name"] == "xor"


def test_the_schema_beside_it_is_named(neurosim):
    Path("scenario.schema.json").write_text(neurosim("schema").out)
    neurosim("copy", "xor")
    assert Path("xor.toml").read_text().startswith("#:schema scenario.schema.json\n[scenario]\n")
    load_scenario("xor.toml")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "which scenario? Try: neurosim copy xor"),
        (["spiral"], 'did you mean "spirals"?'),
        (["xor.toml"], 'did you mean "xor"?'),
        (["nonsense"], "The shipped scenarios are and, or, nand, xor-perceptron, xor"),
        (["mine.toml"], "mine.toml is a file already"),
    ],
)
def test_other_names_are_refused_with_those_there_are(neurosim, arguments, words):
    Path("mine.toml").write_text("")
    done = neurosim("copy", *arguments)
    assert done.code == 2
    assert words in done.err
