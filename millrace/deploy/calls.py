"""Which AWS calls each deployed function can reach, found in the code.

Chalice's analyzer knows boto3 clients inside one file of plain functions. Here the code, whose calls go
through flows, ports and adapters, is rewritten as such a file, one for each deployed function: every
method is a function without parameters, and every AWS call is a call on a client. Then the analyzer
says what can be reached.

Types come from annotations, as in the code itself: a port stands for the adapter of its name, and
wiring.py says which adapter speaks to which service. Mentioning a function counts as calling it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from chalice.analyzer import get_client_calls_for_app

# Chalice's decorators that make a deployed function; `route` makes a part of the one named api_handler.
_HANDLERS = {"route", "schedule", "on_sqs_message", "on_sns_message", "on_s3_event", "lambda_function", "authorizer"}
# What a transaction may contain, and the call that IAM asks a permission for. The last is no call of its own.
_IN_TRANSACTIONS = {
    "Put": "put_item",
    "Update": "update_item",
    "Delete": "delete_item",
    "ConditionCheck": "condition_check_item",
}
_PARTIQL = re.compile(r"(INSERT|UPDATE|DELETE|SELECT)\b")
_FOLDER = re.compile(r"([a-z]+)/")
#: Calls of these names are none: folder_events__put_object says which call is made in which folder of the bucket,
#: resource_bucket_name by which setting an adapter was told its resource.
FOLDER, RESOURCE = "folder_", "resource_"

Calls = dict[str, set[str]]
# What an expression stands for: ("class" | "function" | "module" | "client", its full name or service).
Meaning = tuple[str, str]
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def reachable_calls(project: Path) -> dict[str, Calls]:
    """For each deployed function the methods of AWS clients that it can reach, by service."""
    code = _Code(project)
    entries: dict[str, list[str]] = {}
    for name, function in code.functions.items():
        for deployed in _deployed_names(function.node):
            entries.setdefault(deployed, []).append(name)
    return {deployed: get_client_calls_for_app(_one_file([*names, "app"], code)) for deployed, names in entries.items()}


def _deployed_names(function: _Function) -> Iterator[str]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute):
            if decorator.func.attr == "route":
                yield "api_handler"
            elif decorator.func.attr in _HANDLERS:
                yield function.name


def _one_file(names: list[str], code: _Code) -> str:
    """The code reachable from some functions, in the form that Chalice's analyzer reads."""
    reached: dict[str, tuple[list[str], list[Meaning]]] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            found = list(dict.fromkeys(code.mentions(name)))
            inner = [each for kind, each in found if kind == "function"]
            reached[name] = inner, [each for each in found if each[0] == "call"]
            waiting += inner
    services = {call.split(".")[0] for _, calls in reached.values() for _, call in calls}
    lines = ["import boto3", *(f"{service} = boto3.client('{service}')" for service in sorted(services))]
    for name, (_, calls) in reached.items():
        lines += [f"def {_flat(name)}():", "    pass", *(f"    {call}()" for _, call in calls)]
    # The analyzer walks every path anew: a flat list of what is reached keeps it quick.
    lines += ["@app.lambda_function()", "def entry():", *(f"    {_flat(name)}()" for name in reached)]
    return "\n".join(lines) + "\n"


def _flat(name: str) -> str:
    return name.replace(".", "__")


@dataclass
class _Definition:
    """A function or method, and where it stands."""

    node: _Function
    module: str
    owner: str | None = None


