"""What time an event has: what its client says, corrected where the client's clock is surely wrong.

The vendors' rules, which they apply whatever the numbers are; here, conditions come first:

- timestamp = receivedAt - (sentAt - originalTimestamp): https://segment.com/docs/connections/spec/common
- the same with sent_at, but not for historical_migration: https://posthog.com/docs/data/timestamps
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

#: Own time and time of sending of a live event are no further apart; an import's or an explicit time may be.
MAX_LIVE = timedelta(days=1)
#: Nothing but the client's clock makes a request arrive before it was sent. The other way round, the request may have
#: waited, or is sent again as it was: libraries do so for a minute and longer.
LEAST_AHEAD, LEAST_BEHIND = timedelta(seconds=5), timedelta(minutes=10)
#: What says that it was sent longer ago is a recorded request, or has a clock that nobody ever set.
MAX_BEHIND = timedelta(days=7)


class Corrected(NamedTuple):
    """`is_absurd`: the time of sending says nothing, and was ignored."""

    time: datetime
    is_absurd: bool = False


def correct(own: datetime, sent: datetime | None, received: datetime) -> Corrected:
    """Return the time of an event by a right clock.

    `own`: as its client says; `sent`: when it was sent, by the same clock; None where that is not known, or where the
    time is not that clock's.
    """
    if sent is None:
        return Corrected(own)
    late = received - sent
    is_wrong = late <= -LEAST_AHEAD or LEAST_BEHIND <= late <= MAX_BEHIND
    if is_wrong and abs(sent - own) <= MAX_LIVE:
        return Corrected(own + late)  # a day from the received time at most, so never beyond the calendar
    return Corrected(own, is_absurd=abs(late) > MAX_BEHIND)
