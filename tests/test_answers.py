"""The two answers of the homework: what they say is what was measured, in a student's words, on every corpus and run."""

import importlib
import io
import json
import re

import numpy as np
import pytest
from rich.console import Console
from tiers import long

import headlab as hl
from headlab.cli.exercise import refuse_excess
from headlab.engine import memory
from headlab.homework.answers import answer_on_looking, answer_on_sizes, base_of
from headlab.homework.cost import Plan
from headlab.homework.exercise import Exercise, exercise
from headlab.notation.numbers import with_sign
from headlab.report.html import homework as page
from headlab.report.json.homework import exercise_json
from headlab.report.terminal.homework import exercise_blocks, grade_counts_text
from headlab.report.words.commands import RunCommands
from headlab.study.answer import Answer, Group

NOTEBOOK = hl.Corpus.notebook()
SHORT = hl.TrainConfig.of(steps=100)
JARGON = re.compile(r"Holm|Newcombe|Wilson|Fisher|power|p =|ablat|resample|logit|softmax|effective rank", re.I)


@pytest.fixture(scope="module")
def done():
    return exercise(NOTEBOOK, n_runs=100)


@pytest.fixture(scope="module")
def runs():
    return hl.train(NOTEBOOK, seeds=range(20))


def screen(done, width=80, **options):
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False)
    for block in exercise_blocks(done, **options):
        console.print(block, crop=False)
    return console.file.getvalue().splitlines()


def first(run):
    return answer_on_looking(run, 0, 1)


@pytest.mark.parametrize("seed", range(20))
def test_item_1_says_what_the_weights_and_an_ablation_say(runs, seed):
    run = runs[seed]
    for side, frame in zip(first(run).numbers["sides"], run.attention(), strict=True):
        row = frame.iloc[3]
        assert side["looks_at_position"] == int(row.to_numpy().argmax())
        assert side["weight"] == pytest.approx(row.max(), abs=1e-6)
        tokens = run.probs()[side["sequence"], side["position"]]
        assert side["predicted"] == (NOTEBOOK.vocabulary[int(tokens.argmax())],)
        assert side["probability"] == pytest.approx(tokens.max(), abs=1e-6)
        tried = run.ablate(f"source:{side['looks_at_position']}", sequence=side["sequence"], position=3)
        for kind, words in side["without"].items():
            assert words == tried.predicts(0, 0, tried.kinds.index(kind))


@pytest.mark.parametrize("seed", range(20))
def test_parts_add_up_for_the_digits_shown(runs, seed):
    for text in first(runs[seed]).sentences[:2]:
        given = next(part for part in text.split("; ") if "together" in part).split("which gives")[-1]
        *parts, together = (float(number.replace("−", "-")) for number in re.findall(r"[+−]\d+\.\d\d", given))
        assert len(parts) >= 2
        assert sum(parts) == pytest.approx(together, abs=1e-9)


def test_what_gives_most_is_named_where_it_is_not_looked_at_most(runs):
    side = first(runs[2]).numbers["sides"][0]
    parts = runs[2].explain().records[0].parts()
    assert side["gives"] < 0
    assert side["most"][0][1] == pytest.approx(parts.max())


def test_without_the_causal_mask_it_is_said_that_the_answer_is_seen():
    done = exercise(NOTEBOOK, model=hl.ModelConfig(causal=False), n_runs=1, head_sizes=[20])
    assert "the answer itself, which is seen without the causal mask" in " ".join(done.answers[0].sentences)
    assert "earlier" not in " ".join(done.answers[0].sentences)


def test_a_flip_names_the_word_that_is_predicted_then(runs):
    assert "without reading “man” it predicts “beef” (in 3 of 4 trials)" in first(runs[1]).sentences[0]
    assert "without reading “ordered” it predicts “chicken” or “man” (in 2 of 4 trials)" in first(runs[11]).sentences[1]


