"""Every clause that is said of a run, recomputed from its weights: what is false of it, in words; and whether the text says it.

A clause is data: its kind, and arguments as they were measured. For each kind there is one function here that is given the
arguments, and yields what is wrong with them. A kind without one is wrong by itself.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from truth.eyes import problems_of_eye
from truth.measures import TIE, Part, Scene, World, changes_nothing, close, predicted_without
from truth.sets import MOST_PARTS, counts, parts_of
from truth.texts import ordinal, problems_of_text

HAIR, SAME, MAIN, AGAINST, NEAR, UNPAIRED = 0.5, 0.05, 2 / 3, 1 / 3, 1 / 3, 1 / 10
WHOLES = {  # what is said, apart from clauses
    "dependencies": "all dependencies, and no others",
    "openings": "what must be said of a place is, and comes first",
    "texts": "the sentence's text: words, rounded numbers, digits that add up, 40 words",
    "mechanism": "the run's mechanism",
    "meaning": "what is said of the mechanism, on how many dependencies which",
    "headline": "the run's head line",
}
BIGRAM, OTHER = "unsolved: bigram only", "unsolved: other"
SHOWN_SHARE = 0.005  # a smaller share of its own position need not be told
SHOWN = 8  # dependencies
SLACK = 1e-7  # of a measure at its threshold: what rounding may do to it

Arguments = Mapping[str, Any]
Problems = Iterator[str]


class Facts:
    """What is true of one run at one place, and the clauses that are said there."""

    def __init__(self, world: World, run: int, place: tuple[int, int], clauses: Sequence[Any]) -> None:
        self.world, self.run, self.scene, self.clauses = world, run, world.at(place), clauses
        self.logits, self.p = self.scene.logits[run], self.scene.p[run]

    # Words

    def id(self, word: Any) -> int:
        """The token that a word without a place is."""
        return self.world.words.index(word.word)

    def ids(self, words: Sequence[Any]) -> set[int]:
        return {self.id(word) for word in words}

    def misnamed(self, word: Any, at: int | None) -> Problems:
        """What is wrong with a word, which is that of a position, or any token."""
        if word.word not in self.world.words:
            yield f"“{word.word}” is no token"
        elif at is None:
            if word.nth is not None or word.position is not None:
                yield f"“{word.word}” is told by its place, and it has none"
        else:
            row = [self.world.words[token] for token in self.scene.sentence]
            nth = row[: at + 1].count(row[at]) if row.count(row[at]) > 1 else None
            if (word.word, word.position, word.nth) != (row[at], at, nth):
                yield f"{word} should be “{row[at]}”, number {nth} at {at}"

    def expect(self, name: str, said: Any, true: Any) -> Problems:
        """That something said is what is true, numbers up to rounding."""
        numbers = isinstance(true, float) or isinstance(said, float)
        if not (said == true or (numbers and close(said, true))):
            yield f"{name} should be {true}, not {said}"

    def known(self, words: Sequence[Any], name: str, true: set[int]) -> Problems:
        """That a list names these tokens, each once."""
        for word in words:
            yield from self.misnamed(word, None)
        if any(word.word not in self.world.words for word in words):
            return
        yield from self.expect(name, self.ids(words), true)
        if len(words) != len(true):
            yield f"{name} are named more than once"

    def part(self, named: Any) -> Part:
        part = named.part
        return {"source": ("source", part.position), "head": ("head", part.layer, part.head)}.get(
            part.kind, (part.kind,)
        )

    def misnamed_part(self, named: Any) -> Problems:
        part = self.part(named)
        fields = {"source": ("position",), "head": ("layer", "head")}.get(part[0], ())
        more = [
            name for name in ("layer", "head", "position", "query", "token") if getattr(named.part, name) is not None
        ]
        if part not in self.scene.parts or set(more) != set(fields):
            yield f"{named.part} is no part of this model"
        if part[0] == "source" and part[1] in self.scene.seen:
            yield from self.misnamed(named.word, part[1])
        elif named.word is not None:
            yield f"{part} is called {named.word}"

    # Measures

    def share(self, token: int) -> float:
        return float(self.p[token])

    def runners_up(self) -> set[int]:
        rest = self.logits.copy()
        rest[self.scene.target] = -np.inf
        return set(np.nonzero(rest >= rest.max() - TIE)[0].tolist())

    def D(self, logits: np.ndarray) -> float:
        return self.scene.D(logits, self.scene.target, self.scene.rivals(self.run))

    def hardest(self) -> list[tuple[int, int]]:
        """The other places at which the rivals are least ahead, and of these those at which the target is most likely."""
        others = self.scene.others(self.run)
        ahead = [-self.D(self.world.at(other).logits[self.run]) for other in others]
        least = [other for other, by in zip(others, ahead, strict=True) if by <= min(ahead) + TIE]
        likely = [float(self.world.at(other).p[self.run, self.scene.target]) for other in least]
        return [other for other, p in zip(least, likely, strict=True) if p >= max(likely) - TIE]

    def there(self) -> float:
        """D at the hardest other place."""
        return self.D(self.world.at(self.hardest()[0]).logits[self.run])

    def told_apart(self) -> bool:
        """Whether the rivals are ahead at every other place."""
        return not self.scene.others(self.run) or self.there() < -TIE

    def with_token(self) -> list[Scene]:
        """All places with the same token and a target."""
        text, token = self.world.text, self.world.text.token(self.scene.place)
        return [self.world.at(place) for place in text.asked if text.token(place) == token]

    def spread(self) -> float:
        """The largest difference of a token's probability between any two of them."""
        p = np.array([scene.p[self.run] for scene in self.with_token()])
        return float((p.max(axis=0) - p.min(axis=0)).max())

    def rows(self) -> np.ndarray:
        """The last layer's weights at the place [head, key]."""
        return self.world.clean.A[self.run, -1, :, self.scene.row, self.scene.position, : len(self.scene.sentence)]

    def single(self) -> list[int | None]:
        """Where each head of the last layer has its single highest weight."""
        found: list[int | None] = []
        for row in self.rows():
            order = np.argsort(row)
            found.append(int(order[-1]) if len(row) == 1 or row[order[-1]] > row[order[-2]] + TIE else None)
        return found

    def gives(self) -> dict[Part, float]:
        return {part: self.D(logits[self.run]) for part, logits in self.scene.gives.items()}

    def loss(self) -> float:
        """The mean loss of the run."""
        total = weight = 0.0
        for r, p in self.world.text.asked:
            scene, w = self.world.at((r, p)), self.world.weights_in_loss[r, p]
            if self.world.loss_kind == "softmax":
                share = scene.p[self.run, scene.target]
            else:
                sigmoid = 1 / (1 + np.exp(-scene.logits[self.run]))
                share = np.clip(sigmoid[scene.target] / sigmoid.sum(), 1e-7, 1 - 1e-7)
            total, weight = total - w * np.log(share), weight + w
        return float(total / weight)

    def floor(self, of: Callable[[tuple[int, int]], object]) -> float:
        """The smallest loss where places of the same kind cannot be told apart."""
        text, weights = self.world.text, self.world.weights_in_loss
        groups: dict[object, dict[int, float]] = {}
        for place in text.asked:
            targets = groups.setdefault(of(place), {})
            targets[text.target(place)] = targets.get(text.target(place), 0.0) + weights[place]
        lost = sum(-w * np.log(w / sum(some.values())) for some in groups.values() for w in some.values() if w > 0)
        return float(lost / sum(sum(some.values()) for some in groups.values()))

    def is_near_bigram(self) -> bool:
        """Whether the loss where the token stands is what the token alone would leave, to a third of it."""
        some, chances = self.with_token(), self.world.bigram(self.world.text.token(self.scene.place))
        loss = np.mean([-np.log(scene.p[self.run, scene.target]) for scene in some])
        bigram = np.mean([-np.log(chances[scene.target]) for scene in some])
        return bool(abs(loss - bigram) <= NEAR * bigram)

    def shares(self) -> dict[str, float] | None:
        """The coding split as shares, None where there is none; nan where the places cannot be compared."""
        split = self.scene.coding(self.run)
        if split is None:
            return None
        total = split["pattern"] + split["value"] + split["direct"]
        known = abs(total) > TIE and split["unpaired"] <= UNPAIRED * abs(total)
        return {name: split[name] / total if known else np.nan for name in ("pattern", "value", "direct")}

    # What holds before anything is said

    def finite(self) -> bool:
        return bool(self.world.finite[self.run])


