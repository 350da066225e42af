"""The homework, done: the notebook's model trained, its two items answered with evidence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from headlab.analysis.attribution import source_contributions
from headlab.config import ModelConfig, TrainConfig
from headlab.corpus import Corpus, Dependency
from headlab.errors import SelectionError
from headlab.runs import Run, Runs
from headlab.study.head_sizes import HeadSize, HeadSizeStudy, study_head_sizes
from headlab.training import train

HEAD_SIZES = (10, 20, 40)
STRONG = 0.5  # a position that gets more than half of the attention is "mostly" looked at


@dataclass(frozen=True, eq=False)
class Evidence:
    """What one dependency's prediction rests on in one run.

    attention: the pattern's row by source position, summed over the last layer's heads and divided by their number
    contributions: parts of logit(target) - logit(alternative), `direct` first, then one a source position
    """

    dependency: Dependency
    alternative: int
    probability: float
    attention: pd.Series
    contributions: pd.Series

    @property
    def margin(self) -> float:
        """logit(target) - logit(alternative)."""
        return float(self.contributions.sum())


@dataclass(frozen=True, eq=False)
class Exercise:
    """The homework's answers: the runs of item 1 and the one picked, its evidence, and the study of item 2."""

    corpus: Corpus
    runs: Runs
    run: Run
    evidence: tuple[Evidence, ...]
    study: HeadSizeStudy

    def item_1(self) -> list[str]:
        """Return the sentences of item 1: one a dependency that the prefix settles, then how the coding works."""
        if not self.run.solved():
            return ["No run of these solved the corpus; the one of the smallest loss is shown.", *self._sentences()]
        return self._sentences()

    def _sentences(self) -> list[str]:
        if not self.evidence:
            return [
                "No token of this corpus is left open by the current token and settled by an earlier one: "
                "there is no dependency to code."
            ]
        return [_sentence(item, self.corpus) for item in self.evidence]

    def item_2(self) -> list[str]:
        """Return the sentences of item 2."""
        return self.study.sentences()


