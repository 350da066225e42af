"""Characters as people count them: a letter with its marks, an emoji with its modifiers, a flag, each is one.

Source: Unicode Standard Annex 29, extended grapheme clusters, rules GB6 to GB9a and GB11 to GB13. Classes come from Python's
character database, which has general categories only; so Indic conjuncts (GB9c) end at their virama, and prepended marks
(GB9b) stand alone.
"""

import unicodedata

ZWJ, ZWNJ = "\u200d", "\u200c"
_SPACING = "\u0e33\u0eb3"  # Thai and Lao AM, letters that UAX 29 counts as marks
_HALF_WIDTH_MARKS = "\uff9e\uff9f"
_JAMO = (  # Hangul: leading consonants, vowels, trailing consonants
    ("L", 0x1100, 0x115F), ("L", 0xA960, 0xA97C), ("V", 0x1160, 0x11A7), ("V", 0xD7B0, 0xD7C6), ("T", 0x11A8, 0x11FF),
    ("T", 0xD7CB, 0xD7FB),
)  # fmt: skip
_FIRST_SYLLABLE, _LAST_SYLLABLE, _TRAILING = 0xAC00, 0xD7A3, 28
_GOES_ON = {"L": ("L", "V", "LV", "LVT"), "V": ("V", "T"), "LV": ("V", "T"), "T": ("T",), "LVT": ("T",), "": ()}


def graphemes(text: str) -> list[str]:
    """Return a text's characters, each with all that belongs to it.

    >>> graphemes("né👍🏽🇨🇭你"), len(graphemes("e\\u0301"))
    (['n', 'é', '👍🏽', '🇨🇭', '你'], 1)
    """
    found: list[str] = []
    for letter in text:
        if found and _belongs(found[-1], letter):
            found[-1] += letter
        else:
            found.append(letter)
    return found


def _belongs(cluster: str, letter: str) -> bool:
    if _is_mark(letter):
        return not unicodedata.category(cluster[0]).startswith("Cc")
    if cluster[-1] == ZWJ:  # an emoji of several, like a family
        return _is_pictograph(letter) and _is_pictograph(_without_modifiers(cluster[:-1])[-1:])
    if _is_flag_half(letter):
        return len(cluster) == 1 and _is_flag_half(cluster)
    return _jamo(letter) in _GOES_ON[_jamo(cluster[-1])]


def _is_mark(letter: str) -> bool:
    return _is_modifier(letter) or letter == ZWJ or unicodedata.category(letter) == "Mc" or letter in _SPACING


def _is_modifier(letter: str) -> bool:
    return (
        unicodedata.category(letter) in ("Mn", "Me")
        or letter == ZWNJ
        or letter in _HALF_WIDTH_MARKS
        or "\U0001f3fb" <= letter <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= letter <= "\U000e007f"  # tags, as in the flag of Scotland
    )


def _without_modifiers(cluster: str) -> str:
    while cluster and _is_modifier(cluster[-1]):
        cluster = cluster[:-1]
    return cluster


def _is_flag_half(letter: str) -> bool:
    return "\U0001f1e6" <= letter <= "\U0001f1ff"


def _is_pictograph(letter: str) -> bool:
    return (unicodedata.category(letter or " ") == "So" and not _is_flag_half(letter)) or letter in (
        "↔",
        "↕",
        "⤴",
        "⤵",
        "〰",
        "‼",
        "⁉",
    )


def _jamo(letter: str) -> str:
    code = ord(letter)
    if _FIRST_SYLLABLE <= code <= _LAST_SYLLABLE:
        return "LVT" if (code - _FIRST_SYLLABLE) % _TRAILING else "LV"
    return next((kind for kind, low, high in _JAMO if low <= code <= high), "")
