"""What the lab's views draw elsewhere: recordings of runs, in reports and in notebooks."""

import base64
import gzip
import json
import re
import sys

import numpy as np
import pytest
from twins.trial import trial_frame

import headlab as hl
from headlab.report.carried import Carried
from headlab.report.frames.recording import Recording
from headlab.report.frames.seeds import seeds_frame
from headlab.report.frames.why import why_frame
from headlab.report.frames.wire import Frame, decode, encode
from headlab.runs.experiment import Experiment
from headlab.runs.moments import MOST_MOMENTS, moments_of

NOTEBOOK = hl.Corpus.notebook()


@pytest.fixture(scope="module")
def runs():
    return hl.train(NOTEBOOK, seeds=range(12))


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


@pytest.mark.parametrize("value", [2**53 - 1, -(2**53) + 1, 0, True, "9", 0.5, None])
def test_what_a_page_holds_exactly_goes_as_it_is(value):
    assert decode(encode(Frame("a", {"x": [value]}))).values["x"] == [value]


@pytest.mark.parametrize("value", [2**53, 2**64 - 1, -(2**53), np.uint64(2**63)])
def test_a_whole_number_beyond_that_goes_as_text(value):
    assert decode(encode(Frame("a", {"x": {"y": (value,)}}), id=value)).values == {
        "x": {"y": [str(value)]},
        "id": str(value),
    }


# What a page carries


def kinds(carried):
    return [frame.kind for frame in carried.frames]


def held(text):
    """What a page finds in a text: settings, and frames as they come out of it."""
    found = json.loads(text)
    return found["fields"], [decode(base64.b64decode(frame)) for frame in found["frames"]]


@pytest.mark.parametrize("seed", [4, 2**53 + 1, 2**64 - 1])
def test_settings_that_are_carried_train_the_same_run(seed):
    corpus = hl.Corpus.from_text("a the b\nc the d", start="<s>", wrap=True)
    run = hl.train(corpus, hl.ModelConfig(d_head=3), hl.TrainConfig.of(steps=30, momentum=0.5), seeds=seed)[0]
    fields, (picture, _) = held(Carried.of(run, moments=False).text())
    again = Experiment.of({**fields, "seed": int(fields["seed"])})
    same = hl.train(again.dataset, again.model, again.training, seeds=again.seed)[0]
    np.testing.assert_array_equal(same.logits(), run.logits())
    assert int(picture.values["seed"]) == seed
    np.testing.assert_allclose(picture.arrays["logits"][-1], run.logits(), atol=1e-6)


@pytest.mark.parametrize(
    "run",
    [
        lambda: hl.train(NOTEBOOK, init=hl.train(NOTEBOOK, seeds=0).params, training=FEW)[0],
        lambda: hl.train(NOTEBOOK, training=FEW.replace(dtype="float64"), seeds=0)[0],
        lambda: hl.train(NOTEBOOK, training=hl.TrainConfig(phases=(hl.Phase(8, freeze=("W_E",)),)), seeds=0)[0],
    ],
    ids=["given weights", "float64", "frozen"],
)
def test_a_run_that_settings_alone_do_not_train_is_carried_with_its_moments(run):
    carried = Carried.of(run(), moments=False)
    assert carried.fields is None
    assert len(carried.frames[0].arrays["moments"]) > 1


def test_moments_are_carried_where_they_are_wanted(runs):
    with_moments, without = (Carried.of(runs[4], runs, moments=wanted) for wanted in (True, False))
    assert kinds(with_moments) == kinds(without) == ["picture", "why", "seeds"]
    assert len(with_moments.frames[0].arrays["moments"]) == len(runs.snapshot_steps)
    assert without.frames[0].arrays["moments"].tolist() == [5020]
    assert kinds(Carried.of(runs[4])) == ["picture", "why"]


