"""Queries on one project: events, counts, reports, rejections and receipts. Parameters are texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any

from chalicelib import ports
from chalicelib.core import chunk_id as chunk_ids
from chalicelib.core import commit, cursor, limits, timestamps, windows
from chalicelib.core.event import EventRef, event_key, is_text, parse_event_key
from chalicelib.core.lifetimes import History
from chalicelib.core.nfc import nfc
from chalicelib.core.report import Report
from chalicelib.core.windows import HOUR, MINUTE, Grain, Span
from chalicelib.errors import Problem, Undecodable
from chalicelib.flows import event_search
from chalicelib.flows.event_search import Position

Parameters = Mapping[str, str]

# A chunk_id is created and looked up by different functions, whose clocks may differ.
_CLOCKS_DIFFER = timedelta(minutes=5)


def find_events(
    parameters: Parameters,
    *,
    project: str,
    events: ports.EventStore,
    counters: ports.Counters,
    commits: ports.CommitLog,
    secret: str,
    now: datetime,
    user_as_stored: Callable[[str], str] = str,
    at_most: int = limits.MAX_EXAMINED,
) -> dict[str, Any]:
    """Return the events of one user or of the whole project, newest first by event time.

    `user_as_stored`: maps a user id to the id under which its events are stored. `now`: tells which days are left out,
    because their commit records have expired. `at_most`: the approximate number of events to read. A page may be short
    or empty and still have a cursor.
    """
    _check_names(parameters, {"user_id", "event_type", "from", "to", "limit", "cursor"})
    user = _name(parameters, "user_id", limits.MAX_USER_LENGTH)
    event_type = _name(parameters, "event_type", limits.MAX_TYPE_LENGTH)
    span, limit = _span(parameters), _limit(parameters)
    question = ("events", project, user, event_type, span.first, span.after)
    parts = _unseal(parameters, question, secret, parts=event_search.POSITION_PARTS)
    start = Position.of_parts(parts) if parts else None
    wanted: Any = {"event_type": event_type, "span": span, "start": start, "limit": limit, "at_most": at_most}
    if user is not None:
        found = event_search.search_user(events, project, user_as_stored(user), **wanted)
    else:
        found = event_search.search_project(events, counters, commits, project, **wanted, now=now)
    page, last = _page(found, limit)
    return {"events": page, "next": cursor.seal(last.parts(), question=question, secret=secret) if last else None}


def _page(
    found: Iterable[tuple[Position, dict[str, Any] | None]], limit: int
) -> tuple[list[dict[str, Any]], Position | None]:
    """Return up to `limit` events that fit one answer, newest first, and the position of the next page, if any."""
    page: dict[EventRef, dict[str, Any]] = {}
    size, last, goes_on = 0, None, False
    for position, event in found:
        if event is None:  # the search ended early at this position
            last, goes_on = position, True
            break
        ref = event_search.ref_of(event)
        row = {"key": event_key(ref), **event}
        size += limits.answer_bytes(row)
        if len(page) == limit or (page and size > limits.MAX_ANSWER_BYTES):
            goes_on = True
            break
        page[ref], last = row, position
    return [page[ref] for ref in sorted(page, reverse=True)], last if goes_on else None


def find_rejections(
    parameters: Parameters,
    *,
    project: str,
    rejections: ports.RejectionLog,
    secret: str,
    at_most: int = limits.MAX_EXAMINED,
) -> dict[str, Any]:
    """Return rejected events. The newest POST comes first, and the events of a POST keep their order.

    `at_most`: the number of POSTs to read.
    """
    _check_names(parameters, {"code", "from", "to", "limit", "cursor"})
    code, span, limit = _name(parameters, "code", limits.MAX_TYPE_LENGTH), _span(parameters), _limit(parameters)
    question = ("rejections", project, code, span.first, span.after)
    before = _unseal(parameters, question, secret, parts=2)
    # A position names a POST and the number of its rows that were returned. The next page reads this POST again.
    after = f"{before[0]}\0" if before else span.after
    rows: list[dict[str, Any]] = []
    size = 0
    found = rejections.between(project, first=span.first, after=after, page_items=limit + 1)
    for examined, post in enumerate(found):
        if examined == at_most:
            return {"rejections": rows, "next": cursor.seal((post.name, "0"), question=question, secret=secret)}
        skipped = int(before[1]) if before and post.name == before[0] and before[1].isdecimal() else 0
        for number, row in enumerate(post.rows[skipped:], skipped):
            if code in (None, row["code"]):
                told = {"received_at": timestamps.readable(post.received), **row}
                size += limits.answer_bytes(told)
                if len(rows) == limit or size > limits.MAX_ANSWER_BYTES:
                    position = (post.name, str(number))
                    return {"rejections": rows, "next": cursor.seal(position, question=question, secret=secret)}
                rows.append(told)
    return {"rejections": rows, "next": None}


def get_event(key: str, *, project: str, events: ports.EventStore) -> dict[str, Any]:
    ref = parse_event_key(key)
    event = events.get(project, ref) if ref else None
    if event is None:
        raise Problem("no_such_event")
    return {"key": event_key(event_search.ref_of(event)), **event}


def get_receipt(
    chunk_id: str,
    *,
    project: str,
    commits: ports.CommitLog,
    quarantine: ports.Quarantine,
    failure_notes: ports.FailureNotes,
    lifetimes: History,
    now: datetime,
) -> dict[str, Any]:
    """Return the status of a chunk. A chunk that is not found is in flight as long as a copy may be processed."""
    try:
        chunk_ids.check_id(chunk_id)
    except Undecodable as error:
        raise Problem("no_such_chunk") from error
    record = commits.record(project, chunk_id)
    if record is not None:
        if record.chunk_id not in (chunk_id, chunk_ids.owner_of(chunk_id)):
            record = commit.share_of(record, chunk_id)
        return {
            "chunk_id": chunk_id,
            "status": "committed",
            "accepted": record.accepted,
            "stored": record.stored,
            "duplicates": record.duplicates,
            **({"erased": record.erased} if record.erased else {}),
            **({"waits_for": list(record.waits_for)} if record.waits_for else {}),
        }
    code = quarantine.code_of(project, chunk_id)
    if code is not None:
        return {"chunk_id": chunk_id, "status": "quarantined", "code": code}
    minted = chunk_ids.minted_at(chunk_id)
    if minted > now + _CLOCKS_DIFFER or lifetimes.is_settled(minted, now):
        raise Problem("no_such_chunk")
    receipt: dict[str, Any] = {"chunk_id": chunk_id, "status": "in_flight"}
    if failure := failure_notes.of([(project, chunk_id)]).get(chunk_id):
        at = timestamps.readable(failure.at)
        receipt["last_failure"] = {"code": failure.code, "at": at, "deliveries": failure.deliveries}
    return receipt


def count(parameters: Parameters, *, project: str, counters: ports.Counters, marks: ports.Marks) -> dict[str, Any]:
    """Return the number of distinct events by type for the minutes, hours or days of a span."""
    _check_names(parameters, {"event_type", "from", "to", "grain", "tz"})
    zone = _zone(parameters)
    event_type, span = _name(parameters, "event_type", limits.MAX_TYPE_LENGTH), _span(parameters, zone)
    grain = _grain(parameters, windows.GRAINS.values())
    if MINUTE.whole(span) != span:
        raise Problem("bad_parameter", "Events are counted by the minute: from and to must be whole minutes.")
    from chalicelib.flows import counts  # other queries do not need it

    rows = counts.count_windows(counters, marks, project, event_type=event_type, grain=grain, span=span, zone=zone)
    return {"counts": rows}


def find_reports(parameters: Parameters, *, project: str, reports: ports.ReportStore, secret: str) -> dict[str, Any]:
    """Return reports, newest first, whose windows overlap the span."""
    _check_names(parameters, {"grain", "from", "to", "limit", "cursor"})
    grain, span, limit = _grain(parameters, windows.reported()), _span(parameters), _limit(parameters)
    question = ("reports", project, grain.name, span.first, span.after)
    before = _unseal(parameters, question, secret, parts=1)
    first, after = grain.windows(span)
    page: list[Report] = []
    size = 0
    after = before[0] if before else after
    for report in reports.between(project, grain.name, first=first, after=after, page_items=limit + 1):
        size += limits.answer_bytes(report.to_json())
        if len(page) == limit or (page and size > limits.MAX_ANSWER_BYTES):
            position = [page[-1].window.name]
            return {
                "reports": [each.to_json() for each in page],
                "next": cursor.seal(position, question=question, secret=secret),
            }
        page.append(report)
    return {"reports": [report.to_json() for report in page], "next": None}


def _unseal(parameters: Parameters, question: tuple[str | None, ...], secret: str, parts: int) -> list[str] | None:
    sealed = parameters.get("cursor")
    return cursor.unseal(sealed, question=question, secret=secret, parts=parts) if sealed else None


def _check_names(parameters: Parameters, allowed: set[str]) -> None:
    unknown = sorted(set(parameters) - allowed)
    if unknown:
        raise Problem("bad_parameter", f"Unknown parameter: {unknown[0]}. Known: {', '.join(sorted(allowed))}.")
    empty = sorted(name for name, value in parameters.items() if not value)
    if empty:  # a client that sends an empty user_id must not get the events of all users
        raise Problem("bad_parameter", f"{empty[0]} is empty. Give it a value, or leave it out.")


def _name(parameters: Parameters, name: str, max_length: int) -> str | None:
    value = parameters.get(name)
    if value is None:
        return None
    text = nfc(value)
    if not is_text(text, max_length):
        raise Problem("bad_parameter", f"{name} must be text of at most {max_length} characters.")
    return text


def _zone(parameters: Parameters) -> tzinfo | None:
    name = parameters.get("tz")
    try:
        return timestamps.zone_of(name) if name else None
    except ValueError as error:
        raise Problem("bad_parameter", f"tz: {error}.") from error


def _span(parameters: Parameters, zone: tzinfo | None = None) -> Span:
    return Span(_moment(parameters, "from", zone), _moment(parameters, "to", zone))


def _moment(parameters: Parameters, name: str, zone: tzinfo | None) -> datetime | None:
    value = parameters.get(name)
    if value is None:
        return None
    try:
        return timestamps.parse_loosely(value, zone)
    except (ValueError, OverflowError) as error:
        raise Problem("bad_parameter", f"{name}: {error}.") from error


def _limit(parameters: Parameters) -> int:
    value = parameters.get("limit") or str(limits.DEFAULT_PAGE)
    if not (value.isascii() and value.isdigit() and len(value) <= 9 and 1 <= int(value) <= limits.MAX_PAGE):
        raise Problem("bad_parameter", f"limit must be a number from 1 to {limits.MAX_PAGE}.")
    return int(value)


def _grain(parameters: Parameters, offered: Iterable[Grain]) -> Grain:
    allowed = {grain.name: grain for grain in offered}
    name = parameters.get("grain") or HOUR.name
    if name not in allowed:
        raise Problem("bad_parameter", f"grain must be one of {', '.join(allowed)}.")
    return allowed[name]
