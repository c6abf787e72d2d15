"""Which changes are made to a module: each is one small edit of its syntax tree."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_OPERATIONS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip
#: Configuration whose values are easily taken for each other.
_CONFIGURATION = ("lifetimes", "settings")


Path = tuple[tuple[str, int | None], ...]  # from the module to a node: fields, and places in lists
_Paths = Iterator[tuple[Path, str, bool]]
Edit = Callable[[ast.AST], ast.AST]


@dataclass(frozen=True)
class Change:
    """One edit. `function`: the dotted name of the function that holds it, empty for the module itself."""

    module: str
    function: str
    is_in_function: bool
    before: str
    after: str
    number: int  # of those with the same texts in the function
    path: Path
    node: ast.AST

    @property
    def name(self) -> str:
        again = f" #{self.number}" if self.number else ""
        return f"{self.module} {self.function or 'module'}: {self.before} -> {self.after}{again}"

    def apply(self, source: str) -> ast.Module:
        """Return the changed module."""
        tree = ast.parse(source)
        owner, (name, index) = _at(tree, self.path[:-1]), self.path[-1]
        new = ast.copy_location(self.node, _at(tree, self.path))
        if index is None:
            setattr(owner, name, new)
        else:
            getattr(owner, name)[index] = new
        return ast.fix_missing_locations(tree)


def changes_of(module: str, source: str) -> Iterator[Change]:
    """Yield every change of a module, in the order of its text."""
    tree, seen = ast.parse(source), Counter[tuple[str, str, str]]()
    for path, function, is_in_function in _paths(tree):
        node = _at(tree, path)
        for edit in _edits(node, tree):
            new = edit(deepcopy(node))
            texts = (_text(node), _text(new))
            place = (function, *texts)
            yield Change(module, function, is_in_function, *texts, seen[place], path, new)
            seen[place] += 1


def _paths(node: ast.AST, path: Path = (), names: tuple[str, ...] = (), *, in_function: bool = False) -> _Paths:
    """Every node that a change may begin at, by the way that leads to it, and the function or class that it is in."""
    in_function |= isinstance(node, ast.FunctionDef)
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params", "type_comment"):
            continue
        for index, child in enumerate(value) if isinstance(value, list) else ((None, value),):
            if not isinstance(child, ast.AST) or _is_for_readers(child):
                continue
            inside = names
            if isinstance(child, ast.FunctionDef | ast.ClassDef) and not in_function:
                inside = (*names, child.name)
            here = (*path, (name, index))
            yield here, ".".join(inside), in_function
            yield from _paths(child, here, inside, in_function=in_function)


def _is_for_readers(node: ast.AST) -> bool:
    """Docstrings, messages of errors and of the log, imports, what types check, and strict=True."""
    match node:
        case ast.keyword(arg="strict"):
            return True
        case ast.Expr(value=ast.Constant()) | ast.Import() | ast.ImportFrom() | ast.Raise() | ast.Assert():
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="_log" | "log")))):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]) | ast.ClassDef(bases=[ast.Name(id="Protocol")]):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
    return False


def _at(tree: ast.AST, path: Path) -> ast.AST:
    for name, index in path:
        child = getattr(tree, name)
        tree = child if index is None else child[index]
    return tree


def _text(node: ast.AST) -> str:
    first, *more = ast.unparse(node).splitlines()
    return first + (" ..." if more else "")


def _edits(node: ast.AST, tree: ast.Module) -> Iterator[Edit]:
    match node:
        case ast.Compare(ops=ops):
            for place, comparison in enumerate(ops):
                yield _with("ops", place, _COMPARISONS[type(comparison)]())
        case ast.Constant(value=value):
            yield from (_constant(each) for each in _other_values(value))
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            yield _with("test", None, ast.UnaryOp(ast.Not(), test))
        case ast.Expr(value=ast.Call()) | ast.Continue() | ast.Break():
            yield lambda _: ast.Pass()
        case ast.Call(keywords=keywords):
            places = (place for place, keyword in enumerate(keywords) if keyword.arg not in (None, "strict"))
            yield from map(_without_keyword, places)
        case ast.Attribute(value=ast.Name(id=owner) | ast.Attribute(attr=owner)) if owner in _CONFIGURATION:
            yield from _other_attributes(node.attr, owner, tree)
        case _:
            yield from _other_operations(node)


def _other_operations(node: ast.AST) -> Iterator[Edit]:
    match node:
        case ast.BoolOp(op=ast.Or()):
            yield _with("op", None, ast.And())
        case ast.BoolOp():
            yield _with("op", None, ast.Or())
        case ast.BinOp(op=operation) if type(operation) in _OPERATIONS:
            yield _with("op", None, _OPERATIONS[type(operation)]())
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield lambda _: operand


def _with(name: str, index: int | None, value: ast.AST) -> Edit:
    def change(node: ast.AST) -> ast.AST:
        if index is None:
            setattr(node, name, value)
        else:
            getattr(node, name)[index] = value
        return node

    return change


def _constant(value: object) -> Edit:
    return lambda _: ast.Constant(value)  # type: ignore[arg-type]


def _other_values(value: object) -> Iterator[object]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield value + 1
    elif isinstance(value, str) and value and not re.search(r"[a-z,] [a-z]", value):  # no sentence
        yield value + value[0]
    elif isinstance(value, bytes) and value:
        yield value + value[:1]


def _without_keyword(place: int) -> Edit:
    def change(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.Call)
        del node.keywords[place]
        return node

    return change


def _other_attributes(name: str, owner: str, tree: ast.Module) -> Iterator[Edit]:
    """The configuration's next value that the module uses, in the order of their names."""
    used = sorted(
        {
            each.attr
            for each in ast.walk(tree)
            if isinstance(each, ast.Attribute)
            and isinstance(each.value, ast.Name | ast.Attribute)
            and (each.value.id if isinstance(each.value, ast.Name) else each.value.attr) == owner
        }
    )
    if len(used) > 1:
        yield _with("attr", None, used[(used.index(name) + 1) % len(used)])  # type: ignore[arg-type]
