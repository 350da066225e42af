"""All minimal sets of parts that suffice: the enumeration against brute force, and against forward passes one by one."""

import importlib.util
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import headlab as hl
from headlab.analysis.choice import Place, choices
from headlab.analysis.minimal.minimal_sets import minimal_sets
from headlab.analysis.minimal.solve import ABLATIONS, solve
from headlab.analysis.minimal.subsets import members, minimal, sums
from headlab.analysis.minimal.sufficiency import Scene, last_layer_first, suffices
from headlab.analysis.minimal.tried import largest, parts_of
from headlab.analysis.part import Part
from headlab.analysis.parts.gradients import gradients
from headlab.analysis.subject import Subject
from headlab.analysis.trials.spelling import spelling
from headlab.model.forward import forward
from headlab.model.params import Params

TWO_HEADS = hl.ModelConfig(n_heads=2, factored_values=True)
SHIFTED = "man ordered the chicken\nlo woman ordered the beef\nman saw the chicken"
MODELS = {
    "the notebook's": (hl.ModelConfig(), hl.Corpus.notebook()),
    "two heads": (TWO_HEADS, hl.Corpus.notebook()),
    "two layers": (hl.ModelConfig(n_layers=2, d_head=5), hl.Corpus.notebook()),
    "three layers": (hl.ModelConfig(n_layers=3, d_head=5), hl.Corpus.notebook()),
    "two layers, two heads, unembedding": (
        hl.ModelConfig(n_layers=2, n_heads=2, d_head=5, factored_values=True, d_model=9, unembed=True),
        hl.Corpus.from_text(SHIFTED),
    ),
    "no residual, no positions": (hl.ModelConfig(n_layers=2, residual=False, positions=False), hl.Corpus.notebook()),
    "no mask": (hl.ModelConfig(causal=False), hl.Corpus.from_text(SHIFTED)),
}


def brute_force(suffices):
    """Return the minimal sets of one table, by Python's sets."""
    n = len(suffices).bit_length() - 1
    enough = [frozenset(members(number)) for number in np.nonzero(suffices)[0].tolist()]
    least = {one for one in enough if not any(other < one for other in enough)}
    every = [frozenset(some) for size in range(n + 1) for some in combinations(range(n), size)]
    return least, all(larger in set(enough) for one in enough for larger in every if one < larger)


@pytest.mark.parametrize("n", [0, 1, 2, 4])
def test_minimal_sets_and_monotony_are_those_of_brute_force(n):
    draw = np.random.default_rng(n)
    tables = np.concatenate([draw.random((60, 1 << n)) < p for p in (0.1, 0.5, 0.9)])
    weights = draw.integers(0, 3, (60, n)).astype(float)
    tables = np.concatenate([tables, weights.sum(axis=1)[:, None] - sums(weights) >= 2])  # these are monotone
    found, monotone = minimal(np.asfortranarray(tables))
    for table, least, alone in zip(tables, found, monotone, strict=True):
        expected, all_larger = brute_force(table)
        assert {frozenset(members(number)) for number in np.nonzero(least)[0].tolist()} == expected
        assert alone == all_larger


def test_sums_are_those_of_what_a_subset_lacks():
    parts = np.random.default_rng(0).normal(size=(3, 5))
    for subset, found in enumerate(sums(parts).T):
        lacking = [number for number in range(5) if number not in members(subset)]
        np.testing.assert_allclose(found, parts[:, lacking].sum(axis=1), atol=1e-12)


