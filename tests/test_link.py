"""A link is one experiment wherever it is opened: in the page, in the shell, in Python."""

import gzip
import json
from pathlib import Path
from typing import Any

import asked
import numpy as np
import pytest
from click.testing import CliRunner
from twins.plain import differences, plain
from vitest import vitest

import headlab as hl
from headlab.cli.main import cli
from headlab.data.notebook import TEXT
from headlab.errors import ConfigError
from headlab.notation import javascript
from headlab.runs import link
from headlab.runs.experiment import Experiment, fields_of, notebook_fields

with gzip.open(asked.FILE, "rt", encoding="ascii") as file:
    KNOWN = [json.loads(line) for line in file]


def test_python_still_says_what_the_page_is_held_to() -> None:
    assert [{**known, "said": 0} for known in KNOWN] == [plain({**case, "said": 0}) for case in asked.cases()]
    for known, line in zip(KNOWN, asked.lines(asked.cases()), strict=True):
        found = [] if line == known else list(differences(line, known))
        assert not found, "if that is meant, python tests/asked.py\n" + "\n".join(found[:20])


@pytest.mark.long
def test_the_page_says_what_python_says_of_texts_and_settings_that_are_drawn(tmp_path: Path) -> None:
    path = tmp_path / "asked.jsonl.gz"
    asked.write(asked.drawn(seed=17, count=1000), path)
    assert vitest("tests/asked.test.ts", 600, HEADLAB_ASKED=str(path)) == ""


# Of headlab before the lab was one file, each with what it says beside the notebook. They may never say anything else.
OLD = {
    "#d_head=5&seed=12&moment=20": {"d_head": 5, "seed": 12},
    "#hide=why,seeds&d_head=1": {"d_head": 1},
    "#hide=knobs&text=the+cat+sat%0Athe+dog+ran": {"task": "", "text": "the cat sat\nthe dog ran"},
    "#steps=300&schedule=plateau": {"steps": 300},
    "#steps=300": {"steps": 300, "schedule": "constant"},
    "#schedule=constant": {"schedule": "constant"},
    "#task=": {"task": ""},
    "#text=a+b%0Ac+b&start=&wrap=false": {"task": "", "text": "a b\nc b", "start": "", "wrap": False},
    "#unembed=true&d_model=9&causal=false&init_scale=0.5": {
        "unembed": True, "d_model": 9, "causal": False, "init_scale": 0.5,
    },
    "#optimizer=adam&learning_rate=0.001&fork=1000&before=%7B%22momentum%22%3A0.9%7D": {
        "optimizer": "adam", "learning_rate": 0.001, "fork": 1000, "before": '{"momentum":0.9}',
    },
}  # fmt: skip


@pytest.mark.parametrize("old", OLD)
def test_a_link_of_the_old_lab_says_what_it_said(old: str) -> None:
    assert link.read(old) == {**notebook_fields(), **OLD[old]}
    Experiment.of(link.read(old))


TRAININGS = {
    "the notebook's": hl.TrainConfig(),
    "constant": hl.TrainConfig.of(steps=5020, learning_rate=1e-7),
    "adam": hl.TrainConfig.of(steps=90, schedule="plateau", optimizer="adam", epsilon=1e-5),
    "a fork": hl.TrainConfig().forked(2000, {"learning_rate": 0.1, "momentum": 0.5}),
    "a fork to another optimizer": hl.TrainConfig.of(steps=60, momentum=0.9, nesterov=True).forked(
        30, {"optimizer": "rmsprop", "rho": 0.5, "learning_rate": 0.02}
    ),
    "another schedule from a step on": hl.TrainConfig().continued_as(99, hl.TrainConfig.of(steps=5020, momentum=0.5)),
}


@pytest.mark.parametrize("training", TRAININGS)
@pytest.mark.parametrize("text", [None, "a b~*\nc b «é»"])
def test_the_link_of_a_run_is_that_run(training: str, text: str | None) -> None:
    dataset = hl.tasks["notebook"].dataset if text is None else hl.Dataset(hl.Corpus.from_text(text, start=None))
    model, seed = hl.ModelConfig(d_head=3, n_layers=2), 2**64 - 1
    asked_for = link.experiment_of(link.write(fields_of(dataset, model, TRAININGS[training], seed)))
    assert (asked_for.model, asked_for.training, asked_for.seed) == (model, TRAININGS[training], seed)
    assert asked_for.dataset.to_dict() == dataset.to_dict()


def test_a_run_knows_its_link() -> None:
    runs = hl.train(hl.tasks["notebook"], training=hl.TrainConfig.of(steps=3), seeds=[7, 8])
    assert runs[1].link() == "#seed=8&steps=3&schedule=constant&numerics=2"