@pytest.mark.parametrize(
    ("seed", "said", "not_said"),
    [
        (1, "coded in what it reads there, not in where it looks: 93 % of", "hair"),
        (7, "coded more in where it looks than in what it reads there: 72 % of", "hair"),
        (0, "right by a hair is little better than a toss", "rightly"),
        (11, "this run has not learned the dependency", "rightly"),
    ],
)
def test_the_coding_is_said_in_plain_words_and_a_hair_is_none(runs, seed, said, not_said):
    text = " ".join(first(runs[seed]).sentences)
    assert said in text
    assert not_said not in text


def test_a_word_that_stands_twice_is_named_with_its_number():
    corpus = hl.Corpus.from_text("a a b x\nc a b y")
    run = hl.train(corpus, training=SHORT, seeds=0)[0]
    for text, side in zip(first(run).sentences, first(run).numbers["sides"], strict=False):
        words = corpus.sentences[side["sequence"]]
        twice = words.count(words[side["looks_at_position"]]) > 1
        assert bool(re.search(r"most at “\w+” \(\d(st|nd)\)", text)) == twice


def test_what_the_answer_looks_at_and_what_gives_most_are_those_of_the_explanation():
    for model in (hl.ModelConfig(n_heads=3), hl.ModelConfig(n_layers=2, n_heads=2)):
        run = hl.train(NOTEBOOK, model, seeds=[3], training=hl.TrainConfig.of(steps=800))[0]
        for text, record in zip(first(run).sentences, run.explain().records, strict=False):
            said = {clause.kind: clause.arguments for clause in record.clauses}
            if "looks" in said:
                who = said["looks"]["who"]
                last = " of the last layer" * (model.n_layers > 1)
                looks = f"look{'s' * (who['heads'] == 1)} most at {said['looks']['source']}"
                assert f"{who['heads']} of {who['of']} heads{last} {looks}" in text
            for kind in {"gives", "gives_it"} & said.keys():
                assert f"together {with_sign(said[kind]['total'], 2)}" in text or said[kind]["rest"] is None


@pytest.mark.parametrize(
    ("text", "said"),
    [("a b c d", "no dependency"), ("a b\na c", "no dependency"), ("the dog sleeps", "no dependency")],
)
def test_where_there_is_no_dependency_it_is_said(text, said):
    done = exercise(hl.Corpus.from_text(text), n_runs=3, head_sizes=[3], training=SHORT)
    assert said in done.answers[0].sentences[0]
    assert said in page.render(done)
    assert "Your two answers" in "".join(screen(done))


def test_where_there_is_nothing_to_solve_no_run_is_called_solved():
    corpus = hl.Corpus.from_text("a\nb", wrap=False)
    done = exercise(corpus, n_runs=4, head_sizes=[3, 20], training=SHORT)
    text = " ".join(line for answer in done.answers for line in answer.sentences)
    assert "nothing to solve" in text.lower()
    assert not re.search(r"\d+ (are )?solved|Solved runs", text + " ".join(screen(done)))
    assert 'class="right">solved' not in page.render(done)


@pytest.mark.parametrize(
    ("model", "training"),
    [
        (hl.ModelConfig(init_scale=1e30), SHORT),
        (hl.ModelConfig(), hl.TrainConfig.of(steps=50, learning_rate=1e5)),
        (hl.ModelConfig(n_layers=2), hl.TrainConfig.of(steps=50, learning_rate=1e30)),
    ],
)
def test_runs_that_diverge_say_so_everywhere_and_nothing_else_is_printed(model, training, capfd):
    done = exercise(NOTEBOOK, model=model, n_runs=3, head_sizes=[5, 20], training=training)
    assert "This run diverged at step" in done.answers[0].sentences[0]
    assert "6 of all 6 runs diverged" in done.answers[1].sentences[-1]
    assert "No tables" in page.render(done)
    assert "nan" not in " ".join(screen(done)).lower()
    json.dumps(exercise_json(done, "r.html"), allow_nan=False)
    assert capfd.readouterr() == ("", "")  # LAPACK complains on standard output of what is not finite


