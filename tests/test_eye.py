"""What draws the eye: planted heads are told by the features that were planted, and every share is what an own trial gives."""

from itertools import product

import numpy as np
import pytest
from planted import LOOK, NOTEBOOK, STRONG, TWICE, Head, plant
from subjects import MODELS, RAGGED, subject_of

import headlab as hl
from headlab import Corpus, Params
from headlab.analysis.choice import Choice, Place, choices
from headlab.analysis.parts.eye import eye
from headlab.analysis.subject import Subject
from headlab.data.alignment import alignments

ORDERED = Corpus.from_text("man lo the tea\nlo man the jam")
XOR = Corpus.from_text("tall red go tea\ntall blue go jam\nsmall red go jam\nsmall blue go tea")
DRAWN = {("the", "man"): 2 * LOOK, ("the", "<Start>"): LOOK}
DEFAULT = {("<Start>", "beef"): STRONG, ("man", "chicken"): STRONG, ("woman", "chicken"): STRONG}
AT_ORDERED = {("<Start>", "beef"): STRONG, ("ordered", "chicken"): STRONG}
FOUND = {("the", "man"): LOOK, ("the", "woman"): LOOK}
SINK = {(word, "<Start>"): LOOK for word in XOR.vocabulary if word != "go"}
BOTH = {("go", "~tall"): 2 * LOOK, ("go", "~red"): 2 * LOOK}

PLANTED = {  # corpus, layers, what tells directly, and what draws the eye of the last dependency of every sentence
    "a token": (NOTEBOOK, [[Head(DRAWN, DEFAULT)]], {}, ["the > man", "! the > man"]),
    "a token, for the query's position": (
        NOTEBOOK,
        [[Head({(3, "man"): 2 * LOOK, ("the", "<Start>"): LOOK}, DEFAULT)]],
        {},
        ["3 > man", "! 3 > man"],
    ),
    "a token, for token and position of the query": (
        NOTEBOOK,
        [[Head({(3, "man"): LOOK, ("the", "man"): LOOK, ("the", "<Start>"): LOOK}, DEFAULT)]],
        {},
        ["all of the > man", "! all of the > man"],
    ),
    "a token, for the query's token or position: one brings it back, both must be taken away": (
        NOTEBOOK,
        [[Head({(3, "man"): 2 * LOOK, ("the", "man"): 2 * LOOK, ("the", "<Start>"): LOOK}, DEFAULT)]],
        {},
        ["all of the > man", "! the > man, ! 3 > man"],
    ),
    "a token, in two heads": (NOTEBOOK, [[Head(DRAWN, DEFAULT)] * 2], {}, ["the > man", "! the > man"]),
    "a token, and a second head that copies nothing": (
        NOTEBOOK,
        [[Head(DRAWN, DEFAULT), Head({("the", "woman"): LOOK})]],
        {},
        ["the > man", "! the > man"],
    ),
    "a position, whatever stands there": (
        ORDERED,
        [[Head({("the", 1): 2 * LOOK}, {("man", "tea"): STRONG, ("lo", "jam"): STRONG})]],
        {},
        ["the > 1, ! the > 1"] * 2,
    ),
    "the query's position": (
        TWICE,
        [[Head({(1, "<Start>"): LOOK, (3, 3): LOOK}, {("<Start>", "go"): STRONG, ("x", "stop"): STRONG})]],
        {},
        ["3 > any"],
    ),
    "what an earlier head moved to the key": (
        NOTEBOOK,
        [
            [Head({("ordered", "man"): LOOK, ("ordered", "woman"): LOOK}, moves=1.0)],
            [Head({("the", "~man"): 2 * LOOK, ("the", "<Start>"): LOOK}, AT_ORDERED)],
        ],
        {},
        ["the > 0.0 at ordered (man)", "! the > 0.0 at ordered (man)"],
    ),
    "what an earlier head moved to the query": (
        NOTEBOOK,
        [[Head(FOUND, moves=1.0)], [Head({("~man", "ordered"): 2 * LOOK, ("the", "<Start>"): LOOK}, AT_ORDERED)]],
        {},
        ["0.0 at the (man) > ordered", "! 0.0 at the (man) > ordered"],
    ),
    "two tokens through one key, which decide together": (
        XOR,
        [
            [Head({("go", word): LOOK for word in ("tall", "small", "red", "blue")} | SINK, moves=1.0)],
            [
                Head(BOTH | {("go", "<Start>"): LOOK / 2}, {("go", "jam"): 2 * STRONG}),
                Head(BOTH | {("go", "<Start>"): 1.5 * LOOK}, {("go", "tea"): 2 * STRONG}),
            ],
        ],
        {("go", "tea"): STRONG},
        [
            "go > 0.0 at go (tall red)",
            "go > 0.0 at go (tall), ! go > 0.0 at go (red)",
            "go > 0.0 at go (red), ! go > 0.0 at go (tall)",
            "! go > 0.0 at go (tall), ! go > 0.0 at go (red)",
        ],
    ),
    "nothing: it copies what stands there": (
        NOTEBOOK,
        [[Head(FOUND, {("man", "chicken"): STRONG, ("woman", "beef"): STRONG})]],
        {},
        ["", ""],
    ),
}


