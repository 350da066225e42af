"""A head is two circuits: QK says where it looks, OV what it writes from there. As matrices, and as tables in words.

Biases are rows and columns of their own, as vectors of distances are columns. Gains of norms are in every number, and that
LayerNorm takes the mean away; by how much a norm divides differs from place to place, and is left out: with norms, tables add up
to what is divided by that. What MLPs make of what a head writes is left out, too.
Source: Elhage et al. 2021, A Mathematical Framework for Transformer Circuits.
"""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from headlab.analysis.parts.exact import has_blocks
from headlab.analysis.subject import Subject, run_number
from headlab.arrays import Array, Float
from headlab.model.forward import embedded
from headlab.model.frozen import Frozen, Sizes
from headlab.model.matrices import W_OV, W_QK, effective_rank, singular_values
from headlab.notation.numbers import with_sign

NORMED = "Gains of norms are in these numbers; by how much each place is divided is not."
_BIAS, _DISTANCE = "bias", "distance"


def _score_name(query: str, key: str) -> str:
    return f"{query}–{key}"


@dataclass(frozen=True, eq=False)
class Circuits:
    """One head of one run in words.

    scores: four tables whose entries add up to the score of query token@position and key token@position, scaled:
        `token–token`, `token–position`, `position–token`, `position–position` (rows: query side); with biases and distances more
    writes: two tables of logits, one a source `token`, one a source `position`: what the head writes when it looks there
    singular_values, effective_rank: of `QK` and `OV`; labels: each token's word by its label
    note: what the numbers leave out; nothing without norms
    In layers after the first, where heads read more than embeddings, these are the parts that the embeddings contribute.
    """

    scores: dict[str, pd.DataFrame]
    writes: dict[str, pd.DataFrame]
    singular_values: dict[str, Float[Array, " number"]]
    effective_rank: dict[str, float]
    labels: dict[str, str]
    note: str = ""

    def score(self, query: tuple[str, int], key: tuple[str, int]) -> float:
        """Return the score of a query (token, position) and a key, the sum of its parts; a token by its word or its label."""
        total = 0.0
        query, key = ((self.labels.get(token, token), position) for token, position in (query, key))
        asked, read = ({"token": token, "position": at, _BIAS: _BIAS} for token, at in (query, key))
        read[_DISTANCE] = query[1] - key[1]
        for rows, columns in product(asked, read):
            table = self.scores.get(_score_name(rows, columns))
            if table is not None:  # of a model without positions there is one alone
                total += float(table.to_numpy()[table.index.get_loc(asked[rows]), table.columns.get_loc(read[columns])])
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
        ) + (f"\n<p>{self.note}</p>" if self.note else "")


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
    layer, head = subject.layer_and_head(layer, head)
    params, corpus = subject.params[run_number(run, subject.n_runs)], subject.corpus
    if has_blocks(subject):
        return _with_blocks(subject, layer, head, run)
    QK, OV = W_QK(params)[layer, head], W_OV(params)[layer, head]
    embeds: dict[str, tuple[Array, list[Any]]] = {"token": (params.W_E, list(corpus.vocabulary))}
    if params.W_pos is not None:
        embeds["position"] = (params.W_pos, list(range(corpus.n_ctx)))
    W_U = np.eye(params.W_E.shape[-1]) if params.W_U is None else params.W_U
    return _circuits(
        subject,
        {
            (i, j): (rows @ QK @ columns.T, row_names, column_names)
            for i, (rows, row_names) in embeds.items()
            for j, (columns, column_names) in embeds.items()
        },
        {i: (rows @ OV @ W_U, names) for i, (rows, names) in embeds.items()},
        {"QK": QK, "OV": OV},
    )


def _circuits(
    subject: Subject,
    scores: dict[tuple[str, str], tuple[Array, list[Any], list[Any]]],
    writes: dict[str, tuple[Array, list[Any]]],
    matrices: dict[str, Array],
) -> Circuits:
    """Return numbers as tables; scores: before they are scaled, with the names of rows and columns."""
    corpus = subject.corpus
    return Circuits(
        scores={
            _score_name(i, j): pd.DataFrame(
                values * subject.model.scale,
                index=pd.Index(row_names, name=f"query {i}"),
                columns=pd.Index(column_names, name=f"key {j}"),
            )
            for (i, j), (values, row_names, column_names) in scores.items()
        },
        writes={
            i: pd.DataFrame(
                values, index=pd.Index(names, name=f"source {i}"), columns=pd.Index(corpus.output_names, name="logit")
            )
            for i, (values, names) in writes.items()
        },
        singular_values={name: singular_values(matrix) for name, matrix in matrices.items()},
        effective_rank={name: float(effective_rank(matrix)) for name, matrix in matrices.items()},
        labels=dict(zip(corpus.labels, corpus.vocabulary, strict=True)) | {word: word for word in corpus.vocabulary},
        note=NORMED if subject.model.norm != "none" else "",
    )


def _with_blocks(subject: Subject, layer: int, head: int, run: int) -> Circuits:
    """Return the same of models with norms, biases, distances: every norm as if it divided by 1."""
    model, corpus, params = subject.model, subject.corpus, subject.params[run : run + 1]
    ones = np.ones((1, model.n_layers, 1))
    sizes = Sizes(ones, ones, ones[:, 0])
    frozen = Frozen(params, model, np.zeros((1, model.n_layers, model.n_heads, 1, 1)), sizes)
    token = embedded(params, np.arange(corpus.d_vocab)[None], model)[:, 0]
    embeds: dict[str, tuple[Array, list[Any]]] = {"token": (frozen.passed(token, 0, layer)[0], list(corpus.vocabulary))}
    if params.W_pos is not None:
        positions = frozen.passed(params.W_pos[:, : corpus.n_ctx], 0, layer)[0]
        embeds["position"] = (positions, list(range(corpus.n_ctx)))
    biased = model.biases or (params.ln1_b is not None and not model.norm_after)
    if biased:
        none = np.zeros((1, subject.d_model))
        embeds[_BIAS] = (none if params.ln1_b is None or model.norm_after else params.ln1_b[:, layer], [_BIAS])

    def in_head(weight: str) -> dict[str, tuple[Array, list[Any]]]:
        matrix, bias = (
            None if one is None else one[0, layer, head]
            for one in map(params.__getattr__, (f"W_{weight}", f"b_{weight}"))
        )
        made = {name: (rows if matrix is None else rows @ matrix, names) for name, (rows, names) in embeds.items()}
        if biased and bias is not None:
            made[_BIAS] = (made[_BIAS][0] + bias, [_BIAS])
        return made

    asks, answers, values = map(in_head, "QKV")
    if model.relative_positions:
        answers[_DISTANCE] = (params.W_R[0, layer, head, : corpus.n_ctx], list(range(corpus.n_ctx)))
    G = frozen.start(np.eye(corpus.n_outputs), 0)
    for later in range(model.n_layers - 1, layer - 1, -1):
        G = frozen.to_heads(later, G)
    out = G[0, :, 0].T if params.W_O is None else params.W_O[0, layer, head] @ G[0, :, 0].T
    fold = frozen.passed(np.eye(subject.d_model)[None], 0, layer)[0]
    return _circuits(
        subject,
        {
            (i, j): (rows @ columns.T, row_names, column_names)
            for i, (rows, row_names) in asks.items()
            for j, (columns, column_names) in answers.items()
        },
        {name: (read @ out, names) for name, (read, names) in values.items()},
        {"QK": fold @ W_QK(params)[0, layer, head] @ fold.T, "OV": fold @ W_OV(params)[0, layer, head]},
    )
