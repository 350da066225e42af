"""The homework's two items answered in the words of a student, each with the numbers behind it and how sure they are."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from headlab.analysis.looking.predictions import NOTHING_TO_SOLVE, WHY_NOTHING
from headlab.homework.looking import Looking
from headlab.notation.numbers import is_or_are, quantity, with_sign
from headlab.notation.values import enumeration
from headlab.study.answer import BETTER, UNTOLD, WORSE
from headlab.study.bootstrap import RESAMPLES
from headlab.study.sentences import MOST_IN_WORDS, p_text

if TYPE_CHECKING:
    from headlab.runs.runs import Run
    from headlab.study.answer import Against, Answer, Difference

HOMEWORK_SIZE = 20  # the head size that the homework compares others with
MOST_SIZES = 8  # head sizes listed in a sentence
CODING = "How do the attention weights code the dependency?"


@dataclass(frozen=True)
class ItemAnswer:
    """One item of the homework: its question, the answer in a few plain sentences, and what stands behind them."""

    item: int
    question: str
    sentences: list[str]
    how_sure: list[str]
    numbers: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "item": self.item,
            "question": self.question,
            "text": self.sentences,
            "how_sure": self.how_sure,
            "numbers": self.numbers,
        }


def answer_on_looking(run: "Run", solved: int, n_runs: int) -> ItemAnswer:
    """Answer item 1 from one run; solved, n_runs: how many of its neighbours are solved."""
    none = _nothing_to_tell(run)
    if none:
        return ItemAnswer(1, CODING, [none], [], {})
    looking = Looking.of(run)
    others = f"{solved:,} of {quantity(n_runs, 'run')} {is_or_are(solved)} solved: --seed shows another."
    unlearned = [others] if n_runs > 1 and solved and run.grade() != "solved" else []
    return ItemAnswer(1, CODING, [*looking.sentences(), *unlearned], looking.how_sure(), looking.to_dict())


def _nothing_to_tell(run: "Run") -> str:
    """Return why a run's attention tells nothing of a dependency; nothing where it does."""
    if not has_finite_outputs(run):
        said = f"This run {'ended with outputs that are no finite numbers' if run.finished else run.outcome_sentence}"
        return f"{said}: its weights tell nothing. Take a smaller learning rate or init scale, or another seed."
    if run.grade() == NOTHING_TO_SOLVE:
        return f"{WHY_NOTHING[0].upper()}{WHY_NOTHING[1:]}, and attention has no dependency to code."
    if not run.subject.dependencies:
        return (
            "This corpus has no dependency for attention to code: nowhere does an earlier word decide what the current "
            "word leaves open. “Solved” says here only that a word's one successor is predicted."
        )
    return ""


def has_finite_outputs(run: "Run") -> bool:
    """Return whether a run did not diverge, and puts out numbers only."""
    return bool(run.finished and np.isfinite(run.logits()[run.corpus.tokens >= 0]).all())


def answer_on_sizes(found: "Answer", d_head: int) -> ItemAnswer:
    """Answer item 2: every head size against 20, or against `d_head` or the first where 20 was not tried."""
    sizes = _Sizes(found, base_of([group.value for group in found.groups], d_head))
    question = f"Is a head larger or smaller than {sizes.base} noticeably better or worse?"
    sure = found.with_base(sizes.base).how_sure()  # of the pairs that are shown
    return ItemAnswer(2, question, sizes.sentences(), [*sure, *sizes.how_sure_of_losses()], sizes.numbers())


def base_of(sizes: Sequence[int], d_head: int) -> int:
    """Return the head size that others are compared with: 20 as in the homework, else the model's, else the first.

    >>> base_of([10, 20, 40], 7), base_of([1, 5, 10], 5), base_of([1, 2], 20)
    (20, 5, 1)
    """
    return next((size for size in (HOMEWORK_SIZE, d_head) if size in sizes), sizes[0])