CHECKS: dict[str, Callable[[Facts, Arguments], Problems]] = {}


def says(check: Callable[[Facts, Arguments], Problems]) -> Callable[[Facts, Arguments], Problems]:
    """Register what a kind of clause says."""
    CHECKS[check.__name__] = check
    return check


def here(facts: Facts, a: Arguments) -> Problems:
    """The current token, and the target where it is named."""
    if "token" in a:
        yield from facts.misnamed(a["token"], facts.scene.position)
    if "target" in a:
        yield from facts.known([a["target"]], "target", {facts.scene.target})


@says
def diverged(facts: Facts, a: Arguments) -> Problems:
    if facts.finite():
        yield "all weights and logits are finite, and the training ended well"


@says
def bigram(facts: Facts, a: Arguments) -> Problems:
    yield from here(facts, a)
    yield from facts.expect("share", a["share"], facts.share(facts.scene.target))
    yield from alike(facts, a)


@says
def alike(facts: Facts, a: Arguments) -> Problems:
    if facts.spread() > SAME + SLACK:
        yield f"a token's probability differs by {facts.spread()}"


@says
def elsewhere(facts: Facts, a: Arguments) -> Problems:
    found = [facts.world.at(other) for other in facts.hardest()]
    yield from facts.known(a["right"], "right", {scene.target for scene in found})
    yield from facts.expect("share", a["share"], float(found[0].p[facts.run, facts.scene.target]))


