"""Adds bytecode to the package, which Chalice leaves out. Without it, every cold start would compile every module."""

from __future__ import annotations

import inspect
import os
import py_compile
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import cache_from_source
from pathlib import Path
from py_compile import PycInvalidationMode

import chalice.app

# Chalice packages chalicelib/, the libraries, and this folder.
_VENDOR = "vendor"
# The folder in which Lambda unpacks the package.
_UNPACKED = Path("/var/task")
_REQUIRED = re.compile(r"^([\w.-]+)==", re.MULTILINE)


def write(project: Path) -> None:
    """Compile the modules that Chalice will package, for the Python that runs this command: Chalice deploys for it.

    Bytecode contains the hash of its source, and Python checks the hash at every import. So a changed source is
    compiled again, and the check costs too little to measure. The package is the same to the byte on every machine. For
    this, a fresh process compiles: the imports and the hash seed of a process leave traces in bytecode.
    """
    compiling = [sys.executable, "-m", "millrace.deploy.bytecode", str(project)]
    subprocess.run(compiling, env={**os.environ, "PYTHONHASHSEED": "0"}, check=True)


def _write(project: Path) -> None:
    for cache in [*(project / "chalicelib").rglob("__pycache__"), *(project / _VENDOR).rglob("__pycache__")]:
        shutil.rmtree(cache)  # including bytecode of other Pythons, which Chalice would package too
    for source in (project / "chalicelib").rglob("*.py"):
        _compile(source, source.relative_to(project), project)
    for source, name in [(project / "app.py", Path("app.py")), *_libraries(project)]:
        _compile(source, name, project / _VENDOR)


def _libraries(project: Path) -> Iterator[tuple[Path, Path]]:
    """Yield the installed modules of Chalice's runtime and of the libraries in requirements.txt."""
    runtime = Path(inspect.getfile(chalice.app)).parent
    for name in ("__init__.py", "app.py"):  # chalice/deploy/packager.py takes only these
        yield runtime / name, Path("chalice", name)
    for required in _REQUIRED.findall((project / "requirements.txt").read_text()):
        try:
            files = distribution(required).files or []
        except PackageNotFoundError:
            continue
        # Scripts are outside the package, in bin/.
        modules = [file for file in files if file.suffix == ".py" and ".." not in file.parts]
        yield from ((Path(str(file.locate())), Path(file)) for file in modules)


def _compile(source: Path, name: Path, folder: Path) -> None:
    py_compile.compile(
        str(source),
        cfile=cache_from_source(str(folder / name), optimization=""),
        dfile=str(_UNPACKED / name),
        doraise=True,
        invalidation_mode=PycInvalidationMode.CHECKED_HASH,
        optimize=0,  # Lambda runs Python without -O
    )


if __name__ == "__main__":
    _write(Path(sys.argv[1]))
