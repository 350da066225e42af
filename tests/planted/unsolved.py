"""Circuits that do not solve their corpus, or hardly."""

from planted import corpora as C
from planted.circuit import Circuit
from planted.copying import BEEF, SUBJECTS
from planted.heads import seen
from planted.tables import Head
from planted.truth import ALL, Truth

# Tables: what belongs together stands in one line.
# fmt: off

WRONG = [("wrong",), ("not_target",)]
ALIKE = [("bigram",), ("elsewhere",), ("floor",)]
HAIR = [("hair",), ("hair_elsewhere",)]


def does(looks, gives, *without):
    """Return what is said of one head: where it looks, what gives the prediction, and what becomes of it without these."""
    return [("looks", looks, 1), ("gives", frozenset([gives])), *without]


def without(part, **outcomes):
    """Return that other tokens are predicted without a part, a token an ablation."""
    return "without", part, tuple(sorted((how, (token,)) for how, token in outcomes.items()))


def each(token):
    """Return a token for every ablation."""
    return dict.fromkeys(ALL.split(), token)


TRUTHS = {
    # Two words with half of the probability each: one of them is a hair ahead in both sentences.
    "the current token alone": Truth(
        Circuit(C.NOTEBOOK, [[Head(SUBJECTS)]], {("the", "beef"): 0.2}),
        "unsolved: bigram only",
        seen(
            {"lead": -0.2, "predicts": "beef", "looks": ("man",), "gives": {"token": -0.2}, "coded": "none",
             "flips": None, "says": [*ALIKE, ("predicts",)]},
            {"lead": 0.2, "looks": ("woman",), "gives": {"token": 0.2}, "coded": "none", "flips": None, "says": ALIKE},
        ),
    ),
    "the current token alone, undecided": Truth(
        Circuit(C.NOTEBOOK, [[Head(SUBJECTS)]]),
        "unsolved: bigram only",
        seen(
            {"lead": 0, "predicts": "chicken=beef", "looks": ("man",), "coded": "none", "flips": None,
             "says": [*ALIKE, ("predicts",)]},
            {"lead": 0, "predicts": "chicken=beef", "looks": ("woman",), "coded": "none", "flips": None,
             "says": [*ALIKE, ("predicts",)]},
        ),
        noisy=False,
    ),
    # The current token alone, as at the bigram floor, and with far more confidence than that: the head makes no difference.
    "one answer for both sentences": Truth(
        Circuit(C.NOTEBOOK, [[Head(SUBJECTS, {("man", "chicken"): 8, ("woman", "chicken"): 8})]], BEEF),
        "unsolved: other",
        seen(
            {"lead": 7.5, "looks": ("man",), "gives": {"man": 8, "token": -0.5}, "flips": None, "coded": "none",
             "says": [("both_ways",), ("alike",), *does("man", "man", without("man", zero="beef", mask="beef"))]},
            {"lead": -7.5, "predicts": "chicken", "looks": ("woman",), "gives": {"woman": -8, "token": 0.5},
             "flips": None, "coded": "none",
             "says": [*WRONG, ("alike",), *does("woman", "woman", without("woman", zero="beef", mask="beef"))]},
        ),
    ),
    "the wrong way round": Truth(
        Circuit(C.NOTEBOOK, [[Head(SUBJECTS, {("man", "beef"): 8, ("woman", "chicken"): 8})]], BEEF),
        "unsolved: other",
        seen(
            {"lead": -8.5, "predicts": "beef", "looks": ("man",), "gives": {"man": -8, "token": -0.5}, "flips": None,
             "says": [*WRONG, *does("man", "man", without("man", resample="chicken"))]},
            {"lead": -7.5, "predicts": "chicken", "looks": ("woman",), "gives": {"woman": -8, "token": 0.5},
             "flips": None, "says": [*WRONG, *does("woman", "woman", without("woman", **each("beef")))]},
        ),
    ),
    # What it copies is right, and the direct path says something else.
    "a third word that always wins": Truth(
        Circuit(
            C.NOTEBOOK,
            [[Head(SUBJECTS, {("man", "chicken"): 8, ("woman", "beef"): 8})]],
            BEEF | {("the", "ordered"): 30},
        ),
        "unsolved: other",
        seen(
            {"lead": -10, "predicts": "ordered", "rival": "ordered", "looks": ("man",),
             "gives": {"man": 8, "token": -18}, "flips": None, "coded": "none", "against": ("woman ordered the",),
             "says": [*WRONG, ("alike",), ("adds", "man"),
                      *does("man", "token", without("token", zero="chicken"), ("flips_nothing", "man"))]},
            {"lead": -9.5, "predicts": "ordered", "rival": "ordered", "looks": ("woman",),
             "gives": {"woman": 8, "token": -17.5}, "flips": None, "coded": "none", "against": ("man ordered the",),
             "says": [*WRONG, ("alike",), ("adds", "woman"),
                      *does("woman", "token", without("token", zero="beef"), ("flips_nothing", "woman"))]},
        ),
    ),
    "right by a hair in both sentences": Truth(
        Circuit(C.NOTEBOOK, [[Head(SUBJECTS, {("man", "chicken"): 0.5, ("woman", "beef"): 0.2})]], {("the", "beef"): 0.2}),
        "right by a hair",
        seen(
            {"lead": 0.3, "looks": ("man",), "gives": {"man": 0.5, "token": -0.2}, "flips": None,
             "says": [*HAIR, ("little",), *does("man", "man", without("man", **each("beef"))), ("coded", "value_coded")]},
            {"lead": 0.4, "looks": ("woman",), "gives": {"woman": 0.2, "token": 0.2}, "flips": None,
             "says": [*HAIR, ("little",), ("looks", "woman", 1), ("gives", frozenset(["woman", "token"])),
                      without("woman", resample="chicken"), ("flips_nothing", "token"), ("coded", "value_coded")]},
        ),
        noisy=False,
    ),
    "right by a hair in one of them": Truth(
        Circuit(C.NOTEBOOK, [[Head(SUBJECTS, {("man", "chicken"): 8, ("woman", "beef"): 0.3})]], {("the", "beef"): 0.1}),
        "right by a hair",
        seen(
            {"lead": 7.9, "looks": ("man",), "gives": {"man": 8, "token": -0.1}, "flips": None,
             "says": [*does("man", "man", without("man", zero="beef", resample="beef", mask="beef")),
                      ("coded", "value_coded")]},
            {"lead": 0.4, "looks": ("woman",), "gives": {"woman": 0.3, "token": 0.1}, "flips": None,
             "says": [*HAIR, *does("woman", "woman", without("woman", mean="chicken", resample="chicken")),
                      ("coded", "value_coded")]},
        ),
    ),
}
