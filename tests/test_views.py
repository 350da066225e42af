"""What the lab's views draw elsewhere: recordings of runs, in reports and in notebooks."""

import gc
import sys
import tracemalloc

import numpy as np
import pytest

import headlab as hl
from headlab.report.frames.recording import Recording
from headlab.report.frames.seeds import seeds_frame
from headlab.report.frames.trial import trial_frame
from headlab.report.frames.why import why_frame
from headlab.report.frames.wire import Frame, decode, encode
from headlab.report.notebook import kept_runs
from headlab.report.notebook.answerer import Answerer
from headlab.runs.moments import MOST_MOMENTS, moments_of

NOTEBOOK = hl.Corpus.notebook()


@pytest.fixture(scope="module")
def runs():
    return hl.train(NOTEBOOK, seeds=range(12))


def kinds(frames):
    return [decode(frame).kind for frame in frames]


def test_a_recording_has_the_moments_whose_weights_were_kept_and_the_end(runs):
    found = Recording.of(runs[4])
    assert found.moments == runs.snapshot_steps.tolist()
    at = len(found.moments) // 2
    np.testing.assert_allclose(found.past.logits()[at], runs[4].at(found.moments[at]).logits(), atol=1e-6)
    np.testing.assert_allclose(found.past.logits()[-1], runs[4].logits(), atol=1e-6)
    bare = Recording.of(hl.train(NOTEBOOK, seeds=4, snapshots=None)[0])
    assert bare.moments == [5020]
    early = Recording.of(hl.train(NOTEBOOK, seeds=4, snapshots=[0, 100])[0])
    assert early.moments == [0, 100, 5020]
    np.testing.assert_array_equal(early.past.logits()[-1], bare.past.logits()[-1])


def test_a_recording_is_thinned_to_the_room_there_is(runs):
    found = Recording.of(runs[4], most=70 * 10)
    assert len(found.moments) == 10
    assert (found.moments[0], found.moments[-1]) == (0, 5020)
    pattern = next(iter(found.frames())).arrays["pattern"]
    assert len(pattern) == 10


def test_moments_are_steps_in_order_with_both_ends():
    for steps in (1, 2, 100, 5020, 100_000):
        moments = moments_of(NOTEBOOK, hl.ModelConfig(), steps)
        assert (moments[0], moments[-1]) == (0, steps)
        assert moments == sorted(set(moments))
        assert len(moments) <= MOST_MOMENTS + 2


def said(answerer, **asked):
    return [decode(frame) for frame in answerer.answer(asked)]


def test_an_answerer_shows_a_run_and_answers_its_views(runs):
    answerer = Answerer(runs, 4)
    first = [decode(frame) for frame in answerer.first()]
    assert [frame.kind for frame in first] == ["hello", "picture", "why", "seeds"]
    assert first[0].values["can"] == {"train": False, "try": True, "open": True}
    (trial,) = said(answerer, ask="trial", id=5, run=4, more={"part": "source:man"})
    expected = runs[4].ablate("source:man").table()["difference_after"].tolist()
    assert [row["difference_after"] for row in trial.values["rows"]] == pytest.approx(expected)
    shown = said(answerer, ask="show", id=6, run=7)
    assert [(frame.kind, frame.values["id"], frame.values["run"]) for frame in shown] == [
        ("picture", 6, 7),
        ("why", 6, 7),
    ]
    assert shown[0].values["seed"] == 7
    np.testing.assert_allclose(shown[0].arrays["logits"][-1], runs[7].logits(), atol=1e-5)