@dataclass(frozen=True)
class _Sizes:
    found: "Answer"
    base: int

    @cached_property
    def others(self) -> list["Against"]:
        return self.found.against(self.base)

    def sentences(self) -> list[str]:
        first = self.found.sentences()[0]
        if len(self.found.groups) == 1:
            alone = "Only one head size was tried: there is nothing to compare it with."
            return [first, alone, *self._divergences()]
        against = f"Solved runs, against d_head {self.base} (95 % interval): {_clauses(self.others, 'share')}."
        return [
            f"{first[:-1]}; {self._medians()}." if self._told else first,
            *([] if self.found.nothing_to_solve else [against]),
            self._losses(),
            *self._divergences(),
        ]

    @cached_property
    def _told(self) -> list["Against"]:
        """The head sizes whose losses can be held against the base's."""
        return [item for item in self.others if np.isfinite([item.loss.value, item.loss.base]).all()]

    @property
    def _whose(self) -> str:
        return "solved runs" if self._told[0].loss_of == "solved" else "all runs"

    def _medians(self) -> str:
        """Return the median loss of every head size, in the order in which shares are told."""
        medians = {self.base: self._told[0].loss.base} | {item.value: item.loss.value for item in self._told}
        text = f"median loss of {self._whose}:"
        if len(self.found.groups) > MOST_IN_WORDS:
            ends = [f"{value:.3f} at d_head {size}" for value, size in sorted((v, s) for s, v in medians.items())]
            return f"{text} from {ends[0]} to {ends[-1]}"
        sizes = sorted(group.value for group in self.found.groups)
        shown = ", ".join(f"{medians[size]:.3f}" if size in medians else "none" for size in sizes)
        where = f" at d_head {', '.join(map(str, sizes))}" if self.found.nothing_to_solve else ""
        return f"{text} {shown}{where}"

    def _losses(self) -> str:
        if not self._told:
            return "Too few runs ended with a loss that is a number to compare losses."
        against = f"against d_head {self.base} (95 % interval)"
        return f"Median loss of {self._whose}, {against}: {_clauses(self._told, 'loss')}."

    def how_sure_of_losses(self) -> list[str]:
        """Return what stands behind the comparison of losses, with each size's p."""
        told = [item for item in self._told if np.isfinite(item.loss.low)]
        if not told:
            return []
        values = "; ".join(f"{p_text(item.loss.p_holm)} for d_head {item.value}" for item in told[:MOST_SIZES])
        raised = ", raised by Holm's correction" if len(self.others) > 1 else ""
        return [
            "The interval of a difference of two medians is a bootstrap's (BCa): both sets of losses are drawn again "
            f"{RESAMPLES:,} times, each from itself. p is that of Mood's test, which asks whether as many losses of each lie "
            f"above the median of both{raised}: {values}."
        ]

    def _divergences(self) -> list[str]:
        groups = self.found.groups
        lost, runs = (
            int(np.sum(counts)) for counts in ([g.diverged.sum() for g in groups], [g.rate.n for g in groups])
        )
        verb = "counts" if lost == 1 else "count"
        return [f"{lost:,} of all {quantity(runs, 'run')} diverged, and {verb} as not solved."] if lost else []

    def numbers(self) -> dict[str, Any]:
        return {
            "against": self.base,
            "head_sizes": [
                {
                    "d_head": item.value,
                    "runs": item.group.rate.n,
                    "share": asdict(item.share),
                    "loss": {**asdict(item.loss), "of": item.loss_of},
                }
                for item in self.others
            ],
        }


def _clauses(items: "Sequence[Against]", measure: str) -> str:
    """Return which head sizes are better, worse, or not to be told apart from the base, each with its difference."""
    found = [(getattr(item, measure).verdict, _size(item, measure)) for item in items]
    n = min(min(item.group.rate.n, item.of.rate.n) for item in items)
    told = []
    for verdict in (BETTER, WORSE):
        sizes = [size for word, size in found if word == verdict]
        if sizes:
            told.append(f"{enumeration(sizes, MOST_SIZES)} {'is' if len(sizes) == 1 else 'are'} {verdict}")
    rest = [size for word, size in found if word == UNTOLD]
    if rest:
        told.append(f"{enumeration(rest, MOST_SIZES)} cannot be told better or worse with {quantity(n, 'run')} each")
    return "; ".join(told)


def _size(item: "Against", measure: str) -> str:
    """Return a head size with what it has more than the base, and the interval of that: `10 (−13 %, −25 to −1)`."""
    found: Difference = getattr(item, measure)
    if not np.isfinite([found.low, found.high]).all():
        return str(item.value)
    scale, digits, unit = (100, 0, " %") if measure == "share" else (1, 3, "")
    difference, low, high = (with_sign(scale * value, digits) for value in (found.difference, found.low, found.high))
    return f"{item.value} ({difference}{unit}, {low} to {high})"