def right_by_hand(subject, run, scene, kept, parts):
    """Return whether the target leads in one forward pass in which the parts that are not kept are taken away one by one."""
    params, model, tokens = subject.params[run], subject.model, subject.corpus.tokens
    donor = None if scene.donor is None else forward(params, tokens[[scene.donor.sequence]], model)

    def read(pattern, v, layer, head, query, key):
        value = pattern[head, 0, query, key] * v[head, 0, key]
        return value if params.W_O is None else value @ params.W_O[layer, head]

    def edit(name, layer, activation, before):
        activation = activation.copy()
        for part in (part for part in parts if part not in kept):
            if name == "z" and part.kind == "edge" and part.layer == layer:
                query, key = scene.at.get(part.query), scene.at.get(part.position)
                if query is None or key is None:
                    continue
                activation[part.head, 0, query] -= read(before["pattern"], before["v"], layer, part.head, query, key)
                if donor is not None and part.query in scene.there and part.position in scene.there:
                    at = scene.there[part.query], scene.there[part.position]
                    there = read(donor.pattern[layer], donor.v[layer], layer, part.head, *at)
                    activation[part.head, 0, query] += there
            if name == "direct" and part.kind.startswith("direct"):
                embed = "token_embed" if part.kind == "direct:token" else "pos_embed"
                here = getattr(forward(params, tokens[[scene.place.sequence]], model), embed)
                activation[0, scene.place.position] -= here[0, scene.place.position]
                if donor is not None:
                    activation[0, scene.place.position] += getattr(donor, embed)[0, scene.donor.position]
        return activation

    logits = forward(params, tokens[[scene.place.sequence]], model, edit).logits[0, scene.place.position]
    return logits[scene.target] - np.delete(logits, scene.target).max()


@pytest.mark.parametrize("name", MODELS)
def test_every_subset_suffices_exactly_where_a_forward_pass_of_its_own_says_so(name):
    model, corpus = MODELS[name]
    subject = hl.train(corpus, model, hl.TrainConfig.of(steps=400), seeds=[3, 4], record="none").subject
    place, other = Place(0, 3), Place(1, 3 if corpus.sentences[1][1] == "woman" else 4)
    choice = next(item for item in choices(subject) if item.place == place)
    parts, gives = parts_of(subject, choice)
    parts = last_layer_first([parts[number] for number in largest(gives, 10)[0]], model.n_layers - 1)
    itself = {at: at for at in range(int(corpus.lengths[0]))}
    across = {0: 0, 1: 1, 2: 2, 3: 3} if other.position == 3 else {0: 0, 1: 2, 2: 3, 3: 4}
    # Whatever a run predicts, so that with all parts it is right.
    target, there = (int(subject.clean.logits[0, at.sequence, at.position].argmax()) for at in (place, other))
    draw = np.random.default_rng(0)
    seen = set()
    scenes = [
        Scene(place, target, itself),
        Scene(place, target, itself, other, across),
        Scene(other, there, across),
        Scene(other, there, across, place, itself),
    ]
    every = np.logical_and.reduce([suffices(subject, [scene], parts) for scene in scenes])
    np.testing.assert_array_equal(suffices(subject, scenes, parts), every)
    for scene in scenes:
        table = suffices(subject, [scene], parts)
        assert table.shape == (2, 1 << len(parts))
        for subset in [*draw.choice(1 << len(parts), 12, replace=False).tolist(), 0, (1 << len(parts)) - 1]:
            kept = [parts[number] for number in members(subset)]
            for run in range(2):
                lead = right_by_hand(subject, run, scene, kept, parts)
                assert table[run, subset] == (lead > 1e-9) or abs(lead) < 1e-8, (scene, subset, run, lead)
                seen.add(bool(table[run, subset]))
    assert seen == {True, False}


@pytest.mark.parametrize("model", [hl.ModelConfig(), TWO_HEADS, hl.ModelConfig(n_layers=2)])
def test_a_set_that_lacks_one_part_suffices_where_its_ablation_flips_nothing(model):
    runs = hl.train(hl.Corpus.notebook(), model, seeds=range(4), record="none")
    subject = runs.subject
    choice = choices(subject)[0]
    parts = last_layer_first(parts_of(subject, choice)[0], model.n_layers - 1)
    itself = {at: at for at in range(5)}
    table = suffices(subject, [Scene(choice.place, choice.target, itself)], parts)
    right = subject.clean.logits[:, 0, 3].argmax(axis=1) == choice.target
    everything = (1 << len(parts)) - 1
    effects = runs.ablate(*map(spelling, parts))
    for number in range(len(parts)):
        flips = effects.flips[:, number, effects.kinds.index("zero")]
        assert (table[:, everything - (1 << number)] == ~flips)[right].all()


