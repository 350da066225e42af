"""The parts of a model that can be taken away, and how they are spelled on the command line.

A number is a position, or a token's id; everything else is a word. A word that is a number, that begins with a quote or that
holds the mark after which the next word comes stands in double quotes, and a quote in it is doubled:
`edge:3>"<Start>"`, `source:"2"`, `token:"say ""a"" now"`.
"""

import re
from dataclasses import dataclass

from headlab.analysis.subject import Subject
from headlab.data.corpus import Corpus
from headlab.errors import SelectionError
from headlab.notation.values import brief, listed


@dataclass(frozen=True)
class Source:
    """What all heads of all layers read from one position, for every query."""

    position: int

    def name(self, corpus: Corpus, sequence: int) -> str:
        """Return it in words."""
        return f"source {corpus.position_labels(sequence)[self.position]}"


@dataclass(frozen=True)
class Edge:
    """What heads read from one key for one query; layer or head None: of all of them."""

    query: int
    key: int
    layer: int | None = None
    head: int | None = None

    def name(self, corpus: Corpus, sequence: int) -> str:
        """Return it in words."""
        rows = corpus.position_labels(sequence)
        which = "" if self.layer is None else f" of head {self.layer}.{self.head}"
        return f"edge {rows[self.query]} → {rows[self.key]}{which}"


@dataclass(frozen=True)
class Head:
    """Everything that one head writes."""

    layer: int
    head: int

    def name(self, corpus: Corpus, sequence: int) -> str:
        """Return it in words."""
        return f"head {self.layer}.{self.head}"


@dataclass(frozen=True)
class Token:
    """The embedding of a token, wherever it stands in the sentence."""

    token: int

    def name(self, corpus: Corpus, sequence: int) -> str:
        """Return it in words."""
        return f"token {corpus.labels[self.token]}"


@dataclass(frozen=True)
class Direct:
    """The direct path, past all heads: what the embeddings write to the logits; of: only the `token`'s or `position`'s."""

    of: str | None = None

    def name(self, corpus: Corpus, sequence: int) -> str:
        """Return it in words."""
        return "direct path" if self.of is None else f"direct path: {self.of}"


@dataclass(frozen=True)
class Positional:
    """The position embeddings, for all heads and the direct path, everywhere in the sentence."""

    def name(self, corpus: Corpus, sequence: int) -> str:
        """Return it in words."""
        return "all W_pos"


Component = Source | Edge | Head | Token | Direct | Positional
SPELLINGS = (
    "source:POSITION, edge:QUERY>KEY, edge:LAYER.HEAD:QUERY>KEY, head:LAYER.HEAD, token:TOKEN, direct, "
    "direct:token, direct:position, positions"
)
QUOTING = "a word with a mark in it, or that is a number, goes in double quotes"
_QUOTED = r'"(?:[^"]|"")*"'


def checked(subject: Subject, component: Component, sequence: int) -> Component:
    """Return a component that this model and sentence have; raises `SelectionError`, which lists what exists.

    Positions and tokens may be given as words, as in `Source("man")`.
    """
    match component:
        case Source(position):
            return Source(subject.position(sequence, position))
        case Edge(query, key, layer, head):
            query, key = subject.position(sequence, query), subject.position(sequence, key)
            if subject.model.causal and key > query:
                words = subject.corpus.position_labels(sequence)
                raise SelectionError(
                    f"a key must be at or before its query under the causal mask, got {words[key]} after {words[query]}: "
                    f"choose one of {listed(words[: query + 1])}"
                )
            if layer is not None or head is not None:
                layer, head = subject.layer_and_head(layer, head)
            return Edge(query, key, layer, head)
        case Head(layer, head):
            return Head(*subject.layer_and_head(layer, head))
        case Token(token):
            found = subject.token(token)
            if found not in subject.corpus.tokens[sequence]:
                there = listed(dict.fromkeys(subject.corpus.sentences[sequence]))
                raise SelectionError(f"the token must be one of the sentence's, {there}; got {brief(token)}")
            return Token(found)
        case Direct(of):
            if not subject.model.residual:
                raise SelectionError("the direct path must be in the model, and this one has no residual connection")
            if of == "position":
                checked(subject, Positional(), sequence)
            elif of not in (None, "token"):
                raise SelectionError(f"the direct path must be that of the token or the position, got {brief(of)}")
            return component
        case Positional():
            if not subject.model.positions:
                raise SelectionError("positions must be in the model, and this one has no position embeddings")
            return component
    raise SelectionError(
        f"a component must be one of Source, Edge, Head, Token, Direct, Positional; got {brief(component)}"
    )


