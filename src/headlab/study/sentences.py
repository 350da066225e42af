"""A study's answer in words: what was found, in plain sentences, and apart from it how sure that is."""

from typing import TYPE_CHECKING, Any

import numpy as np

from headlab.analysis.looking.predictions import WHY_NOTHING
from headlab.notation.numbers import are, counted, percent, signed
from headlab.study.statistics import LEVEL, POWER, Comparison, smallest_difference

if TYPE_CHECKING:
    from headlab.study.answer import Group, Summary

MOST_IN_WORDS = 6
SMALLEST_P = 0.0001  # in a sentence


def sentences(summary: "Summary") -> list[str]:
    """Return the answer in plain words: one sentence first, then hairs, the pairs, and what must be known of the runs."""
    return [
        first(summary),
        *_hairs(summary),
        *_pairs(summary),
        *_too_small(summary),
        *_lost(summary),
        *_ungraded(summary),
        *_pooled(summary),
    ]


def how_sure(summary: "Summary") -> list[str]:
    """Return how far the sentences can be trusted: a sentence a method, with its word explained and its numbers."""
    return [
        *_intervals(summary),
        *_tests(summary),
        *_trend(summary),
        *_power(summary),
        *([] if summary.d_model is None else [theory(summary.d_model)]),
    ]


def first(summary: "Summary") -> str:
    """Return what was found, as one plain sentence.

    >>> from headlab.study.answer import Group, Summary
    >>> first(Summary("d_head", tuple(Group.of_counts(*row, 100) for row in [(10, 65, 0), (20, 74, 0), (40, 85, 0)])))
    'Larger heads solve more often: 65, 74, 85 of 100 at d_head 10, 20, 40.'
    """
    if summary.nothing_to_solve:
        return f"{WHY_NOTHING[0].upper()}{WHY_NOTHING[1:]}; runs differ in their loss only."
    groups = sorted(summary.judged, key=lambda group: group.value) if summary.ordered else list(summary.judged)
    if len(groups) == 1:
        solved, runs = groups[0].rate.successes, counted(groups[0].rate.n, "run")
        return f"{solved:,} of {runs} {are(solved)} solved at {name(summary, groups[0].value)}."
    counts = _counts(summary, groups)
    if not _differ(summary):
        *first_ones, last = dict.fromkeys(group.rate.n for group in groups)
        runs = "/".join([*(f"{n:,}" for n in first_ones), counted(last, "run")])
        what = {"d_head": "head size", "condition": "the condition"}.get(summary.factor, summary.factor)
        return f"Whether {what} matters cannot be told with {runs} each: {counts}."
    return f"{_way(summary, groups)}: {counts}."


def _way(summary: "Summary", groups: "list[Group]") -> str:
    """Return how conditions differ that can be told apart."""
    shares = [group.rate.share for group in groups]
    steady = summary.ordered and (shares == sorted(shares) or shares == sorted(shares, reverse=True))
    trend = summary.trend is not None and summary.trend.p < 1 - LEVEL
    if not steady and not trend:
        if len(groups) > MOST_IN_WORDS:
            return "How many runs are solved differs"
        best = [str(group.value) for group in groups if group.rate.share == max(shares)]
        return f"The largest share is solved at {name(summary, ' and '.join(best))}"
    rising = shares[-1] > shares[0] if summary.trend is None or steady else summary.trend.z > 0
    larger = "Larger heads solve" if summary.factor == "d_head" else f"A larger {summary.factor} solves"
    return f"{larger} {'more' if rising else 'less'} often{'' if steady else ', on the whole'}"


def name(summary: "Summary", value: Any) -> str:
    """Return a condition as sentences call it."""
    return str(value) if summary.factor == "condition" else f"{summary.factor} {value}"


def _counts(summary: "Summary", groups: "list[Group]") -> str:
    if len(groups) > MOST_IN_WORDS:
        ranked = sorted(groups, key=lambda group: group.rate.share)
        ends = [f"{_count(group)} at {name(summary, group.value)}" for group in (ranked[0], ranked[-1])]
        return f"from {ends[0]} to {ends[1]}, over {len(groups)} conditions"
    if summary.factor == "condition":
        return "; ".join(f"{_count(group)} at {group.value}" for group in groups)
    values = ", ".join(str(group.value) for group in groups)
    return f"{_listed([(group.rate.successes, group.rate.n) for group in groups])} at {summary.factor} {values}"


def _listed(counts: list[tuple[int, int]]) -> str:
    if len({of for _, of in counts}) == 1:
        return f"{', '.join(f'{number:,}' for number, _ in counts)} of {counts[0][1]:,}"
    return ", ".join(f"{number:,} of {of:,}" for number, of in counts)


def _count(group: "Group") -> str:
    return f"{group.rate.successes:,} of {group.rate.n:,}"


def _differ(summary: "Summary") -> bool:
    """Return whether any two conditions can be told apart, or there is a trend."""
    steady = summary.trend is not None and summary.trend.p < 1 - LEVEL
    return steady or any(item.noticeable for item in summary.comparisons)


def _hairs(summary: "Summary") -> list[str]:
    counts = [(int(group.hair.sum()), group.rate.n) for group in summary.judged]
    number = sum(count for count, _ in counts)
    if not number:
        return []
    many = len(counts) > MOST_IN_WORDS
    shown = f"{number:,} of {counted(sum(of for _, of in counts), 'run')}" if many else _listed(counts)
    lead = "somewhere they lead by less than half a logit"
    return [f"Right by a hair, and not counted as solved: {shown}; {lead}."]


