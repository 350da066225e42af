"""Circuits of one head whose eye is drawn: where it looks tells the answer, or the position tells it without any head."""

from planted import corpora as C
from planted.circuit import Circuit
from planted.copying import BEEF, SUBJECTS
from planted.tables import LOOK, Head, sinks
from planted.truth import ALL, OF_HEADS, At, Truth

# Tables: what belongs together stands in one line.
# fmt: off

EXCEPTION = {("the", "man"): 2 * LOOK, ("the", "<Start>"): LOOK}
TOLD = "zero resample mask"

# “lo” has no counterpart, or the woman has none.
FROM_MAN = {"lo woman ordered the": [{0: 0, 1: 2, 2: 3, 3: 4}, {0: 0, 1: 1, 2: 3, 3: 4}]}
FROM_WOMAN = {"man ordered the": [{0: 0, 2: 1, 3: 2, 4: 3}, {0: 0, 1: 1, 3: 2, 4: 3}]}

TRUTHS = {
    # Where the woman stands instead of the start token the head would read her, who speaks for chicken.
    "a default that the start token writes, and one subject that draws the eye": Truth(
        Circuit(
            C.NOTEBOOK,
            [[Head(EXCEPTION, {("<Start>", "beef"): 10, ("man", "chicken"): 8, ("woman", "chicken"): 8})]],
            BEEF,
        ),
        "pattern-coded",
        (
            At("man ordered the", "chicken", "beef", 7.5, looks=("man",), gives={"man": 8, "token": -0.5},
               flips={"man": {"beef": TOLD}, "<Start>": {"beef": "resample"}}, coded="pattern", drawn=((True, "the", "man"),)),
            At("woman ordered the", "beef", "chicken", 10.5, looks=("<Start>",), gives={"<Start>": 10, "token": 0.5},
               flips={"<Start>": {"chicken": "mask"}}, moves=("woman",), coded="pattern", drawn=((False, "the", "man"),)),
        ),
    ),
    # “ordered” is where the head looks next, and says nothing.
    "a default on the direct path, and one subject that draws the eye": Truth(
        Circuit(
            C.NOTEBOOK,
            [[Head(EXCEPTION | {("the", "ordered"): LOOK / 2}, {("man", "chicken"): 16, ("woman", "chicken"): 16})]],
                   {("the", "beef"): 8, (3, "chicken"): 2},
        ),
        "pattern-coded",
        (
            At("man ordered the", "chicken", "beef", 10, looks=("man",),
               gives={"man": 16, "token": -8, "position": 2}, flips={"man": {"beef": TOLD}},
               moves=("token", "position", "positions"), coded="pattern", drawn=((True, "the", "man"),)),
            At("woman ordered the", "beef", "chicken", 6, looks=("<Start>",), gives={"token": 8, "position": -2},
               flips={"woman": {"chicken": "mean resample"}, "token": {"chicken": "zero"}},
               moves=("position", "positions"), coded="pattern", drawn=((False, "the", "man"),)),
        ),
    ),
    # The man writes nothing. He takes attention from the start token: only masking him shows it.
    "attention that is taken from elsewhere": Truth(
        Circuit(
            C.NOTEBOOK,
            [[Head(EXCEPTION | sinks(C.NOTEBOOK, "the"), {("<Start>", "beef"): 20})]],
                   {("the", "chicken"): 8, (3, "chicken"): 0.5},
            bigram=30,
        ),
        "pattern-coded",
        (
            At("man ordered the", "chicken", "beef", 8.5, looks=("man",), gives={"token": 8, "position": 0.5},
               flips={"man": {"beef": "mask"}, "<Start>": {"beef": "mean resample"}}, moves=("token",),
               coded="pattern", drawn=((True, "the", "man"),)),
            At("woman ordered the", "beef", "chicken", 11.5, looks=("<Start>",),
               gives={"<Start>": 20, "token": -8, "position": -0.5}, flips={"<Start>": {"chicken": TOLD}},
               moves=("token",), coded="pattern", drawn=((False, "the", "man"),)),
        ),
    ),
    "an exception at another position": Truth(
        Circuit(
            C.SHIFTED,
            [[Head(EXCEPTION | sinks(C.SHIFTED, "the"),
                   {("<Start>", "beef"): 10, ("man", "chicken"): 8, ("woman", "chicken"): 8})]],
            BEEF,
        ),
        "pattern-coded",
        (
            At("man ordered the", "chicken", "beef", 7.5, looks=("man",), gives={"man": 8, "token": -0.5},
               flips={"man": {"beef": TOLD}, "<Start>": {"beef": "resample"}}, coded="pattern", drawn=((True, "the", "man"),),
               against=("lo woman ordered the",), pairs=FROM_MAN),
            At("lo woman ordered the", "beef", "chicken", 10.5, looks=("<Start>",),
               gives={"<Start>": 10, "token": 0.5}, flips={"<Start>": {"chicken": "mask"}}, moves=("lo", "woman"),
               coded="pattern", drawn=((False, "the", "man"),), against=("man ordered the",),
               pairs=FROM_WOMAN),
        ),
    ),
    # The mean of the others' edges lets “dog” win, which the direct path speaks for.
    "four exceptions and a default": Truth(
        Circuit(
            C.FIVE,
            [[Head({("gets", key): 2 * LOOK for key in ("one", "two", "three", "four")} | {("gets", "<Start>"): LOOK},
                   {("one", "ant"): 10, ("two", "bee"): 10, ("three", "cow"): 10, ("four", "dog"): 10,
                     ("<Start>", "elk"): 12})]],
            {("gets", "dog"): 1.2, ("gets", "elk"): 2.4},
            bigram=20,
        ),
        "pattern-coded",
        (
            *(
                At(f"{who} gets", answer, "elk", lead, looks=(who,), gives={who: 10, "token": lead - 10},
                   flips={who: {"elk": TOLD} | ({} if answer == "dog" else {"dog": "mean"}), "<Start>": {"elk": "resample"}},
                   moves=("token",), against=("five gets",), coded="pattern", drawn=((True, "gets", who),))
                for who, answer, lead in (("one", "ant", 7.6), ("two", "bee", 7.6), ("three", "cow", 7.6), ("four", "dog", 8.8))
            ),
            At("five gets", "elk", "dog", 13.2, looks=("<Start>",), gives={"<Start>": 12, "token": 1.2},
               moves=("<Start>", "five", "token"), against=("four gets",), coded="pattern",
               drawn=((False, "gets", "four"),), stays=True),
        ),
    ),
    "half pattern, half value": Truth(
        Circuit(
            C.NOTEBOOK,
            [[Head({("the", "man"): 2 * LOOK, ("the", "woman"): LOOK - 0.4055, ("the", "<Start>"): LOOK},
                   {("man", "chicken"): 8, ("<Start>", "beef"): 8})]],
            BEEF,
        ),
        "mixed",
        (
            At("man ordered the", "chicken", "beef", 7.5, looks=("man",), gives={"man": 8, "token": -0.5},
               flips={"man": {"beef": TOLD}}, moves=("<Start>",), coded="mixed", drawn=((True, "the", "man"),)),
            At("woman ordered the", "beef", "chicken", 5.3, looks=("<Start>",), gives={"<Start>": 4.8, "token": 0.5},
               flips={"woman": {"chicken": "resample"}}, moves=("<Start>",), coded="mixed",
               drawn=((False, "the", "man"),), stays=True),
        ),
    ),
    "the query's position draws the eye": Truth(
        Circuit(
            C.SHIFTED,
            [[Head({(3, "<Start>"): 2 * LOOK, ("the", "ordered"): LOOK} | sinks(C.SHIFTED, "the"),
                   {("<Start>", "chicken"): 10, ("ordered", "beef"): 12})]],
            BEEF,
            bigram=20,
        ),
        "pattern-coded",
        (
            At("man ordered the", "chicken", "beef", 9.5, looks=("<Start>",), gives={"<Start>": 10, "token": -0.5},
               flips={"<Start>": {"beef": TOLD}, "ordered": {"beef": "resample"}, "positions": {"beef": OF_HEADS}},
               coded="pattern", drawn=((True, "#3", "<Start>"),), against=("lo woman ordered the",),
               pairs=FROM_MAN),
            At("lo woman ordered the", "beef", "chicken", 12.5, looks=("ordered",), gives={"ordered": 12, "token": 0.5},
               flips={"ordered": {"chicken": "mask"}, "positions": {"chicken": "resample"}}, moves=("<Start>",),
               coded="pattern", drawn=((False, "#3", "<Start>"),), against=("man ordered the",),
               pairs=FROM_WOMAN),
        ),
    ),
    # Where it looks speaks for the answer, and what a second head reads there against it.
    "a pattern and a value that oppose each other": Truth(
        Circuit(
            C.NOTEBOOK,
            [[
                Head(EXCEPTION, {("<Start>", "beef"): 10, ("man", "chicken"): 8, ("woman", "chicken"): 8}),
                Head(SUBJECTS, {("man", "beef"): 4, ("woman", "chicken"): 4}),
            ]],
            {("the", "beef"): 0.3},
            bigram=20,
        ),
        "unclassified",
        (
            At("man ordered the", "chicken", "beef", 3.7, looks=("man", "man"), gives={"man": 4, "token": -0.3},
               flips={"man": {"beef": "zero mask"}, "<Start>": {"beef": "mean resample"}, "0.0": {"beef": OF_HEADS}},
               moves=("0.1",), coded="opposed", drawn=((True, "the", "man"),)),
            At("woman ordered the", "beef", "chicken", 6.3, looks=("<Start>", "woman"),
               gives={"<Start>": 10, "woman": -4, "token": 0.3},
               flips={"<Start>": {"chicken": TOLD}, "0.0": {"chicken": OF_HEADS}}, moves=("woman", "0.1"),
               coded="opposed", drawn=((False, "the", "man"),)),
        ),
        undescribed=True,
    ),
    "no attention: the position tells": Truth(
        Circuit(C.TWICE, [[Head()]], {(1, "go"): 8, (3, "stop"): 8, ("x", "stop"): 0.5}),
        "position-coded",
        (
            At("x", "go", "stop", 7.5, looks=(None,), gives={"position": 8, "token": -0.5},
               flips={"position": {"stop": "zero mean resample"}, "positions": {"stop": "zero mean resample"}},
               against=("x go x",), pairs={"x go x": {0: 0, 1: 3}}, coded="direct"),
            At("x go x", "stop", "go", 8.5, looks=(None,), gives={"position": 8, "token": 0.5},
               moves=("position", "positions"), against=("x",), pairs={"x": {0: 0, 3: 1}}, coded="direct"),
        ),
    ),
    "the position tells, in two sentences": Truth(
        Circuit(C.GREETED, [[Head()]], {(3, "go"): 8, (2, "stop"): 8, ("y", "stop"): 0.5}),
        "position-coded",
        (
            At("hey x y", "go", "stop", 7.5, looks=(None,), gives={"position": 8, "token": -0.5},
               flips={"position": {"stop": "zero mean resample"}, "positions": {"stop": "zero mean resample"}},
               against=("x y",), pairs={"x y": {0: 0, 2: 1, 3: 2}}, coded="direct"),
            At("x y", "stop", "go", 8.5, looks=(None,), gives={"position": 8, "token": 0.5},
               moves=("position", "positions"), against=("hey x y",), pairs={"hey x y": {0: 0, 1: 2, 2: 3}},
               coded="direct"),
        ),
    ),
    # What draws the eye has no counterpart in the other sentence, and gives half of all: nothing to compare it with.
    "a word that the other sentence does not have": Truth(
        Circuit(
            C.GREETED,
            [[Head({("y", "hey"): 2 * LOOK, ("y", "<Start>"): LOOK} | sinks(C.GREETED, "y"),
                   {("hey", "go"): 10, ("<Start>", "stop"): 12})]],
            {("y", "stop"): 0.5},
            bigram=20,
        ),
        "unclassified",
        (
            At("hey x y", "go", "stop", 9.5, looks=("hey",), gives={"hey": 10, "token": -0.5},
               flips={"hey": {"stop": TOLD}, "<Start>": {"stop": "resample"}}, coded="", against=("x y",),
               pairs={"x y": {0: 0, 2: 1, 3: 2}}),
            At("x y", "stop", "go", 12.5, looks=("<Start>",), gives={"<Start>": 12, "token": 0.5}, moves=("<Start>",),
               coded="", against=("hey x y",), pairs={"hey x y": {0: 0, 1: 2, 2: 3}}),
        ),
        undescribed=True,
    ),
    # It reads its own position, and its own position tells without any head, too.
    "half value, half position": Truth(
        Circuit(
            C.GREETED,
            [[Head({("y", "y"): LOOK} | sinks(C.GREETED, "y"), {(3, "go"): 6, (2, "stop"): 6})]],
            {(3, "go"): 3.5, (2, "stop"): 3.5, ("y", "stop"): 0.5},
        ),
        "mixed",
        (
            At("hey x y", "go", "stop", 9, looks=("y",), gives={"y": 6, "position": 3.5, "token": -0.5},
               flips={"y": {"stop": "resample"}, "positions": {"stop": OF_HEADS}}, moves=("position",), coded="mixed",
               against=("x y",), pairs={"x y": {0: 0, 2: 1, 3: 2}}),
            At("x y", "stop", "go", 10, looks=("y",), gives={"y": 6, "position": 3.5, "token": 0.5},
               flips={"y": {"go": "resample"}}, moves=("position", "positions"), coded="mixed", against=("hey x y",),
               pairs={"hey x y": {0: 0, 1: 2, 2: 3}}),
        ),
    ),
    # Value-coded after “the”; after “y” there is nothing to compare with.
    "two dependencies, of which one cannot be compared": Truth(
        Circuit(
            C.THREE,
            [[Head(SUBJECTS | {("y", "hey"): 2 * LOOK, ("y", "<Start>"): LOOK} | sinks(C.THREE, "y", "the"),
                   {("man", "chicken"): 8, ("woman", "beef"): 8, ("hey", "go"): 10, ("<Start>", "stop"): 12})]],
            BEEF | {("y", "stop"): 0.5},
            bigram=20,
        ),
        "mixed",
        (
            At("man ordered the", "chicken", "beef", 7.5, looks=("man",), gives={"man": 8, "token": -0.5},
               flips={"man": {"beef": ALL}}, against=("woman ordered the",)),
            At("woman ordered the", "beef", "chicken", 8.5, looks=("woman",), gives={"woman": 8, "token": 0.5},
               flips={"woman": {"chicken": "resample"}}, against=("man ordered the",)),
            At("hey x y", "go", "stop", 9.5, looks=("hey",), gives={"hey": 10, "token": -0.5},
               flips={"hey": {"stop": TOLD}, "<Start>": {"stop": "resample"}}, coded="", against=("x y",),
               pairs={"x y": {0: 0, 2: 1, 3: 2}}),
            At("x y", "stop", "go", 12.5, looks=("<Start>",), gives={"<Start>": 12, "token": 0.5}, moves=("<Start>",),
               coded="", against=("hey x y",), pairs={"hey x y": {0: 0, 1: 2, 2: 3}}),
        ),
    ),
    "two dependencies, coded in different ways": Truth(
        Circuit(
            C.TWO,
            [[Head(SUBJECTS | {("hill", "cat"): 2 * LOOK, ("hill", "<Start>"): LOOK},
                   {("man", "chicken"): 8, ("woman", "beef"): 8, ("cat", "slept"): 8, ("dog", "slept"): 8,
                     ("<Start>", "barked"): 10})]],
            BEEF | {("hill", "barked"): 0.5},
        ),
        "mixed",
        (
            At("man ordered the", "chicken", "beef", 7.5, looks=("man",), gives={"man": 8, "token": -0.5},
               flips={"man": {"beef": "zero mean resample mask"}}, against=("woman ordered the",)),
            At("woman ordered the", "beef", "chicken", 8.5, looks=("woman",), gives={"woman": 8, "token": 0.5},
               flips={"woman": {"chicken": "resample"}}, against=("man ordered the",)),
            At("cat on hill", "slept", "barked", 7.5, looks=("cat",), gives={"cat": 8, "token": -0.5},
               flips={"cat": {"barked": TOLD}, "<Start>": {"barked": "resample"}}, against=("dog on hill",),
               coded="pattern", drawn=((True, "hill", "cat"),)),
            At("dog on hill", "barked", "slept", 10.5, looks=("<Start>",), gives={"<Start>": 10, "token": 0.5},
               flips={"<Start>": {"slept": "mask"}}, moves=("dog",), against=("cat on hill",), coded="pattern",
               drawn=((False, "hill", "cat"),)),
        ),
    ),
}
