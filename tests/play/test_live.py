"""A run that is shown on a page while it trains."""

import json
import threading
from contextlib import suppress

import numpy as np
import pytest
from test_serving import stream
from websockets.exceptions import ConnectionClosed

import neurosim
from neurosim.cli.application import execute
from neurosim.play.live import Live
from neurosim.training.observer import Observer

SMALL = {"training.epochs": 3, "data.samples": 40}


class Listener(Observer):
    def __init__(self):
        self.told = []

    def started(self, simulator):
        self.told.append("started")

    def epoch(self, record):
        self.told.append(record["epoch"])


class Viewer(threading.Thread):
    """A page that draws whatever it is told, until the run has ended."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address = address
        self.told = []
        self.start()

    def run(self):
        with stream(self.address) as page, suppress(ConnectionClosed):
            page.send(json.dumps({"do": "weights", "values": [0]}))
            page.send(json.dumps({"do": "build", "scenario": {}, "evaluates": True}))
            while not self.told or not self.told[-1].get("state", {}).get("ended"):
                self.told.append(json.loads(page.recv(20)))
                page.send('{"do": "more"}')


def test_a_page_sees_a_run_from_its_start_to_its_end():
    viewers, listener = [], Listener()
    with Live(listener, lambda simulator: "", lambda address: viewers.append(Viewer(address))) as live:
        result = neurosim.run("moons", backend="reference", overrides=SMALL, observer=live)
    viewers[0].join(20)
    refused, first, *_, last = viewers[0].told
    assert refused == {"failed": "this page shows a run as it is"}
    assert (first["state"]["steps"], first["state"]["running"]) == (0, True)
    state = last["state"]
    assert (state["epochs"], state["running"]) == (3.0, False)
    assert state["measures"]["test"]["loss"] == pytest.approx(result.simulator.evaluate("test")["loss"])
    assert state["curves"]["epochs"] == [0.0, 1.0, 2.0, 3.0]
    assert np.array(state["counts"]["rows"]).sum() == len(result.simulator.data.test)
    assert listener.told == ["started", 1, 2, 3]


def test_a_run_that_fails_closes_its_page():
    class Failing(Listener):
        def epoch(self, record):
            raise RuntimeError("no more")

    addresses = []
    with (
        pytest.raises(RuntimeError, match="no more"),
        Live(Failing(), lambda simulator: "", lambda address: addresses.append(Viewer(address))) as live,
    ):
        neurosim.run("moons", backend="reference", overrides=SMALL, observer=live)
    with pytest.raises(OSError, match="refused"):
        stream(addresses[0].address).__enter__()


@pytest.mark.parametrize(
    ("words", "said"),
    [(["xor", "and"], "--live goes with one scenario"), (["xor", "--seeds", "3"], "--live shows one network")],
)
def test_it_shows_one_network(words, said, capsys, tmp_path):
    assert execute(["run", *words, "--live", "--out", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err
