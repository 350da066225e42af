"""How parts, positions and tokens are spelled on the command line: the one place where they are read and written.

A number is a position, or a token's id; everything else is a word. A word that is a number, that begins with a quote or that
holds the mark after which the next word comes stands in double quotes, and a quote in it is doubled:
`edge:3>"<Start>"`, `source:"2"`, `token:"say ""a"" now"`.
"""

import re
from typing import Any

from headlab.analysis.part import Part
from headlab.errors import SelectionError
from headlab.notation.values import short_repr

SPELLINGS = (
    "source:POSITION, edge:QUERY>KEY, edge:LAYER.HEAD:QUERY>KEY, head:LAYER.HEAD, token:TOKEN, direct, "
    "direct:token, direct:position, positions"
)
QUOTING = "a word with a mark in it, or that is a number, goes in double quotes"
_QUOTED = r'"(?:[^"]|"")*"'
_WHOLE = ("direct", "direct:token", "direct:position", "positions")  # kinds of which a model has one part


def parse(text: str, *, mlp: bool = False) -> dict[str, Any]:
    """Read a part: the fields of a `Part`, positions and tokens as they are spelled; raises `SelectionError`.

    mlp: the model has MLPs, of which a layer's is a part

    >>> parse("source:man"), parse("edge:0.1:3>1")
    ({'kind': 'source', 'position': 'man'}, {'kind': 'edge', 'layer': 0, 'head': 1, 'query': 3, 'position': 1})
    """
    kind, _, rest = text.partition(":")
    if kind == "direct" and text not in _WHOLE:
        raise SelectionError(f"the direct path must be that of the token or the position, got {short_repr(rest)}")
    try:
        if kind == "mlp" and mlp:
            return {"kind": kind, "layer": int(rest)}
        return {"kind": text} if text in _WHOLE else {"kind": kind, **_fields(kind, rest)}
    except (ValueError, TypeError):
        raise unknown_part(text, mlp=mlp) from None


def spelling(part: Part) -> str:
    """Return a part as it is read.

    >>> spelling(Part("edge", 0, 0, position=1, query=3)), spelling(Part("positions"))
    ('edge:0.0:3>1', 'positions')
    """
    of = "" if part.layer is None or part.head is None else f"{part.layer}.{part.head}"
    match part.kind:
        case "source":
            return f"source:{part.position}"
        case "edge":
            return f"edge:{f'{of}:' if of else ''}{part.query}>{part.position}"
        case "head":
            return f"head:{of}"
        case "mlp":
            return f"mlp:{part.layer}"
        case "token":
            return f"token:{part.token}"
    return part.kind


def unknown_part(given: Any, *, mlp: bool = False) -> SelectionError:
    """Return the error that says how parts are spelled; mlp: the model has MLPs."""
    known = f"{SPELLINGS}, mlp:LAYER" if mlp else SPELLINGS
    return SelectionError(f"a part must be one of {known} ({QUOTING}); got {short_repr(given)}")


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


def _fields(kind: str, rest: str) -> dict[str, Any]:
    if kind == "source":
        return {"position": read_word(rest)}
    if kind == "edge":
        head = re.match(r"([0-9]+\.[0-9]+):", rest)
        query, key = read_words(rest[head.end() :] if head else rest, ">")
        return {**(_head(head[1]) if head else {}), "query": query, "position": key}
    if kind == "head":
        return _head(rest)
    if kind == "token":
        return {"token": read_word(rest)}
    raise ValueError("a part must be of a kind")


def _head(text: str) -> dict[str, Any]:
    layer, head = text.split(".")
    return {"layer": int(layer), "head": int(head)}
