"""The lab's server: the page, the token's exchange for a cookie, and one socket on which everything else goes.

Messages from the page are JSON, at most 128 KiB:

    {"ask": "show", "id": 7, "fields": {...}}          train and show an experiment (fields: see lab/experiment.py)
    {"ask": "trial", "id": 8, "fields": {...}, "more": {"part": {"kind": "source", "position": 1}, "sequence": 0, "position": 3}}
    {"ask": "figure", "id": 9, "fields": {...}, "more": {"format": "svg", "moment": 12, "output": "sigmoid"}}
    {"ask": "weights" | "report", "id": 10, "fields": {...}}

Answers are binary frames (report/frames/wire.py), each with the `id` of the request it belongs to and a `kind`: hello,
picture, why, seeds, sizes, trial, weights, figure, report, problems.
"""

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from headlab.engine import default_threads
from headlab.errors import Problem
from headlab.lab.desk import Desk, Page
from headlab.lab.guard import Guard
from headlab.lab.trainer import Trainer, prepare
from headlab.report import PAGE
from headlab.report.frames.wire import encode, problems

MOST_BYTES = 128 * 1024  # of a message
MOST_PAGES = 64
MOST_FRAMES = 64  # that wait for a page to take them
SEND_SECONDS = 10.0  # for a page to take one
ASKS = ("show", "trial", "weights", "figure", "report")
WITH_MORE = ("trial", "figure")


def application(hosts: Sequence[str], token: str, *, trainers: int | None = None, page: Path = PAGE) -> Guard:
    """Return the guarded ASGI app; hosts: with port, the first one names the cookie."""
    cookie = "headlab_" + hosts[0].rsplit(":", 1)[-1]

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        count = trainers or max(2, default_threads())
        prepare()
        app.state.desk = Desk([Trainer(background=number > 0) for number in range(count)])
        yield
        await app.state.desk.close()

    async def index(request: Request) -> Response:
        return FileResponse(page / "index.html")

    async def session(request: Request) -> Response:
        if not secrets.compare_digest(request.headers.get("x-headlab-token", "").encode(), token.encode()):
            return PlainTextResponse("Refused: open the address that `headlab lab` printed.\n", 403)
        answer = Response(status_code=204)
        answer.set_cookie(cookie, token, httponly=True, samesite="strict")
        return answer

    routes = [
        Route("/", index),
        Route("/session", session, methods=["POST"]),
        WebSocketRoute("/live", live),
        Mount("/assets", StaticFiles(directory=page / "assets", check_dir=False)),
    ]
    return Guard(Starlette(routes=routes, lifespan=lifespan), hosts, token, cookie)


async def live(websocket: WebSocket) -> None:
    """Serve one page."""
    desk: Desk = websocket.app.state.desk
    if len(desk.pages) >= MOST_PAGES:
        await websocket.close(1013, f"the lab serves at most {MOST_PAGES} pages at once: close some")
        return
    await websocket.accept()

    frames: asyncio.Queue[bytes] = asyncio.Queue(MOST_FRAMES)  # so that nobody else waits for a page that reads slowly

    def send(data: bytes) -> None:
        try:
            frames.put_nowait(data)
        except asyncio.QueueFull:
            desk.leave(page)

    page = Page(send)
    desk.pages.add(page)
    sending = asyncio.create_task(_send(websocket, frames, desk, page))
    try:
        await desk.ask(page, "hello", {}, {}, 0)
        while True:
            await _answer(desk, page, await websocket.receive_text())
    except (WebSocketDisconnect, KeyError, RuntimeError):  # KeyError: a binary message, which the page never sends
        pass
    finally:
        desk.leave(page)
        sending.cancel()


async def _send(websocket: WebSocket, frames: asyncio.Queue[bytes], desk: Desk, page: Page) -> None:
    """Send frames as they come; close the socket of a page that does not keep up."""
    with contextlib.suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
        while page in desk.pages:
            data = await frames.get()
            async with asyncio.timeout(SEND_SECONDS):
                await websocket.send_bytes(data)
    desk.leave(page)
    with contextlib.suppress(Exception):
        await websocket.close(1013, "the page does not keep up: reload it")


async def _answer(desk: Desk, page: Page, text: str) -> None:
    try:
        given = json.loads(text)
        ask, number, fields, more = given["ask"], given["id"], given["fields"], given.get("more", {})
        if not (
            ask in ASKS
            and isinstance(number, int)
            and _flat(fields)
            and _flat({**more, "part": 0, "row": 0})
            and (_flat(more.get("part", {})) or isinstance(more["part"], str))
            and _flat(more.get("row", {}))
        ):
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError):
        problem = f"A message must be JSON with ask (one of {', '.join(ASKS)}), id and fields: reload the page."
        page.send(encode(problems([Problem(problem)]), id=0))
        return
    if ask == "show":
        await desk.show(page, fields, number)
    else:
        await desk.ask(page, ask, fields, {"what": more} if ask in WITH_MORE else {}, number)


def _flat(values: Any) -> bool:
    return isinstance(values, dict) and not any(isinstance(value, dict | list) for value in values.values())
