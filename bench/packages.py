"""Measures the package of every implementation: its size, and the cold starts of its functions."""

from __future__ import annotations

import compileall
import io
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from importlib.metadata import distribution
from pathlib import Path
from py_compile import PycInvalidationMode
from statistics import median
from typing import NamedTuple

from millrace.pricing import recording
from millrace.pricing.stub import Stub

_ROOT = Path(__file__).parent.parent
# Chalice packages only these of its own files: chalice/deploy/packager.py.
_CHALICE_RUNTIME = ("chalice/app.py", "chalice/__init__.py")
_POWERTOOLS = ("aws-lambda-powertools", "typing-extensions", "jmespath")


class _Package(NamedTuple):
    """A package. `holds`: its libraries, without the AWS SDK, which Lambda provides.

    `message`: the implementation that makes the messages that it processes.
    """

    functions: str
    own: tuple[str, ...]
    holds: tuple[str, ...] = ()
    message: str = "floor"
    has_bytecode: bool = True


def _contestant(name: str, *holds: str, beside: tuple[str, ...] = (), message: str = "floor") -> _Package:
    modules = ("bench/__init__.py", *(f"bench/contestants/{each}.py" for each in ("__init__", name, *beside)))
    return _Package(f"bench.contestants.{name}:api:processor", modules, holds, message)


_OURS = _Package(
    recording.OURS,
    ("app.py", "chalicelib"),
    ("chalice", "marshmallow", "orjson", "google-re2", "tzdata", *_POWERTOOLS),
    message="ours",
)
# Every package has bytecode, so that compilation does not distort the comparison. Chalice and SAM make no bytecode.
_PACKAGES = {
    "ours": _OURS,
    "ours, from source": _OURS._replace(has_bytecode=False),
    "reference": _contestant("reference", "chalice", "marshmallow", message="reference"),
    "powertools": _contestant(
        "powertools",
        *("pydantic", "pydantic-core", "annotated-types", "typing-inspection", *_POWERTOOLS),
        message="powertools",
    ),
    "least": _contestant("least", "chalice", "marshmallow", beside=("floor",)),
    "floor": _contestant("floor"),
}


def start_cold(
    stub: Stub, messages: dict[str, str], rounds: int, say: Callable[[str], None]
) -> dict[str, dict[str, float]]:
    """Return, for every package, its size and the ms of CPU until a function's first answer in fresh processes.

    `messages`: maps an implementation to a message that its processor accepts.
    """
    taken: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory() as folder:
        unpacked = {name: Path(folder, str(number)) for number, name in enumerate(_PACKAGES)}
        for name, package in _PACKAGES.items():
            _unpack(package, unpacked[name])
        for number in range(rounds):
            say(f"cold start {number + 1} of {rounds}")
            for name, package in _PACKAGES.items():
                for function in ("api", "processor"):
                    taken[name][function].append(
                        _start(stub, package, function, messages[package.message], unpacked[name])
                    )
        sizes = {name: _zipped_bytes(each) for name, each in unpacked.items()}
    return {
        name: {**{function: median(each) for function, each in both.items()}, "package_bytes": sizes[name]}
        for name, both in taken.items()
    }


def _start(stub: Stub, package: _Package, function: str, message: str, folder: Path) -> float:
    done = subprocess.run(
        [sys.executable, "-m", "millrace.pricing.worker", package.functions, "--cold", function],
        input=message,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=folder,
        env={**stub.environment("cold"), "PYTHONDONTWRITEBYTECODE": "1"},  # Lambda's /var/task is read-only
    )
    return float(done.stdout)


def _unpack(package: _Package, folder: Path) -> None:
    for name in package.own:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (_ROOT / name).is_dir():
            shutil.copytree(_ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(_ROOT / name, folder / name)
    for library in package.holds:
        for source, name in _files(library):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / name)
    if package.has_bytecode:  # made as in millrace/deploy/bytecode.py
        compileall.compile_dir(folder, quiet=1, invalidation_mode=PycInvalidationMode.CHECKED_HASH)


def _files(library: str) -> Iterable[tuple[str, str]]:
    for file in distribution(library).files or ():
        in_runtime = library != "chalice" or str(file) in _CHALICE_RUNTIME
        if in_runtime and ".." not in file.parts and file.suffix != ".pyc":
            yield str(file.locate()), str(file)


def _zipped_bytes(folder: Path) -> int:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for path in folder.rglob("*"):
            package.write(path, str(path.relative_to(folder)))
    return len(buffer.getvalue())
