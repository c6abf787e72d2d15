"""The store of hour summaries, from which hours' reports are made. Large summaries are stored in S3."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import uuid4

from chalicelib.adapters.bucket import GONE_OR_HIDDEN, Bucket
from chalicelib.adapters.items import Item, key_item, key_of, number, put_part, text
from chalicelib.adapters.report_store import ReportStore
from chalicelib.adapters.table import Cancelled, Conflict, Table
from chalicelib.core import hour_summary, limits, table_keys
from chalicelib.core.hour_summary import HourSummary
from chalicelib.core.report import Report
from chalicelib.errors import BROKEN_CONTENT


class HourSummaryStore:
    """`retention`: how long a summary is stored. A missing summary is recomputed.

    `max_item_bytes`: a larger compressed summary is stored in S3.
    """

    def __init__(
        self,
        table: Table,
        reports: ReportStore,
        bucket: Bucket,
        *,
        retention: timedelta,
        max_item_bytes: int = limits.MAX_SUMMARY_ITEM_BYTES,
    ) -> None:
        self._table = table
        self._reports = reports
        self._bucket = bucket
        self._retention = retention
        self._max_item_bytes = max_item_bytes

    def save(self, report: Report, summary: HourSummary) -> bool:
        """Save the next version of an hour's report and its summary in one transaction.

        Returns False if another aggregator has saved that version.
        """
        item, replaced = self._prepare(report, summary)
        try:
            is_saved = self._reports.save(report, also=[put_part(item, *_unless_replaced(replaced))])
        except Cancelled:
            self._tidy(item, replaced, is_kept=False)
            raise
        return self._tidy(item, replaced, is_kept=is_saved)

    def keep(self, report: Report, summary: HourSummary) -> None:
        """Save the summary of an existing report, unless the report has a newer version."""
        item, replaced = self._prepare(report, summary)
        unless, values = _unless_replaced(replaced)
        condition = f"(attribute_not_exists(pk) OR v <= :v) AND {unless}"
        try:
            is_kept = self._table.put_if(item, condition, values | {":v": number(report.version)})
        except Conflict:  # a newer version is being saved
            is_kept = False
        self._tidy(item, replaced, is_kept=is_kept)

    def _prepare(self, report: Report, summary: HourSummary) -> tuple[Item, str | None]:
        """Write the summary's object if it is large. Return the item to put, and the object that it replaces."""
        project, hour = report.window.project, report.window.name
        key = table_keys.hour_summary(project, hour)
        current = self._table.get(key) or {}
        if "r" in current:  # the aggregator that put this item may have died before it deleted the object
            self._bucket.delete(f"summaries/{current['r']['S']}")
        item = key_item(key) | {
            "v": number(report.version),
            "x": number(int(time.time() + self._retention.total_seconds())),
        }
        packed = hour_summary.pack(summary)
        if len(packed) <= self._max_item_bytes:
            item["b"] = {"B": packed}
        else:
            name = f"{project}/{hour}/{uuid4().hex}"  # a new name each time
            self._bucket.put(f"summaries/{name}", packed, "application/zlib")
            item["o"] = text(name)
        if "o" in current:
            item["r"] = current["o"]
        return item, current["o"]["S"] if "o" in current else None

    def _tidy(self, item: Item, replaced: str | None, *, is_kept: bool) -> bool:
        """Delete the object that no item names: it may contain an erased user. Return `is_kept`."""
        unnamed = replaced if is_kept else item.get("o", {}).get("S")
        if unnamed is not None:
            self._bucket.delete(f"summaries/{unnamed}")
        return is_kept

    def of_day(self, project: str, day: str) -> Iterator[tuple[str, HourSummary]]:
        """Yield each hour of a day and its summary, one by one.

        Expired and meanwhile replaced summaries are left out.
        """
        for item in self._table.query(table_keys.hour_summaries_partition(project, day)):
            try:
                packed = item["b"]["B"] if "b" in item else self._read(item["o"]["S"])
                summary = hour_summary.unpack(packed) if packed is not None else None
            except BROKEN_CONTENT:  # the caller recomputes a damaged summary
                continue
            if summary is not None:
                yield key_of(item).sk, summary

    def _read(self, name: str) -> bytes | None:
        found = self._bucket.get(f"summaries/{name}", GONE_OR_HIDDEN)
        return found[0] if found else None

    def unnamed(self, older_than: datetime) -> Iterator[str]:
        """Yield the objects that no item names and that were last changed before `older_than`. Crashes left them."""
        for each in self._bucket.find("summaries/"):
            name = each.name.removeprefix("summaries/")
            project, hour, _ = name.rsplit("/", 2)
            if each.modified < older_than:
                item = self._table.get(table_keys.hour_summary(project, hour)) or {}
                if name not in {item[part]["S"] for part in ("o", "r") if part in item}:
                    yield name

    def delete(self, name: str) -> None:
        """Delete an object that `unnamed` found."""
        self._bucket.delete(f"summaries/{name}")


def _unless_replaced(name: str | None) -> tuple[str, Item]:
    """Return the condition that the item still names the object that was read.

    Without this condition, an object could be left that no item names.
    """
    return ("attribute_not_exists(o)", {}) if name is None else ("o = :o", {":o": text(name)})
