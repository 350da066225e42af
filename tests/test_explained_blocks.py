"""Explanations of models with MLPs, norms, biases, outputs: what is said is held to another forward pass, and by hand."""

import json
from itertools import chain

import numpy as np
import pytest
from plain_model import BLOCK_MODELS
from tiers import long

import headlab as hl
from headlab.analysis.choice import choices
from headlab.analysis.explanation.columns import frozen_words
from headlab.analysis.minimal.solve import scenes_of, trials
from headlab.analysis.minimal.sufficiency import _change
from headlab.analysis.parts.coding import coding
from headlab.analysis.parts.mechanism import MECHANISMS
from headlab.analysis.trials.ablation import Ablation
from headlab.analysis.trials.other_patterns import battery
from headlab.analysis.trials.ways import ways
from headlab.config import Phase
from headlab.data.alignment import alignments
from headlab.model.interventions import Case, intervened
from headlab.report.export import TABLES
from headlab.report.frames.recording import Recording
from headlab.report.frames.why import why_frame

NOTEBOOK = hl.Corpus.notebook()
OF_TWO_SENTENCES = [
    "MLP",
    "MLP, no residual",
    "MLP, gelu, two layers",
    "LayerNorm",
    "RMSNorm, final",
    "norm after",
    "biases, factored",
    "tied",
    "distances",
    "distances, two layers",
    "everything",
    "everything, after",
]
GALLERY = {"ioi": None, "max4": 150, "cumsum": 300, "permutation": 60}
MOST_PLACES = 2


def trained(name):
    """Runs of a model on the notebook's sentences, or of a task, in few steps."""
    if name in BLOCK_MODELS:
        training = hl.TrainConfig.of(steps=300, learning_rate=0.1)
        return hl.train(NOTEBOOK, BLOCK_MODELS[name], training, seeds=range(2), record="none")
    task = hl.tasks[name]
    recipe, steps = task.recipe(), GALLERY.get(name, 10)
    training = recipe.training if steps is None else recipe.training.replace(phases=(Phase(steps),))
    return hl.train(task, recipe.model, training, seeds=[0], record="none")


RUNS = {}


def explained(name):
    if name not in RUNS:
        runs = trained(name)
        RUNS[name] = runs, runs.explain()
    return RUNS[name]


@pytest.fixture(params=[*OF_TWO_SENTENCES, *GALLERY, pytest.param("tsar", marks=long)])
def found(request):
    return explained(request.param)


def records_of(found):
    runs, explanations = found
    for run in range(len(runs)):
        for record in explanations[run].first(MOST_PLACES).records:
            yield run, record


def test_parts_of_a_record_add_up_to_its_logit_difference(found):
    runs, _ = found
    model, seen = runs.model, 0
    for _, record in records_of(found):
        parts = record.parts()
        assert parts.sum() == pytest.approx(record.difference, abs=1e-9)
        assert [name for name in parts.index if name.startswith("MLP")] == [
            f"MLP {layer}" for layer in range(model.n_layers if model.d_mlp else 0)
        ]
        assert ("biases" in parts.index) == (model.biases or model.norm == "layer")
        assert abs(record.remainder) < 1e-9
        assert (
            "biases" not in record.table().index
            or np.isnan(record.table().loc["biases", ["zero", "mask"]].astype(float)).all()
        )
        seen += 1
    assert seen


def test_what_gives_most_is_said_and_with_what_held_fixed(found):
    runs, _ = found
    for _, record in records_of(found):
        kinds = [clause.kind for clause in record.clauses]
        for clause in record.clauses:
            if clause.kind == "frozen":
                assert clause.arguments["what"] == frozen_words(runs.model)
                assert kinds[kinds.index("frozen") - 1] in ("gives", "gives_it")
            if clause.kind == "gives":
                given = dict(zip(map(str, record.named), record.gives, strict=True))
                sign = 1 if record.difference > 0 else -1
                most = (
                    max(value for value in given.values() if np.isfinite(value * sign))
                    if sign > 0
                    else -min(value for value in given.values() if np.isfinite(value))
                )
                named = {str(part): value for part, value in clause.arguments["parts"]}
                for name, value in given.items():
                    if np.isfinite(value) and sign * value > 2 / 3 * most + 1e-6:
                        assert named[name] == pytest.approx(sign * value, abs=1e-12)
        said = {"gives", "gives_it"} & set(kinds)
        assert ("frozen" in kinds) == (bool(said) and bool(frozen_words(runs.model)))


