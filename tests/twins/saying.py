"""What Python says of every problem, quantity by quantity; a quantity is a file in `quantities/`, here and in web/tests/twins/.

Each has a function `said`, which returns plain values: of a run (a `Twin`), or with `OF = "problem"` of all (`Twins`). Whoever
adds one writes both files, and `python tests/twins/write.py`.
"""

import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from twins.plain import plain
from twins.problems import PROBLEMS, Problem
from twins.twin import AT_ONCE, Twins

HERE = Path(__file__).parent
SAMPLE = HERE.parent / "data/twins.jsonl.gz"
QUANTITIES = {
    path.stem: import_module(f"twins.quantities.{path.stem}")
    for path in sorted((HERE / "quantities").glob("[a-z]*.py"))
}

Line = dict[str, Any]


def said_of(problem: Problem, seeds: Sequence[int]) -> Line:
    """Return everything that is said of a problem and of its runs with some seeds."""
    twins, of = Twins(problem, seeds), {"problem": {}, "run": {}}
    for name, module in QUANTITIES.items():
        of[getattr(module, "OF", "run")][name] = module.said
    return {
        "problem": problem.name,
        "fields": problem.fields,
        "seeds": list(seeds),
        "said": {name: plain(said(twins)) for name, said in of["problem"].items()},
        "runs": [{name: plain(said(twin)) for name, said in of["run"].items()} for twin in twins.each()],
    }


def sample() -> Iterator[Line]:
    """Yield what is said of a few seeds of every problem: what the committed file holds."""
    return (said_of(problem, problem.sample) for problem in PROBLEMS)


def whole() -> Iterator[Line]:
    """Yield what is said of all seeds, some of them a line."""
    for problem in PROBLEMS:
        for start in range(0, problem.whole, AT_ONCE):
            yield said_of(problem, range(start, min(start + AT_ONCE, problem.whole)))


def write(lines: Iterable[Line], path: Path) -> None:
    """Write lines, each as JSON, into a file that is the same whenever it is written."""
    with path.open("wb") as raw, gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as file:
        for line in lines:
            file.write(json.dumps(line, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n")


def read(path: Path) -> list[Line]:
    """Return the lines of a file."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]
