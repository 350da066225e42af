"""Grading by running again: honest files get their points, forged ones what running again gives and no more."""

import json
import random

import handed_in
import numpy as np
import pytest
from tiers import sized

from headlab.engine.golden import FILE
from headlab.errors import ConfigError
from headlab.homework.grading.again import hashes, trained_again
from headlab.homework.grading.answer_file import AnswerFile
from headlab.homework.grading.asked import Asked
from headlab.homework.grading.grade import grade
from headlab.homework.grading.graded import MISSING, RIGHT, TO_READ
from headlab.homework.grading.pooled import Class
from headlab.runs.experiment import notebook_fields

ASSIGNMENT = handed_in.quick()
POINTS = {question.id: question.points for question in ASSIGNMENT.questions}


@pytest.fixture(scope="module")
def students():
    return handed_in.Class(ASSIGNMENT, [f"s{number:03}" for number in range(40)])


def grade_files(folder, files):
    """Grade files, by their names."""
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, data in files.items():
        (folder / f"{name}.txt").write_bytes(data)
    return grade(ASSIGNMENT, folder, explain=False)


def number_in(said, name):
    """The number that an answer is, with a point or a comma; none where it is no number."""
    try:
        return float(str(said.get(name, {}).get("value")).replace(",", "."))
    except ValueError:
        return float("nan")


def worth(data, trained):
    """By question, what a file is worth at most, from runs that were trained without anything that grades."""
    try:
        file = AnswerFile.of(data)
    except ValueError:
        return {}
    if file.assignment != ASSIGNMENT.hash or file.numerics != 2:
        return {}
    variant = ASSIGNMENT.variant_of(file.student)
    if file.variant != variant.number:
        return {}
    runs = {}
    for number, named in enumerate(file.runs):
        try:
            fields = ASSIGNMENT.fields(variant, named.address)
        except ConfigError:
            continue
        run, digest = trained.of(fields)
        if digest == named.hash:
            runs[number] = fields, run
    said = file.answers
    found = {}
    good = runs.get(said.get("good", {}).get("run"))
    if good and good[1].grade() == "solved":
        found["good"] = POINTS["good"]
    if good and said.get("looks", {}).get("value") == handed_in.looks_most(good[1], 0, 3):
        found["looks"] = POINTS["looks"]
    if good and abs(number_in(said, "loss") - float(good[1].final_loss)) < 0.0005501:
        found["loss"] = POINTS["loss"]
    following = runs.get(said.get("next", {}).get("run"))
    if following and said["next"].get("value") == handed_in.predicted(following[1], 1, 3):
        found["next"] = POINTS["next"]
    collected = [runs[number] for number in said.get("sizes", {}).get("runs", []) if number in runs]
    at = {size: {fields["seed"]: run for fields, run in collected if fields["d_head"] == size} for size in (4, 10)}
    found["sizes"] = POINTS["sizes"] * sum(min(3, len(some)) for some in at.values()) / 6
    losses = [float(run.final_loss) for run in at[4].values()]
    if losses and abs(number_in(said, "median") - np.median(losses)) < 0.0005501:
        found["median"] = POINTS["median"]
    if at[4] and at[10] and said.get("better", {}).get("value") == "cannot be told":
        found["better"] = POINTS["better"]
    small = runs.get(said.get("small", {}).get("run"))
    if small and small[1].grade() == "solved":
        found["small"] = POINTS["small"] * (1 if small[0]["d_head"] <= 3 else 0.5)
    return found


def test_the_hash_of_a_run_is_that_of_the_golden_weights():
    # Golden hashes are of several seeds at once; those of one seed are made by the same bytes.
    setting = next(item for item in FILE["settings"] if item["name"] == "d_head 10")
    from headlab.config import ModelConfig, TrainConfig
    from headlab.data.corpus import Corpus
    from headlab.engine.golden import sha256
    from headlab.runs.train import train

    model = ModelConfig.from_dict({**FILE["model"], **setting["model"]})
    training = TrainConfig.from_dict({**FILE["training"], **setting["training"]})
    runs = train(Corpus.notebook(), model, training, seeds=range(4), record="none", snapshots=None)
    order, shape = runs.corpus.batch.order, model.on(runs.corpus)
    assert sha256(runs.params.flat(), order, shape) == setting["sha256"]["few"]
    assert hashes(runs) == [sha256(runs.params.flat()[[at]], order, shape)[:32] for at in range(4)]


