"""Circuits of several heads in one layer: redundant ones, negative ones, decoys, and such as decide together."""

from planted import corpora as C
from planted.circuit import Circuit
from planted.copying import BEEF, COPY, SUBJECTS
from planted.tables import LOOK, Head
from planted.truth import ALL, OF_HEADS, At, Truth

# Tables: what belongs together stands in one line.
# fmt: off


def writing(logits):
    """Return a head that reads the subject and writes so many logits for its answer."""
    return Head(SUBJECTS, {("man", "chicken"): logits, ("woman", "beef"): logits})


def seen(man, woman):
    """Return the truth about both places of the notebook from what differs, keyword arguments of `At` each."""
    return (
        At(**{"beginning": "man ordered the", "answer": "chicken", "rival": "beef"} | man),
        At(**{"beginning": "woman ordered the", "answer": "beef", "rival": "chicken"} | woman),
    )


MAN_READ, WOMAN_READ = {"man": {"beef": ALL}}, {"woman": {"chicken": "resample"}}
ANIMAL = {("eats", "cat"): LOOK, ("eats", "dog"): LOOK}
COLOUR = {("eats", "red"): LOOK, ("eats", "blue"): LOOK}

TRUTHS = {
    # Either is enough; resampled, the smaller one is outvoted and the larger one outvotes.
    "two heads, each of which is enough": Truth(
        Circuit(C.NOTEBOOK, [[writing(8), writing(12)]], {("the", "beef"): 1.2}, bigram=14),
        "value-coded",
        seen(
            {"lead": 18.8, "looks": ("man", "man"), "gives": {"man": 20, "token": -1.2},
             "flips": MAN_READ | {"0.1": {"beef": "resample"}}, "moves": ("0.0",)},
            {"lead": 21.2, "looks": ("woman", "woman"), "gives": {"woman": 20, "token": 1.2},
             "flips": WOMAN_READ | {"0.1": {"chicken": "resample"}}, "moves": ("0.0",)},
        ),
    ),
    # Half a logit decides which of the two is needed.
    "two heads of nearly the same size": Truth(
        Circuit(C.NOTEBOOK, [[writing(8), writing(9)]], BEEF, bigram=20),
        "value-coded",
        seen(
            {"lead": 16.5, "looks": ("man", "man"), "gives": {"man": 17, "token": -0.5},
             "flips": MAN_READ | {"0.1": {"beef": "resample"}}, "moves": ("0.0",)},
            {"lead": 17.5, "looks": ("woman", "woman"), "gives": {"woman": 17, "token": 0.5},
             "flips": WOMAN_READ | {"0.1": {"chicken": "resample"}}, "moves": ("0.0",)},
        ),
        noisy=False,
    ),
    "a negative third head": Truth(
        Circuit(C.NOTEBOOK, [[writing(8), writing(10), writing(-6)]], {("the", "beef"): 0.8}, bigram=14),
        "value-coded",
        seen(
            {"lead": 11.2, "looks": ("man",) * 3, "gives": {"man": 12, "token": -0.8},
             "flips": MAN_READ | {"0.0": {"beef": "resample"}, "0.1": {"beef": "resample"}}, "moves": ("0.2",)},
            {"lead": 12.8, "looks": ("woman",) * 3, "gives": {"woman": 12, "token": 0.8},
             "flips": WOMAN_READ | {"0.0": {"chicken": "resample"}, "0.1": {"chicken": "resample"}},
             "moves": ("0.2",)},
        ),
    ),
    "a decoy head: it looks at the subject and writes nothing": Truth(
        Circuit(C.NOTEBOOK, [[writing(8), Head(SUBJECTS)]], BEEF),
        "value-coded",
        seen(
            {"lead": 7.5, "looks": ("man", "man"), "gives": {"man": 8, "token": -0.5},
             "flips": MAN_READ | {"0.0": {"beef": OF_HEADS}}},
            {"lead": 8.5, "looks": ("woman", "woman"), "gives": {"woman": 8, "token": 0.5},
             "flips": WOMAN_READ | {"0.0": {"chicken": "resample"}}},
        ),
    ),
    # Three logits on both answers: nothing for the pair, and 28 points of the answer's probability.
    "a decoy in the null space of the pair": Truth(
        Circuit(
            C.NOTEBOOK,
            [[writing(12), Head({("the", "ordered"): LOOK}, {("ordered", "chicken"): 3, ("ordered", "beef"): 3})]],
            BEEF | {("the", "<Start>"): 23.15},
        ),
        "value-coded",
        seen(
            {"lead": 11.5, "looks": ("man", "ordered"), "gives": {"man": 12, "token": -0.5},
             "nearer": {"<Start>": 3.85},
             "flips": {"man": {"<Start>": "zero mean mask", "beef": "resample"},
                       "0.0": {"<Start>": "zero mean", "beef": "resample"}},
             "moves": ("ordered", "0.1")},
            {"lead": 12.5, "looks": ("woman", "ordered"), "gives": {"woman": 12, "token": 0.5},
             "nearer": {"<Start>": 4.35},
             "flips": {"woman": {"<Start>": "zero mean mask", "chicken": "resample"},
                       "0.0": {"<Start>": "zero mean", "chicken": "resample"}},
             "moves": ("ordered", "0.1")},
        ),
    ),
    # It gives nothing to chicken over beef, and without it the start token would come next.
    "a head that holds a third word down": Truth(
        Circuit(
            C.NOTEBOOK,
            [[writing(16), Head({("the", "ordered"): LOOK}, {("ordered", "<Start>"): -20})]],
            {("the", "beef"): 1.2, ("the", "<Start>"): 30},
        ),
        "value-coded",
        seen(
            {"lead": 14.8, "looks": ("man", "ordered"), "gives": {"man": 16, "token": -1.2},
             "flips": MAN_READ | {"ordered": {"<Start>": "zero mask"}, "0.0": {"beef": OF_HEADS}, "0.1": {"<Start>": "zero"}}},
            {"lead": 17.2, "looks": ("woman", "ordered"), "gives": {"woman": 16, "token": 1.2},
             "flips": WOMAN_READ | {"ordered": {"<Start>": "zero mask"}, "0.0": {"chicken": "resample"},
                                    "0.1": {"<Start>": "zero"}}},
        ),
    ),
    # Each looks where the other does not: their mean looks nowhere.
    "two heads with opposite patterns": Truth(
        Circuit(
            C.NOTEBOOK,
            [
                [
                    Head({("the", "man"): LOOK + 2.9444, ("the", "woman"): LOOK + 2.9444, ("the", "<Start>"): LOOK},
                       {("man", "chicken"): 8.4211, ("woman", "beef"): 8.4211}),
                    Head({("the", "man"): LOOK, ("the", "woman"): LOOK, ("the", "<Start>"): LOOK + 2.9444}),
                ]
            ],
            BEEF,
        ),
        "value-coded",
        seen(
            {"lead": 7.5, "looks": ("man", "<Start>"), "gives": {"man": 8, "token": -0.5},
             "flips": MAN_READ | {"0.0": {"beef": OF_HEADS}}},
            {"lead": 8.5, "looks": ("woman", "<Start>"), "gives": {"woman": 8, "token": 0.5},
             "flips": WOMAN_READ | {"0.0": {"chicken": "resample"}}},
        ),
    ),
    "four heads of which two look": Truth(
        Circuit(
            C.NOTEBOOK,
            [
                [
                    *(
                        Head({("the", "man"): LOOK + 1.6094, ("the", "woman"): LOOK + 1.6094, ("the", "<Start>"): LOOK},
                           {("man", "chicken"): 1.2 * logits, ("woman", "beef"): 1.2 * logits})
                        for logits in (5, 7)
                    ),
                    *[Head({("the", "<Start>"): LOOK})] * 2,
                ]
            ],
            BEEF,
        ),
        "value-coded",
        seen(
            {"lead": 11.5, "looks": ("man", "man", "<Start>", "<Start>"), "gives": {"man": 12, "token": -0.5},
             "flips": MAN_READ | {"0.1": {"beef": "resample"}}, "moves": ("<Start>", "0.0")},
            {"lead": 12.5, "looks": ("woman", "woman", "<Start>", "<Start>"), "gives": {"woman": 12, "token": 0.5},
             "flips": WOMAN_READ | {"0.1": {"chicken": "resample"}}, "moves": ("<Start>", "0.0")},
        ),
    ),
    # Red and cat give eight logits each, and bone has 13: only both together are enough.
    "AND: two earlier tokens together": Truth(
        Circuit(
            C.AND,
            [[Head(COLOUR, {("red", "fish"): 8}), Head(ANIMAL, {("cat", "fish"): 8})]],
                   {("eats", "bone"): 12, (3, "bone"): 1},
        ),
        "value-coded",
        (
            At("red cat eats", "fish", "bone", 3, looks=("red", "cat"),
               gives={"red": 8, "cat": 8, "token": -12, "position": -1},
               flips={"red": {"bone": ALL}, "cat": {"bone": ALL}, "0.0": {"bone": OF_HEADS}, "0.1": {"bone": OF_HEADS}},
               moves=("token", "position", "positions"), against=("red dog eats", "blue cat eats")),
            At("red dog eats", "bone", "fish", 5, looks=("red", "dog"),
               gives={"red": -8, "token": 12, "position": 1},
               flips={"dog": {"fish": "resample"}, "0.1": {"fish": "resample"}, "token": {"fish": "zero"}},
               moves=("red", "0.0", "position", "positions"), against=("red cat eats",)),
            At("blue cat eats", "bone", "fish", 5, looks=("blue", "cat"),
               gives={"cat": -8, "token": 12, "position": 1},
               flips={"blue": {"fish": "resample"}, "0.0": {"fish": "resample"}, "token": {"fish": "zero"}},
               moves=("cat", "0.1", "position", "positions"), against=("red cat eats",)),
            At("blue dog eats", "bone", "fish", 13, looks=("blue", "dog"), gives={"token": 12, "position": 1},
               moves=("blue", "dog", "0.0", "0.1", "token"), against=("red cat eats",)),
        ),
    ),
    "OR: either of two earlier tokens": Truth(
        Circuit(
            C.OR,
            [[Head(COLOUR, {("red", "fish"): 8}), Head(ANIMAL, {("cat", "fish"): 8})]],
                   {("eats", "bone"): 4.2, (3, "bone"): 0.8},
        ),
        "value-coded",
        (
            At("red cat eats", "fish", "bone", 11, looks=("red", "cat"),
               gives={"red": 8, "cat": 8, "token": -4.2, "position": -0.8},
               moves=("red", "cat", "0.0", "0.1", "token"), against=("blue dog eats",)),
            At("red dog eats", "fish", "bone", 3, looks=("red", "dog"),
               gives={"red": 8, "token": -4.2, "position": -0.8},
               flips={"red": {"bone": ALL}, "0.0": {"bone": OF_HEADS}},
               moves=("dog", "0.1", "token", "position", "positions"), against=("blue dog eats",)),
            At("blue cat eats", "fish", "bone", 3, looks=("blue", "cat"),
               gives={"cat": 8, "token": -4.2, "position": -0.8},
               flips={"cat": {"bone": ALL}, "0.1": {"bone": OF_HEADS}},
               moves=("blue", "0.0", "token", "position", "positions"), against=("blue dog eats",)),
            At("blue dog eats", "bone", "fish", 5, looks=("blue", "dog"), gives={"token": 4.2, "position": 0.8},
               flips={"blue": {"fish": "resample"}, "dog": {"fish": "resample"},
                      "0.0": {"fish": "resample"}, "0.1": {"fish": "resample"}},
               moves=("token", "position", "positions"), against=("red dog eats", "blue cat eats")),
        ),
    ),
    # The first head writes what follows the token it stands at: there is nothing past the heads.
    "no residual: one head reads the subject, the other its own token": Truth(
        Circuit(
            C.NOTEBOOK,
            [
                [
                    Head({(token, token): LOOK for token in C.NOTEBOOK.vocabulary},
                         {("<Start>", "man"): 12, ("<Start>", "woman"): 12, ("man", "ordered"): 12,
                          ("woman", "ordered"): 12, ("ordered", "the"): 12, ("the", "chicken"): 12, ("the", "beef"): 12.5,
                          ("chicken", "<Start>"): 12, ("beef", "<Start>"): 12}),
                    Head(SUBJECTS, {("man", "chicken"): 12, ("woman", "beef"): 12}),
                ]
            ],
            bigram=0,
            residual=False,
        ),
        "value-coded",
        seen(
            {"lead": 11.5, "looks": ("the", "man"), "gives": {"man": 12, "the": -0.5},
             "flips": MAN_READ | {"0.1": {"beef": OF_HEADS}}},
            {"lead": 12.5, "looks": ("the", "woman"), "gives": {"woman": 12, "the": 0.5},
             "flips": WOMAN_READ | {"0.1": {"chicken": "resample"}}},
        ),
    ),
    # Without a mask the start token sees who ordered. The subject writes itself and its order: without the current token,
    # which says what may follow, itself.
    "no causal mask: the subject tells twice": Truth(
        Circuit(
            C.NOTEBOOK,
            [[Head(SUBJECTS | {("<Start>", "man"): LOOK, ("<Start>", "woman"): LOOK},
                       COPY | {("man", "man"): 10, ("woman", "woman"): 10})]],
            BEEF | {("<Start>", "woman"): 0.5},
            causal=False,
        ),
        "value-coded",
        (
            At("<Start>", "man", "woman", 9.5, looks=("man",), gives={"man": 10, "token": -0.5},
               flips={"man": {"woman": ALL}}, moves=("token",)),
            At("man ordered the", "chicken", "beef", 7.5, looks=("man",), gives={"man": 8, "token": -0.5},
               flips={"man": {"beef": ALL}, "token": {"man": "zero"}}),
            At("<Start>", "woman", "man", 10.5, looks=("woman",), gives={"woman": 10, "token": 0.5},
               flips={"woman": {"man": "resample"}}, moves=("token",)),
            At("woman ordered the", "beef", "chicken", 8.5, looks=("woman",), gives={"woman": 8, "token": 0.5},
               flips={"woman": {"chicken": "resample"}, "token": {"woman": "zero"}}),
        ),
    ),
    "no causal mask: it looks at the answer": Truth(
        Circuit(
            C.NOTEBOOK,
            [[Head({("the", "chicken"): LOOK, ("the", "beef"): LOOK, ("<Start>", "man"): LOOK, ("<Start>", "woman"): LOOK},
                   {("chicken", "chicken"): 8, ("beef", "beef"): 8, ("man", "man"): 8, ("woman", "woman"): 8})]],
            BEEF | {("<Start>", "woman"): 0.5},
            causal=False,
        ),
        "value-coded",
        (
            At("<Start>", "man", "woman", 7.5, looks=("man",), gives={"man": 8, "token": -0.5},
               flips={"man": {"woman": ALL}}),
            At("man ordered the", "chicken", "beef", 7.5, looks=("chicken",), gives={"chicken": 8, "token": -0.5},
               flips={"chicken": {"beef": ALL}}),
            At("<Start>", "woman", "man", 8.5, looks=("woman",), gives={"woman": 8, "token": 0.5},
               flips={"woman": {"man": "resample"}}),
            At("woman ordered the", "beef", "chicken", 8.5, looks=("beef",), gives={"beef": 8, "token": 0.5},
               flips={"beef": {"chicken": "resample"}}),
        ),
    ),
}
