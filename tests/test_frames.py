"""Frames: what a page is told of a run and of many, and that it is what the library says of them."""

import json

import numpy as np
import pytest
from twins.trial import trial_frame

import headlab as hl
from headlab.report.frames.recording import Recording
from headlab.report.frames.seeds import seeds_frame
from headlab.report.frames.wire import Frame, decode, encode
from headlab.runs.experiment import Experiment
from headlab.runs.moments import moments_of

FAST = {"steps": 200}


def journey(frame):
    return decode(encode(frame))


def trained(fields):
    experiment = Experiment.of(fields)
    steps = moments_of(experiment.dataset.corpus, experiment.model, experiment.training.steps)
    asked = experiment.dataset, experiment.model, experiment.training
    return hl.train(*asked, seeds=experiment.seed, record="all", snapshots=steps)[0]


def shown(fields):
    return {frame.kind: frame for frame in map(journey, Recording.of(trained(fields)).frames())}


def test_the_picture_is_the_run_that_train_gives_at_every_moment():
    found = shown({"seed": 4})
    picture = found["picture"]
    run = hl.train(hl.Corpus.notebook(), seeds=4)[0]
    moments = picture.arrays["moments"].astype(int)
    assert (moments[0], moments[-1]) == (0, 5020)
    np.testing.assert_allclose(picture.arrays["pattern"][-1, 0, 0], run.pattern(), atol=1e-6)
    np.testing.assert_allclose(picture.arrays["logits"][-1], run.logits(), atol=1e-5)
    at = len(moments) // 2
    half = hl.train(hl.Corpus.notebook(), seeds=4, snapshots=[int(moments[at])])[0].at(int(moments[at]))
    np.testing.assert_allclose(picture.arrays["logits"][at], half.logits(), atol=1e-5)
    assert picture.values["final_loss"] == pytest.approx(float(run.final_loss))
    assert picture.values["solved"] is True
    why = found["why"]
    assert [item["sentence"] for item in why.values["dependencies"]] == run.explain().sentences()
    logits = picture.arrays["logits"]
    for number, item in enumerate(why.values["dependencies"]):
        target, *rivals = (run.corpus.vocabulary.index(word) for word in (item["target"], *item["rivals"]))
        here = logits[:, item["sequence"], item["place"]]
        difference = here[:, target] - here[:, rivals].mean(axis=1)
        np.testing.assert_allclose(why.arrays["source"][:, number].sum(axis=1), difference, atol=1e-4)


@pytest.mark.parametrize(("model", "n_paths"), [({"n_heads": 3}, 3), ({"n_heads": 2, "n_layers": 2}, 8)])
def test_parts_by_source_by_head_and_by_path_add_up_to_the_same(model, n_paths):
    found = shown({**FAST, **model})
    logits, why = found["picture"].arrays["logits"], found["why"]
    corpus = hl.Corpus.notebook()
    heads = model["n_heads"] * model.get("n_layers", 1)
    assert {way: parts.shape[2] - 2 for way, parts in why.arrays.items()} == {"source": 5, "head": heads} | (
        {"path": n_paths} if "n_layers" in model else {}
    )
    for number, item in enumerate(why.values["dependencies"]):
        assert {way: len(parts) for way, parts in item["parts"].items() if way != "source"} == {
            way: parts.shape[2] for way, parts in why.arrays.items() if way != "source"
        }
        here = logits[:, item["sequence"], item["place"]]
        target, *rivals = (corpus.vocabulary.index(word) for word in (item["target"], *item["rivals"]))
        difference = here[:, target] - here[:, rivals].mean(axis=1)
        for parts in why.arrays.values():
            np.testing.assert_allclose(parts[:, number].sum(axis=1), difference, atol=1e-4)


def test_what_a_last_head_writes_is_lost_when_the_head_is_zeroed():
    run = hl.train(hl.Corpus.notebook(), hl.ModelConfig(n_heads=3), hl.TrainConfig.of(steps=200), seeds=4)[0]
    frame = {frame.kind: frame for frame in Recording.of(run).frames()}["why"]
    for head in range(3):
        rows = run.ablate(f"head:0.{head}").table()
        zero = rows[rows.kind == "zero"].iloc[0]
        given = frame.arrays["head"][-1, 0, 2 + head]
        assert given == pytest.approx(zero.difference_before - zero.difference_after, abs=1e-5)


def test_a_run_that_diverged_and_a_corpus_without_dependencies_are_shown_all_the_same():
    wild = shown({"learning_rate": 50.0, **FAST})
    assert "diverged" in wild["picture"].values["outcome"]
    assert "nothing to explain" in wild["why"].values["none"]
    plain = trained({"text": "a b c", **FAST})
    assert shown({"text": "a b c", **FAST})["why"].values["none"]
    assert journey(seeds_frame(plain.runs)).values["mechanism"] == [""]


