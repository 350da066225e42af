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
from headlab.analysis.parts.contributions import path_name
from headlab.analysis.parts.exact import FrozenParts, compared, exact
from headlab.analysis.subject import Subject
from headlab.arrays import Array, Float
from headlab.model.frozen import stream_features
from headlab.model.matrices import W_OV
from headlab.model.parts import stream_parts
from headlab.model.paths import all_features


def score_parts(
    subject: Subject, layer: int, head: int, sequence: int, query: int, key: int
) -> tuple[list[str], Float[Array, "run query_part key_part"]]:
    """Return one score as a sum over parts of its query and parts of its key: names, [run, query part, key part].

        score = sum over i, j of  r_i[query] W_QK r_j[key]ᵀ / sqrt(d_head)

    The parts r of the residual stream are the token embedding, the position embedding, and what each earlier head wrote:
    rows of heads are Q-composition, columns of heads are K-composition. Before the mask. Where a model has them there are what
    earlier MLPs wrote, biases, and (of keys) the distance; norms divide by what they divide by. Raises `SelectionError`.
    """
    layer, head = subject.layer_and_head(layer, head)
    sequence = subject.sequence(sequence)
    at = [subject.position(sequence, place) for place in (query, key)]
    q, k = ((sequence, position) for position in at)
    return feature_names(subject, layer), exact(subject).of_scores(layer, [q], [k])[:, head, 0, 0]


def feature_names(subject: Subject, layer: int) -> list[str]:
    """Return the names of what adds up to what a layer's heads ask with and answer with."""
    every = all_features(subject.model, layer)
    return [path_name((feature,)) if isinstance(feature, tuple) else feature for feature in every]


def compositions(subject: Subject, place: Place, target: int, rivals: Sequence[int], run: int = 0) -> pd.DataFrame:
    """Return, for every later head and every earlier one, how much the later one's edges at a place rest on the earlier.

    A row a pair of heads and key position: `Q` and `K` are the parts of the score in which the earlier head shapes the query
    or the key (`QK`: both); `V` is the part of the logit difference that the later head reads from what the earlier wrote.
    Empty for one layer.
    """
    model, corpus, at = subject.model, subject.corpus, (place.sequence, place.position)
    parts, asked = exact(subject), compared(corpus.n_outputs, target, rivals)
    keys = range(place.position + 1 if model.causal else int(corpus.lengths[place.sequence]))
    rows = []
    for layer in range(1, model.n_layers):
        names, places = feature_names(subject, layer), [(place.sequence, key) for key in keys]
        every = parts.of_scores(layer, [at], places)[run, :, 0]  # [head, key, query part, key part]
        says = _values(subject, place, asked, layer)[run]
        heads = [number for number, feature in enumerate(all_features(model, layer)) if isinstance(feature, tuple)]
        others = [number for number in range(len(names)) if number not in heads]
        for head, key in product(range(model.n_heads), keys):
            scores = every[head, key]
            for number in heads:
                rows.append(
                    {
                        "head": path_name(((layer, head),)),
                        "earlier": names[number],
                        "key": key,
                        "Q": float(scores[number, others].sum()),
                        "K": float(scores[others, number].sum()),
                        "QK": float(scores[number, heads].sum()),
                        "V": float(says[head, number, key]),
                    }
                )
    return pd.DataFrame(rows, columns=["head", "earlier", "key", "Q", "K", "QK", "V"])


def _values(
    subject: Subject, place: Place, asked: Float[Array, " d_vocab"], layer: int
) -> Float[Array, "run head feature key"]:
    """Return what a layer's heads at a place read of each feature at each key, as the logits see it."""
    at, on, parts, OV = (place.sequence, place.position), subject.clean, exact(subject), W_OV(subject.params)
    pattern = on.pattern[:, layer, :, place.sequence, place.position]
    if isinstance(parts, FrozenParts):
        read = stream_features(parts.frozen(place.sequence), on, place.sequence, layer)
        features = [read.get(name, np.zeros_like(on.resid_0[:, 0])) for name in all_features(subject.model, layer)]
        stream, w = np.stack(features, axis=1), parts.behind_heads(at, asked, layer)[:, place.position]
    else:
        keys = [(place.sequence, key) for key in range(subject.corpus.n_ctx)]
        stream = np.swapaxes(stream_parts(subject.model, on, layer, keys), 1, 2)
        w = parts.adjoints(at, asked)[:, layer + 1, place.position]
    out = (OV[:, layer] @ w[:, None, :, None])[..., 0]  # [run, head, d_model]
    return np.asarray(pattern[:, :, None] * np.einsum("rfkd,rhd->rhfk", stream, out))