@pytest.mark.parametrize("model", [hl.ModelConfig(), hl.ModelConfig(n_layers=2, n_heads=2)], ids=str)
def test_a_part_that_a_frame_lists_is_ablated_by_its_spelling_and_by_its_fields(model):
    run = hl.train(NOTEBOOK, model, hl.TrainConfig.of(steps=200), seeds=4)[0]
    why = why_frame(Recording.of(run))
    for number, item in enumerate(why.values["dependencies"]):
        assert set(item["parts"]) == set(why.arrays)
        at = {"sequence": item["sequence"], "position": item["place"]}
        for way, parts in item["parts"].items():
            given = why.arrays[way][-1, number]
            assert given[: len(parts)].sum() == pytest.approx(item["difference"])
            for part, gives in zip(parts, given, strict=False):
                if part["kind"] == "path":
                    assert part["spelling"] is None
                    continue
                fields = {name: part[name] for name in ("kind", "layer", "head", "position")}
                by_fields, spelled = (trial_frame(run, {"part": of, **at}).values for of in (fields, part["spelling"]))
                np.testing.assert_equal(by_fields, spelled)
                assert spelled["part"] == part
                zero = next(row for row in spelled["rows"] if row["kind"] == "zero")
                if model.n_layers == 1:
                    assert zero["change"] == pytest.approx(-gives)
    shown = {part["name"]: part for part in item["parts"]["source"]}
    assert list(shown) == ["direct path", "own position", "0 <Start>", "1 woman", "2 ordered", "3 the"]
    assert trial_frame(run, {"part": shown["1 woman"], "sequence": 1}).values["title"] == "without “woman”"


@pytest.mark.parametrize("order", [(1, 6), (6, 1), (6, 6), (11, 0)])
def test_two_views_of_one_answerer_are_answered_for_the_runs_that_they_show(runs, order):
    answerer, (one, two) = Answerer(runs, 4), order
    patch = {"patch": "pattern"}
    found = []
    for number in (one, two, 4):  # every view opens a run of its own; a third one stays with the first picture
        if number != 4:
            assert said(answerer, ask="show", id=1, run=number)[0].values["seed"] == number
        found.append(lambda number=number, **more: said(answerer, ask="trial", id=2, run=number, more=more)[0].values)
    for number, ask in zip((two, 4, one), (found[1], found[2], found[0]), strict=True):  # asked in another order
        assert ask(**patch)["run"] == number
        expected = runs[number].patch("pattern").table()["difference_after"].tolist()
        assert [row["difference_after"] for row in ask(**patch)["rows"]] == pytest.approx(expected)
    assert decode(answerer.first()[1]).values["run"] == 4


@pytest.mark.parametrize("seeds", [[2**53 - 1, 2**53, 2**53 + 1, 2**53 + 2], [2**64 - 1, 2**64 - 2, 0], [3, 3]])
def test_a_seed_is_exact_and_a_run_is_opened_by_its_number(seeds):
    runs = hl.train(NOTEBOOK, training=hl.TrainConfig.of(steps=3), seeds=seeds)
    answerer = Answerer(runs, 0)
    assert [int(seed) for seed in decode(answerer.first()[-1]).values["seed"]] == seeds
    for number, seed in enumerate(seeds):
        picture = said(answerer, ask="show", run=number)[0]
        assert int(picture.values["seed"]) == seed
        assert float(picture.values["seed"]) == picture.values["seed"] or isinstance(picture.values["seed"], str)
        alone = hl.train(NOTEBOOK, training=hl.TrainConfig.of(steps=3), seeds=seed)[0]
        np.testing.assert_allclose(picture.arrays["logits"][-1], alone.logits(), atol=1e-6)


@pytest.mark.parametrize("value", [2**53 - 1, -(2**53) + 1, 0, True, "9", 0.5, None])
def test_what_a_page_holds_exactly_goes_as_it_is(value):
    assert decode(encode(Frame("a", {"x": [value]}))).values["x"] == [value]


@pytest.mark.parametrize("value", [2**53, 2**64 - 1, -(2**53), np.uint64(2**63)])
def test_a_whole_number_beyond_that_goes_as_text(value):
    assert decode(encode(Frame("a", {"x": {"y": (value,)}}), id=value)).values == {
        "x": {"y": [str(value)]},
        "id": str(value),
    }


