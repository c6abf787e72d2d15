"""The pure modules of the live page, tested by Node.js: tests/page has the tests."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import chalicelib
from needed import skip_without

NODE = shutil.which("node")
PAGE = Path(chalicelib.__file__).parent / "http" / "static" / "page"
TESTS = Path(__file__).parents[1] / "page"


@skip_without(NODE, "Node.js is not installed")
def test_the_pure_modules_of_the_page_pass_their_tests(tmp_path: Path) -> None:
    assert NODE
    (tmp_path / "package.json").write_text('{"type": "module"}')  # which the page's own folder does not need
    shutil.copytree(PAGE, tmp_path / "page", ignore=shutil.ignore_patterns("uplot.*"))
    shutil.copytree(TESTS, tmp_path / "tests")
    tests = sorted(path.name for path in TESTS.glob("*.test.js"))
    assert tests
    together = "".join(f'import "./tests/{name}";\n' for name in tests)  # one process, not one for each file
    (tmp_path / "all.js").write_text(together)
    ran = subprocess.run([NODE, "all.js"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
