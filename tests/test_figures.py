"""Figures: user text is only text, whatever is to be drawn is drawn without a warning, and each says what it is of."""

import io
import logging
import re
import warnings
from xml.etree import ElementTree

import matplotlib
import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from tiers import long, sampled

import headlab as hl
from headlab.homework.exercise import Exercise, exercise
from headlab.report.figures import runs as figures
from headlab.report.figures import studies as study_figures
from headlab.report.figures.drawing import drawable_numbers, drawable_text, image, reach, style
from headlab.report.html.homework import _curve as curve_of
from headlab.report.html.homework import render
from headlab.report.html.page import svg
from headlab.report.palette import PALETTE
from headlab.study.answer import Answer, Group
from headlab.study.design import StudyDesign

NOTEBOOK = hl.Corpus.notebook()
KINDS = ("png", "svg", "pdf")
WORDS = [
    r"$\foo_{$",
    "$x$",
    r"\$5",
    r"\alpha",
    "a_b^c",
    "100%",
    "{0}",
    "_hidden",
    "中文",
    "🐔",
    "מילים",
    "شكرا",
    "<b>",
    "&",
    "x" * 300,
]
FEW = hl.TrainConfig.of(steps=3)


def texts(figure):
    """Return every piece of text in a drawing, as a reader of its SVG finds it; its pixels are few, for nobody looks at them."""
    root = ElementTree.fromstring(image(figure, "svg", {"svg.fonttype": "none"}, dpi=20))
    return [" ".join("".join(item.itertext()).split()) for item in root.iter("{http://www.w3.org/2000/svg}text")]


def drawn(figure):
    assert image(figure, "png", dpi=40)
    assert image(figure, "pdf")
    assert svg(figure)


def frame(values, names=None):
    values = np.asarray(values, float)
    rows, columns = (names or [f"w{at}" for at in range(max(values.shape))],) * 2
    return pd.DataFrame(values, index=rows[: values.shape[0]], columns=columns[: values.shape[1]])


def heat_map(table, about=""):
    return figures.head_at_work([table], [table], output="probs", about=about)


# Text


@pytest.mark.parametrize("word", WORDS[:-1])
def test_a_word_is_drawn_letter_by_letter_wherever_it_stands(word):
    table = frame([[0.5, -3.0], [1.0, 2.0]], [word, "other"])
    every = [
        heat_map(table, about=f"{word}\nseed 4"),
        figures.contributions(pd.Series([1.0, -2.0], [word, "b"]), title=word, about=word),
        figures.head_at_work([table], [table], output=word, about=word),
    ]
    for figure in every:
        found = texts(figure)
        assert [text for text in found if text == word][1:], found  # as a name, and in what it is of
        assert not any("\\$" in text and "\\$" not in word for text in found)


@pytest.mark.parametrize("word", [*WORDS, "a title\nof two lines", "bell \x07 and \x1b[31m"])
def test_a_condition_or_a_title_of_a_study_is_only_text(word):
    study = summary([word, "another name that is long"])
    figure = study_figures.answer_figure(study, curves([word, "b"]), about=word)
    start = drawable_text(word, 20).replace(r"\$", "$").rstrip("…")
    assert sum(text.startswith(start) for text in texts(figure)) >= 3


@pytest.mark.parametrize("kind", KINDS)
def test_all_words_are_drawn_in_every_format(kind):
    table = frame(np.eye(len(WORDS)), WORDS)
    for figure in (heat_map(table), study_figures.conditions(summary(WORDS))):
        assert len(image(figure, kind)) > 1000


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines", "two lines"),
        ("\x07", "\\x07"),
        ("a\u202eb", "a\\u202eb"),
        ("x" * 17, "x" * 15 + "…"),
        ("中" * 9, "中" * 7 + "…"),
    ],
)
def test_what_has_no_place_on_an_axis_is_written_out_or_shortened(text, shown):
    assert drawable_text(text) == shown


def test_dollars_survive_with_their_backslashes():
    for text in ("$", "\\$", "\\\\$", "$$", "a$b", "\\"):
        figure = heat_map(frame([[1.0]]), text)
        assert text in texts(figure)


@pytest.mark.parametrize("words", ["$\\foo_{$ a\n$x$ b", "中文 🐔\nشكرا מילים", f"{'long' * 80} a\nb c"])
def test_a_report_on_any_words_is_written_without_a_warning(words):
    corpus = hl.Corpus.from_text(words)
    done = exercise(corpus, training=hl.TrainConfig.of(steps=20), n_runs=3, head_sizes=[2, 3])
    assert "<svg" in render(done)


def test_fonts_that_are_not_there_are_not_asked_for(caplog):
    with caplog.at_level(logging.WARNING, "matplotlib"):
        drawn(heat_map(frame([[1.0]], ["中🐔"]), "שלום"))
    assert not caplog.records


def test_a_users_own_settings_change_nothing():
    def make():
        return image(heat_map(frame([[0.1, 0.9]], ["a_b", "$x$"])), "svg")

    usual = make()
    own = {"text.usetex": True, "font.family": "fantasy", "text.parse_math": False, "figure.autolayout": True}
    with matplotlib.rc_context(own):
        assert make() == usual


