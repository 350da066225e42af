"""Truth tests: on models whose mechanism is known because it was planted, attribution, name and sentence say just that."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from planted import ANIMALS, LONG, LOOK, NOTEBOOK, STRONG, TWICE, Head, plant, plant_in_logits

from headlab.analysis.explanation.explanation import explain

NOISES = (0.0, 0.005, 0.01)


@dataclass
class Truth:
    """What a planted model does, sentence by sentence: where it looks, what gives the answer, what the test must show.

    needed: what flips the prediction when it is ablated (None: nothing does, there is a default)
    says: what the sentence must say
    """

    plant: object
    mechanism: str
    looks: list = field(default_factory=list)
    gives: list = field(default_factory=list)
    needed: list = field(default_factory=list)
    says: list = field(default_factory=list)


COPY = {("man", "chicken"): STRONG, ("woman", "beef"): STRONG}
AT_SUBJECT = {("the", "man"): LOOK, ("the", "woman"): LOOK}
SUBJECTS = {"looks": ["man", "woman"], "gives": ["man", "woman"], "needed": ["man", "woman"]}
ANIMAL_FOOD = {("cat", "fish"): STRONG, ("dog", "bone"): STRONG, ("bird", "seed"): STRONG}
PEOPLE = {("ann", "tea"): STRONG, ("bob", "jam"): STRONG}


def noisy(build, *arguments, **options):
    return lambda noise: build(*arguments, noise=noise, **options)


TRUTHS = {
    "a head that copies the subject": Truth(
        noisy(plant, NOTEBOOK, [[Head(AT_SUBJECT, COPY)]]), "value-coded", **SUBJECTS, says=["value-coded (100%)"]
    ),
    "the same in the notebook's shape, d_model = d_vocab": Truth(
        noisy(plant_in_logits, NOTEBOOK, AT_SUBJECT, COPY), "value-coded", **SUBJECTS
    ),
    "the same with W_V W_O": Truth(
        noisy(plant, NOTEBOOK, [[Head(AT_SUBJECT, COPY)]], factored=True, seed=1), "value-coded", **SUBJECTS
    ),
    "a head that finds the subject by its position": Truth(
        noisy(plant, NOTEBOOK, [[Head({(3, 1): LOOK}, COPY)]], seed=2), "value-coded", **SUBJECTS
    ),
    "three subjects": Truth(
        noisy(plant, ANIMALS, [[Head({("the", who): LOOK for who, _ in ANIMAL_FOOD}, ANIMAL_FOOD)]], seed=3),
        "value-coded",
        looks=["cat", "dog", "bird"],
        gives=["cat", "dog", "bird"],
        needed=["cat", "dog", "bird"],
    ),
    "a subject nine words away": Truth(
        noisy(plant, LONG, [[Head({("some", "ann"): LOOK, ("some", "bob"): LOOK}, PEOPLE)]], seed=4),
        "value-coded",
        looks=["ann", "bob"],
        gives=["ann", "bob"],
        needed=["ann", "bob"],
    ),
    "a default that the start token writes, and one subject that draws the eye": Truth(
        noisy(
            plant,
            NOTEBOOK,
            [
                [
                    Head(
                        {("the", "man"): 2 * LOOK, ("the", "<Start>"): LOOK},
                        {("<Start>", "beef"): STRONG, ("man", "chicken"): STRONG, ("woman", "chicken"): STRONG},
                    )
                ]
            ],
            direct={("the", "beef"): 0.8},
            seed=5,
        ),
        "pattern-coded",
        looks=["man", "<Start>"],
        gives=["man", "<Start>"],
        needed=["man", None],
        says=["pattern-coded (100%)", "ablating it flips the prediction (mask)"],
    ),
    "a default on the direct path, and one subject that draws the eye": Truth(
        noisy(
            plant,
            NOTEBOOK,
            [
                [
                    Head(
                        {("the", "man"): 2 * LOOK, ("the", "<Start>"): LOOK},
                        {("man", "chicken"): 2 * STRONG, ("woman", "chicken"): 2 * STRONG},
                    )
                ]
            ],
            direct={("the", "beef"): STRONG},
            seed=6,
        ),
        "pattern-coded",
        looks=["man", "<Start>"],
        gives=["man", "direct path: token"],
        needed=["man", "direct path: token"],
        says=["", "the direct path gives +8"],
    ),
    "no attention: the position tells": Truth(
        noisy(
            plant, TWICE, [[Head()]], direct={(n, "stop" if n in (0, 3) else "go"): STRONG for n in range(4)}, seed=7
        ),
        "position-coded",
        gives=["direct path: position", "direct path: position"],
        needed=["direct path: position", "direct path: position"],
        says=["its own position gives +8.00"] * 2,
    ),
    "two heads, each of which is enough": Truth(
        noisy(plant, NOTEBOOK, [[Head(AT_SUBJECT, COPY), Head(AT_SUBJECT, COPY)]], seed=8),
        "value-coded",
        **SUBJECTS,
        says=["no single head is needed"] * 2,
    ),
    "a decoy position: much attention, nothing written": Truth(
        noisy(
            plant,
            NOTEBOOK,
            [[Head({("the", "ordered"): LOOK + 2, **AT_SUBJECT}, dict.fromkeys(COPY, 6 * STRONG))]],
            seed=9,
        ),
        "value-coded",
        looks=["ordered", "ordered"],
        gives=["man", "woman"],
        needed=["man", "woman"],
        says=["ablating “ordered” flips nothing"] * 2,
    ),
    "a decoy head: it looks at the subject and writes nothing": Truth(
        noisy(plant, NOTEBOOK, [[Head(AT_SUBJECT, COPY), Head(AT_SUBJECT)]], seed=10),
        "value-coded",
        **SUBJECTS,
        says=["needed: head 0.0"] * 2,
    ),
    "two layers: the first moves the subject, the second reads it there": Truth(
        noisy(
            plant,
            NOTEBOOK,
            [
                [Head({("ordered", "man"): LOOK, ("ordered", "woman"): LOOK}, moves=1.0)],
                [Head({("the", "ordered"): LOOK}, reads=COPY)],
            ],
            seed=11,
        ),
        "value-coded",
        looks=["ordered", "ordered"],
        gives=["man", "woman"],
        needed=["man", "woman"],
    ),
    "two layers of which the first does nothing": Truth(
        noisy(plant, NOTEBOOK, [[Head()], [Head(AT_SUBJECT, COPY)]], seed=12),
        "value-coded",
        **SUBJECTS,
        says=["needed: head 1.0"] * 2,
    ),
    "half pattern, half value": Truth(
        noisy(
            plant,
            NOTEBOOK,
            [
                [
                    Head(
                        {("the", "man"): 2 * LOOK, ("the", "woman"): LOOK, ("the", "<Start>"): LOOK},
                        {("man", "chicken"): STRONG, ("<Start>", "beef"): STRONG},
                    )
                ]
            ],
            seed=13,
        ),
        "mixed",
        gives=["man", "<Start>"],
        says=["its coding is mixed (pattern 50%, value 50%)"],
    ),
    "the current token alone": Truth(
        noisy(plant, NOTEBOOK, [[Head(AT_SUBJECT)]], seed=14),
        "unsolved: bigram only",
        says=["does not tell the sentences apart"] * 2,
    ),
    "a head that copies the wrong answer": Truth(
        noisy(plant, NOTEBOOK, [[Head(AT_SUBJECT, {("man", "beef"): STRONG, ("woman", "chicken"): STRONG})]], seed=15),
        "unsolved: other",
        says=["It is wrong: after “the” it predicts “beef”", "It is wrong: after “the” it predicts “chicken”"],
    ),
}


@pytest.fixture(scope="module", params=[(name, noise) for name in TRUTHS for noise in NOISES], ids=str)
def case(request):
    name, noise = request.param
    truth = TRUTHS[name]
    subject = truth.plant(noise)
    return truth, explain(subject, names=["noisy"] * 3 if noise else None)


def test_the_mechanism_is_the_planted_one(case):
    truth, explanations = case
    assert explanations.mechanism.tolist() == [truth.mechanism] * len(explanations)


def test_attribution_names_the_planted_source_and_nothing_else(case):
    truth, explanations = case
    for explanation in explanations:
        for record, looks, gives in zip(explanation.records, truth.looks or truth.gives, truth.gives, strict=False):
            parts = {part.name: part.contribution for part in (*record.sources, *record.others)}
            parts.pop("all W_pos", None)  # they give through everything
            assert max(parts, key=parts.get) == gives
            assert parts.pop(gives) >= 0.85 * record.difference
            # What takes back is planted too: the default that an exception overrules.
            assert all(part < 0.15 * record.difference for part in parts.values())
            if truth.looks:
                assert max(record.sources, key=lambda source: source.attention).name == looks


def test_ablation_shows_what_is_needed_and_what_is_not(case):
    truth, explanations = case
    for explanation in explanations:
        for record, needed, looks in zip(explanation.records, truth.needed, truth.looks or truth.needed, strict=False):
            for source in record.sources:
                assert "zero" not in source.flips or source.name in (needed, looks)
            flipping = [part.name for part in (*record.sources, *record.others) if part.flips]
            assert needed is None or needed in flipping


def test_decoys_are_missed_only_as_they_take_attention_from_others(case):
    truth, explanations = case
    for explanation in explanations:
        for record, looks, gives in zip(explanation.records, truth.looks, truth.gives, strict=False):
            if looks != gives and record.n_layers == 1:
                decoy = next(source for source in record.sources if source.name == looks)
                assert decoy.contribution == pytest.approx(0, abs=0.1 * record.difference)
                assert set(decoy.flips) <= {"mask"}
                for kind in ("zero", "mean", "resample"):
                    assert decoy.after[kind] == pytest.approx(record.difference, abs=0.1 * record.difference)
                assert decoy.claim == decoy.finding


def test_the_sentence_names_the_planted_truth_in_at_most_forty_words(case):
    truth, explanations = case
    for explanation in explanations:
        sentences = explanation.sentences()
        assert all(len(text.split()) <= 40 for text in sentences)
        for text, looks, gives in zip(sentences, truth.looks, truth.gives, strict=False):
            assert f"most at “{looks}”" in text
            named = "the direct path" if gives == "direct path: token" else f"“{gives}”"
            assert f"{named} gives" in text or (looks == gives and ", which gives" in text)
            others = {"man", "woman", "ordered", "<Start>", "cat", "dog", "bird", "ann", "bob"} - {looks, gives}
            assert not [word for word in others if f"“{word}”" in text]
        if "noisy" not in explanations.names:  # noise moves the last digits
            assert all(says in text for text, says in zip(sentences, truth.says, strict=False))


def test_planted_models_differ_in_size():
    sizes = {(truth.plant(0.0).model.d_model, truth.plant(0.0).corpus.n_ctx) for truth in TRUTHS.values()}
    assert len(sizes) >= 4
    assert len(TRUTHS) >= 12
    assert np.isfinite([truth.plant(0.01).mean_loss for truth in TRUTHS.values()]).all()
