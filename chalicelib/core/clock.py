"""The time of an event: the time from its client, corrected if the client's clock is certainly wrong.

The vendors correct every event. Here, conditions must hold first. The vendors' rules:

- timestamp = receivedAt - (sentAt - originalTimestamp): https://segment.com/docs/connections/spec/common
- the same with sent_at, but not for historical_migration: https://posthog.com/docs/data/timestamps
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

#: A live event is sent within a day of its own time. An imported event or one with an explicit time may be older.
MAX_LIVE = timedelta(days=1)
#: If a request arrives before it was sent, the client's clock is wrong. A late arrival proves less: the request may
#: have waited, or a library may have sent it again unchanged. Libraries do this for a minute and longer.
LEAST_AHEAD, LEAST_BEHIND = timedelta(seconds=5), timedelta(minutes=10)
#: A longer delay means a recorded request, or a clock that was never set.
MAX_BEHIND = timedelta(days=7)


class Corrected(NamedTuple):
    """A corrected time. `is_absurd`: the time of sending was so wrong that it was ignored."""

    time: datetime
    is_absurd: bool = False


def correct(own: datetime, sent: datetime | None, received: datetime) -> Corrected:
    """Return the time of an event as a correct clock would show it.

    `own`: the event's time by the client's clock. `sent`: the time of sending by the same clock; None if unknown, or
    if `own` does not come from that clock.
    """
    if sent is None:
        return Corrected(own)
    late = received - sent
    is_wrong = late <= -LEAST_AHEAD or LEAST_BEHIND <= late <= MAX_BEHIND
    if is_wrong and abs(sent - own) <= MAX_LIVE:
        return Corrected(own + late)  # at most a day from the time of receipt, so it never overflows
    return Corrected(own, is_absurd=abs(late) > MAX_BEHIND)
