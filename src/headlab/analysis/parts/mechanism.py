"""What a run does, as one word, from measured quantities."""

from collections.abc import Sequence

import numpy as np

from headlab.analysis.choice import Choice
from headlab.analysis.looking import predictions
from headlab.analysis.parts.coding import Coding, coding
from headlab.analysis.subject import Subject
from headlab.arrays import Array, Bool, Float, Shaped
from headlab.model.outputs import softmax

MAIN = 2 / 3  # a part that is at least twice all others together
AGAINST = -1 / 3  # a part that takes back more than this: the parts oppose each other, and shares mean little
NEAR_BIGRAM = 1 / 3  # of what knowing the answer would gain over the current token alone

VALUE, PATTERN, POSITION, MIXED = "value-coded", "pattern-coded", "position-coded", "mixed"
HAIR, UNCLASSIFIED = "by a hair", "unclassified"
BIGRAM, OTHER = "unsolved: bigram only", "unsolved: other"
MECHANISMS = (VALUE, PATTERN, MIXED, POSITION, UNCLASSIFIED, HAIR, BIGRAM, OTHER)
MEANINGS = {
    VALUE: "it looks at the same place in both sentences, and what it reads there differs",
    PATTERN: "where it looks differs between the sentences, as when one answer is the default and an exception draws the eye",
    MIXED: "where it looks and what it reads there both differ, or its dependencies are coded in different ways",
    POSITION: "no head is needed: the position of the current token tells the answer",
    UNCLASSIFIED: "it answers right, in a way that none of the other names fits",
    HAIR: "it answers right, but barely: somewhere the right token leads by less than half a logit",
    BIGRAM: "it goes by the current token alone; its loss is at the bigram floor",
    OTHER: "it answers wrong, with a loss away from the bigram floor",
}


def in_words(name: str) -> str:
    """Return a mechanism as people read it: a hair is called as the grade is.

    >>> in_words("by a hair"), in_words("mixed")
    ('right by a hair', 'mixed')
    """
    return predictions.HAIR if name == HAIR else name


def classify(
    told_apart: Bool[Array, " run"],
    hair: Bool[Array, " run"],
    near_bigram: Bool[Array, " run"],
    split: Coding | None,
) -> Shaped[Array, " run"]:
    """Return the mechanism [run] by which one dependency is coded.

    told_apart: the most likely token is the target here, and the rival is preferred at the other place
    hair: the right token's lead is below half a logit, here or there; see `is_by_a_hair`
    near_bigram: at both places together the loss is about that of the current token alone; see `is_near_bigram`
    split: how the change of the logit difference between both places falls into pattern, value and direct part

    by a hair              told apart, by a hair
    value-coded            told apart otherwise, value part at least 2/3 of the change
    pattern-coded          told apart, pattern part at least 2/3
    position-coded         told apart, direct part at least 2/3: past all heads
    mixed                  told apart, no part at least 2/3
    unclassified           told apart, but a part takes back more than 1/3 of the change, or there is no other place
    unsolved: bigram only  not told apart, loss near that of the current token alone
    unsolved: other        not told apart, any other loss, diverged runs too

    >>> half = Coding(np.array([1.0]), np.array([1.0]), np.array([0.0]))
    >>> classify(np.array([True]), np.array([False]), np.array([False]), half).tolist()
    ['mixed']
    """
    names = np.full(told_apart.shape, UNCLASSIFIED, dtype="<U24")
    if split is not None:
        shares = {VALUE: split.share("value"), PATTERN: split.share("pattern"), POSITION: split.share("direct")}
        opposed = np.any([~(share >= AGAINST) for share in shares.values()], axis=0)
        names[~opposed] = MIXED
        for name, share in shares.items():
            names[~opposed & (share >= MAIN)] = name
    names[hair] = HAIR
    names[~told_apart] = OTHER
    names[~told_apart & near_bigram] = BIGRAM
    return names


def mechanism_of_choice(subject: Subject, choice: Choice) -> tuple[Shaped[Array, " run"], Coding | None]:
    """Return the mechanism [run] by which one dependency is coded, and the coding split that it rests on."""
    here, preferred = leads_of_choice(subject, choice)[0], _preferred(subject, choice)
    with np.errstate(over="ignore", invalid="ignore"):
        told_apart = subject.finite & (here > predictions.TIE) & (preferred > predictions.TIE)
        split, hair = coding(subject, choice), is_by_a_hair(subject, choice)
        return classify(told_apart, hair, is_near_bigram(subject, choice), split), split


