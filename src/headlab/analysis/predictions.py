"""What the model predicts, and whether that is right."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headlab.corpus import Corpus
from headlab.errors import SelectionError
from headlab.model.forward import softmax
from headlab.model.losses import sigmoid
from headlab.model.params import Array

VIEWS: dict[str, Callable[[Array], Array]] = {"sigmoid": sigmoid, "probs": softmax, "logits": lambda logits: logits}


def view(logits: Array, kind: str) -> Array:
    """Return logits as `sigmoid` (what the notebook prints), `probs` (softmax: what the loss sees) or `logits`."""
    if kind not in VIEWS:
        raise SelectionError(f"the view must be one of {', '.join(VIEWS)}, got {kind!r}")
    return VIEWS[kind](logits)


def solved(logits: Array, corpus: Corpus) -> NDArray[np.bool_]:
    """Return [*run]: at every resolvable position the most likely token is the target.

    >>> corpus = Corpus.notebook()
    >>> bool(solved(np.eye(7)[np.maximum(corpus.targets, 0)], corpus))
    True
    """
    where = corpus.resolvable()
    right = logits[..., where, :].argmax(axis=-1) == corpus.targets[where]
    finite = np.isfinite(logits[..., where, :]).all(axis=(-1, -2))
    return right.all(axis=-1) & finite


def tables(values: Array, corpus: Corpus, columns: Any = None) -> list[pd.DataFrame]:
    """Return one table a sentence from values [sequence, position, column], rows labelled as in the notebook."""
    result = []
    for sequence in range(corpus.n_sequences):
        rows = corpus.position_labels(sequence)
        names = corpus.labels if columns is None else rows
        result.append(pd.DataFrame(values[sequence, : len(rows), : len(names)], index=rows, columns=list(names)))
    return result


def verdicts(logits: Array, corpus: Corpus) -> list[list[str]]:
    """Return for every sentence and position: `right`, `wrong`, `open` (no prefix decides it) or `` (no target)."""
    best, where = logits.argmax(axis=-1), corpus.resolvable()
    words = np.where(best == corpus.targets, "right", "wrong")
    words = np.where(where, words, np.where(corpus.targets >= 0, "open", ""))
    return [row[:length].tolist() for row, length in zip(words, corpus.lengths, strict=True)]
