"""A grain that the product does not have: weeks, whose names are no beginnings of their times."""

from __future__ import annotations

from datetime import date, timedelta

from chalicelib.core.windows import DAY, Grain


def _monday(time: str) -> str:
    day = date.fromisoformat(DAY.name_of(time))
    return (day - timedelta(days=day.weekday())).isoformat()


#: A week is named by its Monday.
WEEK = Grain("week", _monday, timedelta(days=7), made_of=DAY)