def test_no_text_ends_the_script_that_carries_it():
    corpus = hl.Corpus.from_text("</script><script>alert(1)</script> <!-- the a\n<!--<script> the b")
    text = Carried.of(hl.train(corpus, training=FEW, seeds=0)[0]).text()
    assert "<" not in text
    assert held(text)[1][0].values["corpus"]["vocabulary"] == list(corpus.vocabulary)


def test_a_run_too_large_for_a_file_is_not_carried(monkeypatch, runs):
    monkeypatch.setattr("headlab.report.carried.MOST_NUMBERS_IN_A_FILE", 69)
    assert Carried.of(runs[4]) is None
    pytest.importorskip("anywidget")
    with pytest.raises(hl.HeadlabError, match="too large"):
        runs.view()


# What a notebook keeps


def view_of(html):
    """What the parts of a kept view say: its tables, what it carries, and whether it carries the page's code."""
    still, packed = re.fullmatch(
        r'<div id="headlab-\w+" class="headlab-view"><div></div><div>(.*?)</div><script type="text/plain">(.*?)</script>.*</div>',
        html,
        re.DOTALL,
    ).groups()
    return still, held(gzip.decompress(base64.b64decode(packed))), '<script type="text/plain" data-headlab-code' in html


@pytest.fixture
def cells(monkeypatch):
    """Run cells: call it with the name of the one that runs from now on."""
    pytest.importorskip("anywidget")
    from headlab.report.notebook import html

    running = []
    monkeypatch.setattr(html, "_carrier", [])
    monkeypatch.setattr(html, "_cell", lambda: running[-1])
    return running.append


def test_a_notebook_keeps_tables_and_the_run_and_no_widget(runs, cells):
    cells("one")
    bundle, _ = runs.view(4)._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    still, (fields, frames), _ = view_of(bundle["text/html"])
    assert "<table" in still
    assert fields["seed"] == frames[0].values["seed"] == 4
    assert [frame.kind for frame in frames] == ["picture", "why", "seeds"]
    assert [frame.kind for frame in view_of(runs[4].view()._repr_mimebundle_()[0]["text/html"])[1][1]] == [
        "picture",
        "why",
    ]


def test_one_cell_carries_the_code_of_all_views_and_again_when_it_runs_again(runs, cells):
    carries = []
    for cell in ("one", "two", "one", "three"):
        cells(cell)
        carries.append(view_of(runs.view(1)._repr_mimebundle_()[0]["text/html"])[2])
    assert carries == [True, False, True, False]
    assert view_of(runs.view(1, alone=True)._repr_mimebundle_()[0]["text/html"])[2]


def test_every_output_carries_the_code_where_outputs_are_documents_of_their_own(runs, cells, monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    for cell in ("one", "two"):
        cells(cell)
        assert view_of(runs.view(1)._repr_mimebundle_()[0]["text/html"])[2]


def test_twelve_views_take_less_than_a_megabyte(runs, cells):
    size = 0
    for cell in range(12):
        cells(cell)
        size += len(runs.view(cell)._repr_mimebundle_()[0]["text/html"])
    assert size < 1_000_000


def test_a_view_opens_a_way_to_its_client_only_where_a_widget_is_wanted(runs):
    pytest.importorskip("anywidget")
    view = runs.view(4)
    assert view.comm is None
    assert view.model_id
    assert view.comm is not None
    assert held(view.carried)[0]["seed"] == 4
    assert runs.view().carried
    for wrong in (12, -13, True, "4", 4.0):
        with pytest.raises(hl.SelectionError, match="from 0 to 11"):
            runs.view(wrong)


def test_runs_from_given_weights_are_numbered(runs):
    given = hl.train(NOTEBOOK, init=runs.params, training=hl.TrainConfig.of(steps=1))
    assert seeds_frame(given).values["seed"] == list(range(12))


WIDE = hl.Corpus.from_text("\n".join(" ".join(f"w{(7 * row + 3 * at) % 61}" for at in range(18)) for row in range(20)))
FEW = hl.TrainConfig.of(steps=8)
MANY = hl.train(WIDE, training=FEW, seeds=range(12))


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
