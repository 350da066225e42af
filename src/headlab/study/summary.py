"""The answer of a study: conditions side by side, every comparison with its uncertainty, and the sentences a student writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headlab.analysis.mechanism import MECHANISMS
from headlab.runs import Runs
from headlab.study.statistics import (
    POWER,
    Comparison,
    Paired,
    Rate,
    Trend,
    compare_paired,
    compare_rates,
    median_difference,
    quartiles,
    simultaneous,
    smallest_difference,
    trend,
    wilson,
)

MOST_IN_WORDS = 6
SMALLEST_P = 0.0001  # in a sentence


@dataclass(frozen=True, eq=False)
class Group:
    """The runs of one condition: its value of the study's factor, and of each run seed, final loss, solved, diverged.

    mechanism: of each run, or None where nothing is to explain
    """

    value: Any
    seeds: NDArray[np.uint64]
    losses: NDArray[np.float64]
    solved: NDArray[np.bool_]
    diverged: NDArray[np.bool_]
    mechanism: NDArray[np.str_] | None = None

    @classmethod
    def of(cls, runs: Runs, value: Any) -> "Group":
        """Take the runs of one condition; a diverged run counts as not solved."""
        seeds = np.arange(len(runs), dtype=np.uint64) if runs.seeds is None else runs.seeds
        return cls(value, seeds, runs.final_loss.astype(float), runs.solved(), ~runs.finished)

    @cached_property
    def rate(self) -> Rate:
        """The share of solved runs, of all."""
        return wilson(int(self.solved.sum()), len(self.solved))

    @property
    def solved_losses(self) -> NDArray[np.float64]:
        """The final losses of solved runs."""
        return self.losses[self.solved]

    @property
    def unsolved_losses(self) -> NDArray[np.float64]:
        """The final losses of runs that ended without solving the corpus; those of diverged runs are no numbers."""
        return self.losses[~self.solved & np.isfinite(self.losses)]


@dataclass(frozen=True, eq=False)
class Summary:
    """Conditions that differ in one factor (or are named, factor `condition`), compared.

    d_model: the width of the residual stream, where d_head is the factor
    """

    factor: str
    groups: tuple[Group, ...]
    d_model: int | None = None

    @cached_property
    def comparisons(self) -> list[Comparison]:
        """Every pair's solved shares, p adjusted by Holm over all pairs."""
        return compare_rates([group.value for group in self.groups], [group.rate for group in self.groups])

    @cached_property
    def paired(self) -> list[Paired]:
        """Every pair that shares all its seeds, seed by seed."""
        found = []
        for first, second in combinations(self.groups, 2):
            if len(first.seeds) == len(second.seeds) and set(first.seeds.tolist()) == set(second.seeds.tolist()):
                a, b = (group.solved[np.argsort(group.seeds, kind="stable")] for group in (first, second))
                found.append(compare_paired(first.value, second.value, a, b))
        return found

    @cached_property
    def trend(self) -> Trend | None:
        """The trend over the factor, where its values are numbers."""
        values = [group.value for group in self.groups]
        if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            return None
        return trend(values, [group.rate for group in self.groups])

    def table(self) -> pd.DataFrame:
        """Return one row a condition: runs, solved with interval, diverged, loss quartiles of solved and unsolved runs."""
        rows = [
            {
                self.factor: group.value,
                "runs": group.rate.n,
                "solved": group.rate.successes,
                "share": group.rate.share,
                "low": group.rate.low,
                "high": group.rate.high,
                "diverged": int(group.diverged.sum()),
                **_quartile_columns("solved", group.solved_losses),
                **_quartile_columns("unsolved", group.unsolved_losses),
            }
            for group in self.groups
        ]
        return pd.DataFrame(rows).set_index(self.factor)

    def pairs(self) -> pd.DataFrame:
        """Return one row a pair: difference of shares with interval, test, p, Holm-adjusted p, Cohen's h, runs needed."""
        names = ["first", "second", "difference", "low", "high", "test", "p", "p_holm", "effect", "runs_needed"]
        return pd.DataFrame([{name: getattr(c, name) for name in names} for c in self.comparisons], columns=names)

    def paired_table(self) -> pd.DataFrame:
        """Return one row a pair of conditions that share seeds."""
        names = ["first", "second", "n", "only_first", "only_second", "difference", "low", "high", "p"]
        return pd.DataFrame([{name: getattr(c, name) for name in names} for c in self.paired], columns=names)

    def medians(self) -> pd.DataFrame:
        """Return one row a pair: the difference of the median losses of solved runs, with its BCa interval."""
        rows = []
        for first, second in combinations(self.groups, 2):
            found = median_difference(first.solved_losses, second.solved_losses)
            values = dict(zip(("difference", "low", "high"), found or (np.nan,) * 3, strict=True))
            rows.append({"first": first.value, "second": second.value, **values})
        return pd.DataFrame(rows, columns=["first", "second", "difference", "low", "high"])

    def census(self) -> pd.DataFrame:
        """Return one row a condition and mechanism: runs, share, and intervals that hold together within the condition."""
        rows: list[dict[str, Any]] = []
        for group in self.groups:
            if group.mechanism is None or len(group.mechanism) == 0:
                continue
            names, counts = np.unique(group.mechanism, return_counts=True)
            order = np.argsort(-counts, kind="stable")
            for number, (low, high) in zip(order, _reordered(simultaneous(counts.tolist()), order), strict=True):
                share = counts[number] / counts.sum()
                row = {self.factor: group.value, "mechanism": str(names[number]), "runs": int(counts[number])}
                rows.append({**row, "share": share, "low": low, "high": high})
        return pd.DataFrame(rows, columns=[self.factor, "mechanism", "runs", "share", "low", "high"])

    def mechanisms(self) -> pd.DataFrame:
        """Return the census as text, a row a condition and a column a mechanism: share and interval in percent."""
        census = self.census()
        text = [
            f"{share:.0%} [{100 * low:.0f}, {100 * high:.0f}]"
            for share, low, high in zip(census["share"], census["low"], census["high"], strict=True)
        ]
        table = census.assign(text=text).pivot_table("text", self.factor, "mechanism", "first", sort=False)
        return table.reindex(columns=[name for name in MECHANISMS if name in table.columns]).fillna("–")

    def sentences(self) -> list[str]:
        """Return the answer: the shares, the pairs' verdicts, the trend, the study's power, and what theory says."""
        return [
            self._shares(),
            *self._verdicts(),
            *self._trend(),
            *self._power(),
            *self._lost(),
            *self._pooled(),
            *([] if self.d_model is None else [theory(self.d_model)]),
        ]

    def _shares(self) -> str:
        if len(self.groups) <= MOST_IN_WORDS:
            return f"Solved: {', '.join(map(self._share, self.groups))}."
        ordered = sorted(self.groups, key=lambda group: group.rate.share)
        return f"Solved: from {self._share(ordered[0])} to {self._share(ordered[-1])}, over {len(ordered)} conditions."

    def _share(self, group: Group) -> str:
        return f"{group.rate} at {self._name(group.value)}"

    def _name(self, value: Any) -> str:
        return str(value) if self.factor == "condition" else f"{self.factor} {value}"

    def _verdicts(self) -> list[str]:
        if len(self.comparisons) <= MOST_IN_WORDS:
            return [self._verdict(item) for item in self.comparisons]
        noticeable = [item for item in self.comparisons if item.noticeable]
        widest = max(self.comparisons, key=lambda item: abs(item.difference))
        count = f"Of {len(self.comparisons)} pairs, {len(noticeable)} differ noticeably (Holm-adjusted p below 0.05)."
        return [count, self._verdict(widest)]

    def _verdict(self, c: Comparison) -> str:
        interval = f"{c.difference:+.0%} [{c.low:+.0%}, {c.high:+.0%}], Holm-adjusted {p_text(c.p_holm)}"
        if c.noticeable:
            word = "better" if c.difference > 0 else "worse"
            verdict = f"{self._name(c.second)} is noticeably {word} than {c.first}: {interval}."
        else:
            widest = max(abs(c.low), abs(c.high))
            verdict = (
                f"Between {self._name(c.first)} and {c.second} no difference can be told from chance ({interval}); "
                f"one larger than {widest:.0%} is unlikely."
            )
        if c.runs_needed is None:
            return verdict
        each = "a head size" if self.factor == "d_head" else "a condition"
        return f"{verdict} A difference like this one takes about {c.runs_needed} runs {each} to see (80 % power)."

    def _trend(self) -> list[str]:
        if self.trend is None:
            return []
        z, p = self.trend.z, self.trend.p
        if p >= 0.05:
            return [f"No trend over {self.factor} can be told from chance (Cochran–Armitage {p_text(p)})."]
        way = "rises" if z > 0 else "falls"
        return [f"The share of solved runs {way} with {self.factor} (Cochran–Armitage z = {z:+.1f}, {p_text(p)})."]

    def _power(self) -> list[str]:
        if len(self.groups) < 2:
            return []
        n = min(group.rate.n for group in self.groups)
        share = float(np.median([group.rate.share for group in self.groups]))
        visible = smallest_difference(share, n)
        text = f"With {n} runs each, a difference of {visible:.0%} or more would be seen {POWER:.0%} of the time."
        missed = [c for c in self.comparisons if not c.noticeable and c.runs_needed is not None and c.runs_needed > n]
        if len(missed) == len(self.comparisons):
            return [
                f"{text} This study is too small for the differences it found: take more runs before concluding anything."
            ]
        return [text]

    def _lost(self) -> list[str]:
        lost = [group for group in self.groups if group.diverged.any()]
        if len(lost) <= MOST_IN_WORDS // 2:
            return [f"{self._diverged(group)}; they count as not solved." for group in lost]
        most = max(lost, key=lambda group: group.diverged.mean())
        runs, of = sum(int(group.diverged.sum()) for group in lost), sum(group.rate.n for group in self.groups)
        return [
            f"{runs:,} of {of:,} runs diverged, in {len(lost)} of {len(self.groups)} conditions; they count as not solved. "
            f"The most: {self._diverged(most)}."
        ]

    def _diverged(self, group: Group) -> str:
        return f"{int(group.diverged.sum())} of {group.rate.n} runs diverged at {self._name(group.value)}"

    def _pooled(self) -> list[str]:
        if all(len(np.unique(group.seeds)) == len(group.seeds) for group in self.groups):
            return []
        return [
            f"Each {self.factor} pools several conditions with the same seeds; intervals take their runs as independent."
        ]


def theory(d_model: int) -> str:
    """Return what head size can and cannot change here."""
    return (
        f"W_QK = W_Q W_Kᵀ has rank at most d_model = {d_model} whatever d_head is: from d_head {d_model} on, "
        f"head size changes how training goes, not what the model can express."
    )


def p_text(p: float) -> str:
    """Return a p-value as it stands in a sentence.

    >>> p_text(0.0123), p_text(1e-12)
    ('p = 0.012', 'p < 0.0001')
    """
    return f"p = {p:.2g}" if p >= SMALLEST_P else f"p < {SMALLEST_P:.4f}"


def _reordered(values: Sequence[Any], order: NDArray[np.int64]) -> list[Any]:
    return [values[number] for number in order]


def _quartile_columns(kind: str, losses: NDArray[np.float64]) -> dict[str, float]:
    values = quartiles(losses) or (np.nan,) * 3
    return {f"loss_{kind}_{name}": value for name, value in zip(("q1", "median", "q3"), values, strict=True)}
