"""The homework as a user sees it: answers, screen, page and JSON."""

import json
import re
from html.parser import HTMLParser

import pytest
from click.testing import CliRunner

import headlab as hl
from headlab.cli import cli
from headlab.report import page
from headlab.report.exercise import exercise
from headlab.report.screen import exercise_blocks


@pytest.fixture(scope="module")
def done():
    return exercise(hl.Corpus.notebook(), n_runs=30)


@pytest.fixture(scope="module")
def html(done):
    return page.render(done)


def test_item_1_shows_a_run_that_solved_the_corpus(done):
    assert done.run.solved()
    assert len(done.evidence) == 2


def test_item_1_parts_add_up_to_the_logit_difference(done):
    for item in done.evidence:
        d = item.dependency
        logits = done.run.logits()[d.sequence, d.position]
        assert item.margin == pytest.approx(float(logits[d.target] - logits[item.alternative]), abs=1e-5)


def test_item_1_sentences_say_what_the_numbers_say(done):
    for item, sentence in zip(done.evidence, done.item_1(), strict=True):
        assert f"({item.attention.max():.0%})" in sentence
        assert f"= {item.margin:+.2f}" in sentence


def test_page_makes_no_request_and_runs_no_script(html):
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", html)
    assert not re.search(r"url\((?!#)", html)
    assert "<script" not in html
    assert "@import" not in html
    assert len(html.encode()) < 400_000


def test_page_is_well_formed_and_its_ids_are_unique(html):
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    open_tags = []

    class Checker(HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag not in {"meta", "br", "img", "link", "hr"}:
                open_tags.append(tag)

        def handle_endtag(self, tag):
            assert open_tags.pop() == tag

    Checker().feed(html)
    assert open_tags == []


def test_page_is_the_same_to_the_byte_each_time(done, html):
    assert page.render(done) == html


def test_hostile_words_are_shown_as_text():
    corpus = hl.Corpus.from_text("<script>alert(1)</script> {{7*7}} $x$ q\n</style><img/src=x> {{7*7}} $x$ r")
    done = exercise(corpus, n_runs=4, head_sizes=[3], training=hl.TrainConfig.of(steps=20))
    html = page.render(done)
    assert "<script" not in html
    assert "<img" not in html
    assert "49" not in re.sub(r"[\d.]+", "", html)
    assert "&lt;script&gt;" in html


def test_corpus_without_dependencies_says_so():
    done = exercise(hl.Corpus.from_text("a b c"), n_runs=4, head_sizes=[3], training=hl.TrainConfig.of(steps=20))
    assert "no dependency" in done.item_1()[0]
    assert "no dependency" in page.render(done)
    assert exercise_blocks(done)


@pytest.mark.parametrize(
    "model", [hl.ModelConfig(n_layers=2, n_heads=2), hl.ModelConfig(positions=False, residual=False, causal=False)]
)
def test_every_kind_of_model_has_a_page_and_a_screen(model):
    done = exercise(hl.Corpus.notebook(), model=model, n_runs=3, head_sizes=[5], training=hl.TrainConfig.of(steps=30))
    assert page.render(done).count("<caption>") > 5
    assert exercise_blocks(done)


def test_command_prints_the_notebooks_tables_and_writes_the_page(tmp_path):
    result = CliRunner().invoke(
        cli, ["exercise", "--runs", "10", "-o", str(tmp_path / "r.html")], catch_exceptions=False
    )
    for expected in [
        "413 parameters",
        "9 AttnWts",
        "head size 20, sentence 2",
        "Attention weights",
        "3 the",
        "Solved:",
    ]:
        assert expected in result.stdout
    assert (tmp_path / "r.html").stat().st_size > 10_000


def test_json_holds_the_numbers_of_the_screen(tmp_path):
    file = tmp_path / "corpus.txt"
    file.write_text("man ordered the chicken\nwoman ordered the beef\n")
    arguments = ["exercise", str(file), "--runs", "5", "--head-sizes", "5,10", "--json", "-o", str(tmp_path / "r.html")]
    data = json.loads(CliRunner().invoke(cli, arguments, catch_exceptions=False).stdout)
    assert data["floor"] == pytest.approx(0.1386, abs=1e-4)
    assert [row["d_head"] for row in data["head_sizes"]] == [5, 10]


def test_train_command_saves_what_it_trained(tmp_path):
    arguments = ["train", "--seeds", "0:3", "--steps", "30", "--save", str(tmp_path / "saved"), "--json"]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert len(json.loads(result.stdout)["runs"]) == 3
    assert len(hl.Runs.load(tmp_path / "saved")) == 3


@pytest.mark.parametrize("command", [[], ["exercise"], ["train"]])
def test_help_of_every_command_explains_its_options(command):
    result = CliRunner().invoke(cli, [*command, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.stdout


def test_jupyter_shows_a_run_as_tables(done):
    assert done.run._repr_html_().count("<table") == 4
