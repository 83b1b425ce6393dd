"""The server behind the page that trains: whom it answers, and what it makes of what it is sent."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from neurosim.errors import UsageError
from neurosim.play.formulas import Reader
from neurosim.play.guard import Names
from neurosim.play.messages import MOST_BYTES, ORDERS, read_message
from neurosim.play.serving import served
from neurosim.play.visitors import MOST_VISITORS, Visitors

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
PAGE = "<!doctype html><title>A page</title>"


@pytest.fixture(scope="module")
def address():
    """Of a server whose pages train by themselves."""
    visitors = Visitors()
    with served(lambda: PAGE, visitors) as address:
        threading.Thread(target=visitors.attend, args=(Reader(()), 600), daemon=True).start()
        yield address


def ask(address, method="GET", headers=None, path=None):
    """The status, the headers and the text of an answer."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    connection.putrequest(method, path or parts.path, skip_host=True)
    for name, value in {"Host": parts.netloc, **(headers or {})}.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, text


def stream(address, headers=None, path=None):
    """An open stream to the server, as a page has it."""
    parts = urlsplit(address)
    given = {"Host": parts.netloc, "Origin": f"http://{parts.netloc}", **(headers or {})}
    opened = socket.create_connection((parts.hostname, parts.port), timeout=20)
    # The library takes the Host from the address, whatever the connection is to.
    at = f"ws://{given['Host']}{path or parts.path}stream"
    return connect(at, sock=opened, origin=given["Origin"], compression=None, proxy=None)


STRANGERS = {
    "a name of somebody's own": lambda port: {"headers": {"Host": f"evil.example:{port}"}},
    "another port": lambda port: {"headers": {"Host": f"127.0.0.1:{port - 1}"}},
    "another page": lambda port: {"headers": {"Origin": "http://evil.example"}},
    "another server here": lambda port: {"headers": {"Origin": f"http://127.0.0.1:{port - 1}"}},
    "no page": lambda port: {"headers": {"Origin": "null"}},
    "no token": lambda port: {"path": "/"},
    "a wrong token": lambda port: {"path": "/AAAAAAAAAAAAAAAAAAAAAAAA/"},
}


@pytest.mark.parametrize("method", [*METHODS, "stream"])
@pytest.mark.parametrize("stranger", STRANGERS)
def test_strangers_are_refused(address, stranger, method):
    how = STRANGERS[stranger](urlsplit(address).port)
    if method == "stream":
        with pytest.raises(InvalidStatus, match="403"):
            stream(address, **how)
        return
    status, headers, text = ask(address, method, **how)
    assert status == 403
    assert text.startswith("Refused: ") or method == "HEAD"
    assert "A page" not in text
    assert not [name for name in headers if name.lower().startswith("access-control")]


def test_a_stream_that_names_no_page_is_refused(address):
    with pytest.raises(InvalidStatus, match="403"):
        stream(address, {"Origin": None})


@pytest.mark.parametrize("host", ["", "127.0.0.1", "127.0.0.1:80", "[::1", "localhost:x"])
def test_hosts_without_its_port_are_refused(address, host):
    assert ask(address, headers={"Host": host})[0] in (400, 403)


def test_its_own_page_gets_the_page(address):
    parts = urlsplit(address)
    status, headers, text = ask(address, headers={"Origin": f"http://{parts.netloc}"})
    assert (status, text) == (200, PAGE)
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Server"] is None
    assert ask(address, headers={"Host": f"localhost:{parts.port}"})[0] == 200
    assert ask(address, "HEAD")[0::2] == (200, "")
    for method in set(METHODS) - {"GET", "HEAD"}:
        assert ask(address, method)[0] == 405
    assert ask(address, path=f"{parts.path}../etc/passwd")[0] == 404


def test_names_under_which_a_server_is_reached():
    local, public, one = Names("127.0.0.1", 80), Names("0.0.0.0", 80), Names("192.168.1.5", 80)
    assert local.know("127.0.0.1:80")
    assert local.know("LOCALHOST:80")
    assert local.know("[::1]:80")
    assert not local.know("192.168.1.5:80")
    assert public.know("192.168.1.5:80")
    assert public.know(f"{socket.gethostname()}:80")
    assert not public.know("evil.example:80")
    assert one.know("192.168.1.5:80")
    assert not one.know("127.0.0.1:80")
    assert Names("::1", 80).shown == "[::1]"


def test_a_port_that_is_taken_is_said(address):
    port = urlsplit(address).port
    with pytest.raises(UsageError, match=rf"nothing can listen on port {port} of 127\.0\.0\.1: "):
        served(lambda: PAGE, Visitors(), port=port).__enter__()


