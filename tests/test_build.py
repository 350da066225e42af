"""The build: which compiler is taken, when the wheel without a compiled kernel is made, and what each wheel requires."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build_backend"
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="the package is tested away from its sources")
sys.path.insert(0, str(FOLDER))

import headlab_build  # noqa: E402
from headlab_build import compiler, module  # noqa: E402

WORKS = "exit 0"
FAILS = "echo 'probe.cpp:4: error: no vectors here' >&2; exit 1"
unix = pytest.mark.skipif(os.name == "nt", reason="the compilers here are scripts of a Unix shell")


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CXX", "CXXFLAGS", "CMAKE_ARGS", "CMAKE_TOOLCHAIN_FILE", "HEADLAB_BACKEND"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HEADLAB_NO_PAGE", "1")


@pytest.fixture
def compilers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Make compilers that are nothing but a line of shell the only programs there are."""

    def make(**scripts: str) -> None:
        for name, script in scripts.items():
            path = tmp_path / name.replace("plus", "+")
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr("sysconfig.get_config_var", {"CXX": "cplusplus -pthread"}.get)

    return make


@unix
def test_without_a_compiler_that_is_said(compilers: Any) -> None:
    compilers()
    assert compiler.choose().lacks == "there is no C++ compiler (c++, g++, clang++, or what CXX names)"


@unix
def test_a_compiler_that_cannot_build_the_kernel_counts_as_none_and_its_first_error_is_told(compilers: Any) -> None:
    compilers(gplusplus=FAILS)
    assert compiler.choose() == compiler.Choice("g++", "g++ cannot compile it (probe.cpp:4: error: no vectors here)")


@unix
def test_the_first_compiler_that_works_is_taken(compilers: Any) -> None:
    compilers(cplusplus=FAILS, gplusplus=FAILS, clangplusplus=WORKS)
    assert compiler.choose() == compiler.Choice(cxx="clang++")


