"""The server itself, in a thread: the page at its address, and the stream to it."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import uvicorn
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route, Router, WebSocketRoute
from starlette.websockets import WebSocket

from neurosim.errors import UsageError
from neurosim.play.guard import Guard, Names
from neurosim.play.messages import MOST_BYTES, Order
from neurosim.play.visitors import Visitors

# Pages, their streams, and what strangers try.
MOST_CONNECTIONS = 256
# Messages to a page.
MOST_WAITING = 32
# Seconds that the thread gets to say goodbye.
GOODBYE = 1.0


@contextmanager
def served(page: Callable[[], str], visitors: Visitors, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve a page inside this; yields its address, which is not to be guessed.

    Parameters
    ----------
    page : function
        Makes the text of the page, each time that it is loaded.
    visitors : Visitors
        Who the pages are entered with.
    host, port
        Where to listen; any free port for 0.

    Raises
    ------
    UsageError
        When nothing can listen there.
    """
    listening = _listening(host, port)
    port = listening.getsockname()[1]
    names, token = Names(host, port), secrets.token_urlsafe(18)
    server = uvicorn.Server(
        uvicorn.Config(
            Guard(_application(page, visitors, token), names, token),
            access_log=False,
            date_header=False,
            http="h11",
            lifespan="off",
            limit_concurrency=MOST_CONNECTIONS,
            log_config=None,
            log_level="critical",
            loop="asyncio",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=int(GOODBYE),
            ws="websockets-sansio",
            ws_max_size=MOST_BYTES,
            ws_per_message_deflate=False,
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="server", daemon=True)
    thread.start()
    try:
        yield f"http://{names.shown}:{port}/{token}/"
    finally:
        server.should_exit = True
        thread.join(GOODBYE)
        listening.close()


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"nothing can listen on port {port} of {host}: {reason}", "Choose another port.") from None


def _application(page: Callable[[], str], visitors: Visitors, token: str) -> Router:
    async def show(request: Request) -> HTMLResponse:
        return HTMLResponse(page())

    async def stream(connection: WebSocket) -> None:
        await _attend(connection, visitors)

    routes = [Route(f"/{token}/", show, methods=["GET"]), WebSocketRoute(f"/{token}/stream", stream)]
    return Router(routes, redirect_slashes=False)


async def _attend(connection: WebSocket, visitors: Visitors) -> None:
    """Pass messages on, in both directions, until the page is closed."""
    await connection.accept()
    loop, leaving = asyncio.get_running_loop(), asyncio.Queue[str](MOST_WAITING)

    def put(text: str) -> None:
        # A page that asks and does not listen misses answers.
        with suppress(asyncio.QueueFull):
            leaving.put_nowait(text)

    def tell(message: Order) -> None:
        text = json.dumps(message, separators=(",", ":"))
        # The loop may be at its end already.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(put, text)

    visitor = visitors.enter(tell)
    if visitor is None:
        await connection.close(1013, "too many pages are open")
        return

    async def send() -> None:
        while True:
            await connection.send_text(await leaving.get())

    sending = asyncio.create_task(send())
    try:
        while (message := await connection.receive())["type"] == "websocket.receive":
            visitors.hear(visitor, message.get("text"))
    finally:
        sending.cancel()
        visitors.leave(visitor)
