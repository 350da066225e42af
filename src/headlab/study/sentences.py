"""A study's answer in words: what was found, in plain sentences, and apart from it how sure that is."""

from typing import TYPE_CHECKING, Any

import numpy as np

from headlab.analysis.looking.predictions import WHY_NOTHING
from headlab.notation.numbers import is_or_are, percent, quantity, with_sign
from headlab.study.bootstrap import LEVEL
from headlab.study.statistics import POWER, Comparison, smallest_difference

if TYPE_CHECKING:
    from headlab.study.answer import Answer, Group

MOST_IN_WORDS = 6
SMALLEST_P = 0.0001  # in a sentence


def sentences(answer: "Answer") -> list[str]:
    """Return the answer in plain words: one sentence first, then hairs, the pairs, and what must be known of the runs."""
    return [
        first_sentence(answer),
        *_hairs(answer),
        *_pairs(answer),
        *_cautions(answer),
    ]


def notes(answer: "Answer") -> list[str]:
    """Return what stands in no table of shares and their comparisons: of hairs, and what must be known of the runs."""
    return [*_hairs(answer), *_cautions(answer)]


def _cautions(answer: "Answer") -> list[str]:
    return [*_too_small(answer), *_lost(answer), *_ungraded(answer), *_pooled(answer)]


def how_sure(answer: "Answer") -> list[str]:
    """Return how far the sentences can be trusted: a sentence a method, with its word explained and its numbers."""
    return [
        *_intervals(answer),
        *_tests(answer),
        *_trend(answer),
        *_power(answer),
        *([] if answer.d_model is None else [theory(answer.d_model)]),
    ]


def first_sentence(answer: "Answer") -> str:
    """Return what was found, as one plain sentence.

    >>> from headlab.study.answer import Group, Answer
    >>> first_sentence(Answer("d_head", tuple(Group.of_counts(*row, 100) for row in [(10, 65, 0), (20, 74, 0), (40, 85, 0)])))
    'Larger heads solve more often: 65, 74, 85 of 100 at d_head 10, 20, 40.'
    """
    if answer.nothing_to_solve:
        return f"{WHY_NOTHING[0].upper()}{WHY_NOTHING[1:]}; runs differ in their loss only."
    groups = sorted(answer.judged, key=lambda group: group.value) if answer.is_ordered else list(answer.judged)
    if len(groups) == 1:
        solved, runs = groups[0].rate.successes, quantity(groups[0].rate.n, "run")
        return f"{solved:,} of {runs} {is_or_are(solved)} solved at {condition_name(answer, groups[0].value)}."
    counts = _counts(answer, groups)
    if not _differ(answer):
        *first_ones, last = dict.fromkeys(group.rate.n for group in groups)
        runs = "/".join([*(f"{n:,}" for n in first_ones), quantity(last, "run")])
        what = {"d_head": "head size", "condition": "the condition"}.get(answer.factor, answer.factor)
        return f"Whether {what} matters cannot be told with {runs} each: {counts}."
    return f"{_way(answer, groups)}: {counts}."


def _way(answer: "Answer", groups: "list[Group]") -> str:
    """Return how conditions differ that can be told apart."""
    shares = [group.rate.share for group in groups]
    steady = answer.is_ordered and (shares == sorted(shares) or shares == sorted(shares, reverse=True))
    trend = answer.trend is not None and answer.trend.p < 1 - LEVEL
    if not steady and not trend:
        if len(groups) > MOST_IN_WORDS:
            return "How many runs are solved differs"
        best = [str(group.value) for group in groups if group.rate.share == max(shares)]
        return f"The largest share is solved at {condition_name(answer, ' and '.join(best))}"
    rising = shares[-1] > shares[0] if answer.trend is None or steady else answer.trend.z > 0
    larger = "Larger heads solve" if answer.factor == "d_head" else f"A larger {answer.factor} solves"
    return f"{larger} {'more' if rising else 'less'} often{'' if steady else ', on the whole'}"


def condition_name(answer: "Answer", value: Any) -> str:
    """Return a condition as sentences call it."""
    return str(value) if answer.factor == "condition" else f"{answer.factor} {value}"