CHECKS["hair_elsewhere"] = elsewhere


@says
def floor(facts: Facts, a: Arguments) -> Problems:
    yield from facts.expect("loss", a["loss"], facts.loss())
    yield from facts.expect("floor", a["floor"], facts.floor(facts.world.text.token))


@says
def predicts(facts: Facts, a: Arguments) -> Problems:
    best = facts.scene.first(facts.run)
    yield from facts.known(a["predicted"], "predicted", set(best))
    yield from facts.expect("share", a["share"], facts.share(best[0]))


@says
def undecided(facts: Facts, a: Arguments) -> Problems:
    best = facts.scene.first(facts.run)
    yield from here(facts, a)
    yield from facts.known(a["tied"], "tied", set(best))
    yield from facts.expect("share", a["share"], facts.share(best[0]))
    if len(best) < 2:
        yield "one token is most likely"


@says
def not_target(facts: Facts, a: Arguments) -> Problems:
    yield from here(facts, a)
    yield from facts.expect("share", a["share"], facts.share(facts.scene.target))
    if facts.scene.target in facts.scene.first(facts.run):
        yield "the target is among the most likely"


@says
def wrong(facts: Facts, a: Arguments) -> Problems:
    best = facts.scene.first(facts.run)
    yield from here(facts, a)
    yield from facts.known([a["predicted"]], "predicted", set(best))
    yield from facts.expect("share", a["share"], facts.share(best[0]))
    if facts.scene.target in best:
        yield "the target is among the most likely"


