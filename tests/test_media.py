"""How text leaves the program: no text is markup, steers a terminal, or becomes another text, in any encoding."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from strict import strict

import headlab as hl
from headlab.cli.terminal import progress_bar, say, show
from headlab.notation.visible import escape_unseen, is_unseen
from headlab.report.terminal.grid import as_text, terminal_table

ESCAPES = {
    "colour": "\x1b[31mred",
    "title": "\x1b]0;owned\x07",
    "link": "\x1b]8;;http://stolen.test\x07here",
    "bell": "ding\x07",
    "backspace": "good\x08\x08bad",
    "c1": "\x9b2J",
    "bidi": "\u202egnp.exe",
    "isolate": "\u2066x\u2069",
    "zero width": "a\u200bb",
    "delete": "\x7f",
}
MARKUP = [
    "[/matter]",
    "[draft]",
    "[bold]x[/bold]",
    "[link=http://x]y",
    ":smile:",
    "[@click=app.quit]q",
    "\\[x]",
    "[",
    "]",
]


def shell(arguments: list[str], folder: Path, text: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "headlab", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        input=text.encode(),
        capture_output=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("word", ESCAPES.values(), ids=ESCAPES)
def test_a_word_never_steers_the_terminal(run: Any, word: str) -> None:
    Path("words.txt").write_text(f"man {word} a\nwoman {word} b\n", encoding="utf-8")
    for table in ([], ["--show", "circuits"], ["--show", "paths"], ["--ablate", "source:1"]):
        status, out, err = run("explain", "words.txt", "--seeds", "0", "--steps", "20", *table)
        assert (status, err) == (0, "")
        assert escape_unseen(out) == out
        readable = "".join(letter for letter in word if not is_unseen(letter))  # what a corpus keeps of some
        assert escape_unseen(word) in out or readable in out


@pytest.mark.parametrize("word", ESCAPES.values(), ids=ESCAPES)
def test_an_error_never_steers_the_terminal(run: Any, word: str) -> None:
    requests = [[word], ["train", word], ["train", f"--{word}"], ["train", "--optimizer", word], ["export", word]]
    requests += [
        ["predict", word, word],
        ["explain", "--show", word],
        ["study", "status", word],
        ["study", "run", word],
    ]
    for request in requests:
        status, out, err = run(*request)
        assert (status, out) == (2, "")
        assert escape_unseen(err) == err
        assert len(err) > 20


@pytest.mark.parametrize("word", MARKUP)
def test_brackets_are_brackets_wherever_text_is_shown(capsys: pytest.CaptureFixture[str], word: str) -> None:
    import pandas as pd

    show([word, as_text(word), terminal_table(pd.DataFrame({word: [0.5]}, index=[word]), title=word)])
    say(word)
    assert capsys.readouterr().out.count(word) == 6


def test_a_study_s_title_is_only_text(run: Any) -> None:
    title = "it [/matter] [draft] \\u001B]0;owned\\u0007"
    Path("s.toml").write_text(f'title = "{title}"\nseeds = "0:4"\n[training]\nsteps = 20\n[grid]\nd_head = [2, 3]\n')
    for command in (["check", "s.toml"], ["run", "s.toml"], ["show", "s"], ["status", "s"], ["compare", "s"]):
        status, out, err = run("study", *command)
        assert (status, err) == (0, "")
        assert escape_unseen(out) == out
        if command[0] in ("check", "show"):
            assert r"it [/matter] [draft] \x1b]0;owned\x07" in out


HARD = {
    "chinese and emoji": "男人 点了 鸡 🍗\n女人 点了 牛 👩‍👩‍👧\n",
    "right to left": "רגל א ב\nيد א ג\n",
    "formulas of a typesetter": "a $\\foo_{$ $x^2$ b\nc $\\foo_{$ $$ %&_# d\n",
    "markup": "a [/matter] <b>x</b> {{y}}\nc [/matter] [red] :smile:\n",
}


@pytest.mark.parametrize("text", HARD.values(), ids=HARD)
def test_the_homework_on_any_words_says_nothing_on_standard_error(run: Any, text: str) -> None:
    Path("words.txt").write_text(text, encoding="utf-8")
    options = ["--runs", "2", "--steps", "30", "--head-sizes", "5"]
    status, out, err = run("exercise", "words.txt", *options, "-o", "page.html")
    assert (status, err) == (0, "")
    for word in set(text.split()):
        assert escape_unseen(word) in out.replace("\n", " ")
    assert Path("page.html").stat().st_size > 10_000


@pytest.mark.parametrize("options", [["--learning-rate", "1e5"], ["--init-scale", "1e30"], ["--steps", "0"]], ids=str)
def test_runs_that_diverge_or_never_begin_say_nothing_on_standard_error(run: Any, options: list[str]) -> None:
    request = ["--runs", "2", "--head-sizes", "5", *(["--steps", "20"] if "--steps" not in options else []), *options]
    status, out, err = run("exercise", *request, "--json")
    assert (status, err) == (0, "")
    strict(out)
    assert run("exercise", *request)[::2] == (0, "")


ENCODINGS = ["ascii", "cp1252"]
CHINESE = "男人 点了 鸡\n女人 点了 牛\n"


@pytest.mark.parametrize("encoding", [*ENCODINGS, "utf-16"])
def test_scripts_get_every_word_whatever_the_encoding(tmp_path: Path, encoding: str) -> None:
    hl.train(hl.Corpus.from_text(CHINESE), training=hl.TrainConfig.of(steps=5)).save(tmp_path / "kept")
    explained = shell(["explain", "kept", "--json"], tmp_path, PYTHONIOENCODING=encoding)
    assert explained.stdout.isascii()
    assert json.loads(explained.stdout)["dependencies"][0]["words"] == [
        "<Start>",
        "男人",
        "点了",
        "鸡",
    ]
    table = shell(["export", "kept", "association"], tmp_path, PYTHONIOENCODING=encoding)
    assert table.stdout.decode().splitlines()[0] == "token,<Start>,男人,点了,鸡,女人,牛"
    assert (explained.stderr, table.stderr) == (b"", b"")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_people_get_every_word_whatever_the_encoding(tmp_path: Path, encoding: str) -> None:
    done = shell(["explain", "-", "--seeds", "0", "--steps", "9"], tmp_path, CHINESE, PYTHONIOENCODING=encoding)
    out = done.stdout.decode(encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "?" not in out
    assert r"\u7537\u4eba" in out


def test_the_lab_says_its_address_as_json_in_a_line() -> None:
    command = [sys.executable, "-m", "headlab", "lab", "--no-browser", "--serve", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as lab:
        assert lab.stdout is not None
        found = json.loads(lab.stdout.readline())
        lab.kill()
    assert found["address"].startswith("http://127.0.0.1:")


def clocked(*seconds: float) -> Any:
    return itertools.chain(seconds, itertools.repeat(seconds[-1])).__next__


def test_without_a_terminal_progress_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("training", clock=clocked(0, 1, 9, 10, 11, 21, 40)) as progress:
        for done in (0.0, 0.1, 0.2, 0.21, 0.22, 0.5):
            progress(done)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["training: 20 %, about 40 s left", "training: 50 %, about 40 s left"]


def test_a_long_study_says_how_long_it_will_take(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("s.toml").write_text('seeds = "0:2"\n[training]\nsteps = 5\n[grid]\nd_head = [2, 3]\n')
    assert run("study", "run", "s.toml")[2] == ""
    monkeypatch.setattr("headlab.study.cost.estimated_seconds", lambda *_: 7200)
    status, out, err = run("study", "run", "s.toml", "--into", "other", "--json")
    assert (status, json.loads(out)["trained"]) == (0, 4)
    assert err == "training: about 2.0 hours in all\n"
    assert run("study", "run", "s.toml", "--into", "other")[2] == ""  # nothing is left to train


@pytest.mark.parametrize("command", [["train", "--seeds", "0:2"], ["explain", "--seeds", "0", "--json"]], ids=str)
def test_a_long_training_says_how_long_it_will_take(
    run: Any, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    asked = []
    monkeypatch.setattr("headlab.engine.cost.seconds", lambda problem, n_runs, threads: asked.append(n_runs) or 600)
    status, _, err = run(*command, "--steps", "9", "--threads", "1")
    assert (status, err) == (0, "training: about 10 minutes in all\n")
    assert asked == [2 if command[0] == "train" else 1]
    assert "d_head must be" in run(*command, "--d-head", "0")[2]  # and what is wrong is said without it


def test_quick_work_tells_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("training", clock=clocked(0, 9.9)) as progress:
        for number in range(10):
            progress(number / 10)
    assert capsys.readouterr() == ("", "")


def test_slow_work_is_told_rarely_and_work_that_stands_still_too(capsys: pytest.CaptureFixture[str]) -> None:
    hours = [0.0, *range(0, 36_000, 5)]
    with progress_bar("[training]\x1b", clock=clocked(*hours)) as progress:
        for second in hours[1:]:
            progress(second / 1e6)
    lines = capsys.readouterr().err.splitlines()
    assert 100 <= len(lines) <= 120
    assert all(line.startswith(r"[training]\x1b: ") and "hours left" in line for line in lines)


def test_the_bar_s_label_is_only_text(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr("rich.console.Console", lambda **_: Console(stderr=True, force_terminal=True, width=120))
    with progress_bar("it [/matter] \x1b]0;owned\x07", clock=clocked(0, 3, 6, 9)) as progress:
        progress(0.1)
        progress(0.5)
    err = capsys.readouterr().err
    assert r"it [/matter] \x1b]0;owned\x07" in err
    assert "\x07" not in err