def told(record):
    """Every part as `query > key`, after ! where the eye is drawn in the other sentence."""
    parts = () if record is None else record.parts
    return ", ".join(f"{'' if part.here else '! '}{spot(part.query)} > {spot(part.key)}" for part in parts)


def spot(found):
    if found is None:
        return "any"
    name = {"token": found.word, "position": str(found.position), "everything": f"all of {found.word}"}.get(found.kind)
    return name or f"{'.'.join(map(str, found.head))} at {found.word} ({' '.join(found.read_words)})"


def last_choices(subject):
    """The choice of every sentence's last dependency."""
    return {choice.place.sequence: choice for choice in choices(subject)}.values()


@pytest.mark.parametrize("noise", [0.0, 0.01])
@pytest.mark.parametrize("name", PLANTED)
def test_what_draws_the_eye_is_what_was_planted(name, noise):
    corpus, layers, direct, expected = PLANTED[name]
    subject = plant(corpus, layers, direct, noise=noise, n_runs=3)
    for choice, drawn in zip(last_choices(subject), expected, strict=True):
        found = eye(subject, choice)
        assert [told(found.of(run)) for run in range(3)] == [drawn] * 3


class Own:
    """A forward pass of one run on one sentence: the features that the last layer reads, its scores, what its values write."""

    def __init__(self, subject, run, sequence):
        params, model = Params(**{name: weight[run] for name, weight in subject.params.items()}), subject.model
        tokens = [token for token in subject.corpus.tokens[sequence].tolist() if token >= 0]
        T, self.last = len(tokens), model.n_layers - 1
        places = np.zeros((T, params.W_E.shape[1])) if params.W_pos is None else params.W_pos[:T]
        self.reads, self.params, self.features = {}, params, {"token": params.W_E[tokens], "position": places}
        for layer in range(model.n_layers):
            resid, self.scores, self.writes, written = sum(self.features.values()), {}, {}, {}
            for head in range(model.n_heads):
                W_Q, W_K, W_V = (weight[layer, head] for weight in (params.W_Q, params.W_K, params.W_V))
                self.scores[head] = resid @ W_Q @ (resid @ W_K).T / np.sqrt(model.d_head)
                self.writes[head] = resid @ W_V if params.W_O is None else resid @ W_V @ params.W_O[layer, head]
                seen = np.where(np.tri(T) > 0, self.scores[head], -np.inf) if model.causal else self.scores[head]
                weights = np.exp(seen - seen.max(axis=1, keepdims=True))
                weights /= weights.sum(axis=1, keepdims=True)
                self.reads[layer, head] = weights[:, :, None] * self.writes[head]  # [query, key, d_model]
                written[layer, head] = self.reads[layer, head].sum(axis=1)
            if layer < self.last:
                self.features = {**self.features, **written} if model.residual else written
        resid = sum(written.values()) + (resid if model.residual else 0)
        self.W_U = np.eye(resid.shape[1]) if params.W_U is None else params.W_U
        self.logits = resid @ self.W_U

    def score(self, head, query, key):
        """The score of a query vector with a key vector."""
        W_Q, W_K = self.params.W_Q[self.last, head], self.params.W_K[self.last, head]
        return float(query @ W_Q @ (key @ W_K) / np.sqrt(W_Q.shape[1]))