@says
def hair(facts: Facts, a: Arguments) -> Problems:
    lead = facts.scene.lead(facts.run)
    yield from here(facts, a)
    yield from facts.expect("share", a["share"], facts.share(facts.scene.target))
    yield from facts.known(a["over"], "over", facts.runners_up())
    yield from facts.expect("lead", a["lead"], lead)
    if not TIE < lead < HAIR + SLACK:
        yield f"the lead is {lead}"


@says
def little(facts: Facts, a: Arguments) -> Problems:
    for scene in facts.with_token():
        logits = scene.logits[facts.run]
        apart = [abs(logits[facts.scene.target] - logits[other]) for other in facts.scene.alternatives]
        if max(apart) >= HAIR + SLACK:
            yield f"the target and an alternative are {max(apart)} apart at {scene.place}"


@says
def both_ways(facts: Facts, a: Arguments) -> Problems:
    yield from here(facts, a)
    yield from facts.known(a["rivals"], "rivals", set(facts.scene.rivals(facts.run)))
    yield from facts.known(a["right"], "right", {facts.world.at(other).target for other in facts.hardest()})
    yield from facts.expect("here", a["here"], facts.D(facts.logits))
    yield from facts.expect("there", a["there"], facts.there())
    if not (facts.D(facts.logits) > 0 and facts.there() > 0):
        yield "it does not"


@says
def tied_there(facts: Facts, a: Arguments) -> Problems:
    yield from here(facts, a)
    yield from facts.known(a["rivals"], "rivals", set(facts.scene.rivals(facts.run)))
    yield from facts.known(a["right"], "right", {facts.world.at(other).target for other in facts.hardest()})
    yield from facts.expect("here", a["here"], facts.D(facts.logits))
    yield from facts.expect("there", a["there"], facts.there())
    if not (facts.D(facts.logits) > 0 and abs(facts.there()) <= TIE + SLACK):
        yield f"D is {facts.D(facts.logits)} here and {facts.there()} there"


@says
def looks(facts: Facts, a: Arguments) -> Problems:
    yield from here(facts, a)
    yield from who(facts, a["who"])
    yield from facts.misnamed_part(a["source"])
    single, at = facts.single(), facts.part(a["source"])[1]
    heads = [head for head, place in enumerate(single) if place == at]
    yield from facts.expect("heads", a["who"]["heads"], len(heads))
    if any(single.count(place) > len(heads) for place in single if place is not None):
        yield "more heads look elsewhere"
    if heads:
        yield from facts.expect("share", a["share"], float(facts.rows()[heads, at].mean()))


def who(facts: Facts, a: Arguments) -> Problems:
    yield from facts.expect("of", a["of"], facts.world.n_heads)
    yield from facts.expect("last layer", a["last_layer"], facts.world.n_layers > 1)


@says
def looks_equally(facts: Facts, a: Arguments) -> Problems:
    yield from here(facts, a)
    yield from who(facts, a["who"])
    yield from facts.expect("heads", a["who"]["heads"], facts.world.n_heads)
    rows = facts.rows()
    tops = [set(np.nonzero(row >= row.max() - TIE)[0].tolist()) for row in rows]
    for word in a["sources"]:
        yield from facts.misnamed(word, word.position)
    at = {word.position for word in a["sources"]}
    if any(top != at for top in tops) or len(at) != len(a["sources"]):
        yield f"the highest weights are at {tops}"
    elif len(at) < 2:
        yield "one source has the highest weight"
    else:
        yield from facts.expect("share", a["share"], float(rows[:, sorted(at)].mean()))


@says
def adds(facts: Facts, a: Arguments) -> Problems:
    following = [
        clause for before, clause in zip(facts.clauses, facts.clauses[1:], strict=False) if before.kind == "adds"
    ]
    if not following or following[0].kind != "gives":
        yield "no difference is named after it"
        return
    yield from facts.misnamed_part(a["source"])
    given = facts.gives().get(facts.part(a["source"]), np.nan)
    yield from facts.expect("contribution", a["contribution"], sign(facts, following[0].arguments) * given)
    if [*pair(facts, following[0].arguments)]:
        yield "the difference named after it is another one"


