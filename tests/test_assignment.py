"""Assignments: read with every problem and its line, handed out without the key, and changed by nobody who may not."""

import contextlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headlab.config.numerics import NUMERICS
from headlab.errors import ConfigError, HeadlabError
from headlab.homework.assignment.assignment import Assignment
from headlab.homework.assignment.lines import lines_of
from headlab.homework.assignment.question import FIELDS_OF
from headlab.homework.assignment.template import TEMPLATE, template
from headlab.homework.assignment.variants import number_of

EXAMPLES = Path(__file__).parents[1] / "examples"
ALL_WRONG = 'title = "a"\nlab = 3\nvariants = 2\nquestion = []'
SENTENCE = '[[question]]\nid = "why"\nkind = "sentence"\nask = "Why?"\npoints = 1\n'
KEYS = ("right", "wrong", "par", "solved", "mechanisms", "skip")


def read(text: str) -> Assignment:
    return Assignment.of_text(text, "hw1")


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as found:
        read(text)
    for problem in found.value.problems:
        assert problem.line is None or str(problem).startswith(f"line {problem.line}: ")
    return str(found.value).splitlines()


def test_the_template_is_an_assignment_and_the_example() -> None:
    found = Assignment.read(TEMPLATE)
    assert {question.kind for question in found.questions} == {
        "picture",
        "choose",
        "claim",
        "sentence",
        "runs",
        "number",
    }
    assert found.numerics == NUMERICS
    assert (EXAMPLES / "hw1.toml").read_text(encoding="utf-8") == template()
    assert read(template("week3")).name == "week3"


def test_every_problem_is_told_at_once_each_with_its_line() -> None:
    text = (
        'titel = "a"\ntitle = ""\n[lab]\nd_heads = 4\nfixed = ["learning_rat"]\n[lab.range]\nd_head = [64, 1]\n'
        "[variants]\nnumber = 0\n"
        '[[question]]\nid = "a b"\nkind = "choose"\nask = "?"\npoints = 1\nquantity = { name = "looks_mst" }\n'
        '[[question]]\nid = "b"\nkind = "number"\nask = "?"\npoints = -1\nquantity = { name = "weight", on = "man" }\n'
    )
    found = problems(text)
    assert [int(re.match(r"line (\d+): ", line)[1]) for line in found] == [1, 2, 4, 5, 7, 9, 11, 15, 16, 20, 21]  # type: ignore[index]
    assert "did you mean title?" in found[0]
    assert "did you mean learning_rate?" in found[3]
    assert "did you mean looks_most?" in found[7]


@pytest.mark.parametrize(
    ("text", "instead", "said"),
    [
        ('word = "the" }\nright', 'word = "then" }\nright', "known are <Start>, man, ordered, the, chicken"),
        (
            'run = "good"',
            'run = "god"',
            "run must be the id of a question that has a run of its own, got god: did you mean",
        ),
        (
            'from = "sizes"',
            'from = "size"',
            "from must be the id of a question of the kind runs, got size: did you mean sizes?",
        ),
        ("value = 40, base = 10", "value = 80, base = 10", "value and base must be among 10, 20, 40, got 80"),
        ("value = 40, base = 10", "value = 40, base = 40", "two different ones"),
        ("\nd_head = [1, 64]", "", "d_head must not be fixed"),
        ("values = [10, 20, 40]", "values = [10, 20, 99]", "d_head must be from 1 to 64 in this assignment, got 99"),
        ("each = 100", "each = 2", "each must be at most the 2 seeds that a student has, got 3"),
        ('id = "looks2"', 'id = "looks1"', "id must be another for every question, got looks1 twice"),
        ("most = 500", "most = 4000", "an answer file must fit 8,192 bytes"),
        ("numerics = 2 ", "numerics = 1 ", "take the headlab that the assignment was made with"),
        (
            'name = "probability"',
            'name = "coding"',
            "a question of the kind number must have a quantity whose answer is",
        ),
        ("first = 1000 ", "# ", "variants must have seeds"),
        (
            "d_head = [1, 64]",
            "d_head = [1, 64]\ninit_scale = [0, inf]",
            "must be two numbers, like [1, 64], got [0, inf]",
        ),
        ("values = [10, 20, 40]", "values = [10, 20, 20.0]", "a list of 1 to 16 different values"),
        ("d_head = [1, 64]", "d_head = [1, 64]\nseed = [0, 9]", "seed must be free where variants have seeds"),
    ],
)
def test_what_does_not_go_together_is_said(text: str, instead: str, said: str) -> None:
    assert text in template()
    assert said in "\n".join(problems(template().replace(text, instead)))