# Whatever is to be drawn


def curves(names, steps=(0, 10, 500), loss=1.0):
    rows = [(name, step, *[loss] * 5) for name in names for step in steps]
    return pd.DataFrame(rows, columns=["condition", "step", "q10", "q25", "q50", "q75", "q90"])


def summary(values, n=4, loss=0.2, solved=True, factor="condition"):
    groups = [
        Group(
            value, np.arange(n, dtype=np.uint64), np.full(n, loss), np.full(n, solved), ~np.isfinite(np.full(n, loss)),
            mechanism=np.array(["value-coded", "mixed"] * n)[:n],
        )
        for value in values
    ]  # fmt: skip
    return Answer(factor, tuple(groups))


def train(rate=None, **more):
    training = hl.TrainConfig.of(steps=more.pop("steps", 30), **({} if rate is None else {"learning_rate": rate}))
    return hl.train(NOTEBOOK, training=training, **more)


RUNS = {
    "usual": lambda: train(steps=300, seeds=[4, 5]),
    "diverged": lambda: train(rate=1e6, seeds=[4, 5]),
    "very large": lambda: train(rate=300.0, seeds=[4, 5]),
    "one step": lambda: train(steps=1, seeds=[4, 5]),
    "one run": lambda: train(seeds=4),
    "given zeros": lambda: train(steps=1, init={name: 0 * values for name, values in train().params.items()}),
}


@pytest.mark.parametrize("which", RUNS)
def test_every_figure_of_any_run_is_drawn_without_a_warning(which):
    runs = RUNS[which]()
    run = runs[0]
    about = figures.about_run(run)
    for figure in (
        curve_of(Exercise.of(runs, 0)),
        figures.head_at_work(run.attention(), run.predictions("logits"), output="logits", about=about),
        *([heat_map(run.circuits().writes["token"])] if run.runs.finished[0] else []),
        study_figures.conditions(Exercise.of(runs, 0).sizes),
    ):
        drawn(figure)


@pytest.mark.parametrize("values", [
    [[np.nan]], [[np.inf, -np.inf]], [[0.0]], [[1e308, -1e308]], [[3e38, 1e-320]], [[1e5, -2.5]], [[5e-324]], [[]],
    np.zeros((0, 3)), np.full((2, 2), np.nan), [[np.nan, 0.5]],
])  # fmt: skip
def test_any_table_is_drawn_without_a_warning(values):
    drawn(heat_map(frame(values)))
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        drawn(
            figures.contributions(pd.Series(np.ravel(values), [f"p{at}" for at in range(np.size(values))]), title="t")
        )


@pytest.mark.parametrize("loss", [
    [], [0.0], [np.nan], [1.0], [np.inf, np.nan], [1.0, 1e308, np.inf], [2.0, 3e38], [0.0, 0.0], [1.0, np.nan, 0.5],
])  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_loss_is_drawn_without_a_warning(loss, dtype):
    with np.errstate(over="ignore"):
        losses = np.array(loss, dtype)
    steps, rate = np.arange(len(loss)), np.linspace(1, 0.1, len(loss))
    figure = figures.loss_curve(steps, losses, rate, floor=0.0, bigram_floor=0.0, about="a\nb")
    drawn(figure)
    low, high = figure.axes[0].get_ylim()
    assert low == 0 < high < 10


MANY = [f"learning_rate {at / 1000}" for at in range(100)]


@pytest.mark.parametrize(
    "case",
    [
        *sampled([(MANY[:25], 0.2), *(([20], loss) for loss in (0.2, 0.0, np.nan, np.inf, 1e308, 3e38))], 3),
        *(pytest.param(case, marks=long) for case in [(MANY, 0.2), ([5, 10], np.nan)]),
    ],
)
def test_any_study_is_drawn_without_a_warning(case):
    values, loss = case
    study = summary(values, loss=loss, solved=False, factor="d_head" if len(values) < 9 else "condition")
    drawn(study_figures.answer_figure(study, curves(values, loss=loss), about="a"))
    one = curves(values[:1], steps=(0,), loss=loss)
    drawn(study_figures.curves(one))
    drawn(study_figures.conditions(summary(values, n=1, loss=loss)))


def test_a_picture_stays_a_size_that_can_be_looked_at_and_counts_what_it_leaves_out():
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(500, 600)))
    many = [table.iloc[:12, :8]] * 30
    for figure, said in (
        (heat_map(table), "… and 436 more rows."),
        (figures.head_at_work(many, many, output="probs"), "… and 20 more sentences."),
    ):
        assert said in texts(figure)
        width, height = figure.get_size_inches()
        assert width < 40
        assert height < 100


def test_an_axis_of_losses_ends_where_runs_that_learn_are():
    for worst in (1e30, np.inf, 50.0):
        figure = figures.loss_curve(
            np.arange(3), np.array([1.9, worst, 0.2]), np.ones(3), floor=0.14, bigram_floor=0.28, about=""
        )
        assert figure.axes[0].get_ylim() == (0, pytest.approx(1.05 * 3.8))


