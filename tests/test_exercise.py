"""The homework as a user sees it: answers, screen, page and JSON."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from click.testing import CliRunner

import headlab as hl
from headlab.analysis.looking.predictions import verdicts
from headlab.cli.main import cli
from headlab.homework.exercise import Exercise, exercise
from headlab.report.html import embed
from headlab.report.html import homework as page
from headlab.report.terminal.homework import exercise_blocks
from headlab.report.words.commands import RunCommands
from headlab.report.words.homework import item_1

SHORT = hl.TrainConfig.of(steps=200)


@pytest.fixture(scope="module")
def done():
    return exercise(hl.Corpus.notebook(), n_runs=30)


@pytest.fixture(scope="module")
def html(done):
    return page.render(done)


def test_item_1_shows_the_first_seed_with_good_predictions(done):
    good = done.runs.solved() & (done.runs.final_loss < (done.corpus.floor() + done.corpus.bigram_floor()) / 2)
    assert done.run.seed == int(np.argmax(good))
    assert done.run.solved()
    assert "wrong" not in [word for row in verdicts(done.run.logits(), done.corpus) for word in row]


def test_a_given_seed_is_the_run_shown():
    done = exercise(hl.Corpus.notebook(), n_runs=2, seed=11, head_sizes=[5], training=SHORT)
    assert done.run.seed == 11
    np.testing.assert_array_equal(done.run.loss, hl.train(hl.Corpus.notebook(), training=SHORT, seeds=11).loss[0])
    assert item_1(done)[0] == "This run did not solve the corpus."


def test_without_a_solved_run_the_smallest_loss_is_shown():
    done = exercise(hl.Corpus.notebook(), n_runs=8, head_sizes=[5], training=hl.TrainConfig.of(steps=5))
    assert not done.runs.solved().any()
    assert done.run.final_loss == done.runs.final_loss.min()
    assert "the smallest loss" in item_1(done)[0]


def test_item_1_sentences_are_those_of_the_explanation(done):
    explained = done.run.explain()
    for sentence, record, text in zip(item_1(done), explained.records, explained.sentences(), strict=False):
        assert sentence == f"Sentence {record.sequence + 1}: f{text[1:]}"
    assert explained.mechanism in item_1(done)[2]
    assert item_1(done)[3].startswith("Of all 30 runs: ")


def test_a_long_corpus_explains_some_places_and_says_how_many_are_left():
    lines = [f"who{n} went to the town{n}" for n in range(12)]
    done = exercise(hl.Corpus.from_text("\n".join(lines)), n_runs=2, head_sizes=[5], training=SHORT)
    assert sum(text.startswith("Sentence ") for text in item_1(done)) == 8
    assert "… and 4 more places that another word decides" in " ".join(item_1(done))
    assert page.render(done).count('class="split"') <= 8


def test_item_2_counts_every_run_once(done):
    table = done.sizes.table()
    assert table.index.tolist() == [10, 20, 40]
    assert table["runs"].tolist() == [30, 30, 30]
    assert table.loc[20, "solved"] == (done.runs.grade() == "solved").sum()
    assert table.loc[20, "right_by_a_hair"] == (done.runs.grade() == "right by a hair").sum()
    assert len(done.sizes.pairs()) == 3


def test_saved_runs_make_the_same_record():
    runs = hl.train(hl.Corpus.notebook(), seeds=range(4), record="log")
    done = Exercise.of(runs)
    assert done.run.seed == int(np.argmax(runs.grade() == "solved"))
    assert done.sizes.table()["runs"].tolist() == [4]
    with pytest.raises(hl.SelectionError, match="from 0 to 3"):
        Exercise.of(runs, 9)
    with pytest.raises(hl.SelectionError, match="recorded loss"):
        Exercise.of(hl.train(hl.Corpus.notebook(), training=SHORT, record="none"))


def test_page_explains_and_offers_the_commands_that_check(done):
    html = page.render(done, RunCommands.of_options("", 0))
    assert "Why did it predict that?" in html
    assert html.count("headlab explain --seeds 0 --sentence") == 4
    assert html.count('class="split"') == 2
    assert "headlab explain" not in split_views(page.render(done))[0]


def split_views(html):
    """Return a page without its views, and the script that draws them."""
    found = re.search(r'<script type="application/json" id="headlab-carried">[^<]*</script>\n', html)
    script = re.search(r'<script type="module">(.*?)</script>', html, re.DOTALL)
    return html.replace(found[0], "").replace(script[0], ""), script[1]


def test_page_makes_no_request_and_runs_no_script_but_its_views(html):
    still, script = split_views(html)
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", still)
    assert not re.search(r"url\((?!#)", still)
    assert "<script" not in still
    assert "@import" not in html
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert f"{policy}; script-src 'sha256-{digest}' 'wasm-unsafe-eval' blob:; worker-src blob:\">" in still
    assert len(html.encode()) < 700_000


def test_page_without_the_built_views_is_whole_all_the_same(done, html, monkeypatch, tmp_path):
    monkeypatch.setattr(embed, "PAGE", tmp_path)
    still = page.render(done)
    assert "<script" not in still
    assert "script-src" not in still
    assert re.sub(r"; script-src [^;]*; worker-src blob:", "", split_views(html)[0]).split() == still.split()


def test_page_is_well_formed_and_its_ids_are_unique(html):
    ids = re.findall(r'\bid="([^"]+)"', split_views(html)[0])
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
    html, _ = split_views(page.render(done))
    assert "<script" not in html
    assert "<img" not in html
    assert "49" not in re.sub(r"[\d.]+", "", html)
    assert "&lt;script&gt;" in html


def test_corpus_without_dependencies_says_so():
    done = exercise(hl.Corpus.from_text("a b c"), n_runs=4, head_sizes=[3], training=hl.TrainConfig.of(steps=20))
    assert "no dependency" in item_1(done)[0]
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
        cli, ["exercise", "--runs", "10", "--details", "-o", str(tmp_path / "r.html")], catch_exceptions=False
    )
    for expected in [
        "413 parameters",
        "9 AttnWts",
        "head size 20, sentence 2",
        "Attention weights",
        "3 the",
        "of 10 at",
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


def test_jupyter_shows_a_run_as_tables(done):
    assert done.run._repr_html_().count("<table") == 4
