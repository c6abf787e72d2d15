"""Event times: one strict rule in, one sortable form inside, one readable form out."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, overload

# Extended ISO 8601 with a zone, as RFC 3339 has it; the comma and the missing seconds are ISO's. Hours end at
# 23 and minutes at 59 here, since Python's own parser takes 24:00 or not, as its version has it.
_HOUR, _SIXTY = "([01][0-9]|2[0-3])", "[0-5][0-9]"
_ISO = re.compile(
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[Tt ]{_HOUR}:{_SIXTY}(:{_SIXTY}([.,][0-9]{{1,12}})?)?"
    rf"([Zz]|[+-]{_HOUR}:?{_SIXTY})"
)
_DIGITS = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Seconds reach this in the year 5138, milliseconds reached it in 1973.
_MILLISECONDS_FROM = 100_000_000_000
# Seconds reached this in 2001. People who type less mean a year or a date: 2026, 20260517.
_TYPED_SECONDS_FROM = 1_000_000_000


def parse(value: Any) -> datetime:
    """ISO 8601 with a zone, or epoch seconds or milliseconds, as UTC. Raises ValueError for all else."""
    if isinstance(value, str):
        if not _ISO.fullmatch(value):
            raise ValueError("must be ISO 8601 with a zone, or epoch seconds or milliseconds")
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a string or a number")  # noqa: TRY004 - one error for every bad time
    try:
        if isinstance(value, str):
            return datetime.fromisoformat(value.upper().replace(",", ".")).astimezone(UTC)
        unit = "milliseconds" if abs(value) >= _MILLISECONDS_FROM else "seconds"
        return _EPOCH + timedelta(**{unit: value})
    except OverflowError as error:
        raise ValueError("is outside the years 1 to 9999") from error


def parse_loosely(text: str, zone: tzinfo | None = None) -> datetime:
    """A time as people type it: also a day alone, for its midnight in the zone or UTC, or digits. Raises ValueError."""
    if _DIGITS.fullmatch(text):
        if float(text) < _TYPED_SECONDS_FROM:
            raise ValueError("is too small for epoch seconds. Write a day as 2015-05-17, an early time in ISO 8601")
        return parse(float(text))
    if len(text) == len("2015-05-17"):
        midnight = parse(text + "T00:00:00Z")
        # Whole minutes, as events are counted: long ago, clocks of zones differed by odd seconds.
        return midnight.replace(tzinfo=zone).astimezone(UTC).replace(second=0) if zone else midnight
    return parse(text[:11] + text[11:].replace(" ", "+"))  # what a "+" in a URL that is not encoded becomes


def sortable(moment: datetime) -> str:
    """27 characters that sort by time: 2015-05-17T10:05:03.000000Z."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


def readable(sortable_time: str) -> str:
    """The sortable form with milliseconds and microseconds only where there are some: 2015-05-17T10:05:03Z."""
    seconds, fraction = sortable_time[:19], sortable_time[20:26]
    if fraction == "000000":
        return f"{seconds}Z"
    return f"{seconds}.{fraction[:3] if fraction.endswith('000') else fraction}Z"


@overload
def readable_of(moment: datetime) -> str: ...
@overload
def readable_of(moment: None) -> None: ...
def readable_of(moment: datetime | None) -> str | None:
    """The readable form of a moment, if there is one."""
    return readable(sortable(moment)) if moment else None


def zone_of(name: str) -> tzinfo:
    """The IANA zone of this name. Raises ValueError."""
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (ValueError, KeyError, OSError) as error:  # no such zone, a folder of zones, no name of a file
        raise ValueError(f"{name[:40]!r} is no IANA time zone") from error


def with_zone(readable_time: str, zone: tzinfo | None) -> str:
    """A readable time as the zone's clocks show it, with their offset."""
    if zone is None:
        return readable_time
    try:
        return parse(readable_time).astimezone(zone).isoformat()
    except OverflowError:
        return readable_time
