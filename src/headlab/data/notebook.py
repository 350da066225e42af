"""The notebook's sentences, in the order of ids and with the display names that it has."""

TEXT = "man ordered the chicken\nwoman ordered the beef"
VOCABULARY = ("<Start>", "the", "man", "chicken", "ordered", "woman", "beef")
LABELS = ("<ST>", "the", "man", "chkn", "ordrd", "woman", "beef")
