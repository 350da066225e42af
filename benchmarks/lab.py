"""How fast the lab answers: a slider in a real browser, scrubbing, many seeds, the first page, thirty pages at once.

Run: .venv/bin/python benchmarks/lab.py   (needs playwright and Chromium; writes nothing)
"""

import argparse
import asyncio
import gzip
import http.client
import json
import re
import shutil
import subprocess
import sys
import time
from urllib.parse import urlsplit

import numpy as np
import websockets
from playwright.sync_api import sync_playwright

from headlab.report import PAGE
from headlab.report.frames.wire import decode

# Sets the slider, and counts the milliseconds until a frame shows something else.
MOVE = """async ([sizes, pause]) => {
  const slider = document.querySelector('input[type=range][aria-label=d_head]')
  const shown = () => %s
  const took = []
  for (const at of sizes) {
    const before = shown()
    const start = performance.now()
    slider.value = at
    slider.dispatchEvent(new Event('input', { bubbles: true }))
    while (shown() === before && performance.now() - start < 3000) await new Promise(requestAnimationFrame)
    took.push(performance.now() - start)
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
  return took
}"""
SLIDE = MOVE % "[...document.querySelectorAll('.facts .number, .made .number')].map((fact) => fact.textContent).join()"
SEEDS = MOVE % "[...document.querySelectorAll('.mini')].map((mini) => mini.title).sort().join()"
# Before the page's own script: when the first picture was there.
WATCH = """new MutationObserver((_, watch) => {
  if (!document.querySelector('.arcs')) return
  window.first = performance.timeOrigin + performance.now()
  watch.disconnect()
}).observe(document, { childList: true, subtree: true })"""
SCRUB = """async () => {
  const slider = document.querySelector('[aria-label="moment of the training"]')
  const most = Number(slider.max)
  const gaps = []
  let last = await new Promise(requestAnimationFrame)
  for (let frame = 0; frame < 240; frame++) {
    slider.value = (frame * 70) % most
    slider.dispatchEvent(new Event('input', { bubbles: true }))
    const now = await new Promise(requestAnimationFrame)
    gaps.push(now - last)
    last = now
  }
  return gaps
}"""


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--moves", type=int, default=150)
    asked.add_argument("--pages", type=int, default=30)
    asked.add_argument("--seconds", type=float, default=15.0)
    given = asked.parse_args()
    size = sum(len(gzip.compress(path.read_bytes())) for path in (PAGE / "assets").iterdir())
    print(f"script and style, compressed: {size / 1000:.1f} kB")
    if not shutil.which("chromium"):
        sys.exit("chromium must be on the PATH: install it to measure the page")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-background-networking"]
        )
        page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
        page.add_init_script(WATCH)
        page.goto("data:text/html,an open browser")
        began = time.time()
        server, address = start()
        print(f"command to address: {time.time() - began:.2f} s")
        page.goto(address)
        print(f"command to page: {time.time() - began:.2f} s")
        page.wait_for_selector(".arcs")
        print(f"command to first picture: {page.evaluate('window.first') / 1000 - began:.2f} s")
        page.wait_for_selector(".mini")
        page.wait_for_timeout(2000)
        sizes = np.random.default_rng(0).permutation(np.arange(8, 160))[: given.moves]
        at = np.round(1000 * np.log(sizes) / np.log(160)).astype(int).tolist()  # where each one is on the slider
        tell("slider to trained picture, pauses of 100 ms", page.evaluate(SLIDE, [at, 100]))
        tell("slider to trained picture, without a pause", page.evaluate(SLIDE, [at, 0]))
        tell("slider to 64 seeds refreshed", page.evaluate(SEEDS, [at[:40], 400]))
        gaps = np.array(page.evaluate(SCRUB))
        print(f"scrubbing: {1000 / gaps.mean():.1f} frames a second, {100 * (gaps > 25).mean():.1f} % late")
        browser.close()
    many(address, given.pages, given.seconds)
    server.kill()


def start() -> tuple[subprocess.Popen, str]:
    command = [sys.executable, "-m", "headlab", "lab", "--no-browser", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    return server, re.search(r"http://\S+", server.stdout.readline())[0]


def tell(what: str, milliseconds: list[float]) -> None:
    middle, high, most = np.percentile(milliseconds, [50, 95, 100])
    print(f"{what}: median {middle:.0f} ms, p95 {high:.0f} ms, most {most:.0f} ms ({len(milliseconds)} moves)")


def many(address: str, pages: int, seconds: float) -> None:
    """Open so many pages; on each a slider moves again half a second after its picture has come."""
    took = asyncio.run(_many(address, pages, seconds))
    each = [np.percentile(one, 95) for one in took]
    print(
        f"{pages} pages at once: p95 of a page {np.median(each):.0f} ms in the median, {max(each):.0f} ms at worst; "
        f"{min(map(len, took))} to {max(map(len, took))} pictures each in {seconds:.0f} s"
    )


async def _many(address: str, pages: int, seconds: float) -> list[list[float]]:
    parts = urlsplit(address)
    token = parts.fragment.removeprefix("token=")
    home = f"http://{parts.netloc}"
    link = http.client.HTTPConnection(parts.hostname, parts.port)
    link.request("POST", "/session", headers={"Origin": home, "X-Headlab-Token": token})
    cookie = link.getresponse().getheader("Set-Cookie").split(";")[0]
    until = time.perf_counter() + seconds

    async def visit(number: int) -> list[float]:
        took, random = [], np.random.default_rng(number)
        async with websockets.connect(
            f"ws://{parts.netloc}/live", origin=home, additional_headers={"Cookie": cookie}, max_size=None
        ) as socket:
            await asyncio.sleep(random.random() * 0.5)
            ask = 0
            while time.perf_counter() < until:
                ask += 1
                began = time.perf_counter()
                fields = {"d_head": int(random.integers(1, 160))}
                await socket.send(json.dumps({"ask": "show", "id": ask, "fields": fields}))
                while (frame := decode(await socket.recv())).kind != "picture" or frame.values["id"] != ask:
                    pass
                took.append(1000 * (time.perf_counter() - began))
                began = time.perf_counter()
                while (rest := 0.5 - (time.perf_counter() - began)) > 0:
                    try:
                        await asyncio.wait_for(socket.recv(), rest)
                    except TimeoutError:
                        break
        return took

    return await asyncio.gather(*(visit(number) for number in range(pages)))


if __name__ == "__main__":
    main()
