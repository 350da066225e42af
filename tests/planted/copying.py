"""Circuits of one head that copies what stands at its source: value-coded, on many corpora."""

from planted import corpora as C
from planted.circuit import Circuit
from planted.tables import LOOK, Head, sinks
from planted.truth import ALL, At, Truth

# Tables: what belongs together stands in one line.
# fmt: off

SUBJECTS = {("the", "man"): LOOK, ("the", "woman"): LOOK}
COPY = {("man", "chicken"): 8.0, ("woman", "beef"): 8.0}
STRONGER = {("man", "chicken"): 8.0, ("woman", "beef"): 10.0}
BEEF = {("the", "beef"): 0.5}  # decides where nothing else does

# Without the subject, beef's half logit is left: what flips “chicken” flips nothing where “beef” is right already.
MAN = At(
    "man ordered the",
    "chicken",
    "beef",
    7.5,
    looks=("man",),
    gives={"man": 8, "token": -0.5},
    flips={"man": {"beef": ALL}},
)
WOMAN = At(
    "woman ordered the",
    "beef",
    "chicken",
    8.5,
    looks=("woman",),
    gives={"woman": 8, "token": 0.5},
    flips={"woman": {"chicken": "resample"}},
)
PAIR = (MAN, WOMAN)


def copying(corpus, query, pairs, bias, **options):
    """Return a circuit whose head goes from a token to one of the keys and writes its answer with eight logits."""
    scores = {(query, key): LOOK for key in pairs}
    direct = {(query, token): logit for token, logit in bias.items()}
    return Circuit(corpus, [[Head(scores, dict.fromkeys(pairs.items(), 8.0))]], direct, **options)


def pair(beginnings, query, subjects, answers, **more):
    """Return the truth about two places: a copied subject each, and half a logit for the second answer."""
    (first, second), (one, other), (answer, rival) = beginnings, subjects, answers
    return (
        At(first, answer, rival, 7.5, looks=(one,), gives={one: 8, "token": -0.5}, flips={one: {rival: ALL}}, **more),
        At(second, rival, answer, 8.5, looks=(other,), gives={other: 8, "token": 0.5},
           flips={other: {answer: "resample"}}, **more),
    )


