"""Floors and dependencies by what a model of one shape can see, against the model itself and the definition."""

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import headlab as hl
from headlab import Corpus, ModelConfig
from headlab.analysis.looking.predictions import verdicts
from headlab.data.sight import Sight
from headlab.model.forward import forward
from headlab.model.initial import initial
from headlab.model.losses import mean_loss
from headlab.model.params import Params
from headlab.report.words.corpus import dependency_sentence

words = st.lists(st.sampled_from("abcd"), min_size=1, max_size=6).map(" ".join)
texts = st.lists(words, min_size=2, max_size=5).map("\n".join).filter(lambda text: len(set(text.split())) > 1)
shapes = st.builds(
    ModelConfig, d_head=st.just(3), causal=st.booleans(), positions=st.booleans(), n_layers=st.sampled_from([1, 2])
)
BLIND = ModelConfig(causal=False)


def by_hand(corpus):
    """The quadratic definition for a causal model with positions: floor, resolvable, dependencies."""
    where = [(int(b), int(t)) for b, t in np.argwhere(corpus.targets >= 0)]
    target = {place: int(corpus.targets[place]) for place in where}
    prefix = {(b, t): tuple(corpus.tokens[b, : t + 1].tolist()) for b, t in where}
    after, following = defaultdict(set), defaultdict(set)
    for place in where:
        after[prefix[place]].add(target[place])
        following[int(corpus.tokens[place])].add(target[place])
    contexts, pairs = Counter(prefix.values()), Counter((prefix[place], target[place]) for place in where)
    floor = sum(-n * math.log(n / contexts[context]) for (context, _), n in pairs.items()) / len(where)
    resolvable = np.zeros(corpus.tokens.shape, bool)
    dependencies = []
    for place in where:
        resolvable[place] = len(after[prefix[place]]) == 1
        token, settled = int(corpus.tokens[place]), None
        if len(following[token]) == 1:
            continue
        for earlier in range(place[1] - 1, -1, -1) if resolvable[place] else ():
            pair = (corpus.tokens[:, earlier] == corpus.tokens[place[0], earlier]) & (
                corpus.tokens[:, place[1]] == token
            )
            pair &= corpus.targets[:, place[1]] >= 0
            if set(corpus.targets[pair, place[1]].tolist()) == {target[place]}:
                settled = earlier
                break
        others = tuple(sorted(following[token] - {target[place]}))
        dependencies.append((*place, token, target[place], others, settled, bool(resolvable[place])))
    return floor, resolvable, dependencies


@settings(deadline=None)
@given(texts, st.booleans())
def test_a_causal_model_with_positions_sees_what_the_prefix_tells(text, wrap):
    if not wrap and max(len(line.split()) for line in text.splitlines()) < 2:
        return
    corpus = Corpus.from_text(text, wrap=wrap)
    floor, resolvable, dependencies = by_hand(corpus)
    assert corpus.floor() == floor
    np.testing.assert_array_equal(corpus.resolvable(), resolvable)
    for model in (None, ModelConfig(), ModelConfig(n_layers=3)):
        assert [
            (d.sequence, d.position, d.token, d.target, d.alternatives, d.settled_by, d.resolvable)
            for d in corpus.dependencies(model)
        ] == dependencies


@settings(max_examples=60, deadline=None)
@given(texts, shapes, st.integers(0, 2**32))
def test_positions_look_alike_to_every_model_exactly_where_their_states_are_equal(text, model, seed):
    corpus = Corpus.from_text(text)
    states = Sight(corpus.batch, model).states
    random, shapes_of = np.random.default_rng(seed), model.on(corpus).weights.items()
    params = Params(**{name: random.normal(0, 0.6, (1, *shape)) for name, shape in shapes_of})
    logits = forward(params, corpus.tokens, model).logits[0][corpus.tokens >= 0]
    seen = states[corpus.tokens >= 0]
    apart = np.abs(logits[:, None] - logits[None]).max(axis=-1)
    same = seen[:, None] == seen[None]
    assert (apart[same] < 1e-12).all()
    assert (apart[~same] > 1e-12).all()


@settings(deadline=None)
@given(texts, shapes, st.integers(0, 2**32))
def test_no_model_of_a_shape_loses_less_than_its_floor(text, model, seed):
    corpus = Corpus.from_text(text)
    params = initial(model.on(corpus), np.array([seed], np.uint64))
    loss = mean_loss(forward(params, corpus.tokens, model).logits, corpus.targets, "softmax")[0]
    assert loss >= corpus.floor(model) - 1e-6
    assert -1e-12 <= corpus.floor(model) <= corpus.bigram_floor() + 1e-12