def _counts(answer: "Answer", groups: "list[Group]") -> str:
    if len(groups) > MOST_IN_WORDS:
        ranked = sorted(groups, key=lambda group: group.rate.share)
        ends = [f"{_count(group)} at {condition_name(answer, group.value)}" for group in (ranked[0], ranked[-1])]
        return f"from {ends[0]} to {ends[1]}, over {len(groups)} conditions"
    if answer.factor == "condition":
        return "; ".join(f"{_count(group)} at {group.value}" for group in groups)
    values = ", ".join(str(group.value) for group in groups)
    return f"{_listed([(group.rate.successes, group.rate.n) for group in groups])} at {answer.factor} {values}"


def _listed(counts: list[tuple[int, int]]) -> str:
    if len({of for _, of in counts}) == 1:
        return f"{', '.join(f'{number:,}' for number, _ in counts)} of {counts[0][1]:,}"
    return ", ".join(f"{number:,} of {of:,}" for number, of in counts)


def _count(group: "Group") -> str:
    return f"{group.rate.successes:,} of {group.rate.n:,}"


def _differ(answer: "Answer") -> bool:
    """Return whether any two conditions can be told apart, or there is a trend."""
    steady = answer.trend is not None and answer.trend.p < 1 - LEVEL
    return steady or any(item.noticeable for item in answer.comparisons)


def _hairs(answer: "Answer") -> list[str]:
    counts = [(int(group.hair.sum()), group.rate.n) for group in answer.judged]
    number = sum(count for count, _ in counts)
    if not number:
        return []
    many = len(counts) > MOST_IN_WORDS
    shown = f"{number:,} of {quantity(sum(of for _, of in counts), 'run')}" if many else _listed(counts)
    lead = "somewhere they lead by less than half a logit"
    return [f"Right by a hair, and not counted as solved: {shown}; {lead}."]


def _pairs(answer: "Answer") -> list[str]:
    found = answer.comparisons
    if len(found) <= MOST_IN_WORDS:
        return [pair_sentence(answer, item) for item in found]
    noticeable = sum(item.noticeable for item in found)
    widest = max(found, key=lambda item: abs(item.difference))
    count = f"Of {len(found)} pairs of conditions, {noticeable} can be told apart; the two that differ most:"
    return [f"{count} {pair_sentence(answer, widest)}"]


def pair_sentence(answer: "Answer", c: Comparison) -> str:
    """Return the comparison of two conditions as a sentence."""
    shares = {group.value: group.rate.share for group in answer.judged}
    here, there = percent(shares[c.second]), percent(shares[c.first])
    interval = f"95 % interval {percent(c.low, sign=True)} to {percent(c.high, sign=True)}"
    verdict = ("better" if c.difference > 0 else "worse") if c.noticeable else "cannot be told"
    return (
        f"{condition_name(answer, c.second)} against {c.first}: {verdict}, {here} against {there} "
        f"({percent(c.difference, sign=True)}, {interval})."
    )


def _too_small(answer: "Answer") -> list[str]:
    found = answer.comparisons
    n = min((group.rate.n for group in answer.judged), default=0)
    missed = [c for c in found if not c.noticeable and c.runs_needed is not None and c.runs_needed > n]
    if not found or len(missed) < len(found) or _differ(answer):
        return []
    return ["This study is too small for the differences it found: take more runs before concluding anything."]


def _lost(answer: "Answer") -> list[str]:
    lost = [group for group in answer.groups if group.diverged.any()]
    if len(lost) <= MOST_IN_WORDS // 2:
        return [f"{_diverged(answer, group)}, and {_count_as(int(group.diverged.sum()))}." for group in lost]
    most = max(lost, key=lambda group: group.diverged.mean())
    runs, of = sum(int(group.diverged.sum()) for group in lost), sum(group.rate.n for group in answer.groups)
    where = f"in {len(lost)} of {len(answer.groups)} conditions"
    return [
        f"{runs:,} of {quantity(of, 'run')} diverged, {where}, and {_count_as(runs)}. The most: {_diverged(answer, most)}."
    ]


def _count_as(number: int) -> str:
    return f"{'counts' if number == 1 else 'count'} as not solved"


