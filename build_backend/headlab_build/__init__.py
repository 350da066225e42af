"""Builds headlab: scikit-build-core, after the lab's page has been built, and with the kernel compiled where a compiler can.

There are two wheels. One has the compiled kernel, `_native`, and fits one Python on one platform. The other has none, is tagged
`py3-none-any` and requires wasmtime, in which it runs kernel.wasm to the same bits; both have kernel.wasm. HEADLAB_BACKEND says
which is built, `native` or `wasm`. Where it says nothing the first is built, and the second if there is no compiler that can
(`compiler`), or if the build fails. Nobody knows that beforehand, so there is no hook for metadata: a frontend that wants them
has the wheel built, and reads them there.
"""

import os
from functools import partial
from pathlib import Path

from headlab_build import compiler, module, page
from headlab_build.environment import variable

ROOT = Path(__file__).parents[2]
BACKEND = "HEADLAB_BACKEND"  # pyproject.toml has an override for it, too
NO_KERNEL = (
    "headlab is built without a compiled kernel: {}. It runs kernel.wasm in wasmtime instead, to the same bits and several times "
    "as slowly; GCC and Clang compile the kernel, and HEADLAB_BACKEND=native shows what stops them."
)


def get_requires_for_build_wheel(config_settings=None):
    return _requires("get_requires_for_build_wheel", config_settings)


def get_requires_for_build_editable(config_settings=None):
    return _requires("get_requires_for_build_editable", config_settings)


def get_requires_for_build_sdist(config_settings=None):
    return _requires("get_requires_for_build_sdist", config_settings)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    return _build("build_wheel", wheel_directory, config_settings)


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return _build("build_editable", wheel_directory, config_settings)


def build_sdist(sdist_directory, config_settings=None):
    module.refuse_stale()
    page.build()
    return _core("build_sdist")(sdist_directory, config_settings)


def dynamic_metadata(settings, project):
    """Return what a wheel requires: one without a compiled kernel, what the extra `wasm` brings, too."""
    more = project["optional-dependencies"]["wasm"] if asked() == "wasm" else []
    return {"dependencies": [*settings["dependencies"], *more]}


def dynamic_wheel(settings):
    """Return what may differ between the wheels of a source distribution."""
    return {"dependencies": True}


def asked() -> str:
    """Return the backend that HEADLAB_BACKEND asks for: "native", "wasm" or ""."""
    name = os.environ.get(BACKEND, "")
    if name not in ("", "native", "wasm"):
        raise SystemExit(f"{BACKEND} is native, wasm or not set, but it is {name!r}.")
    return name


def _requires(hook, config_settings):
    """Return what a build requires; without a compiler neither CMake nor Ninja."""
    backend = asked() or ("wasm" if compiler.choose(config_settings).lacks else "")
    with variable(BACKEND, backend):
        return [*_core(hook)(config_settings), *page.requirement()]


def _build(hook, folder, config_settings):
    page.build()
    build = partial(_core(hook), folder, config_settings)
    if asked() != "wasm":
        chosen = compiler.choose(config_settings)
        lacks = chosen.lacks
        if asked() == "native" or not lacks:
            try:
                with compiler.taken(chosen, ROOT / "build"):
                    return build()
            except (Exception, SystemExit) as error:  # scikit-build-core ends with a status when a command fails
                if asked() == "native":
                    raise
                lacks = f"compiling it failed ({'see above' if isinstance(error, SystemExit) else error})"
        print(NO_KERNEL.format(lacks), flush=True)
    module.refuse_stale()
    with variable(BACKEND, "wasm"):
        return build()


def _core(hook):
    """Return a hook of scikit-build-core."""
    from scikit_build_core import build

    return getattr(build, hook)
