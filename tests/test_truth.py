"""What explanations say is true: every clause said of drawn runs is recomputed by hand, and nothing changes that must not."""

import ast
import multiprocessing
import os
import re
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import truth
from truth import checker, corpora, falsehoods, invariances, judging, texts

import headlab as hl
from headlab.analysis.explanation.clauses import Clause, sentence_of
from headlab.analysis.explanation.explanation import explain
from headlab.analysis.subject import Subject
from headlab.analysis.words import TABLE

SEED = 13
DRAWN = [  # corpus, model, runs, and how many of them are explained under every change
    (SEED, number % len(corpora.KINDS), number // len(corpora.KINDS), 18, 2 if number % 4 == 0 else 0)
    for number in range(28)
]
EXAMPLES = [
    (0, 1),
    (4, 2),
    (2, 3),
    (1, 2),
    (8, 2),
    (0, 0),
    (1, 3),
    (5, 2),
    (2, 0),
]  # corpus, model: all kinds of clauses are said of them


def tied_there():
    """A model whose positions alone tell: at the first x go, at the second nothing; its head reads nothing where it looks."""
    corpus = hl.Corpus.from_text("x go x stop", start=None, wrap=False)
    W_pos = np.zeros((1, 4, 3))
    W_pos[0, 0, 1] = 2.0
    weights = {"W_E": np.zeros((1, 3, 3)), "W_pos": W_pos, "W_V": np.zeros((1, 1, 1, 3, 3))}
    queries = np.ones((1, 1, 1, 3, 2))
    return Subject(hl.Params(**weights, W_Q=queries, W_K=queries), corpus, hl.ModelConfig(d_head=2))


@pytest.fixture(scope="module")
def tally():
    """A tenth of `make truth`: 500 runs, of which a few are explained again under every change.

    In processes of their own, where calls are not held to their shapes: that takes most of the time, and other tests do it.
    """
    found = judging.Tally()
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        for done in [pool.submit(judging.judge, *item) for item in DRAWN]:
            found += done.result()
    return found


@pytest.fixture(scope="module")
def examples():
    """Clauses of every kind, a few of each, with what is known of their places."""
    found = {}
    for corpus, model in EXAMPLES:
        judging.judge(SEED, corpus, model, 3, 0, found)
    judging.check(judging.Tally(), tied_there(), "tied there", found)
    return found


def test_no_clause_of_drawn_runs_is_false(tally):
    assert not +tally.false, "\n".join(tally.lines[:20])
    assert sum(tally.runs.values()) >= 450
    assert sum(tally.clauses.values()) >= 9_000


def test_drawn_runs_are_of_all_grades(tally):
    assert min(tally.runs[grade] for grade in ("solved", "right by a hair", "not solved", "diverged")) > 0
    assert len(tally.corpora) == len(corpora.KINDS)


def test_order_spelling_and_what_the_model_does_not_feel_change_no_word(tally):
    assert set(tally.unchanged) == set(invariances.CHANGES)
    assert not +tally.moved, "\n".join(tally.lines[:20])


@pytest.mark.parametrize("name", ["checker", "eyes", "measures", "network", "places", "sets", "texts"])
def test_the_checker_shares_no_code_with_what_it_checks(name):
    tree = ast.parse((Path(truth.__file__).parent / f"{name}.py").read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    # What holds weights and flags, to be read.
    assert {module for module in modules if module.startswith("headlab")} <= {
        "headlab.config.model",
        "headlab.analysis.subject",
    }
    assert not any(isinstance(node, ast.Import) and "headlab" in ast.unparse(node) for node in ast.walk(tree))


def test_there_is_a_check_and_a_text_of_every_kind_of_clause(examples):
    # What is said of MLPs and norms is held to the truth in test_explained_blocks.py.
    kinds = set(TABLE["clauses"]) - {"frozen", "left_over"}
    assert set(checker.CHECKS) == kinds == set(texts.TEXTS) == set(examples)


def test_the_checker_refuses_every_clause_once_an_argument_is_false(examples):
    missed = Counter()
    for kind, some in examples.items():
        for facts, clause, _ in some:
            assert not [*checker.problems_of_clause(facts, clause)]
            for name, arguments in falsehoods.falsified(clause.arguments, facts.world.words):
                if not [*checker.problems_of_clause(facts, Clause(kind, arguments))]:
                    missed[kind, name] += 1
    assert not missed


def test_the_checker_refuses_every_kind_of_clause_at_some_other_place(examples):
    places = [facts for some in examples.values() for facts, _, _ in some]
    for kind, some in examples.items():
        assert any([*checker.problems_of_clause(facts, some[0][1])] for facts in places), kind


def test_the_checker_refuses_a_text_once_a_word_or_a_digit_is_another_one(examples):
    for kind, some in examples.items():
        facts, _, at = some[0]
        clauses = facts.clauses[: at + 1]
        text = sentence_of(clauses)
        assert not [*texts.problems_of_text(text, clauses)], kind
        for found in re.finditer(r"\d|[+−]|\w+", text):
            other = {"+": "−", "−": "+"}.get(found[0]) or (
                str((int(found[0]) + 1) % 10) if found[0].isdigit() else "no"
            )
            if other != found[0]:
                wrong = text[: found.start()] + other + text[found.end() :]
                assert [*texts.problems_of_text(wrong, clauses)], wrong


def test_a_mechanism_that_is_another_one_is_refused():
    subject = tied_there()
    world = judging.World(subject)
    explanation = explain(subject)[0]
    every = [checker.Facts(world, 0, (record.sequence, record.place), record.clauses) for record in explanation.records]
    true = checker.mechanism(world, 0, every)
    for name in TABLE["mechanisms"]:
        said = [problem for kind, problem in checker.heads_of_run(world, 0, every, Named(name)) if kind == "mechanism"]
        assert bool(said[0]) == (name != true)


class Named(list):
    """What stands in for an explanation of this mechanism."""

    def __init__(self, mechanism):
        super().__init__()
        self.mechanism, self.meaning = mechanism, TABLE["mechanisms"][mechanism]

    def __str__(self):
        return f"{self.mechanism}: {self.meaning}."


def test_the_order_of_equal_words_does_not_feel_a_constant_on_all_logits_of_a_place():
    subject = tied_there()
    lifted = Subject(subject.params, subject.corpus, subject.model)
    weights = dict(subject.params.items())
    weights["W_E"] = weights["W_E"] + np.array([0.0, 0.0, 3.0])[:, None]  # the logits after the last word
    lifted = Subject(hl.Params(**weights), subject.corpus, subject.model)
    assert lifted.in_order(0, range(3)) == subject.in_order(0, range(3))