def sign(facts: Facts, a: Arguments) -> int:
    """1 where the pair is target over rivals, −1 where it is what is predicted over the target."""
    return 1 if a["target"].word == facts.world.words[facts.scene.target] else -1


def pair(facts: Facts, a: Arguments) -> Problems:
    """That the target is held against its rivals, or what is predicted against the target."""
    rivals = set(facts.scene.rivals(facts.run))
    yield from facts.misnamed(a["target"], None)
    if sign(facts, a) > 0:
        yield from facts.known(a["rivals"], "rivals", rivals)
        if facts.D(facts.logits) < 0:
            yield "the target is behind its rivals"
    else:
        yield from facts.known([a["target"]], "predicted", rivals)
        yield from facts.known(a["rivals"], "target", {facts.scene.target})


def given(facts: Facts, a: Arguments, said: Sequence[tuple[Any, float]]) -> Problems:
    """That these parts give so much, that no others give two thirds as much as the largest, and that digits add up."""
    yield from pair(facts, a)
    true = {part: sign(facts, a) * value for part, value in facts.gives().items()}
    most, parts = max(true.values()), [facts.part(named) for named, _ in said]
    for named, value in said:
        yield from facts.misnamed_part(named)
        yield from facts.expect(f"what {facts.part(named)} gives", value, true.get(facts.part(named), np.nan))
    for part, value in true.items():
        if (value > MAIN * most + SLACK and part not in parts) or (value < MAIN * most - SLACK and part in parts):
            yield f"{part} gives {value} of {most} at most"
    if len(set(parts)) != len(parts):
        yield "a part is named twice"
    total = sign(facts, a) * facts.D(facts.logits)
    yield from facts.expect("total", a["total"], total)
    rest = round(round(round(total, 9), 2) - sum(round(round(value, 9), 2) for _, value in said), 2)
    yield from facts.expect("rest", a["rest"], rest if rest else None)


@says
def gives_it(facts: Facts, a: Arguments) -> Problems:
    yield from given(facts, a, [(a["source"], a["contribution"])])
    before = [clause for clause in facts.clauses if clause.kind == "looks"]
    if not before or facts.part(before[0].arguments["source"]) != facts.part(a["source"]):
        yield "it is not what is looked at"


@says
def gives(facts: Facts, a: Arguments) -> Problems:
    yield from given(facts, a, a["parts"])


@says
def nearer(facts: Facts, a: Arguments) -> Problems:
    yield from facts.known(a["tokens"], "tokens", facts.runners_up())
    yield from facts.expect("lead", a["lead"], facts.scene.lead(facts.run))
    if not facts.scene.lead(facts.run) < facts.D(facts.logits):
        yield "the rivals are as near"


def said_of_ablations(facts: Facts, a: Arguments) -> dict[str, frozenset[int]]:
    """What is said to be predicted, by ablation."""
    return {kind: frozenset(facts.ids(item.tokens)) for item in a["outcomes"] for kind in item.ablations}


@says
def without(facts: Facts, a: Arguments) -> Problems:
    yield from facts.misnamed_part(a["part"])
    for item in a["outcomes"]:
        yield from facts.known(item.tokens, "tokens", facts.ids(item.tokens))
    true = predicted_without(facts.scene, facts.part(a["part"]), facts.run)
    if not true:
        yield "no ablation flips the prediction"
    yield from facts.expect("outcomes", said_of_ablations(facts, a), true)
    if len({frozenset(facts.ids(item.tokens)) for item in a["outcomes"]}) != len(a["outcomes"]):
        yield "one outcome is told twice"


