"""make mutants [MUTANTS=--all]: how many small changes of the product the unit and flow tests notice."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from mutants.changes import Change, changes_of
from mutants.trial import PRODUCT, Recorder, record, survives

TESTS = ("tests/unit", "tests/flows", "tests/contract/test_metrics.py")
#: What is changed, by the least share of changes that tests must notice, in percent.
TARGETS = {"core": 90, "flows": 90, "wiring, settings and metrics": 80}
OTHERS = ("wiring.py", "settings.py", "adapters/metrics.py")
#: The sample is chosen by the names of changes: what else changes in a module does not choose another.
SEED, ONE_OF = "1", 16
ACCEPTED = Path(__file__).with_name("accepted.toml")


def group_of(module: str) -> str | None:
    folder = module.partition("/")[0]
    return folder if folder in TARGETS else "wiring, settings and metrics" if module in OTHERS else None


def changes(pattern: str, *, every: bool) -> Iterator[Change]:
    for path in sorted(PRODUCT.rglob("*.py")):
        module = str(path.relative_to(PRODUCT))
        if group_of(module):
            for change in changes_of(module, path.read_text()):
                if pattern in change.name and (every or pattern or is_sampled(change)):
                    yield change


def is_sampled(change: Change) -> bool:
    return int.from_bytes(hashlib.sha256(f"{SEED} {change.name}".encode()).digest()[:4]) % ONE_OF == 0


def stages_of(change: Change, recorded: Recorder) -> list[list[str]]:
    """The tests that may notice a change, the likeliest and quickest first."""
    by_file = (change.module, change.function)
    tests = sorted(recorded.functions, key=lambda test: recorded.seconds.get(test, 0))
    in_function = {test for test in tests if by_file in recorded.functions[test]}
    in_module = {test for test in tests if any(file == change.module for file, _ in recorded.functions[test])}
    own = {test for test in tests if Path(change.module).stem in test.partition("::")[0]}
    # What a module or a class does when it is made concerns everybody.
    candidates = in_function if change.is_in_function else set(tests)
    order = [own & candidates, (in_module & candidates) - own, candidates - in_module - own]
    return [[test for test in tests if test in stage] for stage in order]


def main() -> int:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--all", action="store_true", help="every change, not one of sixteen")
    parser.add_argument("--only", default="", metavar="TEXT", help="every change whose name has this in it")
    chosen = parser.parse_args()
    accepted = {each["change"]: each for each in tomllib.loads(ACCEPTED.read_text())["accepted"]}
    recorded = record(TESTS)
    print(f"{len(recorded.functions)} tests", file=sys.stderr)
    sample = list(changes(chosen.only, every=chosen.all))
    survivors = list(run(sample, recorded))
    return report(sample, survivors, accepted)


def run(sample: list[Change], recorded: Recorder) -> Iterator[Change]:
    """Yield the changes that no test noticed. As many run side by side as there are cores."""
    running: dict[int, Change] = {}
    waiting = list(reversed(sample))
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 1):
            change = waiting.pop()
            tree = change.apply((PRODUCT / change.module).read_text())
            running[survives(change.module, tree, stages_of(change, recorded))] = change
        child, status = os.wait()
        change = running.pop(child)
        if status == 0:
            print(f"passes every test: {change.name}", flush=True)
            yield change
        done = len(sample) - len(waiting) - len(running)
        if done % 20 == 0:
            print(f"{done} of {len(sample)}", file=sys.stderr)


def report(sample: list[Change], survivors: list[Change], accepted: dict[str, dict[str, str]]) -> int:
    equivalent = {name for name, each in accepted.items() if each["kind"] == "equivalent"}
    tried, noticed = Counter[str](), Counter[str]()
    for change in sample:
        if change.name not in equivalent:
            tried[str(group_of(change.module))] += 1
            noticed[str(group_of(change.module))] += change not in survivors
    failed = False
    for group, least in TARGETS.items():
        if tried[group]:
            percent = 100 * noticed[group] / tried[group]
            failed |= percent < least
            print(f"{group}: {noticed[group]} of {tried[group]} changes noticed, {percent:.1f} % (at least {least} %)")
    names = {each.name for each in survivors}
    for each in survivors:
        if each.name not in accepted:
            print(f"not noticed: {each.name}")
    for name in accepted:
        if name in {each.name for each in sample} - names:
            failed = True
            print(f"noticed, although accepted.toml lists it: {name}")
    return int(failed or any(name not in accepted for name in names))


if __name__ == "__main__":
    sys.exit(main())
