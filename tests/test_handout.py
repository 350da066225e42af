"""What is handed out: the same bytes twice, taken by the schemas and run-times of its readers, and no key in it."""

import csv
import email
import io
import json
import os
import stat
import subprocess
import sysconfig
import zipfile
from pathlib import Path

import handed_in
import handed_out
import pytest
from tiers import long

from headlab.report.handout import wheel as wheels
from headlab.report.handout.autograder import autograder_zip
from headlab.report.handout.page import HOMEWORK, homework_page
from headlab.report.handout.scorm import manifest, scorm_zip
from headlab.report.handout.wheel import Wheel, pure_wheel

SCHEMAS = Path(__file__).parent / "data" / "scorm"
WHEEL = Wheel("headlab-0-py3-none-any.whl", b"")


def entries(content):
    return zipfile.ZipFile(io.BytesIO(content)).infolist()


@pytest.mark.skipif(os.name == "nt", reason="the programs are for bash")
def test_an_autograder_has_its_two_programs_at_the_root_and_they_are_executable_bash():
    found = {entry.filename: entry for entry in entries(autograder_zip("hw1", b"", WHEEL))}
    assert list(found) == ["setup.sh", "run_autograder", "hw1.toml", WHEEL.name]
    for name, entry in found.items():
        assert bool(entry.external_attr >> 16 & stat.S_IXUSR) == (name in ("setup.sh", "run_autograder"))
    archive = zipfile.ZipFile(io.BytesIO(autograder_zip("hw1", b"", WHEEL)))
    for name in ("setup.sh", "run_autograder"):
        assert archive.read(name).startswith(b"#!/usr/bin/env bash\n")
        done = subprocess.run(["bash", "-n"], input=archive.read(name), capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(os.name == "nt", reason="the programs are for bash")
@pytest.mark.parametrize(
    ("grades", "told"), [("echo '{}' >results/results.json", "{}"), ("exit 1", "no fault of the submission")]
)
def test_an_autograder_leaves_a_result_whatever_becomes_of_it(tmp_path, grades, told):
    archive = zipfile.ZipFile(io.BytesIO(autograder_zip("hw1", b"", WHEEL)))
    program = tmp_path / "headlab" / "bin" / "headlab"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/asked\ncd {tmp_path}\n{grades}\n')
    program.chmod(0o755)
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "hw1.toml").touch()
    subprocess.run(
        ["bash"],
        input=archive.read("run_autograder"),
        env={**os.environ, "HEADLAB_AUTOGRADER": str(tmp_path)},
        check=True,
    )
    assert told in (tmp_path / "results" / "results.json").read_text()
    asked = (tmp_path / "asked").read_text().replace(str(tmp_path), "/autograder").split()
    where = [
        "/autograder/source/hw1.toml",
        "/autograder/submission",
        "--format",
        "gradescope",
        "--out",
        "/autograder/results",
    ]
    assert asked == ["homework", "grade", *where]


def test_the_wheel_is_pure_needs_its_run_time_and_lists_all_of_its_files():
    made = pure_wheel()
    archive = zipfile.ZipFile(io.BytesIO(made.content))
    names = archive.namelist()
    assert made.name.endswith("-py3-none-any.whl")
    assert not [name for name in names if "_native" in name or name.endswith((".so", ".pyd", ".pyc", ".hpp"))]
    assert {"headlab/engine/kernel.wasm", "headlab/py.typed", "headlab/cli/main.py"} <= set(names)
    info = next(name for name in names if name.endswith("/METADATA")).rpartition("/")[0]
    metadata = email.message_from_string(archive.read(f"{info}/METADATA").decode())
    assert [need for need in metadata.get_all("Requires-Dist") if need.startswith("wasmtime") and ";" not in need]
    assert "headlab = headlab.cli.main:main" in archive.read(f"{info}/entry_points.txt").decode()
    assert [row[0] for row in csv.reader(io.StringIO(archive.read(f"{info}/RECORD").decode()))] == names