def parse(subject: Subject, text: str, sequence: int) -> Component:
    """Read a component as the command line spells it; raises `SelectionError`.

    >>> from headlab.config import ModelConfig
    >>> from headlab.model.initial import initial
    >>> import numpy as np
    >>> corpus = Corpus.notebook()
    >>> subject = Subject(initial(ModelConfig().on(corpus), np.zeros(1, np.uint64)), corpus, ModelConfig())
    >>> parse(subject, "source:man", 0), parse(subject, "edge:0.0:3>1", 0)
    (Source(position=1), Edge(query=3, key=1, layer=0, head=0))
    """
    kind, _, rest = text.partition(":")
    try:
        component = _read(kind, rest)
    except (ValueError, TypeError):
        component = None
    if component is None:
        raise SelectionError(f"a component must be one of {SPELLINGS} ({QUOTING}); got {brief(text)}")
    return checked(subject, component, sequence)


def read_word(text: str) -> int | str:
    """Read one position or token as it is spelled: a number, a word, or a word in double quotes; raises `ValueError`.

    >>> read_word("3"), read_word("<Start>"), read_word('"3"'), read_word('"a ""b"" c"')
    (3, '<Start>', '3', 'a "b" c')
    """
    if re.fullmatch(_QUOTED, text):
        return text[1:-1].replace('""', '"')
    if not text or text.startswith('"'):
        raise ValueError("a quoted word must end with its quote")
    return int(text) if re.fullmatch("0|[1-9][0-9]{0,8}", text) else text


def read_words(text: str, mark: str) -> list[int | str]:
    """Read positions or tokens with a mark between them; raises `ValueError`.

    >>> read_words('man,"a,b",2', ",")
    ['man', 'a,b', 2]
    """
    word = rf'(?:{_QUOTED}|[^"{mark}][^{mark}]*)'
    if not re.fullmatch(f"{word}(?:{mark}{word})*", text):
        raise ValueError(f"words must have one {mark} between them")
    return [read_word(found) for found in re.findall(word, text)]


def read_weights(text: str) -> dict[int | str, float]:
    """Read weights by position or word, with commas between them; raises `ValueError`.

    >>> read_weights('man=0.5,2=0.25,"a=b,c"=0.25')
    {'man': 0.5, 2: 0.25, 'a=b,c': 0.25}
    """
    pair = rf'({_QUOTED}|[^",][^,]*)=([^=,]+)'
    if not re.fullmatch(f"{pair}(?:,{pair})*", text):
        raise ValueError("weights must be word=weight, with commas between them")
    return {read_word(word): float(weight) for word, weight in re.findall(pair, text)}


def _read(kind: str, rest: str) -> Component | None:
    # Words are looked up by `checked`.
    if kind == "source":
        return Source(read_word(rest))  # type: ignore[arg-type]
    if kind == "edge":
        head = re.match(r"([0-9]+\.[0-9]+):", rest)
        query, key = read_words(rest[head.end() :] if head else rest, ">")
        return Edge(query, key, *(_pair(head[1]) if head else ()))  # type: ignore[arg-type]
    if kind == "head":
        return Head(*_pair(rest))
    if kind == "token":
        return Token(read_word(rest))  # type: ignore[arg-type]
    if kind == "direct":
        return Direct(rest or None)
    return Positional() if (kind, rest) == ("positions", "") else None


def _pair(text: str) -> tuple[int, int]:
    layer, head = text.split(".")
    return int(layer), int(head)


def components(subject: Subject, sequence: int, position: int) -> list[Component]:
    """Return what is tried for one prediction: sources it can see, heads where there are several, direct parts, positions."""
    last = position + 1 if subject.model.causal else int(subject.corpus.lengths[sequence])
    found: list[Component] = [Source(key) for key in range(last)]
    if subject.model.n_layers * subject.model.n_heads > 1:
        found += [Head(layer, head) for layer in range(subject.model.n_layers) for head in range(subject.model.n_heads)]
    if subject.model.residual:
        found.append(Direct("token"))
        found += [Direct("position")] if subject.model.positions else []
    return [*found, Positional()] if subject.model.positions else found


def spelling(component: Component) -> str:
    """Return a component as the command line spells it.

    >>> spelling(Edge(3, 1, 0, 0)), spelling(Positional())
    ('edge:0.0:3>1', 'positions')
    """
    match component:
        case Source(position):
            return f"source:{position}"
        case Edge(query, key, layer, head):
            return f"edge:{query}>{key}" if layer is None else f"edge:{layer}.{head}:{query}>{key}"
        case Head(layer, head):
            return f"head:{layer}.{head}"
        case Token(token):
            return f"token:{token}"
        case Direct(of):
            return "direct" if of is None else f"direct:{of}"
    return "positions"