def test_a_model_that_was_not_trained_is_told_about_as_it_is():
    done = exercise(NOTEBOOK, n_runs=3, head_sizes=[20], training=hl.TrainConfig.of(steps=0))
    assert "has not learned" in " ".join(done.answers[0].sentences)
    assert "No loss that is a number was recorded" in page.render(done)
    assert screen(done)


def summary(*counts, n=100):
    return Answer("d_head", tuple(Group.of_counts(size, solved, hairs, n) for size, solved, hairs in counts))


def test_item_2_compares_with_20_and_says_what_cannot_be_told():
    answer = answer_on_sizes(summary((10, 40, 10), (20, 79, 10), (40, 82, 10)), 7)
    assert "than 20" in answer.question
    assert "40, 79, 82 of 100 at d_head 10, 20, 40" in answer.sentences[0]
    assert answer.sentences[1] == (
        "Solved runs, against d_head 20 (95 % interval): 10 (−39 %, −50 to −26) is worse; "
        "40 (+3 %, −8 to +14) cannot be told better or worse with 100 runs each."
    )


def test_item_2_is_one_sentence_with_share_and_loss_of_every_size_in_one_order(done):
    shown = done.answers[1].sentences[0]
    counts, losses = re.fullmatch(
        r".*: (.*) of 100 at d_head 10, 20, 40; median loss of solved runs: (.*)\.", shown
    ).groups()
    for count, loss, group in zip(counts.split(", "), losses.split(", "), done.sizes.groups, strict=True):
        assert int(count) == group.rate.successes
        assert loss == f"{np.median(group.solved_losses):.3f}"


def test_hairs_decide_nothing_in_item_2():
    few, many = (answer_on_sizes(summary((10, 50, hairs), (20, 50, 0)), 20).sentences[1] for hairs in (0, 50))
    assert few == many


def test_the_base_is_20_or_the_models_head_size_or_the_first():
    assert [base_of(sizes, 5) for sizes in ([10, 20, 40], [1, 5, 10], [3, 4])] == [20, 5, 3]
    assert answer_on_sizes(summary((1, 5, 0), (5, 50, 0)), 5).numbers["against"] == 5


def test_many_head_sizes_are_counted_not_listed():
    answer = answer_on_sizes(summary((20, 50, 0), *((size, 50, 0) for size in range(21, 61))), 20)
    assert "28 (+0 %, −14 to +14) and 32 more cannot be told" in answer.sentences[1]
    assert max(len(text) for text in answer.sentences) < 400


def test_verdicts_of_item_2_are_those_of_the_study(done):
    numbers = done.answers[1].numbers
    for found, item in zip(numbers["head_sizes"], done.sizes.against(numbers["against"]), strict=True):
        assert (found["share"]["verdict"], found["loss"]["verdict"]) == (item.share.verdict, item.loss.verdict)


def test_answers_hold_no_term_of_statistics_and_how_sure_explains_them(done):
    for answer in done.answers:
        assert not [text for text in answer.sentences if JARGON.search(text)]
        assert 1 <= len(answer.sentences) <= 4
    assert "Holm" in " ".join(done.answers[1].how_sure)


@pytest.mark.parametrize("width", [80, 120])
def test_the_notebooks_screen_is_short_and_ends_in_the_two_answers(done, width):
    lines = screen(done, width)
    assert len(lines) <= 68  # the command adds where the report is
    heads = [n for n, line in enumerate(lines) if re.match(r"(Corpus:|Item 1|Item 2|Your two answers)", line)]
    assert len(heads) == 4
    assert sum("sigmoid output" in line for line in lines) == 2
    assert sum(line.startswith("Attention weights") for line in lines) == 2
    assert re.search(r"\d\.\d{3}", lines[heads[1] + 4])
    for wanted in ("Holm", "Association", "effective rank"):
        assert wanted not in "".join(lines)
        assert wanted in "".join(screen(done, width, details=True))


def test_one_number_stands_for_one_thing(done):
    # Losses in the table of head sizes are those of the sentence; percentages are probabilities, three decimals are not.
    lines = "\n".join(screen(done))
    for item in done.sizes.against(20):
        assert f"{item.loss.value:.3f}" in lines.split("Item 2")[1].split("Your two answers")[0]
        assert f"{item.loss.value:.3f}" in done.answers[1].sentences[0]