@dataclass
class _Code:
    """The shipped modules: their definitions by full name, and what names mean in them."""

    project: Path
    modules: dict[str, ast.Module] = field(default_factory=dict)
    imports: dict[str, dict[str, str]] = field(default_factory=dict)
    functions: dict[str, _Definition] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)
    clients: dict[str, str] = field(default_factory=dict)  # the service of each adapter that was given a client
    attributes: dict[tuple[str, str], Meaning] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in [self.project / "app.py", *sorted((self.project / "chalicelib").rglob("*.py"))]:
            name = ".".join(path.relative_to(self.project).with_suffix("").parts).removesuffix(".__init__")
            self.modules[name] = ast.parse(path.read_text(), str(path))
            self.imports[name] = dict(_imported(self.modules[name]))
        for module, tree in self.modules.items():
            for node in tree.body:
                if isinstance(node, _Function):
                    self.functions[f"{module}.{node.name}"] = _Definition(node, module)
                elif isinstance(node, ast.ClassDef):
                    self.classes[f"{module}.{node.name}"] = module
                    for inner in node.body:
                        if isinstance(inner, _Function):
                            owner = f"{module}.{node.name}"
                            self.functions[f"{owner}.{inner.name}"] = _Definition(inner, module, owner)
        self.clients = {name: service for module in self.modules for name, service in self._wired_clients(module)}
        for owner in self.classes:
            self._learn_attributes(owner, self.clients.get(owner))

    def _wired_clients(self, module: str) -> Iterator[tuple[str, str]]:
        """Classes that are made with `aws.client("service")` as their first argument."""
        for node in ast.walk(self.modules[module]):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Call):
                kind, name = self.meaning(node.func, module, {}) or ("", "")
                made = self.meaning(node.args[0].func, module, {})
                if kind == "class" and made == ("function", "chalicelib.adapters.aws.client"):
                    service = node.args[0].args[0]
                    assert isinstance(service, ast.Constant), f"{name}: name the service as a string"
                    yield name, str(service.value)

    def _learn_attributes(self, owner: str, service: str | None) -> None:
        init = self.functions.get(f"{owner}.__init__")
        if init is None:
            return
        known = self._annotated(init)
        if service:
            known[init.node.args.args[1].arg] = ("client", service)
        for node in ast.walk(init.node):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
                meaning = self.meaning(node.value, init.module, known)
                if meaning:
                    self.attributes[owner, node.targets[0].attr] = meaning

    def mentions(self, name: str) -> Iterator[Meaning]:
        """Functions that a function mentions, and the AWS calls in it; of a module, of its own statements."""
        yield from self._mentions_of(name)
        if name in self.functions and (self.functions[name].owner or "", "_client") in self.attributes:
            yield from self._folders(name)

    def _mentions_of(self, name: str) -> Iterator[Meaning]:
        if name in self.modules:
            for statement in self.modules[name].body:
                if not isinstance(statement, _Function | ast.ClassDef):
                    yield from self._mentions(statement, name, {})
            return
        definition = self.functions[name]
        known = self._annotated(definition)
        for node in ast.walk(definition.node):
            if isinstance(node, ast.Assign):
                self._learn_variables(node, definition.module, known)
        for statement in definition.node.body:
            yield from self._mentions(statement, definition.module, known)

    def _mentions(self, statement: ast.AST, module: str, known: dict[str, Meaning]) -> Iterator[Meaning]:
        for node in ast.walk(statement):
            if isinstance(node, ast.Attribute | ast.Name):
                yield from self._uses(node, module, known)
            elif isinstance(node, ast.Call):
                yield from self._named_in_call(node, module, known)
            elif module.startswith("chalicelib.adapters."):
                yield from _dynamodb_actions(node)

    def _named_in_call(self, node: ast.Call, module: str, known: dict[str, Meaning]) -> Iterator[Meaning]:
        """What is named by a string or an argument: the call that pages are of, the resource of an adapter."""
        match node:
            case ast.Call(func=ast.Attribute(value=client, attr="get_paginator"), args=[ast.Constant(value=call)]):
                if (meaning := self.meaning(client, module, known)) and meaning[0] == "client":
                    yield "call", f"{meaning[1]}.{call!s}"
            case ast.Call(func=made, args=[ast.Call(), ast.Attribute(attr=setting), *_]):
                adapter = self.meaning(made, module, known)
                if adapter and adapter[1] in self.clients:
                    yield "call", f"{self.clients[adapter[1]]}.{RESOURCE}{setting}"

    def _uses(self, node: ast.Attribute | ast.Name, module: str, known: dict[str, Meaning]) -> Iterator[Meaning]:
        kind, name = self.meaning(node, module, known) or ("", "")
        if kind == "function":
            yield kind, name
        elif kind == "class" and f"{name}.__init__" in self.functions:
            yield "function", f"{name}.__init__"
        if isinstance(node, ast.Attribute):
            owner_kind, owner = self.meaning(node.value, module, known) or ("", "")
            if owner_kind == "client":
                yield "call", f"{owner}.{node.attr}"
            elif owner_kind == "class" and f"{owner}.{node.attr}" in self.functions:  # a property is read
                yield "function", f"{owner}.{node.attr}"

    def _folders(self, name: str) -> Iterator[Meaning]:
        """A method that names a folder makes its calls there, those of the methods that it uses included."""
        for node in ast.walk(self.functions[name].node):
            if isinstance(node, ast.JoinedStr) and (match := _FOLDER.match(ast.unparse(node)[2:])):
                for call in sorted(self._calls_of(name)):
                    if call.startswith("s3."):
                        yield "call", f"s3.{FOLDER}{match[1]}__{call.removeprefix('s3.')}"

    def _calls_of(self, name: str) -> set[str]:
        found = set(self._mentions_of(name))
        inner = {each for kind, each in found if kind == "function"} - {name}
        return {each for kind, each in found if kind == "call"}.union(*(self._calls_of(each) for each in inner))

    def meaning(self, node: ast.AST | None, module: str, known: dict[str, Meaning]) -> Meaning | None:
        """What an expression (or an annotation) of a module stands for, given what its variables are."""
        match node:
            case ast.Name(id=name):
                return known.get(name) or self._named(module, name)
            case ast.Attribute(value=value, attr=attr):
                return self._attribute(self.meaning(value, module, known), attr)
            case ast.Call(func=function):
                called = self.meaning(function, module, known)
                return called if called and called[0] == "class" else self._returned(called)
            case ast.BinOp(left=left, op=ast.BitOr()):  # X | None
                return self.meaning(left, module, known)
        return None

    def _attribute(self, owner: Meaning | None, attr: str) -> Meaning | None:
        match owner:
            case ("module", name):
                return self._named(name, attr) or self._defined(f"{name}.{attr}")
            case ("class", name):
                if f"{name}.{attr}" in self.functions:
                    function = self.functions[f"{name}.{attr}"]
                    is_property = any("property" in ast.unparse(each) for each in function.node.decorator_list)
                    return (
                        self._returned(("function", f"{name}.{attr}"))
                        if is_property
                        else self._defined(f"{name}.{attr}")
                    )
                return self.attributes.get((name, attr))
        return None

    def _returned(self, called: Meaning | None) -> Meaning | None:
        if called is None or called[0] != "function":
            return None
        function = self.functions[called[1]]
        return self.meaning(function.node.returns, function.module, {})

    def _named(self, module: str, name: str) -> Meaning | None:
        """What a name means at the top of a module: its own definition, or what it imports."""
        if found := self._defined(f"{module}.{name}"):
            return found
        imported = self.imports.get(module, {}).get(name)
        return self._defined(imported) if imported else None

    def _defined(self, name: str) -> Meaning | None:
        if name.startswith("chalicelib.ports."):  # a port stands for the adapter of its name
            port = name.rsplit(".", 1)[1]
            adapters = [each for each in self.classes if re.fullmatch(rf"chalicelib\.adapters\.\w+\.{port}", each)]
            name = adapters[0] if adapters else name
        for kind, names in (("class", self.classes), ("function", self.functions), ("module", self.modules)):
            if name in names:
                return kind, name
        return None

    def _annotated(self, definition: _Definition) -> dict[str, Meaning]:
        arguments = definition.node.args
        known: dict[str, Meaning] = {"self": ("class", definition.owner)} if definition.owner else {}
        for argument in [*arguments.args, *arguments.kwonlyargs]:
            if meaning := self.meaning(argument.annotation, definition.module, {}):
                known[argument.arg] = meaning
        return known

    def _learn_variables(self, node: ast.Assign, module: str, known: dict[str, Meaning]) -> None:
        """What `x = f()` and `x, y = f()` make of x and y."""
        target = node.targets[0]
        if isinstance(target, ast.Name) and (meaning := self.meaning(node.value, module, known)):
            known[target.id] = meaning
        if not isinstance(target, ast.Tuple):
            return
        values: list[ast.expr] = []
        where = module
        if isinstance(node.value, ast.Tuple):
            values = node.value.elts
        elif isinstance(node.value, ast.Call):
            called = self.meaning(node.value.func, module, known)
            function = self.functions.get(called[1]) if called else None
            if function and isinstance(function.node.returns, ast.Subscript):
                where, inner = function.module, function.node.returns.slice
                values = inner.elts if isinstance(inner, ast.Tuple) else []
        for each, value in zip(target.elts, values, strict=False):
            if isinstance(each, ast.Name) and (meaning := self.meaning(value, where, known)):
                known[each.id] = meaning


def _imported(module: ast.Module) -> Iterator[tuple[str, str]]:
    """The names that a module imports, at its top or inside a function, and what they are in full."""
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _dynamodb_actions(node: ast.AST) -> Iterator[Meaning]:
    """What transactions and PartiQL statements contain: IAM asks for that, and not for the call around it."""
    if isinstance(node, ast.Dict) and len(node.keys) == 1 and isinstance(node.keys[0], ast.Constant):
        call = _IN_TRANSACTIONS.get(str(node.keys[0].value))
        if call:
            yield "call", f"dynamodb.{call}"
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and (match := _PARTIQL.match(node.value)):
        yield "call", f"dynamodb.partiql_{match[1].lower()}"
