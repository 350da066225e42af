"""The exact numbers of tasks, each worked out again by counting, and what the samplers draw held to them."""

import itertools
import math
from collections import Counter, defaultdict
from fractions import Fraction

import numpy as np
import pytest

import headlab as hl
from headlab.tasks import cumsum, palindromes, permutation, sort1, sort10

DRAWN = 20_000


def reference(task, recipe):
    return next(one for one in hl.tasks[task].references if one.recipe == recipe)


def of_last_token(rows):
    """What the best answers to (place, token) reach, of rows of (place, token, answer, share), at the places together."""
    shares = defaultdict(Counter)
    for place, token, answer, share in rows:
        shares[place, token][answer] += share
    return sum(max(answers.values()) for answers in shares.values()) / len({place for place, _ in shares})


def sorted_by_hand(n_values, length):
    """Every list there is, as places, tokens and answers."""
    share = Fraction(1, math.comb(n_values, length))
    for answers in itertools.combinations(range(n_values), length):
        yield from ((place, *pair, share) for place, pair in enumerate(zip((None, *answers), answers, strict=False)))


def sorted_by_counting(n_values, length):
    """The same rows by how many lists have b after a at a place, for more lists than can be written down."""
    lists = math.comb(n_values, length)
    for first in range(n_values):
        yield 0, None, first, Fraction(math.comb(n_values - 1 - first, length - 1), lists)
    for place in range(1, length):
        for a, b in itertools.combinations(range(n_values), 2):
            ways = math.comb(a, place - 1) * math.comb(n_values - 1 - b, length - place - 1)
            yield place, a, b, Fraction(ways, lists)


@pytest.mark.parametrize(("n_values", "length"), [(6, 3), (10, 5), (9, 1)])
def test_without_attention_sorting_n_of_v_is_right_n_times_of_v_and_counting_says_what_all_lists_say(n_values, length):
    assert of_last_token(sorted_by_hand(n_values, length)) == Fraction(length, n_values)
    assert of_last_token(sorted_by_counting(n_values, length)) == Fraction(length, n_values)


@pytest.mark.parametrize("task", [sort1, sort10])
def test_the_ceiling_of_sorting_without_attention_is_what_counting_says(task):
    exact = of_last_token(sorted_by_counting(task.N_VALUES, task.LENGTH))
    told = reference(task.__name__.rsplit(".", 1)[1], "no-attention")
    assert (told.kind, told.value) == ("exact", float(exact))


@pytest.mark.parametrize("task", [sort1, sort10])
def test_lists_to_sort_are_different_numbers_in_any_order_and_their_answers_the_sorted_ones(task):
    tokens, targets = task.STREAM.examples("held out", 0, DRAWN)
    first = int(task is sort1)
    unsorted = tokens[:, first : first + task.LENGTH]
    assert (np.sort(unsorted, axis=1) == targets[:, -task.LENGTH :]).all()
    assert (targets[:, : -task.LENGTH] == -1).all()
    assert (tokens[:, -task.LENGTH + 1 :] == targets[:, -task.LENGTH : -1]).all()
    assert all(len(set(row)) == task.LENGTH for row in unsorted.tolist())
    share = np.array([np.bincount(column, minlength=task.N_VALUES) for column in unsorted.T]) / DRAWN
    assert abs(share - 1 / task.N_VALUES).max() < 5 * math.sqrt(1 / task.N_VALUES / DRAWN)


def sums_by_counting():
    """(place, number, class, share) of running sums, each step of the published rule by itself."""
    sums = Counter({(number, number): 1 / 11 for number in range(-5, 6)})
    for place in range(20):
        yield from ((place, number, (total > 0) - (total < 0), share) for (total, number), share in sums.items())
        after = Counter()
        for (total, _), share in sums.items():
            for size in range(6):
                for sign, chance in ((-1, 0.7), (1, 0.3)):
                    number = sign * size if total > 0 else -sign * size
                    after[total + number, number] += share * chance / 6
        sums = after


def test_the_sign_of_a_sum_without_attention_is_known_as_often_as_counting_says():
    told = reference("cumsum", "no-attention")
    assert told.kind == "exact"
    assert told.value == pytest.approx(of_last_token(sums_by_counting()), abs=1e-12)


def test_running_sums_are_drawn_as_the_published_rule_says():
    tokens, targets = cumsum.STREAM.examples("held out", 0, DRAWN)
    numbers = tokens - 5
    assert (targets == np.sign(numbers.cumsum(axis=1)) + 1).all()
    exact = Counter()
    for place, number, sign, share in sums_by_counting():
        exact[place, number, sign] += share
    drawn = Counter(
        zip(*(array.ravel().tolist() for array in (np.indices(tokens.shape)[1], numbers, targets - 1)), strict=True)
    )
    assert set(drawn) <= set(exact)
    assert max(abs(drawn[key] / DRAWN - share) / math.sqrt(share / DRAWN) for key, share in exact.items()) < 5


def test_palindromes_by_chance_are_as_rare_as_the_task_says():
    one_pair = Fraction(1, 2) + Fraction(1, 2) * Fraction(1, palindromes.LARGEST + 1)
    by_chance = float(one_pair**palindromes.HALF)
    assert f"{by_chance:.2%}" == "0.13%"
    assert "0.13 %" in hl.tasks["palindromes"].text
    _, targets = palindromes.STREAM.examples("held out", 0, 4 * DRAWN)
    share = 0.5 + 0.5 * by_chance
    assert abs(targets[:, -1].mean() - share) < 4 * math.sqrt(share * (1 - share) / (4 * DRAWN))


