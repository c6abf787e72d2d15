"""Counts the events of a span: finished days from their day totals, all other days from the counters.

An answer is always complete. A query that would read too much is refused, and the refusal names the largest span
that would be answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import Any, NoReturn

from chalicelib import ports
from chalicelib.core import counting, limits, timestamps, windows
from chalicelib.core.counting import DayTotals, HourCounter
from chalicelib.core.windows import DAY, Grain, Span
from chalicelib.errors import Problem


def count_windows(
    counters: ports.Counters,
    marks: ports.Marks,
    project: str,
    *,
    event_type: str | None,
    grain: Grain,
    span: Span,
    zone: tzinfo | None,
) -> list[dict[str, Any]]:
    """Return one row for each window and type that has events, in order. Raises Problem."""
    first, after = DAY.windows(span)
    days = counters.days(project, first=first, after=after, at_most=limits.MAX_COUNT_DAYS + 1)
    over = [day for day in days if counting.are_quarters_enough(day, grain, span, zone)]
    totals = _totals(counters, marks, project, over) if over else {}
    _check_cost(days, totals, grain, span)
    found: list[HourCounter] = [counter for day in totals.values() for counter in day.counters]
    found += counters.of_days(project, [day for day in days if day not in totals])
    wanted = [counter for counter in found if event_type in (None, counter.event_type)]
    rows = counting.sum_windows(wanted, grain, span, zone)
    _check_size(rows, span)
    return rows


def _totals(counters: ports.Counters, marks: ports.Marks, project: str, days: Sequence[str]) -> dict[str, DayTotals]:
    """Return the day totals that are up to date, newest first, as far as the limit on bytes allows."""
    # Read the marks first. If a mark disappears after this read, the totals of its day are already up to date.
    behind = marks.days(project, at_most=limits.MAX_READ_MARKS)
    if behind is None:
        return {}
    wanted, found, size = set(days) - behind, dict[str, DayTotals](), 0
    for totals in counters.totals(project, first=min(days), after=f"{max(days)}~"):
        size += totals.packed_bytes
        if size > limits.MAX_COUNT_TOTALS_BYTES:
            break
        if totals.day in wanted:
            found[totals.day] = totals
    return found


def _check_cost(days: Sequence[str], totals: dict[str, DayTotals], grain: Grain, span: Span) -> None:
    """Refuse a query that would read too many days or return too many windows. Name the newest span that fits."""
    counted = 0
    for number, day in enumerate(reversed(days), 1):
        counted += day not in totals
        too_many = number * max(1, DAY.longest // grain.longest) > limits.MAX_COUNT_WINDOWS
        if too_many or number > limits.MAX_COUNT_DAYS or counted > limits.MAX_COUNTED_DAYS:
            _refuse(windows.start(days[len(days) - number + 1]), span, "a coarser grain")


def _check_size(rows: Sequence[dict[str, Any]], span: Span) -> None:
    """Refuse rows that do not fit into one answer. Name the span of the newest windows that fit."""
    size, fitting = 0, None
    for position in range(len(rows) - 1, -1, -1):
        size += limits.answer_bytes(rows[position])
        if size > limits.MAX_ANSWER_BYTES:
            _refuse(fitting, span, "one event_type or a coarser grain")
        if position and rows[position - 1]["start"] != rows[position]["start"]:
            fitting = rows[position]["start"]


def _refuse(start: str | None, span: Span, otherwise: str) -> NoReturn:
    """Raise Problem. `start`: the start of the largest span that would be answered, or None if there is none."""
    if start is None:
        raise Problem("range_too_wide", f"Use {otherwise}.")
    largest = {"from": start, "to": timestamps.readable_of(span.end)}
    raise Problem(
        "range_too_wide",
        f"The largest possible span begins at {start} (see `largest`). Query it, then the rest, or use {otherwise}.",
        largest=largest,
    )
