"""What the model predicts, and whether that is right."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from headlab.analysis.words import TABLE, THRESHOLDS
from headlab.arrays import Array, Bool, Float, Int, Shaped
from headlab.config.model import ModelConfig
from headlab.data.corpus import Corpus
from headlab.data.dataset import Dataset, Trainable
from headlab.errors import SelectionError
from headlab.model.outputs import sigmoid, softmax
from headlab.notation.values import short_repr

TIE = THRESHOLDS["tie"]  # of a logit: a lead smaller than this is rounding
HAIR_LOGITS = THRESHOLDS["hair"]  # a smaller lead over the strongest rival is a hair
SOLVED, HAIR, NOT_SOLVED, NOTHING_TO_SOLVE = TABLE["grades"]
GRADES = (SOLVED, HAIR, NOT_SOLVED)
WHY_NOTHING = f"{NOTHING_TO_SOLVE}: {TABLE['grades'][NOTHING_TO_SOLVE]}"

OUTPUTS: dict[str, Callable[[Array], Array]] = {"sigmoid": sigmoid, "probs": softmax, "logits": lambda logits: logits}


def output(logits: Float[Array, "*axes"], kind: str) -> Float[Array, "*axes"]:
    """Return logits as `sigmoid` (what the notebook prints), `probs` (softmax: what the loss sees) or `logits`."""
    if kind not in OUTPUTS:
        raise SelectionError(f"the output must be one of {', '.join(OUTPUTS)}, got {short_repr(kind)}")
    return OUTPUTS[kind](logits)


def solved(
    logits: Float[Array, "*run sequence position d_vocab"], data: Trainable, model: ModelConfig | None = None
) -> Bool[Array, "*run"]:
    """Return [*run]: at every resolvable position the most likely token is the target, and no other is as likely.

    data: a corpus, or a dataset, whose goal says at how many of these positions
    model: whose sight decides what is resolvable; None: causal, with positions

    >>> corpus = Corpus.notebook()
    >>> bool(solved(np.eye(7)[np.maximum(corpus.targets, 0)], corpus))
    True
    """
    leads = _decisive_leads(logits, Dataset.of(data), model)
    return np.ones(logits.shape[:-3], bool) if leads is None else np.asarray(leads > TIE)


def _decisive_leads(
    logits: Float[Array, "*run sequence position d_vocab"], dataset: Dataset, model: ModelConfig | None
) -> Float[Array, "*run"] | None:
    """Return [*run]: the lead at the position that the goal hangs on, nan where a logit is no finite number.

    None where no position is resolvable.
    """
    where = dataset.corpus.resolvable(model)
    count = int(where.sum())
    if not count:
        return None
    shown = logits[..., where, :]
    each = place_leads(shown, dataset.corpus.targets[where])
    needed = dataset.goal.places(count)
    leads = each.min(axis=-1) if needed == count else np.sort(each, axis=-1)[..., count - needed]
    return np.where(np.isfinite(shown).all(axis=(-1, -2)), leads, np.nan)


def place_leads(
    logits: Float[Array, "*run_and_place d_vocab"], targets: Int[Array, "..."]
) -> Float[Array, "*run_and_place"]:
    """Return [*run, *place]: how far a target's logit is ahead of the strongest other one; below 0 where it is behind.

    logits [*run, *place, d_vocab]; targets [*place]

    >>> place_leads(np.array([[3.0, 1.0, 2.5], [0.0, 2.0, 2.0]]), np.array([0, 1])).tolist()
    [0.5, 0.0]
    """
    is_target = np.arange(logits.shape[-1]) == np.asarray(targets)[..., None]
    rivals = np.where(is_target, -np.inf, logits).max(axis=-1)
    right = np.where(is_target, logits, -np.inf).max(axis=-1)
    with np.errstate(over="ignore", invalid="ignore"):  # diverged runs hold whatever they diverged to
        return np.asarray(right - rivals)


def lead(
    logits: Float[Array, "*run sequence position d_vocab"], data: Trainable, model: ModelConfig | None = None
) -> Float[Array, "*run"]:
    """Return [*run]: the smallest lead of a target over its strongest rival, over the resolvable positions, in logits.

        min over positions of logit(target) - max over other tokens of logit(token)

    Where a dataset's goal asks for some of the positions, over those with the largest leads. Not a number where there is no
    resolvable position, or a logit is no finite number. data, model: as in `solved`.

    >>> corpus = Corpus.notebook()
    >>> float(lead(3 * np.eye(7)[np.maximum(corpus.targets, 0)], corpus))
    3.0
    """
    leads = _decisive_leads(logits, Dataset.of(data), model)
    return np.full(logits.shape[:-3], np.nan) if leads is None else leads


def grade(
    logits: Float[Array, "*run sequence position d_vocab"],
    data: Trainable,
    finished: Bool[Array, "*run"] | None = None,
    model: ModelConfig | None = None,
) -> Shaped[Array, "*run"]:
    """Return the grade [*run]: `solved`, `right by a hair`, `not solved`, or `nothing to solve` where no position is resolvable.

    right by a hair: solved, but `lead` is below half a logit
    finished [*run]: which runs' training did not diverge; None: all; data, model: as in `solved`

    >>> corpus = Corpus.notebook()
    >>> right = np.eye(7)[np.maximum(corpus.targets, 0)]
    >>> grade(np.stack([right, 0.4 * right, -right]), corpus).tolist()
    ['solved', 'right by a hair', 'not solved']
    """
    leads = _decisive_leads(logits, Dataset.of(data), model)
    if leads is None:
        return np.full(logits.shape[:-3], NOTHING_TO_SOLVE)
    right = (leads > TIE) & (True if finished is None else finished)
    return np.where(right, np.where(leads >= HAIR_LOGITS, SOLVED, HAIR), NOT_SOLVED)


def tally(grades: Shaped[Array, " run"]) -> str:
    """Return how many runs have each grade, in words.

    >>> tally(np.array(["solved", "not solved", "solved"])), tally(np.array(["nothing to solve"]))
    ('2 solved, 0 right by a hair, 1 not solved', 'nothing to solve')
    """
    if len(grades) and (grades == NOTHING_TO_SOLVE).all():
        return NOTHING_TO_SOLVE
    counts = [int((grades == name).sum()) for name in GRADES]
    return ", ".join(f"{n:,} {name}" for n, name in zip(counts, GRADES, strict=True))


def tables(
    values: Shaped[Array, "sequence position column"], corpus: Corpus, columns: Any = None
) -> list[pd.DataFrame]:
    """Return one table a sentence from values [sequence, position, column], rows labelled as in the notebook."""
    result = []
    for sequence in range(corpus.n_sequences):
        rows = corpus.position_labels(sequence)
        names = corpus.output_labels if columns is None else rows
        result.append(pd.DataFrame(values[sequence, : len(rows), : len(names)], index=rows, columns=list(names)))
    return result


def verdicts(
    logits: Float[Array, "sequence position d_vocab"], corpus: Corpus, model: ModelConfig | None = None
) -> list[list[str]]:
    """Return for every sentence and position: `right`, `wrong`, `open` or `` (no target).

    open: nothing that the model sees decides it, so a most likely token that is the target is luck, and not right
    model: as in `solved`
    """
    where = corpus.resolvable(model)
    words = np.where(place_leads(logits, corpus.targets) > TIE, "right", "wrong")
    words = np.where(where, words, np.where(corpus.targets >= 0, "open", ""))
    return [row[:length].tolist() for row, length in zip(words, corpus.lengths, strict=True)]
