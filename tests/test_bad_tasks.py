"""A task's file that is wrong, whatever is wrong with it: one sentence each, with its place, before anything is trained."""

from pathlib import Path

import pytest

HEAD = "import numpy as np\nimport headlab as hl\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


FILES = {  # what is wrong, and where
    "x = 1 / 0": ("toss.py, line 3: a task's file must run without an error, got ZeroDivisionError (division by zero)"),
    "def f(:": "toss.py, line 3: a task's file must run without an error, got SyntaxError",
    "import nosuch": "toss.py, line 3: a task's file must run without an error, got ModuleNotFoundError (No module named",
    "raise SystemExit(0)": "toss.py, line 3: a task's file must run without an error, got SystemExit (0)",
    "hl.ModelConfig(d_head=0)": "toss.py, line 3: d_head must be a whole number from 1 to 65536, got 0",
    "task = 7": "toss.py: a task's file must hold one Task, got none: write task = Task(…)",
    "a, b = (hl.Task(n, '', make=None or list) for n in 'ab')": "toss.py: a task's file must hold one Task, got 2 (a, b)",
    "task = hl.Task('Toss', 7, make=list)": "toss.py, line 3: a task's name must be a word of small letters",
    "task = hl.Task('notebook', '', make=lambda: hl.Dataset(hl.Corpus.notebook()))": "a task's name must be its own",
    "task = hl.Task('toss', '', make=lambda: 7)": "toss.py, line 3: make must build a Dataset, got 7",
    "task = hl.Task('toss', '', make=lambda: 1 / 0)": "toss.py, line 3: make must give a dataset, and raised ZeroDivisionError",
    "task = hl.Task('toss', '', metrics=('acuracy',), make=lambda: hl.Dataset(hl.Corpus.notebook()))": (
        "a metric must be a known one, got 'acuracy': did you mean"
    ),
    "task = hl.Task('toss', '', make=lambda: hl.Dataset(hl.Corpus.notebook()), model=hl.ModelConfig(d_model=9))": (
        "recipe published: d_model must equal d_vocab = 7"
    ),
}


@pytest.mark.parametrize("line", FILES, ids=lambda line: line[:30])
def test_what_is_wrong_with_a_file_is_said_with_its_place(run, folder, line):
    Path("toss.py").write_text(f"{HEAD}{line}\n")
    before = sorted(path.name for path in folder.iterdir())
    status, out, err = run("tasks", "check", "toss.py")
    assert (status, out) == (2, "")
    assert FILES[line] in err
    assert all(text.startswith("headlab: toss.py") for text in err.rstrip("\n").split("\n"))
    assert sorted(path.name for path in folder.iterdir()) == before  # no __pycache__, either


SAMPLE = "drawn = draws.integers(3, 4)\n    return drawn, drawn"
STREAMS = {  # what a sampler does, what else its stream has, and what is said
    "return draws.integers(3, 4)": "line 4: sample must give tokens and targets, got 'ndarray'",
    "return [[0, 1]], [[0]]": "line 4: sample must give 16 examples, got 1",
    "return np.zeros((draws.n, 5), int), np.zeros((draws.n, 5), int)": "line 4: sample must give sequences of 1 to n_ctx = 4",
    "return np.zeros((draws.n, 4), int), np.zeros((draws.n, 3), int)": "line 4: sample must give a target a token",
    "return np.zeros((draws.n, 4)), np.zeros((draws.n, 4), int)": "line 4: sample must give tokens as whole numbers",
    "return draws.integers(4, 4) + 3, draws.integers(3, 4)": "line 4: sample must give tokens from 0 to 2",
    "return draws.integers(3, 4), draws.integers(3, 4) - 5": "line 4: sample must give targets from 0 to 2",
    "return draws.integers(3, 4), draws.integers(1, 4) - 1": "line 4: sample must give a target in every example",
    "return draws.integers(3, 4)[:0], draws.integers(3, 4)[:0]": "line 4: sample must give 16 examples, got 0",
    "return 1 / 0": "line 5: sample must give examples, and raised ZeroDivisionError",
    "drawn = np.random.randint(3, size=(draws.n, 4))\n    return drawn, drawn": "line 4: sample must be a function of its draws",
    f"{SAMPLE}\n\ndef every():\n    yield [[0, 0, 0, 0]], [[0, 0, 0, 0]]": "line 8: enumerate must name every input",
    f"{SAMPLE}\n\ndef every():\n    yield np.indices((3,) * 4).reshape(4, -1).T, np.zeros((81, 4), int)": (
        "line 8: enumerate must give the targets that sample gives"
    ),
    f"{SAMPLE}\n\ndef every():\n    return iter(())": "line 8: enumerate must name at least one input",
}