TRUTHS = {
    "a head that copies the subject": Truth(Circuit(C.NOTEBOOK, [[Head(SUBJECTS, COPY)]], BEEF), "value-coded", PAIR),
    "the same in the notebook's shape, d_model = d_vocab": Truth(
        Circuit(C.NOTEBOOK, [[Head(SUBJECTS, COPY)]], BEEF, in_logits=True, positions=False), "value-coded", PAIR
    ),
    "the same with W_V W_O": Truth(
        Circuit(C.NOTEBOOK, [[Head(SUBJECTS, COPY)]], BEEF, factored=True), "value-coded", PAIR
    ),
    "the same without positions": Truth(
        Circuit(C.NOTEBOOK, [[Head(SUBJECTS, COPY)]], BEEF, positions=False), "value-coded", PAIR
    ),
    # A pattern without positions is uniform: a quarter of the subject is enough.
    "a head that finds the subject by its position": Truth(
        Circuit(C.NOTEBOOK, [[Head({(3, 1): LOOK}, COPY)]], BEEF),
        "value-coded",
        (
            At("man ordered the", "chicken", "beef", 7.5, looks=("man",), gives={"man": 8, "token": -0.5},
               flips={"man": {"beef": ALL}}, moves=("positions",)),
            At("woman ordered the", "beef", "chicken", 8.5, looks=("woman",), gives={"woman": 8, "token": 0.5},
               flips={"woman": {"chicken": "resample"}}, moves=("positions",)),
        ),
    ),
    "three subjects": Truth(
        copying(C.ANIMALS, "the", {"cat": "fish", "dog": "bone", "bird": "seed"}, {"bone": 0.6, "seed": 1.2}),
        "value-coded",
        (
            At("cat likes the", "fish", "seed", 6.8, looks=("cat",), gives={"cat": 8, "token": -1.2},
               flips={"cat": {"seed": ALL}}, moves=("token",), against=("bird likes the",)),
            At("dog likes the", "bone", "seed", 7.4, looks=("dog",), gives={"dog": 8, "token": -0.6},
               flips={"dog": {"seed": ALL}}, against=("bird likes the",)),
            At("bird likes the", "seed", "bone", 8.6, looks=("bird",), gives={"bird": 8, "token": 0.6},
               flips={"bird": {"bone": "resample"}}, moves=("token",), against=("dog likes the",)),
        ),
    ),
    # Both other words are as far behind: the model has two rivals, and two places to compare with.
    "three subjects, rivals that are equal": Truth(
        copying(C.ANIMALS, "the", {"cat": "fish", "dog": "bone", "bird": "seed"}, {}),
        "value-coded",
        (
            At("cat likes the", "fish", "bone=seed", 8, looks=("cat",), gives={"cat": 8},
               flips={"cat": {"bone": "resample", "seed": "resample"}},
               ties={"cat": {"fish=bone=seed": "zero mean mask"}}, against=("dog likes the", "bird likes the")),
            At("dog likes the", "bone", "fish=seed", 8, looks=("dog",), gives={"dog": 8},
               flips={"dog": {"fish": "resample", "seed": "resample"}},
               ties={"dog": {"fish=bone=seed": "zero mean mask"}}, against=("cat likes the", "bird likes the")),
            At("bird likes the", "seed", "fish=bone", 8, looks=("bird",), gives={"bird": 8},
               flips={"bird": {"fish": "resample", "bone": "resample"}},
               ties={"bird": {"fish=bone=seed": "zero mean mask"}}, against=("cat likes the", "dog likes the")),
        ),
        noisy=False,
    ),
    "five subjects, five answers": Truth(
        Circuit(
            C.FIVE,
            [[Head({("gets", key): LOOK for key in ("one", "two", "three", "four", "five")},
                   {("one", "ant"): 10, ("two", "bee"): 10, ("three", "cow"): 10, ("four", "dog"): 10,
                    ("five", "elk"): 10})]],
            {("gets", "dog"): 1.2, ("gets", "elk"): 2.4},
        ),
        "value-coded",
        (
            At("one gets", "ant", "elk", 7.6, looks=("one",), gives={"one": 10, "token": -2.4},
               flips={"one": {"elk": ALL}}, moves=("token",), against=("five gets",)),
            At("two gets", "bee", "elk", 7.6, looks=("two",), gives={"two": 10, "token": -2.4},
               flips={"two": {"elk": ALL}}, moves=("token",), against=("five gets",)),
            At("three gets", "cow", "elk", 7.6, looks=("three",), gives={"three": 10, "token": -2.4},
               flips={"three": {"elk": ALL}}, moves=("token",), against=("five gets",)),
            At("four gets", "dog", "elk", 8.8, looks=("four",), gives={"four": 10, "token": -1.2},
               flips={"four": {"elk": ALL}}, moves=("token",), against=("five gets",)),
            At("five gets", "elk", "dog", 11.2, looks=("five",), gives={"five": 10, "token": 1.2},
               flips={"five": {"dog": "resample"}}, moves=("token",), against=("four gets",)),
        ),
    ),
    # Of two places that are as near the donor that hurts more counts.
    "four subjects, two answers": Truth(
        copying(C.FOUR, "likes", {"ann": "tea", "bob": "tea", "cid": "jam", "dan": "jam"}, {"jam": 0.5}),
        "value-coded",
        (
            At("ann likes", "tea", "jam", 7.5, looks=("ann",), gives={"ann": 8, "token": -0.5},
               flips={"ann": {"jam": ALL}}, against=("cid likes", "dan likes")),
            At("bob likes", "tea", "jam", 7.5, looks=("bob",), gives={"bob": 8, "token": -0.5},
               flips={"bob": {"jam": ALL}}, against=("cid likes", "dan likes")),
            At("cid likes", "jam", "tea", 8.5, looks=("cid",), gives={"cid": 8, "token": 0.5},
               flips={"cid": {"tea": "resample"}}, against=("ann likes", "bob likes")),
            At("dan likes", "jam", "tea", 8.5, looks=("dan",), gives={"dan": 8, "token": 0.5},
               flips={"dan": {"tea": "resample"}}, against=("ann likes", "bob likes")),
        ),
    ),
    "a subject nine words away": Truth(
        copying(C.LONG, "some", {"ann": "tea", "bob": "jam"}, {"jam": 0.5}),
        "value-coded",
        pair(
            [f"{who} who went to the old town bought some" for who in ("ann", "bob")],
            "some",
            ("ann", "bob"),
            ("tea", "jam"),
        ),
    ),
    "sentences of different length": Truth(
        copying(C.ENDS, "at", {"ann": "noon", "kim": "night"}, {"night": 0.5}),
        "value-coded",
        pair(("ann met bob at", "kim met bob at"), "at", ("ann", "kim"), ("noon", "night")),
    ),
    # The mean goes position by position: where the other sentence has another word there, half of the subject is left. A part
    # is resampled in every alignment, so that “lo” may stand for the man as well as the woman may.
    "subjects at different positions": Truth(
        Circuit(C.SHIFTED, [[Head(SUBJECTS | sinks(C.SHIFTED, "the"), STRONGER)]], BEEF),
        "value-coded",
        (
            At("man ordered the", "chicken", "beef", 7.5, looks=("man",), gives={"man": 8, "token": -0.5},
               flips={"man": {"beef": "zero resample mask"}}, against=("lo woman ordered the",),
               pairs={"lo woman ordered the": [{0: 0, 1: 2, 2: 3, 3: 4}, {0: 0, 1: 1, 2: 3, 3: 4}]}),
            At("lo woman ordered the", "beef", "chicken", 10.5, looks=("woman",), gives={"woman": 10, "token": 0.5},
               flips={"woman": {"chicken": "resample"}}, moves=("lo",), against=("man ordered the",),
               pairs={"man ordered the": [{0: 0, 2: 1, 3: 2, 4: 3}, {0: 0, 1: 1, 3: 2, 4: 3}]}),
        ),
    ),
    "fillers after the subject": Truth(
        Circuit(C.FILLED, [[Head(SUBJECTS | sinks(C.FILLED, "the"), STRONGER)]], BEEF),
        "value-coded",
        (
            At("man ordered the", "chicken", "beef", 7.5, looks=("man",), gives={"man": 8, "token": -0.5},
               flips={"man": {"beef": "zero resample mask"}}, against=("woman now and then ordered the",),
               pairs={"woman now and then ordered the": [{0: 0, 1: at, 2: 5, 3: 6} for at in (1, 2, 3, 4)]}),
            At("woman now and then ordered the", "beef", "chicken", 10.5, looks=("woman",),
               gives={"woman": 10, "token": 0.5}, flips={"woman": {"chicken": "resample"}}, moves=("now", "and", "then"),
               against=("man ordered the",),
               pairs={"man ordered the": [{0: 0, at: 1, 5: 2, 6: 3} for at in (1, 2, 3, 4)]}),
        ),
    ),
    # Two of three sentences are the man's: what the mean leaves is his.
    "a sentence that stands there twice": Truth(
        Circuit(C.REPEATED, [[Head(SUBJECTS, COPY)]], BEEF),
        "value-coded",
        (
            *[
                At("man ordered the", "chicken", "beef", 7.5, looks=("man",), gives={"man": 8, "token": -0.5},
                   flips={"man": {"beef": "zero resample mask"}}, against=("woman ordered the",))
            ]
            * 2,
            At("woman ordered the", "beef", "chicken", 8.5, looks=("woman",), gives={"woman": 8, "token": 0.5},
               flips={"woman": {"chicken": "mean resample"}}, against=("man ordered the",)),
        ),
    ),
    "a subject that is said twice": Truth(
        copying(C.ECHO, "saw", {"ann": "ann", "bob": "bob"}, {"bob": 0.5}),
        "value-coded",
        (
            At("ann saw", "ann", "bob", 7.5, looks=("ann 1",), gives={"ann 1": 8, "token": -0.5},
               flips={"ann 1": {"bob": ALL}}),
            At("bob saw", "bob", "ann", 8.5, looks=("bob 1",), gives={"bob 1": 8, "token": 0.5},
               flips={"bob 1": {"ann": "resample"}}),
        ),
    ),
    "a current token that stands there twice": Truth(
        copying(C.FED, "the", {"man": "dog", "woman": "cat"}, {"cat": 1.2, "dog": 0.6}),
        "value-coded",
        (
            At("the man fed the", "dog", "cat", 7.4, looks=("man",), gives={"man": 8, "token": -0.6},
               flips={"man": {"cat": ALL}}),
            At("the woman fed the", "cat", "dog", 8.6, looks=("woman",), gives={"woman": 8, "token": 0.6},
               flips={"woman": {"dog": "resample"}}, moves=("token",)),
        ),
    ),
    # What the sentence's other place reads has no counterpart here: nothing honest can be said about the coding.
    "both places in one sentence": Truth(
        Circuit(
            C.NIGHT,
            [[Head({("the", "sun"): LOOK, ("the", "moon"): 2 * LOOK}, {("sun", "day"): 8, ("moon", "night"): 10})]],
                   {("the", "night"): 0.5},
        ),
        "unclassified",
        (
            At("sun the", "day", "night", 7.5, looks=("sun",), gives={"sun": 8, "token": -0.5}, coded="",
               flips={"sun": {"night": "zero resample mask"}}, against=("sun the day moon the",),
               pairs={"sun the day moon the": {0: 0, 1: 1, 2: 5}}),
            At("sun the day moon the", "night", "day", 10.5, looks=("moon",), gives={"moon": 10, "token": 0.5},
               coded="", flips={"moon": {"day": "mask"}}, moves=("sun",), against=("sun the",),
               pairs={"sun the": {0: 0, 1: 1, 5: 2}}),
        ),
        undescribed=True,
    ),
    "a near third word that is an alternative": Truth(
        Circuit(
            C.MENU,
            [[Head({("the", key): LOOK for key in ("man", "woman", "child")},
                   {("man", "chicken"): 8, ("man", "soup"): 5.5, ("woman", "beef"): 8, ("child", "soup"): 8})]],
            {("the", "soup"): 0.7, ("the", "beef"): 0.4},
        ),
        "value-coded",
        (
            At("man ordered the", "chicken", "soup", 1.8, looks=("man",), gives={"man": 2.5, "token": -0.7},
               flips={"man": {"soup": ALL}}, moves=("token",), against=("child ordered the",)),
            At("woman ordered the", "beef", "soup", 7.7, looks=("woman",), gives={"woman": 8, "token": -0.3},
               flips={"woman": {"soup": ALL}}, against=("child ordered the",)),
            At("child ordered the", "soup", "beef", 8.3, looks=("child",), gives={"child": 8, "token": 0.3},
               flips={"child": {"beef": "resample"}}, against=("woman ordered the",)),
        ),
    ),
    # After “the” soup never comes; it stands behind chicken all the same, and wins where the direct path speaks less.
    "a near third word that never comes there": Truth(
        Circuit(
            C.COOK,
            [[Head(SUBJECTS, COPY | {("man", "soup"): 18})]],
            BEEF,
        ),
        "value-coded",
        (
            At("man ordered the", "chicken", "beef", 7.5, looks=("man",), gives={"man": 8, "token": -0.5},
               flips={"man": {"beef": ALL}, "token": {"soup": "zero mean"}}, nearer={"soup": 2},
               against=("woman ordered the",)),
            At("woman ordered the", "beef", "chicken", 8.5, looks=("woman",), gives={"woman": 8, "token": 0.5},
               flips={"woman": {"chicken": "resample"}}, against=("man ordered the",)),
        ),
    ),
    "a head that writes against the rival": Truth(
        Circuit(
            C.NOTEBOOK,
            [[Head(SUBJECTS,
                   {("man", "chicken"): 1, ("man", "beef"): -7, ("woman", "beef"): 1, ("woman", "chicken"): -7})]],
            BEEF,
        ),
        "value-coded",
        (
            At("man ordered the", "chicken", "beef", 7.5, looks=("man",), gives={"man": 8, "token": -0.5},
               flips={"man": {"beef": ALL}}, moves=("token",)),
            At("woman ordered the", "beef", "chicken", 8.5, looks=("woman",), gives={"woman": 8, "token": 0.5},
               flips={"woman": {"chicken": "resample"}}, moves=("token",)),
        ),
    ),
    # Masking the decoy leaves all the attention to the subject: it flips nothing, and it is not nothing.
    "a decoy position: much attention, nothing written": Truth(
        Circuit(
            C.NOTEBOOK,
            [[Head(SUBJECTS | {("the", "ordered"): LOOK + 1.6094} | sinks(C.NOTEBOOK, "the"),
                   {("man", "chicken"): 48, ("woman", "beef"): 48})]],
            BEEF,
        ),
        "value-coded",
        (
            At("man ordered the", "chicken", "beef", 7.5, looks=("ordered",), gives={"man": 8, "token": -0.5},
               flips={"man": {"beef": ALL}}, moves=("ordered",)),
            At("woman ordered the", "beef", "chicken", 8.5, looks=("ordered",), gives={"woman": 8, "token": 0.5},
               flips={"woman": {"chicken": "resample"}}, moves=("ordered",)),
        ),
    ),
    "an attention sink": Truth(
        Circuit(
            C.NOTEBOOK,
            [[Head(SUBJECTS | {("the", "<Start>"): LOOK + 1.6094} | sinks(C.NOTEBOOK, "the"),
                   {("man", "chicken"): 48, ("woman", "beef"): 48})]],
            BEEF,
        ),
        "value-coded",
        (
            At("man ordered the", "chicken", "beef", 7.5, looks=("<Start>",), gives={"man": 8, "token": -0.5},
               flips={"man": {"beef": ALL}}, moves=("<Start>",)),
            At("woman ordered the", "beef", "chicken", 8.5, looks=("<Start>",), gives={"woman": 8, "token": 0.5},
               flips={"woman": {"chicken": "resample"}}, moves=("<Start>",)),
        ),
    ),
    # The man gets 60 % of the attention and the woman 40 %: she is not what it looks most at, and all the same what it reads.
    "one subject more than half in sight, the other less": Truth(
        Circuit(
            C.NOTEBOOK,
            [[Head({("the", "man"): LOOK + 0.4055, ("the", "woman"): LOOK - 0.4055} | sinks(C.NOTEBOOK),
                   {("man", "chicken"): 13.333, ("woman", "beef"): 20})]],
            BEEF,
        ),
        "value-coded",
        (
            At("man ordered the", "chicken", "beef", 7.5, looks=("man",), gives={"man": 8, "token": -0.5},
               flips={"man": {"beef": ALL}}, moves=("<Start>",)),
            At("woman ordered the", "beef", "chicken", 8.5, looks=("<Start>",), gives={"woman": 8, "token": 0.5},
               flips={"woman": {"chicken": "resample"}}, moves=("<Start>",)),
        ),
    ),
    # “ordered” gives nothing to the answer over its rival, and is not what is looked at most: that it holds a third word down is
    # in the table of ablations, and no clause says it.
    "a third word held down in passing": Truth(
        Circuit(
            C.NOTEBOOK,
            [[Head({("the", "man"): LOOK + 0.4055, ("the", "woman"): LOOK + 0.4055, ("the", "ordered"): LOOK}
                   | sinks(C.NOTEBOOK, "the"),
                   {("man", "chicken"): 26.667, ("woman", "beef"): 26.667, ("ordered", "<Start>"): -60})]],
            {("the", "beef"): 1.2, ("the", "<Start>"): 32},
        ),
        "value-coded",
        (
            At("man ordered the", "chicken", "beef", 14.8, looks=("man",), gives={"man": 16, "token": -1.2},
               flips={"man": {"beef": ALL}, "ordered": {"<Start>": "zero"}}),
            At("woman ordered the", "beef", "chicken", 17.2, looks=("woman",), gives={"woman": 16, "token": 1.2},
               flips={"woman": {"chicken": "resample"}, "ordered": {"<Start>": "zero"}}),
        ),
        noisy=False,
    ),
    # The start token speaks for chicken in both sentences: only zero and mask show that the man's answer is its.
    "a constant that is needed": Truth(
        Circuit(
            C.NOTEBOOK,
            [[Head(SUBJECTS | {("the", "<Start>"): LOOK - 0.4055},
                   {("<Start>", "chicken"): 15, ("woman", "beef"): 25})]],
            {("the", "beef"): 0.4},
            bigram=20,
        ),
        "value-coded",
        (
            At("man ordered the", "chicken", "beef", 5.6, looks=("man",), gives={"<Start>": 6, "token": -0.4},
               flips={"<Start>": {"beef": "zero mask"}, "man": {"beef": "mean resample"}}),
            At("woman ordered the", "beef", "chicken", 9.4, looks=("woman",),
               gives={"woman": 15, "<Start>": -6, "token": 0.4}, flips={"woman": {"chicken": "zero resample mask"}},
               moves=("<Start>",)),
        ),
    ),
}