@says
def flips_nothing(facts: Facts, a: Arguments) -> Problems:
    yield from facts.misnamed_part(a["part"])
    true = predicted_without(facts.scene, facts.part(a["part"]), facts.run)
    if true:
        yield f"it predicts {true}"


@says
def changes_nothing_(facts: Facts, a: Arguments) -> Problems:
    yield from flips_nothing(facts, a)
    if not changes_nothing(facts.scene, facts.part(a["part"]), facts.run):
        yield "something changes"


CHECKS["changes_nothing"] = CHECKS.pop("changes_nothing_")


def coded(kind: str) -> Callable[[Facts, Arguments], Problems]:
    """The check of a clause that names how the difference is coded."""

    def check(facts: Facts, a: Arguments) -> Problems:
        true = facts.shares()
        if true is None or any(map(np.isnan, true.values())):
            yield f"the shares are {true}"
            return
        for name in ("pattern", "value", "direct"):
            if a[name] is not None or name != "direct" or abs(true[name]) >= SHOWN_SHARE:
                yield from facts.expect(name, a[name], true[name])
        opposed, most = min(true.values()) < -AGAINST, max(true.values())
        if kind == "opposed":
            fits = min(true.values()) < -AGAINST + SLACK
        elif kind == "mixed":
            fits = not opposed and most < MAIN + SLACK
        else:
            fits = min(true.values()) > -AGAINST - SLACK and true[kind] > MAIN - SLACK
        if not fits:
            yield f"the shares are {true}"

    return check


CHECKS |= {
    "value_coded": coded("value"),
    "pattern_coded": coded("pattern"),
    "position_coded": coded("direct"),
    "mixed": coded("mixed"),
    "opposed": coded("opposed"),
}


def draws(facts: Facts, a: Arguments) -> Problems:
    """All that is said to draw the eye at this place, here and where the rival is right."""
    every = [clause.arguments for clause in facts.clauses if clause.kind in ("draws_here", "draws_there")]
    every = [a if a["told"] == other["told"] else other for other in every]
    if a not in every:
        every = [a]
    told = [item for other in every for item in other["told"]]
    for item in told:
        for spot in (*item.keys, *item.queries):
            if spot is not None:
                yield from spelled(facts, item, spot)
    predicts = None if a["predicts"] is None else facts.ids(a["predicts"])
    if a["predicts"] is not None:
        yield from facts.known(a["predicts"], "predicts", predicts or set())
    yield from problems_of_eye(facts.scene, facts.run, told, a["undone"], predicts)


def spelled(facts: Facts, item: Any, spot: Any) -> Problems:
    """That a feature is called by words of a sentence, by their number where they stand there more than once."""
    text, words = facts.world.text, facts.world.words
    places = [facts.scene.place] if item.here else facts.scene.others(facts.run)

    def name(row: list[int], at: int) -> str:
        word = words[row[at]]
        nth = [words[t] for t in row[: at + 1]].count(word)
        return ordinal(word, nth if [words[t] for t in row].count(word) > 1 else None)

    for row in (text.rows[place[0]] for place in places):
        if spot.position < len(row) and words[row[spot.position]] == spot.word:
            read = all(
                at < len(row) and words[row[at]] == word for at, word in zip(spot.read, spot.read_words, strict=True)
            )
            labels = tuple(name(row, at) for at in spot.read) if read else ()
            if spot.label == name(row, spot.position) and spot.read_labels == labels:
                return
    yield f"{spot} is called otherwise"


@says
def draws_here(facts: Facts, a: Arguments) -> Problems:
    if not a["told"] or not all(item.here for item in a["told"]):
        yield "nothing does so here"
    yield from draws(facts, a)


@says
def draws_there(facts: Facts, a: Arguments) -> Problems:
    if not a["told"] or any(item.here for item in a["told"]):
        yield "nothing does so there"
    targets = {facts.world.at(other).target for other in facts.scene.others(facts.run)}
    if a["right"] is not None:
        yield from facts.known([a["right"]], "right", targets)
    yield from draws(facts, a)


