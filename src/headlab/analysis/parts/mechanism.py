"""What a run does, as one word, from measured quantities."""

from collections.abc import Sequence

import numpy as np

from headlab.analysis.choice import Choice, each_choice, logits_elsewhere
from headlab.analysis.looking import predictions
from headlab.analysis.parts.coding import Coding, coding
from headlab.analysis.subject import Subject
from headlab.analysis.words import PHRASES, TABLE, THRESHOLDS
from headlab.arrays import Array, Bool, Float, Shaped
from headlab.data.dependencies import Dependency

MAIN = THRESHOLDS["main"]  # a part that is at least twice all others together
AGAINST = -THRESHOLDS[
    "against"
]  # a part that takes back more than this: the parts oppose each other, and shares mean little
NEAR_BIGRAM = THRESHOLDS["near_bigram"]  # of what knowing the answer would gain over the current token alone

MEANINGS: dict[str, str] = TABLE["mechanisms"]
VALUE, PATTERN, MIXED, POSITION, UNCLASSIFIED, HAIR, BIGRAM, OTHER = MECHANISMS = tuple(MEANINGS)


def classify(
    told_apart: Bool[Array, " run"],
    hair: Bool[Array, " run"],
    token_alone: Bool[Array, " run"],
    split: Coding | None,
) -> Shaped[Array, " run"]:
    """Return the mechanism [run] by which one dependency is coded.

    told_apart: the most likely token is the target here, and the rival is preferred wherever it is right
    hair: the target's lead here is below half a logit
    token_alone: the current token alone tells what is predicted, with about the loss that this leaves
    split: how the change of the logit difference between both places falls into pattern, value and direct part

    right by a hair        told apart, by a hair
    value-coded            told apart otherwise, value part at least 2/3 of the change
    pattern-coded          told apart, pattern part at least 2/3
    position-coded         told apart, direct part at least 2/3: past all heads
    mixed                  told apart, no part of these at least 2/3; what MLPs and norms make of the change is none of them
    unclassified           told apart, but a part takes back more than 1/3 of the change, or no other place can be compared
    unsolved: bigram only  not told apart, by the current token alone
    unsolved: other        not told apart, any other loss, diverged runs too

    >>> half = Coding(*np.array([[1.0], [1.0], [0.0], [0.0]]))  # pattern, value, direct, unpaired
    >>> classify(np.array([True]), np.array([False]), np.array([False]), half).tolist()
    ['mixed']
    """
    names = np.full(told_apart.shape, UNCLASSIFIED, dtype="<U24")
    if split is not None:
        shares = {VALUE: split.share("value"), PATTERN: split.share("pattern"), POSITION: split.share("direct")}
        every = [*shares.values(), *([] if split.rest is None else [split.share("rest")])]
        opposed = np.any([~(share >= AGAINST) for share in every], axis=0)
        names[~opposed] = MIXED
        for name, share in shares.items():
            names[~opposed & (share >= MAIN)] = name
    names[hair] = HAIR
    names[~told_apart] = OTHER
    names[~told_apart & token_alone] = BIGRAM
    return names


def mechanism_at(subject: Subject, asked: Dependency | Choice) -> tuple[Shaped[Array, " run"], Float[Array, " run"]]:
    """Return by which mechanism each model codes one dependency [run], and its pattern share [run].

    The share is nan where the dependency is not told apart, or cannot be compared.
    """
    names = np.full(subject.n_runs, OTHER, dtype="<U24")
    pattern = np.full(subject.n_runs, np.nan)
    for runs, choice in each_choice(subject, asked).groups():
        some = subject.some(runs)
        apart = told_apart(some, choice)
        with np.errstate(over="ignore", invalid="ignore"):
            split = (
                coding(some, choice) if apart.any() else None
            )  # else nobody reads it, and of many places it takes time
        names[runs] = mechanism_of_choice(some, choice, split)
        if split is not None:
            pattern[runs] = np.where(apart, split.share("pattern"), np.nan)
    return names, pattern


