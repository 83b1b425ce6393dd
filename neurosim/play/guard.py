"""What is asked of the server is refused unless it comes from its own page.

Any page that is open in a browser can send requests to a server on the same machine, and may even get its own name to
lead to this machine. So the server answers only to names that it knows (Host), to pages that it has served (Origin),
and to who knows its token. It is the same for all methods and for the stream.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
# For pages, and for refusals.
HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"frame-ancestors 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)


class Names:
    """The names under which a server is reached.

    Parameters
    ----------
    host : str
        The address or name that it listens on.
    port : int
        Its port.
    """

    def __init__(self, host: str, port: int) -> None:
        self._port = port
        address = _address(host)
        # Of all addresses of this machine.
        self._everywhere = address is not None and address.is_unspecified
        local = host == "localhost" or (address is not None and address.is_loopback)
        named = f"[{host}]" if address is not None and address.version == 6 else host
        own = socket.gethostname()
        names = [named, *(LOOPBACK if local or self._everywhere else ())]
        names += [own, f"{own}.local"] if self._everywhere else []
        self._names = {name.lower() for name in names}
        self.shown = own if self._everywhere else named

    def know(self, host: str) -> bool:
        """Whether a Host header names this server."""
        name, colon, port = host.rpartition(":")
        if not colon or port != str(self._port):
            return False
        # A name of somebody's own may lead here; an address of this machine cannot be another's.
        return name.lower() in self._names or (self._everywhere and _address(name.strip("[]")) is not None)


class Guard:
    """Lets through to an application only what its own page asks.

    Parameters
    ----------
    application : ASGI application
        What is guarded.
    names : Names
        The names under which it is reached.
    token : str
        The first part of every path.
    """

    def __init__(self, application: Application, names: Names, token: str) -> None:
        self._application = application
        self._names = names
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        refused = self._refusal(scope)
        if refused and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": refused})
        elif refused:
            text = f"{refused}\n".encode()
            headers = [*HEADERS, (b"content-type", b"text/plain"), (b"content-length", str(len(text)).encode())]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": text})
        else:

            async def with_headers(message: MutableMapping[str, Any]) -> None:
                if message["type"] == "http.response.start":
                    message["headers"] = [*message.get("headers", ()), *HEADERS]
                await send(message)

            await self._application(scope, receive, with_headers)

    def _refusal(self, scope: Scope) -> str:
        """Why a request is refused; empty if it is not."""
        hosts, origins = (_values(scope["headers"], name) for name in (b"host", b"origin"))
        if len(hosts) != 1 or not self._names.know(hosts[0]):
            return "Refused: this server has another name."
        # Browsers name the origin of every stream; of pages that are opened by their address they do not.
        needed = scope["type"] == "websocket"
        if (needed and not origins) or any(origin != f"http://{hosts[0]}" for origin in origins):
            return "Refused: the request comes from a page of another server."
        given = scope["path"].split("/")[1].encode()
        if not secrets.compare_digest(given, self._token.encode()):
            return "Refused: the address is not complete. Open the one that neurosim has printed."
        return ""


def _values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in headers if key.lower() == name]


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
