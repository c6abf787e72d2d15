"""What the door counts and keeps in the table: events against a quota, and rejected events."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterator
from datetime import timedelta

from botocore.exceptions import ClientError

from chalicelib.adapters.aws import error_code, translated_errors
from chalicelib.adapters.table import Item, Table, key_item, number, text
from chalicelib.core import keys
from chalicelib.core.rejection import RejectedPost

_MINUTE_KEPT_SECONDS = 3600


class QuotaCounter:
    """One item a project and minute: a write unit each time, and only for projects that have a quota."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def take(self, project: str, minute: str, events: int, *, quota: int) -> bool:
        """Add events to a minute that is not yet full; False if it is."""
        with translated_errors():
            try:
                self._table.client.update_item(
                    TableName=self._table.name,
                    Key=key_item(keys.quota(project, minute)),
                    UpdateExpression="ADD n :n SET x = :x",
                    ConditionExpression="attribute_not_exists(n) OR n < :quota",
                    ExpressionAttributeValues={
                        ":n": number(events),
                        ":quota": number(quota),
                        ":x": number(int(time.time()) + _MINUTE_KEPT_SECONDS),
                    },
                )
            except ClientError as error:
                if error_code(error) == "ConditionalCheckFailedException":
                    return False
                raise
        return True


class RejectionLog:
    """One item a POST, for some days."""

    def __init__(self, table: Table, *, retention: timedelta) -> None:
        self._table = table
        self._retention = retention

    def keep(self, post: RejectedPost) -> None:
        body = zlib.compress(json.dumps([post.rows, post.uncounted]).encode())
        item: Item = {
            "pk": text(keys.rejections_partition(post.project)),
            "sk": text(post.name),
            "b": {"B": body},
            "x": number(int(time.time() + self._retention.total_seconds())),
        }
        with translated_errors():
            self._table.client.put_item(TableName=self._table.name, Item=item)

    def between(self, project: str, *, first: str, after: str) -> Iterator[RejectedPost]:
        """The posts with first <= name < after, newest first."""
        pk = keys.rejections_partition(project)
        for item in self._table.query(pk, first=first, after=after, newest_first=True):
            rows, uncounted = json.loads(zlib.decompress(item["b"]["B"]))
            yield RejectedPost(project, item["sk"]["S"], tuple(rows), uncounted)
