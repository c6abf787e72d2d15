"""Event times: one strict rule for input, one sortable form inside, one readable form for output."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, overload

# ISO 8601 and RFC 3339: calendar, week and ordinal dates, extended or basic, with an hour, a minute or a second. The
# last may have a fraction. RFC 3339 adds the space and the leap second. ISO 8601 adds the comma, 24:00 as the end of a
# day, offsets in hours alone, and the true minus sign.
_HOUR, _SIXTY = "(?:[01][0-9]|2[0-3])", "[0-5][0-9]"
_ISO = re.compile(
    r"(?P<day>[0-9]{4}(?:-[0-9]{2}-[0-9]{2}|[0-9]{4}|-W[0-9]{2}-[1-7]|W[0-9]{2}[1-7])|(?P<ordinal>[0-9]{4}-?[0-9]{3}))"
    rf"(?P<time>[Tt ](?P<hour>{_HOUR}|24)(?::?(?P<minute>{_SIXTY})(?::?(?P<second>{_SIXTY}|60))?)?"
    rf"(?:[.,](?P<fraction>[0-9]{{1,30}}))?(?P<zone>[Zz]|[+\-\u2212]{_HOUR}(?::?{_SIXTY})?)?)?"
)
# The form that nearly every sender writes, and this product too.
_COMMON = re.compile(
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_HOUR}:{_SIXTY}:{_SIXTY}(?:\.[0-9]{{1,9}})?(?:Z|[+-]{_HOUR}:{_SIXTY})"
)
_DIGITS = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?")
_MICROSECONDS = {"hour": 3_600_000_000, "minute": 60_000_000, "second": 1_000_000}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Seconds reach this in the year 5138, milliseconds reached it in 1973.
_MILLISECONDS_FROM = 100_000_000_000
# Seconds reached this in 2001. A smaller number that a person types is a year or a date: 2026, 20260517.
_TYPED_SECONDS_FROM = 1_000_000_000


def parse(value: Any) -> datetime:
    """Return a time in UTC, from ISO 8601 with a zone, epoch seconds or epoch milliseconds. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("must be a string or a number")  # noqa: TRY004 - one error for every bad time
    try:
        if isinstance(value, str):
            return _parse_iso(value)
        unit = "milliseconds" if abs(value) >= _MILLISECONDS_FROM else "seconds"
        return _EPOCH + timedelta(**{unit: value})
    except OverflowError as error:
        raise ValueError("is outside the years 1 to 9999") from error


def _parse_iso(text: str) -> datetime:
    if _COMMON.fullmatch(text):
        return datetime.fromisoformat(text).astimezone(UTC)
    match = _ISO.fullmatch(text)
    if not match or not match["zone"]:
        raise ValueError("must be ISO 8601 with a zone, or epoch seconds or milliseconds")
    text = text.upper().replace(",", ".").replace("\u2212", "-")
    ordinal, hour, second = match.group("ordinal", "hour", "second")
    if second and second != "60" and hour != "24" and not ordinal:
        return datetime.fromisoformat(text).astimezone(UTC)
    return _parse_rare(match, datetime.fromisoformat(f"1970-01-01T00:00{text[match.start('zone') :]}"))


def _parse_rare(match: re.Match[str], midnight: datetime) -> datetime:
    """Return a time in a rare form: to the hour or minute, at 24:00, in a leap second, or an ordinal date.

    `midnight`: any midnight in the time's zone.
    """
    parts = {name: int(match[name]) for name in ("hour", "minute", "second") if match[name]}
    last, digits = list(parts)[-1], match["fraction"] or "0"
    since = timedelta(**{f"{name}s": number for name, number in parts.items()})
    since += timedelta(microseconds=_MICROSECONDS[last] * int(digits) // 10 ** len(digits))
    moment = (datetime.combine(_day(match), time(), midnight.tzinfo) + since).astimezone(UTC)
    if parts["hour"] == 24 and since != timedelta(days=1):
        raise ValueError("has an hour 24 that does not end its day")
    if parts.get("second") == 60 and (moment.day, moment.hour, moment.minute, moment.second) != (1, 0, 0, 0):
        raise ValueError("has a leap second that does not end a month")
    return moment


def _day(match: re.Match[str]) -> date:
    if not match["ordinal"]:
        return date.fromisoformat(match["day"])
    year, number = int(match["ordinal"][:4]), int(match["ordinal"][-3:])
    day = date(year, 1, 1) + timedelta(days=number - 1)
    if day.year != year:
        raise ValueError("has a day that does not exist in its year")
    return day


def in_utc(value: Any) -> Any:
    """Return a time as client libraries mean it. A time without a zone is in UTC, and digits are epoch time.

    Other values are returned unchanged.
    """
    if not isinstance(value, str):
        return value
    match = _ISO.fullmatch(value)
    if match:
        return value if match["zone"] else value + ("Z" if match["time"] else "T00:00:00Z")
    return float(value) if _DIGITS.fullmatch(value) else value


def parse_loosely(text: str, zone: tzinfo | None = None) -> datetime:
    """Return a time as people type it. Raises ValueError.

    It may also be a day, which means its midnight in the zone or UTC, or epoch seconds or milliseconds.
    """
    if _DIGITS.fullmatch(text):
        if float(text) < _TYPED_SECONDS_FROM:
            raise ValueError("is too small for epoch seconds. Write a day as 2015-05-17, an early time in ISO 8601")
        return parse(float(text))
    if len(text) == len("2015-05-17"):
        midnight = parse(text + "T00:00:00Z")
        # Events are counted by the minute, so the time has whole minutes. Long ago, zones differed by odd seconds.
        return midnight.replace(tzinfo=zone).astimezone(UTC).replace(second=0) if zone else midnight
    return parse(text[:11] + text[11:].replace(" ", "+"))  # an unencoded "+" in a URL arrives as a space


def sortable(moment: datetime) -> str:
    """Return a text of 27 characters that sorts by time: 2015-05-17T10:05:03.000000Z."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


def readable(sortable_time: str) -> str:
    """Return the readable form of a sortable time, without needless zeros: 2015-05-17T10:05:03Z."""
    seconds, fraction = sortable_time[:19], sortable_time[20:26]
    if fraction == "000000":
        return f"{seconds}Z"
    return f"{seconds}.{fraction[:3] if fraction.endswith('000') else fraction}Z"


@overload
def readable_of(moment: datetime) -> str: ...
@overload
def readable_of(moment: None) -> None: ...
def readable_of(moment: datetime | None) -> str | None:
    """Return the readable form of a moment, or None."""
    return readable(sortable(moment)) if moment else None


def zone_of(name: str) -> tzinfo:
    """Return the IANA zone of this name. Raises ValueError."""
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (ValueError, KeyError, OSError) as error:  # an unknown zone, a folder of zones, or no file name
        raise ValueError(f"{name[:40]!r} is not an IANA time zone") from error


def with_zone(readable_time: str, zone: tzinfo | None) -> str:
    """Return a readable time in the zone's local time, with its offset."""
    if zone is None:
        return readable_time
    try:
        return parse(readable_time).astimezone(zone).isoformat()
    except OverflowError:
        return readable_time