@pytest.mark.parametrize("body", STREAMS, ids=[said.split(": ")[1][:40] for said in STREAMS.values()])
def test_what_is_wrong_with_a_sampler_is_said_with_its_place(run, folder, body):
    also = ", enumerate=every" if "every" in body else ""
    task = f"stream = hl.Stream(sample, tuple('abc'), 4{also})\n"
    task += "task = hl.Task('odd', '', make=lambda: hl.Dataset.from_stream(stream))\n"
    Path("odd.py").write_text(f"{HEAD}\ndef sample(draws, size):\n    {body}\n\n{task}")
    status, out, err = run("tasks", "check", "odd.py")
    assert (status, out) == (2, "")
    assert f"headlab: odd.py, {STREAMS[body]}" in err
    assert "Traceback" not in err


ODD = """
def sample(draws, size):
    drawn = draws.integers(3, 4)
    return drawn, drawn

stream = hl.Stream(sample, tuple('abc'), 4{stream})
task = hl.Task(
    'odd', 'odd one', make=lambda: hl.Dataset.from_stream(stream),
    recipes={{'published': hl.Recipe(hl.ModelConfig(d_head=3), hl.TrainConfig.of(steps=20{training}){recipe})}},
    {task})
"""
NOTHING = "(np.zeros((0, 4), int),) * 2"
METRIC = "metrics=('{0}',)"
KNOWN = "metrics=('{0}',), references=(hl.Reference('{0}', {1}, {2}, 'published', 'nobody', seeds=2, at_most={3}),)"
ODDITIES = {  # where something else stands, what, and what is said
    "no batch": ({}, "recipe published: batch_size must say how many examples a step sees, got none"),
    "a batch of nothing": (
        {"training": ", batch_size=0"},
        "line 11: batch_size must be a whole number from 1 to 1048576, got 0",
    ),
    "a batch of a terabyte": (
        {"training": ", batch_size=10**12"},
        "line 11: batch_size must be a whole number from 1 to 1048576, got 1000000000000",
    ),
    "a batch that is more than the table": (
        {"training": ", batch_size=24", "stream": ", table=lambda seed: (np.zeros((23, 4), int),) * 2"},
        "recipe published: batch_size must be at most the 23 examples of the table, got 24",
    ),
    "a table of nothing": (
        {"stream": f", table=lambda seed: {NOTHING}"},
        "line 8: table must give at least one example, got 0",
    ),
    "nothing held out": (
        {"stream": f", held_out=lambda seed: {NOTHING}"},
        "line 8: held_out must give at least one example, got 0",
    ),
    "evaluations of nothing": (
        {"training": ", batch_size=8, evaluate_every=5, evaluate_on=0"},
        "line 11: evaluate_on must be a whole number from 1 to 16777216, got 0",
    ),
    "a goal above everything": (
        {"training": ", batch_size=8, evaluate_every=5, stop_at=1.5"},
        "line 11: stop_at must be a finite number from 0 to 1, got 1.5",
    ),
    "a goal that nobody looks for": (
        {"training": ", batch_size=8, stop_at=0.9"},
        "line 11: stop_at goes with evaluate_every, got stop_at 0.9 alone",
    ),
    "a goal reached more often than looked for": (
        {"training": ", batch_size=8, evaluate_every=5, stop_at=0.9, stop_count=9"},
        "recipe published: stop_count must be at most the 5 evaluations of 20 steps, got 9",
    ),
    "a share above everything": (
        {"training": ", batch_size=8", "task": KNOWN.format("token_accuracy", 1.2, 0.1, None)},
        "a reference for token_accuracy must be a number from 0 to 1, within its tolerance, got 1.2: nothing could reach it",
    ),
    "a loss below nothing": (
        {"training": ", batch_size=8", "task": KNOWN.format("cross_entropy", -0.5, 0.1, True)},
        "a reference for cross_entropy must be a number of at least 0, within its tolerance, got -0.5: nothing could reach it",
    ),
    "a share of more than all": (
        {"training": ", batch_size=8", "task": METRIC.format("success_share(1.5)")},
        "a metric must be a known one, got 'success_share(1.5)': did you mean success_share(0.99)?",
    ),
    "a number that is none": (
        {"training": ", batch_size=8", "task": METRIC.format("success_share(1.0.0)")},
        "a metric must be a known one, got 'success_share(1.0.0)'",
    ),
    "all inputs where none are named": (
        {"training": ", batch_size=8", "task": METRIC.format("exact_accuracy")},
        "the metric exact_accuracy must have what it is worked out from, got no enumerate in the stream",
    ),
    "the best predictor where there is none": (
        {"training": ", batch_size=8", "task": METRIC.format("above_bayes")},
        "the metric above_bayes must have what it is worked out from, got no bayes in the stream",
    ),
    "a plateau that nobody looks for": (
        {"training": ", batch_size=8", "task": METRIC.format("plateau(0.3)")},
        "the metric plateau(0.3) must have what it is worked out from, got no evaluate_every in the training",
    ),
    "weights that fail": (
        {"recipe": ", weights=lambda: 1 / 0"},
        "line 11: recipe published: weights must give weights, and raised ZeroDivisionError (division by zero)",
    ),
    "weights that are none": ({"recipe": ", weights=lambda: 7"}, "recipe published: weights must be Params"),
    "weights that are no function": (
        {"recipe": ", weights=7"},
        "line 11: a recipe's weights must be a function that makes them",
    ),
    "a recipe that is none": ({"task": "model=7"}, "a task's model must be a ModelConfig, got 7"),
    "an end of the program in the table": (
        {"stream": ", table=lambda seed: exit(3)", "training": ", batch_size=8"},
        "line 8: table must give examples, and raised SystemExit (3)",
    ),
    "inputs without an end": (
        {"stream": ", enumerate=lambda: iter(lambda: (np.zeros((1, 4), int),) * 2, 0)", "training": ", batch_size=8"},
        "line 8: enumerate must name every input once, got one of them twice",
    ),
    "a Bayes predictor of another shape": (
        {"stream": ", bayes=lambda tokens: np.zeros(3)", "training": ", batch_size=8"},
        "line 8: bayes must give probabilities (64, 4, 3), got (3,)",
    ),
}


@pytest.mark.parametrize("name", ODDITIES)
def test_what_is_wrong_with_a_task_is_said_before_anything_is_trained_by_check_and_by_run(
    run, folder, monkeypatch, name
):
    fields, said = ODDITIES[name]
    text = ODD.format(**{"stream": "", "training": "", "recipe": "", "task": "", **fields})
    Path("odd.py").write_text(HEAD + text)
    monkeypatch.setattr("headlab.runs.train._train", None)
    for command in ("check", "run"):
        status, out, err = run("tasks", command, "odd.py")
        assert (status, out) == (2, "")
        assert "Traceback" not in err
        assert all(line.startswith("headlab: ") for line in err.rstrip("\n").split("\n"))
        assert (said if command == "check" else said.removeprefix("recipe published: ")) in err
