"""The report store: the newest report of each window, and the list of unfinished windows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress

from chalicelib.adapters.bucket import Bucket
from chalicelib.adapters.items import Item, key_item, key_of, number, put_part, read_item, readable, text
from chalicelib.adapters.table import Conflict, Table
from chalicelib.core import table_keys
from chalicelib.core.report import Report, dump
from chalicelib.core.windows import Window


class ReportStore:
    def __init__(self, table: Table, bucket: Bucket) -> None:
        self._table = table
        self._bucket = bucket

    def get(self, window: Window) -> Report | None:
        item = self._table.get(table_keys.report(window))
        return read_item(item, _report) if item else None

    def save(self, report: Report, also: Sequence[Item] = ()) -> bool:
        """Save the next version of a report, and list its window as unfinished, in one transaction.

        So every version is published. Returns False if another aggregator has saved that version. `also`: further parts
        of the transaction. Raises StoreFailed.
        """
        version = {"v": number(report.version)}
        put = put_part(report_item(report), "attribute_not_exists(pk) OR v < :v", {":v": version["v"]})
        unfinished = key_item(table_keys.unfinished(report.window)) | version
        return not self._table.transact([put, put_part(unfinished), *also])

    def archive(self, report: Report, document: str) -> None:
        """Store a version of a report for good, as a separate object."""
        window = report.window
        name = f"reports/project={window.project}/grain={window.grain}/{window.name}/v{report.version}.json"
        self._bucket.put_json(name, document)

    def mark_published(self, report: Report) -> None:
        """Record that subscribers got this version, unless the report has a newer one."""
        version = {":v": number(report.version)}
        with suppress(Conflict):  # a newer version is being saved
            self._table.update_if(table_keys.report(report.window), "SET p = :v", "v = :v", version)

    def unfinished(self) -> Iterator[Window]:
        """Yield the windows whose newest report is not published, or not complete."""
        items = self._table.query(table_keys.UNFINISHED)
        return readable(items, lambda item: table_keys.parse_unfinished(key_of(item)))

    def finish(self, report: Report) -> None:
        """Remove a window from the unfinished ones, unless the report has a newer version."""
        with suppress(Conflict):  # a newer version is being saved
            self._table.delete_if(table_keys.unfinished(report.window), "v = :v", {":v": number(report.version)})

    def between(
        self, project: str, grain: str, *, first: str, after: str, page_items: int | None = None
    ) -> Iterator[Report]:
        """Yield the reports of the windows with first <= name < after, newest first.

        `page_items`: how many are read at first.
        """
        pk = table_keys.report_partition(project, grain)
        items = self._table.query(pk, first=first, after=after, newest_first=True, page_items=page_items)
        return (read_item(item, _report) for item in items)


def report_item(report: Report) -> Item:
    return key_item(table_keys.report(report.window)) | {
        "v": number(report.version),
        "p": number(report.published),
        "b": text(dump(report.content)),
        **({"d": text(report.fingerprint)} if report.fingerprint else {}),
    }


def _report(item: Item) -> Report:
    window = table_keys.parse_report(key_of(item))
    fingerprint = item["d"]["S"] if "d" in item else None
    return Report(window, int(item["v"]["N"]), json.loads(item["b"]["S"]), int(item["p"]["N"]), fingerprint)