def outcomes(runs, run, choice, part):
    """What is predicted by which ablation of a part, by the readable forward pass; where it differs from what was."""
    subject, model = runs.subject, runs.model
    params, tokens = subject.params[run : run + 1], subject.corpus.tokens
    at = choice.place
    before = subject.clean.logits[run, at.sequence, at.position]
    known = {}
    for kind, some in zip(("zero", "mean", "resample", "mask"), ways(subject, choice, [part])[0], strict=True):
        logits = []
        for way in some:
            case = Case(at.sequence, Ablation(**vars(way)).changes(subject), at.position)
            logits.append(intervened(params, tokens, model, case).logits[0, 0, at.position])
        if logits:
            lead = [each[choice.target] - np.delete(each, choice.target).max() for each in logits]
            worst = logits[int(np.argmin(lead))]
            first = np.nonzero(worst >= worst.max() - 1e-9)[0]
            if list(first) != [before.argmax()]:
                known[kind] = {subject.corpus.output_names[token] for token in first}
    return known


def test_what_is_said_of_parts_that_are_taken_away_is_what_another_forward_pass_predicts(found):
    runs, explanations = found
    checked = 0
    for run, record in records_of(found):
        every = [columns.evidence.choice for columns, _ in explanations.columns(run)]
        (choice,) = [
            one for one in every if (one.place.sequence, one.place.position) == (record.sequence, record.place)
        ]
        for clause in record.clauses:
            if clause.kind in ("without", "flips_nothing", "changes_nothing"):
                part = clause.arguments["part"].part
                assert part.kind != "biases"
                true = outcomes(runs, run, choice, part)
                told = {
                    kind: {word.word for word in item.tokens}
                    for item in clause.arguments.get("outcomes", ())
                    for kind in item.ablations
                }
                assert told == true, str(clause)
                checked += 1
    assert checked or not runs.solved().any()


@pytest.mark.parametrize("name", ["MLP", "LayerNorm", "RMSNorm, final", "cumsum"])
def test_the_coding_split_of_one_layer_is_its_formula_with_norms_that_divide_by_the_mean(name):
    runs, _ = explained(name)
    subject, model, params, on = runs.subject, runs.model, runs.subject.params, runs.subject.clean
    checked = 0
    for choice in choices(subject):
        if len(choice.others) != 1:
            continue
        sides = [(place.sequence, place.position) for place in (choice.place, choice.others[0])]
        every = alignments(subject.corpus.tokens, *sides, model.causal)
        if len(every) > 1 or every[0].unpaired_a or every[0].unpaired_b:
            continue
        slots, run = np.array(every[0].pairs), 0

        def normed(x, gain, size, layer=model.norm == "layer"):
            x = x - x.mean(axis=-1, keepdims=True) if layer else x
            return x * gain / size

        def size(x, layer=model.norm == "layer"):
            x = x - x.mean(axis=-1, keepdims=True) if layer else x
            return np.sqrt((x * x).mean(axis=-1, keepdims=True) + 1e-5)

        x = [on.resid_0[run, row][slots[:, side]] for side, (row, _) in enumerate(sides)]
        own = [on.resid_0[run, row, at] for row, at in sides]
        w = np.zeros(subject.corpus.n_outputs)
        w[choice.target], w[list(choice.rivals)] = 1, -1 / len(choice.rivals)
        w = w if params.W_U is None else params.W_U[run] @ w
        if model.norm_final:
            divisor = np.mean([size(on.resid_post[run, 0, row, at]) for row, at in sides])
            w = (w - 0) * params.ln_final_w[run] / divisor
            w = w - w.mean() if model.norm == "layer" else w
        if model.norm != "none":
            divisors = (size(x[0]) + size(x[1])) / 2
            x = [normed(each, params.ln1_w[run, 0], divisors) for each in x]
        out = params.W_V[run, 0, 0] if params.W_O is None else params.W_V[run, 0, 0] @ params.W_O[run, 0, 0]
        V = [each @ out @ w for each in x]
        A = [on.pattern[run, 0, 0, row, at][slots[:, side]] for side, (row, at) in enumerate(sides)]
        pattern = ((A[0] - A[1]) * (V[0] + V[1]) / 2).sum()
        value = ((A[0] + A[1]) / 2 * (V[0] - V[1])).sum()
        direct = (own[0] - own[1]) @ w
        D = [
            on.logits[run, row, at, choice.target] - on.logits[run, row, at, list(choice.rivals)].mean()
            for row, at in sides
        ]
        found = coding(subject, choice)
        expected = [pattern, value, direct, D[0] - D[1] - pattern - value - direct]
        said = [part[run] for part in (found.pattern, found.value, found.direct, found.rest)]
        np.testing.assert_allclose(said, expected, atol=1e-9)
        checked += 1
    assert checked


