"""How fast the lab's file answers: a slider in a real browser, dragging, scrubbing, many seeds, head sizes, the first picture.

The table and the sentence that it prints are those of docs/lab.md.

Run: .venv/bin/python benchmarks/lab.py   (needs playwright and Chromium; writes nothing)
"""

import argparse
import gzip
import os
import shutil
import sys

import numpy as np
from playwright.sync_api import sync_playwright

from headlab.report.html.lab import LAB

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
FACTS = "[...document.querySelectorAll('.facts .number, .made .number')].map((fact) => fact.textContent).join()"
SLIDE = MOVE % FACTS
SEEDS = "[...document.querySelectorAll('.mini')].map((mini) => mini.title).sort().join()"
# Moves the slider every frame, and counts the frames that show another run than the one before.
DRAG = """async (seconds) => {
  const slider = document.querySelector('input[type=range][aria-label=d_head]')
  const shown = () => FACTS
  const [start, most] = [performance.now(), Number(slider.max)]
  let [frames, pictures, last] = [0, 0, shown()]
  while (performance.now() - start < 1000 * seconds) {
    slider.value = Math.round(most * (0.5 + 0.45 * Math.sin(frames / 40)))
    slider.dispatchEvent(new Event('input', { bubbles: true }))
    await new Promise(requestAnimationFrame)
    frames += 1
    if (shown() !== last) pictures += 1
    last = shown()
  }
  return [frames / seconds, pictures / seconds]
}""".replace("FACTS", FACTS)
# Sets the slider, and counts the milliseconds until as many other seeds are shown as are asked for.
MANY = """async ([sizes, pause]) => {
  const slider = document.querySelector('input[type=range][aria-label=d_head]')
  const titles = () => new Set([...document.querySelectorAll('.mini')].map((mini) => mini.title))
  const took = []
  for (const at of sizes) {
    const before = titles()
    const start = performance.now()
    slider.value = at
    slider.dispatchEvent(new Event('input', { bubbles: true }))
    const times = []
    for (const wanted of [16, 64]) {
      const fresh = () => [...titles()].filter((title) => !before.has(title)).length
      while (fresh() < wanted * 0.9 && performance.now() - start < 5000) await new Promise(requestAnimationFrame)
      times.push(performance.now() - start)
    }
    took.push(times)
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
  return took
}"""
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
# Before the page's own script: when the recorded picture was there, and when one that was trained here.
WATCH = """new MutationObserver((_, watch) => {
  if (!window.drawn && document.querySelector('.arcs')) window.drawn = performance.now()
  if (!document.querySelector('.made')?.textContent.includes('trained and drawn in')) return
  window.trained = performance.now()
  watch.disconnect()
}).observe(document, { childList: true, subtree: true, characterData: true })"""
ALL_SIZES = """async () => {
  const told = () => document.querySelector('section[aria-labelledby=sizes-title]')?.textContent ?? ''
  while (!told().includes('1,000 seeds each')) await new Promise((resolve) => setTimeout(resolve, 50))
  return performance.now() - window.trained
}"""


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--moves", type=int, default=150)
    asked.add_argument("--openings", type=int, default=7)
    asked.add_argument("--countings", type=int, default=2)
    given = asked.parse_args()
    data = LAB.read_bytes()
    print(f"the file: {len(data) / 1000:.0f} kB, compressed {len(gzip.compress(data)) / 1000:.0f} kB")
    print(f"{os.cpu_count()} processors")
    if not shutil.which("chromium"):
        sys.exit("chromium must be on the PATH: install it to measure the page")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-background-networking"]
        )
        recorded, trained = zip(*[opened(browser) for _ in range(given.openings)], strict=True)
        page = browser.new_context(viewport={"width": 1400, "height": 900}, offline=True).new_page()
        page.goto(LAB.as_uri())
        page.wait_for_selector(".mini")
        page.wait_for_timeout(2000)
        sizes = np.random.default_rng(0).permutation(np.arange(8, 160))[: given.moves]
        at = np.round(1000 * np.log(sizes) / np.log(160)).astype(int).tolist()  # where each one is on the slider
        print("\n| | median | 95 % are within | aimed at |\n|---|---|---|---|")
        after = "slider moved, after a pause of 100 ms, to the trained run on the screen"
        tell(after, page.evaluate(SLIDE, [at, 100]), "20, 33 ms")
        tell("the same without a pause", page.evaluate(SLIDE, [at, 0]), "20, 33 ms")
        frames, pictures = page.evaluate(DRAG, 6)
        page.locator(".mini").first.scroll_into_view_if_needed()
        first, all_of_them = zip(*page.evaluate(MANY, [at[:30], 400]), strict=True)
        tell("64 seeds after that", all_of_them, "250 ms")
        tell("the first sixteen of them", first, "100 ms")
        tell("file opened to the recorded run on the screen", recorded)
        tell("file opened to the first run that was trained here", trained, "1 s")
        gaps = np.array(page.evaluate(SCRUB))
        page.context.close()
        tell(
            "3 × 1,000 runs of three head sizes after that", [counted(browser) for _ in range(given.countings)], "12 s"
        )
        print(
            f"\nDragged without a pause it shows {pictures:.0f} newly trained runs a second, in {frames:.0f} frames;",
            end=" ",
        )
        print(f"scrubbing draws {1000 / gaps.mean():.0f} frames, {100 * (gaps > 25).mean():.0f} % of them late.")
        browser.close()


def counted(browser) -> float:
    """Return the milliseconds from the first run that a page has trained until each of the three head sizes has 1,000."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, offline=True)
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(LAB.as_uri())
    milliseconds = page.evaluate(ALL_SIZES)
    context.close()
    return milliseconds


def opened(browser) -> tuple[float, float]:
    """Return the milliseconds from a file's opening to its recorded picture, and to the one that it has trained."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, offline=True)
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(LAB.as_uri())
    page.locator(".mini").first.wait_for()
    times = page.evaluate("[window.drawn, window.trained]")
    context.close()
    return tuple(times)


def tell(what: str, milliseconds, aim: str = "") -> None:
    """Print a row of the table in docs/lab.md."""
    middle, high = np.percentile(milliseconds, [50, 95])
    of = 1000 if middle >= 2000 else 1
    unit = "s" if of > 1 else "ms"
    print(f"| {what} | {middle / of:.0f} {unit} | {high / of:.0f} {unit} | {aim} |", flush=True)


if __name__ == "__main__":
    main()
