"""Reading corpus text: UTF-8, one sentence a line, tokens between spaces; every fault named with its place."""

import re
from pathlib import Path

from headlab.errors import CorpusError

HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")  # no UTF-8 can hold it
MAX_BYTES = 8 * 2**20
MAX_SENTENCES = 10_000
MAX_TOKENS = 1_024


def read_text(path: str | Path) -> str:
    """Return the text of a UTF-8 file (a byte order mark is fine); raises `CorpusError`."""
    try:
        with Path(path).open("rb") as file:
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
        line = data[: data.index(b"\0")].count(b"\n") + 1
        raise CorpusError(f"the corpus must be text, got a NUL byte in line {line} of {name!r}: is it a binary file?")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        byte = data[error.start]
        raise CorpusError(
            f"the corpus must be UTF-8 text, got byte 0x{byte:02x} in line {line} of {name!r}: save it as UTF-8"
        ) from None


def split_sentences(text: str, start: str | None) -> list[list[str]]:
    """Return the words of every line that has any; raises `CorpusError`.

    >>> split_sentences("a b\\n\\nc", start="<Start>")
    [['a', 'b'], ['c']]
    """
    if not isinstance(text, str):
        raise CorpusError(f"the corpus must be text, got {type(text).__name__}: pass one sentence a line")
    if start is not None and (not isinstance(start, str) or len(start.split()) != 1 or HALF_A_CHARACTER.search(start)):
        raise CorpusError(f"the start token must be one word, got {start!r}: choose a spelling without spaces")
    if half := HALF_A_CHARACTER.search(text):
        line = len(text[: half.end()].splitlines())
        raise CorpusError(f"the corpus must be text, got half a character ({half[0]!r}) in line {line}: take it away")
    lines = [(number, line.split()) for number, line in enumerate(text.splitlines(), 1)]
    sentences = [(number, words) for number, words in lines if words]
    if not sentences:
        raise CorpusError("the corpus must have at least one sentence, got none: write one sentence a line")
    if len(sentences) > MAX_SENTENCES:
        raise CorpusError(
            f"the corpus must have at most {MAX_SENTENCES} sentences, got {len(sentences)}: take some of them"
        )
    for number, words in sentences:
        if len(words) > MAX_TOKENS:
            raise CorpusError(
                f"a sentence must have at most {MAX_TOKENS} tokens, got {len(words)} in line {number}: break it into lines"
            )
        if start in words:
            raise CorpusError(
                f"a sentence must not hold the start token {start!r}, got it in line {number}: it is put there by itself, "
                f"or choose another with start="
            )
    if sum(len(words) for _, words in sentences) < 2:
        raise CorpusError(f"the corpus must have at least two words, got only {sentences[0][1][0]!r}: add a sentence")
    return [words for _, words in sentences]
