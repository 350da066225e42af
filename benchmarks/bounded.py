"""What the commands say and cost about a corpus far larger than anybody reads: 500 sentences, 2,000 words.

    python benchmarks/bounded.py [STEPS]

Trains one run of d_model 32 (200 steps unless said otherwise; most of the time goes there), saves it, and prints for each
command how much it writes, how long it takes, and its largest resident memory. Bounds: 2 MB, 200 lines (JSON and HTML have
none), 20 s, 1 GB.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
TRAIN = """
import sys; sys.path.insert(0, sys.argv[1])
from large import large_runs, large_text
large_runs(large_text(), steps=int(sys.argv[2])).save(sys.argv[3])
"""
COMMANDS = (
    "explain {}",
    "explain {} --json",
    "explain {} --show circuits",
    "explain {} --show scores",
    "report {} -o {}.html",
    "export {}",
    "export {} attention",
)
IN_PYTHON = ("repr(runs)", "runs[0]._repr_html_()", "repr(runs.explain())", "runs[0].explain()._repr_html_()")


def measured(words: list[str], output: Path) -> str:
    """Run a command and say what it wrote, how long it took, and its largest memory."""
    began = time.perf_counter()
    with output.open("wb") as file:
        process = subprocess.Popen(words, stdout=file)
        _, status, used = os.wait4(process.pid, 0)
    data = output.read_bytes()
    seconds, lines = time.perf_counter() - began, data.count(b"\n")
    return (
        f"{len(data) / 1e3:9.1f} kB {lines:6} lines {seconds:6.1f} s ({used.ru_utime:.1f} s of a processor) "
        f"{used.ru_maxrss / 1e3:6.0f} MB{'' if status == 0 else '  FAILED'}"
    )


def main() -> None:
    """Train, save, and run every command."""
    steps = sys.argv[1] if len(sys.argv) > 1 else "200"
    with tempfile.TemporaryDirectory() as place:
        folder = f"{place}/runs"
        # In a process of its own: what this one holds would count as its children's.
        subprocess.run([sys.executable, "-c", TRAIN, str(TESTS), steps, folder], check=True)
        for command in COMMANDS:
            words = command.replace("{}", folder).split()
            print(f"{command:30}", measured([sys.executable, "-m", "headlab", *words], Path(place, "out")), flush=True)
            if command.startswith("report"):
                print(f"{'  the page':30}{Path(f'{folder}.html').stat().st_size / 1e3:9.1f} kB")
        for call in IN_PYTHON:
            code = f"import headlab as hl; runs = hl.Runs.load({folder!r}); print({call})"
            print(f"{call:30}", measured([sys.executable, "-c", code], Path(place, "out")), flush=True)


if __name__ == "__main__":
    main()