@unix
def test_what_cxx_names_is_taken_or_nothing_is(compilers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    compilers(gplusplus=WORKS, mine=FAILS)
    monkeypatch.setenv("CXX", "mine -v")
    assert compiler.choose().lacks.startswith("mine cannot compile it")
    monkeypatch.setenv("CXX", "absent")
    assert compiler.choose().lacks == "the compiler that CXX names, absent, is not there"


@unix
def test_where_cmake_is_told_of_a_compiler_it_is_asked_itself(compilers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    compilers()
    monkeypatch.setenv("CMAKE_ARGS", "-DCMAKE_CXX_COMPILER=/opt/cross/c++")
    assert compiler.choose() == compiler.Choice()
    monkeypatch.delenv("CMAKE_ARGS")
    assert compiler.choose({"cmake.define.CMAKE_TOOLCHAIN_FILE": "cross.cmake"}) == compiler.Choice()


def test_on_windows_nothing_is_compiled_unless_cxx_names_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as windows:
        windows.setattr(compiler.os, "name", "nt")
        lacks = compiler.choose().lacks
    assert "MSVC, which has no vector extensions" in lacks


@pytest.mark.skipif(not shutil.which("c++"), reason="there is no C++ compiler")
def test_a_compiler_that_builds_the_kernel_passes_and_one_without_pythons_headers_does_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CXX", "c++")
    assert compiler.choose() == compiler.Choice(cxx="c++")
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    assert "Python.h" in compiler.choose().lacks


def test_cmake_forgets_the_compiler_of_an_earlier_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cache = tmp_path / "cp311" / "CMakeInit.txt"
    cache.parent.mkdir()
    cache.touch()
    for name, kept in (("a++", True), ("a++", True), ("b++", False)):
        with compiler.taken(compiler.Choice(cxx=name), tmp_path):
            assert os.environ["CXX"] == name
            assert cache.exists() == kept
    assert "CXX" not in os.environ


class Core:
    """scikit-build-core, as a list of the backends that it was asked for; compiling fails."""

    def __init__(self, compiles: bool) -> None:
        self.compiles, self.asked = compiles, []

    def __call__(self, hook: str) -> Any:
        return self.build

    def build(self, folder: str, config_settings: Any) -> str:
        self.asked.append(os.environ.get("HEADLAB_BACKEND", ""))
        if self.asked[-1] != "wasm" and not self.compiles:
            raise SystemExit(1)
        return f"{self.asked[-1]}.whl"


@pytest.mark.parametrize("hook", ["build_wheel", "build_editable"])
def test_a_build_that_fails_in_the_middle_ends_in_the_other_wheel(
    hook: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    core = Core(compiles=False)
    monkeypatch.setattr(headlab_build, "_core", core)
    monkeypatch.setattr(compiler, "choose", lambda settings: compiler.Choice(cxx="c++"))
    monkeypatch.setattr(module, "refuse_stale", lambda: None)
    assert getattr(headlab_build, hook)("dist") == "wasm.whl"
    assert core.asked == ["", "wasm"]
    assert "without a compiled kernel: compiling it failed (see above)." in capsys.readouterr().out


def test_who_asks_for_a_backend_gets_it_or_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    core = Core(compiles=False)
    monkeypatch.setattr(headlab_build, "_core", core)
    monkeypatch.setattr(module, "refuse_stale", lambda: None)
    monkeypatch.setattr(compiler, "choose", lambda settings: compiler.Choice(lacks="there is none"))
    monkeypatch.setenv("HEADLAB_BACKEND", "native")
    with pytest.raises(SystemExit, match="1"):
        headlab_build.build_wheel("dist")
    monkeypatch.setenv("HEADLAB_BACKEND", "wasm")
    assert headlab_build.build_wheel("dist") == "wasm.whl"
    assert core.asked == ["native", "wasm"]
    monkeypatch.setenv("HEADLAB_BACKEND", "wams")
    with pytest.raises(SystemExit, match="HEADLAB_BACKEND is native, wasm or not set, but it is 'wams'"):
        headlab_build.build_wheel("dist")


def test_no_hook_tells_metadata_before_the_build_has_shown_which_wheel_it_is() -> None:
    assert not [name for name in dir(headlab_build) if name.startswith("prepare_metadata")]


def test_a_build_without_a_compiler_asks_for_no_build_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("scikit_build_core")
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(
        "scikit_build_core.builder.get_requires.best_program", lambda *a, **k: None
    )  # not on this machine
    wanted = {}
    for choice in (compiler.Choice(cxx="c++"), compiler.Choice(lacks="there is none")):
        monkeypatch.setattr(compiler, "choose", lambda settings, choice=choice: choice)
        wanted[bool(choice.lacks)] = headlab_build.get_requires_for_build_wheel()
    assert any(name.startswith("cmake") for name in wanted[False])
    assert wanted[True] == []


def told(folder: Path, backend: str, hook: str, **settings: str) -> Path:
    """Return what scikit-build-core makes in `folder` for a backend."""
    folder.mkdir()
    command = [
        sys.executable,
        "-c",
        f"from scikit_build_core import build; print(build.{hook}({str(folder)!r}, {settings}))",
    ]
    environment = {**os.environ, "HEADLAB_BACKEND": backend, "PYTHONPATH": str(FOLDER)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=60)
    return folder / done.stdout.split()[-1]


def requirements(metadata: str) -> set[str]:
    lines = [
        line.removeprefix("Requires-Dist: ") for line in metadata.splitlines() if line.startswith("Requires-Dist: ")
    ]
    return {line for line in lines if "extra ==" not in line}


def test_only_the_wheel_without_a_compiled_kernel_requires_wasmtime_and_fits_every_machine(tmp_path: Path) -> None:
    pytest.importorskip("scikit_build_core")
    native = told(
        tmp_path / "native", "native", "prepare_metadata_for_build_wheel", **{"wheel.cmake": "false"}
    )  # may be missing
    wheel = told(tmp_path / "wasm", "wasm", "build_wheel")
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
        wasm = requirements(opened.read(f"{native.name}/METADATA").decode())
    assert wheel.name.endswith("-py3-none-any.whl")
    assert wasm - requirements((native / "METADATA").read_text()) == {"wasmtime>=50"}
    assert {"headlab/engine/kernel.wasm", "headlab/engine/kernel.json"} <= {*names}
    assert not [name for name in names if "_native" in name]
    assert wheel.stat().st_size < 3_000_000


@pytest.mark.parametrize(
    ("sources", "content", "said"),
    [
        ("these", None, "kernel.wasm is not there"),
        ("these", b"another", "kernel.wasm is not the one that kernel.json tells of"),
        ("others", b"module", "kernel.wasm was made from other sources than those in kernel/"),
    ],
)
def test_a_module_that_is_not_what_the_sources_give_is_in_no_wheel(
    sources: str, content: bytes | None, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("MODULE", "TOLD"):
        monkeypatch.setattr(module, name, tmp_path / getattr(module, name).name)
    monkeypatch.setattr(module, "_kernel", lambda: SimpleNamespace(COMPILER="zig", sources_hash=lambda: "these"))
    module.TOLD.write_text(json.dumps({"module": hashlib.sha256(b"module").hexdigest(), "sources": sources}))
    if content is not None:
        module.MODULE.write_bytes(content)
    monkeypatch.setenv("HEADLAB_BACKEND", "wasm")
    with pytest.raises(SystemExit, match=said):
        headlab_build.build_wheel("dist")


def test_the_module_that_is_here_is_what_the_sources_give() -> None:
    module.refuse_stale()
