"""What tokens are called: each name once, and each one that can be read, typed and told apart; and names that look alike."""

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from headlab.data.letters import HALF_A_CHARACTER, NO_LETTERS
from headlab.errors import CorpusError
from headlab.notation.values import listing, short_repr

MOST_NAMED = 3  # wrong names in a message
ALIKE = 0.4  # of difflib's ratio, for a name to be worth naming


def names_of(kind: str, given: Any) -> tuple[str, ...]:
    """Return a list of tokens' names, checked; kind: `vocabulary` or `labels`. Raises `CorpusError`.

    >>> names_of("vocabulary", ["a", "b"])
    ('a', 'b')
    """
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise CorpusError(f"{kind} must be a list of names, one a token, got {short_repr(given)}: put them into a list")
    names = tuple(given)
    if odd := [name for name in names if not _is_name(name)]:
        raise CorpusError(
            f"{kind} must be names that can be read, without line breaks, unseen characters or spaces around them, got "
            f"{listing(map(repr, odd), most=MOST_NAMED)}: write {'them' if len(odd) > 1 else 'it'} otherwise"
        )
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        some = listing(map(repr, twice), most=MOST_NAMED)
        raise CorpusError(f"{kind} must name every token once, got {some} twice: leave one out, or rename it")
    return names


def labels_of(labels: Any, vocabulary: Sequence[str]) -> tuple[str, ...]:
    """Return the labels of a vocabulary, its own names where there are none; raises `CorpusError`.

    >>> labels_of(["x", "b"], ["a", "b"]), labels_of(None, ["a", "b"])
    (('x', 'b'), ('a', 'b'))
    """
    if labels is None:
        return tuple(vocabulary)
    names = names_of("labels", labels)
    if len(names) != len(vocabulary):
        raise CorpusError(
            f"labels must be as many as the vocabulary, {len(vocabulary)}, got {len(names)}: give one a token"
        )
    both = zip(names, vocabulary, strict=True)
    spelled = set(vocabulary)
    if taken := [(name, word) for name, word in both if name != word and name in spelled]:
        label, word = taken[0]
        raise CorpusError(
            f"labels must not be the name of another token, got {short_repr(label)} for {short_repr(word)}: choose another label"
        )
    return names


def ids_of(words: Sequence[str], vocabulary: Sequence[str], labels: Sequence[str] = ()) -> list[int]:
    """Return the ids of words, spelled as in the vocabulary or the labels; raises `CorpusError`, which names all unknown ones.

    >>> ids_of(["b", "a"], ["a", "b"])
    [1, 0]
    """
    ids = {name: number for names in (labels, vocabulary) for number, name in enumerate(names)}
    if unknown := [word for word in dict.fromkeys(words) if word not in ids]:
        near = [difflib.get_close_matches(word, vocabulary, 1, ALIKE) for word in unknown]
        told = [
            f"{short_repr(word)}" + "".join(f" (nearest: {name!r})" for name in names)
            for word, names in zip(unknown, near, strict=True)
        ]
        raise CorpusError(f"the text must be of tokens in the vocabulary, got {', '.join(told)}: use known ones")
    return [ids[word] for word in words]


def _is_name(name: Any) -> bool:
    return (
        isinstance(name, str)
        and bool(name)
        and name == name.strip()
        and not any(letter.isspace() and letter != " " for letter in name)
        and not NO_LETTERS.search(name)
        and not HALF_A_CHARACTER.search(name)
    )
