"""Models with a mechanism planted by hand, and what is true of each, stated as data and derived from its tables."""

from planted.circuit import plant
from planted.corpora import ANIMALS, LONG, NOTEBOOK, TWICE
from planted.tables import LOOK, STRONG, Head

__all__ = ["ANIMALS", "LONG", "LOOK", "NOTEBOOK", "STRONG", "TWICE", "Head", "plant"]
