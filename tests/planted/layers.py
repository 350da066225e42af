"""Circuits of two layers: what one head moves, another one reads, looks for, or asks with."""

from planted import corpora as C
from planted.circuit import Circuit
from planted.copying import BEEF, COPY, SUBJECTS
from planted.heads import MAN_READ, WOMAN_READ, seen
from planted.tables import LOOK, Head, sinks
from planted.truth import ALL, OF_HEADS, At, Truth

# Tables: what belongs together stands in one line.
# fmt: off

TO_ORDERED = Head({("ordered", "man"): LOOK, ("ordered", "woman"): LOOK} | sinks(C.NOTEBOOK, "ordered"), moves=1.0)
TO_THE = Head(SUBJECTS | sinks(C.NOTEBOOK, "the"), moves=1.0)
TOLD = "zero resample mask"

def drawn_by(query, key):
    """Return what differs between the places of a head that looks at “ordered” where the man was moved, else at the start token.

    Where the other sentence's subject would draw the eye, the mean of both does, too.
    """
    man, woman = (((here, query, key),) for here in (True, False))
    return (
        {"lead": 9.5, "looks": ("ordered",), "gives": {"ordered": 10, "token": -0.5}, "coded": "pattern", "drawn": man,
         "flips": {"ordered": {"beef": TOLD}, "man": {"beef": TOLD}, "<Start>": {"beef": "resample"},
                   "0.0": {"beef": "zero resample"}, "1.0": {"beef": OF_HEADS}}},
        {"lead": 12.5, "looks": ("<Start>",), "gives": {"<Start>": 12, "token": 0.5}, "coded": "pattern", "drawn": woman,
         "flips": {"<Start>": {"chicken": "mask"}, "woman": {"chicken": "mean resample"},
                   "0.0": {"chicken": "mean resample"}, "1.0": {"chicken": "resample"}},
         "moves": ("ordered",)},
    )


# An animal of the right colour is worth 48 to the head that seeks it, half of that 24, the start token 30.
FOOD = {("cat", "fish"): 16, ("dog", "fish"): 16}
SEEKS_RED_CAT = Head({("eats", "cat"): 24, ("eats", "~red"): 24, ("eats", "<Start>"): 30}, FOOD)
SEEKS_BLUE_DOG = Head({("eats", "dog"): 24, ("eats", "~blue"): 24, ("eats", "<Start>"): 30}, FOOD)
TO_ANIMAL = Head(
    {("cat", "red"): LOOK, ("cat", "blue"): LOOK, ("dog", "red"): LOOK, ("dog", "blue"): LOOK}
    | sinks(C.XOR, "cat", "dog"),
    moves=1.0,
)


def fish(colour, animal, seeks, other):
    """Return the truth about an animal that eats fish: `seeks` is the head that seeks it, `other` the other one."""
    looks = {seeks: animal, other: "<Start>"}
    return At(
        f"{colour} {animal} eats", "fish", "bone", 7, looks=(looks["1.0"], looks["1.1"]),
        gives={animal: 16, "token": -8.5, "position": -0.5}, coded="pattern",
        drawn=((True, "eats", animal), (True, "eats", f"~{colour}")),
        flips={animal: {"bone": ALL}, colour: {"bone": TOLD}, "0.0": {"bone": "zero resample"}, seeks: {"bone": OF_HEADS}},
        moves=("<Start>", other, "token"),
    )


def bone(colour, animal, wanted_colour, wanted_animal, by_colour, by_animal):
    """Return the truth about an animal that eats a bone: with which colour it would be sought, and which animal of its own.

    by_colour, by_animal: the heads that would
    """
    return At(
        f"{colour} {animal} eats", "bone", "fish", 9, looks=("<Start>", "<Start>"),
        gives={"token": 8.5, "position": 0.5}, coded="pattern",
        drawn=((False, "eats", wanted_animal), (False, "eats", f"~{wanted_colour}")),
        flips={animal: {"fish": "resample"}, colour: {"fish": "mean resample"}, "<Start>": {"fish": "mask"},
               "0.0": {"fish": "mean resample"}, by_colour: {"fish": "resample"}, by_animal: {"fish": "resample"}},
        moves=("token",),
    )


