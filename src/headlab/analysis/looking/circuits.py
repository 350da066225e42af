"""A head is two circuits: QK says where it looks, OV what it writes from there. As matrices, and as tables in words.

Source: Elhage et al. 2021, A Mathematical Framework for Transformer Circuits.
"""

from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from headlab.analysis.subject import Subject, run_number
from headlab.arrays import Array, Float
from headlab.model.decompose import of_finite
from headlab.model.params import Params


def W_QK(params: Params) -> Float[Array, "*run layer head d_model d_model"]:
    """Return W_Q W_Kᵀ [*run, layer, head, d_model, d_model]; its rank is at most d_model, whatever d_head is."""
    with np.errstate(over="ignore", invalid="ignore"):  # diverged runs hold whatever they diverged to
        return np.asarray(params.W_Q @ np.swapaxes(params.W_K, -1, -2))


def W_OV(params: Params) -> Float[Array, "*run layer head d_model d_model"]:
    """Return W_V W_O, or the full W_V where there is no W_O, [*run, layer, head, d_model, d_model]."""
    with np.errstate(over="ignore", invalid="ignore"):
        return params.W_V if params.W_O is None else np.asarray(params.W_V @ params.W_O)


def effective_rank(matrix: Float[Array, "*run row column"]) -> Float[Array, "*run"]:
    """Return exp of the entropy of the normalised singular values [*run, ...]: from 1 to the full rank.

        p_i = s_i / sum s        effective rank = exp(-sum p_i ln p_i)

    Not a number where the matrix holds what is none, or nothing but zeros.
    Source: Roy & Vetterli 2007, The effective rank.

    >>> round(float(effective_rank(np.eye(7))), 6), effective_rank(np.full((2, 2), np.inf))
    (7.0, array(nan))
    """
    singular = singular_values(matrix)
    total = singular.sum(axis=-1, keepdims=True)
    shares = np.divide(singular, total, out=np.full_like(singular, np.nan), where=total > 0)
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    return np.asarray(np.exp(-(shares * logs).sum(axis=-1)))


def singular_values(matrix: Float[Array, "*run row column"]) -> Float[Array, "*run number"]:
    """Return the singular values [*run, ..., number], largest first; not a number where the matrix holds what is none.

    >>> singular_values(np.stack([np.eye(2), np.full((2, 2), np.nan)])).tolist()
    [[1.0, 1.0], [nan, nan]]
    """
    return np.asarray(of_finite(partial(np.linalg.svd, compute_uv=False), matrix))


_EMBEDS = ("token", "position")


def _score_name(query: str, key: str) -> str:
    return f"{query}–{key}"


@dataclass(frozen=True, eq=False)
class Circuits:
    """One head of one run in words.

    scores: four tables whose entries add up to the score of query token@position and key token@position, scaled:
        `token–token`, `token–position`, `position–token`, `position–position` (rows: query side)
    writes: two tables of logits, one a source `token`, one a source `position`: what the head writes when it looks there
    singular_values, effective_rank: of `QK` and `OV`
    In layers after the first, where heads read more than embeddings, these are the parts that the embeddings contribute.
    """

    scores: dict[str, pd.DataFrame]
    writes: dict[str, pd.DataFrame]
    singular_values: dict[str, Float[Array, " number"]]
    effective_rank: dict[str, float]

    def score(self, query: tuple[str, int], key: tuple[str, int]) -> float:
        """Return the score of a query (token label, position) and a key, the sum of its parts."""
        total = 0.0
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
            f"<p><b>{name}</b></p>{table.to_html(max_rows=24, max_cols=24, float_format='{:+.1f}'.format)}"
            for name, table in named.items()
        )


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
    QK, OV = W_QK(params)[layer, head], W_OV(params)[layer, head]
    embeds: dict[str, tuple[Array, list[Any]]] = {"token": (params.W_E, list(corpus.labels))}
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
                columns=pd.Index(corpus.labels, name="logit"),
            )
            for i, (rows, names) in embeds.items()
        },
        singular_values={"QK": singular_values(QK), "OV": singular_values(OV)},
        effective_rank={"QK": float(effective_rank(QK)), "OV": float(effective_rank(OV))},
    )