def test_numbers_to_draw_are_neither_too_large_nor_rounded():
    np.testing.assert_array_equal(drawable_numbers([1, -np.inf, np.inf, 1e300, np.nan]), [1, -1e30, 1e30, 1e30, np.nan])
    assert reach([np.nan, -2.0]) == 2.0


# For whoever finds it on paper


def test_a_figure_of_a_run_says_which_run_it_is():
    run = hl.train(NOTEBOOK, seeds=4, snapshots=[100])[0]
    about = figures.about_run(run)
    assert about == "man ordered the chicken / woman ordered the beef\nseed 4, d_head 20, step 5,020, loss 0.166"
    for figure in (
        curve_of(Exercise.of(run.runs, 0)),
        figures.head_at_work(run.attention(), run.predictions(), output="sigmoid", about=about),
        figures.contributions(run.explain().records[0].parts(), title="t", about=about),
    ):
        assert all(line in texts(figure) for line in about.split("\n"))
    early = run.at(100)
    said = figures.about_run(run, early, 100)
    measured = re.search(r"step 100, loss (\S+)$", said)[1]
    logits = early.logits().astype(float)
    target = NOTEBOOK.targets >= 0
    of_target = np.take_along_axis(logits, np.maximum(NOTEBOOK.targets, 0)[..., None], -1)[..., 0]
    expected = (np.log(np.exp(logits).sum(-1)) - of_target)[target].mean()
    assert float(measured) == pytest.approx(expected, abs=6e-4)


@pytest.mark.parametrize(("made", "words"), [
    (lambda: hl.train(NOTEBOOK, hl.ModelConfig(n_layers=2, n_heads=3), FEW, seeds=2**64 - 1), [str(2**64 - 1), "3 heads"]),
    (lambda: hl.train(NOTEBOOK, training=FEW, init=hl.train(NOTEBOOK, training=FEW).params), ["given weights", "step 3"]),
    (lambda: train(rate=1e6, seeds=4), ["diverged at step"]),
    (lambda: hl.train(hl.Corpus.from_text("a b\nc d\ne f", start=None), training=FEW), ["a b / c d / …"]),
])  # fmt: skip
def test_what_is_unusual_about_a_run_is_said_too(made, words):
    said = figures.about_run(made()[0])
    assert all(word in said for word in words), said


def test_a_figure_of_a_study_says_what_was_trained():
    design = StudyDesign.grid(NOTEBOOK, seeds=range(40), d_head=[5, 10], title="Does the $size$ matter?")
    figure = study_figures.answer_figure(summary([5, 10], factor="d_head"), about=study_figures.about_study(design))
    assert texts(figure)[:0] == []
    assert {"Does the $size$ matter?", "2 conditions, 40 seeds each, 5,020 steps"} <= set(texts(figure))


def test_signs_and_mechanisms_can_be_told_apart_without_colours():
    bars = figures.contributions(pd.Series([3.0, -2.0, 1.0], list("abc")), title="t").axes[0].patches
    assert [bool(bar.get_hatch()) for bar in bars] == [False, True, False, False]
    grey = {}
    for name, swatch in PALETTE.items():
        red, green, blue = matplotlib.colors.to_rgb(swatch.color)
        grey[name] = (round(0.299 * red + 0.587 * green + 0.114 * blue, 1), swatch.hatch)
    assert len(set(grey.values())) == len(grey)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_figure_is_the_same_file(kind):
    one, two = (image(heat_map(frame([[0.1, 0.9]])), kind) for _ in range(2))
    assert one == two


@pytest.mark.parametrize(
    "make",
    [
        lambda: heat_map(frame([[0.1, 0.9]]), "a heading\nof two lines"),
        lambda: study_figures.conditions(summary([10, 20], factor="d_head")),
        lambda: study_figures.census(summary(["a", "b"])),
        lambda: study_figures.curves(curves("ab")),
    ],
)
def test_an_svg_is_drawn_once_and_looks_as_matplotlib_draws_it(make, monkeypatch):
    figure, draws, draw = make(), [], Figure.draw
    before = figure.get_layout_engine(), figure.canvas, figure.dpi
    monkeypatch.setattr(Figure, "draw", lambda self, renderer: draws.append(self) or draw(self, renderer))
    found = image(figure, "svg")
    assert (draws, (figure.get_layout_engine(), figure.canvas, figure.dpi)) == ([figure], before)
    buffer = io.BytesIO()
    with matplotlib.rc_context(style()):
        make().savefig(buffer, format="svg", dpi=200, metadata={"Date": None, "Creator": None})
    assert found == buffer.getvalue()


def test_letters_that_no_font_has_are_drawn_as_boxes_in_silence(capfd):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        data = image(heat_map(frame([[1.0]], ["\U0001f414"]), "中文"), "png")
    assert not said
    assert capfd.readouterr().err == ""
    assert matplotlib.image.imread(io.BytesIO(data)).std() > 0
