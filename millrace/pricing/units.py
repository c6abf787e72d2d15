"""The units that AWS bills for items, messages and reads, by its published rules."""

from __future__ import annotations

import math
from typing import Any

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
_WRITE_UNIT_BYTES = 1024
_READ_UNIT_BYTES = 4096
# Each 64 KB of a request is one request: https://aws.amazon.com/sqs/pricing/
_QUEUE_REQUEST_BYTES = 64 * 1024


def item_bytes(item: dict[str, dict[str, Any]]) -> int:
    """Return the size of an item.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    return sum(len(name.encode()) + value_bytes(value) for name, value in item.items())


def value_bytes(value: dict[str, Any]) -> int:
    """Return the size of an attribute's value in the form of a request, in which binary values are base64."""
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "B":
        return len(content) * 3 // 4 - int(content[-2:].count("="))
    if kind == "N":
        return (len(content.strip("-0.").replace(".", "")) + 1) // 2 + 1
    if kind == "M":
        return 3 + sum(len(name.encode()) + value_bytes(each) + 1 for name, each in content.items())
    if kind == "L":
        return 3 + sum(value_bytes(each) + 1 for each in content)
    return 1  # NULL and BOOL; sets are not used here


def write_units(size: int) -> int:
    """Return the units of a standard write. A transactional write takes twice as many."""
    return max(1, math.ceil(size / _WRITE_UNIT_BYTES))


def read_units(size: int, *, consistent: bool) -> float:
    """Return the units of reading a single item. A missing item costs the minimum."""
    return max(1, math.ceil(size / _READ_UNIT_BYTES)) * (1 if consistent else 0.5)


def queue_requests(size: int) -> int:
    """Return how many requests SQS bills for a call with a payload of this size."""
    return max(1, math.ceil(size / _QUEUE_REQUEST_BYTES))
