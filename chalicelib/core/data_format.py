"""The format of a stage's stored data: a number for the layout of table, archive and messages.

Version 0.1.0 recorded no number. docs/upgrading.md lists the formats.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

CURRENT = 2
#: The formats that this version reads and writes.
KNOWN = frozenset({CURRENT})


class DataFormat(NamedTuple):
    """`written`: the format of new data. `oldest`: the oldest format that stored data may still have."""

    written: int = CURRENT
    oldest: int = CURRENT

    def is_known(self, known: Collection[int]) -> bool:
        return all(number in known for number in range(self.oldest, self.written + 1))