def exercise(
    corpus: Corpus,
    *,
    model: ModelConfig | None = None,
    training: TrainConfig | None = None,
    head_sizes: Sequence[int] = HEAD_SIZES,
    n_runs: int = 100,
    seed: int | None = None,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Exercise:
    """Do the whole homework: train `n_runs` runs, pick one that predicts well, explain it, compare head sizes.

    seed: the run to show; by default the first with good predictions (see `pick`)
    progress: called with the share that is done
    Raises `ConfigError`, `CorpusError`.

    >>> done = exercise(Corpus.notebook(), n_runs=8, head_sizes=[20])
    >>> done.run.solved()
    True
    """
    part = 1 / (1 + len(head_sizes))
    first = None if progress is None else (lambda done: progress(done * part))
    rest = None if progress is None else (lambda done: progress(part + done * (1 - part)))
    seeds = range(n_runs) if seed is None else [seed]
    runs = train(corpus, model, training, seeds=seeds, record="none", threads=threads, progress=first)
    shown = seeds[pick(runs)]  # trained once more, alone and with its curve: the same run to the bit
    run = train(corpus, model, training, seeds=shown, threads=threads)[0]
    study = study_head_sizes(
        corpus, head_sizes, model=model, training=training, seeds=range(n_runs), threads=threads, progress=rest
    )
    return Exercise(corpus, runs, run, tuple(gather_evidence(run)), study)


def pick(runs: Runs) -> int:
    """Return the number of a run with good predictions.

    The first one that solved the corpus with a loss nearer to the floor than to the bigram floor: its answers are not
    close calls. Without one, the solved run of the smallest loss; without any, the run of the smallest loss.
    """
    solved = runs.solved()
    clear = solved & (runs.final_loss < (runs.corpus.floor() + runs.corpus.bigram_floor()) / 2)
    if clear.any():
        return int(np.argmax(clear))
    loss = np.where(solved, runs.final_loss, np.inf) if solved.any() else runs.final_loss
    return int(np.argmin(np.where(np.isfinite(loss), loss, np.inf)))


def of_runs(runs: Runs, number: int | None = None) -> Exercise:
    """Return the same record for runs that are there already: item 2 then has their one head size.

    number: the run to show; by default one with good predictions (see `pick`)
    Raises `SelectionError` for a run that does not exist, or runs without a recorded loss.
    """
    if number is not None and (isinstance(number, bool) or not isinstance(number, int)):
        raise SelectionError(f"a run must be from 0 to {len(runs) - 1}, got {number!r}: give its number")
    if len(runs.recorded_steps) == 0:
        raise SelectionError(
            "a report must have a recorded loss, got runs without one: train with record='all' or 'log'"
        )
    run = runs[pick(runs) if number is None else number]
    study = HeadSizeStudy((HeadSize.of(runs),), (), runs.model.width(runs.corpus.d_vocab))
    return Exercise(runs.corpus, runs, run, tuple(gather_evidence(run)), study)


def gather_evidence(run: Run) -> list[Evidence]:
    """Return the evidence for every dependency that an earlier position settles."""
    on = run.activations()
    found = []
    for dependency in run.corpus.dependencies():
        if not dependency.resolvable:
            continue
        b, t = dependency.sequence, dependency.position
        rivals = list(dependency.alternatives)
        alternative = rivals[int(np.argmax(run.logits()[b, t, rivals]))]
        parts = source_contributions(run.params, on, b, t, dependency.target, alternative, residual=run.model.residual)
        rows = run.corpus.position_labels(b)[: t + 1 if run.model.causal else None]
        by_source = parts.by_source.sum(axis=0)[: len(rows)]
        found.append(
            Evidence(
                dependency,
                alternative,
                float(run.probs()[b, t, dependency.target]),
                pd.Series(on.pattern[-1, :, b, t].mean(axis=0)[: len(rows)], index=rows, name="attention"),
                pd.Series(
                    [float(parts.direct), *by_source.astype(float)], index=["direct", *rows], name="contribution"
                ),
            )
        )
    return found


def _sentence(item: Evidence, corpus: Corpus) -> str:
    d, names = item.dependency, corpus.vocabulary
    sources = item.contributions.drop("direct")
    looked, gave = str(item.attention.idxmax()), str(sources.abs().idxmax())
    look = "mostly looks at" if item.attention[looked] > STRONG else "looks most at"
    result = "predicts" if item.margin > 0 else "wrongly prefers"
    winner = names[d.target] if item.margin > 0 else names[item.alternative]
    return (
        f"In sentence {d.sequence + 1} the head, from position {d.position} “{names[d.token]}”, "
        f"{look} “{_word(looked)}” ({item.attention[looked]:.0%}) and {result} "
        f"“{winner}”: logit({names[d.target]}) − logit({names[item.alternative]}) = {item.margin:+.2f}, of which "
        f"“{_word(gave)}” gives {sources[gave]:+.2f} and the residual stream {item.contributions['direct']:+.2f}."
    )


def dependency_sentence(item: Dependency, corpus: Corpus) -> str:
    """Return what one dependency of a corpus is, in words."""
    names = corpus.vocabulary
    where = f"Sentence {item.sequence + 1}, position {item.position}: “{names[item.token]}” goes on with"
    others = ", ".join(f"“{names[other]}”" for other in item.alternatives)
    fact = f"{where} “{names[item.target]}”, elsewhere with {others}"
    if not item.resolvable:
        return f"{fact}; nothing before it tells which, so no model can know."
    if item.settled_by is None or item.settled_token is None:
        return f"{fact}; the whole prefix tells which."
    return f"{fact}; “{names[item.settled_token]}” at position {item.settled_by} tells which."


def _word(row: str) -> str:
    return row.split(" ", 1)[1]
