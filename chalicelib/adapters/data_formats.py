"""The item that records the format of a stage's data, and the refusal of a format that this version does not know."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from chalicelib.adapters.table import Item, Table, key_item, number
from chalicelib.core import data_format, limits, table_keys
from chalicelib.core.data_format import DataFormat
from chalicelib.errors import UnknownFormat


class DataFormats:
    def __init__(
        self,
        table: Table,
        *,
        known: Collection[int] = data_format.KNOWN,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table = table
        self._known = known
        self._clock = clock
        self._checked: tuple[float, DataFormat] | None = None

    def read(self) -> DataFormat | None:
        """Return the recorded format, or None if the stage records none."""
        return _format_of(self._table.get(table_keys.DATA_FORMAT))

    def check(self) -> DataFormat:
        """Return the format if this version knows it. Raises UnknownFormat and StoreFailed.

        The item is read again after REMEMBERED_SECONDS.
        """
        asked = self._clock()
        if self._checked is None or asked - self._checked[0] >= limits.REMEMBERED_SECONDS:
            self._checked = asked, self.checked(self._table.get(table_keys.DATA_FORMAT))
        return self._checked[1]

    def checked(self, item: Item | None) -> DataFormat:
        """Return the format in an item that was read together with another. Raises UnknownFormat."""
        found = _format_of(item)
        if found is None:
            raise UnknownFormat("The stage records no data format. Run `millrace upgrade` for it.")
        if not found.is_known(self._known):
            raise UnknownFormat(
                f"The stage's data has format {found.written}, and this version of Millrace knows "
                f"{', '.join(map(str, sorted(self._known)))}. Deploy a version that knows it: docs/upgrading.md."
            )
        return found

    def create(self) -> bool:
        """Record the current format; False if a format is recorded already."""
        return self._table.put_if(_item(DataFormat()), "attribute_not_exists(pk)")

    def replace(self, before: DataFormat, after: DataFormat) -> bool:
        """Record another format; False if the recorded one is no longer `before`."""
        values = {":w": number(before.written), ":o": number(before.oldest)}
        return self._table.put_if(_item(after), "w = :w AND o = :o", values)

    def is_empty(self) -> bool:
        """Return whether the table holds nothing at all."""
        return self._table.is_empty()


def _item(recorded: DataFormat) -> Item:
    return key_item(table_keys.DATA_FORMAT) | {"w": number(recorded.written), "o": number(recorded.oldest)}


def _format_of(item: Item | None) -> DataFormat | None:
    return DataFormat(int(item["w"]["N"]), int(item["o"]["N"])) if item else None
