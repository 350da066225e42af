"""Three browsers open a file, each by what it speaks itself; where one is not there, a test says so and is skipped.

Chromium is driven by Playwright, Firefox by WebDriver BiDi over its own socket, WebKitGTK's MiniBrowser by its WebDriver.
"""

import base64
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from browsing import CHROMIUM

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
WEBKIT = shutil.which("WebKitWebDriver")
XVFB = shutil.which("Xvfb")
STARTS = 60  # seconds within which a browser must be there, on a busy machine
OFFLINE = {"network.proxy.type": 1, "network.proxy.socks": "127.0.0.1", "network.proxy.socks_port": 9}  # nobody there
WIDE = (1400, 900)  # pixels


@dataclass(frozen=True)
class Page:
    """What a test does with a page, in whichever browser it is open."""

    run: Callable[[str], Any]  # the value of an expression of JavaScript, as JSON
    open: Callable[[str], Any]  # go to an address
    picture: Callable[[], bytes]  # what is seen, as PNG

    def text(self, selector: str) -> str:
        """Return the text of the first element that a selector finds; nothing where there is none."""
        return self.run(f"document.querySelector({json.dumps(selector)})?.textContent ?? ''")


@contextlib.contextmanager
def chromium(address: str, scratch: Path) -> Iterator[Page]:
    """Yield an address, open in Chromium; scratch: a folder for what a browser keeps."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on the PATH")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDE[0], "height": WIDE[1]})
        page.goto(address)
        yield Page(page.evaluate, page.goto, page.screenshot)
        browser.close()


@contextlib.contextmanager
def firefox(address: str, scratch: Path, **preferences: Any) -> Iterator[Page]:
    """Yield an address, open in Firefox, set as its preferences say (`about:config`), offline; what it saves is in scratch."""
    if FIREFOX is None:
        pytest.skip("no Firefox on the PATH")
    sockets = pytest.importorskip("websockets.sync.client")
    said = scratch / "firefox.txt"
    usual = {"browser.download.dir": str(scratch), "browser.download.folderList": 2, **OFFLINE}
    set_to = (
        f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in {**usual, **preferences}.items()
    )
    (scratch / "user.js").write_text("".join(set_to))
    command = [FIREFOX, "--headless", "--no-remote", "--profile", str(scratch), "--remote-debugging-port", "0"]
    with process(command, said):
        home = until(lambda: re.search(r"ws://\S+", said.read_text()), "Firefox")[0]
        with sockets.connect(f"{home}/session", max_size=None, open_timeout=STARTS) as connection:

            def ask(method: str, **given: Any) -> Any:
                connection.send(json.dumps({"id": 1, "method": method, "params": given}))
                while (answer := json.loads(connection.recv(STARTS))).get("id") != 1:
                    continue
                assert answer["type"] == "success", answer
                return answer["result"]

            ask("session.new", capabilities={})
            here = {"context": ask("browsingContext.getTree")["contexts"][0]["context"]}
            ask("browsingContext.setViewport", **here, viewport={"width": WIDE[0], "height": WIDE[1]})

            def run(expression: str) -> Any:
                asked = f"JSON.stringify(({expression}) ?? null)"
                answer = ask("script.evaluate", expression=asked, target=here, awaitPromise=False)
                return json.loads(answer["result"]["value"])

            def go(to: str) -> None:
                ask("browsingContext.navigate", **here, url=to, wait="complete")

            def picture() -> bytes:
                return base64.b64decode(ask("browsingContext.captureScreenshot", **here)["data"])

            go(address)
            yield Page(run, go, picture)
            with contextlib.suppress(Exception):
                ask("browser.close")


@contextlib.contextmanager
def webkit(address: str, scratch: Path) -> Iterator[Page]:
    """Yield an address, open in WebKit; what it saves is in scratch."""
    if WEBKIT is None or XVFB is None:
        pytest.skip("no WebKitWebDriver and Xvfb on the PATH")
    said, port = scratch / "webkit.txt", free_port()
    usual = {"HOME": str(scratch), "XDG_RUNTIME_DIR": str(scratch), "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1"}
    with screen(scratch) as display, process([WEBKIT, f"--port={port}"], said, **usual, DISPLAY=display):

        def ask(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
            data = None if body is None else json.dumps(body).encode()
            request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, method=method)
            with urllib.request.urlopen(request, timeout=STARTS) as answer:
                return json.load(answer)["value"]

        until(lambda: open_port(port), "WebKitWebDriver")
        browser = {"webkitgtk:browserOptions": {"args": ["--automation"], **minibrowser()}}
        session = f"/session/{ask('POST', '/session', {'capabilities': {'alwaysMatch': browser}})['sessionId']}"
        ask("POST", f"{session}/window/rect", {"width": WIDE[0], "height": WIDE[1]})

        def run(expression: str) -> Any:
            return ask("POST", f"{session}/execute/sync", {"script": f"return ({expression}) ?? null", "args": []})

        def go(to: str) -> None:
            ask("POST", f"{session}/url", {"url": to})

        go(address)
        yield Page(run, go, lambda: base64.b64decode(ask("GET", f"{session}/screenshot")))
        with contextlib.suppress(Exception):
            ask("DELETE", session)


def minibrowser() -> dict[str, str]:
    """Return where Debian keeps WebKitGTK's small browser, if it does."""
    found = sorted(Path("/usr/lib").glob("*/webkit2gtk-4*/MiniBrowser"))
    return {"binary": str(found[-1])} if found else {}


@contextlib.contextmanager
def screen(scratch: Path) -> Iterator[str]:
    """Yield the name of a display that nobody sees."""
    told, tell = os.pipe()
    command = [XVFB, "-displayfd", str(tell), "-screen", "0", "1920x1200x24", "-nolisten", "tcp"]
    with process(command, scratch / "screen.txt", pass_fds=(tell,)):
        os.close(tell)
        with os.fdopen(told) as display:
            yield f":{display.readline().strip()}"


@contextlib.contextmanager
def process(command: list[Any], said: Path, pass_fds: tuple[int, ...] = (), **environment: str) -> Iterator[None]:
    """Run a command, what it says into a file, and end it with all that it started."""
    with said.open("w") as out:
        started = subprocess.Popen(
            command,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            start_new_session=True,
            pass_fds=pass_fds,
        )
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(started.pid, signal.SIGKILL)
            started.wait()


def until(found: Callable[[], Any], what: str, seconds: float = STARTS) -> Any:
    """Wait until something is found, and return it."""
    end = time.monotonic() + seconds
    while not (there := found()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what} took more than {seconds:.0f} s")
        time.sleep(0.05)
    return there


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def open_port(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


ENGINES = {"Chromium": chromium, "Firefox": firefox, "WebKit": webkit}
