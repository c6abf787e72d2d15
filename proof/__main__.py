"""`make proof`: searches the worlds of all pairs of features completely, and larger worlds at random.

Then it breaks each rule of mutations.py, and checks that the search finds a violation.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections.abc import Callable, Sequence
from functools import partial

from proof.features import FEATURES, meeting, pairs, together
from proof.mutations import MUTATIONS, caught
from proof.search import Result, Search, Setting

_SECONDS = 600


def _exhaustive(setting: Setting) -> Result:
    return Search(setting).all(_SECONDS)


def _at_random(schedules: int, seed: int) -> Result:
    return Search(together(seed)).random(schedules, seed)


def _report(result: Result) -> bool:
    """Print a result, with the steps that lead to a violation. Return whether there is no violation."""
    size = "" if result.is_complete else " (not all)"
    _say(
        f"{result.setting:36} {result.states:9,} states{size} {result.settled:7,} settled {result.seconds:7.1f} s  "
        f"{result.violation or 'no violation'}"
    )
    for step in result.trace if result.violation else ():
        _say(f"    {step}")
    return result.violation is None


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _main() -> int:
    options = argparse.ArgumentParser(prog="python -m proof")
    options.add_argument("--pair", nargs="+", choices=FEATURES, help="Search only the world of these features.")
    options.add_argument(
        "--mutation", choices=MUTATIONS, help="Break only this rule, and print the steps to a violation."
    )
    options.add_argument("--random", type=int, default=20_000, help="The number of random schedules of larger worlds.")
    asked = options.parse_args()
    if asked.pair:
        return not _report(_exhaustive(meeting(*asked.pair)))
    if asked.mutation:
        return _report(caught(asked.mutation))
    with multiprocessing.Pool() as pool:
        seeds = range(1, 21)
        work: Sequence[tuple[str, Callable[..., Result], Sequence[object]]] = (
            ("Every state of each small world", _exhaustive, pairs()),
            ("Random schedules of larger worlds", partial(_at_random, asked.random // len(seeds)), seeds),
        )
        is_well = True
        for title, search, given in work:
            _say(title)
            for result in pool.imap(search, given):
                is_well &= _report(result)
        _say("Rules broken on purpose")
        for name, result in zip(MUTATIONS, pool.imap(caught, MUTATIONS), strict=True):
            is_well &= result.violation is not None
            _say(f"{name:36} {result.states:9,} states {result.seconds:7.1f} s  {result.violation or 'NOT CAUGHT'}")
    return not is_well


if __name__ == "__main__":
    raise SystemExit(_main())
