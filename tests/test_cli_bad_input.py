"""Bad input: one sentence each (expected, got, do), status 2, no traceback, nothing half-written."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headlab as hl
from headlab.cli.main import main

FILES = {
    "empty.txt": b"",
    "blank.txt": b"\n  \n\n",
    "one_word.txt": b"hello\n",
    "binary.txt": bytes(range(256)),
    "latin1.txt": "café olé\nthé noir\n".encode("latin-1"),
    "utf16.txt": "man ordered\n".encode("utf-16"),
    "long.txt": b"word " * 10_000,
    "holds_start.txt": b"man <Start> ordered\n",
}
FINE = b"man ordered the chicken\nwoman ordered the beef\n"
REQUESTS = [
    *[([command, name], "must") for command in ("exercise", "train") for name in (*FILES, "missing.txt", ".")],
    (["train", "same.txt", "--no-start"], "at least 2 different tokens"),
    (["train", "fine.txt", "--vocabulary", "<Start> man the"], "'ordered'"),
    (["train", "fine.txt", "--vocabulary", "a b b"], "twice"),
    (["train", "fine.txt", "--labels", "a b"], "labels must be as many"),
    (["train", "fine.txt", "--start", "two words"], "one word"),
    (["train", "--start", "x"], "need a file"),
    (["train", "--d-head", "0"], "d_head must be a whole number from 1"),
    (["train", "--d-head", "twenty"], "d_head must be a whole number"),
    (["train", "--d-head", "nan"], "got nan"),
    (["train", "--d-head", "20.5"], "got 20.5"),
    (["train", "--d-model", "9"], "d_model must equal d_vocab = 7"),
    (["train", "--steps", "-1"], "steps must be"),
    (["train", "--optimizer", "adamm"], "optimizer must be one of"),
    (["train", "--loss", "mse"], "loss must be one of"),
    (["train", "--learning-rate", "inf"], "learning_rate must be"),
    (["train", "--threads", "0"], "threads must be"),
    (["train", "--record", "some"], "record must be one of"),
    (["train", "--seeds", "5:5"], "--seeds must be"),
    (["train", "--seeds", "0:99999999999"], "--seeds must be at most"),
    (["train", "--seeds", "-1"], "got -1"),
    (["train", "--save", "fine.txt"], "fine.txt"),
    (["train", "--save", "/proc/here"], "/proc"),
    (["exercise", "--runs", "0"], "--runs must be"),
    (["exercise", "--runs", "many"], "--runs must be"),
    (["exercise", "--seed", "-3"], "got -3"),
    (["exercise", "--head-sizes", "10,10"], "each named once"),
    (["exercise", "--head-sizes", "0"], "d_head must be"),
    (["exercise", "--head-sizes", "ten"], "--head-sizes must be"),
    (["exercise", "-o", "."], "must be a file"),
    (["exercise", "-o", "no/such/folder/page.html"], "must be in a folder"),
    (["exercise", "-o", "/proc/page.html"], "must be in a folder"),
    (["lab", "--serve", "lots"], "--serve must be a port"),
    (["report", "nowhere"], "run.json"),
    (["export", "nowhere"], "run.json"),
    (["tran"], "did you mean train?"),
    (["train", "--d-heads", "3"], "--d-heads"),
    (["train", "fine.txt", "extra.txt"], "extra.txt"),
]


@pytest.mark.parametrize(("arguments", "expected"), REQUESTS, ids=[" ".join(arguments) for arguments, _ in REQUESTS])
def test_a_wrong_request_is_one_sentence_and_writes_nothing(
    arguments: list[str],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, data in {**FILES, "fine.txt": FINE, "same.txt": b"a a a\n"}.items():
        (tmp_path / name).write_bytes(data)
    before = sorted(path.name for path in tmp_path.iterdir())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["headlab", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert ended.value.code == 2
    assert out == ""
    assert len(err.splitlines()) == 1
    assert expected in err
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_all_problems_of_a_request_are_listed_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["headlab", "train", "--d-head", "0", "--loss", "mse", "--momentum", "7"])
    with pytest.raises(SystemExit):
        main()
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == ["d_head", "loss", "momentum"]


def test_an_unexpected_error_is_a_sentence_too(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("headlab.tasks.door.dataset_of", fail)
    monkeypatch.setattr("headlab.cli.main.discard", lambda stream: None)
    monkeypatch.setattr(sys, "argv", ["headlab", "train"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "ZeroDivisionError: division by zero" in capfd.readouterr().err


LIBRARY = [
    (lambda: hl.Corpus.from_text(""), hl.CorpusError, "at least one sentence"),
    (lambda: hl.Corpus.from_text("a a", start=None), hl.CorpusError, "2 different tokens"),
    (lambda: hl.Corpus.from_text("w " * 10_000), hl.CorpusError, "at most 1024 tokens"),
    (lambda: hl.Corpus.from_file("missing.txt"), hl.CorpusError, "readable"),
    (lambda: hl.ModelConfig(d_head=0), hl.ConfigError, "d_head must be a whole number"),
    (lambda: hl.ModelConfig(d_head="20"), hl.ConfigError, "got '20'"),  # type: ignore[arg-type]
    (lambda: hl.ModelConfig(d_head=float("nan")), hl.ConfigError, "got nan"),  # type: ignore[arg-type]
    (lambda: hl.TrainConfig.of(steps=-1), hl.ConfigError, "steps must be"),
    (lambda: hl.TrainConfig(optimizer="adamm"), hl.ConfigError, "optimizer must be one of"),
    (lambda: hl.train(hl.Corpus.notebook(), hl.ModelConfig(d_model=9)), hl.ConfigError, "d_model must equal"),
    (lambda: hl.train(hl.Corpus.notebook(), seeds=[]), hl.ConfigError, "at least one"),
    (lambda: hl.train(hl.Corpus.notebook(), init={"W_E": np.zeros((3, 3))}), hl.WeightsError, "W_E must have shape"),
    (lambda: hl.Runs.load("nowhere"), hl.WeightsError, "run.json"),
]


@pytest.mark.parametrize(("request_", "error", "expected"), LIBRARY, ids=[item[2] for item in LIBRARY])
def test_a_library_user_gets_a_named_exception_with_the_same_sentence(
    request_: Any, error: type[Exception], expected: str
) -> None:
    with pytest.raises(error, match=expected):
        request_()


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    runs = hl.train(hl.Corpus.notebook(), training=hl.TrainConfig.of(steps=5))
    weights = runs.save(tmp_path / "kept") / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(hl.WeightsError, match="damaged"):
        hl.Runs.load(tmp_path / "kept")