def is_by_a_hair(subject: Subject, choice: Choice) -> Bool[Array, " run"]:
    """Return [run]: the right token leads by less than half a logit, at the place or at the other one.

    At the other place only if that is settled; where a third token wins there, what counts is the rival's lead over the target.
    """
    here, there = leads_of_choice(subject, choice)
    with np.errstate(invalid="ignore"):
        there = np.where(there > predictions.TIE, there, _preferred(subject, choice) + 0 * there)
        return np.asarray(np.fmin(here, there) < predictions.HAIR_LOGITS)


def leads_of_choice(subject: Subject, choice: Choice) -> tuple[Float[Array, " run"], Float[Array, " run"]]:
    """Return by how many logits the right token leads the strongest other one, [run], at the place and at the other place.

    Not a number where there is no other place, or nothing that the model sees settles it.
    """
    place, other, logits = choice.place, choice.other, subject.clean.logits
    here = predictions.place_leads(logits[:, place.sequence, place.position], np.array(choice.target))
    if other is None or not subject.corpus.resolvable(subject.model)[other.sequence, other.position]:
        return here, np.full(here.shape, np.nan)
    return here, predictions.place_leads(logits[:, other.sequence, other.position], np.array(choice.rival))


def _preferred(subject: Subject, choice: Choice) -> Float[Array, " run"]:
    """Return [run]: logit(rival) - logit(target) at the other place; infinite where there is none."""
    if choice.other is None:
        return np.full(subject.n_runs, np.inf)
    logits = subject.clean.logits[:, choice.other.sequence, choice.other.position]
    with np.errstate(invalid="ignore"):
        return np.asarray(logits[:, choice.rival] - logits[:, choice.target])


def is_near_bigram(subject: Subject, choice: Choice) -> Bool[Array, " run"]:
    """Return [run]: the loss at both places of a choice is within a third of what the current token alone would leave.

    loss = mean over places of -ln p(target)        bigram = mean over places of -ln P(target | token) in the corpus
    |loss - bigram| <= bigram / 3
    """
    places = [choice.place] if choice.other is None else [choice.place, choice.other]
    corpus = subject.corpus
    losses, bigrams = [], []
    for place, target in zip(places, (choice.target, choice.rival), strict=False):
        probability = softmax(subject.clean.logits[:, place.sequence, place.position])[:, target]
        with np.errstate(divide="ignore"):
            losses.append(-np.log(probability))
            bigrams.append(
                -np.log(corpus.bigram_probability(int(corpus.tokens[place.sequence, place.position]), target))
            )
    bigram = float(np.mean(bigrams))
    return np.abs(np.mean(losses, axis=0) - bigram) <= NEAR_BIGRAM * bigram


def is_near_bigram_floor(subject: Subject) -> Bool[Array, " run"]:
    """Return [run]: the mean loss is within a third of the gap between the floors from the bigram floor."""
    floor, bigram_floor = subject.corpus.floor(subject.model), subject.corpus.bigram_floor()
    with np.errstate(invalid="ignore"):
        return np.abs(subject.mean_loss - bigram_floor) <= NEAR_BIGRAM * (bigram_floor - floor)


def mechanism_of_runs(subject: Subject, each: Sequence[Shaped[Array, " run"]]) -> Shaped[Array, " run"]:
    """Return the mechanism of every run [run] from those of its dependencies, and its grade.

    right by a hair  `by a hair`, and no other run: its grade counts every settled place, dependencies or not
    solved           the one that all dependencies share, `mixed` where they are coded in different ways
    not solved       unsolved, by its loss
    """
    table = np.array(each)
    names = np.where((table == table[0]).all(axis=0), table[0], MIXED)
    # A dependency may be right here while its other place, which no prefix settles, is not.
    names[np.isin(names, (HAIR, BIGRAM, OTHER))] = UNCLASSIFIED
    unsolved = (subject.grade == predictions.NOT_SOLVED) | ~subject.finite
    names[unsolved] = OTHER
    names[unsolved & is_near_bigram_floor(subject)] = BIGRAM
    names[subject.grade == predictions.HAIR] = HAIR
    return names