@pytest.mark.parametrize(
    ("find", "said"),
    [
        ('setting = "optimizer", best = "lowest", goal = "solved", par = 2', "setting must be one of d_head"),
        (
            'setting = "d_head", best = "lowest", goal = "solved", par = 2.5',
            "d_head 2.5 must be one that can be trained",
        ),
        (
            'setting = "d_head", best = "lowest", goal = "solved", par = 17',
            "d_head must be from 1 to 16 in this assignment",
        ),
        ('setting = "d_head", best = "least", goal = "solved", par = 2', "best must be one of lowest, highest"),
        (
            'setting = "d_head", best = "lowest", goal = "not solved", par = 2',
            "goal must be one of solved, right by a hair",
        ),
        ('setting = "d_head", best = "lowest", goal = "solved"', "find must say its par, got none"),
    ],
)
def test_what_cannot_be_found_is_not_asked_for(find: str, said: str) -> None:
    text = (EXAMPLES / "three-way.toml").read_text(encoding="utf-8")
    asked = 'find = { setting = "d_head", best = "lowest", goal = "solved", par = 2 }'
    assert asked in text
    assert said in "\n".join(problems(text.replace(asked, f"find = {{ {find} }}")))


def test_no_key_is_in_what_students_see() -> None:
    found = Assignment.read(TEMPLATE)
    told = json.dumps(found.public())
    for question in found.questions:
        assert not {*KEYS} & question.public().keys()
        for feedback in filter(None, (question.right, question.wrong)):
            assert feedback not in told
    assert "0.5" not in told


def test_the_key_and_the_version_may_be_mended_without_another_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Assignment.read(TEMPLATE)
    assert re.fullmatch("[0-9a-f]{32}", before.hash)
    mended = read(
        template()
        .replace("Yes: that weight", "Right: that weight")
        .replace("solved = [0.5, 1.0]", "solved = [0.6, 1.0]")
    )
    monkeypatch.setattr("headlab.__version__", "9.9.9")
    assert mended.hash == before.hash
    assert mended.public()["version"] == "9.9.9"
    assert read(template().replace("three at least", "four at least")).hash != before.hash


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("learning_rate=0.02", "learning_rate is fixed at 0.01 in this assignment, got 0.02"),
        ("d_head=65", "d_head must be from 1 to 64 in this assignment, got 65"),
        ("text=a+b&task=", "task is fixed in this assignment, got ''"),
        ("fork=100", "fork is fixed in this assignment, got 100"),
        ("seed=3", "seed must be one of yours, from"),
        ("seed=3&d_head=99", "d_head must be from 1 to 64 in this assignment, got 99\nseed must be"),
        ("d_head=5&d_head=6", "d_head must be said once"),
        ("heads=5", "heads is no setting"),
        ("d_head=x&n_layers=", "n_layers is fixed at 1 in this assignment, got none"),
    ],
)
def test_no_address_gets_round_what_is_fixed(address: str, said: str) -> None:
    found = Assignment.read(TEMPLATE)
    with pytest.raises(ConfigError, match=re.escape(said)):
        found.experiment(found.variant_of("ab12"), address)


def test_a_fork_gets_round_nothing() -> None:
    # A setting could be sought that only the last step has, which is no run with that setting.
    found = read('title = "a"\n[lab]\nfixed = ["learning_rate"]\n' + SENTENCE)
    variant = found.variant_of("ab12")
    for address in ("fork=5019&momentum=1", "fork=100&before={}", "before={}"):
        with pytest.raises(ConfigError, match=r"(fork|before) is fixed in this assignment"):
            found.experiment(variant, address)


def test_what_solves_the_sentences_is_sought_with_these_sentences() -> None:
    find = 'find = { setting = "d_head", best = "lowest", goal = "solved", par = 3 }'
    kinds = {SENTENCE: False, SENTENCE.replace('"sentence"', '"find"') + find: True}
    for question, fixed in kinds.items():
        assert ("text" in read('title = "a"\n' + question).lab.fixed) == fixed


def test_a_setting_is_asked_for_only_where_the_optimizer_has_it() -> None:
    asked = SENTENCE.replace('"sentence"', '"find"')
    asked += 'find = { setting = "momentum", best = "highest", goal = "solved", par = 0.9 }'
    for lab in ("", 'optimizer = "adam"\nfixed = ["optimizer"]'):
        (said,) = problems(f'title = "a"\n[lab]\n{lab}\n{asked}')
        assert "optimizer must be fixed at sgd or rmsprop where momentum is asked for" in said
    assert read(f'title = "a"\n[lab]\nfixed = ["optimizer"]\n{asked}').questions


def test_what_is_not_fixed_may_be_changed() -> None:
    found = Assignment.read(TEMPLATE)
    variant = found.variant_of("AB12")
    assert variant == found.variant_of("ab12")
    seeds = variant.seeds
    assert seeds is not None
    for seed in (seeds[0], seeds[-1]):
        experiment = found.experiment(variant, f"seed={seed}&d_head=40")
        assert (experiment.seed, experiment.model.d_head) == (seed, 40)
    assert found.experiment(variant, "").seed == seeds[0]