@says
def not_compared(facts: Facts, a: Arguments) -> Problems:
    true = facts.shares()
    if true is None or not any(map(np.isnan, true.values())):
        yield f"the shares are {true}"


@says
def sets(facts: Facts, a: Arguments) -> Problems:
    parts = len(parts_of(facts.scene))
    if parts > MOST_PARTS:
        yield f"{parts} parts are too many to try them here"
        return
    true = {kind: count for kind, count in counts(facts.scene, facts.run).items() if count}
    yield from facts.expect("sets", dict(a["sets"]), true)
    if a["tried"] is not None or a["parts"] is not None:
        yield f"all {parts} parts are tried"


@says
def needed(facts: Facts, a: Arguments) -> Problems:
    for named, _ in a["heads"]:
        yield from facts.misnamed_part(named)
    said = {facts.part(named): set(kinds) for named, kinds in a["heads"]}
    true = {
        part: set(predicted_without(facts.scene, part, facts.run)) for part in facts.scene.parts if part[0] == "head"
    }
    yield from facts.expect("heads", said, {part: kinds for part, kinds in true.items() if kinds})
    if not said or len(said) != len(a["heads"]):
        yield "a head is told twice, or none"


@says
def no_head_needed(facts: Facts, a: Arguments) -> Problems:
    heads = [part for part in facts.scene.parts if part[0] == "head"]
    if not heads:
        yield "there is one head"
    for part in heads:
        if predicted_without(facts.scene, part, facts.run):
            yield f"without {part} it predicts {predicted_without(facts.scene, part, facts.run)}"


# What must be said


def openings(facts: Facts) -> set[str]:
    """The kind of clause that must come first; “” where any other may."""
    scene, run = facts.scene, facts.run
    if not facts.finite():
        return {"diverged"}
    best = scene.first(run)
    if len(best) > 1:
        kind = "undecided"
    elif scene.target not in best:
        kind = "wrong"
    else:
        kind = "hair" if scene.lead(run) < HAIR else ""
    return {"bigram"} if mechanism_at(facts) == BIGRAM else {kind}


OPENINGS = {"diverged", "bigram", "undecided", "wrong", "hair"}


def omitted(facts: Facts) -> Problems:
    """What had to be said, and is not."""
    kinds = [clause.kind for clause in facts.clauses]
    opens = kinds[0] if kinds and kinds[0] in OPENINGS else ""
    if (opens not in openings(facts) or OPENINGS & set(kinds[1:])) and not near_a_threshold(facts):
        yield f"it should open with one of {openings(facts)}, and it has {kinds}"
    if opens in ("hair", "") and facts.finite():
        if facts.scene.lead(facts.run) < facts.D(facts.logits) - 1e-6 and "nearer" not in kinds:
            yield "a nearer token is not named"
        if not facts.told_apart() and not {"both_ways", "tied_there"} & set(kinds):
            yield f"the rivals are not ahead at another place, {facts.there()}, and that is not said"
    alike = facts.finite() and facts.spread() <= SAME and not near_a_threshold(facts) and not facts.told_apart()
    if opens and alike and not {"bigram", "alike"} & set(kinds):
        yield "it does not tell the sentences apart, and that is not said"


def near_a_threshold(facts: Facts) -> bool:
    return abs(facts.spread() - SAME) < SLACK or abs(abs(facts.scene.lead(facts.run)) - HAIR) < SLACK


# A run


def problems_of_clause(facts: Facts, clause: Any) -> Problems:
    """What is false of one clause."""
    check = CHECKS.get(clause.kind)
    if check is None:
        yield "nobody knows how to check this kind"
        return
    if clause.kind != "diverged" and not facts.finite():
        yield "the run diverged"
        return
    try:
        with np.errstate(all="ignore"):
            yield from check(facts, clause.arguments)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        yield f"it cannot be read: {error!r}"