class OwnTrial:
    """The last layer's rows at two places of one run, and any parts of scores exchanged."""

    def __init__(self, subject, choice, there, run):
        self.places, self.causal = (choice.place, there), subject.model.causal
        self.sides = [Own(subject, run, place.sequence) for place in self.places]
        W_U = self.sides[0].W_U
        self.w = W_U[:, choice.target] - W_U[:, list(choice.rivals)].mean(axis=1)
        numbers = ((place.sequence, place.position) for place in self.places)
        self.pairs = min(alignments(subject.corpus.tokens, *numbers, self.causal), key=self.unpaired).pairs
        logits = [own.logits[place.position] for own, place in zip(self.sides, self.places, strict=True)]
        self.change = sum(
            sign * (at[choice.target] - at[list(choice.rivals)].mean())
            for sign, at in zip((1, -1), logits, strict=True)
        )
        self.heads = list(self.sides[0].scores)

    def unpaired(self, alignment):
        total = 0
        for side, keys in enumerate((alignment.unpaired_a, alignment.unpaired_b)):
            rows = {head: self.pattern(side, head) for head in self.sides[side].scores}
            total += sum(abs(sum(row[key] * self.says(side, head, key) for head, row in rows.items())) for key in keys)
        return total

    def pattern(self, side, head, lowered=()):
        own, query = self.sides[side], self.places[side].position
        keys = range(query + 1 if self.causal else len(own.logits))
        scores = {key: own.scores[head][query, key] - dict(lowered).get(key, 0) for key in keys}
        raised = {key: np.exp(score - max(scores.values())) for key, score in scores.items()}
        return {key: value / sum(raised.values()) for key, value in raised.items()}

    def says(self, side, head, key):
        return self.sides[side].writes[head][key] @ self.w

    def difference(self, head, slot, query_feature, key_feature):
        """By how much a part is larger here, and what of it the query makes; what it adds to the median key is no part of it."""
        queries = [
            own.features[query_feature][place.position] for own, place in zip(self.sides, self.places, strict=True)
        ]
        scores = np.array(
            [
                [
                    [
                        own.score(head, query, own.features[key_feature][key])
                        for own, key in zip(self.sides, pair, strict=True)
                    ]
                    for pair in self.pairs
                ]
                for query in queries
            ]
        )  # [query here or there, slot, key here or there]
        by_query = (scores[0] - scores[1]).mean(axis=1)
        by_key = (scores[0, :, 0] - scores[0, :, 1] + scores[1, :, 0] - scores[1, :, 1]) / 2
        return (by_key + by_query - np.median(by_query))[slot], (by_query - np.median(by_query))[slot]

    def lowered(self, parts):
        """{head: {key: by how much}} for parts (key, query feature, key feature), each of which may be None: every one."""
        found, every = {head: {} for head in self.heads}, self.sides[0].features
        for head, (key, query_feature, key_feature) in product(self.heads, parts):
            for slot, i, j in product(
                range(len(self.pairs)),
                [query_feature] if query_feature else every,
                [key_feature] if key_feature else every,
            ):
                at = self.pairs[slot][0]
                if key in (at, None):
                    found[head][at] = found[head].get(at, 0) + self.difference(head, slot, i, j)[key is None]
        return found

    def makes(self):
        rows = {head: [self.pattern(side, head) for side in (0, 1)] for head in self.heads}
        return sum(
            (row[0][a] - row[1][b]) * self.value(head, a, b) for head, row in rows.items() for a, b in self.pairs
        )

    def undone(self, lowered):
        total = 0
        for head in self.heads:
            before, after = self.pattern(0, head), self.pattern(0, head, lowered[head])
            total += sum((before[a] - after[a]) * self.value(head, a, b) for a, b in self.pairs)
        return total / self.makes()

    def read_by(self, part, at_key, source):
        """{head: {key: by how much}} when one thing is exchanged that a head read, at the key of a part or at its query."""
        key, query_feature, key_feature = part
        positions = dict(self.pairs)
        at = (key, positions[key]) if at_key else [place.position for place in self.places]
        reader = key_feature if at_key else query_feature
        sources = self.pairs[source]
        change = np.subtract(*(own.reads[reader][q, s] for own, q, s in zip(self.sides, at, sources, strict=True)))
        every, found = self.sides[0].features, {}
        for head in self.heads:
            if at_key:
                queries = [
                    sum(own.features[i][place.position] for i in ([query_feature] if query_feature else every))
                    for own, place in zip(self.sides, self.places, strict=True)
                ]
                found[head] = {key: self.sides[0].score(head, sum(queries) / 2, change)}
                continue
            scores = np.zeros(len(self.pairs))
            for j in [key_feature] if key_feature else every:
                of_keys = [
                    self.sides[0].score(head, change, (self.sides[0].features[j][a] + self.sides[1].features[j][b]) / 2)
                    for a, b in self.pairs
                ]
                scores += of_keys - np.median(of_keys)
            found[head] = {a: score for (a, _), score in zip(self.pairs, scores, strict=True) if key in (a, None)}
        return found

    def reads_that_matter(self, part, at_key, others):
        """The numbers of the pairs at which a head read what matters; others: parts that go with this one."""
        base, whole = self.lowered(others), self.lowered([part, *others])
        before, after = self.undone(base), self.undone(whole)
        found = set()
        for source in range(len(self.pairs)):
            more = self.read_by(part, at_key, source)
            both = {
                head: {key: base[head].get(key, 0) + more[head].get(key, 0) for key in {*base[head], *more[head]}}
                for head in self.heads
            }
            if (self.undone(both) - before) / (after - before) >= 1 / 3:
                found.add(source)
        return found

    def value(self, head, a, b):
        return (self.says(0, head, a) + self.says(1, head, b)) / 2

    def logits(self, lowered):
        own = self.sides[0]
        written = 0
        for head in self.heads:
            before, after = self.pattern(0, head), self.pattern(0, head, lowered[head])
            written += sum((after[key] - before[key]) * own.writes[head][key] for key in before)
        return own.logits[self.places[0].position] + written @ own.W_U


