"""How fast the lab's file answers: a slider in a real browser, dragging, scrubbing, many seeds, head sizes, the first picture.

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


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--moves", type=int, default=150)
    asked.add_argument("--openings", type=int, default=7)
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
        openings = [opened(browser) for _ in range(given.openings)]
        for what, times in zip(
            ("opened to the recorded picture", "opened to the first trained picture"),
            zip(*openings, strict=True),
            strict=True,
        ):
            tell(what, times)
        page = browser.new_context(viewport={"width": 1400, "height": 900}, offline=True).new_page()
        page.goto(LAB.as_uri())
        page.wait_for_selector(".mini")
        page.wait_for_timeout(2000)
        sizes = np.random.default_rng(0).permutation(np.arange(8, 160))[: given.moves]
        at = np.round(1000 * np.log(sizes) / np.log(160)).astype(int).tolist()  # where each one is on the slider
        tell("slider to trained picture, pauses of 100 ms", page.evaluate(SLIDE, [at, 100]))
        tell("slider to trained picture, without a pause", page.evaluate(SLIDE, [at, 0]))
        frames, pictures = page.evaluate(DRAG, 6)
        print(f"dragged without a pause: {pictures:.0f} newly trained runs a second, of {frames:.0f} frames")
        first, all_of_them = zip(*page.evaluate(MANY, [at[:30], 400]), strict=True)
        tell("slider to the first sixteen seeds", first)
        tell("slider to 64 seeds", all_of_them)
        gaps = np.array(page.evaluate(SCRUB))
        print(f"scrubbing: {1000 / gaps.mean():.1f} frames a second, {100 * (gaps > 25).mean():.1f} % late")
        browser.close()


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


def tell(what: str, milliseconds) -> None:
    middle, high, most = np.percentile(milliseconds, [50, 95, 100])
    print(f"{what}: median {middle:.0f} ms, p95 {high:.0f} ms, most {most:.0f} ms ({len(milliseconds)} times)")


if __name__ == "__main__":
    main()
