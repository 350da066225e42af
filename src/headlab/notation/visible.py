"""Characters that a terminal obeys or that nobody sees, written out: text from files never steers the screen."""

import re
import unicodedata

# Controls (ESC, BEL, C1 …), formats (direction marks, zero width, soft hyphen, BOM), half characters, odd line ends.
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# What words are spelled with, and harmless: a joiner between two letters or emoji, and the tags of a flag's name.
_SEEN = "[^\x00-\x7f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
_SPELLING = re.compile(f"(?<={_SEEN})[\u200c\u200d](?={_SEEN})|\U0001f3f4[\U000e0030-\U000e007a]{{3,6}}\U000e007f")


def escape_unseen(text: object) -> str:
    r"""Return a text with what cannot be seen as Python escapes it; line feeds, tabs and the joiners of words and emoji stay.

    >>> escape_unseen("\x1b[31mred\u202e"), escape_unseen("naïve 中 ✓"), escape_unseen("👩\u200d🌾") == "👩\u200d🌾"
    ('\\x1b[31mred\\u202e', 'naïve 中 ✓', True)
    """
    words = str(text)
    if words.isprintable():
        return words
    kept = {place for found in _SPELLING.finditer(words) for place in range(*found.span())}
    return "".join(
        escape_letter(letter) if is_unseen(letter) and place not in kept else letter
        for place, letter in enumerate(words)
    )


def is_unseen(letter: str) -> bool:
    """Return whether a character does something, or nothing that can be seen.

    >>> [is_unseen(letter) for letter in ("a", "\\x07", "\\u200b", "\\n")]
    [False, True, True, False]
    """
    return letter not in "\n\t" and unicodedata.category(letter) in _UNSEEN


def escape_letter(letter: str) -> str:
    r"""Return a character as Python escapes it.

    >>> escape_letter("\x1b"), escape_letter("中")
    ('\\x1b', '\\u4e2d')
    """
    return letter.encode("unicode_escape").decode()