@pytest.mark.parametrize("changes", [{}, {"positions": False}, {"n_layers": 2}], ids=str)
@pytest.mark.parametrize("text", ["man ordered the chicken\nwoman ordered the beef", "a b a c\nc b a", "a a b\na b"])
def test_trained_runs_without_a_causal_mask_never_lie_below_the_floor(text, changes):
    corpus, model = Corpus.from_text(text), BLIND.replace(**changes)
    runs = hl.train(
        corpus, model, hl.TrainConfig(learning_rate=0.05, phases=(hl.Phase(1500),)), seeds=range(8), record="none"
    )
    finished = runs.finished & np.isfinite(runs.final_loss)
    assert (runs.final_loss[finished] >= corpus.floor(model) - 1e-6).all()


def test_without_a_mask_the_answer_is_seen_and_the_sentence_says_so():
    corpus = Corpus.notebook()
    assert corpus.floor(BLIND) == 0
    assert corpus.resolvable(BLIND).all()
    start, the = corpus.dependencies(BLIND)[:2]
    assert (start.settled_by, start.is_answer, the.settled_by, the.is_answer) == (1, True, 1, False)
    assert dependency_sentence(start, corpus, BLIND).endswith(
        "“man” at position 1 tells which: it is the answer itself, as without the causal mask every token is seen."
    )
    assert dependency_sentence(the, corpus, BLIND).endswith("“man” at position 1 tells which.")
    assert not any(d.is_answer for d in corpus.dependencies())


def test_what_only_positions_tell_no_model_without_them_can_know():
    # Both places of “a” have seen nothing but “a”: one layer sees shares, and these are alike.
    corpus, model = Corpus.from_text("a a b", start=None), ModelConfig(positions=False)
    first, second = corpus.dependencies(model)
    assert [d.resolvable for d in corpus.dependencies()] == [True, True]
    assert [first.resolvable, second.resolvable] == [False, False]
    assert corpus.floor(model) == pytest.approx(2 * math.log(2) / 3)
    assert "only positions would tell which, so no model without them can know" in dependency_sentence(
        first, corpus, model
    )


def test_a_sentence_names_a_few_alternatives_and_counts_the_rest():
    corpus = Corpus.from_text("\n".join(f"a {word}" for word in "bcdefghi"))
    said = dependency_sentence(corpus.dependencies()[0], corpus, ModelConfig())
    assert "elsewhere with “c”, “d”, “e”, “f” and 3 more; nothing before it tells" in said


def test_a_second_layer_can_see_the_order_that_one_layer_cannot():
    # The words before “a” are the same in both, in another order.
    corpus, one = Corpus.from_text("a b c a x\nb a c a y", start=None, wrap=False), ModelConfig(positions=False)
    assert corpus.resolvable(one)[:, 3].tolist() == [False, False]
    assert corpus.resolvable(one.replace(n_layers=2))[:, 3].tolist() == [True, True]


def test_without_layers_only_token_and_position_are_seen():
    corpus = Corpus.from_text("a b a c")
    states = Sight(corpus.batch, ModelConfig())
    object.__setattr__(states.model, "n_layers", 0)
    assert states.floor == 0
    assert [d.settled_by for d in states.dependencies] == [None, None]


def test_an_open_place_is_never_right_by_luck():
    corpus, model = Corpus.from_text("a a b", start=None), ModelConfig(positions=False)
    told = np.eye(corpus.d_vocab)[corpus.targets]
    assert verdicts(told, corpus, model) == [["open", "open", "right"]]
    assert verdicts(told, corpus) == [["right", "right", "right"]]
    assert verdicts(np.eye(7)[Corpus.notebook().targets], Corpus.notebook())[0][0] == "open"


def test_runs_are_graded_by_what_their_model_sees():
    corpus, model = Corpus.notebook(), BLIND
    runs = hl.train(corpus, model, hl.TrainConfig(phases=(hl.Phase(0),)), seeds=range(3), record="none")
    blind = hl.train(corpus, model, seeds=range(8), record="none")
    assert not runs.solved().any()
    right = (blind.logits().argmax(axis=-1) == corpus.targets).all(axis=(1, 2))
    np.testing.assert_array_equal(blind.solved(), right)


@pytest.mark.parametrize("model", [None, BLIND.replace(positions=False)], ids=["all positions", "none"])
def test_ten_thousand_sentences_take_about_as_long_as_their_positions(model):
    # A second or so; what grows with the square of the positions would not end today.
    corpus = Corpus.from_ids(np.random.default_rng(0).integers(0, 200, (10_000, 8)))
    assert len(corpus.dependencies(model)) == corpus.targets.size
    assert corpus.resolvable(model).mean() > 0.7


def test_every_medium_says_what_this_model_can_see(tmp_path):
    from headlab.homework.exercise import exercise
    from headlab.report.html import homework as page
    from headlab.report.json.homework import exercise_json

    done = exercise(Corpus.notebook(), model=BLIND, n_runs=1, head_sizes=[20])
    html = page.render(done)
    assert exercise_json(done, tmp_path / "r.html")["floor"] == 0
    assert "<b>0.0000</b>" in html
    assert "it is the answer itself, as without the causal mask every token is seen" in html
    assert "so no model can know" not in html
    assert "the whole sentence, the answer included" in html