def test_a_number_of_the_other_half_differs_from_its_partner_as_often_as_the_published_code_has_it():
    tokens, targets = palindromes.STREAM.examples("held out", 0, 4 * DRAWN)
    differs = (tokens[:, 1:11] != tokens[:, 20:10:-1]).mean(axis=0)
    assert abs(differs - 0.5 * 0.5 * 30 / 31).max() < 0.01
    assert (targets[:, :-1] == -1).all()


def permutation_rows():
    """Every permutation and every fifth x, with their share: (mapping, order of x); how the first four are called is one name."""
    for mapping in itertools.permutations(range(1, 6)):
        for fifth in range(5):
            yield mapping, (0, 1, 2, 3, fifth), (0.7 if fifth == 4 else 0.075) / 120


def mean_loss(seen):
    """The mean over five answers of the entropy of y given what is seen, a function of (pairs told, x), exact shares."""
    joint = defaultdict(Counter)
    for mapping, order, share in permutation_rows():
        for step, x in enumerate(order):
            pairs = tuple((other, mapping[other]) for other in order[:step])
            joint[step, seen(pairs, x)][mapping[x]] += share
    return (
        -sum(
            share * math.log(share / sum(answers.values())) for answers in joint.values() for share in answers.values()
        )
        / 5
    )


@pytest.fixture(scope="module")
def plateaus():
    def values_alone(pairs):
        return tuple(sorted(y for _, y in pairs))

    return {
        "nothing noticed": mean_loss(lambda pairs, x: values_alone(pairs)),
        "noticed": mean_loss(lambda pairs, x: (values_alone(pairs), x in dict(pairs))),
        "recalled": mean_loss(lambda pairs, x: (values_alone(pairs), dict(pairs).get(x))),
        "everything": mean_loss(lambda pairs, x: (pairs, x)),
    }


def test_the_plateaus_of_elimination_and_recall_are_what_counting_all_sequences_says(plateaus):
    (told,) = [item for item in hl.tasks["permutation"].references if item.kind == "exact"]
    assert (told.recipe, told.value) == ("5-epochs", pytest.approx(plateaus["noticed"], abs=1e-12))
    assert plateaus["recalled"] == pytest.approx(plateaus["everything"], abs=1e-12)
    assert all(
        f"{plateaus[name]:.4f}" in hl.tasks["permutation"].text for name in ("nothing noticed", "noticed", "recalled")
    )


def test_nobody_is_right_more_often_than_the_permutation_task_says_at_all_places(plateaus):
    best = of_last_token(
        (step, (tuple(order[:step]), mapping[:0] if step < 4 else x in order[:4], tuple(mapping[o] for o in order[:step]), x),
         mapping[x], share)
        for mapping, order, share in permutation_rows()
        for step, x in enumerate(order)
    )  # fmt: skip
    assert f"{float(best):.3f}" == "0.457"
    assert "0.457" in hl.tasks["permutation"].text


def test_permutations_that_are_tested_are_never_trained_on_and_are_the_published_ones():
    trained, unseen = (set(map(tuple, some.tolist())) for some in (permutation.TRAINED, permutation.UNSEEN))
    assert (len(trained), len(unseen), len(trained | unseen)) == (96, 24, 120)
    assert {(4, 1, 3, 5, 2), (5, 3, 2, 4, 1)} <= unseen  # the two that the published notebook shows as unseen
    for stream, known in (("train", trained), ("held out", unseen), ("test", unseen)):
        tokens, targets = permutation.STREAM.examples(stream, 0, 2000)
        for row, answers in zip(tokens.tolist(), targets[:, ::2].tolist(), strict=True):
            told = dict(zip(row[::2], answers, strict=True))
            assert any(all(mapping[x - 1] == y for x, y in told.items()) for mapping in known)


def test_a_fifth_x_was_there_three_times_of_ten_and_is_then_any_of_the_four():
    tokens, targets = permutation.STREAM.examples("train", 0, DRAWN)
    again = tokens[:, 8, None] == tokens[:, :8:2]
    assert (again.sum(axis=1) <= 1).all()
    assert abs(again.mean(axis=0) - 0.075).max() < 4 * math.sqrt(0.075 / DRAWN)
    told = np.take_along_axis(targets[:, :8:2], again.argmax(axis=1)[:, None], axis=1)[:, 0]
    assert (told == targets[:, 8])[again.any(axis=1)].all()


def test_the_loss_of_the_best_predictor_is_the_lowest_plateau(plateaus):
    tokens, targets = permutation.STREAM.examples("held out", 0, DRAWN)
    shares = permutation.bayes(tokens)
    losses = -np.log(np.take_along_axis(shares, targets[..., None].clip(0), axis=2)[..., 0][targets >= 0])
    assert losses.mean() == pytest.approx(plateaus["recalled"], abs=1e-12)  # the same for every sequence


@pytest.mark.parametrize("name", ["sort1", "sort10", "cumsum", "palindromes", "permutation"])
def test_a_task_keeps_what_a_stream_promises(name):
    assert hl.tasks[name].dataset.stream.check() == []


@pytest.mark.parametrize("name", ["sort10", "cumsum", "palindromes"])
def test_a_table_is_of_whole_batches_and_drawn_as_the_published_number_of_examples_is(name):
    task = hl.tasks[name]
    training = task.recipes["published"].training
    n_rows = task.dataset.stream.n_rows
    published = {"sort10": 150_000, "cumsum": 150_000, "palindromes": 100_000}[name]
    assert n_rows % training.batch_size == 0
    assert 0 <= n_rows - published < training.batch_size
