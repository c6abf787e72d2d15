"""Start a Python script under a clock that is wrong: HOURS SCRIPT ARGUMENTS."""

import datetime as dt
import runpy
import sys
import time

AHEAD = float(sys.argv[1]) * 3600
_time = time.time


class Shifted(dt.datetime):
    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> "Shifted":
        return super().now(tz) + dt.timedelta(seconds=AHEAD)

    @classmethod
    def utcnow(cls) -> "Shifted":
        return super().now(dt.UTC).replace(tzinfo=None) + dt.timedelta(seconds=AHEAD)


dt.datetime = Shifted  # type: ignore[misc]
time.time = lambda: _time() + AHEAD
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