def parts_of(found, rows):
    """The named parts (key, query feature, key feature), as an own trial takes them."""
    named, numbers = found.named, (*found.features, None)
    return [
        (int(key) if key >= 0 else None, numbers[i], numbers[j])
        for key, i, j in zip(named.key[rows], named.query_feature[rows], named.key_feature[rows], strict=True)
    ]


def some_found(name, most=2):
    """Some runs of untrained models for which something is named: (found, number of the other place, run, own trial)."""
    for corpus in (NOTEBOOK, RAGGED):
        subject = subject_of(MODELS[name], corpus, runs=40)
        for choice in choices(subject):
            found = eye(subject, choice)
            for number, there in enumerate(choice.others):
                for run in np.unique(found.named.run[found.named.other == number])[:most].tolist():
                    yield found, number, run, OwnTrial(subject, choice, there, run)


@pytest.mark.parametrize("name", MODELS)
def test_every_share_and_prediction_is_what_an_own_trial_gives(name):
    tried = 0
    for found, number, run, trial in some_found(name):
        rows = np.nonzero((found.named.run == run) & (found.named.other == number))[0]
        parts = parts_of(found, rows)
        assert found.makes[run, number] == pytest.approx(trial.makes() / trial.change)
        assert found.undone[run, number] == pytest.approx(trial.undone(trial.lowered(parts)))
        assert found.logits[run, number] == pytest.approx(trial.logits(trial.lowered(parts)))
        assert found.named.undone[rows] == pytest.approx([trial.undone(trial.lowered([part])) for part in parts])
        alone = np.abs(1 - found.named.undone[rows]) <= 1 / 3
        assert alone.all() or (len(rows) == 2 and abs(1 - found.undone[run, number]) <= 1 / 3)
        tried += 1
    assert tried


