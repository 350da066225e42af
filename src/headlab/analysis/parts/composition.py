"""How a later head rests on an earlier one: what that wrote shapes its queries (Q), its keys (K), or is what it reads (V).

A score falls exactly into parts of its query and parts of its key: the token embedding, the position embedding, and what each
earlier head wrote.
Source: Elhage et al. 2021, A Mathematical Framework for Transformer Circuits.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd

from headlab.analysis.choice import Place
from headlab.analysis.parts.contributions import adjoints, path_name, readout
from headlab.analysis.subject import Subject
from headlab.arrays import Array, Float
from headlab.model.matrices import W_OV, W_QK


def score_parts(
    subject: Subject, layer: int, head: int, sequence: int, query: int, key: int
) -> tuple[list[str], Float[Array, "run query_part key_part"]]:
    """Return one score as a sum over parts of its query and parts of its key: names, [run, query part, key part].

        score = sum over i, j of  r_i[query] W_QK r_j[key]ᵀ / sqrt(d_head)

    The parts r of the residual stream are the token embedding, the position embedding, and what each earlier head wrote:
    rows of heads are Q-composition, columns of heads are K-composition. Before the mask. Raises `SelectionError`.
    """
    layer, head = subject.layer_and_head(layer, head)
    sequence = subject.sequence(sequence)
    at = [subject.position(sequence, place) for place in (query, key)]
    names, parts = stream_parts(subject, layer)
    q, k = (parts[:, :, sequence, position] for position in at)
    QK = W_QK(subject.params)[:, layer, head]
    return names, (q @ QK @ np.swapaxes(k, -1, -2)) * subject.model.scale


def stream_parts(subject: Subject, layer: int) -> tuple[list[str], Float[Array, "run part sequence position d_model"]]:
    """Return the parts that add up to a layer's `resid_pre`: names, [run, part, sequence, position, d_model]."""
    on, model = subject.clean, subject.model
    names: list[str] = []
    parts: list[Array] = []
    if model.residual or layer == 0:
        names, parts = ["token", "position"], [on.token_embed, on.pos_embed]
    for earlier, head in product(range(0 if model.residual else max(0, layer - 1), layer), range(model.n_heads)):
        names.append(path_name(((earlier, head),)))
        parts.append(on.z[:, earlier, head])
    return names, np.stack(parts, axis=1)


def compositions(subject: Subject, place: Place, target: int, rivals: Sequence[int], run: int = 0) -> pd.DataFrame:
    """Return, for every later head and every earlier one, how much the later one's edges at a place rest on the earlier.

    A row a pair of heads and key position: `Q` and `K` are the parts of the score in which the earlier head shapes the query
    or the key (`QK`: both); `V` is the part of the logit difference that the later head reads from what the earlier wrote.
    Empty for one layer.
    """
    w, OV = readout(subject.params, target, rivals), W_OV(subject.params)
    pattern = subject.clean.pattern[:, :, :, place.sequence]
    G = adjoints(subject, pattern, w, place.position)
    rows = []
    for layer, head in product(range(1, subject.model.n_layers), range(subject.model.n_heads)):
        names, stream = stream_parts(subject, layer)
        for key in range(place.position + 1 if subject.model.causal else int(subject.corpus.lengths[place.sequence])):
            _, scores = score_parts(subject, layer, head, place.sequence, place.position, key)
            embeds = [number for number, name in enumerate(names) if name in ("token", "position")]
            for number in range(len(embeds), len(names)):
                read = stream[run, number, place.sequence, key] @ OV[run, layer, head]
                rows.append(
                    {
                        "head": path_name(((layer, head),)),
                        "earlier": names[number],
                        "key": key,
                        "Q": float(scores[run, number, embeds].sum()),
                        "K": float(scores[run, embeds, number].sum()),
                        "QK": float(scores[run, number, len(embeds) :].sum()),
                        "V": float(
                            pattern[run, layer, head, place.position, key] * read @ G[layer + 1][run, place.position]
                        ),
                    }
                )
    return pd.DataFrame(rows, columns=["head", "earlier", "key", "Q", "K", "QK", "V"])