def mechanism_of_choice(subject: Subject, choice: Choice, split: Coding | None) -> Shaped[Array, " run"]:
    """Return the mechanism [run] by which one dependency is coded, from its coding split."""
    token = subject.corpus.tokens[choice.place.sequence, choice.place.position]
    alone = subject.goes_by_token_alone[:, token] & subject.near_bigram[:, token]
    with np.errstate(invalid="ignore"):
        hair = lead_at(subject, choice) < predictions.HAIR_LOGITS
    return classify(told_apart(subject, choice), hair, alone, split)


def told_apart(subject: Subject, choice: Choice) -> Bool[Array, " run"]:
    """Return [run]: the most likely token is the target here, and the rivals are ahead of it at every other place."""
    with np.errstate(invalid="ignore"):
        here = lead_at(subject, choice) > predictions.TIE
        return np.asarray(subject.finite & here & (rivals_ahead(subject, choice) > predictions.TIE))


def lead_at(subject: Subject, choice: Choice) -> Float[Array, " run"]:
    """Return [run]: by how many logits the target leads the strongest other token at the place; below 0 where it is behind."""
    logits = subject.clean.logits[:, choice.place.sequence, choice.place.position]
    return predictions.place_leads(logits, np.array(choice.target))


def rivals_ahead(subject: Subject, choice: Choice) -> Float[Array, " run"]:
    """Return [run]: how far the rivals are ahead of the target where one is right, at the hardest place; inf where there is none.

    min over other places of  mean over rivals of logit(rival) - logit(target)
    """
    if not choice.others:
        return np.full(subject.n_runs, np.inf)
    logits = logits_elsewhere(subject, choice)
    with np.errstate(invalid="ignore"):
        return np.asarray((logits[..., list(choice.rivals)].mean(axis=-1) - logits[..., choice.target]).min(axis=1))


def is_near_bigram_floor(subject: Subject) -> Bool[Array, " run"]:
    """Return [run]: the mean loss is within a third of the gap between the floors from the bigram floor."""
    floor, bigram_floor = subject.corpus.floor(subject.model), subject.corpus.bigram_floor()
    with np.errstate(invalid="ignore"):
        return np.abs(subject.mean_loss - bigram_floor) <= NEAR_BIGRAM * (bigram_floor - floor)


def mechanism_of_runs(subject: Subject, each: Sequence[Shaped[Array, " run"]]) -> Shaped[Array, " run"]:
    """Return the mechanism of every run [run] from those of its dependencies, and its grade.

    right by a hair  the same, and no other run: its grade counts every settled place, dependencies or not
    solved           the one that all dependencies share, `mixed` where they are coded in different ways
    not solved       unsolved, by its loss
    """
    table = np.array(each)
    names = np.where((table == table[0]).all(axis=0), table[0], MIXED)
    # A dependency may be right here while its other place, which no prefix settles, is not.
    names[np.isin(names, (HAIR, BIGRAM, OTHER))] = UNCLASSIFIED
    unsolved = (subject.grade == predictions.NOT_SOLVED) | ~subject.finite
    names[unsolved] = OTHER
    tokens = sorted({item.token for item in subject.dependencies})
    names[unsolved & is_near_bigram_floor(subject) & subject.goes_by_token_alone[:, tokens].all(axis=1)] = BIGRAM
    names[subject.grade == predictions.HAIR] = HAIR
    return names


def spread_of_runs(each: Sequence[Shaped[Array, " run"]]) -> list[str]:
    """Return for each run on how many of its dependencies it goes by which mechanism, in words; nothing where all share one.

    >>> spread_of_runs([np.array(["mixed", "mixed"]), np.array(["mixed", "value-coded"]), np.array(["mixed", "mixed"])])
    ['', 'mixed on 2 of 3 dependencies, value-coded on 1']
    """
    table = np.array(each)
    found = [""] * table.shape[1]
    for run in np.nonzero((table != table[0]).any(axis=0))[0].tolist():
        names = table[:, run]
        counts = [(int((names == name).sum()), name) for name in MECHANISMS]
        told = sorted(((n, name) for n, name in counts if n), key=lambda item: -item[0])
        spread = PHRASES["spread"], PHRASES["and_spread"]
        said = enumerate(told)
        found[run] = ", ".join(
            [spread[at > 0].format(mechanism=name, some=n, all=len(names)) for at, (n, name) in said]
        )
    return found
