"""Characters that a terminal obeys or that nobody sees, written out: text from files never steers the screen."""

import unicodedata

# Controls (ESC, BEL, C1 …), formats (direction marks, zero width, soft hyphen, BOM), half characters, odd line ends.
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def visible(text: object) -> str:
    r"""Return a text with what cannot be seen as Python escapes it; line feeds and tabs stay.

    >>> visible("\x1b[31mred\u202e"), visible("naïve 中 ✓")
    ('\\x1b[31mred\\u202e', 'naïve 中 ✓')
    """
    words = str(text)
    if words.isprintable():
        return words
    return "".join(escaped(letter) if unseen(letter) else letter for letter in words)


def unseen(letter: str) -> bool:
    """Return whether a character does something, or nothing that can be seen.

    >>> [unseen(letter) for letter in ("a", "\\x07", "\\u200b", "\\n")]
    [False, True, True, False]
    """
    return letter not in "\n\t" and unicodedata.category(letter) in _UNSEEN


def escaped(letter: str) -> str:
    r"""Return a character as Python escapes it.

    >>> escaped("\x1b"), escaped("中")
    ('\\x1b', '\\u4e2d')
    """
    return letter.encode("unicode_escape").decode()
