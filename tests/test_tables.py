"""Tables: numbers as the notebook prints them, shaded, readable without colour, and safe as HTML."""

import io

import pandas as pd
import pytest
from rich.console import Console

import headlab as hl
from headlab.report.tables import run_html, terminal_table


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
    page = run_html(hl.train(corpus, training=hl.TrainConfig.of(steps=5))[0])
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