@pytest.mark.parametrize(
    ("model", "one", "most"),
    [(hl.ModelConfig(), (41, 100), (7, 1)), (TWO_HEADS, (1, 91), (20, 6))],
)
def test_the_first_hundred_solved_runs_have_as_many_sets_as_forward_passes_one_by_one_found(model, one, most):
    runs = hl.train(hl.Corpus.notebook(), model, seeds=range(125), record="none")
    found = runs[np.nonzero(runs.solved())[0][:100]].explain().minimal()
    counts = found.counts[:, 0]  # both sentences are asked for at once, so that both have these sets
    assert (counts == found.counts[:, 1]).all()
    assert len(counts) == 100
    assert ((counts == 1).sum(axis=0).tolist(), counts.max(axis=0).tolist()) == (list(one), list(most))


def test_the_order_of_sentences_changes_no_set():
    text = ["man ordered the chicken", "woman ordered the beef", "lo child ordered the soup"]
    first = hl.Corpus.from_text("\n".join(text))
    weights = hl.train(first, seeds=range(6), record="none").params
    columns = ["name", "target", "ablation", "sets", "smallest", "in_words"]
    found = []
    for turn in range(3):
        corpus = hl.Corpus.from_text("\n".join(text[turn:] + text[:turn]), vocabulary=first.vocabulary)
        table = hl.Models(weights, corpus).explain().minimal().table()
        found.append(sorted(table[columns].astype(str).values.tolist()))
    assert found[0] == found[1] == found[2]
    assert any(row[3] != "0" for row in found[0])


def test_neither_the_order_of_the_vocabulary_nor_a_constant_on_all_logits_changes_a_set():
    corpus, model = hl.Corpus.notebook(), hl.ModelConfig(d_model=9, unembed=True)
    weights = dict(hl.train(corpus, model, seeds=range(6), record="none").params.items())
    weights = {name: weight.astype(float) for name, weight in weights.items()}
    order = np.random.default_rng(0).permutation(corpus.d_vocab)
    text = "\n".join(" ".join(words[1:]) for words in corpus.sentences)
    turned = hl.Corpus.from_text(text, vocabulary=[corpus.vocabulary[token] for token in order])
    shifted = weights["W_U"] + np.arange(9)[:, None]
    found = []
    for changed, on in (
        (weights, corpus),
        (weights | {"W_E": weights["W_E"][:, order], "W_U": weights["W_U"][:, :, order]}, turned),
        (weights | {"W_U": shifted}, corpus),
    ):
        found.append(hl.Models(changed, on, model).explain().minimal().to_list())
    assert found[0] == found[1] == found[2]
    assert any(row["sets"] for row in found[0])


def test_of_more_than_sixteen_parts_those_that_give_most_are_tried_and_the_rest_counted():
    model = hl.ModelConfig(n_layers=2, n_heads=2, factored_values=True, d_head=5)
    run = hl.train(hl.Corpus.notebook(), model, hl.TrainConfig.of(steps=300), seeds=[1], record="none")
    subject = run.subject
    choice = choices(subject)[0]
    parts, gives = parts_of(subject, choice)
    assert len(parts) == 2 * 4 + 2 * 10 + 2
    found = solve(subject, choice)["zero"][0]
    assert (len(found.parts), found.left) == (16, 14)
    size = dict(zip(parts, np.abs(gives[0]), strict=True))
    assert min(size[part] for part in found.parts) >= max(size[part] for part in parts if part not in found.parts)


def test_where_nothing_is_predicted_right_there_is_no_set_and_that_is_no_number():
    found = hl.train(hl.Corpus.notebook(), training=hl.TrainConfig.of(steps=1), seeds=range(3)).explain().minimal()
    assert found.counts.max() == 0
    assert np.isnan(found.by_run("zero")).all()
    assert found.table()["smallest"].isna().all()
    assert len(found.distribution()) == 0
    assert found.to_list()[0]["sets"] == []


def test_a_prediction_that_needs_no_part_has_the_empty_set():
    # The direct path gives the answer, and it is taken for nothing else.
    run = hl.train(hl.Corpus.notebook(), seeds=35, record="none")
    choice = choices(run.subject)[0]
    found = minimal_sets(run.subject, ["a"], [choice])
    assert found.of(0, 0, "zero").smallest == 3
    sets = {frozenset(spelling(found.of(0, 0, "zero").parts[n]) for n in one) for one in found.of(0, 0, "zero").sets}
    assert sets == {
        frozenset({"edge:0.0:3>1", "edge:0.0:3>2", "direct:token"}),
        frozenset({"edge:0.0:3>1", "edge:0.0:3>2", "direct:position"}),
    }