def _diverged(answer: "Answer", group: "Group") -> str:
    return f"{int(group.diverged.sum()):,} of {quantity(group.rate.n, 'run')} diverged at {condition_name(answer, group.value)}"


def _intervals(answer: "Answer") -> list[str]:
    if answer.nothing_to_solve:
        return []
    text = (
        "A 95 % interval holds the true share in 95 of 100 such studies. Of one share it is Wilson's, of the difference of "
        "two shares Newcombe's"
    )
    if len(answer.judged) > MOST_IN_WORDS:
        return [f"{text}."]
    return [
        f"{text}: {'; '.join(f'{group.rate} at {condition_name(answer, group.value)}' for group in answer.judged)}."
    ]


def _tests(answer: "Answer") -> list[str]:
    found = answer.comparisons
    if not found:
        return []
    shown = found if len(found) <= MOST_IN_WORDS else [max(found, key=lambda item: abs(item.difference))]
    values = "; ".join(f"{p_text(c.p_holm)} for {condition_name(answer, c.second)} against {c.first}" for c in shown)
    several = (
        f", raised by Holm's correction because {len(found)} pairs are compared at once (so an interval may leave out 0 where "
        "nothing can be told)"
        if len(found) > 1
        else ""
    )
    return [
        "“Better” and “worse” are said where p is below 0.05: where chance alone would give a difference like this in fewer "
        "than 5 of 100 studies. p is that of the score test, or of Fisher's exact one where fewer than 5 runs are expected "
        f"in a cell{several}: {values}."
    ]


def _trend(answer: "Answer") -> list[str]:
    if answer.trend is None:
        return []
    z, p = answer.trend.z, answer.trend.p
    way = "no steady rise or fall can be told" if p >= 1 - LEVEL else "the share rises" if z > 0 else "the share falls"
    return [
        f"The trend is tested by Mantel's linear-by-linear test, with the values of {answer.factor} as first, second, "
        f"third …: {way} (z = {with_sign(z, 1)}, {p_text(p)}; z counts standard errors)."
    ]


def _power(answer: "Answer") -> list[str]:
    if len(answer.judged) < 2:
        return []
    n = min(group.rate.n for group in answer.judged)
    share = float(np.median([group.rate.share for group in answer.judged]))
    text = (
        f"Power is how often a study sees a difference that is there: with {quantity(n, 'run')} each, one of "
        f"{percent(smallest_difference(share, n))} or more would be seen {percent(POWER)} of the time."
    )
    needed = [
        f"{percent(c.difference, sign=True)} takes about {c.runs_needed:,}"
        for c in answer.comparisons
        if c.runs_needed is not None
    ]
    if not needed or len(needed) > MOST_IN_WORDS:
        return [text]
    each = "a head size" if answer.factor == "d_head" else "a condition"
    return [
        f"{text} Runs {each} for that, from Cohen's h, a measure of how far two shares are apart: {', '.join(needed)}."
    ]


def _ungraded(answer: "Answer") -> list[str]:
    if not answer.ungraded:
        return []
    return [
        f"{quantity(answer.ungraded, 'run')} {'was' if answer.ungraded == 1 else 'were'} trained by an older headlab that "
        "knew no hairs: what is right by a hair among them is counted as solved."
    ]


def _pooled(answer: "Answer") -> list[str]:
    if all(len(np.unique(group.seeds)) == len(group.seeds) for group in answer.groups):
        return []
    return [
        f"Each {answer.factor} pools several conditions with the same seeds; intervals take their runs as independent."
    ]


def theory(d_model: int) -> str:
    """Return what head size can and cannot change here."""
    return (
        f"W_QK = W_Q W_Kᵀ, which says where a head looks, has a rank (the number of directions it can tell apart) of at most "
        f"d_model = {d_model} whatever d_head is: from d_head {d_model} on, head size changes how training goes, not what "
        "the model can express."
    )


def p_text(p: float) -> str:
    """Return a p-value as it stands in a sentence.

    >>> p_text(0.0123), p_text(1e-12)
    ('p = 0.012', 'p < 0.0001')
    """
    return f"p = {p:.2g}" if p >= SMALLEST_P else f"p < {SMALLEST_P:.4f}"
