"""Logs: what is written of each epoch, where, and that a run that resumes has no epoch in them twice."""

import csv
import json
import re
import struct
from pathlib import Path

import pytest
from tensorboardX.proto import event_pb2
from tensorboardX.record_writer import masked_crc32c

import neurosim
from neurosim import Progress, load_scenario, run, study
from neurosim.builtins.event_files import scalars
from neurosim.cli.application import execute
from neurosim.errors import DataError, UsageError
from neurosim.runs import identity

SMALL = {
    "data.samples": 40, "data.validation_fraction": 0.2, "network.layers.0.units": 4, "network.layers.1.units": 4,
    "training.epochs": 4, "training.metrics": ["f1"], "training.batch_size": 8, "expect": {},
}  # fmt: skip
LOGS = ("csv", "tensorboard")


def scenario(**more):
    return load_scenario("moons", overrides={**SMALL, **{key.replace("__", "."): v for key, v in more.items()}})


def records_of(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def table_of(folder):
    with (folder / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def events_of(folder):
    """The events of the one event file there, as TensorBoard's own definitions of the formats read it."""
    (path,) = folder.glob("*tfevents*")
    content = path.read_bytes()
    events = []
    while content:
        (size,) = struct.unpack("<Q", content[:8])
        body, end = content[12 : 12 + size], 12 + size
        assert struct.unpack("<I", content[8:12]) == (masked_crc32c(content[:8]),)
        assert struct.unpack("<I", content[end : end + 4]) == (masked_crc32c(body),)
        events.append(event_pb2.Event.FromString(body))
        content = content[end + 4 :]
    return events


def assert_logged(folder):
    """Both logs have each epoch of the run once, with its measures."""
    records = records_of(folder)
    assert records
    assert [
        {name: float(value) if value else None for name, value in row.items()} for row in table_of(folder)
    ] == records
    first, session, text, *epochs = events_of(folder)
    assert first.file_version == "brain.Event:2"
    assert (session.step, session.session_log.status) == (1, event_pb2.SessionLog.START)
    assert [event.step for event in epochs] == [record["epoch"] for record in records]
    assert [value.metadata.plugin_data.plugin_name for value in text.summary.value] == ["text"]
    words = text.summary.value[0].tensor.string_val[0].decode()
    assert "| optimizer.name | `adam` |" in words
    assert "| network.layers.0.units | `4` |" in words
    times = [event.wall_time for event in epochs]
    assert times == sorted(times)
    for event, record in zip(epochs, records, strict=True):
        values = {value.tag: value.simple_value for value in event.summary.value}
        assert values["loss/train"] == pytest.approx(record["train_loss"], rel=1e-6)
        assert values["f1/validation"] == pytest.approx(record["validation_f1"], rel=1e-6)
        assert {"accuracy/train", "loss/validation", "lr", "seconds"} < values.keys()
        assert "epoch" not in values


def stop_after(epoch):
    def interrupt(record):
        if record["epoch"] == epoch:
            raise KeyboardInterrupt

    return interrupt


def test_a_run_is_logged(tmp_path):
    result = run(scenario(), out=tmp_path / "run", log=LOGS)
    assert_logged(tmp_path / "run")
    assert [choice.name for choice in result.scenario.training.observers] == list(LOGS)
    assert result.metrics == run(scenario()).metrics


def test_a_run_that_resumes_has_no_epoch_twice(tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run(scenario(), out=folder, log=LOGS, observer=stop_after(2))
    # As a process has left them that was killed later than its last checkpoint.
    with (folder / "log.csv").open("a") as file:
        file.write("3,0.1,0.9\n4,")
    (old,) = folder.glob("*tfevents*")
    old.write_bytes(old.read_bytes() + scalars({"loss/train": 0.1}, 3, 0.0))
    old.rename(old.with_name("events.out.tfevents.0000000001.neurosim"))
    run(folder / "scenario.toml", resume=folder)
    assert len(records_of(folder)) == 4
    assert_logged(folder)


def test_a_run_that_is_left_forgets_epochs_that_were_void(tmp_path, registry):
    """As one does that has gone on for some epochs with numbers that are not finite."""
    records = [{"epoch": epoch, "train_loss": 1.0 / epoch, "lr": 0.1, "seconds": 0.01} for epoch in range(1, 5)]

    def after(count):
        return Progress(records[:count], epochs=9, step=count, folder=tmp_path)

    for log in map(registry.observers.get, LOGS):
        log.started(after(0))
        for count in range(1, 5):
            log.epoch(after(count))
        log.left(after(2))
    assert [row["epoch"] for row in table_of(tmp_path)] == ["1", "2"]
    assert [event.step for event in events_of(tmp_path)][2:] == [1, 2]


def test_a_log_may_come_with_the_resume(tmp_path):
    """It changes no number, so it makes no other run of it."""
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run(scenario(), out=folder, observer=stop_after(2))
    run(folder / "scenario.toml", resume=folder, log=LOGS)
    assert_logged(folder)
    assert neurosim.compare(run(scenario()), run(scenario(training__observers=["csv"]))).differing == ()
    logged, plain = (scenario(training__observers=names) for names in (["csv", "stop_at_loss"], ["stop_at_loss"]))
    assert identity.determining(logged) == identity.determining(plain)
    assert [choice.name for choice in logged.may_stop_it] == ["stop_at_loss"]


def test_each_network_of_a_study_and_of_many_seeds_has_logs_of_its_own(tmp_path):
    variants = [{"name": "slow", "optimizer.lr": 0.001}, {"name": "fast", "optimizer.lr": 0.1}]
    several = load_scenario("moons", overrides={**SMALL, "variants": variants, "claims": []})
    study(several, out=tmp_path / "study", log="csv")
    for name in ("slow", "fast"):
        assert len(table_of(tmp_path / "study/members" / name)) == 4
    assert "observers" in (tmp_path / "study/scenario.toml").read_text()
    sets = [f"--set={key}={json.dumps(value)}" for key, value in SMALL.items() if key != "expect"]
    out = ["--out", str(tmp_path / "seeds")]
    assert execute(["run", "moons", *sets, "--seeds", "2", "--log", "tensorboard", *out, "--quiet"]) == 0
    for seed in (0, 1):
        assert len(events_of(tmp_path / f"seeds/logs/seed-{seed}")) == 3 + 4


def test_what_cannot_be_logged_is_said(tmp_path):
    with pytest.raises(UsageError, match="a log is written into the run's folder, and this run has none"):
        run(scenario(), log=["csv"])
    with pytest.raises(UsageError, match='unknown log "tensorbord"'):
        run(scenario(), log=["tensorbord"], out=tmp_path / "run")
    with pytest.raises(UsageError, match="the observer stop_at_loss is no log: it may stop the run"):
        run(scenario(), log=["stop_at_loss"], out=tmp_path / "run")

    def spoil(record):
        (tmp_path / "run/log.csv").unlink()
        (tmp_path / "run/log.csv").mkdir()

    with pytest.raises(DataError, match=r"the log .*log\.csv cannot be written: Is a directory"):
        run(scenario(), log=["csv"], out=tmp_path / "run", observer=spoil)


def test_a_run_without_a_folder_is_not_logged():
    """One whose scenario asks for logs is replayed, and looked into, without a folder."""
    assert len(run(scenario(training__observers=list(LOGS))).history) == 4


def test_numbers_beyond_float32_become_infinite():
    frame = scalars({"loss/train": 1e40, "lr": float("nan")}, 300, 1.5)
    event = event_pb2.Event.FromString(frame[12:-4])
    values = [value.simple_value for value in event.summary.value]
    assert (event.step, event.wall_time, values[0]) == (300, 1.5, float("inf"))
    assert values[1] != values[1]


def test_the_page_about_observers(tmp_path, monkeypatch, capsys):
    """Its examples run as they are written there, one after the other, and the plugin logs by its name."""
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs/observers.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    space = {}
    for block in blocks:
        if block.startswith("# bulletin.py"):
            Path("bulletin.py").write_text(block)
        else:
            exec(block, space)
    assert len(space["losses"]) == 400
    assert capsys.readouterr().out.startswith("1 0.70")
    command = re.search(r"neurosim (run xor .*bulletin)", page)[1].split()
    assert execute([*command, "--set", "training.epochs=2", "--set", "expect={}", "--no-report"]) == 0
    assert re.search(r"^xor, seed 7, learning rate 0.05: 0.6\d* after 2 epochs$", capsys.readouterr().out, re.MULTILINE)
