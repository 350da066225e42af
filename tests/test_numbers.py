"""Counts, shares and signs read the same everywhere, and one of a kind is one."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import headlab as hl
from headlab.cli.main import main
from headlab.cli.terminal import complain
from headlab.notation.numbers import percent
from headlab.notation.values import and_more
from headlab.runs.interrupted import TrainingInterrupted
from headlab.study.answer import Answer, Group

ONE_OF_MANY = re.compile(
    r"(?<![\d,.])1 (?:more |head )?"
    r"(?:runs|seeds|sentences|steps|tokens|conditions|rows|columns|heads|layers|sizes|places|positions|trials|files|epochs)\b"
)
STUDY = 'sentences = ["the cat sat"]\nseeds = [3]\n[training]\nsteps = 1\n[grid]\nd_head = [2]\n'
COMMANDS = [
    ["exercise", "three.txt", "--runs", "1", "--steps", "1", "--details", "-o", "report.html"],
    ["exercise", "three.txt", "--seed", "1", "--runs", "1", "--steps", "1", "--head-sizes", "2", "-o", "report.html"],
    ["train", "one.txt", "--seeds", "3", "--steps", "1", "--save", "runs"],
    ["explain", "three.txt", "--seeds", "3:4", "--steps", "1"],
    ["predict", "runs", "the cat", "--all"],
    ["predict", "runs", "the cat", "--top", "3"],
    ["report", "runs", "-o", "runs.html"],
    ["study", "check", "study.toml"],
    ["study", "run", "study.toml"],
    ["study", "status", "study"],
    ["study", "show", "study"],
    ["study", "compare", "study"],
    ["report", "study", "-o", "study.html"],
]


def test_one_of_a_kind_is_one_on_every_screen_and_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("one.txt").write_text("the cat sat\n")
    Path("three.txt").write_text("cats eat mice\ndogs eat meat\nbirds eat bugs\n")
    Path("study.toml").write_text(STUDY)
    for command in COMMANDS:
        monkeypatch.setattr(sys, "argv", ["headlab", *command])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert ended.value.code == 0, said.err
        assert not ONE_OF_MANY.findall(said.out + said.err), command
    for page in tmp_path.glob("*.html"):
        text = re.sub(r"<script.*?</script>|<style.*?</style>|<svg.*?</svg>", "", page.read_text(), flags=re.DOTALL)
        assert not ONE_OF_MANY.findall(re.sub(r"<[^>]*>", "", text)), page.name


def test_a_study_of_one_run_a_condition_says_one_run() -> None:
    one = Answer("d_head", tuple(Group.of_counts(size, 1, 0, 1) for size in (10, 20)))
    said = " ".join([*one.sentences(), *one.how_sure()])
    assert "cannot be told with 1 run each: 1, 1 of 1 at d_head 10, 20." in said
    assert "with 1 run each, one of" in said
    assert Answer("d_head", (Group.of_counts(20, 1, 0, 1),)).sentences()[0] == "1 of 1 run is solved at d_head 20."


def test_in_python_one_of_a_kind_is_one() -> None:
    runs = hl.train(hl.Corpus.from_text("cats eat mice\ndogs eat meat"), training=hl.TrainConfig.of(steps=1), seeds=[0])
    asked = (
        runs,
        runs.training.in_words(),
        runs.corpus,
        runs.explain(),
        runs.predict("cats"),
        runs[0],
        TrainingInterrupted(runs, 1),
    )
    assert not [text for text in map(repr, asked) if ONE_OF_MANY.search(text)]


@pytest.mark.parametrize(
    ("left", "what", "said"),
    [
        (1, "dependencies", "1 more dependency"),
        (1, "head sizes", "1 more head size"),
        (4096, "runs", "4,096 more runs"),
    ],
)
def test_the_rest_goes_with_its_noun(left: int, what: str, said: str) -> None:
    assert and_more(left, what) == [f"… and {said}."]


def test_no_share_is_minus_zero_and_minus_is_a_minus() -> None:
    assert [percent(share) for share in (-0.0, -0.004, -0.05, 0.994, np.float32(0.5))] == [
        "0 %",
        "0 %",
        "−5 %",
        "99 %",
        "50 %",
    ]


def test_a_message_is_a_line_a_problem_whatever_letters_it_has(capsys: pytest.CaptureFixture[str]) -> None:
    complain("no such word: 'a\u2028b\x0bc\x85d\re'\nthe second")
    said = r"headlab: no such word: 'a\u2028b\x0bc\x85d\re'"
    assert capsys.readouterr().err == f"{said}\nheadlab: the second\n"


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["exercise", "--seed", "x"], 2),
        (["train", "--no-such-option"], 2),
        ([], 2),
        (["train", "alike.txt", "--steps", "1"], 0),  # a note that nobody can read
    ],
)
def test_a_standard_error_that_cannot_be_written_changes_nothing_else(
    tmp_path: Path, arguments: list[str], status: int
) -> None:
    (tmp_path / "alike.txt").write_text("The cat\nthe dog\n")
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "headlab", *arguments],
            cwd=tmp_path,
            stderr=writer,
            stdout=subprocess.PIPE,
            text=True,
        )
    finally:
        os.close(writer)
    assert done.returncode == status
    assert bool(done.stdout) == (status == 0)