def test_variants_are_given_out_evenly_and_without_those_left_out() -> None:
    found = read(template().replace("skip = []", "skip = [0, 5, 23]"))
    counts = [0] * 21
    for student in range(2100):
        counts[number_of(f"student{student}", found.hash, 21)] += 1
    assert min(counts) > 60
    assert max(counts) < 145
    assert [variant.seeds[0] for variant in found.handed_out if variant.seeds] == [
        1000 + 100 * number for number in range(24) if number not in (0, 5, 23)
    ]
    assert found.public()["variants"]["number"] == 21


@pytest.mark.parametrize("student", ["", "a b", "a" * 65, "ä", "a/b", None, 5])
def test_what_is_no_id_is_refused(student: Any) -> None:
    with pytest.raises(ConfigError, match="an id must be 1 to 64 letters"):
        Assignment.read(TEMPLATE).variant_of(student)


def test_corpora_are_given_out_with_the_variants() -> None:
    text = (
        'title = "a"\n[variants]\nnumber = 3\nskip = [0]\ncorpora = ["the cat saw the dog", "a dog ran\\na cat sat"]\n'
        + SENTENCE
    )
    found = read(text)
    assert [variant.fields["text"][:2] for variant in found.handed_out] == ["a ", "th"]
    assert found.public()["variants"] == {
        "seeds": None,
        "corpora": ["the cat saw the dog", "a dog ran\na cat sat"],
        "corpus": [1, 0],
        "number": 2,
    }
    assert {"task", "text", "start", "wrap"} <= set(found.lab.fixed)
    assert "corpus 2: " in "\n".join(problems(text + LOOKS.format(word="saw")))


LOOKS = '[[question]]\nid = "l"\nkind = "choose"\nask = "?"\npoints = 1\nquantity = {{ name = "looks_most", word = "{word}" }}\n'


@pytest.mark.parametrize("kind", FIELDS_OF)
def test_a_question_without_anything_says_all_that_it_lacks(kind: str) -> None:
    found = problems(f'title = "a"\n[[question]]\nkind = "{kind}"\n')
    assert [line.split()[2] for line in found][:3] == ["id", "ask", "points"]


def test_lines_are_those_of_the_file_whatever_stands_in_strings() -> None:
    text = 'a = """\n[b]\n\\"""" # [c]\nd = [\n  1, # ]\n  "]",\n]\n["e f".g]\nh.i = \'#\'\n'
    text += "[[j]]\nk = { l = 1 }\n[[j]]\n[j.m]\nn = 1\n"
    assert lines_of(text) == {
        ("a",): 1,
        ("d",): 4,
        ("e f", "g"): 8,
        ("e f", "g", "h", "i"): 9,
        ("j", 0): 10,
        ("j", 0, "k"): 11,
        ("j", 1): 12,
        ("j", 1, "m"): 13,
        ("j", 1, "m", "n"): 14,
    }


@pytest.mark.parametrize(
    "text",
    ["", "a", "question = 5", "[[question]]", "question = [1]", ALL_WRONG, "a = " + "[" * 5000],
)
def test_what_is_no_assignment_is_a_sentence(text: str) -> None:
    assert problems(text)


WORDS = st.sampled_from(["d_head", "the", "solved", "loss"])
NAMES = st.sampled_from(["name", "word", "setting", "values", "a"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
LINES = template().splitlines()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_no_change_of_a_file_is_a_traceback(data: st.DataObject) -> None:
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        key, equals, _ = lines[at].partition(" = ")
        change = data.draw(st.sampled_from(["value", "drop", "double", "text"]))
        if change == "value" and equals:
            lines[at] = f"{key} = {_toml(data.draw(VALUES))}"
        elif change == "text":
            lines[at] = data.draw(st.text(max_size=20))
        else:
            lines[at : at + 1] = [lines[at]] * (2 * (change == "double"))
    with contextlib.suppress(HeadlabError):
        assert read("\n".join(lines)).public()


def _toml(value: Any) -> str:
    match value:
        case None:
            return "1979-05-27"
        case bool():
            return str(value).lower()
        case dict():
            return "{" + ", ".join(f"{name} = {_toml(item)}" for name, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case str():
            return json.dumps(value)
    return repr(value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("before", "[1]"),
        ("before", "{a = 1}"),
        ("init_scale", "nan"),
        ("learning_rate", "inf"),
        ("start", "1"),
        ("wrap", '"yes"'),
        ("seed", "1979-05-27"),
    ],
)
def test_what_no_address_can_say_is_no_field_of_the_lab(field: str, value: str) -> None:
    assert f"line 3: {field} must be " in problems(f'title = "a"\n[lab]\n{field} = {value}\n{SENTENCE}')[0]
