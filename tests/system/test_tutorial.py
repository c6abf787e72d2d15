"""The tutorial: each command prints what the page shows, in the page's order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_stack import COMMAND, LocalStack
from waiting import eventually

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "examples" / "shop" / "shop.py"
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text()
#: A command, and the block of output that follows it, if one does; not those that run in the background.
EXAMPLES = re.findall(
    r"^    ((?:export|curl|python3|\.venv/bin/millrace) [^\n]+[^&\n])\n(?:\n```\n(.*?)```)?",
    TUTORIAL,
    re.MULTILINE | re.DOTALL,
)


@contextmanager
def running_shop(environment: dict[str, str]) -> Iterator[str]:
    """The shop's address; the shop ends with the block."""
    command = [sys.executable, str(SHOP), "serve", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().split()[-1]
        finally:
            process.kill()


def without_times(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text)


def test_the_commands_of_the_tutorial_print_what_it_shows(own_stack: LocalStack) -> None:
    environment = {**os.environ, "MILLRACE_STATE": str(own_stack.state), "MILLRACE_URL": own_stack.url}

    def run(command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == (3 if done.stdout.startswith("ALARM") else 0), (command, done)
        return without_times(done.stdout)

    keys = [command for command, _ in EXAMPLES if command.startswith("export")]
    for command in keys:
        name, made = re.findall(r"export (\w+)=\$\((.+)\)", command)[0]
        environment[name] = run(made.replace(".venv/bin/millrace", str(COMMAND))).strip()
    with running_shop(environment) as shop:
        shown_ones = [(command, shown) for command, shown in EXAMPLES if shown]
        assert (len(keys), len(shown_ones)) == (2, 6)
        for command, shown in shown_ones:
            here = command.replace("http://127.0.0.1:8090", shop).replace(".venv/bin/millrace", str(COMMAND))
            here = re.sub("^python3 ", f"{sys.executable} ", here)
            eventually(lambda: run(here) == without_times(shown), f"{command} to print {shown}")  # noqa: B023
