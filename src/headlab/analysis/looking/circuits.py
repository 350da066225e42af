"""A head is two circuits: QK says where it looks, OV what it writes from there. As matrices, and as tables in words.

Source: Elhage et al. 2021, A Mathematical Framework for Transformer Circuits.
"""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from headlab.analysis.subject import Subject, run_number
from headlab.arrays import Array, Float
from headlab.model.matrices import W_OV, W_QK, effective_rank, singular_values
from headlab.notation.numbers import with_sign

_EMBEDS = ("token", "position")


def _score_name(query: str, key: str) -> str:
    return f"{query}–{key}"


@dataclass(frozen=True, eq=False)
class Circuits:
    """One head of one run in words.

    scores: four tables whose entries add up to the score of query token@position and key token@position, scaled:
        `token–token`, `token–position`, `position–token`, `position–position` (rows: query side)
    writes: two tables of logits, one a source `token`, one a source `position`: what the head writes when it looks there
    singular_values, effective_rank: of `QK` and `OV`; labels: each token's word by its label
    In layers after the first, where heads read more than embeddings, these are the parts that the embeddings contribute.
    """

    scores: dict[str, pd.DataFrame]
    writes: dict[str, pd.DataFrame]
    singular_values: dict[str, Float[Array, " number"]]
    effective_rank: dict[str, float]
    labels: dict[str, str]

    def score(self, query: tuple[str, int], key: tuple[str, int]) -> float:
        """Return the score of a query (token, position) and a key, the sum of its parts; a token by its word or its label."""
        total = 0.0
        query, key = ((self.labels.get(token, token), position) for token, position in (query, key))
        for (rows, asked), (columns, read) in product(zip(_EMBEDS, query, strict=True), zip(_EMBEDS, key, strict=True)):
            table = self.scores.get(_score_name(rows, columns))
            if table is not None:  # of a model without positions there is one alone
                total += float(table.to_numpy()[table.index.get_loc(asked), table.columns.get_loc(read)])
        return total

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return scores and writes together, by name: `QK token–token`, …, `OV token`, …."""
        named = {f"QK {name}": table for name, table in self.scores.items()}
        return named | {f"OV {name}": table for name, table in self.writes.items()}

    def __repr__(self) -> str:
        ranks = ", ".join(f"{name} {rank:.1f}" for name, rank in self.effective_rank.items())
        return f"Circuits(scores {', '.join(self.scores)}; writes {', '.join(self.writes)}; effective rank {ranks})"

    def _repr_html_(self) -> str:
        named = {f"score of query (row) and key (column), {name}": table for name, table in self.scores.items()}
        named |= {
            f"what a source {name} (row) writes to each logit (column)": table for name, table in self.writes.items()
        }
        # pandas shows the edges of large tables alone
        return "\n".join(
            f"<p><b>{name}</b></p>{table.to_html(max_rows=24, max_cols=24, float_format=_signed)}"
            for name, table in named.items()
        )


def _signed(value: float) -> str:
    return with_sign(value, 1)


def circuits(subject: Subject, layer: int = 0, head: int = 0, run: int = 0) -> Circuits:
    """Return a head's QK and OV circuits as tables, with their singular values; raises `SelectionError`.

    >>> from headlab.config import ModelConfig
    >>> from headlab.data.corpus import Corpus
    >>> from headlab.model.initial import initial
    >>> corpus = Corpus.notebook()
    >>> subject = Subject(initial(ModelConfig().on(corpus), np.zeros(1, np.uint64)), corpus, ModelConfig())
    >>> found = circuits(subject)
    >>> found.scores["token–position"].shape, found.writes["position"].shape
    ((7, 5), (5, 7))
    >>> bool(abs(found.score(("the", 3), ("man", 1)) - subject.clean.scores[0, 0, 0, 0, 3, 1]) < 1e-12)
    True
    """
    subject.refuse("circuits")
    layer, head = subject.layer_and_head(layer, head)
    params, corpus = subject.params[run_number(run, subject.n_runs)], subject.corpus
    QK, OV = W_QK(params)[layer, head], W_OV(params)[layer, head]
    embeds: dict[str, tuple[Array, list[Any]]] = {"token": (params.W_E, list(corpus.vocabulary))}
    if params.W_pos is not None:
        embeds["position"] = (params.W_pos, list(range(corpus.n_ctx)))
    W_U = np.eye(params.W_E.shape[-1]) if params.W_U is None else params.W_U
    return Circuits(
        scores={
            _score_name(i, j): pd.DataFrame(
                rows @ QK @ columns.T * subject.model.scale,
                index=pd.Index(row_names, name=f"query {i}"),
                columns=pd.Index(column_names, name=f"key {j}"),
            )
            for i, (rows, row_names) in embeds.items()
            for j, (columns, column_names) in embeds.items()
        },
        writes={
            i: pd.DataFrame(
                rows @ OV @ W_U,
                index=pd.Index(names, name=f"source {i}"),
                columns=pd.Index(corpus.vocabulary, name="logit"),
            )
            for i, (rows, names) in embeds.items()
        },
        singular_values={"QK": singular_values(QK), "OV": singular_values(OV)},
        effective_rank={"QK": float(effective_rank(QK)), "OV": float(effective_rank(OV))},
        labels=dict(zip(corpus.labels, corpus.vocabulary, strict=True)) | {word: word for word in corpus.vocabulary},
    )
