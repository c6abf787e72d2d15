"""Bytecode for the package, which Chalice leaves out: without it every cold start compiles every module anew."""

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

# Chalice packages what is in chalicelib/ and, beside the libraries, what is in this folder.
_VENDOR = "vendor"
# Where Lambda unpacks it.
_UNPACKED = Path("/var/task")
_REQUIRED = re.compile(r"^([\w.-]+)==", re.MULTILINE)


def write(project: Path) -> None:
    """Compile what Chalice will package, for the Python that runs this, which is also the one that Chalice deploys for.

    Bytecode names its source by hash: Python checks it at every import, so that whatever became of the source since
    is compiled and never ignored. It costs nothing that can be measured. The package is the same to the byte wherever
    it is made: what a process has imported, and its hash seed, leave traces in bytecode, so that a fresh one compiles.
    """
    compiling = [sys.executable, "-m", "millrace.deploy.bytecode", str(project)]
    subprocess.run(compiling, env={**os.environ, "PYTHONHASHSEED": "0"}, check=True)


def _write(project: Path) -> None:
    for cache in [*(project / "chalicelib").rglob("__pycache__"), *(project / _VENDOR).rglob("__pycache__")]:
        shutil.rmtree(cache)  # also of other Pythons, which would be packaged too
    for source in (project / "chalicelib").rglob("*.py"):
        _compile(source, source.relative_to(project), project)
    for source, name in [(project / "app.py", Path("app.py")), *_libraries(project)]:
        _compile(source, name, project / _VENDOR)


def _libraries(project: Path) -> Iterator[tuple[Path, Path]]:
    """The modules of what requirements.txt names, as far as it is installed here, and of Chalice's runtime."""
    runtime = Path(inspect.getfile(chalice.app)).parent
    for name in ("__init__.py", "app.py"):  # all that chalice/deploy/packager.py takes of it
        yield runtime / name, Path("chalice", name)
    for required in _REQUIRED.findall((project / "requirements.txt").read_text()):
        try:
            files = distribution(required).files or []
        except PackageNotFoundError:
            continue
        # A script lies outside, in bin/.
        modules = [file for file in files if file.suffix == ".py" and ".." not in file.parts]
        yield from ((Path(str(file.locate())), Path(file)) for file in modules)


def _compile(source: Path, name: Path, folder: Path) -> None:
    py_compile.compile(
        str(source),
        cfile=cache_from_source(str(folder / name), optimization=""),
        dfile=str(_UNPACKED / name),
        doraise=True,
        invalidation_mode=PycInvalidationMode.CHECKED_HASH,
        optimize=0,  # as Lambda runs it
    )


if __name__ == "__main__":
    _write(Path(sys.argv[1]))
