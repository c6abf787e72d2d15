"""python -m clients.matrix: run the libraries of libraries.toml under every condition, and write docs/clients.md.

--only TEXT runs those whose name and version hold the text; what earlier runs found of others stays in the table.
--runs and --conditions choose, too. Several may run at once.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from chromium import chromium
from clients.line import Line
from clients.matrix import report
from clients.matrix.libraries import install, libraries
from clients.matrix.runs import Outcome, run
from clients.tap import Tap
from local_stack import LocalStack

#: How the stack is started, and the conditions that are tried there.
STACKS: dict[tuple[str, ...], tuple[str, ...]] = {
    (): ("plain", "503", "reset", "outage", "offline", "clock"),
    ("--path", "/api"): ("path",),
    ("--closed",): ("closed",),
}


@contextmanager
def started(*options: str) -> Iterator[tuple[LocalStack, str, str]]:
    """A running stack, and keys to write and to read where it wants some."""
    with tempfile.TemporaryDirectory() as folder:
        stack = LocalStack(Path(folder))
        try:
            stack.start(*options)
            is_closed = "--closed" in options
            yield stack, stack.key("write") if is_closed else "key", stack.key("read") if is_closed else ""
        finally:
            stack.end()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    parser.add_argument("--runs", nargs="*", default=["python", "node", "browser"])
    parser.add_argument("--conditions", nargs="*")
    asked = parser.parse_args()
    chosen = [each for each in libraries() if asked.only in str(each) and each.runs in asked.runs]
    install(chosen)
    outcomes: list[Outcome | None] = []
    with chromium() as browser:
        for options, conditions in STACKS.items():
            tried = [each for each in conditions if asked.conditions is None or each in asked.conditions]
            if not tried:
                continue
            with started(*options) as (stack, write, read), ExitStack() as closing:
                for library in chosen:
                    for condition in tried:
                        if not report.exists(library, condition):
                            continue
                        tap = Tap(stack.url)
                        closing.callback(tap.close)
                        try:
                            outcome = run(library, condition, Line(stack, tap, read), write, browser)
                        except Exception:  # noqa: BLE001 - the other cells are worth having
                            traceback.print_exc(limit=-1)
                            outcome = None
                        outcomes.append(outcome)
                        report.keep(library, condition, outcome)
                        sys.stdout.write(f"{library}, {condition}: {outcome}\n")
                        sys.stdout.flush()
    report.write(libraries())
    sys.exit(any(outcome is None or outcome.equal < outcome.sent or outcome.doubled for outcome in outcomes))


if __name__ == "__main__":
    main()
