"""Statistics of head sizes: Python says what tests/data/statistics.json holds, and the page is held to the same file."""

import json
import warnings
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from twins.plain import differences, plain

import headlab as hl
from headlab.analysis.looking.predictions import GRADES, NOTHING_TO_SOLVE
from headlab.homework.answers import answer_on_sizes
from headlab.study import statistics
from headlab.study.answer import Answer, Group

FILE = Path(__file__).parent / "data" / "statistics.json"
UNIT = 10_000  # losses are written as so many parts
N_OF = (3, 10, 40, 100, 400, 1000)
LOSSES = (2, 3, 4, 5, 8, 40, 81)
SIZES = ((10, 20, 40), (10, 40), (1, 5, 10, 20, 40), (7,), (3, 4, 20))


def counts(rng: np.random.Generator, n: int) -> int:
    """Draw how many runs are solved: often none, all, or nearly."""
    few = int(rng.integers(0, min(n, 6) + 1))
    return int(rng.choice([0, n, few, n - few, *rng.integers(0, n + 1, 3)]))


def rates() -> Iterator[dict[str, Any]]:
    """Yield comparisons of shares."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        same, size = bool(rng.random() < 0.6), int(rng.choice(N_OF))
        ns = [size if same else int(rng.integers(3, 1001)) for _ in range(rng.integers(2, 5))]
        asked = [[counts(rng, n), n] for n in ns]
        found = [statistics.wilson(*pair) for pair in asked]
        trend = statistics.trend(range(len(found)), found)
        yield {
            "asked": asked,
            "wilson": [[rate.low, rate.high] for rate in found],
            "trend": None if trend is None else [trend.z, trend.p],
            "pairs": [
                [c.difference, c.low, c.high, c.test, c.p, c.p_holm, c.runs_needed]
                for c in statistics.compare_rates(range(len(found)), found, list(combinations(range(len(found)), 2)))
            ],
        }


def drawn_losses(rng: np.random.Generator, n: int, scale: float = 1.0) -> list[int]:
    """Draw losses; some are alike, sometimes all."""
    coarse = rng.choice([1, 1, 100])
    values = (rng.gamma(2.0, size=n) * scale * 0.1 * UNIT / coarse).astype(int) * coarse
    return np.full(n, 1667).tolist() if rng.random() < 0.1 else values.tolist()


def medians() -> Iterator[dict[str, Any]]:
    """Yield comparisons of losses."""
    rng = np.random.default_rng(1)
    for sizes in [*rng.choice(LOSSES, (50, 2)).tolist(), (360, 999)]:
        asked = [drawn_losses(rng, n) for n in sizes]
        first, second = (np.array(values) / UNIT for values in asked)
        yield {
            "asked": asked,
            "difference": statistics.median_difference(first, second),
            "p": statistics.median_test(first, second),
            "quartiles": statistics.quartiles(first),
        }


def groups(rng: np.random.Generator, sizes: tuple[int, ...], nothing: bool) -> list[dict[str, Any]]:
    """Draw the runs of some head sizes."""
    n, base, tilt, change = int(rng.choice([5, 40, 80])), *rng.uniform([0.2, -0.6, -0.5], [0.8, 0.6, 0.5])
    peak, diverging = rng.random() < 0.2, rng.random() < 0.3
    rows = []
    for place, size in zip(np.linspace(-0.5, 0.5, len(sizes)).tolist(), sizes, strict=True):
        share = np.clip(0.9 - abs(place) if peak else base + tilt * place, 0.01, 0.99)
        grade = np.where(rng.random(n) < share, 0, rng.choice([1, 2], n))
        lost = (rng.random(n) < 0.2 * diverging) & (grade == 2)
        losses = [
            None if gone else loss
            for gone, loss in zip(lost.tolist(), drawn_losses(rng, n, 1 + change * place), strict=True)
        ]
        rows.append(
            {
                "size": size,
                "grades": [3] * n if nothing else grade.tolist(),
                "losses": losses,
                "diverged": np.flatnonzero(lost).tolist(),
            }
        )
    return rows


def answers() -> Iterator[dict[str, Any]]:
    """Yield whole answers about head sizes."""
    rng = np.random.default_rng(2)
    for number in range(30):
        asked = groups(rng, SIZES[number % len(SIZES)], nothing=number % 10 == 9)
        names = np.array([*GRADES, NOTHING_TO_SOLVE])
        found = Answer("d_head", tuple(group_of(row, names) for row in asked), 7)
        item = answer_on_sizes(found, 7)
        yield {
            "asked": asked,
            "question": item.question,
            "sentences": item.sentences,
            "how_sure": item.how_sure,
            "numbers": item.numbers,
        }


def group_of(row: dict[str, Any], names: Any) -> Group:
    """Return the runs of a row as a study has them."""
    n = len(row["grades"])
    losses = np.array([np.nan if loss is None else loss / UNIT for loss in row["losses"]])
    diverged = np.isin(np.arange(n), row["diverged"])
    return Group(row["size"], np.arange(n, dtype=np.uint64), losses, names[row["grades"]], diverged)


def notebook() -> dict[str, Any]:
    """Return the answer about the notebook's head sizes, of 40 seeds each: the first round of the page."""
    corpus, sizes = hl.Corpus.notebook(), (10, 20, 40)
    runs = [hl.train(corpus, hl.ModelConfig(d_head=size), seeds=range(40)) for size in sizes]
    answer = Answer("d_head", tuple(map(Group.of, runs, sizes)), corpus.d_vocab)
    item, table = answer_on_sizes(answer, 20), answer.table()
    rows = table[["runs", "solved", "right_by_a_hair", "diverged", "share", "low", "high"]]
    return {
        "question": item.question,
        "sentences": item.sentences,
        "how_sure": item.how_sure,
        "rows": rows.reset_index().to_numpy().tolist(),
        "losses": table[["loss_solved_q1", "loss_solved_median", "loss_solved_q3"]].to_numpy().tolist(),
    }


def told() -> dict[str, Any]:
    """Return what the file holds, of statistics as they are now."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return plain(
            {"rates": list(rates()), "medians": list(medians()), "answers": list(answers()), "notebook": notebook()}
        )


def test_python_says_what_the_page_is_held_to() -> None:
    found = told()
    assert list(differences(found, json.loads(FILE.read_text(encoding="utf-8"))))[:10] == []
    said = " ".join(text for answer in found["answers"] for text in answer["sentences"])
    for words in (
        "Larger heads solve more often",
        "Larger heads solve less",
        "Whether head size matters",
        "Nothing to solve",
    ):
        assert words in said
    for words in ("is better", "is worse", "on the whole", "all runs", "diverged", "The largest share is solved at"):
        assert words in said


if __name__ == "__main__":
    FILE.write_text(json.dumps(told(), ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
