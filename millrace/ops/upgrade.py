"""Upgrades a stage's data to the format of this version. An empty stage only gets the format recorded.

An upgrade from one format to the next has three steps, and each may be repeated:

1. Record that new data has the next format. Functions read this within REMEMBERED_SECONDS.
2. Wait until no function still writes the old format.
3. Convert the data that is left in the old format, and record that none is left.

Functions continue to run meanwhile, so a version with an upgrade knows both formats.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from chalicelib.core import limits, retries
from chalicelib.core.lifetimes import Lifetimes
from chalicelib.errors import StoreFailed
from chalicelib.ports import CURRENT_FORMAT, DataFormat, DataFormats
from chalicelib.settings import Settings
from chalicelib.wiring import Pipeline
from millrace.command_error import CommandError
from millrace.ops import stage_lifetimes
from millrace.stage_address import checked

#: Functions that convert data of one format to the next, by the number of the older one. Each is safe to repeat.
Upgrades = Mapping[int, Callable[[Pipeline], None]]
UPGRADES: Upgrades = {}
# A function that read the format just before the change may write the old format until it ends, for 60 s.
WAIT_SECONDS = limits.REMEMBERED_SECONDS + 60


def prepare(environment: Mapping[str, str], say: Callable[[str], None] = lambda _: None) -> None:
    """Record the format of an empty stage, refuse a stage with an unknown format, and change its lifetimes.

    `environment`: that of the stage's functions. Raises CommandError.
    """
    try:
        pipeline = Pipeline(Settings.from_environ(environment), retries.TOOLBOX_CALL)
        _start_empty(pipeline)
        stage_lifetimes.change(checked(pipeline), datetime.now(UTC), say)
    except ValueError as error:
        raise CommandError(str(error)) from error
    except StoreFailed as error:
        raise CommandError(f"The stage's table did not answer. Run the command again. ({error})") from error


def _start_empty(pipeline: Pipeline) -> None:
    formats = pipeline.formats
    if formats.read() is None:
        if not formats.is_empty():
            raise CommandError(
                "This stage holds data of Millrace 0.1.0, which this version does not read. Make a new stage "
                "(locally: --fresh), or continue with 0.1.0: docs/upgrading.md."
            )
        formats.create(pipeline.settings.wanted_lifetimes(Lifetimes()))


def upgrade(
    pipeline: Pipeline,
    say: Callable[[str], None],
    *,
    upgrades: Upgrades = UPGRADES,
    target: int = CURRENT_FORMAT,
    pause: Callable[[float], None] = time.sleep,
) -> DataFormat:
    """Upgrade a stage's data to the format `target`, and its lifetimes to those of the settings. Safe to repeat.

    Returns the format that is then recorded. Raises CommandError and StoreFailed.
    """
    _start_empty(pipeline)
    while (current := _recorded(pipeline.formats)) != DataFormat(target, target):
        step = upgrades.get(current.oldest)
        if step is None or current.written > target:
            raise CommandError(
                f"This version cannot bring data of format {current.oldest} to {target}: docs/upgrading.md."
            )
        following = current.oldest + 1
        if current.written < following:
            say(f"New data gets format {following}.")
            _replace(pipeline.formats, current, DataFormat(following, current.oldest))
        say(f"Waiting {WAIT_SECONDS} s for functions that still write format {current.oldest} ...")
        pause(WAIT_SECONDS)
        say(f"Converting format {current.oldest} to {following} ...")
        step(pipeline)
        _replace(pipeline.formats, DataFormat(following, current.oldest), DataFormat(following, following))
    stage_lifetimes.change(pipeline, datetime.now(UTC), say)
    return current


def _recorded(formats: DataFormats) -> DataFormat:
    recorded = formats.read()
    assert recorded is not None, "_start_empty has recorded one"
    return recorded


def _replace(formats: DataFormats, before: DataFormat, after: DataFormat) -> None:
    if not formats.replace(before, after):
        raise CommandError("Somebody else is upgrading this stage. Wait for the end, and run the command again.")