@pytest.mark.parametrize("name", ["notebook", "two heads, factored"])
def test_all_parts_that_are_enough_alone_are_named_and_no_others(name):
    for found, number, run, trial in some_found(name, most=1):
        rows = np.nonzero((found.named.run == run) & (found.named.other == number))[0]
        every = trial.sides[0].features
        shares = {
            part: trial.undone(trial.lowered([part])) for part in product((a for a, _ in trial.pairs), every, every)
        }
        enough = [part for part, share in shares.items() if abs(1 - share) <= 1 / 3]
        assert set(parts_of(found, rows)) == set(enough) or not enough


@pytest.mark.parametrize("name", ["two layers", "three layers, W_U", "no residual"])
def test_what_an_earlier_head_read_is_what_matters_in_an_own_trial(name):
    tried = 0
    for found, number, run, trial in some_found(name, most=3):
        rows = np.nonzero((found.named.run == run) & (found.named.other == number))[0]
        parts = parts_of(found, rows)
        for row, part in zip(rows, parts, strict=True):
            others = [] if found.named.alone[row] else [other for other in parts if other != part]
            for at_key, read in enumerate((found.named.query_read[row], found.named.key_read[row])):
                if isinstance(part[1 + at_key], tuple):
                    side = 0 if found.named.here[row] else 1
                    expected = {trial.pairs[source][side] for source in trial.reads_that_matter(part, at_key, others)}
                    assert set(np.nonzero(read)[0]) == expected
                    tried += 1
                else:
                    assert not read.any()
    assert tried >= 5


def everything_told(subject):
    """What is told of every choice and run, by sentence and position."""
    return {
        (subject.corpus.sentences[choice.place.sequence], choice.place.position, run): (
            told(found.of(run)),
            sorted(np.nan_to_num(found.undone[run], nan=-1.0).round(6).tolist()),
        )
        for choice in choices(subject)
        for found in [eye(subject, choice)]
        for run in range(subject.n_runs)
    }


def changed(subject, **weights):
    return Subject(Params(**{**dict(subject.params.items()), **weights}), subject.corpus, subject.model)


@pytest.fixture(scope="module", params=["three layers, W_U", "two layers"])
def untrained(request):
    return subject_of(MODELS[request.param], RAGGED, runs=20)


def test_it_does_not_hang_on_how_queries_and_keys_are_turned(untrained):
    p, rng = untrained.params, np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(*p.W_Q.shape[:3], p.W_Q.shape[-1], p.W_Q.shape[-1])))[0]
    assert everything_told(changed(untrained, W_Q=p.W_Q @ turn, W_K=p.W_K @ turn)) == everything_told(untrained)


