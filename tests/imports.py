"""Who imports whom in headlab, read from the sources: at the top of a module or when it is used, by any form of import."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import headlab

SOURCE = Path(headlab.__file__).parent
PATHS = {
    ".".join(["headlab", *path.relative_to(SOURCE).with_suffix("").parts]).removesuffix(".__init__"): path
    for path in SOURCE.rglob("*.py")
}


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node that can run: not what only a type checker reads."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield other
                yield from statements(other)
        else:
            yield node
            yield from statements(node)


def names_in(node: ast.AST) -> set[str]:
    """Every name that a statement may import, dotted."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.module:
        public = headlab._LAZY if node.module == "headlab" else {}
        return {node.module, *(public.get(alias.name, f"{node.module}.{alias.name}") for alias in node.names)}
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
        return {item.value for item in node.args if isinstance(item, ast.Constant)}
    return set()


def imported(text: str) -> set[str]:
    """The modules of headlab that a source imports: of `from headlab.x import y` y, where that is a module, and x otherwise."""
    found = {name for node in statements(ast.parse(text)) for name in names_in(node) if name in PATHS}
    return {name for name in found if not any(other.startswith(f"{name}.") for other in found)}


def graph() -> dict[str, set[str]]:
    """What each module imports. The package itself only names the rooms' public things, and counts as none."""
    return {name: imported(path.read_text()) - {name, "headlab"} for name, path in PATHS.items() if name != "headlab"}


def cycle(of: dict[str, set[str]]) -> list[str]:
    """Modules that import each other, in a ring; none where there is none."""
    try:
        TopologicalSorter(of).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def longest_chain(of: dict[str, set[str]]) -> list[str]:
    """The most modules that import each other one after the other."""
    chains: dict[str, list[str]] = {}
    for name in TopologicalSorter(of).static_order():
        chains[name] = [name, *max((chains[other] for other in of.get(name, ())), key=len, default=[])]
    return max(chains.values(), key=len)
