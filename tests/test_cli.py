"""The command line: what it prints, what it writes, and that its words are the library's."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from strict import strict

import headlab as hl
from headlab.cli.help import GROUPS
from headlab.cli.main import cli
from headlab.cli.options import MODEL, TRAINING, configurations, corpus_options, number_or_text, seed_list

COMMANDS = (
    "exercise",
    "train",
    "predict",
    "explain",
    "study",
    "homework",
    "lab",
    "tasks",
    "report",
    "export",
    "verify",
)


def shell(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    program = f"{sys.executable} -m headlab"
    return subprocess.run(
        command.replace("headlab", program, 1),
        shell=True,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)])
def test_every_command_explains_itself(run: Any, command: tuple[str, ...]) -> None:
    status, out, err = run(*command, "--help")
    assert (status, err) == (0, "")
    assert out.startswith("Usage:")
    assert set(command) <= set(cli.commands)


def test_every_command_is_tested_here() -> None:
    assert tuple(cli.commands) == COMMANDS


def test_help_imports_nothing_heavy() -> None:
    heavy = ("numpy", "pandas", "scipy", "statsmodels", "matplotlib", "rich")
    code = f"import sys, headlab.cli.main; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", {}),
        ("--steps 100", {"steps": 100}),
        ("--steps 100 --schedule plateau", {"steps": 100, "schedule": "plateau"}),
        ("--schedule constant", {"schedule": "constant"}),
    ],
)
def test_steps_and_schedule_mean_what_they_mean_in_python(options: str, expected: dict[str, Any]) -> None:
    context = cli.commands["train"].make_context("train", options.split())
    assert configurations(dict(context.params))[1] == hl.TrainConfig.of(**expected)


def row_names(table: Any) -> set[str]:
    return {row.name for row in table}


def test_every_field_is_an_option_with_help() -> None:
    model = {item.name for item in dataclasses.fields(hl.ModelConfig)}
    training = {item.name for item in dataclasses.fields(hl.TrainConfig)} - {"phases"} | {"steps", "schedule"}
    assert {row.name for row in MODEL if row.help and row.label} == model
    assert {row.name for row in TRAINING if row.help and row.label} == training
    for command in ("exercise", "train", "explain"):
        assert model | training <= {parameter.name for parameter in cli.commands[command].params}


def test_help_lists_a_command_s_own_options_first_and_the_rest_in_groups(run: Any) -> None:
    helped = {command: run(command, "--help")[1] for command in ("exercise", "train", "explain")}
    for command, text in helped.items():
        titles = re.findall(r"^(\w+):$", text, re.MULTILINE)
        assert titles == ["Options", "Corpus", "Model", "Training", "Output"], command
        for title, part in zip(titles, re.split(r"^\w+:$", text, flags=re.MULTILINE)[1:], strict=True):
            listed = set(re.findall(r"^  (?:-\w, )?--([\w-]+)", part, re.MULTILINE))
            shared = {"Model": row_names(MODEL), "Training": {"threads", *row_names(TRAINING)}}
            if title in shared:
                assert listed == {name.replace("_", "-") for name in shared[title]}
            elif title == "Options":
                assert len(listed) <= 13, command
    corpus = click.Command("c", params=corpus_options(click.Command("x", callback=lambda **_: None)).params)
    names = {option.name for option in corpus.params if isinstance(option, click.Option)}
    assert names == GROUPS["Corpus"]


def test_defaults_are_the_library_s() -> None:
    context = cli.commands["train"].make_context("train", [])
    assert configurations(dict(context.params)) == (hl.ModelConfig(), hl.TrainConfig())


def test_numbers_are_read_and_text_is_left() -> None:
    assert [number_or_text(text) for text in ("20", "1e-3", "20x")] == [20, 0.001, "20x"]
    assert number_or_text(0.01) == 0.01


@pytest.mark.parametrize(("text", "seeds"), [("7", [7]), ("0:3", [0, 1, 2]), (":2", [0, 1]), ("5,1", [5, 1])])
def test_seeds_are_one_or_a_range_or_a_list(text: str, seeds: list[int]) -> None:
    assert list(seed_list(text)) == seeds


def test_train_on_the_command_line_is_train_in_python(run: Any) -> None:
    status, out, err = run("train", "--seeds", "3:5", "--steps", "50", "--d-head", "5", "--json")
    assert (status, err) == (0, "")
    training = hl.TrainConfig.of(steps=50)
    runs = hl.train(hl.Corpus.notebook(), hl.ModelConfig(d_head=5), training, seeds=[3, 4])
    assert [record["loss"] for record in json.loads(out)["runs"]] == runs.final_loss.tolist()
    assert [record["seed"] for record in json.loads(out)["runs"]] == [3, 4]


def test_saved_runs_come_back_and_export(run: Any) -> None:
    assert run("train", "--seeds", "0:3", "--steps", "20", "--save", "kept")[0] == 0
    runs = hl.Runs.load("kept")
    assert len(runs) == 3
    for table, rows in (("runs", 3), ("loss", 20), ("predictions", 10), ("attention", 10), ("association", 7)):
        status, out, _ = run("export", "kept", table)
        assert status == 0
        assert len(out.splitlines()) == rows + 1, table
    assert run("export", "kept", "loss", "-o", "loss.csv")[:2] == (0, "")
    assert Path("loss.csv").read_text().startswith("step,run 0,run 1,run 2")


def test_export_is_not_rounded(run: Any) -> None:
    run("train", "--steps", "20", "--save", "kept")
    printed = json.loads(run("export", "kept", "predictions", "--json")[1])
    assert printed[0]["man"] == pytest.approx(float(hl.Runs.load("kept")[0].sigmoid()[0, 0, 2]), abs=1e-7)


def test_report_of_saved_runs_is_one_page(run: Any) -> None:
    run("train", "--seeds", "0:3", "--steps", "200", "--save", "kept")
    status, out, err = run("report", "kept", "-o", "kept.html")
    assert (status, out, err) == (0, "kept.html\n", "")
    assert "<svg" in Path("kept.html").read_text(encoding="utf-8")


def test_exercise_prints_the_homework_and_writes_the_report(run: Any) -> None:
    sizes = ("--head-sizes", "5,7", "--details")
    status, out, err = run("exercise", "--runs", "4", "--steps", "100", *sizes, "-o", "page.html")
    assert (status, err) == (0, "")
    for expected in ("ordered the chicken", "0.1386", "0.2773", "413", "AttnWts", "d_head 5", "page.html"):
        assert expected in out
    assert Path("page.html").stat().st_size > 10_000
    assert sorted(path.name for path in Path().iterdir()) == ["page.html"]


def test_exercise_json_is_strict_json(run: Any) -> None:
    status, out, _ = run("exercise", "--runs", "2", "--steps", "20", "--json")
    assert status == 0
    done = strict(out)
    assert done["floor"] == pytest.approx(0.1386, abs=1e-4)


def test_sentences_may_come_from_standard_input(tmp_path: Path) -> None:
    done = shell("printf 'a b\\na c\\n' | headlab train - --steps 5 --json", tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["runs"]) == 1


def test_a_closed_pipe_is_silent(tmp_path: Path) -> None:
    for _ in range(3):
        done = shell("bash -c 'set -o pipefail; headlab train --steps 5 --seeds 0:9 | head -1'", tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert len(done.stdout.splitlines()) == 1


NOBODY_HEARS = {
    "no room": "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); place = os.open('log', os.O_CREAT | 1)",
    "only to be read": "place = os.open(os.devnull, os.O_RDONLY)",
}


@pytest.mark.skipif(sys.platform != "linux", reason="limits are tested where CI runs")
@pytest.mark.parametrize("place", NOBODY_HEARS)
def test_work_and_status_are_the_same_where_nobody_hears_what_standard_error_says(place: str, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("The dog ran\nthe cat ran\n")  # with a note about The and the
    start = "os.execv(sys.executable, [sys.executable, '-m', 'headlab', 'train', 'words.txt', *sys.argv[1:]])"
    prepared = f"import os, sys; {NOBODY_HEARS[place]}; os.dup2(place, 2); {start}"

    def outcome(*options: str) -> tuple[int, str]:
        command = [sys.executable, "-c", prepared, *options]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stdout

    status, out = outcome("--steps", "3", "--json")
    assert (status, len(json.loads(out)["runs"])) == (0, 1)
    assert outcome("--d-head", "0") == (2, "")


def test_no_terminal_means_no_colours_and_no_bar(tmp_path: Path) -> None:
    done = shell("headlab exercise --runs 2 --steps 50 -o page.html", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="script(1) differs")
def test_a_terminal_gets_colours_unless_no_color_is_set(tmp_path: Path) -> None:
    command = "script -qec '{} exercise --runs 2 --steps 50 -o page.html' /dev/null"
    program = f"{sys.executable} -m headlab"
    colored, plain_text = (
        subprocess.run(
            command.format(program),
            shell=True,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        for environment in (
            {**os.environ, "TERM": "xterm-256color"} | {"NO_COLOR": ""},
            {**os.environ, "TERM": "xterm-256color", "NO_COLOR": "1"},
        )
    )
    if not colored:
        pytest.skip("script(1) is not installed")
    assert "\x1b[" in colored
    assert "[38;5" not in plain_text
    assert "[48;5" not in plain_text
    assert "0.1386" in plain_text


def test_a_terminal_of_ascii_gets_no_traceback(tmp_path: Path) -> None:
    done = shell("headlab exercise --runs 2 --steps 50 -o page.html", tmp_path, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
