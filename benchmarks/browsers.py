"""How fast the kernel's module trains in Node and in browsers: `python benchmarks/browsers.py` after `make page`.

The notebook's training of 5,020 steps with d_head 20, in one worker, the least of several, in milliseconds; those that are not
there are left out. And how long the module takes until it can be asked, and how large the file is that holds it.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from engines import ENGINES, until
from test_browsers import NODE, WEB, build

COLUMNS = ("1", "4", "64", "unpack", "instance")


def in_node(folder: Path) -> dict[str, float]:
    found = folder / "node.json"
    command = [NODE, WEB / "node_modules/vitest/vitest.mjs", "bench", "--run", "--outputJson", found]
    subprocess.run(command, cwd=WEB, check=True, capture_output=True)
    groups = json.loads(found.read_text())["files"][0]["groups"]
    return {bench["name"]: bench["min"] for group in groups for bench in group["benchmarks"]}


def in_browser(engine: str, page: Path, folder: Path) -> dict[str, float]:
    with ENGINES[engine](f"{page.as_uri()}#speed", folder) as opened:
        return json.loads(until(lambda: (text := opened.text("#said")).startswith("{") and text, engine, 120))


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        try:
            page = build(folder / "page")
        except pytest.skip.Exception as why:
            print(why)
            return
        print(f"{page.stat().st_size / 1000:.0f} kB of HTML")
        print(f"{'ms':10}" + "".join(f"{name:>10}" for name in COLUMNS))
        for name in ("Node", *ENGINES):
            own = folder / name
            own.mkdir()
            try:
                found = in_node(own) if name == "Node" else in_browser(name, page, own)
            except pytest.skip.Exception as why:
                print(f"{name:10}{why}")
                continue
            print(f"{name:10}" + "".join(f"{found[key]:10.1f}" if key in found else f"{'':10}" for key in COLUMNS))


if __name__ == "__main__":
    main()
