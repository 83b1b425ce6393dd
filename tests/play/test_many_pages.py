"""A class on one server: thirty pages at once, each with a network of its own."""

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from test_serving import ask, stream

from neurosim.play.school import School
from neurosim.play.serving import served
from neurosim.play.visitors import Visitors
from neurosim.problem.assembly import assemble
from neurosim.report.playground import playground
from neurosim.report.twin import DATASETS
from neurosim.scenario import load_scenario

PAGES, STEPS = 30, 20
MIB = 2**20
SMALL = {"data.samples": 60, "network.layers.0.units": 4, "network.layers.1.units": 4}


def memory():
    """Bytes that this process holds, where the system tells."""
    place = Path("/proc/self/statm")
    return int(place.read_text().split()[1]) * 4096 if place.exists() else 0


def answer(page):
    found = json.loads(page.recv(60))
    assert "state" in found, found
    page.send('{"do": "more"}')
    return found["state"]


@pytest.mark.ci
@pytest.mark.skipif(sys.platform == "win32", reason="waits with threads for sockets")
def test_thirty_pages_are_served_and_trained():
    scenario = load_scenario("spirals", overrides=SMALL)
    problem = assemble(scenario)
    school = School(scenario, problem, "reference", DATASETS)
    visitors = Visitors()
    text = playground(scenario, problem, {"engine": "reference"})
    with served(lambda: text, visitors) as address, ExitStack() as stack, ThreadPoolExecutor(PAGES) as pool:
        attending = threading.Thread(target=visitors.attend, args=(school, 0.0), daemon=True)
        attending.start()
        before = memory()
        for status, _, given in pool.map(lambda _: ask(address), range(PAGES)):
            assert (status, given) == (200, text)
        pages = [stack.enter_context(stream(address)) for _ in range(PAGES)]
        for seed, page in enumerate(pages):
            tables = {"scenario": {"seed": seed}, "data": {"source": "spirals", "samples": 60}}
            page.send(json.dumps({"do": "build", "scenario": tables, "evaluates": True}))
        states = [answer(page) for page in pages]
        assert len({state["values"]["base64"] for state in states}) == PAGES
        for page in pages:
            page.send('{"do": "run", "steps": 0}')
        for page in pages:
            while answer(page)["steps"] < STEPS:
                pass
            page.send('{"do": "pause"}')
        assert len(school._desks) == PAGES
        # A page has its network, the states on the way back, and its share of the data: a few MiB.
        assert memory() - before < 5 * PAGES * MIB
        stack.close()
        attending.join(60)
        assert not attending.is_alive()
        assert not school._desks
