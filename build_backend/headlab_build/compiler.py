"""Which C++ compiler builds the kernel: of those that are there, the first that builds a small extension as the kernel needs it.

The kernel is C++20 with the vector extensions of GCC and Clang. MSVC has none, and is what CMake takes on Windows unless CXX
names another.
"""

import os
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from headlab_build.environment import variable

NAMES = ("c++", "g++", "clang++")
ELSEWHERE = ("CMAKE_CXX_COMPILER", "CMAKE_TOOLCHAIN_FILE")  # tell CMake of one that is not in CXX
PROBE = """
#include <Python.h>
#include <thread>

typedef float Floats __attribute__((vector_size(16)));
typedef int Whole __attribute__((vector_size(16)));

template <class T> inline constexpr bool four = sizeof(T) == sizeof(Floats);
auto half = []<class T>(T x) -> Floats { static_assert(four<T>); return __builtin_convertvector(x, Floats) * 0.5f; };

extern "C" float probe(int x) {
  Floats found{};
  std::thread([&] { found = half(Whole{x, x, x, x}); }).join();
  return found[0];
}
"""


@dataclass(frozen=True)
class Choice:
    """A compiler as CXX names one ("": CMake's own choice), and in `lacks` why it cannot, or that there is none."""

    cxx: str = ""
    lacks: str = ""


def choose(config_settings=None) -> Choice:
    """Return the compiler that the kernel is built with, or why it cannot be."""
    if any(name in os.environ or name in _told(config_settings) for name in ELSEWHERE):
        return Choice()
    refused = []
    for name in _names():
        command = _command(name)
        if not shutil.which(command[0]):
            continue
        if not (error := _error(command)):
            return Choice(cxx=name)
        refused.append(Choice(cxx=name, lacks=f"{command[0]} cannot compile it ({error})"))
    return refused[0] if refused else Choice(lacks=_absent())


@contextmanager
def taken(chosen: Choice, build: Path) -> Iterator[None]:
    """Have CMake take the compiler, and not that of an earlier build: what one with another left in `build` is removed."""
    cxx = chosen.cxx or os.environ.get("CXX", "")
    taking = f"{cxx} {shutil.which(_command(cxx)[0])}\n" if cxx.strip() else ""
    stamp = build / "compiler.txt"
    if stamp.exists() and stamp.read_text() != taking:
        for settings in build.glob("*/CMakeInit.txt"):  # of scikit-build-core; others build here, too
            shutil.rmtree(settings.parent)
    build.mkdir(exist_ok=True)
    stamp.write_text(taking)
    with variable("CXX", cxx):
        yield


def _names() -> list[str]:
    if os.environ.get("CXX", "").strip():
        return [os.environ["CXX"]]
    if os.name == "nt":
        return []
    words = (sysconfig.get_config_var("CXX") or "").split()  # what this Python was built with, and then options
    recommended = " ".join(takewhile(lambda word: not word.startswith("-"), words))
    return list(dict.fromkeys([name for name in (recommended, *NAMES) if name]))


def _command(name: str) -> list[str]:
    return shlex.split(name, posix=os.name != "nt")


def _absent() -> str:
    if os.environ.get("CXX", "").strip():
        return f"the compiler that CXX names, {os.environ['CXX']}, is not there"
    if os.name == "nt":
        return "CMake takes MSVC, which has no vector extensions, unless CXX names GCC or Clang"
    return f"there is no C++ compiler ({', '.join(NAMES)}, or what CXX names)"


def _told(config_settings) -> str:
    """Return what CMake and scikit-build-core are told, in the environment and by the frontend."""
    names = ("CMAKE_ARGS", "SKBUILD_CMAKE_ARGS", "SKBUILD_CMAKE_DEFINE")
    return " ".join([*(os.environ.get(name, "") for name in names), str(config_settings or "")])


def _error(compiler: list[str]) -> str:
    """Return the first error of a compiler at the probe; "" where it has none."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "probe.cpp"
        source.write_text(PROBE)
        options = [*shlex.split(os.environ.get("CXXFLAGS", "")), "-std=c++2a", "-fPIC", "-pthread", "-shared"]
        include = [f"-I{sysconfig.get_path(name)}" for name in ("include", "platinclude")]
        command = [*compiler, *options, *include, str(source), "-o", str(Path(folder) / "probe.so")]
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=120, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
    if not done.returncode:
        return ""
    lines = [line.strip() for line in (done.stderr + done.stdout).replace(f"{folder}{os.sep}", "").splitlines()]
    return next((line for line in lines if "error" in line), next(filter(None, lines), f"status {done.returncode}"))
