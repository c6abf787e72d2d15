"""What AWS bills for a call: the units of items, messages and reads, by its published rules."""

from __future__ import annotations

import math
from typing import Any

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
_WRITE_UNIT_BYTES = 1024
_READ_UNIT_BYTES = 4096
# Each 64 KB of a request is one request: https://aws.amazon.com/sqs/pricing/
_QUEUE_REQUEST_BYTES = 64 * 1024


def item_bytes(item: dict[str, dict[str, Any]]) -> int:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html"""
    return sum(len(name.encode()) + value_bytes(value) for name, value in item.items())


def value_bytes(value: dict[str, Any]) -> int:
    """The size of one attribute's value as it travels, binary in base64."""
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
    """Of a standard write; a transactional one takes twice as many."""
    return max(1, math.ceil(size / _WRITE_UNIT_BYTES))


def read_units(size: int, *, consistent: bool) -> float:
    """Of an item that is read alone; one that does not exist costs the least there is."""
    return max(1, math.ceil(size / _READ_UNIT_BYTES)) * (1 if consistent else 0.5)


def queue_requests(size: int) -> int:
    """How many requests SQS bills for one call with a payload of that many bytes."""
    return max(1, math.ceil(size / _QUEUE_REQUEST_BYTES))
