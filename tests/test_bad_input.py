"""Whatever is wrong is said in one sentence: a named exception in the library, exit status 2 at the command line."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import headlab as hl
from headlab import Corpus, ModelConfig, TrainConfig
from headlab.files import check_output, write_output
from headlab.study.design import StudyDesign
from headlab.study.study import Study

CORPUS_FAULTS = {
    "empty": ("", "at least one sentence"),
    "blank": ("  \n\n", "at least one sentence"),
    "one word": ("word", "at least two words"),
    "10,000 words": ("a b " * 5_000, "at most 1024 tokens, got 10000 in line 1"),
    "half a character": ("a b\nc \ud800", "half a character .* in line 2"),
    "start token inside": ("a <Start> b", "must not hold the start token"),
}


@pytest.mark.parametrize(("text", "expected"), CORPUS_FAULTS.values(), ids=CORPUS_FAULTS)
def test_unusable_text_is_refused_with_what_was_expected(text, expected):
    with pytest.raises(hl.CorpusError, match=expected):
        Corpus.from_text(text)


FILE_FAULTS = {
    "binary": (b"\x7fELF\x00\x01", "NUL byte in line 1"),
    "latin-1": ("ok\nZo\xeb".encode("latin-1"), "byte 0xeb in line 2"),
    "utf-16": ("a b".encode("utf-16"), "UTF-16"),
}


@pytest.mark.parametrize(("data", "expected"), FILE_FAULTS.values(), ids=FILE_FAULTS)
def test_unreadable_file_is_refused_with_the_place(tmp_path, data, expected):
    file = tmp_path / "corpus.txt"
    file.write_bytes(data)
    with pytest.raises(hl.CorpusError, match=expected):
        Corpus.from_file(file)


def test_names_and_ids_that_do_not_fit_are_refused():
    for match, build in {
        "in the given vocabulary, got 'c'": lambda: Corpus.from_text("a c", vocabulary=["<Start>", "a"]),
        "got 'a' twice": lambda: Corpus.from_text("a b", vocabulary=["<Start>", "a", "a"]),
        "labels must be as many": lambda: Corpus.from_text("a b", labels=["x"]),
        "at least 2 different tokens": lambda: Corpus.from_text("a a", start=None),
        "base=1": lambda: Corpus.from_ids([[1, 2]], vocabulary=["a", "b"]),
        "ids must be at least 0": lambda: Corpus.from_ids([[-1, 2]]),
        "whole numbers, got 1.5": lambda: Corpus.from_ids([[1.5, 2]]),
        "one word": lambda: Corpus.from_text("a b", start="two words"),
        "must be one word": lambda: Corpus.from_text("a b", start="\ud800"),
    }.items():
        with pytest.raises(hl.CorpusError, match=match):
            build()


@pytest.mark.parametrize("d_head", [0, -1, 1.5, "20", True, float("nan"), None, 10**9])
def test_head_size_must_be_a_whole_number(d_head):
    with pytest.raises(hl.ConfigError, match="d_head must be a whole number from 1"):
        ModelConfig(d_head=d_head)


def test_numpy_numbers_are_numbers():
    assert ModelConfig(d_head=np.int64(20)) == ModelConfig(d_head=20)


def test_every_problem_is_listed_at_once():
    with pytest.raises(hl.ConfigError) as caught:
        TrainConfig(optimizer="sdg", learning_rate=-1.0, momentum=float("nan"))
    assert len(caught.value.problems) == 3


def test_problems_carry_their_field_and_line_through_every_door_and_process():
    with pytest.raises(hl.CorpusError) as caught:
        hl.Corpus.from_text("a b\n\na <Start>")
    error = pickle.loads(pickle.dumps(caught.value))
    assert [(problem.field, problem.line) for problem in error.problems] == [(None, 3)]
    with pytest.raises(hl.ConfigError) as caught:
        TrainConfig(optimizer="sdg", momentum=-1)
    error = pickle.loads(pickle.dumps(caught.value))
    assert [problem.field for problem in error.problems] == ["optimizer", "momentum"]
    assert str(error) == "\n".join(map(str, error.problems))


def test_unknown_field_names_the_nearest_one():
    with pytest.raises(hl.ConfigError, match="did you mean learning_rate"):
        TrainConfig.from_dict({"learning_rat": 0.1})


def test_negative_steps_seeds_threads_and_unknown_records_are_refused():
    corpus = Corpus.notebook()
    for match, train in {
        "steps must be": lambda: TrainConfig.of(steps=-1),
        "seeds must be": lambda: hl.train(corpus, seeds=-1),
        "got none": lambda: hl.train(corpus, seeds=[]),
        "threads must be": lambda: hl.train(corpus, threads=0),
        "record must be one of": lambda: hl.train(corpus, record="some"),
        "snapshots must be": lambda: hl.train(corpus, snapshots=[9_999]),
        "either seeds or init": lambda: hl.train(corpus, seeds=1, init={}),
    }.items():
        with pytest.raises(hl.ConfigError, match=match):
            train()


def _nested(depth):
    value = 0
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value", [10**5000, -(10**5000), _nested(3000), np.ones((2, 3)), None, 1.5, "\x1b]0;x"], ids=range(7)
)
def test_whatever_is_asked_for_is_refused_in_a_short_sentence(value):
    corpus, training = Corpus.notebook(), TrainConfig.of(steps=1)
    runs = hl.train(corpus, training=training, seeds=range(2))
    for ask in (
        lambda: hl.train(corpus, training=training, seeds=[value]),
        lambda: hl.train(corpus, training=training, snapshots=[value]),
        lambda: hl.train(corpus, training=training, record=value),
        lambda: StudyDesign.grid(corpus, seeds=[value]),
        lambda: StudyDesign.grid(corpus, seeds=0, d_head=[value, 0]),
        lambda: StudyDesign.grid(corpus, seeds=0, keep=value),
        lambda: StudyDesign.grid(corpus, seeds=0, conditions=value),
        lambda: StudyDesign.grid(corpus, seeds=0, conditions=[value]),
        lambda: StudyDesign.from_fields(value),
        lambda: runs.at(value),
        lambda: runs[value],
        lambda: runs[0].attention(layer=value),
    ):
        with pytest.raises(hl.HeadlabError) as refused:
            ask()
        assert len(str(refused.value)) < 600
        assert "\x1b" not in str(refused.value)


def test_runs_are_chosen_by_what_chooses_runs_and_nothing_else():
    runs = hl.train(Corpus.notebook(), training=TrainConfig.of(steps=1), seeds=range(3))
    chosen = {(2, 0): [2, 0], (1, 2): slice(1, None), (1,): np.array([False, True, False]), (2,): [-1], (): []}
    for seeds, index in chosen.items():
        assert tuple(runs[index].seeds) == seeds
    for index in (True, None, (0, 1), [[0]], [3], "0", {}):  # NumPy takes some of these for further axes
        with pytest.raises(hl.SelectionError, match="runs must be chosen by"):
            runs[index]


@pytest.mark.parametrize("name", ["a\0b", "a\ud800", "x" * 300])
def test_a_name_that_no_file_can_have_is_refused_at_every_door(name, tmp_path):
    place = f"{tmp_path}/{name}"
    design = StudyDesign.grid(Corpus.notebook(), seeds=0)
    runs = hl.train(Corpus.notebook(), training=TrainConfig.of(steps=1))
    for ask in (
        lambda: runs.save(place),
        lambda: hl.Runs.load(place),
        lambda: Study(place),
        lambda: Study.create(place, design),
        lambda: StudyDesign.from_toml(place),
        lambda: StudyDesign.from_fields({"corpus": name, "seeds": [0]}, tmp_path),
        lambda: Corpus.from_file(place),
        lambda: write_output(Path(place), b""),
        lambda: check_output(Path(place)),
    ):
        with pytest.raises(hl.HeadlabError):
            ask()
    assert not list(tmp_path.iterdir())


def test_numbers_of_more_digits_than_python_reads_are_refused_in_a_study_file(tmp_path):
    (tmp_path / "study.toml").write_text(f"seeds = [{'9' * 5000}]")
    with pytest.raises(hl.ConfigError, match="digits"):
        StudyDesign.from_toml(tmp_path / "study.toml")


def test_d_model_other_than_d_vocab_needs_an_unembedding():
    with pytest.raises(hl.ConfigError, match="d_model must equal d_vocab = 7 when there is no W_U"):
        hl.train(Corpus.notebook(), ModelConfig(d_model=8))


def test_given_weights_that_do_not_fit_are_listed_together():
    with pytest.raises(hl.WeightsError) as caught:
        hl.train(Corpus.notebook(), init={"W_E": np.zeros((7, 6)), "W_X": np.zeros(3)})
    assert "W_E must have shape (7, 7)" in str(caught.value)
    assert "init has no W_Q" in str(caught.value)
    assert "'W_X'" in str(caught.value)


COMMAND_FAULTS = {
    "no such file": (["exercise", "missing.txt"], "readable text file"),
    "d_head 0": (["exercise", "--d-head", "0"], "d_head must be a whole number"),
    "d_head text": (["exercise", "--d-head", "many"], "d_head must be a whole number"),
    "unknown optimiser": (["train", "--optimizer", "sdg"], "optimizer must be one of"),
    "negative steps": (["train", "--steps", "-5"], "steps must be a whole number"),
    "d_model": (["train", "--d-model", "9"], "d_model must equal d_vocab"),
    "head sizes": (["exercise", "--head-sizes", "ten"], "whole numbers separated by commas"),
    "repeated head sizes": (["exercise", "--head-sizes", "10,10"], "each named once"),
    "no runs": (["exercise", "--runs", "0"], "--runs must be"),
    "no folder": (["exercise", "-o", "nowhere/report.html"], "folder that can be written"),
    "folder as output": (["exercise", "-o", "."], "must be a file"),
    "seeds": (["train", "--seeds", "x"], "--seeds must be"),
    "unknown command": (["exercize"], "did you mean exercise?"),
}


def headlab(*arguments, cwd, **options):
    return subprocess.run(
        [sys.executable, "-m", "headlab", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        **options,
    )


@pytest.mark.parametrize(("arguments", "expected"), COMMAND_FAULTS.values(), ids=COMMAND_FAULTS)
def test_wrong_request_exits_with_2_one_sentence_and_nothing_written(arguments, expected, tmp_path):
    done = headlab(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_closed_pipe_ends_silently(tmp_path):
    shell = f"{sys.executable} -m headlab train --seeds 0:200 --record none --steps 1 | head -n 1"
    done = subprocess.run(shell, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0
    assert done.stderr == ""


def test_without_a_terminal_there_are_no_colours_and_no_progress_bar(tmp_path):
    done = headlab("exercise", "--runs", "4", "--steps", "20", cwd=tmp_path)
    assert done.returncode == 0
    assert "\x1b[" not in done.stdout + done.stderr