@pytest.mark.parametrize(
    "asked",
    [
        {"ask": "show", "run": 99},
        {"ask": "show", "run": "7"},
        {"ask": "show", "run": 7.0},
        {"ask": "show", "run": True},
        {"ask": "show", "fields": {"seed": 7}},
        {"ask": "show"},
        {"ask": "report", "run": 1},
        {"run": 1},
        {},
        {"ask": "trial", "more": {"part": "source:man"}},
        {"ask": "trial", "run": 4, "more": {"part": "source:cat"}},
        {"ask": "trial", "run": 4, "more": {"part": 7}},
        {"ask": "trial", "run": 4, "more": ["part"]},
        {"ask": "trial", "run": 4, "more": {"row": {"1": "all"}}},
        {"ask": "trial", "run": 4, "more": {"row": "all"}},
        {"ask": "trial", "run": 4, "more": {"row": {"1": 1}, "layer": "first"}},
    ],
)
def test_what_a_kernel_cannot_do_is_said_in_a_sentence(runs, asked):
    (frame,) = Answerer(runs, 4).answer({"id": 3, **asked})
    found = decode(frame)
    assert (found.kind, found.values["id"]) == ("problems", 3)
    assert len(found.values["problems"][0]["text"]) > 20


def test_a_widget_shows_all_runs_or_one_and_keeps_tables_for_whoever_cannot(runs):
    pytest.importorskip("anywidget")
    widget = runs.view(4)
    assert kinds(widget.frames) == ["hello", "picture", "why", "seeds"]
    assert kinds(runs[4].view().frames) == ["hello", "picture", "why"]
    assert decode(runs[4].view().frames[1]).values["seed"] == decode(widget.frames[1]).values["seed"] == 4
    bundle = widget._repr_mimebundle_()[0]
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "<table" in bundle["text/html"]
    assert decode(runs.view().frames[1]).values["grade"] == "solved"
    assert decode(runs.view().frames[3]).values["grade"] == runs.grade().tolist()
    for wrong in (12, -13, True, "4", 4.0):
        with pytest.raises(hl.SelectionError, match="from 0 to 11"):
            runs.view(wrong)


def test_answers_go_to_the_view_that_asked(runs, monkeypatch):
    pytest.importorskip("anywidget")
    widget, sent = runs.view(4), []
    monkeypatch.setattr(type(widget), "send", lambda self, content, buffers: sent.append((content, kinds(buffers))))
    widget._handle_custom_msg({"view": "b", "ask": "show", "run": 1, "id": 1}, [])
    widget._handle_custom_msg({"view": "a", "ask": "trial", "run": 4, "id": 1, "more": {"part": "direct"}}, [])
    assert sent == [({"view": "b"}, ["picture", "why"]), ({"view": "a"}, ["trial"])]


def test_runs_from_given_weights_are_numbered(runs):
    given = hl.train(NOTEBOOK, init=runs.params, training=hl.TrainConfig.of(steps=1))
    assert decode(Answerer(given, 3).first()[-1]).values["seed"] == list(range(12))


# What a notebook keeps

WIDE = hl.Corpus.from_text("\n".join(" ".join(f"w{(7 * row + 3 * at) % 61}" for at in range(18)) for row in range(20)))
FEW = hl.TrainConfig.of(steps=8)
MANY = hl.train(WIDE, training=FEW, seeds=range(12))


def test_equal_runs_shown_again_are_the_same_view_until_it_is_closed(runs):
    pytest.importorskip("anywidget")
    first = runs.view(4)
    assert runs.view(4) is first
    assert hl.train(NOTEBOOK, seeds=range(12)).view(4) is first  # a cell that trains and shows runs again
    assert runs.view(5) is not first
    assert hl.train(NOTEBOOK, seeds=range(13)).view(4) is not first
    assert hl.train(NOTEBOOK, hl.ModelConfig(causal=False), seeds=range(12)).view(4) is not first
    assert runs[4].view() is runs[4].view()
    first.close()
    assert runs.view(4) is not first


