"""Counts the events of a project and minute against its quota."""

from __future__ import annotations

import time

from botocore.exceptions import ClientError

from chalicelib.adapters.aws import error_code, translated_errors
from chalicelib.adapters.table import Table, key_item, number
from chalicelib.core import table_keys

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
                    Key=key_item(table_keys.quota(project, minute)),
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