def test_one_run_among_many_has_the_sets_that_it_has_alone():
    runs = hl.train(hl.Corpus.notebook(), TWO_HEADS, seeds=range(20), record="none")
    together = runs.explain().minimal()
    for number in (0, 7, 19):
        alone = runs[number : number + 1].explain().minimal()
        assert together[number].to_list() == [{**row, "run": together.names[number]} for row in alone.to_list()]
        assert [together.count(number, 0, kind) for kind in ABLATIONS] == [
            alone.count(0, 0, kind) for kind in ABLATIONS
        ]


def test_a_run_that_diverged_has_no_set_and_changes_no_other_run():
    runs = hl.train(hl.Corpus.notebook(), seeds=range(4), record="none")
    weights = {name: weight.copy() for name, weight in runs.params.items()}
    weights["W_E"][1] = np.nan
    found = hl.explain(Subject(Params(**weights), hl.Corpus.notebook(), hl.ModelConfig())).minimal()
    expected = runs.explain().minimal().counts
    expected[1] = 0
    np.testing.assert_array_equal(found.counts, expected)


def test_parts_are_named_once():
    model = hl.ModelConfig(n_layers=2)
    run = hl.train(hl.Corpus.notebook(), model, seeds=[0], record="none")
    found = run.explain().minimal()
    every = {name for words in found.to_list()[0]["in_words"] for name in words.split(" + ")}
    assert all("by head" in name or name in ("direct path", "own position") for name in every)
    assert Part("edge", 0, 0, position=1, query=3) in found.of(0, 0, "zero").parts


@pytest.mark.parametrize("name", MODELS)
def test_gradients_are_those_of_central_differences(name):
    model, corpus = MODELS[name]
    subject = hl.train(corpus, model, hl.TrainConfig.of(steps=50), seeds=[3, 4], record="none").subject
    place = Place(0, 3)
    step, tokens = 1e-6, corpus.tokens[[0]]
    found = gradients(subject, place, 3, (1, 2))
    for layer, G in enumerate(np.moveaxis(found, 1, 0)[:-1]):
        for position, number in ((0, 0), (1, 2), (3, 1)):

            def difference(by, where=(layer, position, number)):
                def edit(name, at, activation, before):
                    if name == "resid_pre" and at == where[0]:
                        activation = activation.copy()
                        activation[..., 0, where[1], where[2]] += by
                    return activation

                logits = forward(subject.params, tokens, model, edit).logits[:, 0, 3]
                return logits[:, 3] - logits[:, [1, 2]].mean(axis=1)

            slope = (difference(step) - difference(-step)) / (2 * step)
            np.testing.assert_allclose(G[:, position, number], slope, atol=1e-7)


def test_discovery_methods_are_scored_against_all_minimal_sets():
    path = Path(__file__).parents[1] / "benchmarks" / "discovery.py"
    spec = importlib.util.spec_from_file_location("discovery", path)
    discovery = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(discovery)
    found = discovery.discover(hl.Corpus.notebook(), TWO_HEADS, seeds=9, most=6)
    for kind in ABLATIONS:
        assert all(len(results) == 6 for results in found[kind].values())
        assert all(hit for _, hit in found[kind]["all subsets: a smallest one"])
    # In one layer the gradient towards what an edge writes is what it gives, so that by zero both rank alike.
    assert found["zero"]["direct attribution"] == found["zero"]["edge attribution patching"]
    suffices = np.array([False, False, False, True, False, False, True, True])  # parts 0 and 1, or 1 and 2
    assert discovery.fewest_first(np.array([3.0, 1.0, 2.0]), suffices) == (0, 1, 2)
    assert discovery.pruned(np.array([3.0, 1.0, 2.0]), suffices) == (0, 1)
    assert "| notebook | direct attribution | 6 |" in discovery.tables({"notebook": found})
