"""Items of the table (DynamoDB): reads and writes them, and makes the parts of a transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from chalicelib.core.table_keys import Key
from chalicelib.errors import BROKEN_CONTENT, StoreFailed

Item = dict[str, Any]
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class Unreadable(StoreFailed):
    """An item does not have the form that this product writes."""


def read_item(item: Item, read: Callable[[Item], _T]) -> _T:
    """Return the content of an item. Raises Unreadable if this product did not write it."""
    try:
        return read(item)
    except BROKEN_CONTENT as error:
        kind, _, _ = key_of(item).pk.lstrip("#").partition("#")
        raise Unreadable(f"an item of {kind} is damaged: {type(error).__name__}") from error


def readable(items: Iterable[Item], read: Callable[[Item], _T]) -> Iterator[_T]:
    """Yield the contents of items. A damaged item is logged and left out."""
    for item in items:
        try:
            yield read_item(item, read)
        except Unreadable as error:
            _log.error("%s; its key begins with %s", error, key_of(item).sk[:42])


def text(value: str) -> dict[str, str]:
    return {"S": value}


def number(value: int) -> dict[str, str]:
    return {"N": str(value)}


def key_item(key: Key) -> Item:
    return {"pk": text(key.pk), "sk": text(key.sk)}


def put_part(item: Item, condition: str | None = None, values: Item | None = None) -> Item:
    """Return the part of a transaction that puts an item."""
    return {"Put": {"Item": item, **(on_condition(condition, values) if condition else {})}}


def add_part(key: Key, added: Mapping[str, int], expiry: int | None = None) -> Item:
    """Return the part of a transaction that increases numbers of an item. A missing number counts as zero.

    `added`: by how much to increase each number, by attribute.
    """
    expression = "ADD " + ", ".join(f"#{name} :{name}" for name in added)
    if expiry is not None:
        expression += " SET #x = :x"
    set_to = {} if expiry is None else {"x": expiry}
    return {
        "Update": {
            "Key": key_item(key),
            "UpdateExpression": expression,
            "ExpressionAttributeNames": {f"#{name}": name for name in [*added, *set_to]},
            "ExpressionAttributeValues": {f":{name}": number(value) for name, value in {**added, **set_to}.items()},
        }
    }


def key_of(item: Item) -> Key:
    return Key(item["pk"]["S"], item["sk"]["S"])


def on_condition(condition: str, values: Item | None = None) -> Item:
    return {"ConditionExpression": condition, **({"ExpressionAttributeValues": values} if values else {})}
