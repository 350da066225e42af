"""One palette: a mechanism has one colour wherever it is drawn, and nobody takes it for another."""

import re
from itertools import combinations
from pathlib import Path

import matplotlib.colors
import numpy as np
import pytest
from color_vision import VISIONS, contrast, distance, seen

from headlab.analysis.parts.mechanism import MECHANISMS
from headlab.notation.shades import ANTI, DEEP, HUE, MIDDLE, SHADES
from headlab.report.figures import runs as run_figures
from headlab.report.figures import studies as study_figures
from headlab.report.palette import PALETTE
from headlab.study.answer import Answer, Group

SOURCE = Path(__file__).parents[1] / "src" / "headlab"
WEB = Path(__file__).parents[1] / "web" / "src"
APART = 12.0  # CIEDE2000: about twelve times what can just be seen
PAPERS = {"light": "#ffffff", "dark": "#1b2027"}  # what the page draws on


# The pairs of Sharma, Wu, Dalal (2005) that go wrong first.
@pytest.mark.parametrize(
    ("one", "other", "known"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((90.8027, -2.0831, 1.4410), (91.1528, -1.6435, 0.0447), 1.4441),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_colours_are_as_far_apart_as_was_published(one, other, known):
    assert distance(one, other) == pytest.approx(known, abs=1e-4)
    assert distance(other, one) == pytest.approx(known, abs=1e-4)


def test_every_mechanism_has_a_colour():
    assert set(PALETTE) == set(MECHANISMS)


@pytest.mark.parametrize("vision", VISIONS)
def test_every_two_mechanisms_are_told_apart_by_their_colours(vision):
    near = [
        (one, other, found)
        for (one, a), (other, b) in combinations(PALETTE.items(), 2)
        if (found := distance(seen(a.color, vision), seen(b.color, vision))) < APART
    ]
    assert near == []


@pytest.mark.parametrize("paper", PAPERS)
def test_every_mechanism_stands_out_from_the_paper(paper):
    for name, swatch in PALETTE.items():
        assert contrast(swatch.color, PAPERS[paper]) >= 2.5, name
        for vision in VISIONS:
            assert distance(seen(swatch.color, vision), seen(PAPERS[paper], vision)) >= APART, (name, vision)


def test_the_papers_are_the_pages():
    style = (WEB / "page.css").read_text(encoding="utf-8")
    [(light, dark)] = re.findall(r"--card: light-dark\((#\w+), (#\w+)\);", style)
    assert [matplotlib.colors.to_hex(color) for color in (light, dark)] == list(PAPERS.values())


def test_without_colours_mechanisms_differ_in_their_hatches():
    assert len({swatch.hatch for swatch in PALETTE.values()}) == len(PALETTE)


def test_what_can_be_pressed_and_what_is_drawn_stands_out_from_the_paper():
    style = (WEB / "page.css").read_text(encoding="utf-8")
    for name, least in (("edge", 3), ("hue", 3), ("curve", 3), ("anti", 3), ("soft", 4.5), ("bad", 4.5)):
        [shades] = re.findall(rf"--{name}: light-dark\((#\w+), (#\w+)\);", style)
        for shade, paper in zip(shades, PAPERS.values(), strict=True):
            assert contrast(shade, paper) >= least, (name, shade)


def test_how_much_what_is_taken_away_and_what_is_wrong_have_one_colour_in_every_medium():
    style = (WEB / "page.css").read_text(encoding="utf-8")
    page = {name: re.findall(rf"--{name}: light-dark\((#\w+), (#\w+)\);", style) for name in SHADES}
    assert page == {name: [tuple(shade)] for name, shade in SHADES.items()}
    most, least = matplotlib.colors.to_hex(run_figures.MAP(1.0)), matplotlib.colors.to_hex(run_figures.DIVERGING(0.0))
    assert (most, least) == (HUE.light, ANTI.light)
    others = {*(color for shade in SHADES.values() for color in shade), *(swatch.color for swatch in PALETTE.values())}
    rooms = ["report/figures", "report/html/templates", "runs"]
    strange = [
        (path.name, color)
        for path in (path for room in rooms for path in (SOURCE / room).rglob("*.*") if path.suffix in (".py", ".j2"))
        for color in re.findall(r"#[0-9a-f]{6}\b", path.read_text(encoding="utf-8"))
        if colorful(color) and color not in others | {"#18794e", "#57c794", "#8f5a00", "#e3ab4b"}  # solved, by a hair
    ]
    assert strange == []


def colorful(color):
    channels = bytes.fromhex(color[1:])
    return max(channels) - min(channels) > 40


@pytest.mark.parametrize("color", [HUE.light, ANTI.light])
def test_words_in_a_cell_are_read_at_every_strength(color):
    for share in np.linspace(0, 1, 201):
        cell = matplotlib.colors.to_hex(1 + share * (np.array(matplotlib.colors.to_rgb(color)) - 1))
        ink = "#ffffff" if share > DEEP else "#000000" if share > MIDDLE else "#1d2430"
        assert contrast(cell, ink) >= 4.5, share


def test_words_on_a_colour_are_in_the_ink_that_is_read_best():
    for name, swatch in PALETTE.items():
        best = max(("#ffffff", "#111111"), key=lambda ink, on=swatch.color: contrast(ink, on))
        assert swatch.ink == best, name


def test_page_and_figures_have_the_same_colours():
    colors = {name: swatch.color for name, swatch in PALETTE.items()}
    named = [
        name
        for path in WEB.rglob("*")
        if path.is_file() and path.name != "settings.json"  # written from PALETTE
        for name in PALETTE
        if name in path.read_text(encoding="utf-8")
    ]
    # A word, and a grade's name; the page knows no mechanism but from what it is told.
    assert set(named) <= {"mixed", "right by a hair"}
    n, solved = len(MECHANISMS), np.repeat("solved", len(MECHANISMS))
    group = Group(1, np.arange(n, dtype=np.uint64), np.ones(n), solved, np.zeros(n, bool), np.array(MECHANISMS))
    axes = study_figures.census(Answer("d_head", (group,), 7)).axes[0]
    bars = dict(zip([text.get_text() for text in axes.get_legend().get_texts()], axes.containers, strict=True))
    drawn = {name: matplotlib.colors.to_hex(bars[name][0].get_facecolor()) for name in MECHANISMS}
    assert drawn == colors
