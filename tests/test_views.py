"""What the lab's views draw elsewhere: recordings of runs, in reports and in notebooks."""

import sys

import numpy as np
import pytest

import headlab as hl
from headlab.report import recording, views
from headlab.report.frames import decode
from headlab.report.recording import Recording, moments_of
from headlab.report.views import Kernel

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
        assert len(moments) <= recording.MOST_MOMENTS + 2


def test_a_kernel_shows_a_run_and_answers_its_views(runs):
    kernel = Kernel(runs, runs[4])
    first = [decode(frame) for frame in kernel.first()]
    assert [frame.kind for frame in first] == ["hello", "picture", "why", "seeds"]
    assert first[0].values["can"] == {"train": False, "try": True, "open": True}
    (trial,) = kernel.answer({"ask": "trial", "id": 5, "more": {"part": "source:man"}})
    rows = decode(trial).values["rows"]
    expected = runs[4].ablate("source:man").table()["difference_after"].tolist()
    assert [row["difference_after"] for row in rows] == pytest.approx(expected)
    shown = [decode(frame) for frame in kernel.answer({"ask": "show", "id": 6, "fields": {"seed": 7}})]
    assert [(frame.kind, frame.values["id"]) for frame in shown] == [("picture", 6), ("why", 6)]
    assert shown[0].values["seed"] == 7
    np.testing.assert_allclose(shown[0].arrays["logits"][-1], runs[7].logits(), atol=1e-5)


@pytest.mark.parametrize(
    "asked",
    [
        {"ask": "show", "fields": {"seed": 99}},
        {"ask": "show"},
        {"ask": "report"},
        {},
        {"ask": "trial", "more": {"part": "source:cat"}},
        {"ask": "trial", "more": {"part": 7}},
    ],
)
def test_what_a_kernel_cannot_do_is_said_in_a_sentence(runs, asked):
    (frame,) = Kernel(runs, runs[4]).answer({"id": 3, **asked})
    found = decode(frame)
    assert (found.kind, found.values["id"]) == ("problems", 3)
    assert len(found.values["problems"][0]) > 20


def test_a_widget_shows_all_runs_or_one_and_keeps_tables_for_whoever_cannot(runs):
    pytest.importorskip("anywidget")
    widget = runs.view(4)
    assert kinds(widget.frames) == ["hello", "picture", "why", "seeds"]
    assert kinds(runs[4].view().frames) == ["hello", "picture", "why"]
    bundle = widget._repr_mimebundle_()[0]
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "<table" in bundle["text/html"]
    assert decode(runs.view().frames[1]).values["solved"]


def test_runs_from_given_weights_are_numbered(runs):
    given = hl.train(NOTEBOOK, init=runs.params, training=hl.TrainConfig.of(steps=1))
    assert decode(Kernel(given, given[3]).first()[-1]).values["seed"] == list(range(12))


def test_without_anywidget_it_is_said_what_to_install(runs, monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "headlab.report.widget", raising=False)
    with pytest.raises(hl.HeadlabError, match=r"headlab\[notebook\]"):
        runs.view()


def test_without_the_built_page_it_is_said(runs, monkeypatch, tmp_path):
    pytest.importorskip("anywidget")
    monkeypatch.setattr(views, "PAGE", tmp_path)
    with pytest.raises(hl.HeadlabError, match="built without"):
        runs.view()