@pytest.mark.parametrize(
    "show",
    [lambda: MANY.view(), lambda: MANY[3].view(), lambda: hl.train(WIDE, training=FEW, seeds=range(12)).view()],
    ids=["runs", "one of them", "trained anew"],
)
def test_twelve_executions_of_a_view_keep_what_one_keeps(show):
    pytest.importorskip("anywidget")
    first = show()
    gc.collect()
    tracemalloc.start()
    kept = [show() for _ in range(12)]
    gc.collect()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert all(view is first for view in kept)
    # Trained anew, there is one set of runs more.
    assert size < 1_000_000 + 2 * kept_runs.bytes_kept(first.answerer.runs)


def test_twelve_different_views_of_a_large_corpus_fit_into_a_notebook():
    pytest.importorskip("anywidget")
    three = [MANY.view(number) for number in range(3)]
    assert len(set(map(id, three))) == 3
    size = sum(len(frame) for view in three for frame in view.frames)
    text = sum(len(run._repr_html_()) for run in MANY[:3])
    assert 4 * (size + text) < 10_000_000


def test_runs_that_nobody_else_holds_make_room_for_others_and_their_view_says_so(monkeypatch):
    monkeypatch.setattr(kept_runs, "MOST_BYTES", 1)
    answerer = Answerer(hl.train(NOTEBOOK, training=FEW, seeds=range(3)), 1)
    assert kinds(answerer.answer({"ask": "show", "run": 2})) == ["picture", "why"]  # the newest ones stay
    mine = hl.train(NOTEBOOK, training=FEW, seeds=range(4))
    other = Answerer(mine, 0)
    gc.collect()
    (frame,) = answerer.answer({"ask": "show", "run": 2})
    assert "run its cell again" in decode(frame).values["problems"][0]["text"]
    Answerer(hl.train(NOTEBOOK, training=FEW, seeds=range(5)), 0)
    gc.collect()
    assert kinds(other.answer({"ask": "show", "run": 2})) == ["picture", "why"]  # somebody holds them


def test_runs_count_with_all_that_they_keep_from_being_freed():
    assert kept_runs.bytes_kept(MANY[3].runs) == pytest.approx(kept_runs.bytes_kept(MANY), rel=0.1)


@pytest.mark.parametrize(("n_runs", "length"), [(1200, 4), (300, 40), (5, 90)])
def test_many_seeds_are_drawn_as_far_as_there_is_room_and_it_is_said_of_how_many(n_runs, length):
    corpus = hl.Corpus.from_text(" ".join(f"w{at % 5}" for at in range(length)), start=None)
    runs = hl.train(corpus, hl.ModelConfig(d_head=2), hl.TrainConfig.of(steps=1), seeds=range(n_runs), record="none")
    found = decode(encode(seeds_frame(runs)))
    shown = len(found.values["seed"])
    assert (found.values["of"], found.values["seed"]) == (n_runs, list(range(shown)))
    assert min(n_runs, 2) <= shown <= 1000
    assert len(found.values["solved"]) == len(found.values["mechanism"]) == len(found.arrays["pattern"]) == shown
    assert found.arrays["pattern"].size <= max(400_000, 2 * length**2)
    np.testing.assert_allclose(found.arrays["pattern"][:, 0], runs.pattern()[:shown, 0], atol=1 / 510 + 1e-6)


def test_tables_of_a_run_in_a_notebook_stop_and_say_how_many_more_there_are():
    html = MANY[0]._repr_html_()
    assert len(html) < 200_000
    assert "more sentences: <code>run.predictions()</code> has them all." in html
    assert "more sentences" not in hl.train(NOTEBOOK, training=FEW)[0]._repr_html_()


def test_without_anywidget_it_is_said_what_to_install(runs, monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "headlab.report.notebook.widget", raising=False)
    with pytest.raises(hl.HeadlabError, match=r"headlab\[notebook\]"):
        runs.view()


def test_without_the_built_page_it_is_said(runs, monkeypatch, tmp_path):
    pytest.importorskip("anywidget")
    monkeypatch.setattr("headlab.report.notebook.view.PAGE", tmp_path)
    with pytest.raises(hl.HeadlabError, match="built without"):
        runs.view()