@pytest.mark.parametrize(
    "corpus",
    [hl.Corpus.notebook(), hl.Corpus.from_text(TEXT, start="^"), hl.Corpus.from_ids([[3, 1, 2], [3, 2]], base=1)],
)
def test_the_link_of_any_sentences_trains_the_same_bits(corpus: hl.Corpus) -> None:
    run = hl.train(corpus, training=hl.TrainConfig.of(steps=30), seeds=7)[0]
    there = link.experiment_of(run.link())
    again = hl.train(there.dataset, there.model, there.training, seeds=there.seed)[0]
    assert again.final_loss == run.final_loss


@pytest.mark.parametrize(
    ("of", "said"),
    [
        ({"training": hl.TrainConfig.of(steps=3, dtype="float64")}, "one schedule and at most one fork"),
        ({"training": hl.TrainConfig(phases=(hl.Phase(3, freeze=("W_E",)),))}, "one schedule and at most one fork"),
        ({"corpus": hl.Corpus.notebook().with_targets(np.full((2, 5), 1))}, "got another dataset"),
        ({"corpus": hl.Dataset(hl.Corpus.notebook(), test=hl.Corpus.notebook())}, "got another dataset"),
    ],
)
def test_a_run_that_no_link_says_is_refused_in_a_sentence(of: dict[str, Any], said: str) -> None:
    corpus, training = of.get("corpus", hl.Corpus.notebook()), of.get("training", hl.TrainConfig.of(steps=3))
    with pytest.raises(ConfigError, match=said):
        hl.train(corpus, training=training, seeds=1)[0].link()


def test_given_weights_have_no_link() -> None:
    runs = hl.train(hl.Corpus.notebook(), training=hl.TrainConfig.of(steps=1), seeds=1)
    again = hl.train(hl.Corpus.notebook(), training=hl.TrainConfig.of(steps=1), init=runs.params)
    with pytest.raises(ConfigError, match="a link holds a seed"):
        again[0].link()


def test_numbers_are_written_and_read_as_javascript_does() -> None:
    numbers = [0.1, 1e-7, 5e-324, 1.7976931348623157e308, 123456.789, 1e21, 1e20, 2.0**60, -0.5, 0.000001]
    assert [javascript.read_number(javascript.written(number)) for number in numbers] == numbers


# In the shell


def asked_in_the_shell(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(cli, words)
    said = str(done.exception) if isinstance(done.exception, ConfigError) else done.stderr
    return done.exit_code, done.stdout, said


LINK = "file:///home/x/headlab.html#d_head=5&seed=12&steps=200&schedule=plateau&fork=90&momentum=0.5&moment=3"


def test_train_trains_the_run_of_a_link() -> None:
    _, out, said = asked_in_the_shell("train", LINK, "--json", "--record", "none")
    training = hl.TrainConfig.of(steps=200, schedule="plateau").forked(90, {"momentum": 0.5})
    run = hl.train(hl.tasks["notebook"], hl.ModelConfig(d_head=5), training, seeds=12)[0]
    (row,) = json.loads(out)["runs"]
    assert (row["seed"], row["loss"]) == (12, run.final_loss)
    assert "another run was behind its seed 12" in said
    assert "another run" not in asked_in_the_shell("train", f"{LINK}&numerics=2", "--json")[2]


def test_more_seeds_can_be_trained_of_a_link() -> None:
    _, out, _ = asked_in_the_shell("train", "#steps=5&seed=3", "--seeds", "0:3", "--json")
    assert [row["seed"] for row in json.loads(out)["runs"]] == [0, 1, 2]


def test_explain_explains_the_run_of_a_link() -> None:
    _, out, _ = asked_in_the_shell(
        "explain", "#text=a+x+b%0Ac+x+d&seed=18446744073709551615&steps=300&numerics=2", "--json"
    )
    corpus = hl.Corpus.from_text("a x b\nc x d")
    run = hl.train(corpus, training=hl.TrainConfig.of(steps=300), seeds=2**64 - 1)[0]
    assert json.loads(out)["mechanism"] == run.explain().mechanism
    told = [[item["sentence"] for item in said["dependencies"]] for said in (json.loads(out), run.explain().to_dict())]
    assert told[0] == told[1] != []


@pytest.mark.parametrize("command", ["train", "explain"])
def test_settings_are_not_typed_beside_a_link(command: str) -> None:
    _, _, said = asked_in_the_shell(command, "#seed=3", "--d-head", "4", "--no-wrap")
    assert said == "a link must be taken as it is, got --d-head, --wrap: leave that out, or change the link"


def test_a_link_that_is_wrong_is_refused_with_all_that_is_wrong() -> None:
    _, _, said = asked_in_the_shell("train", "#d_head=0&seed=-1&text=" + "a%20" * 1025)
    assert [line.split()[0] for line in said.splitlines()] == ["seed", "a", "d_head"]
