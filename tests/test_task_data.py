"""What tasks draw, against brute force: everything that a task promises holds, everything that may come comes, alike often."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from scipy.stats import chisquare

import headlab as hl
from headlab.data.draws import Draws
from headlab.tasks import bigram0, ioi, max4, max_list, setdiff
from headlab.tasks.task import Task

MANY = 40_000


def drawn(task, n=MANY, stream="train", seed=5):
    return task.dataset.stream.examples(stream, 0, n, seed)


def words(task, tokens):
    return [[task.dataset.corpus.vocabulary[token] for token in row] for row in tokens.tolist()]


def alike(counts, size):
    assert len(counts) == size
    return chisquare(list(counts.values())).pvalue > 1e-4


@pytest.mark.parametrize("name", list(hl.tasks))
def test_a_task_says_where_it_is_from_and_keeps_what_it_promises(name):
    task = hl.tasks[name]
    assert task.name == name
    assert len(task.title) <= 110
    assert all((task.source, task.text, task.license, task.metrics, task.references))
    assert task.check() == []
    assert all(reference.note or reference.tolerance == 0 for reference in task.references), "why this tolerance"
    assert not any("\t" in line or len(line) > 130 for line in task.text.splitlines())


def entropy_of_what_follows(sentences):
    pairs = Counter(pair for row in sentences for pair in itertools.pairwise([*row, row[0]]))
    alone = Counter(token for row in sentences for token in row)
    return sum(-n * math.log(n / alone[first]) for (first, _), n in pairs.items()) / sum(alone.values())


def test_the_bigram_task_ends_at_the_entropy_that_is_counted():
    sentences = [["<Start>", *line.split()] for line in bigram0.LINES.splitlines()]
    told = next(item for item in bigram0.TASK.references if item.metric == "cross_entropy")
    assert told.value == pytest.approx(entropy_of_what_follows(sentences), abs=1e-6)
    assert bigram0.TASK.dataset.corpus.floor() < 0.4 * told.value  # there is something that it will never get


def test_the_notebooks_floor_is_what_is_counted():
    told = next(item for item in hl.tasks["notebook"].references if item.kind == "exact")
    assert told.value == pytest.approx(math.log(2) / 5, abs=1e-9)


def test_indirect_objects_are_all_sixty_sentences_once():
    tokens = ioi.TASK.dataset.corpus.tokens
    targets = ioi.TASK.dataset.corpus.targets
    found = {(*row, target) for row, target in zip(map(tuple, words(ioi.TASK, tokens)), targets[:, -1], strict=True)}
    names = {name: number for number, name in enumerate(ioi.TASK.dataset.corpus.vocabulary)}
    expected = {
        ("<Start>", one, other, again, "to", names[one if again == other else other])
        for one in ioi.NAMES
        for other in ioi.NAMES
        for again in {one, other}
        if one != other
    }
    assert found == expected
    assert len(expected) == len(tokens) == 60
    assert (targets[:, :-1] == -1).all()


def test_four_numbers_are_drawn_alike_and_answered_with_the_largest():
    tokens, targets = drawn(max4.TASK)
    assert [max(row) for row in tokens.tolist()] == targets[:, -1].tolist()
    assert (targets[:, :-1] == -1).all()
    for place in range(4):
        assert alike(Counter(tokens[:, place].tolist()), 64)
        assert alike(Counter(zip(tokens[:, place] // 8, tokens[:, place - 1] // 8, strict=True)), 64)


def test_all_inputs_of_four_numbers_are_named_once_and_bound_a_model_that_sees_the_last():
    seen, best = 0, np.zeros((64, 64), np.int64)
    for first, (tokens, targets) in enumerate(max4.inputs()):
        assert (tokens[:, 0] == first).all()
        assert (np.bincount(4096 * tokens[:, 1] + 64 * tokens[:, 2] + tokens[:, 3], minlength=64**3) == 1).all()
        seen += len(tokens)
        best += np.bincount(64 * tokens[:, 3] + targets[:, 3], minlength=4096).reshape(64, 64)
    assert seen == 64**4
    told = next(item for item in max4.TASK.references if item.recipe == "no layers")
    assert told.value == pytest.approx(best.max(axis=1).sum() / seen, abs=1e-5)


def letters(task, tokens):
    return [("".join(row[1:5]), "".join(row[6:9])) for row in words(task, tokens)]


def test_sets_are_split_whole_and_every_letter_is_in_every_part():
    parts = {
        name: {"".join("abcdefghijklmnop"[i] for i in row) for row in rows} for name, rows in setdiff.sets().items()
    }
    assert {name: len(part) for name, part in parts.items()} == {"train": 1274, "held out": 273, "test": 273}
    every = {"".join(chosen) for chosen in itertools.combinations("abcdefghijklmnop", 4)}
    assert set.union(*parts.values()) == every
    assert sum(map(len, parts.values())) == len(every) == 1820
    assert all(set("".join(part)) == set("abcdefghijklmnop") for part in parts.values())
    for stream, part in parts.items():
        tokens, _ = drawn(setdiff.TASK, 3000, stream)
        assert {"".join(sorted(first)) for first, _ in letters(setdiff.TASK, tokens)} == part or stream == "train"
        assert {"".join(sorted(first)) for first, _ in letters(setdiff.TASK, tokens)} <= part


def test_a_letter_is_missing_and_sets_orders_and_missing_ones_come_alike_often():
    tokens, targets = drawn(setdiff.TASK)
    pairs = letters(setdiff.TASK, tokens)
    vocabulary = setdiff.TASK.dataset.corpus.vocabulary
    assert (tokens[:, [0, 5, 9]] == [16, 17, 17]).all()
    for (first, second), target in zip(pairs[:5000], targets[:, -1].tolist(), strict=False):
        assert sorted(second + vocabulary[target]) == sorted(set(first))
    assert alike(Counter("".join(sorted(first)) for first, _ in pairs), 1274)
    places = Counter(
        tuple(sorted(first).index(letter) for letter in first + second) for first, second in pairs
    )  # how both halves are ordered, whatever the letters are
    assert alike(places, 24 * 24)


def test_all_prompts_about_sets_are_named_once():
    seen = []
    for tokens, targets in setdiff.inputs():
        assert ((tokens[:, 6:9, None] == tokens[:, None, 1:5]).sum(axis=2) == 1).all()
        assert (np.sort(np.c_[tokens[:, 6:9], targets[:, 9]], axis=1) == np.sort(tokens[:, 1:5], axis=1)).all()
        seen.append(sum(16**at * tokens[:, place] for at, place in enumerate((1, 2, 3, 4, 6, 7, 8))))
    assert len(np.unique(np.concatenate(seen))) == 1_048_320 == math.perm(16, 4) * math.factorial(4)


def test_the_missing_letter_has_the_models_108_numbers():
    for recipe in setdiff.TASK.recipes.values():
        assert recipe.model.on(setdiff.TASK.dataset).n_weights == 108


def by_the_rule(seed):
    """The published table, written out: for each largest digit 200 lists, then different lists drawn anyhow."""
    table = []
    for largest in range(10):
        draws = Draws(seed, "train", 2000 * largest, 2000)
        lists, places = draws.integers(largest + 1, 5).tolist(), draws.integers(5, 1)[:, 0].tolist()
        different = []
        for row, place in zip(lists, places, strict=True):
            row[place] = largest
            if row not in different and len(different) < 200:
                different.append(row)
        table += [different[number % len(different)] for number in range(200)]
    anyhow = Draws(seed, "train", 20_000, 55_000).integers(10, 5).tolist()
    return table + [list(row) for row in dict.fromkeys(map(tuple, anyhow))]


def test_the_table_of_lists_follows_the_published_rule():
    expected = Counter(map(tuple, by_the_rule(3)))
    parts = max_list.split(3)
    assert Counter(map(tuple, np.concatenate(parts).tolist())) == expected
    assert len(parts[1]) == sum(expected.values()) // 10
    assert 39_000 < len(parts[0]) < 41_000  # published: 39,961
    stream = max_list.TASK.dataset.stream
    for name, part in zip(("train", "held out"), parts, strict=True):
        tokens, targets = stream.examples(name, 0, 10**6, 3)
        assert tokens[:, 1:11:2].tolist() == part.tolist()
        assert targets[:, 10].tolist() == tokens[:, 11].tolist() == [max(row) for row in part.tolist()]
        assert (targets[:, :10] == -1).all()
        assert {*targets[:, 11].tolist()} == {13}
    row = words(max_list.TASK, tokens[:1])[0]
    assert (row[0], row[2:10:2], row[10]) == ("<Start>", [","] * 4, "max")


def test_lists_drawn_anyhow_and_the_order_of_the_table_favour_nothing():
    tokens, _ = drawn(max_list.TASK, stream="test")
    for place in range(1, 11, 2):
        assert alike(Counter(tokens[:, place].tolist()), 10)
    first = max_list.split(3)[0][:4000]  # of the table: with the shares that the rule gives
    shares = Counter(max(row) for row in by_the_rule(3))
    expected = np.array([shares[digit] for digit in range(10)]) / shares.total() * len(first)
    assert chisquare(np.bincount(first.max(axis=1), minlength=10), expected).pvalue > 1e-4


def test_all_lists_are_named_once():
    tokens = np.concatenate([tokens for tokens, _ in max_list.inputs()])
    assert len(np.unique(tokens[:, 1:11:2] @ 10 ** np.arange(5))) == len(tokens) == 100_000
    targets = np.concatenate([targets for _, targets in max_list.inputs()])
    assert (targets[:, 10] == tokens[:, 1:11:2].max(axis=1)).all()


def test_tasks_are_of_the_published_sizes():
    sizes = {
        name: hl.tasks[name].model.on(hl.tasks[name].dataset).n_weights for name in ("max4", "max-list", "notebook")
    }
    assert sizes == {"max4": 64 * 32 + 4 * 32 + 4 * 32 * 32 + 32 * 64, "max-list": 18_944, "notebook": 413}
    assert isinstance(hl.tasks["max4"], Task)