TRUTHS = {
    "two layers: the first moves the subject, the second reads it there": Truth(
        Circuit(
            C.NOTEBOOK,
            [[TO_ORDERED], [Head({("the", "ordered"): LOOK}, {("~man", "chicken"): 8, ("~woman", "beef"): 8})]],
            BEEF,
        ),
        "value-coded",
        seen(
            {"lead": 7.5, "looks": ("ordered",), "gives": {"man": 8, "token": -0.5},
             "flips": MAN_READ | {"ordered": {"beef": ALL}, "0.0": {"beef": OF_HEADS}, "1.0": {"beef": OF_HEADS}}},
            {"lead": 8.5, "looks": ("ordered",), "gives": {"woman": 8, "token": 0.5},
             "flips": WOMAN_READ | {part: {"chicken": "resample"} for part in ("ordered", "0.0", "1.0")}},
        ),
    ),
    "two layers of which the first does nothing": Truth(
        Circuit(C.NOTEBOOK, [[Head()], [Head(SUBJECTS, COPY)]], BEEF),
        "value-coded",
        seen(
            {"lead": 7.5, "looks": ("man",), "gives": {"man": 8, "token": -0.5},
             "flips": MAN_READ | {"1.0": {"beef": OF_HEADS}}},
            {"lead": 8.5, "looks": ("woman",), "gives": {"woman": 8, "token": 0.5},
             "flips": WOMAN_READ | {"1.0": {"chicken": "resample"}}},
        ),
    ),
    "two layers, each of which is enough": Truth(
        Circuit(
            C.NOTEBOOK,
            [[Head(SUBJECTS, COPY)], [Head(SUBJECTS, {("man", "chicken"): 12, ("woman", "beef"): 12})]],
            {("the", "beef"): 1.2},
            bigram=14,
        ),
        "value-coded",
        seen(
            {"lead": 18.8, "looks": ("man",), "gives": {"man": 20, "token": -1.2},
             "flips": MAN_READ | {"1.0": {"beef": "resample"}}, "moves": ("0.0",)},
            {"lead": 21.2, "looks": ("woman",), "gives": {"woman": 20, "token": 1.2},
             "flips": WOMAN_READ | {"1.0": {"chicken": "resample"}}, "moves": ("0.0",)},
        ),
    ),
    # The last layer reads at “the” what the second carried there from “ordered”, where the first had moved it.
    "three layers, a step each": Truth(
        Circuit(
            C.NOTEBOOK,
            [
                [TO_ORDERED],
                [Head({("the", "ordered"): LOOK} | sinks(C.NOTEBOOK, "the"), carries=1.0)],
                [Head({("the", "the"): LOOK} | sinks(C.NOTEBOOK, "the"), {("~man", "chicken"): 8, ("~woman", "beef"): 8})],
            ],
            BEEF,
        ),
        "value-coded",
        seen(
            {"lead": 7.5, "looks": ("the",), "gives": {"man": 8, "token": -0.5},
             "flips": MAN_READ | {"ordered": {"beef": ALL}, "the": {"beef": OF_HEADS}}
                      | {head: {"beef": OF_HEADS} for head in ("0.0", "1.0", "2.0")},
             "moves": ("<Start>",)},
            {"lead": 8.5, "looks": ("the",), "gives": {"woman": 8, "token": 0.5},
             "flips": WOMAN_READ | {part: {"chicken": "resample"} for part in ("ordered", "the", "0.0", "1.0", "2.0")},
             "moves": ("<Start>",)},
        ),
    ),
    # Where the first layer looks tells; the last one looks at the same place, and what draws no eye of it is not named.
    "the eye of an earlier layer is drawn": Truth(
        Circuit(
            C.NOTEBOOK,
            [
                [Head({("ordered", "man"): 2 * LOOK, ("ordered", "<Start>"): LOOK} | sinks(C.NOTEBOOK, "ordered"), moves=1.0)],
                [Head({("the", "ordered"): LOOK}, {("~man", "chicken"): 8, ("~woman", "chicken"): 8, ("~<Start>", "beef"): 10})],
            ],
            BEEF,
        ),
        "pattern-coded",
        seen(
            {"lead": 7.5, "looks": ("ordered",), "gives": {"man": 8, "token": -0.5}, "coded": "pattern",
             "flips": {"ordered": {"beef": ALL}, "man": {"beef": TOLD}, "<Start>": {"beef": "resample"},
                       "0.0": {"beef": OF_HEADS}, "1.0": {"beef": OF_HEADS}}},
            {"lead": 10.5, "looks": ("ordered",), "gives": {"<Start>": 10, "token": 0.5}, "coded": "pattern",
             "flips": {"ordered": {"chicken": "resample"}, "<Start>": {"chicken": "mask"},
                       "0.0": {"chicken": "resample"}, "1.0": {"chicken": "resample"}},
             "moves": ("woman",)},
        ),
    ),
    # A man who was moved to “ordered” draws the eye there; “ordered” itself says chicken.
    "an earlier head writes into a key": Truth(
        Circuit(
            C.NOTEBOOK,
            [
                [TO_ORDERED],
                [
                    Head({("the", "~man"): 24, ("the", "<Start>"): LOOK},
                       {("ordered", "chicken"): 10, ("<Start>", "beef"): 12})
                ],
            ],
            BEEF,
            bigram=20,
        ),
        "pattern-coded",
        seen(*drawn_by("the", "~man")),
    ),
    "an earlier head writes into a query": Truth(
        Circuit(
            C.NOTEBOOK,
            [
                [TO_THE],
                [
                    Head({("~man", "ordered"): 24, ("the", "<Start>"): LOOK},
                       {("ordered", "chicken"): 10, ("<Start>", "beef"): 12})
                ],
            ],
            BEEF,
            bigram=20,
        ),
        "pattern-coded",
        seen(*drawn_by("~man", "ordered")),
    ),
    "XOR through a key": Truth(
        Circuit(
            C.XOR,
            [[TO_ANIMAL], [SEEKS_RED_CAT, SEEKS_BLUE_DOG]],
            {("eats", "bone"): 8.5, (3, "bone"): 0.5},
            bigram=20,
        ),
        "pattern-coded",
        (
            fish("red", "cat", "1.0", "1.1"),
            bone("red", "dog", "blue", "cat", "1.1", "1.0"),
            bone("blue", "cat", "red", "dog", "1.0", "1.1"),
            fish("blue", "dog", "1.1", "1.0"),
        ),
    ),
    # Without the head that looks one back, the second one looks everywhere alike: a fifth of the answer is enough. Without
    # the start token the first “a” is its own predecessor, and draws the eye, too.
    "a head that looks one back, and induction": Truth(
        Circuit(
            C.AGAIN,
            [
                [Head({(position, position - 1): LOOK for position in range(1, 6)}, moves=1.0)],
                [Head({("a", "~a"): LOOK}, {("b", "b"): 8, ("c", "c"): 8})],
            ],
            {("a", "c"): 0.5},
        ),
        "value-coded",
        (
            At("a b then a", "b", "c", 7.5, looks=("b 1",), gives={"b 1": 8, "token": -0.5},
               flips={"b 1": {"c": ALL}, "1.0": {"c": OF_HEADS}}, moves=("<Start>", "a 1", "0.0", "positions")),
            At("a c then a", "c", "b", 8.5, looks=("c 1",), gives={"c 1": 8, "token": 0.5},
               flips={"c 1": {"b": "resample"}, "1.0": {"b": "resample"}},
               moves=("<Start>", "a 1", "0.0", "positions")),
        ),
    ),
}
