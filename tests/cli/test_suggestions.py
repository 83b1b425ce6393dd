"""What the command line says of words it does not know: the command that was meant, ready to be copied."""

import shlex
from pathlib import Path

import pytest

from neurosim.scenario import load_scenario, shipped
from neurosim.scenario.keys import find_key, setting_keys, tree_of

SET = "settings of a scenario are changed with --set: neurosim "


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("spirals", "to train it: neurosim run spirals\n"),
        ("spirals --lr 0.1 --seed 2", "neurosim run spirals --set optimizer.lr=0.1 --seed 2\n"),
        ("mine.toml", "to train it: neurosim run mine.toml\n"),
        ("spiral", "did you mean: neurosim run spirals\n"),
        ("resnet18", "to see its layers: neurosim info resnet18\n"),
        ("resnet1", "did you mean: neurosim info resnet18\n"),
        ("optimizers", "neurosim list optimizers"),
        ("activations", "did you mean: neurosim list activations\n"),
        ("train xor --epochs 5", "did you mean: neurosim run xor --set training.epochs=5\n"),
        ("resume", "did you mean: neurosim run --resume last\n"),
        ("help", "did you mean: neurosim --help\n"),
        ("help run", "did you mean: neurosim run --help\n"),
        ("xor --help", "to train it: neurosim run xor\n"),
        ("--versio", "did you mean --version?"),
        ("-V", "did you mean --version?"),
        ("rum xor", 'did you mean "run"?'),
        ("learning rate", "to have it explained: neurosim glossary learning rate\n"),
        ("last", "neurosim report last"),
        ("nonsense", "commands: run, play, copy, explain"),
        ("--seed 3 run xor", "options follow the command: neurosim run xor --seed 3\n"),
        ("--lr 3 run xor", "options follow the command: neurosim run xor --set optimizer.lr=3\n"),
        ("--seed 3", "options follow a command"),
        ("run spirals --lr 0.1", f"{SET}run spirals --set optimizer.lr=0.1\n"),
        ("run spirals --lr=0.1 --epochs 5 --seed 1",
         f"{SET}run spirals --set optimizer.lr=0.1 --set training.epochs=5 --seed 1\n"),
        ("run digits --batch-size 8 --optimizer sgd", "--set training.batch_size=8 --set optimizer.name=sgd\n"),
        ("run digits --units 9", f"{SET}run digits --set network.layers.0.units=9\n"),
        ("run digits --hidden-units 9 --loss mse", "--set network.layers.0.units=9 --set network.loss=mse\n"),
        ("run moons --noise -0.1 --learning-rate 1", "--set data.noise=-0.1 --set optimizer.lr=1\n"),
        ("run xor --no-shuffle --beta1 0.5", "--set training.shuffle=false --set optimizer.beta1=0.5\n"),
        ("run xor --lr", "--set optimizer.lr=VALUE\n"),
        ("run --lr 3", f"{SET}run SCENARIO --set optimizer.lr=3\n"),
        ("run xor -lr 3", f"no option -lr; {SET}run xor --set optimizer.lr=3\n"),
        ("run xor --epocs 3", f"{SET}run xor --set training.epochs=3\n"),
        ("explain xor --activation relu", f"{SET}explain xor --set network.layers.0.activation=relu\n"),
        ("info xor --patience 3", f"{SET}info xor --set training.early_stopping.patience=3\n"),
        ("run xor --sed 3", "no option --sed; did you mean --seed?\n"),
        ("run xor -seed 3", "did you mean --seed, with two hyphens?\n"),
        ("run xor --nonsense", "neurosim run --help"),
        ("info --nonsense", "no option --nonsense; neurosim info --help  lists its options\n"),
        ("run xor --no-lesson", "no option --no-lesson; neurosim run --help"),
        ("plot last --lr 3", "no option --lr; neurosim plot --help"),
        ("run xor training.epochs=3",
         "training.epochs=3 is not a scenario; a setting has --set before it: "
         "neurosim run xor --set training.epochs=3\n"),
    ],
)  # fmt: skip
def test_what_was_meant_is_said(neurosim, typed, meant):
    done = neurosim(*typed.split())
    assert done.code == 2
    assert done.out == ""
    assert meant in done.err
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    "typed",
    [
        "and --epochs 1 --lr 0.5",
        "run and --epochs 1 --learning-rate 0.5 --seed 2",
        "--epochs 1 run and",
        "train and --epochs=1",
    ],
)
def test_the_command_that_is_suggested_works(neurosim, typed):
    err = neurosim(*typed.split()).err
    suggested = shlex.split(err.strip().rpartition("neurosim ")[2])
    done = neurosim(*suggested, "--set", "expect={}", "--no-report", "--quiet", "--backend", "reference")
    assert done.code == 0, (suggested, done.err)


@pytest.mark.parametrize(
    ("setting", "meant"),
    [
        ("epochs=50", 'did you mean "training.epochs"?'),
        ("lr=0.1", 'did you mean "optimizer.lr"?'),
        ("batch-size=3", 'did you mean "training.batch_size"?'),
        ("activation=relu", 'did you mean "network.layers.0.activation"?'),
        ("layers.0.units=4", 'did you mean "network.layers.0.units"?'),
        ("optimizer=sgd", 'is a section; did you mean "optimizer.name"?'),
        ("data=moons", 'is a section; did you mean "data.source"?'),
    ],
)
def test_a_setting_without_its_section_leads_to_the_whole_key(neurosim, setting, meant):
    done = neurosim("run", "xor", "--set", setting)
    assert done.code == 2
    (line,) = done.err.strip().splitlines()
    assert f"--set {setting}: " in line
    assert meant in line


@pytest.mark.parametrize("name", ["xor", "digits-cnn", "overfitting", "mnist-resnet"])
def test_every_key_of_a_scenario_is_known_with_its_value(name, registry):
    keys = {key.path: key.value for key in setting_keys(tree_of(name), registry)}
    tree = tree_of(name)
    assert keys["training.epochs"] == tree["training"]["epochs"]
    assert keys["optimizer.lr"] == tree["optimizer"]["lr"]
    for place, layer in enumerate(tree["network"]["layers"]):
        assert keys[f"network.layers.{place}.kind"] == layer["kind"]
    # What it could have, too.
    assert {"training.clip_norm", "training.early_stopping.patience", "data.test_fraction"} <= keys.keys()


def test_a_key_that_is_offered_can_be_set(registry):
    tree = tree_of("moons")
    for word in ("lr", "epochs", "units", "noise", "samples", "beta1", "batch_size", "seed"):
        key = find_key(word, tree, registry)
        assert key is not None
        value = key.value if key.value is not None else registry.optimizers.get("adam").params.get(word, 0.5)
        load_scenario("moons", overrides={key.path: value}, registry=registry)
    assert find_key("momentum", tree, registry) is None  # adam has none


def test_no_scenario_is_called_like_a_command():
    from neurosim.cli.application import COMMANDS

    assert not {*shipped()} & {*COMMANDS}