def test_it_does_not_hang_on_what_is_added_to_all_scores_of_a_row():
    subject = subject_of(MODELS["three layers, W_U"], RAGGED, runs=20)
    p, rng = subject.params, np.random.default_rng(0)

    def wider(name, axis):  # one more direction of the residual stream, which every position has and only keys read
        weight = getattr(p, name)
        shape = list(weight.shape)
        shape[axis] = 1
        more = {"W_pos": np.ones(shape), "W_K": rng.normal(size=shape)}.get(name, np.zeros(shape))
        return np.concatenate([weight, more], axis=axis)

    axes = {"W_E": -1, "W_pos": -1, "W_Q": -2, "W_K": -2, "W_V": -2, "W_O": -1, "W_U": -2}
    weights = {name: wider(name, axis) for name, axis in axes.items()}
    shifted = Subject(Params(**weights), RAGGED, subject.model.replace(d_model=p.W_E.shape[-1] + 1))
    assert shifted.clean.pattern == pytest.approx(subject.clean.pattern)
    assert np.abs(shifted.clean.scores - subject.clean.scores).max() > 1
    assert everything_told(shifted) == everything_told(subject)


def test_it_does_not_hang_on_the_order_of_sentences_and_of_the_vocabulary():
    subject = subject_of(MODELS["three layers, W_U"], RAGGED, runs=20)
    turned = Corpus.from_text("\n".join(" ".join(words[1:]) for words in (*RAGGED.sentences[1:], RAGGED.sentences[0])))
    order = [RAGGED.vocabulary.index(word) for word in turned.vocabulary]
    assert order != sorted(order)
    p = subject.params
    weights = {"W_E": p.W_E[:, order], "W_U": p.W_U[:, :, order]}
    again = Subject(Params(**{**dict(p.items()), **weights}), turned, subject.model)
    assert everything_told(again) == everything_told(subject)


def test_taking_away_what_draws_the_eye_says_what_is_predicted_then():
    subject = plant(*PLANTED["a token"][:3], n_runs=2)
    first, second = (eye(subject, choice).of(1) for choice in last_choices(subject))
    assert (first.flips, first.predicts, second.flips, second.predicts) == (True, ("beef",), True, ("chicken",))
    assert first.undone == pytest.approx(1, abs=1e-3)
    assert first.parts[0].key.word == "man"
    assert first.to_dict()["parts"][0]["key"]["position"] == 1


def test_what_a_clause_says_has_all_keys_of_a_query_and_all_queries_of_a_key_together():
    def clauses(name):
        subject = plant(*PLANTED[name][:3], n_runs=1)
        records = [eye(subject, choice).of(0) for choice in last_choices(subject)]
        return [
            [
                (clause.here, list(map(spot, clause.keys)), clause.slots, list(map(spot, clause.queries)))
                for clause in record.told()
            ]
            for record in records
        ]

    by_either = "a token, for the query's token or position: one brings it back, both must be taken away"
    assert clauses(by_either)[1] == [(False, ["man"], (1,), ["the", "3"])]
    assert clauses("a position, whatever stands there")[0] == [
        (True, ["1"], (1,), ["the"]),
        (False, ["1"], (2,), ["the"]),
    ]
    assert clauses("the query's position") == [[(True, ["any"], (None,), ["3"])]]


def test_nothing_is_told_where_there_is_nothing_to_hold_it_against():
    subject = plant(*PLANTED["a token"][:3], n_runs=2)
    found = eye(subject, Choice(Place(0, 3), 3, (6,)))
    assert found.makes.shape == (2, 0)
    assert found.of(0) is None
    assert not found.decides.any()


def test_of_a_run_that_diverged_nothing_is_told():
    subject = plant(*PLANTED["a token"][:3], n_runs=2)
    W_K = subject.params.W_K.copy()
    W_K[0] = np.inf
    broken = changed(subject, W_K=W_K)
    found = eye(broken, choices(broken)[-1])
    assert (found.of(0), found.of(1) is None) == (None, False)


def test_in_the_runs_of_the_exercise_the_subject_draws_the_eye_wherever_the_pattern_decides():
    subject = hl.train(NOTEBOOK, seeds=range(60), record="none").subject
    for choice in choices(subject):
        found = eye(subject, choice)
        for run in np.nonzero(found.decides[:, 0])[0].tolist():
            record = found.of(run)
            assert {part.key.word for part in record.parts} <= {"man", "woman"}
            assert {part.key.kind for part in record.parts} == {"token"}