def test_equal_runs_are_trained_once_and_those_of_one_setting_together(monkeypatch):
    from headlab.homework.grading import again

    calls = []
    real = again.train
    monkeypatch.setattr(
        again, "train", lambda *given, **more: calls.append(list(more["seeds"])) or real(*given, **more)
    )
    quick = {**notebook_fields(), "steps": 50, "schedule": "constant"}
    asked = [Asked.of({**quick, "seed": seed, "d_head": size}) for size in (5, 6, 5.0) for seed in (1, 2, 1)]
    assert len(trained_again(asked)) == 4
    assert calls == [[1, 2], [1, 2]]


def test_an_honest_file_gets_all_points_but_those_of_its_sentence(students, tmp_path):
    files = {student: handed_in.as_bytes(file) for student, file in students.files.items()}
    grades = grade_files(tmp_path / "in", files)
    assert not grades.refused
    assert len(grades.graded) == len(files)
    for one in grades.graded:
        verdicts = {item.question.id: item.verdict for item in one.items}
        assert not one.problems
        assert verdicts.pop("why") == TO_READ
        assert verdicts.pop("small") in (RIGHT, MISSING)
        assert set(verdicts.values()) == {RIGHT}, (one.student, verdicts)


@pytest.mark.parametrize("count", sized(340, 10_200))
def test_a_forged_file_is_credited_with_nothing_that_running_again_does_not_give(students, tmp_path, count):
    rng = random.Random(count)
    files, tried = students.files, 0
    while tried < count:
        made = {}
        for student, file in files.items():
            others = [other for name, other in files.items() if name != student]
            for kind, data in handed_in.forged(file, others, ASSIGNMENT, rng):
                made.setdefault(kind, {})[student] = data
        for kind, some in made.items():
            some = dict(rng.sample(sorted(some.items()), 20)) if count < 1000 else some
            grades = grade_files(tmp_path / "in", some)
            tried += len(some)
            known = {one.student: one for one in grades.graded}
            for student, data in some.items():
                one = known.get(student)
                limit = worth(data, students.trained)
                if one is None:  # its id is another one now, or it cannot be read
                    continue
                for item in one.items:
                    assert item.points <= limit.get(item.question.id, 0) + 1e-9, (kind, student, item)
    assert tried >= count


def test_what_is_wrong_with_a_file_is_one_sentence_and_the_others_are_graded(students, tmp_path):
    ada, bob, eve = [*students.files.values()][:3]
    forge = {
        "other assignment": ({**ada, "assignment": "0" * 32, "name": "hw9"}, "must answer quick, got answers to 'hw9'"),
        "other time": ({**ada, "assignment": "0" * 32}, "got quick as it was at another time"),
        "other numerics": ({**ada, "numerics": 1}, "numerics must be 2, as in the assignment, got 1"),
        "other variant": ({**ada, "variant": (ada["variant"] + 1) % 8}, "somebody else's"),
        "no variant": ({**ada, "variant": None}, f"must be {ada['variant']}, got none"),
    }
    for name, (file, said) in forge.items():
        grades = grade_files(tmp_path / "in", {name: handed_in.as_bytes(file), "bob": handed_in.as_bytes(bob)})
        one, other = sorted(grades.graded, key=lambda item: item.student != ada["id"])
        assert one.refused, name
        assert len(one.problems) == 1
        assert said in one.problems[0], one.problems
        assert one.score == 0
        assert ada["id"] not in grades.scores
        assert other.score > 0
    assert eve


def test_of_a_run_that_breaks_a_rule_or_has_another_hash_nothing_counts(students, tmp_path):
    ada = next(iter(students.files.values()))
    run = ada["runs"][0]
    others = ada["runs"][1:]
    for changed, said in (
        ([f"{run[0]}&learning_rate=0.5", run[1]], "learning_rate is fixed at 0.3 in this assignment, got 0.5"),
        ([f"{run[0]}&d_head=64", run[1]], "d_head must be from 1 to 16 in this assignment, got 64"),
        (["seed=5", run[1]], "seed must be one of yours"),
        ([run[0], "0" * 32], "no such run was found"),
        ([run[0], others[0][1]], "the hash is that of seed"),
        (["nonsense=5", run[1]], "nonsense is no setting"),
        ([f"d_head=0x{'f' * 4000}", run[1]], "d_head must be from 1 to 16 in this assignment, got 20"),
    ):
        file = {**ada, "runs": [changed, *others]}
        one = grade_files(tmp_path / "in", {"a": handed_in.as_bytes(file)}).graded[0]
        assert len(one.problems) == 1, one.problems
        assert said in one.problems[0]
        counted = {item.question.id: item.points for item in one.items}
        assert counted["good"] == counted["looks"] == counted["loss"] == 0
        assert counted["sizes"] == 2


