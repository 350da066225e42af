"""How many runs have which grade: `python benchmarks/grades.py` writes the table of docs/grades.md."""

from pathlib import Path

import headlab as hl
from headlab.analysis.looking.predictions import GRADES
from headlab.study.statistics import wilson

PAGE = Path(__file__).parent.parent / "docs" / "grades.md"
BEGIN, END = "<!-- benchmarks/grades.py writes from here -->", "<!-- to here -->"
SIZES, SEEDS = (10, 20, 40), (100, 1000)


def main() -> None:
    """Count the grades of the first 100 and 1,000 seeds of the notebook's model for each head size, and write them."""
    before, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.split(END)[1]}")


def table() -> str:
    """Return the counts with Wilson's 95 % intervals as a table of Markdown."""
    lines = ["| `d_head` | seeds | " + " | ".join(GRADES) + " |", "|---|---|" + "---|" * len(GRADES)]
    for size in SIZES:
        grades = hl.train(
            hl.Corpus.notebook(), hl.ModelConfig(d_head=size), seeds=range(max(SEEDS)), record="none"
        ).grade()
        for n in SEEDS:
            rates = [wilson(int((grades[:n] == name).sum()), n) for name in GRADES]
            cells = [f"{rate.successes} ({100 * rate.low:.0f} to {100 * rate.high:.0f} %)" for rate in rates]
            lines.append(f"| {size} | 0 to {n - 1:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