WRONG = {
    "": "is JSON",
    "[1": "is JSON",
    '{"do": NaN}': "is JSON",
    "[]": "is a JSON object",
    "{}": "one of these orders: build, epoch,",
    '{"do": ["run"]}': "one of these orders",
    '{"do": "eval"}': "one of these orders",
    '{"do": "pause", "file": "/etc/passwd"}': "the order pause has no such part; it has: none",
    '{"do": "run"}': "the order run needs steps: a whole number from 0 to 1,000,000",
    '{"do": "run", "steps": true}': "needs steps",
    '{"do": "seek", "to": -1}': "needs to: a whole number",
    '{"do": "set", "name": "__class__.x", "value": 1}': "needs name: a name of letters",
    '{"do": "set", "name": "lr", "value": 1e999}': "numbers of a message are finite",
    '{"do": "weights", "values": [1, "2"]}': "needs values: a list of numbers",
    '{"do": "build", "scenario": []}': "needs scenario: the tables",
    '{"do": "build", "scenario": ' + '{"a":' * 20 + "1" + "}" * 21: "nested in 16 levels",
    "[" * 100_000: "is JSON",
    '{"do": "run", "steps": ' + "9" * 10_000 + "}": "is JSON",
    '{"do": "run", "steps": ' + "9" * 400 + "}": "needs steps",
    "x" * (MOST_BYTES + 1): "letters at most",
}


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_wrong_messages_are_refused_with_a_reason(text):
    with pytest.raises(UsageError, match=WRONG[text]):
        read_message(text)


def test_messages_are_answered_and_the_server_lives(address):
    with stream(address) as page:
        page.send('{"do": "eval"}')
        assert "one of these orders" in json.loads(page.recv(20))["refused"]
        page.send(b"\x00")
        assert json.loads(page.recv(20)) == {"refused": "a message is text"}
        page.send('{"do": "pause"}')
        assert json.loads(page.recv(20)) == {"failed": "this page trains by itself"}
    with stream(address) as page:
        page.send("x" * (MOST_BYTES + 1))
        with pytest.raises(ConnectionClosed, match="1009"):
            page.recv(20)
    assert ask(address)[0] == 200


KEYS = st.sampled_from(["do", "scenario", "steps", "to", "name", "value", "values", "seed"])
PARTS = st.recursive(
    st.sampled_from([None, True, -1, 0, 1, 2**63, 0.5, float("nan"), float("inf"), "", "lr", "\ud800", "../x"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=4,
)
MESSAGES = (
    st.text(max_size=20)
    | st.binary(max_size=20)
    | PARTS.map(json.dumps)
    | st.builds(
        lambda name, more: json.dumps({**more, "do": name}),
        st.sampled_from([*ORDERS]),
        st.dictionaries(KEYS, PARTS, max_size=4),
    )
)


@pytest.mark.ci
def test_a_thousand_malformed_messages(address):
    with stream(address) as page:

        @settings(max_examples=1000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(MESSAGES)
        def hold(message):
            page.send(message)
            ((kind, words),) = json.loads(page.recv(20)).items()
            assert kind in ("refused", "failed")
            assert words

        hold()
    assert ask(address)[0] == 200


def test_there_is_room_for_so_many_pages(address):
    with ExitStack() as stack:
        pages = [stack.enter_context(stream(address)) for _ in range(MOST_VISITORS)]
        with stream(address) as late, pytest.raises(ConnectionClosed, match="too many pages"):
            late.recv(20)
        for page in pages:
            page.send('{"do": "pause"}')
        assert all("failed" in json.loads(page.recv(20)) for page in pages)


def test_it_ends_when_its_last_page_is_closed():
    visitors = Visitors()
    with served(lambda: PAGE, visitors) as address:
        waiting = threading.Thread(target=visitors.attend, args=(Reader(()), 0.0), daemon=True)
        waiting.start()
        with stream(address) as first, stream(address) as second:
            first.close()
            second.send("{}")
            assert second.recv(20)
            assert waiting.is_alive()
        waiting.join(20)
        assert not waiting.is_alive()
    with pytest.raises(OSError, match="refused"):
        ask(address)


@pytest.mark.ci
@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_ends_the_command(tmp_path):
    # Where nothing is found, no browser is started.
    place = {**os.environ, "PATH": str(tmp_path)}
    command = [sys.executable, "-m", "neurosim", "play", "xor"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=place) as running:
        address = running.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{24}/", address)
        assert "<title>" in ask(address)[2]
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=20)
    assert running.returncode == 130
