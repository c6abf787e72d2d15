"""What another environment gets that installs this checkout."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def required(name: str) -> list[str]:
    lines = (ROOT / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith(("#", "-r"))]


def test_the_package_names_what_it_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["dependencies"] == required("requirements.in") + required("requirements/run.in")


def test_a_package_without_its_checkout_is_refused_with_what_to_do(tmp_path: Path) -> None:
    command = [sys.executable, "setup.py", "-q", "bdist_wheel", "--dist-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 1
    assert "pip install --editable" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_plugin_costs_a_run_of_pytest_that_does_not_use_it_nothing() -> None:
    code = "import sys, pytest, millrace.testing; print({'boto3', 'botocore', 'requests'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout == "set()\n"
