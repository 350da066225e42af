"""Whether what explanations say is true: `python benchmarks/truth.py --seed 0 --write` writes docs/truth.md.

Corpora, models and trainings are drawn from a seed. Every clause is recomputed by a checker that shares no code with the
analysis (tests/truth); the same runs are explained again in another order of sentences, of tokens, and so on.
"""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from truth.checker import WHOLES  # noqa: E402
from truth.corpora import KINDS  # noqa: E402
from truth.invariances import CHANGES  # noqa: E402
from truth.judging import Tally, judge  # noqa: E402

PAGE = ROOT / "docs" / "truth.md"
BEGIN, END = "<!-- benchmarks/truth.py writes from here -->", "<!-- to here -->"
MOST_LINES = 40


def main() -> int:
    """Check everything, say what is false, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0, help="of corpora, models and trainings")
    parser.add_argument(
        "--corpora", type=int, default=2 * len(KINDS), help=f"how many; their {len(KINDS)} kinds take turns"
    )
    parser.add_argument("--models", type=int, default=11, help="how many kinds of models on each corpus")
    parser.add_argument("--runs", type=int, default=18, help="of each of them")
    parser.add_argument("--changed", type=int, default=2, help="of these, how many are explained under every change")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    options = parser.parse_args()
    start, tally = time.perf_counter(), Tally()
    drawn = [(corpus, model) for corpus in range(options.corpora) for model in range(options.models)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        asked = [
            pool.submit(judge, options.seed, corpus, model, options.runs, options.changed) for corpus, model in drawn
        ]
        for done in asked:
            tally += done.result()
    said = report(tally, options.seed, options.corpora)
    print(said)
    print("\n".join(tally.lines[:MOST_LINES]))
    print(f"{time.perf_counter() - start:.0f} s")
    if options.write:
        before, rest = PAGE.read_text().split(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{said}\n\n{END}{rest.split(END)[1]}")
    return int(bool(tally.lines))


def report(tally: Tally, seed: int, corpora: int) -> str:
    """Return what was checked as tables of Markdown."""
    clauses, false = sum(tally.clauses.values()), sum(tally.false[name] for name in tally.clauses)
    head = (
        f"Seed {seed}: {sum(tally.runs.values()):,} runs on {corpora} corpora, {tally.sentences:,} sentences, "
        f"{clauses:,} clauses, of which **{false:,} were false**."
    )
    if tally.huge:
        head += (
            f" Left out were {tally.huge:,} runs that ended with logits above 10⁶, of which float64 does not hold the 10⁻⁹ that "
            "ties are told by."
        )
    return "\n\n".join(
        [
            head,
            table("grade", ["runs"], ([name, f"{n:,}"] for name, n in ordered(tally.runs))),
            table("mechanism", ["runs"], ([name, f"{n:,}"] for name, n in ordered(tally.mechanisms))),
            table("kind of corpus", ["runs"], ([name.replace("_", " "), f"{n:,}"] for name, n in tally.corpora.items())),
            table("layers · heads", ["runs"], ([f"{k[0]} · {k[1]}", f"{n:,}"] for k, n in sorted(tally.shapes.items()))),
            table(
                "clause", ["times", "false"],
                ([f"`{name}`", f"{n:,}", f"{tally.false[name]:,}"] for name, n in ordered(tally.clauses)),
            ),
            table(
                "what else is said", ["times", "false"],
                ([WHOLES[name], f"{n:,}", f"{tally.false[name]:,}"] for name, n in tally.wholes.items()),
            ),
            table(
                "what changes", ["sentences and mechanisms", "that changed with it"],
                (
                    [(CHANGES[name].__doc__ or "").split("; ")[0].rstrip("."), f"{n:,}", f"{tally.moved[name]:,}"]
                    for name, n in tally.unchanged.items()
                ),
            ),
        ]
    )  # fmt: skip


def ordered(counts: Counter) -> Iterable[tuple[str, int]]:
    """Return names and counts, the most frequent first."""
    return sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))


def table(of: str, columns: list[str], rows: Iterable[list[str]]) -> str:
    """Return a table of Markdown."""
    lines = [f"| {' | '.join([of, *columns])} |", f"|{'---|' * (1 + len(columns))}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


if __name__ == "__main__":
    sys.exit(main())
