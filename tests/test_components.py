"""Parts and words as the command line spells them: what is spelled is read back, whatever the words are."""

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import headlab as hl
from headlab.analysis.part import Part
from headlab.analysis.subject import Subject
from headlab.analysis.trials.model_parts import find_part
from headlab.analysis.trials.spelling import read_weights, read_word, read_words, spelling
from headlab.model.initial import initial

HARD = ["<Start>", ">", ",", ":", "=", '"', '""', "a>b", "a,b", "a=b", "0.0:x", "2", "007", "edge:0>1", "²", "٣", "中"]
WORDS = st.one_of(st.sampled_from(HARD), st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=4))
briefly = settings(deadline=None, max_examples=60)


def quoted(word: str) -> str:
    return '"{}"'.format(word.replace('"', '""'))


def subject(words: list[str]) -> Subject:
    corpus = hl.Corpus.from_ids([range(len(words))], words)
    model = hl.ModelConfig(n_layers=2, n_heads=2)
    return Subject(initial(model.on(corpus), np.zeros(1, np.uint64)), corpus, model)


@briefly
@given(st.lists(WORDS, min_size=3, max_size=5, unique=True), st.data())
@example(["2", "1", "0"], None)
@example(["<Start>", "a>b", "0.0:x"], None)
def test_what_is_spelled_is_read_back_in_any_vocabulary(words: list[str], data: st.DataObject | None) -> None:
    place = st.integers(0, len(words) - 1)
    key, query = (1, 2) if data is None else sorted((data.draw(place), data.draw(place)))
    of = subject(words)
    source, token = Part("source", position=query), Part("token", token=key)
    edge, head_edge = Part("edge", query=query, position=key), Part("edge", 1, 0, key, query)
    whole = [Part(kind) for kind in ("positions", "direct", "direct:token", "direct:position")]
    for part in (source, edge, head_edge, Part("head", 0, 1), token, *whole):
        assert find_part(of, 0, spelling(part)) == find_part(of, 0, asdict(part)) == part
    named = f"{quoted(words[query])}>{quoted(words[key])}"
    assert find_part(of, 0, f"edge:{named}") == edge
    assert find_part(of, 0, f"edge:1.0:{named}") == head_edge
    assert find_part(of, 0, f"source:{quoted(words[query])}") == source
    assert find_part(of, 0, f"token:{quoted(words[key])}") == token


@briefly
@given(st.lists(WORDS, min_size=1, max_size=5, unique=True))
def test_quoted_words_are_read_as_they_are(words: list[str]) -> None:
    assert read_words(",".join(map(quoted, words)), ",") == words
    assert read_words(">".join(map(quoted, words)), ">") == words
    weights = ",".join(f"{quoted(word)}=0.5" for word in words)
    assert read_weights(weights) == dict.fromkeys(words, 0.5)


def test_a_number_is_a_number_and_every_other_word_needs_quotes_only_for_the_mark() -> None:
    assert [read_word(text) for text in ("2", '"2"', "007", "a:b", "<Start>", "²")] == [
        2,
        "2",
        "007",
        "a:b",
        "<Start>",
        "²",
    ]
    assert read_words("a=b,c>d,0", ",") == ["a=b", "c>d", 0]
    assert read_weights("a=b=0.5,1=0.5") == {"a=b": 0.5, 1: 0.5}


@pytest.mark.parametrize("text", ['"a', '"a"b', "", 'a,"b', ",", "a,,b"])
def test_what_is_half_quoted_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        read_words(text, ",")


@pytest.mark.parametrize(
    ("options", "effect"),
    [
        (["--ablate", 'edge:"a>b">"<Start>"'], "edge 1 a>b → 0 <Start>"),
        (["--ablate", "source:<Start>"], "source 0 <Start>"),
        (["--ablate", 'token:"2"'], "token 2"),
        (["--position", '"2"', "--ablate", 'edge:2>"a>b"'], "edge 2 2 → 1 a>b"),
        (["--tokens", '"x,y",u=v', "--ablate", "direct"], "direct path and own position"),
        (["--pattern", '"a>b"=0.25,<Start>=0.25,"2"=0.5'], "pattern a>b 0.25, <Start> 0.25, 2 0.5"),
    ],
    ids=str,
)
def test_words_with_marks_can_be_named_on_the_command_line(run: Any, options: list[str], effect: str) -> None:
    Path("marks.txt").write_text("a>b 2 x,y\nc 2 u=v\n")
    status, out, err = run("explain", "marks.txt", "--steps", "5", "--seeds", "0", *options, "--json")
    assert (status, err) == (0, "")
    assert {row["intervention"] for row in json.loads(out)["effects"]} == {effect}


def test_offered_checks_run_for_words_with_marks(run: Any) -> None:
    Path("marks.txt").write_text("a>b 2 x,y\nc 2 u=v\n")
    out = run("explain", "marks.txt", "--steps", "5", "--seeds", "0")[1]
    commands = [line.split("headlab ", 1)[1] for line in out.splitlines() if "headlab explain" in line]
    assert commands
    for command in commands:
        assert run(*shlex.split(command))[0] == 0


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--ablate", "edge:a>b>c"], "double quotes"),
        (["--tokens", '"a,b'], "double quotes"),
        (["--pattern", "a"], "like man="),
    ],
    ids=str,
)
def test_what_cannot_be_read_says_how_words_are_quoted(run: Any, options: list[str], expected: str) -> None:
    status, out, err = run("explain", "--seeds", "4", *options)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert expected in err