def test_the_parts_of_a_change_add_up_and_their_rest_is_told(found):
    runs, _ = found
    subject = runs.subject
    for choice in choices(subject)[:MOST_PLACES]:
        split = coding(subject, choice)
        if split is None:
            continue
        logits = [subject.clean.logits[:, at.sequence, at.position] for at in (choice.place, *choice.others)]
        D = [each[:, choice.target] - each[:, list(choice.rivals)].mean(axis=1) for each in logits]
        np.testing.assert_allclose(split.total, D[0] - np.mean(D[1:], axis=0), atol=1e-9)
        assert (split.rest is None) == (not frozen_words(runs.model))
    for _, record in records_of(found):
        kinds = {clause.kind: clause for clause in record.clauses}
        coded = {"value_coded", "pattern_coded", "position_coded", "mixed", "opposed"} & set(kinds)
        rest = (record.coding or {}).get("rest_share", 0.0)
        assert ("left_over" in kinds) == (bool(coded) and abs(rest) >= 0.005)
        if "left_over" in kinds:
            assert kinds["left_over"].arguments == {"what": record.frozen, "share": rest}


@pytest.mark.parametrize("name", ["MLP", "everything", "norm after", "cumsum"])
def test_minimal_sets_suffice_by_another_forward_pass_and_nothing_within_them_does(name):
    runs, _ = explained(name)
    subject, checked = runs.subject, 0
    for choice in choices(subject)[:1]:
        for tried in trials(subject, choice):
            number = int(np.argmax(tried.tables["zero"].any(axis=1)))  # a run that is right, where there is one
            run = int(tried.runs[number])
            params = subject.params[run : run + 1]
            for kind, scenes in scenes_of(subject, choice, tried.donors).items():
                table = tried.tables[kind][number]
                some = np.unique(np.r_[np.random.default_rng(0).integers(0, len(table), 6), np.nonzero(table)[0][:4]])
                for subset in some.tolist():
                    gone = [part for at, part in enumerate(tried.parts) if not subset >> at & 1]
                    expected = bool(table.any())  # where the right tokens do not lead, nothing suffices
                    for scene in scenes:
                        there = [
                            part for part in gone if part.kind != "edge" or {part.query, part.position} <= set(scene.at)
                        ]
                        case = Case(
                            scene.place.sequence,
                            tuple(_change(subject, scene, part) for part in there),
                            scene.place.position,
                        )
                        logits = intervened(params, subject.corpus.tokens, subject.model, case).logits[
                            0, 0, scene.place.position
                        ]
                        lead = logits[scene.target] - np.delete(logits, scene.target).max()
                        expected &= bool(lead > 1e-9)
                    assert bool(table[subset]) == expected, (kind, subset, run)
                    checked += table.any()
    assert checked


def test_every_answer_is_there_for_every_block(found):
    runs, explanations = found
    assert set(explanations.first(MOST_PLACES).mechanism) <= set(MECHANISMS)
    run = runs[0]
    choice = run.choice()
    assert choice.eye().makes.shape[0] == 1
    assert np.isfinite(choice.contributions().total).all()
    for table in (
        run.head_scores(),
        choice.ablate().table(),
        battery(run.subject, choices(run.subject)[:2], permutations=2),
    ):
        assert len(table)
    assert len(run.circuits().tables()) >= 2
    for record in explanations[0].first(1).records:
        assert record.sentence
        assert record._repr_html_()
        assert set(record.to_dict()) >= {"sentence", "clauses", "coding"}


