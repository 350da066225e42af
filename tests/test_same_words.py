"""One name for one thing: the same sentence, finding, percent and minus in every medium where people read."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from twins.trial import trial_frame

import headlab as hl
from headlab.analysis.words import TABLE
from headlab.cli.terminal import show
from headlab.homework.exercise import Exercise
from headlab.notation.numbers import percent
from headlab.report.export import TABLES, table_of
from headlab.report.frames.recording import Recording
from headlab.report.frames.why import why_frame
from headlab.report.html import homework as page
from headlab.report.json.homework import exercise_json
from headlab.report.terminal.explanation import census_blocks, effects_blocks, explanation_blocks
from headlab.report.terminal.grid import as_text
from headlab.report.terminal.homework import exercise_blocks
from headlab.report.words.commands import NO_COMMANDS
from headlab.report.words.explanation import coding_sentence, first_words, part_table
from headlab.report.words.homework import item_1

SOURCES = Path(__file__).parents[1] / "src" / "headlab"
MODELS = {"the notebook": hl.ModelConfig(), "three heads": hl.ModelConfig(n_heads=3)}


@pytest.fixture(scope="module", params=MODELS)
def done(request: Any) -> Exercise:
    return Exercise.of(hl.train(hl.Corpus.notebook(), MODELS[request.param], seeds=range(4)), 0)


def screen(blocks: Any, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False)
    for block in blocks:
        console.print(block, crop=False)
    return console.file.getvalue()  # type: ignore[attr-defined]


def flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def visible(html: str) -> str:
    """Return what a page shows as text."""
    html = re.sub(r"<(script|style|svg|head)\b.*?</\1>", " ", html, flags=re.DOTALL)
    text = re.sub(r"<[^>]*>", " ", html)
    for name, letter in (("&lt;", "<"), ("&gt;", ">"), ("&#39;", "'"), ("&#34;", '"'), ("&amp;", "&")):
        text = text.replace(name, letter)
    return flat(text)


def test_a_sentence_is_the_same_in_every_medium(done: Exercise) -> None:
    explanation = done.run.explain()
    terminal = flat(screen(explanation_blocks(explanation, NO_COMMANDS)))
    details = flat(screen(exercise_blocks(done, details=True)))
    html, why = visible(page.render(done)), why_frame(Recording.of(done.run)).values["dependencies"]
    data, notebook = exercise_json(done, Path("r.html"))["explanation"], visible(explanation._repr_html_())
    table = table_of(done.runs, "sentences", 0)
    for number, record in enumerate(explanation.records):
        text = record.sentence
        assert text in terminal
        assert text in html
        assert text in notebook
        assert text[1:] in details
        assert text == data["dependencies"][number]["sentence"] == why[number]["sentence"] == table["text"][number]
        assert [clause["text"] for clause in why[number]["clauses"]] == [str(clause) for clause in record.clauses]
        assert table["sentence"][number] == record.sequence + 1


def test_what_a_sentence_leaves_out_follows_it() -> None:
    run = hl.train(hl.Corpus.notebook(), hl.ModelConfig(n_heads=3), seeds=range(20), record="none")
    cut = [(explanation, record) for explanation in run.explain() for record in explanation.records if record.more]
    assert cut
    for explanation, record in cut[:3]:
        said = len(record.sentence.removesuffix("."))
        whole = "".join((clause.joint if at else "") + str(clause) for at, clause in enumerate(record.clauses))
        assert whole[1:said] == record.sentence[1:said]
        assert record.more.removesuffix(".")[1:] == whole.removeprefix(whole[:said]).lstrip("; ,:")[1:]
        assert f"More: {record.more}" in flat(screen(explanation_blocks(explanation, NO_COMMANDS)))


ASCII_MINUS = re.compile(r"(?<![\w.…)])-\d")
CLOSE_PERCENT = re.compile(r"\d%")


def test_numbers_in_text_have_one_minus_and_one_percent(done: Exercise) -> None:
    explanations = done.runs.explain()
    effects = [done.run.ablate(), done.run.patch(["pattern", "v"])]
    texts = {
        "explain": screen(explanation_blocks(explanations[0], NO_COMMANDS)),
        "census": screen(census_blocks(explanations)),
        "ablate, patch": "".join(screen(effects_blocks(found, "pair")) for found in effects),
        "exercise": screen(exercise_blocks(done, details=True)),
        "page": visible(page.render(done)),
        "notebook": visible(explanations[0]._repr_html_().split("<table")[0] + effects[0]._repr_html_()),
        "circuits": visible(done.run.circuits()._repr_html_()),
        "answers": json.dumps([answer.to_dict()["text"] for answer in done.answers], ensure_ascii=False),
        "item 1": "".join(item_1(done)),
        "represented": repr(explanations) + repr(explanations.minimal()) + repr(done.runs.predict("man")),
    }
    for name, text in texts.items():
        assert not ASCII_MINUS.search(text), (name, ASCII_MINUS.search(text))
        assert not CLOSE_PERCENT.search(text), (name, CLOSE_PERCENT.search(text))


def test_no_module_formats_percent_or_signs_by_itself() -> None:
    own = re.compile(r":[+]?\.\d%|:\+\.\d")
    found = [str(path) for path in SOURCES.rglob("*.py") if own.search(path.read_text(encoding="utf-8"))]
    assert found == []
    templates = "".join(path.read_text(encoding="utf-8") for path in SOURCES.rglob("*.j2"))
    assert "percent'" not in templates


def test_a_trial_says_in_words_what_sentences_and_tables_say(done: Exercise) -> None:
    record = done.run.explain().records[0]
    shown = part_table(record, 64)
    for part, cell in zip((*record.sources, *record.heads, *record.others), shown["without it"], strict=True):
        rows = trial_frame(done.run, {"part": part.part.__dict__, "sequence": 0, "position": record.place}).values[
            "rows"
        ]
        said = {row["kind"]: row["said"] for row in rows}
        for kind, predicted in part.predicts.items():
            assert said[kind] == first_words(predicted)
            assert said[kind] in cell
        same = {kind for kind, words in said.items() if words == TABLE["findings"]["same"]}
        impossible = {kind for kind, words in said.items() if words == TABLE["findings"]["impossible"]}
        assert same | impossible | set(part.predicts) == set(TABLE["ablations"])
        if not part.predicts:
            assert cell.removeprefix("≠ ") in (TABLE["findings"]["same"], TABLE["findings"]["irrelevant"])


def test_shown_digits_of_the_coding_split_add_up(done: Exercise) -> None:
    for explanation in done.runs.explain():
        for record in explanation.records:
            if record.coding is None or record.coding["pattern_share"] != record.coding["pattern_share"]:
                continue
            text = coding_sentence(record).replace("−", "-").replace("tied", "+0.00")
            here, there, total, *parts = map(float, re.findall(r"[+-]\d+\.\d\d", text))
            assert here - there == pytest.approx(total)
            assert sum(parts) == pytest.approx(total)
            assert percent(record.coding["value_share"]) in coding_sentence(record)


def test_tokens_are_named_by_their_word_outside_of_the_notebooks_tables(done: Exercise) -> None:
    labels = [label for label, word in zip(done.corpus.labels, done.corpus.vocabulary, strict=True) if label != word]
    for name in set(TABLES) - {"predictions", "attention", "association"}:
        text = table_of(done.runs, name, 0).to_csv()
        assert not [label for label in labels if re.search(rf"(?<!\w){re.escape(label)}(?!\w)", text)], name
    assert "In tables <ST> is “<Start>”" in flat(screen(exercise_blocks(done)))
    assert "In tables <ST> is “<Start>”" in visible(page.render(done))


@pytest.mark.parametrize("width", range(20, 40))
def test_no_line_ends_between_a_number_and_its_percent_sign(width: int, capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    show([as_text("it looks there 7 %, and 93 % there, of 100 % in all", style="dim")])
    out = capsys.readouterr().out
    assert flat(out).strip() == "it looks there 7 %, and 93 % there, of 100 % in all"
    assert not [line for line in out.splitlines() if line.startswith("%") or len(line.rstrip()) > width]
