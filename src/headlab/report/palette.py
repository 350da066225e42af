"""The colour and the hatch of every mechanism: one table for the page, the reports and the figures."""

from dataclasses import dataclass

from headlab.analysis.parts.mechanism import BIGRAM, HAIR, MIXED, OTHER, PATTERN, POSITION, UNCLASSIFIED, VALUE


@dataclass(frozen=True)
class Swatch:
    """How a mechanism is drawn: color, as #rrggbb; hatch, as matplotlib spells it, on paper that has no colours.

    ink: the colour of words on it
    """

    color: str
    hatch: str
    ink: str = "#ffffff"


# Okabe and Ito's colours, moved as little as it takes until every two are told apart by every kind of colour vision, and each
# from light and dark paper; what the names stand for stands beside them. tests/test_palette.py measures it.
PALETTE = {
    VALUE: Swatch("#0266b3", ""),
    PATTERN: Swatch("#c85a03", "///", ink="#111111"),
    MIXED: Swatch("#049a70", "..", ink="#111111"),
    POSITION: Swatch("#b970a4", "\\\\\\", ink="#111111"),
    UNCLASSIFIED: Swatch("#44ade9", "xx", ink="#111111"),
    HAIR: Swatch("#cb9d00", "++", ink="#111111"),
    BIGRAM: Swatch("#a3a3a3", "--", ink="#111111"),
    OTHER: Swatch("#6a6a6a", "||"),
}
