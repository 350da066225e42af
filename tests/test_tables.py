"""Tables: numbers as the notebook prints them, shaded, readable without colour, and safe as HTML."""

import io

import pandas as pd
import pytest
from rich.color import Color
from rich.console import Console
from rich.style import Style

import headlab as hl
from headlab.report.terminal.grid import terminal_table


def printed(frame: pd.DataFrame, *, width: int = 80, color: bool = False, **options: object) -> str:
    system = "256" if color else None
    console = Console(file=io.StringIO(), width=width, force_terminal=color, color_system=system, highlight=False)  # type: ignore[arg-type]
    with console.capture() as captured:
        console.print(terminal_table(frame, title="T", **options))  # type: ignore[arg-type]
    return captured.get()


@pytest.fixture(scope="module")
def run() -> hl.Run:
    run: hl.Run = hl.train(hl.Corpus.notebook(), seeds=0, record="none")[0]
    return run


def test_numbers_have_three_decimals_and_every_row_its_verdict(run: hl.Run) -> None:
    frame = run.predictions()[0]
    text = printed(frame, shade=True, marks=["open", "right", "right", "wrong", ""], targets=["man", "a", "b", "c", ""])
    assert f"{frame.iloc[1, 4]:.3f}" in text
    assert "✓ a" in text
    assert "✗ c" in text
    assert "\x1b" not in text


def test_larger_values_have_another_shade() -> None:
    text = printed(pd.DataFrame({"x": [0.3, 1.0]}), color=True, shade=True)
    shades = {part.split("m")[0] for part in text.split("48;5;")[1:]}
    assert len(shades) == 2


def luminance(color: Color) -> float:
    parts = [part / 255 for part in color.get_truecolor()]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: float, other: float) -> float:
    low, high = sorted((one, other))
    return (high + 0.05) / (low + 0.05)


def cell(value: float) -> Style:
    return Style.parse(str(terminal_table(pd.DataFrame([[value]]), title="T", shade=True).columns[0].cells[0].style))


def test_larger_values_are_louder_on_dark_and_on_light_terminals() -> None:
    assert cell(0.01).dim
    assert cell(0.05).color is None
    assert all(cell(value).bgcolor is None for value in (0.0, 0.05, 0.2))
    backgrounds = [cell(value).bgcolor for value in (0.25, 0.5, 0.75, 1.0)]
    assert [cell(value).bold for value in (0.25, 1.0)] == [None, True]
    blue = [color.get_truecolor().blue - color.get_truecolor().red for color in backgrounds if color]
    assert blue == sorted(set(blue))
    assert len(blue) == 4
    for color in filter(None, backgrounds):  # as far from black as from white, and the digits stand out
        assert min(contrast(luminance(color), 0), contrast(luminance(color), 1)) > 3
        assert contrast(luminance(color), luminance(Color.from_rgb(255, 255, 255))) > 4.5


def test_without_colours_large_values_are_bold() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, no_color=True, color_system="256")
    with console.capture() as captured:
        console.print(terminal_table(pd.DataFrame([[0.1, 0.9]]), title="T", shade=True))
    assert "\x1b[1m0.900" in captured.get()
    assert "8;5;" not in captured.get()


def test_missing_values_are_blank() -> None:
    assert "nan" not in printed(pd.DataFrame({"x": [float("nan")]}), shade=True)


def test_printing_does_not_round_the_table_itself(run: hl.Run) -> None:
    frame = run.predictions()[0]
    before = frame.copy()
    printed(frame, shade=True)
    pd.testing.assert_frame_equal(frame, before)


def test_markup_in_a_corpus_is_only_text() -> None:
    frame = pd.DataFrame([[0.5]], index=["0 [red]"], columns=["[bold]"])
    assert "[red]" in printed(frame)
    assert "[bold]" in printed(frame)


def test_html_of_a_run_escapes_the_corpus() -> None:
    corpus = hl.Corpus.from_text("<b>x</b> & y\n<b>x</b> & z", start=None)
    page = hl.train(corpus, training=hl.TrainConfig.of(steps=5))[0]._repr_html_()
    assert "<b>x</b>" not in page.replace("<b>Run", "")
    assert "&lt;b&gt;" in page
    assert "background-color" in page


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_a_narrow_terminal_folds_the_table_and_loses_no_number(width: int) -> None:
    frame = pd.DataFrame(
        [[n / 40 for n in range(30)]] * 2, index=["0 first", "1 second"], columns=[f"word{n}" for n in range(30)]
    )
    text = printed(frame, width=width, shade=True)
    assert max(map(len, text.splitlines())) <= width
    assert all(f"{n / 40:.3f}" in text and f"word{n}" in text for n in range(30))
    assert "…" not in text


# What a notebook's cell shows


def shown_in_a_notebook(text: str) -> list[object]:
    corpus = hl.Corpus.from_text(text)
    runs = hl.train(corpus, training=hl.TrainConfig.of(steps=5), seeds=range(2))
    run = runs[0]
    first = next(item for item in corpus.dependencies() if item.resolvable)
    at = {"sequence": first.sequence, "position": first.position}
    return [
        corpus,
        run.ablate(**at),
        runs.ablate(**at),
        run.patch("v", **at),
        run.circuits(),
        run.explain(),
        runs.explain(),
    ]


@pytest.mark.parametrize("word", ["<script>alert(1)</script>", "<b>x</b>", "a&b", "\x1b[31m", "$x$"])
def test_what_a_notebook_shows_is_short_and_escaped(word: str) -> None:
    for item in shown_in_a_notebook(f"man {word} the chicken\nwoman {word} the beef"):
        html = item._repr_html_()  # type: ignore[attr-defined]
        assert "<b>x" not in html
        assert "a&b" not in html
        assert "array(" not in repr(item) + html
        assert "<script" not in html
        assert "\x1b" not in repr(item)


def test_what_a_notebook_shows_of_a_large_corpus_is_bounded_and_says_how_much_is_left() -> None:
    text = "\n".join(f"a{at} x{at % 9} y b{at} c{at} d{at} e{at} f{at}" for at in range(40))
    for item in shown_in_a_notebook(text):
        html = item._repr_html_()  # type: ignore[attr-defined]
        assert len(html) < 150_000, type(item)
        assert len(repr(item)) < 3000 or isinstance(item, hl.analysis.explanation.explanation.Explanation)
    assert "… and 20 more" in hl.Corpus.from_text(text)._repr_html_()


def test_a_corpus_says_its_size_and_how_it_begins() -> None:
    assert repr(hl.Corpus.notebook()) == (
        "Corpus(2 sentences of 7 tokens: man ordered the chicken / woman ordered the beef)"
    )
    three = hl.Corpus.from_text("a b\nc d\ne f", start=None)
    assert repr(three) == "Corpus(3 sentences of 6 tokens: a b / c d / …)"
    assert repr(hl.Corpus.from_text("中文", tokens="characters")) == "Corpus(1 sentence of 3 tokens: 中文)"
