"""Reading corpus text: UTF-8, one sentence a line, tokens between spaces or characters; every fault named with its place.

Lines are what editors call lines: they end with a line feed, a carriage return, or both. Everything else that Unicode
calls white space (form feed, no-break space, U+2028 …) separates words. Characters that nobody sees are no letters and
are left out, wherever they stand: byte order marks, zero-width spaces, word joiners, soft hyphens, marks of direction.
Joiners stay (U+200C, U+200D), as Persian, Indic scripts and emoji are spelled with them.
"""

import re
from collections.abc import Collection
from pathlib import Path

from headlab.data.graphemes import graphemes
from headlab.data.letters import CHARACTERS, HALF_A_CHARACTER, KINDS, NO_LETTERS, WORDS
from headlab.errors import CorpusError, Problem
from headlab.files import nameable
from headlab.notation.values import short_repr

LINE_END = re.compile("\r\n|\r|\n")
ELLIPSIS = re.compile(r"(…|\.\.\.)\s*$")
MAX_BYTES = 8 * 2**20
MAX_SENTENCES = 10_000
MAX_TOKENS = 1_024
SPACE = "␣"  # the token between words where tokens are characters


def read_text(path: str | Path) -> str:
    """Return the text of a UTF-8 file (a byte order mark is fine); raises `CorpusError`."""
    try:
        with nameable(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise CorpusError(
            f"the corpus must be a readable text file, got {str(path)!r} ({error.strerror}): check the path"
        ) from None
    return decode(data, str(path))


def decode(data: bytes, name: str) -> str:
    """Return bytes as text; raises `CorpusError` for anything but UTF-8 text of a reasonable size.

    >>> decode("Zoë läuft".encode(), "corpus.txt")
    'Zoë läuft'
    """
    if len(data) > MAX_BYTES:
        raise CorpusError(
            f"the corpus must be at most {MAX_BYTES} bytes, got more in {name!r}: take some sentences of it"
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise CorpusError(f"the corpus must be UTF-8 text, got UTF-16 in {name!r}: save it as UTF-8")
    if b"\0" in data:
        line = _line_of(data, data.index(b"\0"))
        said = f"the corpus must be text, got a NUL byte in line {line} of {name!r}: is it a binary file?"
        raise CorpusError(Problem(said, line=line))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, byte = _line_of(data, error.start), data[error.start]
        said = f"the corpus must be UTF-8 text, got byte 0x{byte:02x} in line {line} of {name!r}: save it as UTF-8"
        raise CorpusError(Problem(said, line=line)) from None


def _line_of(data: bytes, place: int) -> int:
    return len(LINE_END.split(data[:place].decode("latin-1")))


def split_line(line: str, tokens: str = WORDS) -> list[str]:
    """Return the tokens of one line: what white space separates, or every character, with ␣ for what separates words.

    tokens: `words` or `characters`

    >>> split_line(" the  cat\\ufeff"), split_line("你 好", CHARACTERS)
    (['the', 'cat'], ['你', '␣', '好'])
    """
    words = NO_LETTERS.sub("", line).split()
    return graphemes(SPACE.join(words)) if tokens == CHARACTERS else words


def join_tokens(tokens: list[str], kind: str = WORDS, start: str | None = None) -> str:
    """Return a sentence's tokens as the text that they came from, with the start token before it if it is there.

    >>> join_tokens(["<Start>", "你", "␣", "好"], CHARACTERS, "<Start>")
    '<Start> 你 好'
    """
    if kind == WORDS:
        return " ".join(tokens)
    first, rest = (tokens[:1], tokens[1:]) if tokens[:1] == [start] else ([], tokens)
    return " ".join([*first, *(["".join(rest).replace(SPACE, " ")] if rest else [])])


def split_beginning(
    text: str, known: Collection[str], start: str | None, tokens: str = WORDS, start_label: str | None = None
) -> list[str]:
    """Return the tokens of a text that a sentence may begin with, the start token first; raises `CorpusError`.

    known: the vocabulary; an ellipsis at the end that is not of it says that the sentence goes on, and is left out
    start_label: what else the start token is called, where it is written before the text

    >>> split_beginning("man ordered the …", {"man", "ordered", "the"}, "<Start>")
    ['<Start>', 'man', 'ordered', 'the']
    """
    _check_request(text, start, tokens)
    lines = [line for line in LINE_END.split(text) if split_line(line)]
    if len(lines) > 1:
        raise CorpusError(f"the text must be one line, got {len(lines)}: ask about one beginning at a time")
    line = NO_LETTERS.sub("", lines[0]) if lines else ""
    first = split_line(line)[:1]
    if start is not None and first and first[0] in (start, start_label):
        line = line.partition(first[0])[2]
    words = split_line(line, tokens)
    if not all(word in known for word in words[-3:]):
        words = split_line(ELLIPSIS.sub("", line), tokens)
    if start in words:
        raise CorpusError(
            f"the text must not hold the start token {short_repr(start)}, as it is put there by itself: leave it out"
        )
    if len(words) > MAX_TOKENS:
        raise CorpusError(f"the text must have at most {MAX_TOKENS} tokens, got {len(words)}: take some away")
    return words if start is None else [start, *words]


def split_sentences(text: str, start: str | None, tokens: str = WORDS) -> list[list[str]]:
    """Return the tokens of every line that has any; raises `CorpusError`.

    >>> split_sentences("a b\\n\\nc", start="<Start>")
    [['a', 'b'], ['c']]
    """
    _check_request(text, start, tokens)
    lines = [(number, split_line(line, tokens)) for number, line in enumerate(LINE_END.split(text), 1)]
    sentences = [(number, words) for number, words in lines if words]
    if not sentences:
        raise CorpusError("the corpus must have at least one sentence, got none: write one sentence a line")
    if len(sentences) > MAX_SENTENCES:
        raise CorpusError(
            f"the corpus must have at most {MAX_SENTENCES} sentences, got {len(sentences)}: take some of them"
        )
    for number, words in sentences:
        if len(words) > MAX_TOKENS:
            got = f"{len(words)} in line {number}"
            said = f"a sentence must have at most {MAX_TOKENS} tokens, got {got}: break it into lines"
            raise CorpusError(Problem(said, line=number))
        if start in words:
            said = (
                f"a sentence must not hold the start token {short_repr(start)}, got it in line {number}: it is put there by "
                f"itself, or choose another with start="
            )
            raise CorpusError(Problem(said, line=number))
    if sum(len(words) for _, words in sentences) < 2:
        raise CorpusError(
            f"the corpus must have at least two {tokens}, got only {short_repr(sentences[0][1][0])}: add a sentence"
        )
    return [words for _, words in sentences]


def _check_request(text: object, start: object, tokens: object) -> None:
    if tokens not in KINDS:
        raise CorpusError(f"tokens must be one of {', '.join(KINDS)}, got {short_repr(tokens)}: choose one")
    if not isinstance(text, str):
        raise CorpusError(f"the corpus must be text, got {type(text).__name__}: pass one sentence a line")
    if start is not None and (
        not isinstance(start, str) or split_line(start) != [start] or HALF_A_CHARACTER.search(start)
    ):
        raise CorpusError(
            f"the start token must be one word, got {short_repr(start)}: choose a spelling without spaces or unseen characters"
        )
    if half := HALF_A_CHARACTER.search(text):
        line = len(LINE_END.split(text[: half.start()]))
        said = f"the corpus must be text, got half a character ({short_repr(half[0])}) in line {line}: take it away"
        raise CorpusError(Problem(said, line=line))