def test_comparisons_with_one_size_are_worked_out_once(done):
    assert done.against_base is done.sizes.with_base(done.base)
    assert done.sizes.against(done.base)[0] is done.sizes.against(done.base)[0]


def test_green_is_for_solved_runs_only(done):
    spans = grade_counts_text(done.runs.grade()).spans
    text = grade_counts_text(done.runs.grade()).plain
    assert {text[span.start : span.end].split(" ", 1)[1]: str(span.style) for span in spans} == {
        "are solved": "green",
        "right by a hair": "dark_orange3",
        "not solved": "red",
    }
    html = page.render(done)
    counts = [int((done.runs.grade() == name).sum()) for name in ("solved", "right by a hair", "not solved")]
    for kind, count in zip(("right", "hair", "wrong"), counts, strict=True):
        assert f'<span class="{kind}">{count}</span>' in html


def test_a_run_right_by_a_hair_is_nowhere_green(runs):
    html = page.render(Exercise.of(runs, 0))
    assert '<b class="hair">right by a hair</b>' in html
    assert 'class="right">right by a hair' not in html


def test_the_page_shows_both_tables_whatever_the_scripts_do_and_ends_in_the_answers(done):
    html = page.render(done)
    body = html[: html.index("headlab-carried")] if "headlab-carried" in html else html
    # Nothing between the heading of item 1 and the views is hidden when scripts draw them.
    tables = body[body.index("Item 1:") : body.index('id="headlab-views"')]
    assert tables.count('class="shaded predictions"') == 4  # sigmoid outputs, and behind a click the probabilities
    assert tables.count('class="shaded attention"') == 2
    assert 'class="still' not in tables
    assert body.index('href="#answers"') < body.index("Item 1:")
    assert body.rindex("<h2>") == body.index("<h2>Your two answers")
    for answer in done.answers:
        assert answer.question in body


def test_the_screen_compares_the_sizes_once_in_words(done):
    text = " ".join(" ".join(screen(done, details=True)).split())
    first, *pairs = done.against_base.sentences()
    assert text.count(first[:-1]) == 1
    assert not [pair for pair in pairs if pair in text and pair not in done.against_base.notes()]


def test_a_token_that_nobody_can_know_gets_no_tick(done):
    starts = [line for line in screen(done) if line.startswith("0 <ST>")]
    assert len(starts) == 4
    assert not any("✓" in line for line in starts)


def large(n_sentences, n_words):
    words = [f"w{n}" for n in range(n_words)]
    rows = [[words[(3 * n + k) % n_words] for k in range(3)] for n in range(n_sentences)]
    return hl.Corpus.from_text("\n".join(f"{a} {b} the {c}" for a, b, c in rows))


@pytest.mark.parametrize(
    "corpus",
    [
        pytest.param(large(30, 90), id="many sentences"),
        pytest.param(large(60, 180), id="more sentences", marks=long),
        pytest.param(hl.Corpus.from_text(" ".join(f"w{n}" for n in range(150)) + "\nw0 w1"), id="a long sentence"),
    ],
)
def test_a_large_corpus_has_a_screen_a_page_and_json_that_a_person_reads(corpus):
    model = hl.ModelConfig(d_model=8, unembed=True)
    done = exercise(corpus, model=model, n_runs=3, head_sizes=[5, 20], training=hl.TrainConfig.of(steps=3))
    commands = RunCommands.of_options("big.txt", 0)
    for details in (False, True):
        lines = screen(done, commands=commands, details=details)
        assert len(lines) < 200
        assert max(map(len, lines)) <= 80
    assert len(page.render(done, commands).encode()) < 2_000_000
    data = exercise_json(done, "r.html", commands)
    assert len(json.dumps(data)) < 1_000_000
    assert data["sentences_shown"] == len(data["sigmoid"]) <= len(corpus.sentences)
    if len(corpus.sentences) > 2:
        counted = f"… and {len(corpus.sentences) - 2} more sentences"
        assert counted in " ".join(screen(done, commands=commands))
        assert "headlab train big.txt --seeds 0 --save runs; headlab export runs predictions" in " ".join(
            " ".join(screen(done, commands=commands)).split()
        )