@pytest.mark.parametrize(
    "needs",
    [
        "Requires-Dist: wasmtime>=50\n",
        'Requires-Dist: numpy\nRequires-Dist: wasmtime>=50; extra == "wasm"\n',
        "Requires-Dist: numpy\n",
    ],
)
def test_metadata_asks_for_the_run_time_once_whatever_was_built(needs):
    found = email.message_from_string(wheels.with_runtime(f"Name: headlab\n{needs}Provides-Extra: dev\n\nThe text"))
    assert (
        len([need for need in found.get_all("Requires-Dist") if need.startswith("wasmtime") and ";" not in need]) == 1
    )
    assert (found["Name"], found["Provides-Extra"], found.get_payload()) == ("headlab", "dev", "The text")


@pytest.mark.parametrize("title", ["How does a head know “chicken”?", "Where & <why>\x1b\n", "x" * 300, ""])
def test_the_manifest_is_valid_by_the_schemas_of_scorm(title):
    etree = pytest.importorskip("lxml.etree", reason="lxml, which knows schemas, is not installed")
    schema = etree.XMLSchema(etree.parse(str(SCHEMAS / "package.xsd")))
    schema.assertValid(etree.fromstring(manifest("1-hw_1", title).encode()))
    assert not schema.validate(etree.fromstring(manifest("hw1", title).replace('"sco"', '"page"').encode()))


def test_a_scorm_package_is_a_manifest_and_the_page():
    archive = zipfile.ZipFile(io.BytesIO(scorm_zip("hw1", "How?", "<html></html>")))
    assert archive.namelist() == ["imsmanifest.xml", "index.html"]
    assert archive.read("index.html") == b"<html></html>"


def test_archives_are_the_same_bytes_twice():
    assert pure_wheel() == pure_wheel()
    assert autograder_zip("hw1", b"a", WHEEL) == autograder_zip("hw1", b"a", WHEEL)
    assert {entry.date_time for entry in entries(scorm_zip("hw1", "How?", ""))} == {(1980, 1, 1, 0, 0, 0)}


def test_what_is_asked_stands_in_the_page_as_data(tmp_path, monkeypatch):
    stub = tmp_path / "homework.html"
    stub.write_text("<html><body><p>The lab</p></body></html>")
    monkeypatch.setattr("headlab.report.handout.page.HOMEWORK", stub)
    page = homework_page({"title": "</script><b>", "about": "“naïve”"})
    assert page.endswith('"about": "\\u201cna\\u00efve\\u201d"}</script>\n  </body></html>')
    assert "</script><b>" not in page


@pytest.mark.skipif(not HOMEWORK.exists(), reason="headlab was built without its page")
def test_the_page_as_it_is_built_holds_what_is_asked_once_and_no_key():
    page = homework_page(handed_out.secretive().public())
    assert page.count('id="headlab-assignment"') == 1
    assert not [secret for secret in handed_out.SECRETS if secret in page]


@long
@pytest.mark.skipif(os.name == "nt", reason="the programs are for bash")
def test_an_autograder_sets_itself_up_and_grades_with_the_wheel_that_it_brings(tmp_path):
    pytest.importorskip("wasmtime", reason="wasmtime, which the wheel needs, is not installed")
    beside = tmp_path / "beside"  # what the wheel needs, as pip would fetch it; but no headlab
    beside.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not any(name in path.name.lower() for name in ("headlab", "pip", "setuptools", ".pth")):
            (beside / path.name).symlink_to(path)
    told = {"HEADLAB_AUTOGRADER": str(tmp_path), "PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PYTHONPATH": str(beside)}
    environment = {**{name: value for name, value in os.environ.items() if name != "HEADLAB_BACKEND"}, **told}
    source, submission = tmp_path / "source", tmp_path / "submission"
    zipfile.ZipFile(io.BytesIO(autograder_zip("quick", handed_in.QUICK.encode()))).extractall(source)
    submission.mkdir()
    (submission / "quick-ab12.txt").write_bytes(handed_in.as_bytes(handed_in.Class(handed_in.quick(), []).file("ab12")))
    done = subprocess.run(["bash", source / "setup.sh"], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()[-2:]) == (0, ["wasm", "(simd128)"]), done.stderr
    subprocess.run(["bash", source / "run_autograder"], env=environment, check=True, stdout=subprocess.DEVNULL)
    found = json.loads((tmp_path / "results" / "results.json").read_text())
    assert (found["score"], len(found["tests"])) == (11, 9)
