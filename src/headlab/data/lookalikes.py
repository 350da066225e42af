"""Tokens that a reader takes for one word, and a model does not: pointed out, never changed."""

import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headlab.data.letters import CHARACTERS
from headlab.notation.visible import escape_unseen, is_unseen

if TYPE_CHECKING:
    from headlab.data.corpus import Corpus

# From what nobody can see to what everybody sees. Each tells how to take one kind of difference away.
CAPITALS, PUNCTUATION = "capital letters", "punctuation"
UNSEEN, NORMAL_FORM, WIDTH = "unseen characters", "how marks are encoded (NFC, NFD)", "width or style (NFKC)"
_STOPS = ".,;:!?\"'…،؛؟۔।"
_ENCLOSING = ("Pe", "Pf", "Pi", "Ps")
MOST_NAMED = 4


@dataclass(frozen=True)
class Lookalikes:
    """Tokens that differ only in what is easily overlooked.

    tokens: their spellings; reasons: what they differ in; sentences: the numbers, from 0, of the sentences that hold each
    """

    tokens: tuple[str, ...]
    reasons: tuple[str, ...]
    sentences: tuple[tuple[int, ...], ...]

    def __str__(self) -> str:
        """Return the sentence that points them out."""
        each = [
            f"“{_told_apart(token)}”{_where(rows)}" for token, rows in zip(self.tokens, self.sentences, strict=True)
        ]
        return f"{_listed(each)} differ only in {_listed(self.reasons)}: they are {len(each)} tokens."


def lookalikes(corpus: "Corpus") -> tuple[Lookalikes, ...]:
    """Return the groups of a corpus' tokens that differ only in capitals, punctuation, or what cannot be seen.

    >>> from headlab.data.corpus import Corpus
    >>> print(*lookalikes(Corpus.from_text("The cat\\nthe dog.\\na dog")), sep="\\n")
    “The” (sentence 1) and “the” (sentence 2) differ only in capital letters: they are 2 tokens.
    “dog.” (sentence 2) and “dog” (sentence 3) differ only in punctuation: they are 2 tokens.
    """
    alike: dict[str, list[str]] = defaultdict(list)
    kept = CAPITALS if corpus.tokens_are == CHARACTERS else None  # T and t are easily told apart, letter by letter
    for token in corpus.vocabulary:
        if token != corpus.start:
            alike[_without(token, kept)].append(token)
    groups = [tokens for tokens in alike.values() if len(tokens) > 1]
    wanted: dict[str, list[int]] = {token: [] for tokens in groups for token in tokens}
    for number, words in enumerate(corpus.sentences if groups else ()):
        for word in set(words) & wanted.keys():
            wanted[word].append(number)
    return tuple(
        Lookalikes(tuple(tokens), _reasons(tokens), tuple(tuple(wanted[token]) for token in tokens))
        for tokens in groups
    )


def _without(token: str, kept: str | None = None) -> str:
    # The token without every difference but the one that is kept.
    if kept != UNSEEN:
        token = "".join(letter for letter in token if not _is_unseen(letter)) or token
    token = unicodedata.normalize("NFC" if kept == WIDTH else "NFKC", token)
    if kept != CAPITALS:
        token = token.lower()
    if kept != PUNCTUATION:
        token = _bare(token)
    return token


def _reasons(tokens: list[str]) -> tuple[str, ...]:
    kept = [kind for kind in (CAPITALS, PUNCTUATION, UNSEEN, WIDTH) if len({_without(t, kind) for t in tokens}) > 1]
    composed = len({unicodedata.normalize("NFC", token) for token in tokens}) < len(tokens)
    return (*kept, *([NORMAL_FORM] if composed else []))


def _is_unseen(letter: str) -> bool:
    # Variation selectors and joiners tell emoji apart, and hardly any reader sees how.
    return is_unseen(letter) or "\ufe00" <= letter <= "\ufe0f" or letter in "\u034f\u115f\u1160"


def _bare(token: str) -> str:
    inner = token
    while inner and _is_punctuation(inner[0]):
        inner = inner[1:]
    while inner and _is_punctuation(inner[-1]):
        inner = inner[:-1]
    return inner or token


def _is_punctuation(letter: str) -> bool:
    return unicodedata.category(letter) in _ENCLOSING or unicodedata.normalize("NFKC", letter)[0] in _STOPS


def _told_apart(token: str) -> str:
    # With code points where two spellings look the same.
    composed = unicodedata.normalize("NFC", token) == token
    return "".join(
        letter.encode("unicode_escape").decode()
        if _is_unseen(letter) or (unicodedata.combining(letter) and not composed)
        else letter
        for letter in escape_unseen(token)
    )


def _where(rows: tuple[int, ...]) -> str:
    if not rows:
        return ""
    shown = [str(row + 1) for row in rows[:MOST_NAMED]]
    more = f" and {len(rows) - MOST_NAMED} more" if len(rows) > MOST_NAMED else ""
    return f" (sentence{'s' if len(rows) > 1 else ''} {', '.join(shown)}{more})"


def _listed(parts: "tuple[str, ...] | list[str]") -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
