"""The item that records the format and the lifetimes of a stage's data. Unknown formats are refused."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from chalicelib.adapters.items import Item, key_item, number, text
from chalicelib.adapters.table import Table
from chalicelib.core import limits, table_keys, timestamps
from chalicelib.core.lifetimes import History, Lifetimes
from chalicelib.errors import UnknownFormat
from chalicelib.ports import CURRENT_FORMAT, KNOWN_FORMATS, DataFormat

_DEFAULT = Lifetimes()
#: When the first entry of a stage's lifetimes came into force: before anything was written.
_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


class DataFormats:
    def __init__(
        self,
        table: Table,
        *,
        known: Collection[int] = KNOWN_FORMATS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table = table
        self._known = known
        self._clock = clock
        self._checked: tuple[float, DataFormat, History] | None = None

    def read(self) -> DataFormat | None:
        """Return the recorded format, or None if the stage records none."""
        return _format_of(self._table.get(table_keys.DATA_FORMAT))

    def check(self) -> DataFormat:
        """Return the recorded format. Raises UnknownFormat if this version does not know it, and StoreFailed.

        The item is read again after REMEMBERED_SECONDS.
        """
        return self._current()[0]

    def lifetimes(self) -> History:
        """Return the lifetimes and their history, cached like the format. Raises UnknownFormat and StoreFailed."""
        return self._current()[1]

    def _current(self) -> tuple[DataFormat, History]:
        asked = self._clock()
        if self._checked is None or asked - self._checked[0] >= limits.REMEMBERED_SECONDS:
            return self.take(self._table.get(table_keys.DATA_FORMAT), asked)
        return self._checked[1:]

    def take(self, item: Item | None, asked: float | None = None) -> tuple[DataFormat, History]:
        """Check and cache an item that was read together with others. Raises UnknownFormat."""
        found = self._known_format(item), _history_of(item)
        self._checked = self._clock() if asked is None else asked, *found
        return found

    def _known_format(self, item: Item | None) -> DataFormat:
        found = _format_of(item)
        if found is None:
            raise UnknownFormat("The stage records no data format. Record it with `millrace upgrade`.")
        if not found.is_known(self._known):
            raise UnknownFormat(
                f"The stage's data has format {found.written}, and this version of Millrace knows "
                f"{', '.join(map(str, sorted(self._known)))}. Deploy a version that knows it: docs/upgrading.md."
            )
        return found

    def create(self, lifetimes: Lifetimes = _DEFAULT) -> bool:
        """Record the current format and the lifetimes of a new stage. Return False if a format is recorded already."""
        return self._table.put_if(item_of_a_new_stage(lifetimes), "attribute_not_exists(pk)")

    def replace(self, before: DataFormat, after: DataFormat) -> bool:
        """Record another format. Return False if the recorded one is no longer `before`."""
        values = {":w": number(before.written), ":o": number(before.oldest)}
        values |= {":written": number(after.written), ":oldest": number(after.oldest)}
        return self._table.update_if(
            table_keys.DATA_FORMAT, "SET w = :written, o = :oldest", "w = :w AND o = :o", values
        )

    def replace_lifetimes(self, before: History, after: History) -> bool:
        """Record other lifetimes. Return False if they are no longer `before`. Functions notice when caches expire."""
        values = {":before": _text_of(before), ":after": _text_of(after)}
        is_replaced = self._table.update_if(table_keys.DATA_FORMAT, "SET l = :after", "l = :before", values)
        self._checked = None
        return is_replaced

    def is_empty(self) -> bool:
        """Return whether the table has no items at all."""
        return self._table.is_empty()


def item_of_a_new_stage(lifetimes: Lifetimes = _DEFAULT) -> Item:
    """Return the item with the current format, and with lifetimes that count as always in force."""
    current, ever = number(CURRENT_FORMAT), History(((_ALWAYS, lifetimes),))
    return key_item(table_keys.DATA_FORMAT) | {"w": current, "o": current, "l": _text_of(ever)}


def _text_of(history: History) -> Item:
    entries = [
        [timestamps.sortable(since), each.events.days, each.max_chunk_age.days] for since, each in history.entries
    ]
    return text(json.dumps(entries, separators=(",", ":")))


def _history_of(item: Item | None) -> History:
    if item is None or "l" not in item:
        raise UnknownFormat("The stage records no lifetimes, since an unreleased version made it. Make a new stage.")
    return History(
        tuple(
            (
                timestamps.parse(since),
                replace(Lifetimes(), events=timedelta(days=events), max_chunk_age=timedelta(days=max_chunk_age)),
            )
            for since, events, max_chunk_age in json.loads(item["l"]["S"])
        )
    )


def _format_of(item: Item | None) -> DataFormat | None:
    return DataFormat(int(item["w"]["N"]), int(item["o"]["N"])) if item else None
