"""Runs tests in a process of their own: to see which of them use which function, or whether they notice a change."""

from __future__ import annotations

import ast
import os
import pickle
import resource
import signal
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import CodeType, FrameType
from typing import Any

# Whatever tests import is imported once, before there are processes: all but the product and its tests.
import boto3  # noqa: F401
import chalice.test  # noqa: F401
import greenlet  # noqa: F401
import hypothesis.stateful  # noqa: F401
import marshmallow  # noqa: F401
import pytest
import re2  # noqa: F401
import requests  # noqa: F401
import yaml  # noqa: F401
from hypothesis import Phase, settings

ROOT = Path(__file__).parents[2]
PRODUCT = ROOT / "chalicelib"
#: A change that keeps tests busy for ever, or eats the memory, is noticed. The slowest test takes some seconds.
_MAX_SECONDS, _MAX_BYTES = 600, 4 * 1024**3


class Recorder:
    """Notes for each test how long it took and which functions of the product it called."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.functions: dict[str, set[tuple[str, str]]] = {}
        self._codes = set[CodeType]()

    def _note(self, frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            self._codes.add(frame.f_code)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        self._codes.clear()
        threading.setprofile(self._note)
        sys.setprofile(self._note)
        try:
            return (yield)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
            product = f"{PRODUCT}{os.sep}"
            self.functions[item.nodeid] = {
                (code.co_filename.removeprefix(product), code.co_qualname.partition(".<locals>")[0])
                for code in self._codes
                if code.co_filename.startswith(product)
            }

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + report.duration


class _Chosen:
    """Runs these tests, in this order, and searches no smaller example of a failure."""

    def __init__(self, tests: Sequence[str]) -> None:
        self._places = {each: place for place, each in enumerate(tests)}

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        quick = settings(settings.get_profile("default"), phases=(Phase.explicit, Phase.generate))
        settings.register_profile("mutants", quick)
        settings.load_profile("mutants")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        chosen = (each for each in items if each.nodeid in self._places)
        items[:] = sorted(chosen, key=lambda each: self._places[each.nodeid])


def _import_changed(file: Path, tree: ast.Module) -> None:
    """Let an import of a file of the product take this tree for it."""
    unchanged = SourceFileLoader.get_code

    def get_code(loader: SourceFileLoader, name: str) -> CodeType | None:
        return compile(tree, loader.path, "exec") if Path(loader.path) == file else unchanged(loader, name)

    SourceFileLoader.get_code = get_code  # type: ignore[assignment, method-assign]


def record(folders: Collection[str]) -> Recorder:
    """Return what the tests of some files and folders use. Exits if one of them fails on the product as it is."""
    with NamedTemporaryFile() as file, NamedTemporaryFile() as output:

        def run() -> int:
            recorder = Recorder()
            code = _pytest(folders, recorder)
            Path(file.name).write_bytes(pickle.dumps((recorder.seconds, recorder.functions)))
            return code

        if os.waitpid(fork(run, output.name), 0)[1]:
            raise SystemExit(f"{output.read().decode()}\nThe tests fail on the product as it is.")
        recorder = Recorder()
        recorder.seconds, recorder.functions = pickle.loads(file.read())  # noqa: S301 - our own process wrote it
        return recorder


def survives(module: str, tree: ast.Module, stages: Iterable[Sequence[str]]) -> int:
    """Start a process that ends with 0 if every test passes on the changed module. Answers its id."""

    def run() -> int:
        signal.alarm(_MAX_SECONDS)
        resource.setrlimit(resource.RLIMIT_DATA, (_MAX_BYTES, _MAX_BYTES))
        _import_changed(PRODUCT / module, tree)
        return next((code for tests in stages if tests and (code := _pytest(_files(tests), _Chosen(tests)))), 0)

    return fork(run)


def _files(tests: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(test.partition("::")[0] for test in tests))


def _pytest(places: Iterable[str], plugin: object) -> int:
    return int(pytest.main(["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", *places], plugins=[plugin]))


def fork(run: Callable[[], int], output: str = os.devnull) -> int:
    """Run a function in a copy of this process that writes into a file. Answers its id."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    try:
        for written in (1, 2):
            os.dup2(os.open(output, os.O_WRONLY | os.O_APPEND), written)
        os.chdir(ROOT)
        code = run()
    except BaseException:  # noqa: BLE001 - whatever it is, the change was noticed
        code = 1
    os._exit(code)