def test_a_run_under_several_addresses_is_collected_once(students, tmp_path):
    ada = next(iter(students.files.values()))
    address, digest = ada["runs"][ada["answers"]["sizes"]["runs"][0]]
    fields = ASSIGNMENT.fields(ASSIGNMENT.variant_of(ada["id"]), address)
    seed, size = fields["seed"], fields["d_head"]
    spelled = [f"seed=0{seed}&d_head={size}", f"seed=%2B{seed}&d_head={size}.0", f"d_head={hex(size)}&seed={seed}e0"]
    file = {**ada, "runs": [[other, digest] for other in spelled], "answers": {"sizes": {"runs": [0, 1, 2]}}}
    (one,) = grade_files(tmp_path / "in", {"a": handed_in.as_bytes(file)}).graded
    assert (one.problems, len(one.runs), one.score) == ((), 3, 0.33)


def test_runs_that_would_take_too_long_are_refused_before_any_is_trained(students, tmp_path, monkeypatch):
    from headlab.homework.grading import again

    ada, bob = [*students.files.values()][:2]
    for name, file in (("a", ada), ("b", bob)):
        (tmp_path / f"{name}.txt").write_bytes(handed_in.as_bytes(file))
    monkeypatch.setattr(again, "train", lambda *_, **__: pytest.fail("trained"))
    grades = grade(ASSIGNMENT, tmp_path, most_seconds=1e-9)
    assert [one.refused for one in grades.graded] == [True, True]
    assert "none was trained" in grades.graded[0].problems[0]


def test_two_files_with_one_sentence_are_told_to_the_instructor_alone(students, tmp_path):
    from headlab.homework.grading import results

    ada, bob, eve = (json.loads(json.dumps(file)) for file in [*students.files.values()][:3])
    bob["answers"]["why"]["text"] = f"  {ada['answers']['why']['text'].upper()} "
    files = {file["id"]: handed_in.as_bytes(file) for file in (ada, bob, eve)}
    grades = grade_files(tmp_path / "in", files)
    notes = {one.student: one.notes for one in grades.graded}
    assert notes[ada["id"]] == (f"The same sentence for why, with other runs: {bob['id']}. Read them side by side.",)
    assert notes[eve["id"]] == ()
    for form in results.FORMS:
        told = json.dumps(results.of(grades.graded[0], 10, form))
        assert "same sentence" not in told
        assert bob["id"] not in told


def test_what_two_files_say_alike_in_several_places_is_one_note(students):
    from headlab.homework.grading import words

    said = words.sentences_alike(["bob"], ["why", "size"], same_runs=True)
    assert said == "The same sentences for why and size, and the same runs: bob. Read them side by side."


def test_equal_files_are_graded_once_and_different_ones_of_one_id_not_at_all(students, tmp_path):
    ada, bob = [*students.files.values()][:2]
    same = {"one": handed_in.as_bytes(ada), "two": json.dumps(ada).encode(), "bob": handed_in.as_bytes(bob)}
    grades = grade_files(tmp_path / "in", same)
    assert [one.student for one in grades.graded] == [ada["id"], bob["id"]]
    assert "graded once" in grades.graded[0].notes[0]
    other = {**ada, "answers": {}}
    grades = grade_files(tmp_path / "in", {**same, "two": handed_in.as_bytes(other)})
    assert [one.refused for one in grades.graded] == [True, False]
    assert grades.graded[0].problems == (
        f"one file must be handed in for {ada['id']}, got different ones (one.txt, two.txt): leave the right one there",
    )


def test_a_class_is_pooled_without_ids_and_a_run_that_two_have_is_one(students, tmp_path):
    files = {student: handed_in.as_bytes(file) for student, file in students.files.items()}
    grades = grade_files(tmp_path / "in", files)
    pooled = Class.of(grades)
    assert pooled.students == len(files)
    (answer,) = pooled.answers
    runs = {
        value: {tuple(run) for file in students.files.values() for run in file["runs"] if f"d_head={value}" in run[0]}
        for value in (4, 10)
    }
    hashes = {run[1] for run in runs[4]}
    assert answer.groups[0].rate.n == len(hashes)
    assert "no difference at all" in pooled.seen[0]
    text = json.dumps(pooled.to_dict())
    assert not any(student in text for student in files)
