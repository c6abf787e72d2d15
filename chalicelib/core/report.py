"""A report: what happened in one hour or day, computed anew from commit records each time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.core import limits, timestamps
from chalicelib.core.commit import CommitRecord

# SNS: at most 100 characters of ASCII, no line breaks.
# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
_MAX_SUBJECT = 100


@dataclass(frozen=True, slots=True)
class Window:
    """What a report is about: the hour 2015-05-17T10, or the day 2015-05-17, of a project."""

    project: str
    grain: str
    name: str

    def is_over(self, now: datetime) -> bool:
        return timestamps.window_end(self.name, self.grain) <= now


@dataclass(frozen=True, slots=True)
class Report:
    """`published` is the newest version that subscribers got; 0 if none."""

    window: Window
    version: int
    content: dict[str, Any]
    published: int = 0

    def to_json(self) -> dict[str, Any]:
        start = timestamps.window_start(self.window.name)
        head = {"project": self.window.project, "grain": self.window.grain, "start": start, "version": self.version}
        return {**head, **self.content}


def windows_of(project: str, hour: str) -> list[Window]:
    """The windows whose reports an hour is part of."""
    return [Window(project, "hour", hour), Window(project, "day", hour[:10])]


def summarise(records: Iterable[CommitRecord], *, complete: bool) -> dict[str, Any]:
    """The content of a report. The same records give the same content in whatever order they come."""
    types: Counter[str] = Counter()
    users: set[str] = set()
    tallies: dict[str, Counter[str]] = {}
    for record in records:
        for event in record.owned:
            types[event.event_type] += 1
            users.add(event.ref.user)
        for name, counts in record.tallies.items():
            tallies.setdefault(name, Counter()).update(counts)
    listed = _most_frequent(types)
    unlisted = types.total() - sum(listed.values())
    return {
        "complete": complete,
        "events": types.total(),
        "unique_users": len(users),
        "counts": dict(sorted(listed.items())),
        **({"other_types": unlisted} if unlisted else {}),
        "top": {name: _top(counts) for name, counts in sorted(tallies.items())},
    }


def _most_frequent(types: Counter[str]) -> dict[str, int]:
    """As many types as a report has room for, or whoever makes types out of user ids gets no report at all."""
    listed, room = {}, limits.MAX_REPORT_TYPES_BYTES
    for event_type, count in sorted(types.items(), key=lambda pair: (-pair[1], pair[0])):
        room -= len(json.dumps([event_type, count]))
        if room < 0:
            break
        listed[event_type] = count
    return listed


def _top(counts: Counter[str]) -> list[dict[str, Any]]:
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [{"value": value, "count": count} for value, count in ranked[: limits.TOP_VALUES]]


def subject(report: Report) -> str:
    """A line for a mail: ASCII without line breaks, at most 100 characters."""
    window = report.window
    text = f"{window.project}: {report.content['events']} events in {window.grain} {window.name} (v{report.version})"
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)[:_MAX_SUBJECT]


def plain_text(report: Report) -> str:
    """The report as a person reads it."""
    content, window = report.content, report.window
    state = "complete" if content["complete"] else "still open"
    lines = [
        f"{window.project}, {window.grain} {timestamps.window_start(window.name)}, version {report.version} ({state})",
        f"{content['events']} events of {content['unique_users']} users",
        "",
        *(f"{count:>9}  {event_type}" for event_type, count in content["counts"].items()),
    ]
    if "other_types" in content:
        lines.append(f"{content['other_types']:>9}  of other types")
    for name, values in content["top"].items():
        lines += ["", f"Top values of {name}:"]
        lines += [f"{entry['count']:>9}  {entry['value']}" for entry in values]
    return "\n".join(_one_line(line) for line in lines) + "\n"


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def dump(document: dict[str, Any]) -> str:
    """Compact JSON, escaping the two characters that a queue which subscribes would refuse (XML's Char)."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")