@pytest.mark.parametrize(
    "fields",
    [
        {"n_heads": 3, "n_layers": 2},
        {"unembed": True, "d_model": 9, "factored_values": True},
        {"residual": False, "positions": False, "causal": False},
        {"loss": "normalized_sigmoid", "optimizer": "adam"},
        {"text": "a b\na c d e\nf"},
        {"steps": 1},
    ],
)
def test_every_kind_of_model_has_its_picture(fields):
    found = shown({**FAST, **fields})
    assert found["picture"].arrays["pattern"].shape[1:3] == (fields.get("n_layers", 1), fields.get("n_heads", 1))
    assert "why" in found


def test_many_seeds_are_those_of_train():
    runs = hl.train(hl.Corpus.notebook(), training=hl.TrainConfig.of(**FAST), seeds=range(64, 128), record="none")
    found = journey(seeds_frame(runs))
    assert found.values["seed"] == list(range(64, 128))
    assert found.values["solved"] == runs.solved().tolist()
    np.testing.assert_array_equal(found.arrays["loss"], runs.final_loss)


@pytest.mark.parametrize(
    "fields",
    [
        {"fork": 1000, "learning_rate": 0.002},
        {"fork": 1000, "optimizer": "adam"},
        {"fork": 7, "before": '{"optimizer": "rmsprop", "schedule": "constant"}', "momentum": 0.9},
    ],
)
def test_a_fork_is_one_history(fields):
    run = trained({"seed": 9, "steps": 1500, **fields})
    moments = shown({"seed": 9, "steps": 1500, **fields})["picture"].arrays["moments"].astype(int)
    assert (moments[0], moments[-1], run.training.steps, len(run.loss)) == (0, 1500, 1500, 1500)


def test_a_fork_that_changes_nothing_at_a_constant_rate_is_the_run_to_the_bit():
    plain = {"seed": 9, "steps": 600, "schedule": "constant", "momentum": 0.5}
    whole = shown(plain)["picture"]
    before = json.dumps({name: plain[name] for name in ("steps", "schedule", "momentum")})
    forked = shown({**plain, "fork": 150, "before": before})["picture"]
    np.testing.assert_array_equal(forked.arrays["logits"][-1], whole.arrays["logits"][-1])
    np.testing.assert_array_equal(forked.arrays["loss"], whole.arrays["loss"])


@pytest.mark.parametrize("fork", [7, 10, 700, 1495])
def test_a_fork_that_changes_nothing_of_the_notebooks_schedule_is_the_run_to_the_bit(fork):
    plain = {"seed": 9, "steps": 1500, "schedule": "plateau"}
    whole, forked = (trained(fields).runs for fields in (plain, {**plain, "fork": fork}))
    np.testing.assert_array_equal(forked.params.flat(), whole.params.flat())
    np.testing.assert_array_equal(forked.history.state.rate, whole.history.state.rate)


@pytest.mark.parametrize("before", ["[]", "nonsense", '{"d_head": 3}', '{"steps": 0}', "[" * 5000, '["steps"]'])
def test_settings_before_a_fork_that_make_no_sense_are_said(before):
    with pytest.raises(hl.ConfigError, match=r"before must|steps must"):
        Experiment.of({"fork": 10, "before": before})


@pytest.mark.parametrize("fork", [0, 200, 1.5, True, "3", -1])
def test_a_fork_must_be_inside_of_the_training(fork):
    with pytest.raises(hl.ConfigError, match="fork must"):
        Experiment.of({"steps": 200, "fork": fork})


def test_steps_alone_mean_in_a_link_what_they_mean_everywhere():
    assert Experiment.of({}).training == hl.TrainConfig()
    assert Experiment.of({"schedule": "constant"}).training == hl.TrainConfig.of(steps=5020)
    assert Experiment.of({"steps": 1000}).training == hl.TrainConfig.of(steps=1000)
    reduced = Experiment.of({"steps": 1000, "schedule": "plateau"}).training
    assert reduced == hl.TrainConfig.of(steps=1000, schedule="plateau")


def test_trials_are_those_of_the_library():
    run = hl.train(hl.Corpus.notebook(), seeds=4)[0]
    asked = [({"part": "source:man"}, run.ablate("source:man")), ({"patch": "v"}, run.patch("v"))]
    asked.append(({"row": {"0": 0.5, "1": 0.5}}, run.set_pattern({0: 0.5, 1: 0.5})))
    for what, effects in asked:
        rows = journey(trial_frame(run, what)).values["rows"]
        assert [row["difference_after"] for row in rows] == pytest.approx(effects.table()["difference_after"].tolist())
    with pytest.raises(hl.SelectionError, match="cat"):
        trial_frame(run, {"part": "source:cat"})


def test_a_frame_survives_its_journey():
    sent = Frame(
        "a", {"x": float("nan"), "y": [1, {"z": np.float32(2)}], "words": "日本"}, {"m": np.arange(6).reshape(2, 3)}
    )
    got = decode(encode(sent, id=3))
    assert got.values == {"x": None, "y": [1, {"z": 2.0}], "words": "日本", "id": 3}
    np.testing.assert_array_equal(got.arrays["m"], sent.arrays["m"])