def test_json_has_the_answers_as_text_and_as_numbers(done):
    data = json.loads(json.dumps(exercise_json(done, "r.html"), allow_nan=False))
    assert [answer["item"] for answer in data["answers"]] == [1, 2]
    assert data["answers"][0]["text"] == done.answers[0].sentences
    assert data["answers"][0]["numbers"]["sides"][0]["looks_at"] == "man"
    assert data["answers"][1]["numbers"]["against"] == 20
    assert data["grade"] == "solved"
    assert sum(data["grades"].values()) == 100
    np.testing.assert_allclose(data["sigmoid"], done.run.sigmoid(), atol=1e-6)


HUGE = {
    "a large vocabulary": (large(500, 2000), hl.ModelConfig(), 100),
    "many sentences": (large(500, 2000), hl.ModelConfig(unembed=True, d_model=32), 100),
    "many runs": (NOTEBOOK, hl.ModelConfig(), 10_000_000),
    "a wide model of many layers": (NOTEBOOK, hl.ModelConfig(n_layers=12, n_heads=8, d_head=64), 3_000),
}


@pytest.mark.parametrize("name", HUGE)
def test_what_takes_hours_is_refused_with_its_cost_and_a_way_that_is_not(name, monkeypatch):
    corpus, model, n_runs = HUGE[name]
    monkeypatch.setattr(memory, "available", lambda: 20 * 10**9)
    plan = Plan(corpus, model, hl.TrainConfig(), [10, 20, 40], n_runs, threads=2)
    with pytest.raises(hl.ConfigError, match=r"about [\d.]+ (minutes|hours) and [\d.]+ [MG]B: take ") as refused:
        refuse_excess(plan, anyway=False)
    way = re.search(r"take ((?:--[a-z-]+(?: \d+)? ?)+)", str(refused.value).split(": take")[1].join([": take", ""]))
    words = way[1].split()
    given = {word: int(words[n + 1]) for n, word in enumerate(words) if word.startswith("--") and word != "--unembed"}
    smaller = Plan(
        corpus,
        model.replace(unembed=True, d_model=given["--d-model"]) if "--unembed" in words else model,
        hl.TrainConfig.of(steps=given["--steps"]) if "--steps" in given else hl.TrainConfig(),
        plan.head_sizes,
        given.get("--runs", n_runs),
        threads=2,
    )
    refuse_excess(smaller, anyway=False)


def test_only_memory_is_a_limit_anyway(monkeypatch):
    plan = Plan(NOTEBOOK, hl.ModelConfig(), hl.TrainConfig(), [10], 100)
    monkeypatch.setattr(importlib.import_module("headlab.cli.exercise"), "MOST_SECONDS", 1e-9)
    refuse_excess(plan, anyway=True)
    with pytest.raises(hl.ConfigError, match="--anyway"):
        refuse_excess(plan, anyway=False)
    monkeypatch.setattr(memory, "available", lambda: 10**6)
    with pytest.raises(hl.ConfigError, match="fit in the memory that is free") as refused:
        refuse_excess(plan, anyway=True)
    assert "--anyway" not in str(refused.value)


def test_grades_of_many_runs_of_a_large_corpus_are_those_of_each(monkeypatch):
    runs = hl.train(NOTEBOOK, seeds=range(30), record="none")
    whole, solved, picked = runs.grade(), runs.solved(), runs.pick()
    monkeypatch.setattr("headlab.runs.models.LOGITS_AT_A_TIME", 7 * 10 * 4)
    some = runs[:]
    assert some.grade().tolist() == whole.tolist()
    assert some.solved().tolist() == solved.tolist()
    assert some.pick() == picked
    assert "_logits" not in some.__dict__
