"""What is a letter of a text and what is none, and what tokens are made of."""

import re

HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")  # no UTF-8 can hold it
NO_LETTERS = re.compile("[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\uffa0\ufeff\ufff9-\ufffb]")
WORDS, CHARACTERS = KINDS = "words", "characters"  # what tokens are
