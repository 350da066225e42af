"""One wrapper around every route, HTTP and WebSocket: who may ask, and what every answer says to the browser.

The lab can do nothing but train and show, and it listens on this machine alone; but every page that is open in the same browser,
and every program of every user of this machine, can reach a local port. So a request must name this server as its host, come
from this server's own page, and (but for the page's files) carry the token that `headlab lab` printed.
"""

import secrets
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

PUBLIC = ("/", "/session", "/assets/")  # `/session` checks the token itself
TOKEN_HEADER = b"x-headlab-token"
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


def is_public(path: str) -> bool:
    """Return whether a path is answered without a token: the page, its files, and where the token is handed in.

    >>> is_public("/assets/page.js"), is_public("/live")
    (True, False)
    """
    return path in PUBLIC or (path.startswith("/assets/") and ".." not in path)


class Guard:
    """An ASGI app around another one; hosts: the exact Host headers it answers to, with port."""

    def __init__(self, app: Any, hosts: Iterable[str], token: str, cookie: str) -> None:
        self.app, self.hosts, self.token, self.cookie = app, frozenset(hosts), token, cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse with 403 before anything is accepted."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = self.refusal(scope)
        if scope["type"] == "websocket":
            if refusal:
                await send({"type": "websocket.close", "code": 1008, "reason": refusal})  # before accept: HTTP 403
            else:
                await self.app(scope, receive, send)
            return
        if refusal:
            await _refuse(_with_headers(send), refusal)
        else:
            await self.app(scope, receive, _with_headers(send))

    def refusal(self, scope: Scope) -> str | None:
        """Return why a request is refused, or None."""
        headers: list[tuple[bytes, bytes]] = list(scope["headers"])
        host = _only(headers, b"host")
        if host is None or host not in self.hosts:
            return "this server answers to its own address only"
        origin, site = _all(headers, b"origin"), _all(headers, b"sec-fetch-site")
        if scope["type"] == "websocket" and not origin:
            return "a socket must come from the page"
        if any(item != f"http://{host}" for item in origin):
            return "requests must come from the lab's own page"
        if any(item not in ("same-origin", "none") for item in site) and not _opens_the_page(scope, headers):
            return "requests must come from the lab's own page"
        if not is_public(scope["path"]) and not self.knows(headers):
            return "open the address that `headlab lab` printed"
        return None

    def knows(self, headers: list[tuple[bytes, bytes]]) -> bool:
        """Return whether a request carries the token, as a header or as the cookie that was given for it."""
        given = _all(headers, TOKEN_HEADER)
        for text in _all(headers, b"cookie"):
            try:
                cookies = SimpleCookie(text)
            except CookieError:
                continue
            given += [cookies[self.cookie].value] if self.cookie in cookies else []
        return any(secrets.compare_digest(item.encode("utf-8", "replace"), self.token.encode()) for item in given)


def _opens_the_page(scope: Scope, headers: list[tuple[bytes, bytes]]) -> bool:
    # A link on another site may open the page itself, in a tab of its own: that shows nothing and changes nothing.
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and scope["path"] == "/"
        and _all(headers, b"sec-fetch-dest") == ["document"]
        and _all(headers, b"sec-fetch-mode") == ["navigate"]
    )


def _all(headers: list[tuple[bytes, bytes]], name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in headers if key.lower() == name]


def _only(headers: list[tuple[bytes, bytes]], name: bytes) -> str | None:
    found = _all(headers, name)
    return found[0] if len(found) == 1 else None


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            names = {name.encode() for name in HEADERS}
            kept = [(name, value) for name, value in message.get("headers", []) if name.lower() not in names]
            message = {**message, "headers": [*kept, *((k.encode(), v.encode()) for k, v in HEADERS.items())]}
        await send(message)

    return sending


async def _refuse(send: Send, why: str) -> None:
    body = f"Refused: {why}.\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})
