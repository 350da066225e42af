"""Which parts a model has: the one that is asked for, and all that are tried for one prediction."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from headlab.analysis.choice import Place
from headlab.analysis.part import Kind, Part
from headlab.analysis.subject import Subject
from headlab.analysis.trials.spelling import parse, unknown_part
from headlab.config.model import ModelConfig
from headlab.errors import SelectionError
from headlab.model.paths import has_biases
from headlab.notation.values import listing, short_repr


def find_part(subject: Subject, sequence: int, named: Part | Mapping[str, Any] | str) -> Part:
    """Return a part that this model and sentence have; raises `SelectionError`, which lists what exists.

    named: a part, its fields, or as the command line spells it; positions and tokens may be words

    >>> from headlab.config import ModelConfig
    >>> from headlab.data.corpus import Corpus
    >>> from headlab.model.initial import initial
    >>> import numpy as np
    >>> corpus = Corpus.notebook()
    >>> subject = Subject(initial(ModelConfig().on(corpus), np.zeros(1, np.uint64)), corpus, ModelConfig())
    >>> find_part(subject, 0, "source:man")
    Part(kind='source', layer=None, head=None, position=1, query=None, token=None)
    >>> find_part(subject, 0, "edge:the>man") == find_part(subject, 0, {"kind": "edge", "query": 3, "position": 1})
    True
    """
    mlp = subject.model.d_mlp > 0
    fields = parse(named, mlp=mlp) if isinstance(named, str) else asdict(named) if isinstance(named, Part) else named
    if not isinstance(fields, Mapping):
        raise unknown_part(named, mlp=mlp)
    layer, head, position, query, token = map(fields.get, ("layer", "head", "position", "query", "token"))
    match fields.get("kind"):
        case "source":
            return Part("source", position=subject.position(sequence, position))
        case "edge":
            return _edge(subject, sequence, query, position, layer, head)
        case "head":
            return Part("head", *subject.layer_and_head(layer, head))
        case "mlp" if mlp:
            return Part("mlp", subject.layer_and_head(layer, 0)[0])
        case "token":
            return _token(subject, sequence, token)
        case "direct" | "direct:token" | "direct:position" | "positions" as kind:
            return _whole(subject, kind)
        case "biases":
            raise SelectionError("a part must be one that can be taken away, got biases: no ablation does that")
    raise unknown_part(named, mlp=mlp)


def parts_at(subject: Subject, place: Place) -> list[Part]:
    """Return what is tried for one prediction: sources it can see, heads where there are several, MLPs, direct parts, positions.

    Last come biases, where there are any: they give what they give, and nothing is tried; nor is the direct path where the
    stream is normed after each block.
    """
    model = subject.model
    last = place.position + 1 if model.causal else int(subject.corpus.lengths[place.sequence])
    found = [Part("source", position=key) for key in range(last)] if model.n_layers else []
    if model.n_layers * model.n_heads > 1:
        found += [Part("head", layer, head) for layer in range(model.n_layers) for head in range(model.n_heads)]
    if model.d_mlp:
        found += [Part("mlp", layer) for layer in range(model.n_layers)]
    if model.residual:
        found.append(Part("direct:token"))
        found += [Part("direct:position")] if model.positions else []
    found += [Part("positions")] if model.positions else []
    return [*found, Part("biases")] if has_biases(model) else found


def passes_heads(model: ModelConfig) -> bool:
    """Return whether embeddings reach the last stream past all heads as they are: through no norm after a block.

    >>> passes_heads(ModelConfig()), passes_heads(ModelConfig(norm="layer", norm_after=True))
    (True, False)
    """
    return model.residual and not model.norm_after


def _edge(subject: Subject, sequence: int, query: Any, key: Any, layer: Any, head: Any) -> Part:
    query, key = subject.position(sequence, query), subject.position(sequence, key)
    if subject.model.causal and key > query:
        words = subject.corpus.position_words(sequence)
        raise SelectionError(
            f"a key must be at or before its query under the causal mask, got {words[key]} after {words[query]}: "
            f"choose one of {listing(words[: query + 1])}"
        )
    if layer is not None or head is not None:
        layer, head = subject.layer_and_head(layer, head)
    return Part("edge", layer, head, key, query)


def _token(subject: Subject, sequence: int, token: Any) -> Part:
    found = subject.token(token)
    if found not in subject.corpus.tokens[sequence]:
        there = listing(dict.fromkeys(subject.corpus.sentences[sequence]))
        raise SelectionError(f"the token must be one of the sentence's, {there}; got {short_repr(token)}")
    return Part("token", token=found)


def _whole(subject: Subject, kind: Kind) -> Part:
    if kind != "positions" and not subject.model.residual:
        raise SelectionError("the direct path must be in the model, and this one has no residual connection")
    if kind != "positions" and not passes_heads(subject.model):
        raise SelectionError("the direct path must pass all norms by, and this model norms the stream after each block")
    if kind in ("positions", "direct:position") and not subject.model.positions:
        raise SelectionError("positions must be in the model, and this one has no position embeddings")
    return Part(kind)
