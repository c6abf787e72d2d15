"""Calls to the table (DynamoDB): whole queries, batched reads, conditional writes and transactions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import merge
from itertools import chain
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.adapters.aws import error_code, side_by_side, translated_errors
from chalicelib.adapters.items import Item, key_item, key_of, number, on_condition, text
from chalicelib.core import retries
from chalicelib.core.retries import Retry
from chalicelib.core.table_keys import Key, Range
from chalicelib.errors import NotApplied, StoreFailed

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
_MAX_BATCH_GET = 100
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchExecuteStatement.html
MAX_INSERTS = 25
_CONDITION_FAILED = "ConditionalCheckFailed"
# Temporary reasons of a cancellation: a competing write, or throttling.
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
_PASSING = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}


class NotTogether(StoreFailed):
    """One invalid statement made DynamoDB refuse the whole call."""


class Cancelled(NotApplied):
    """Nothing of a transaction was applied, and no condition failed. `passes`: a retry may soon succeed."""

    def __init__(self, reasons: set[str]) -> None:
        super().__init__(f"transaction cancelled: {', '.join(sorted(reasons)) or 'no reason given'}")
        self.passes = bool(reasons) and reasons <= _PASSING


class Conflict(NotApplied):
    """A write of one item was not applied, since a transaction is writing the same item."""


class Table:
    """The stage's table. Reads are strongly consistent, since the protocol depends on them."""

    def __init__(self, client: Any, name: str, pause: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._name = name
        self._pause = pause

    def back_off(self, attempt: int, retry: Retry) -> None:
        """Wait before another attempt."""
        self._pause(retry.pause_before(attempt))

    def get(self, key: Key) -> Item | None:
        with translated_errors():
            answer = self._client.get_item(TableName=self._name, Key=key_item(key), ConsistentRead=True)
        item: Item | None = answer.get("Item")
        return item

    def get_many(self, keys: Sequence[Key], attributes: str | None = None) -> dict[Key, Item]:
        """Return the existing items by key. Raises StoreFailed unless DynamoDB answered for every key."""
        found, unanswered = self.get_answered(keys, attributes)
        if unanswered:
            raise StoreFailed("keys stayed unprocessed")
        return found

    def get_answered(self, keys: Sequence[Key], attributes: str | None = None) -> tuple[dict[Key, Item], set[Key]]:
        """Return the existing items by key, and the keys for which throttling left no answer.

        Raises StoreFailed if a whole call fails.
        """
        found, unanswered = dict[Key, Item](), set[Key]()
        wanted = list(dict.fromkeys(keys))
        for start in range(0, len(wanted), _MAX_BATCH_GET):
            request: Item = {
                "Keys": [key_item(key) for key in wanted[start : start + _MAX_BATCH_GET]],
                "ConsistentRead": True,
            }
            if attributes:
                request["ProjectionExpression"] = attributes
            items, unprocessed = self._batch_get(request)
            found.update((key_of(item), item) for item in items)
            unanswered.update(map(key_of, unprocessed))
        return found, unanswered

    def _batch_get(self, request: Item) -> tuple[list[Item], list[Item]]:
        """Return the items found, and the keys that stayed unprocessed."""
        found = list[Item]()
        for attempt in range(retries.READ.attempts):
            if attempt:
                self.back_off(attempt, retries.READ)
            with translated_errors():
                answer = self._client.batch_get_item(RequestItems={self._name: request})
            found += answer.get("Responses", {}).get(self._name, [])
            unprocessed = answer.get("UnprocessedKeys", {}).get(self._name)
            if not unprocessed:
                return found, []
            request = unprocessed
        return found, request["Keys"]

    def query(
        self, pk: str, *, first: str = "", after: str = "", newest_first: bool = False, **options: Any
    ) -> Iterator[Item]:
        """Yield all items of a partition with first <= sk < after. Pages are read as the caller goes on."""
        for items, _ in self.pages(pk, first=first, after=after, newest_first=newest_first, **options):
            yield from items

    def pages(
        self,
        pk: str,
        *,
        first: str = "",
        after: str = "",
        newest_first: bool = False,
        at_most: int | None = None,
        page_items: int | None = None,
        most_page_items: int = 1000,
        **options: Any,
    ) -> Iterator[tuple[list[Item], str | None]]:
        """Yield the same items in pages. Each page comes with the sk of the last item read, or None for the last page.

        `at_most`: the number of items to read (more than 1), including those that a filter leaves out. `page_items`:
        the number of items of the first page. Each later page has twice as many as the one before, up to
        `most_page_items`.
        """
        condition, values = "pk = :pk", {":pk": text(pk)}
        if after and first >= after:
            return
        if first and after:  # a key condition takes one range, and BETWEEN includes its upper end
            condition += " AND sk BETWEEN :first AND :after"
            values |= {":first": text(first), ":after": text(after)}
        elif first:
            condition += " AND sk >= :first"
            values |= {":first": text(first)}
        elif after:
            condition += " AND sk < :after"
            values |= {":after": text(after)}
        options["ExpressionAttributeValues"] = values | options.get("ExpressionAttributeValues", {})
        while at_most is None or at_most > 0:
            if bounds := [bound for bound in (at_most, page_items) if bound is not None]:
                options["Limit"] = min(bounds)
            with translated_errors():
                page = self._client.query(
                    TableName=self._name,
                    KeyConditionExpression=condition,
                    ScanIndexForward=not newest_first,
                    ConsistentRead=True,
                    **options,
                )
            last = page.get("LastEvaluatedKey")
            yield [item for item in page["Items"] if item["sk"]["S"] != after], last and last["sk"]["S"]
            if last is None:
                return
            options["ExclusiveStartKey"] = last
            at_most = at_most and at_most - page["ScannedCount"]
            page_items = page_items and min(2 * page_items, most_page_items)

    def query_each(self, pks: Iterable[str], wanted: Range) -> list[Item]:
        """Return the items of several partitions, read in parallel."""
        pages = side_by_side(lambda pk: list(self.query(pk, first=wanted.first, after=wanted.after)), pks)
        return [item for page in pages for item in page]

    def newest(self, pks: Iterable[str], wanted: Range, *, page_items: int, most_page_items: int) -> Iterator[Item]:
        """Yield the items of several partitions in the order of their sks, newest first, as the caller reads on."""
        pages = [
            self.pages(
                pk, first=wanted.first, after=wanted.after, newest_first=True,
                page_items=page_items, most_page_items=most_page_items,
            )
            for pk in pks
        ]  # fmt: skip
        first = side_by_side(lambda partition: next(partition, ([], None))[0], pages)
        rest = (chain.from_iterable(items for items, _ in partition) for partition in pages)
        streams = [chain(items, more) for items, more in zip(first, rest, strict=True)]
        return merge(*streams, key=lambda item: item["sk"]["S"], reverse=True)

    def is_empty(self) -> bool:
        with translated_errors():
            return not self._client.scan(TableName=self._name, Limit=1, ConsistentRead=True)["Items"]

    def put(self, item: Item) -> None:
        with translated_errors():
            self._client.put_item(TableName=self._name, Item=item)

    def delete(self, key: Key) -> None:
        with translated_errors():
            self._client.delete_item(TableName=self._name, Key=key_item(key))

    def put_if(self, item: Item, condition: str, values: Item | None = None) -> bool:
        """Put an item on a condition. Return False if the condition failed."""
        return _succeeds(self._client.put_item, TableName=self._name, Item=item, **on_condition(condition, values))

    def delete_if(self, key: Key, condition: str, values: Item) -> bool:
        """Delete an item on a condition. Return False if the condition failed."""
        wanted = on_condition(condition, values)
        return _succeeds(self._client.delete_item, TableName=self._name, Key=key_item(key), **wanted)

    def update_if(self, key: Key, update: str, condition: str, values: Item) -> bool:
        """Update an item on a condition. Return False if the condition failed."""
        changed = {"UpdateExpression": update, **on_condition(condition, values)}
        return _succeeds(self._client.update_item, TableName=self._name, Key=key_item(key), **changed)

    def extend(self, key: Key, texts: Iterable[str], *, limit: int, expiry: int) -> set[str]:
        """Add texts to the set of an item, unless it holds `limit` or more. Return the whole set."""
        added: Item = {":s": {"SS": sorted(texts)}, ":limit": number(limit), ":x": number(expiry)}
        with translated_errors():
            try:
                item = self._client.update_item(
                    TableName=self._name,
                    Key=key_item(key),
                    UpdateExpression="ADD s :s SET x = :x",
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **on_condition("attribute_not_exists(s) OR size(s) < :limit", added),
                )["Attributes"]
            except ClientError as error:
                if error_code(error) != "ConditionalCheckFailedException":
                    raise
                item = error.response.get("Item") or self.get(key) or {}
        return set(item.get("s", {}).get("SS", ()))

    def insert(self, item: Item) -> Item | None:
        """Put an item if its key is free, and return None. Otherwise return the existing item."""
        with translated_errors():
            try:
                self._client.put_item(
                    TableName=self._name,
                    Item=item,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **on_condition("attribute_not_exists(pk)"),
                )
            except ClientError as error:
                if error_code(error) != "ConditionalCheckFailedException":
                    raise
                there: Item | None = error.response.get("Item") or self.get(key_of(item))
                if there is None:
                    raise StoreFailed("the key was taken, but its item is gone") from error
                return there
        return None

    def insert_each(self, items: Sequence[Item]) -> list[bool | None]:
        """Put up to MAX_INSERTS items with different keys in one call, each if its key is free.

        Returns True for each item that was put, False if the key is taken, and None if that is unknown. Raises
        StoreFailed if nothing is known, and NotTogether if each item must be tried alone.
        """
        statements = [_insert_statement(self._name, item) for item in items]
        with translated_errors():
            try:
                answer = self._client.batch_execute_statement(Statements=statements)
            except ClientError as error:
                # DynamoDB refuses the whole call if it cannot parse one statement.
                if error_code(error) != "ValidationException":
                    raise
                raise NotTogether(str(error)) from error
        errors = [response.get("Error") for response in answer["Responses"]]
        return [False if error and error["Code"] == "DuplicateItem" else None if error else True for error in errors]

    def transact(self, parts: Sequence[Item]) -> set[int]:
        """Apply all parts or none. Return the positions of the parts whose condition failed; then none was applied.

        Raises Cancelled if nothing was applied for another reason, and StoreFailed if the result is unknown.
        """
        named = [{kind: {"TableName": self._name, **part}} for each in parts for kind, part in each.items()]
        with translated_errors():
            try:
                self._client.transact_write_items(TransactItems=named)
            except ClientError as error:
                if error_code(error) != "TransactionCanceledException":
                    raise
                return _failed_conditions(error)
        return set()


def _failed_conditions(cancelled: ClientError) -> set[int]:
    """Return the positions of the parts whose condition failed. Raises Cancelled if there are none."""
    reasons = [reason.get("Code", "None") for reason in cancelled.response.get("CancellationReasons", [])]
    failed = {position for position, reason in enumerate(reasons) if reason == _CONDITION_FAILED}
    if not failed:
        raise Cancelled(set(reasons) - {"None"}) from cancelled
    return failed


def _insert_statement(table_name: str, item: Item) -> Item:
    fields = ", ".join(f"'{name}': ?" for name in item)
    return {"Statement": f'INSERT INTO "{table_name}" VALUE {{{fields}}}', "Parameters": list(item.values())}


def _succeeds(call: Callable[..., Any], **arguments: Any) -> bool:
    """Make a conditional write. Return False if its condition failed."""
    with translated_errors():
        try:
            call(**arguments)
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return False
            if error_code(error) == "TransactionConflictException":
                raise Conflict("a transaction is writing the item") from error
            raise
    return True
