"""The rights of each deployed function: the AWS calls of its code, reviewed by hand.

tests/deployment/test_rights.py records the calls that the functions really make. It fails if a right is missing or
not needed.
"""

from __future__ import annotations

from typing import NamedTuple

from chalicelib.core.table_keys import QUOTAS, REJECTIONS


class Right(NamedTuple):
    """Calls of a service on a resource. `calls`: methods of boto3's client. policies.py resolves the resources.

    `folders`: only these folders of the archive. `partition`: only partitions of the table that match this pattern.
    """

    service: str
    resource: str
    calls: tuple[str, ...]
    folders: tuple[str, ...] = ()
    partition: str = ""


_METRICS = Right("cloudwatch", "metrics", ("get_metric_data",))
_DEPTHS = [Right("sqs", queue, ("get_queue_attributes",)) for queue in ("queue", "dead letters")]

RIGHTS = {
    # The API faces the internet: it writes no events, counters or reports, deletes nothing and cannot read the archive.
    "api_handler": [
        Right("dynamodb", "table", ("get_item", "batch_get_item", "query")),
        Right("dynamodb", "table", ("put_item",), partition=REJECTIONS),
        Right("dynamodb", "table", ("update_item",), partition=QUOTAS),
        Right("sqs", "queue", ("send_message",)),
        *_DEPTHS,
        _METRICS,
        Right("cloudwatch", "metrics", ("describe_alarms",)),
    ],
    # A transaction needs the rights of its parts: put_item, update_item and delete_item.
    "process": [
        Right("dynamodb", "table", ("get_item", "batch_get_item", "put_item", "update_item", "partiql_insert")),
        Right("s3", "archive", ("put_object",), folders=("events", "quarantine")),
        Right("sqs", "queue", ("delete_message",)),
    ],
    "aggregate": [
        Right("dynamodb", "table", ("get_item", "batch_get_item", "query", "put_item", "update_item", "delete_item")),
        Right("s3", "archive", ("put_object",), folders=("reports",)),
        Right("s3", "archive", ("delete_object",), folders=("quarantine",)),
        Right("s3", "archive", ("put_object", "get_object", "delete_object"), folders=("summaries",)),
        Right("sns", "topic", ("publish",)),
        *_DEPTHS,
        _METRICS,
        # For hours whose ledger sums are uncertain. The API has no right to read logs.
        Right("logs", "API's log", ("filter_log_events",)),
        Right("logs", "processor's log", ("filter_log_events",)),
    ],
}