def problems_of_run(world: World, run: int, explanation: Any) -> Iterator[tuple[str, str]]:
    """Each thing that is said of a run, with what is false of it, or “”."""
    places = [(record.sequence, record.place) for record in explanation.records]
    lost = set(world.text.dependencies()) ^ set(places)
    yield "dependencies", f"missing or too many: {lost}" if lost else ""
    every = []
    for place, record, text in zip(places, explanation.records, explanation.sentences(), strict=True):
        facts = Facts(world, run, place, record.clauses)
        every.append(facts)
        for clause in record.clauses:
            problems = [*problems_of_clause(facts, clause)]
            yield clause.kind, "; ".join(problems) + (f" [{text}]" if problems else "")
        for name, problems in (("openings", [*omitted(facts)]), ("texts", [*problems_of_text(text, record.clauses)])):
            yield name, "; ".join(problems) + (f" [{text}]" if problems else "")
    yield from heads_of_run(world, run, every, explanation)


def heads_of_run(world: World, run: int, every: list[Facts], explanation: Any) -> Iterator[tuple[str, str]]:
    """The run's mechanism, by its definition, and what is said of it."""
    true = mechanism(world, run, every)
    said = explanation.mechanism
    yield "mechanism", "" if said == true else f"it is {true}, not {said}"
    kinds = Counter(mechanism_at(facts) for facts in every)
    told = explanation.meaning
    if true == "mixed" and len(kinds) > 1:
        problem = (
            ""
            if counted(told) == kinds and f" of {len(every)} dependencies" in told
            else f"it says {told!r} of {kinds}"
        )
    else:
        problem = f"it says {told!r}, and dependencies do not differ" if counted(told) else ""
    yield "meaning", problem
    if len(explanation) <= SHOWN:  # a longer one is made anew for its text
        line = str(explanation).split("\n")[0]
        yield "headline", "" if line == f"{said}: {told}." else f"it says {line!r} of {said}"


def counted(text: str) -> Counter:
    """On how many dependencies a text says that a run goes by which mechanism."""
    return Counter({name: int(count) for name, count in re.findall(r"([a-z][a-z: -]*) on (\d+)", text)})


def mechanism(world: World, run: int, every: list[Facts]) -> str:
    """By which mechanism a run goes."""
    if not world.finite[run]:
        return "unsolved: other"
    leads = sorted((world.at(place).lead(run) for place in world.text.settled), reverse=True)
    needed = leads[: int(np.ceil(world.share * len(leads) - 1e-9))]
    if needed and needed[-1] <= TIE:
        facts, states = every[0], world.text.states
        bigram, lowest = facts.floor(world.text.token), facts.floor(lambda place: states[place[0]][place[1]])
        near = abs(facts.loss() - bigram) <= NEAR * (bigram - lowest)
        return BIGRAM if near and all(f.spread() <= SAME for f in every) else OTHER
    if needed and needed[-1] < HAIR:
        return "right by a hair"
    found = {mechanism_at(facts) for facts in every}
    name = found.pop() if len(found) == 1 else "mixed"
    return "unclassified" if name in (BIGRAM, OTHER, "right by a hair") else name


def mechanism_at(facts: Facts) -> str:
    """By which mechanism a run goes at one place."""
    if not facts.finite():
        return OTHER
    if not (facts.scene.lead(facts.run) > TIE and facts.told_apart()):
        return BIGRAM if facts.spread() <= SAME and facts.is_near_bigram() else OTHER
    if facts.scene.lead(facts.run) < HAIR:
        return "right by a hair"
    shares = facts.shares()
    if shares is None or not all(share >= -AGAINST for share in shares.values()):
        return "unclassified"
    for name, part in (("position-coded", "direct"), ("pattern-coded", "pattern"), ("value-coded", "value")):
        if shares[part] >= MAIN:
            return name
    return "mixed"
