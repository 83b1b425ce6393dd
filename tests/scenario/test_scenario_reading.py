"""Files that are no scenario end in one short message, never in a traceback."""

import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scenario_text import GOOD

from neurosim.errors import DataError, ScenarioError
from neurosim.scenario import load_scenario, shipped


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('[scenario]\nname = "x\n', "s.toml:2:10: not valid TOML"),
        ("a = [\n", "s.toml:1:6: not valid TOML"),
        (GOOD.replace("0.05", "nan"), "s.toml:25:1: optimizer.lr: expected a finite number, not nan"),
        (GOOD.replace("0.05", "-inf"), "s.toml:25:1: optimizer.lr: expected a finite number, not -inf"),
        (GOOD.replace("0.2", "1e999"), "s.toml:8:1: data.noise: expected a finite number, not inf"),
        (GOOD.replace("seed = 7", f"seed = {10**19}"), "s.toml:4:1: scenario.seed: expected an integer of at most 64"),
        (GOOD.replace("0.05", f"{10**20}"), "s.toml:25:1: optimizer.lr: expected an integer of at most 64 bits"),
        (GOOD.replace("0.05", "0x" + "f" * 9000), "an integer of 36000 bits"),
        ("a = " + "[" * 5000 + "]" * 5000, "nested too deep"),
        ("a = " + "[" * 30 + "]" * 30, "nested too deep"),
        ("a" + ".a" * 500 + " = 1", "nested too deep"),
        ("a" + ".a" * 200_000 + " = 1", "a key of more than 1000 parts"),
        ("\nx = " + "1" * 5000, "s.toml:2:5: a number of 5000 digits"),
        (b'[scenario]\ntitle = "\xff\xfe"\n', "s.toml:2:10: byte 0xff is not text in UTF-8"),
        (GOOD.encode("utf-16"), "is not text in UTF-8"),
        (b"", "s.toml:1:1: the file is empty"),
        (b"\xef\xbb\xbf \n", "s.toml:1:1: the file is empty"),
        (b"#" * (1 << 20) + b"\n", "larger than 1 MiB"),
        (b"a" * (1 << 19), "not valid TOML"),
        (b" " * (1 << 19) + b"a", "not valid TOML"),
        (b"x = [" + (b"1" * 3999 + b",") * 200 + b"1" * 5000, "s.toml:1:800006: a number of 5000 digits"),
    ],
    ids=range(21),
)
def test_traps(faults, content, words):
    lines = faults(content)
    assert words in lines[0]
    assert len("\n".join(lines)) < 2000


def test_only_comments(faults):
    assert len(faults("# nothing\n")) == 5


def test_byte_order_mark_and_line_ends(load, faults):
    plain = load()
    assert load(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()) == plain
    text = GOOD.replace("units = 1", "unitz = 1").replace("\n", "\r\n")
    assert faults(text) == ['s.toml:20:1: network.layers.1.unitz: unknown key; did you mean "units"?']


def test_folder(tmp_path):
    with pytest.raises(ScenarioError, match="this is a folder"):
        load_scenario(tmp_path)


@pytest.mark.parametrize("source", ["xorr", "nowhere/xorr.toml", "", "a\0b", "x" * 5000])
def test_missing_file(source):
    with pytest.raises(DataError) as caught:
        load_scenario(source)
    assert caught.value.exit_code == 3
    assert len(str(caught.value)) < 1000
    if "xorr" in source:
        assert source in caught.value.message
        assert "xor" in caught.value.hint.split(": ")[1].split(", ")


def test_shipped_name_wins_over_a_folder(tmp_path, monkeypatch):
    (tmp_path / "xor").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_scenario("xor").path == shipped()["xor"]


def test_no_code_is_loaded(load, tmp_path, monkeypatch):
    (tmp_path / "evil.py").write_text("raise SystemExit('loaded')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ScenarioError):
        load(GOOD.replace('"sigmoid"', '"evil:sigmoid"') + '[requires]\nplugins = ["evil"]\n')
    assert "evil" not in sys.modules


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("dense"),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.sampled_from(["kind", "name", "units", "x"]), v),
    max_leaves=5,
)
PLACES = [
    "scenario", "scenario.name", "data", "data.source", "data.samples", "data.normalize", "network", "network.loss",
    "network.layers", "network.layers.0", "network.layers.0.kind", "network.layers.0.units", "network.layers.0.init",
    "network.layers.1.activation", "network.layers.1.weight", "network.layers.1.bias", "optimizer", "optimizer.lr",
    "optimizer.name", "optimizer.schedule", "training", "training.epochs", "expect", "expect.train_loss",
    "expect.train_loss.at_least", "requires", "requires.plugins", "x", "x.y",
]  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(PLACES), TREES, min_size=1, max_size=3))
def test_anything_anywhere_is_a_scenario_or_an_error_of_ours(load, overrides):
    message, scenario = "", None
    try:
        scenario = load(overrides=overrides)
    except ScenarioError as error:
        message = error.message
    assert message.count("\n") <= 20
    assert message or load(scenario.to_toml()) == scenario


@pytest.mark.parametrize("name", ["prices.csv", "PRICES.TSV"])
def test_a_table_of_data_is_no_scenario(name, tmp_path):
    path = tmp_path / name
    path.write_text("area,price\n70,110\n")
    with pytest.raises(ScenarioError, match=f'a scenario is a TOML file that names it.*file = "{name}"'):
        load_scenario(path)
