"""Start a Python script under a clock that is wrong: HOURS SCRIPT ARGUMENTS."""

import datetime
import runpy
import sys
import time

AHEAD = float(sys.argv[1]) * 3600
_time, _datetime = time.time, datetime.datetime


class Shifted(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + datetime.timedelta(seconds=AHEAD)

    @classmethod
    def utcnow(cls):
        return super().now(datetime.UTC).replace(tzinfo=None) + datetime.timedelta(seconds=AHEAD)


datetime.datetime = Shifted
time.time = lambda: _time() + AHEAD
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
