"""The summary store: beside each hour's report what it was cut from, in the table or, if it is large, in S3."""

from __future__ import annotations

import time
from datetime import timedelta

from chalicelib.adapters.archive import Archive
from chalicelib.adapters.report_store import ReportStore
from chalicelib.adapters.table import Item, Table, key_item, number, text
from chalicelib.core import hour_summary, limits, table_keys
from chalicelib.core.hour_summary import HourSummary
from chalicelib.core.report import Report

# A summary holds user ids: it goes before the events do, and one that is missed is made anew. The rule of the
# bucket in stack.yaml is two days longer.
_RETENTION = timedelta(days=35)


class HourSummaryStore:
    """`max_item_bytes`: a larger summary, compressed, lies in S3."""

    def __init__(
        self,
        table: Table,
        reports: ReportStore,
        archive: Archive,
        *,
        max_item_bytes: int = limits.MAX_SUMMARY_ITEM_BYTES,
    ) -> None:
        self._table = table
        self._reports = reports
        self._archive = archive
        self._max_item_bytes = max_item_bytes

    def save(self, report: Report, summary: HourSummary) -> bool:
        """Save the next version of an hour's report and its summary in one transaction; False if someone else has
        put that version.
        """
        item, replaced = self._prepare(report, summary)
        put = {"TableName": self._table.name, "Item": item}
        return self._tidy(item, replaced, is_kept=self._reports.save(report, also=[{"Put": put}]))

    def keep(self, report: Report, summary: HourSummary) -> None:
        """Put the summary of a report that is there, unless the report has moved on."""
        item, replaced = self._prepare(report, summary)
        condition, values = "attribute_not_exists(pk) OR v <= :v", {":v": number(report.version)}
        self._tidy(item, replaced, is_kept=self._table.put_if(item, condition, values))

    def _prepare(self, report: Report, summary: HourSummary) -> tuple[Item, str | None]:
        """The item to put, its object being written, and the object that it takes the place of."""
        project, hour = report.window.project, report.window.name
        key = table_keys.hour_summary(project, hour)
        current = self._table.get(key) or {}
        if "r" in current:  # whoever put the item may have died before
            self._archive.delete_hour_summary(current["r"]["S"])
        item = key_item(key) | {
            "v": number(report.version),
            "x": number(int(time.time() + _RETENTION.total_seconds())),
        }
        packed = hour_summary.pack(summary)
        if len(packed) <= self._max_item_bytes:
            item["b"] = {"B": packed}
        else:
            item["o"] = text(self._archive.write_hour_summary(project, hour, packed))
        if "o" in current:
            item["r"] = current["o"]
        return item, current["o"]["S"] if "o" in current else None

    def _tidy(self, item: Item, replaced: str | None, *, is_kept: bool) -> bool:
        """Delete the object that no item names: nothing of an erased user may stay in it."""
        unnamed = replaced if is_kept else item.get("o", {}).get("S")
        if unnamed is not None:
            self._archive.delete_hour_summary(unnamed)
        return is_kept

    def of_day(self, project: str, day: str) -> dict[str, HourSummary]:
        """The summaries of the day's hours, by hour, without those that have expired or been replaced meanwhile."""
        found: dict[str, HourSummary] = {}
        for item in self._table.query(table_keys.hour_summaries_partition(project, day)):
            packed = item["b"]["B"] if "b" in item else self._archive.read_hour_summary(item["o"]["S"])
            if packed is not None:
                found[item["sk"]["S"]] = hour_summary.unpack(packed)
        return found
