"""The homework's second item: does a larger or smaller head do better? Many runs a head size, and an honest sentence."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headlab.config import ModelConfig, TrainConfig
from headlab.corpus import Corpus
from headlab.errors import ConfigError
from headlab.runs import Runs
from headlab.study.statistics import Comparison, Rate, compare_rates, quartiles, wilson
from headlab.training import train


@dataclass(frozen=True, eq=False)
class HeadSize:
    """The runs of one head size: final losses [run], which are solved [run], the share solved, diverged runs."""

    d_head: int
    losses: NDArray[np.float64]
    solved: NDArray[np.bool_]
    rate: Rate
    diverged: int

    @classmethod
    def of(cls, runs: Runs) -> "HeadSize":
        """Count the runs of one head size; a diverged run counts as not solved."""
        solved = runs.solved()
        rate = wilson(int(solved.sum()), len(runs))
        return cls(runs.model.d_head, runs.final_loss.astype(float), solved, rate, int((~runs.finished).sum()))


@dataclass(frozen=True, eq=False)
class HeadSizeStudy:
    """Runs of several head sizes on one corpus, and every pairwise comparison of their solved shares."""

    sizes: tuple[HeadSize, ...]
    comparisons: tuple[Comparison, ...]
    d_model: int

    def table(self) -> pd.DataFrame:
        """Return one row a head size: runs, solved with interval, loss quartiles of solved and of unsolved runs."""
        rows = [
            {
                "d_head": size.d_head,
                "runs": size.rate.n,
                "solved": size.rate.successes,
                "share": size.rate.share,
                "low": size.rate.low,
                "high": size.rate.high,
                "diverged": size.diverged,
                **_quartile_columns("solved", size.losses[size.solved]),
                **_quartile_columns("unsolved", size.losses[~size.solved & np.isfinite(size.losses)]),
            }
            for size in self.sizes
        ]
        return pd.DataFrame(rows).set_index("d_head")

    def pairs(self) -> pd.DataFrame:
        """Return one row a pair of head sizes: difference with interval, p, Holm-adjusted p, runs needed."""
        names = ["first", "second", "difference", "low", "high", "p", "p_holm", "runs_needed"]
        return pd.DataFrame([{name: getattr(c, name) for name in names} for c in self.comparisons], columns=names)

    def sentences(self) -> list[str]:
        """Return the answer: the shares, every pair's verdict, how many runs it takes, and what theory says."""
        shares = ", ".join(f"{size.rate} at d_head {size.d_head}" for size in self.sizes)
        return [f"Solved: {shares}.", *map(_verdict, self.comparisons), *self._lost(), self.theory()]

    def theory(self) -> str:
        """Return what head size can and cannot change here."""
        return (
            f"W_QK = W_Q W_Kᵀ has rank at most d_model = {self.d_model} whatever d_head is: from d_head {self.d_model} on, "
            f"head size changes how training goes, not what the model can express."
        )

    def _lost(self) -> list[str]:
        return [
            f"{size.diverged} of {size.rate.n} runs diverged at d_head {size.d_head}; they count as not solved."
            for size in self.sizes
            if size.diverged
        ]


def study_head_sizes(
    corpus: Corpus,
    d_heads: Sequence[int],
    *,
    model: ModelConfig | None = None,
    training: TrainConfig | None = None,
    seeds: Iterable[int] = range(100),
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> HeadSizeStudy:
    """Train every head size on the same seeds and compare the shares of solved runs.

    Raises `ConfigError` for an empty or repeated list of head sizes.

    >>> study = study_head_sizes(Corpus.notebook(), [10, 20], seeds=range(8), training=TrainConfig.of(steps=50))
    >>> len(study.sizes), len(study.comparisons)
    (2, 1)
    """
    if len(set(d_heads)) != len(d_heads) or not d_heads:
        raise ConfigError(f"head sizes must be at least one, each named once, got {list(d_heads)}")
    base, seeds = model or ModelConfig(), list(seeds)
    models = [base.replace(d_head=d_head) for d_head in d_heads]
    sizes = []
    for number, condition in enumerate(models):
        share = None if progress is None else (lambda done, n=number: progress((n + done) / len(models)))
        runs = train(corpus, condition, training, seeds=seeds, record="none", threads=threads, progress=share)
        sizes.append(HeadSize.of(runs))
    comparisons = compare_rates([size.d_head for size in sizes], [size.rate for size in sizes])
    return HeadSizeStudy(tuple(sizes), tuple(comparisons), base.width(corpus.d_vocab))


def _quartile_columns(kind: str, losses: NDArray[np.float64]) -> dict[str, float]:
    values = quartiles(losses) or (np.nan,) * 3
    return {f"loss_{kind}_{name}": value for name, value in zip(("q1", "median", "q3"), values, strict=True)}


def _verdict(c: Comparison) -> str:
    interval = f"{c.difference:+.0%} [{c.low:+.0%}, {c.high:+.0%}], Holm-adjusted p = {c.p_holm:.2g}"
    if c.noticeable:
        word = "better" if c.difference > 0 else "worse"
        verdict = f"d_head {c.second} is noticeably {word} than {c.first}: {interval}."
    else:
        widest = max(abs(c.low), abs(c.high))
        verdict = (
            f"Between d_head {c.first} and {c.second} no difference can be told from chance ({interval}); "
            f"one larger than {widest:.0%} is unlikely."
        )
    needed = (
        ""
        if c.runs_needed is None
        else f" A difference like this one takes about {c.runs_needed} runs a head size to see (80 % power)."
    )
    return verdict + needed
