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
SAMPLE = HERE.parent / "data/twins"
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
    """Yield what is said of a few seeds of every problem: what the committed files hold."""
    return (said_of(problem, problem.sample) for problem in PROBLEMS)


def whole(problem: Problem) -> Iterator[Line]:
    """Yield what is said of all seeds of a problem, some of them a line."""
    for start in range(0, problem.whole, AT_ONCE):
        yield said_of(problem, range(start, min(start + AT_ONCE, problem.whole)))


def write(lines: Iterable[Line], folder: Path) -> None:
    """Write lines into a folder: the problems, and a file a quantity, which is the same whenever the same is said."""
    files: dict[str, list[Any]] = {"problems": [], **{name: [] for name in QUANTITIES}}
    for line in lines:
        files["problems"].append({name: line[name] for name in ("problem", "fields", "seeds")})
        for name, module in QUANTITIES.items():
            of_problem = getattr(module, "OF", "run") == "problem"
            files[name].append(line["said"][name] if of_problem else [run[name] for run in line["runs"]])
    folder.mkdir(exist_ok=True)
    for name, rows in files.items():
        text = "".join(json.dumps(row, allow_nan=False, separators=(",", ":")) + "\n" for row in rows)
        (folder / f"{name}.jsonl.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


def read(folder: Path) -> list[Line]:
    """Return the lines of a folder."""
    lines: list[Line] = [{**row, "said": {}, "runs": [{} for _ in row["seeds"]]} for row in _rows(folder, "problems")]
    for name, module in QUANTITIES.items():
        for line, row in zip(lines, _rows(folder, name), strict=True):
            if getattr(module, "OF", "run") == "problem":
                line["said"][name] = row
            else:
                for run, value in zip(line["runs"], row, strict=True):
                    run[name] = value
    return lines


def _rows(folder: Path, name: str) -> list[Any]:
    with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]
