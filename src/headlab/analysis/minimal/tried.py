"""Which parts are kept or taken away: edges into the place, edges of earlier layers, what passes the heads by."""

import numpy as np

from headlab.analysis.choice import Choice
from headlab.analysis.part import DIRECT_POSITION, DIRECT_TOKEN, Part
from headlab.analysis.parts.exact import FrozenParts, compared, exact, past_heads
from headlab.analysis.subject import Subject
from headlab.analysis.trials.model_parts import passes_heads
from headlab.analysis.words import THRESHOLDS
from headlab.arrays import Array, Float, Int
from headlab.data.alignment import visible
from headlab.model.paths import mlp_name

MOST_PARTS = int(THRESHOLDS["tried"])  # of more, those that give most


def parts_of(subject: Subject, choice: Choice) -> tuple[tuple[Part, ...], Float[Array, "run part"]]:
    """Return the parts that a prediction can be made of, and what each gives to its logit difference [run, part].

    Of the last layer the edges into the place, a part a head and key; of earlier layers every edge, a part a layer, head,
    query and key; what MLPs write; the direct paths of token and position, where the model has them. What an edge gives is seen
    through everything behind it, pattern held fixed; see `parts.contributions`.

    >>> from headlab.analysis.choice import choices
    >>> from headlab.config import ModelConfig
    >>> from headlab.data.corpus import Corpus
    >>> from headlab.model.initial import initial
    >>> corpus, model = Corpus.notebook(), ModelConfig(n_layers=2)
    >>> subject = Subject(initial(model.on(corpus), np.zeros(1, np.uint64)), corpus, model)
    >>> parts, gives = parts_of(subject, choices(subject)[0])
    >>> len(parts), parts[0]  # 4 edges into the place, 10 of the first layer, 2 direct paths
    (16, Part(kind='edge', layer=1, head=0, position=0, query=3, token=None))
    """
    model, row, place = subject.model, choice.place.sequence, choice.place.position
    w = past_heads(subject, (row, place), choice.target, choice.rivals)
    on, asked = subject.clean, compared(subject.corpus.n_outputs, choice.target, choice.rivals)
    given = exact(subject)
    through = given.edges((row, place), asked)
    seen = visible(subject.corpus.tokens[row], place, model.causal)
    parts: list[Part] = []
    gives: list[Array] = []
    for layer in reversed(range(model.n_layers)):
        for head, query in np.ndindex(model.n_heads, len(seen)):
            if layer == model.n_layers - 1 and query != place:
                continue
            keys = visible(subject.corpus.tokens[row], query, model.causal)
            parts += [Part("edge", layer, head, key, query) for key in keys]
            gives += [through[:, layer, head, query, key] for key in keys]
    if isinstance(given, FrozenParts) and model.d_mlp:
        written = given.written((row, place), asked)
        parts += [Part("mlp", layer) for layer in range(model.n_layers)]
        gives += [written[mlp_name(layer)].sum(axis=1) for layer in range(model.n_layers)]
    for kind, embed in ((DIRECT_TOKEN, on.token_embed), (DIRECT_POSITION, on.pos_embed)):
        if passes_heads(model) and (kind == DIRECT_TOKEN or model.positions):
            parts.append(Part(kind))
            gives.append((embed[:, row, place] * w).sum(axis=1))
    return tuple(parts), np.stack(gives, axis=1)


def largest(gives: Float[Array, "run part"], most: int = MOST_PARTS) -> Int[Array, "run some"]:
    """Return the numbers of the parts that give most [run, some], in order; all of them, where they are no more than `most`.

    >>> largest(np.array([[0.5, -3.0, 1.0]]), 2).tolist()
    [[1, 2]]
    """
    # Of equal ones the first, whatever their last bits are.
    order = np.argsort(-np.abs(gives).round(9), axis=1, kind="stable")[:, :most]
    return np.sort(order, axis=1)