def _pairs(summary: "Summary") -> list[str]:
    found = summary.comparisons
    if len(found) <= MOST_IN_WORDS:
        return [pair(summary, item) for item in found]
    noticeable = sum(item.noticeable for item in found)
    widest = max(found, key=lambda item: abs(item.difference))
    count = f"Of {len(found)} pairs of conditions, {noticeable} can be told apart; the two that differ most:"
    return [f"{count} {pair(summary, widest)}"]


def pair(summary: "Summary", c: Comparison) -> str:
    """Return the comparison of two conditions as a sentence."""
    shares = {group.value: group.rate.share for group in summary.judged}
    here, there = percent(shares[c.second]), percent(shares[c.first])
    interval = f"95 % interval {percent(c.low, sign=True)} to {percent(c.high, sign=True)}"
    verdict = ("better" if c.difference > 0 else "worse") if c.noticeable else "cannot be told"
    return (
        f"{name(summary, c.second)} against {c.first}: {verdict}, {here} against {there} "
        f"({percent(c.difference, sign=True)}, {interval})."
    )


def _too_small(summary: "Summary") -> list[str]:
    found = summary.comparisons
    n = min((group.rate.n for group in summary.judged), default=0)
    missed = [c for c in found if not c.noticeable and c.runs_needed is not None and c.runs_needed > n]
    if not found or len(missed) < len(found) or _differ(summary):
        return []
    return ["This study is too small for the differences it found: take more runs before concluding anything."]


def _lost(summary: "Summary") -> list[str]:
    lost = [group for group in summary.groups if group.diverged.any()]
    if len(lost) <= MOST_IN_WORDS // 2:
        return [f"{_diverged(summary, group)}, and {_count_as(int(group.diverged.sum()))}." for group in lost]
    most = max(lost, key=lambda group: group.diverged.mean())
    runs, of = sum(int(group.diverged.sum()) for group in lost), sum(group.rate.n for group in summary.groups)
    where = f"in {len(lost)} of {len(summary.groups)} conditions"
    return [
        f"{runs:,} of {counted(of, 'run')} diverged, {where}, and {_count_as(runs)}. The most: {_diverged(summary, most)}."
    ]


def _count_as(number: int) -> str:
    return f"{'counts' if number == 1 else 'count'} as not solved"


def _diverged(summary: "Summary", group: "Group") -> str:
    return f"{int(group.diverged.sum()):,} of {counted(group.rate.n, 'run')} diverged at {name(summary, group.value)}"


def _intervals(summary: "Summary") -> list[str]:
    if summary.nothing_to_solve:
        return []
    text = (
        "A 95 % interval holds the true share in 95 of 100 such studies. Of one share it is Wilson's, of the difference of "
        "two shares Newcombe's"
    )
    if len(summary.judged) > MOST_IN_WORDS:
        return [f"{text}."]
    return [f"{text}: {'; '.join(f'{group.rate} at {name(summary, group.value)}' for group in summary.judged)}."]


def _tests(summary: "Summary") -> list[str]:
    found = summary.comparisons
    if not found:
        return []
    shown = found if len(found) <= MOST_IN_WORDS else [max(found, key=lambda item: abs(item.difference))]
    values = "; ".join(f"{p_text(c.p_holm)} for {name(summary, c.second)} against {c.first}" for c in shown)
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


def _trend(summary: "Summary") -> list[str]:
    if summary.trend is None:
        return []
    z, p = summary.trend.z, summary.trend.p
    way = "no steady rise or fall can be told" if p >= 1 - LEVEL else "the share rises" if z > 0 else "the share falls"
    return [
        f"The trend is tested by Mantel's linear-by-linear test, with the values of {summary.factor} as first, second, "
        f"third …: {way} (z = {signed(z, 1)}, {p_text(p)}; z counts standard errors)."
    ]


def _power(summary: "Summary") -> list[str]:
    if len(summary.judged) < 2:
        return []
    n = min(group.rate.n for group in summary.judged)
    share = float(np.median([group.rate.share for group in summary.judged]))
    text = (
        f"Power is how often a study sees a difference that is there: with {counted(n, 'run')} each, one of "
        f"{percent(smallest_difference(share, n))} or more would be seen {percent(POWER)} of the time."
    )
    needed = [
        f"{percent(c.difference, sign=True)} takes about {c.runs_needed:,}"
        for c in summary.comparisons
        if c.runs_needed is not None
    ]
    if not needed or len(needed) > MOST_IN_WORDS:
        return [text]
    each = "a head size" if summary.factor == "d_head" else "a condition"
    return [
        f"{text} Runs {each} for that, from Cohen's h, a measure of how far two shares are apart: {', '.join(needed)}."
    ]


def _ungraded(summary: "Summary") -> list[str]:
    if not summary.ungraded:
        return []
    return [
        f"{counted(summary.ungraded, 'run')} {'was' if summary.ungraded == 1 else 'were'} trained by an older headlab that "
        "knew no hairs: what is right by a hair among them is counted as solved."
    ]


def _pooled(summary: "Summary") -> list[str]:
    if all(len(np.unique(group.seeds)) == len(group.seeds) for group in summary.groups):
        return []
    return [
        f"Each {summary.factor} pools several conditions with the same seeds; intervals take their runs as independent."
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
