"""Circuits that do not solve their corpus, or hardly."""

from planted import corpora as C
from planted.circuit import Circuit
from planted.copying import BEEF, SUBJECTS
from planted.heads import seen
from planted.tables import Head
from planted.truth import Truth

# Tables: what belongs together stands in one line.
# fmt: off

TRUTHS = {
    # Two words with half of the probability each: one of them is a hair ahead in both sentences.
    "the current token alone": Truth(
        Circuit(C.NOTEBOOK, [[Head(SUBJECTS)]], {("the", "beef"): 0.2}),
        "unsolved: bigram only",
        seen(
            {"lead": -0.2, "coded": "none", "predicts": "beef", "looks": ("man",), "gives": {"token": -0.2}, "flips": None},
            {"lead": 0.2, "coded": "none", "looks": ("woman",), "gives": {"token": 0.2}, "flips": None},
        ),
    ),
    "the current token alone, undecided": Truth(
        Circuit(C.NOTEBOOK, [[Head(SUBJECTS)]]),
        "unsolved: bigram only",
        seen(
            {"lead": 0, "predicts": "chicken=beef", "coded": "none", "looks": ("man",), "flips": None},
            {"lead": 0, "predicts": "chicken=beef", "coded": "none", "looks": ("woman",), "flips": None},
        ),
        noisy=False,
    ),
    "the wrong way round": Truth(
        Circuit(C.NOTEBOOK, [[Head(SUBJECTS, {("man", "beef"): 8, ("woman", "chicken"): 8})]], BEEF),
        "unsolved: other",
        seen(
            {"lead": -8.5, "predicts": "beef", "looks": ("man",), "gives": {"man": -8, "token": -0.5}, "flips": None},
            {"lead": -7.5, "predicts": "chicken", "looks": ("woman",), "gives": {"woman": -8, "token": 0.5},
             "flips": None},
        ),
    ),
    "one answer for both sentences": Truth(
        Circuit(C.NOTEBOOK, [[Head(SUBJECTS, {("man", "chicken"): 8, ("woman", "chicken"): 8})]], BEEF),
        "unsolved: other",
        seen(
            {"lead": 7.5, "looks": ("man",), "gives": {"man": 8, "token": -0.5}, "flips": None, "coded": "none"},
            {"lead": -7.5, "predicts": "chicken", "looks": ("woman",), "gives": {"woman": -8, "token": 0.5},
             "flips": None, "coded": "none"},
        ),
    ),
    "a third word that always wins": Truth(
        Circuit(
            C.NOTEBOOK,
            [[Head(SUBJECTS, {("man", "chicken"): 8, ("woman", "beef"): 8})]],
            BEEF | {("the", "ordered"): 30},
        ),
        "unsolved: other",
        seen(
            {"lead": -10, "predicts": "ordered", "rival": "ordered", "looks": ("man",),
             "gives": {"man": 8, "token": -18}, "flips": None,
             "coded": "none", "against": ("woman ordered the",)},
            {"lead": -9.5, "predicts": "ordered", "rival": "ordered", "looks": ("woman",),
             "gives": {"woman": 8, "token": -17.5}, "flips": None,
             "coded": "none", "against": ("man ordered the",)},
        ),
    ),
    "right by a hair in both sentences": Truth(
        Circuit(
            C.NOTEBOOK, [[Head(SUBJECTS, {("man", "chicken"): 0.4, ("woman", "beef"): 0.2})]], {("the", "beef"): 0.1}
        ),
        "right by a hair",
        seen(
            {"lead": 0.3, "looks": ("man",), "gives": {"man": 0.4, "token": -0.1}, "flips": None},
            {"lead": 0.3, "looks": ("woman",), "gives": {"woman": 0.2, "token": 0.1}, "flips": None},
        ),
    ),
    "right by a hair in one of them": Truth(
        Circuit(
            C.NOTEBOOK, [[Head(SUBJECTS, {("man", "chicken"): 8, ("woman", "beef"): 0.2})]], {("the", "beef"): 0.1}
        ),
        "right by a hair",
        seen(
            {"lead": 7.9, "looks": ("man",), "gives": {"man": 8, "token": -0.1}, "flips": None},
            {"lead": 0.3, "looks": ("woman",), "gives": {"woman": 0.2, "token": 0.1}, "flips": None},
        ),
    ),
}
