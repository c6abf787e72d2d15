"""A report on one hour or day, made from its summary."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from chalicelib.core import hour_summary, limits, windows
from chalicelib.core.hour_summary import HourSummary
from chalicelib.core.windows import Window

# SNS: at most 100 characters of ASCII, no line breaks.
# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
_MAX_SUBJECT = 100
_NOTES = {
    "cut": "           Some top values are left out: the report would not fit a message.",
    "records_expired": "           Some records have expired: users and top values are as they were before.",
}


@dataclass(frozen=True, slots=True)
class Report:
    """A report. `published`: the newest version that subscribers got; 0 if none.

    `fingerprint`: the fingerprint of an hour's summary; None if it is not stored.
    """

    window: Window
    version: int
    content: dict[str, Any]
    published: int = 0
    fingerprint: str | None = None

    def to_json(self) -> dict[str, Any]:
        start = windows.start(self.window.name)
        head = {"project": self.window.project, "grain": self.window.grain, "start": start, "version": self.version}
        return {**head, **self.content}


def renewed(
    current: Report | None,
    window: Window,
    summary: HourSummary,
    now: datetime,
    *,
    lacking_records: Counter[str] | None = None,
) -> Report:
    """Return the report of a window: the current one if it agrees with the summary, or otherwise its next version.

    `lacking_records`: the numbers of events by type from the counters, if commit records have expired.
    """
    # A complete report stays complete: a run that started earlier may hold an earlier time.
    complete = window.is_over(now) or (current is not None and bool(current.content["complete"]))
    if lacking_records is None or current is None:
        content = summarise(summary, complete=complete)
    else:
        content = _without_some_records(current.content, summary, lacking_records, complete=complete)
    fingerprint = hour_summary.fingerprint(summary) if window.made_of is None else None
    version = current.version + 1 if current else 1
    report = _fitted(Report(window, version, content, current.published if current else 0, fingerprint))
    if current and (current.content, current.fingerprint) == (report.content, fingerprint):
        return current
    return report


def _without_some_records(
    before: dict[str, Any], summary: HourSummary, counted: Counter[str], *, complete: bool
) -> dict[str, Any]:
    """Return a report's content when commit records have expired. The counters give the numbers of events.

    Users and values stay as they were. After an erasure, the values come from the remaining records only, since values
    of the expired records may belong to an erased person.
    """
    content = summarise(replace(summary, types=counted), complete=complete)
    content["unique_users"] = max(content["unique_users"], before["unique_users"])
    if not summary.erased:
        content["top"] = before["top"]
    return content | {"records_expired": True}


def summarise(summary: HourSummary, *, complete: bool) -> dict[str, Any]:
    """Return the content of a report."""
    return {
        "complete": complete,
        "events": summary.types.total(),
        "unique_users": len(summary.users),
        **_listed(summary.types),
        "top": {name: _top(counts) for name, counts in sorted(summary.value_counts.items())},
    }


def _fitted(report: Report) -> Report:
    """Return the report. If it would not fit into a message, it gets fewer top values, and `cut` says that.

    The types always fit: the document and the mail contain them, and they take at most three times their limit.
    """
    content, most = report.content, limits.TOP_VALUES
    while most and len(message(report, dump(report.to_json()))) > limits.MAX_MESSAGE_BYTES:
        most //= 2
        top = {name: values[:most] for name, values in content["top"].items()} if most else {}
        report = replace(report, content=content | {"top": top, "cut": ["top"]})
    return report


def _listed(types: Counter[str]) -> dict[str, Any]:
    """Return the most frequent types with their counts, in alphabetical order, and the number of all other events."""
    listed = _most_frequent(types)
    unlisted = types.total() - sum(listed.values())
    return {"counts": dict(sorted(listed.items())), **({"other_types": unlisted} if unlisted else {})}


def message(report: Report, document: str) -> str:
    """Return the message for subscribers: JSON for programs, and text for people."""
    return json.dumps({"default": document, "email": plain_text(report)})


def _most_frequent(types: Counter[str]) -> dict[str, int]:
    """Return as many types as fit a report. Without this limit, a type for each user would make reports impossible."""
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
    """Return the subject of a mail: ASCII without line breaks, at most 100 characters."""
    window = report.window
    text = f"{window.project}: {report.content['events']} events in {window.grain} {window.name} (v{report.version})"
    return "".join(character if " " <= character <= "~" else "?" for character in text)[:_MAX_SUBJECT]


def plain_text(report: Report) -> str:
    """Return the report as text for people."""
    content, window = report.content, report.window
    state = "complete" if content["complete"] else "still open"
    lines = [
        f"{window.project}, {window.grain} {windows.start(window.name)}, version {report.version} ({state})",
        f"{content['events']} events of {content['unique_users']} users",
        "",
        *(f"{count:>9}  {event_type}" for event_type, count in content["counts"].items()),
    ]
    if "other_types" in content:
        lines.append(f"{content['other_types']:>9}  of other types")
    lines += [note for name, note in _NOTES.items() if name in content]
    for name, values in content["top"].items():
        lines += ["", f"Top values of {name}:"]
        lines += [f"{entry['count']:>9}  {entry['value']}" for entry in values]
    return "\n".join(_one_line(line) for line in lines) + "\n"


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def dump(document: dict[str, Any]) -> str:
    """Return compact JSON. It escapes two characters that XML does not allow, since SQS refuses them."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")
