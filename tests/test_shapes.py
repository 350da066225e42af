"""Every public array function of model, analysis and runs says the shapes it takes and returns, and is held to them."""

import ast
from pathlib import Path

import jaxtyping
import numpy as np
import pytest

import headlab
from headlab.model.decompose import of_finite
from headlab.model.forward import allowed

SOURCE = Path(headlab.__file__).parent
SHAPED = {"Bool", "Float", "Int", "Shaped", "UInt64"}
BARE = {"Array", "NDArray", "ndarray"}
FILES = [path for room in ("model", "analysis", "runs") for path in sorted((SOURCE / room).rglob("*.py"))]


def is_bare(node):
    """Whether a type names an array without its shape."""
    match node:
        case ast.Subscript(value=value, slice=inner):
            name = ast.unparse(value).split(".")[-1]
            return name not in {*SHAPED, "Callable"} and (name in BARE or is_bare(inner))
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in BARE
        case ast.Constant(value=str(text)):
            return is_bare(ast.parse(text, mode="eval").body)
        case None:
            return False
    return any(map(is_bare, ast.iter_child_nodes(node)))


def unshaped(body):
    """The public functions and fields whose arrays have no shape, of a module or a class."""
    for node in body:
        if isinstance(node, ast.FunctionDef) and (not node.name.startswith("_") or node.name == "__init__"):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            if any(map(is_bare, [*(argument.annotation for argument in arguments), node.returns])):
                yield node.name
        elif isinstance(node, ast.ClassDef):
            fields = [item for item in node.body if isinstance(item, ast.AnnAssign) and is_bare(item.annotation)]
            yield from (item.target.id for item in fields if not item.target.id.startswith("_"))
            yield from unshaped(node.body)


@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(path.relative_to(SOURCE).parts))
def test_every_public_array_has_a_shape_in_its_type(path):
    assert list(unshaped(ast.parse(path.read_text()).body)) == []


def test_an_array_without_a_shape_is_found():
    text = "class A:\n    x: Array | None\n    y: Float[Array, 'run']\ndef f(a: 'NDArray[np.int64]'): ...\ndef _g(a: Array): ..."
    assert sorted(unshaped(ast.parse(text).body)) == ["f", "x"]


def test_a_call_with_an_array_of_another_shape_is_refused_in_tests():
    with pytest.raises(jaxtyping.TypeCheckError, match="row column"):
        of_finite(np.linalg.eigvals, np.ones(3))
    with pytest.raises(jaxtyping.TypeCheckError, match="sequence position"):
        allowed(np.zeros((2, 3)), True)