def test_a_part_that_no_ablation_takes_away_gives_and_is_not_tried():
    runs, explanations = explained("biases, factored")
    record = explanations[0].records[0]
    (biases,) = [part for part in record.tested if part.part.kind == "biases"]
    assert biases.untried
    assert np.isfinite(biases.contribution)
    assert biases.finding == "between"
    with pytest.raises(hl.SelectionError, match="no ablation does that"):
        runs[0].choice().ablate({"kind": "biases"})
    with pytest.raises(hl.SelectionError, match="a part must be one of source:POSITION"):
        runs[0].choice().ablate("mlp:0")
    after, _ = explained("norm after")
    with pytest.raises(hl.SelectionError, match="norms the stream after each block"):
        after[0].choice().ablate("direct")
    with pytest.raises(hl.SelectionError, match="the layer must be from 0 to 1, got 4"):
        after[0].choice().ablate("mlp:4")
    assert after[0].choice().ablate("mlp:1").names == ("MLP 1",)


def test_without_layers_positions_tell_and_nothing_looks():
    corpus = hl.Corpus.from_text("x go x stop", start=None, wrap=False)
    model = hl.ModelConfig(n_layers=0, d_model=4, unembed=True, biases=True)
    runs = hl.train(corpus, model, hl.TrainConfig.of(steps=400, learning_rate=0.05), seeds=2, record="none")
    explanation = runs.explain()[0]
    assert explanation.mechanism == "position-coded"
    assert "its own position" in explanation.sentences()[0]
    assert not any(clause.kind.startswith("looks") for clauses in explanation.clauses() for clause in clauses)
    assert explanation.minimal().table()["sets"].gt(0).all()
    with pytest.raises(hl.SelectionError, match="this one has none"):
        runs[0].circuits()


def test_how_far_a_key_stands_draws_the_eye_by_name():
    spots = {
        spot.kind
        for name in ("distances", "distances, two layers")
        for run in explained(name)[1]
        for record in run.records
        if record.eye
        for part in record.eye.parts
        for spot in (part.query, part.key)
        if spot is not None
    }
    assert spots <= {"token", "position", "head", "biases", "distance", "everything"}
    assert all(chain(spots))


@pytest.mark.parametrize("name", ["everything", "MLP, no residual", "norm after"])
def test_what_is_exported_adds_up_to_every_logit_difference(name):
    runs, _ = explained(name)
    table = TABLES["contributions"](runs, 0)
    summed = table.groupby(["sentence", "position"])["value"].sum()
    for record in runs.explain()[0].records:
        assert summed.loc[record.sequence + 1, record.place] == pytest.approx(record.difference, abs=1e-9)
    assert {"MLP 0"} <= set(table["path"])


@pytest.mark.parametrize("name", ["everything", "norm after"])
def test_a_frame_of_reasons_names_what_mlps_and_biases_give_and_adds_up(name):
    training = hl.TrainConfig.of(steps=100, learning_rate=0.1)
    run = hl.train(NOTEBOOK, BLOCK_MODELS[name], training, seeds=[0])[0]
    frame = why_frame(Recording.of(run))
    for number, dependency in enumerate(frame.values["dependencies"]):
        names = [part["name"] for part in dependency["parts"]["source"]]
        assert names[:5] == ["direct path", "own position", "MLP 0", "MLP 1", "biases"]
        assert frame.arrays["source"][-1, number].sum() == pytest.approx(dependency["difference"], abs=1e-4)
    assert json.dumps(frame.values, default=str)


@pytest.mark.parametrize(
    ("asked", "said"),
    {
        ("bigram0",): "a dependency must be a token",
        ("bigram0", "--show", "circuits"): "this model has no layers",
        ("notebook", "--sentence", "7"): "--sentence must be one of",
        ("notebook", "--position", '"'): "--position must be a number from 0, or a word",
        ("--n-layers", "0", "--unembed", "--no-positions"): "a dependency must be a token",
    }.items(),
)
def test_what_cannot_be_explained_is_said_before_anything_is_trained(asked, said, run, monkeypatch):
    def train(*_, **__):
        raise AssertionError("something was trained")

    monkeypatch.setattr("headlab.runs.train.train", train)
    status, out, err = run("explain", *asked)
    assert (status, out) == (2, "")
    assert said in err
