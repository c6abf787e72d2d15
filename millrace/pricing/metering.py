"""The cost meter: answers each AWS call with a minimal valid answer, and counts the billed units."""

from __future__ import annotations

import json
import re
from collections import Counter
from hashlib import md5
from typing import Any

from chalicelib.adapters.data_formats import item_of_a_new_stage
from chalicelib.adapters.items import key_item, key_of
from chalicelib.core import table_keys
from millrace.pricing import units

_FIELD = re.compile(r"'(\w+)': ?\?")
_PUBLISHED = (
    b'<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>'
    b"<MessageId>m</MessageId></PublishResult></PublishResponse>"
)

_FORMAT_KEY = key_item(table_keys.DATA_FORMAT)
_FORMAT = item_of_a_new_stage()

Call = dict[str, Any]


class Meter:
    """The calls of one caller.

    `calls`: the number of calls by name. `units`: the units that AWS would bill. `messages`: the queued bodies.
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.units: Counter[str] = Counter()
        self.messages: list[str] = []

    def to_json(self) -> dict[str, Any]:
        return {"calls": dict(self.calls), "units": dict(self.units), "messages": self.messages}

    def answer(self, method: str, target: str, body: bytes) -> tuple[bytes, str]:
        """Return the body and content type of an answer. `target`: the request's X-Amz-Target, or empty."""
        self.units["sent_bytes"] += len(body)
        service, _, operation = target.partition(".")
        if service.startswith("DynamoDB"):
            self.calls[f"dynamodb:{operation}"] += 1
            return self._json(getattr(self, f"_{operation}", self._nothing)(json.loads(body)), "1.0")
        if service.startswith("AmazonSQS"):
            self.calls[f"sqs:{operation}"] += 1
            return self._json(getattr(self, f"_{operation}", self._nothing)(json.loads(body)), "1.0")
        if method == "POST":
            self.calls["sns:Publish"] += 1
            self.units["topic_publishes"] += units.queue_requests(len(body))
            return _PUBLISHED, "text/xml"
        self.calls["s3:PutObject" if method == "PUT" else f"s3:{method}"] += 1
        if method == "PUT":
            self.units["objects"] += 1
            self.units["object_bytes"] += len(body)
        return b"", "application/xml"

    @staticmethod
    def _json(document: dict[str, Any], version: str) -> tuple[bytes, str]:
        return json.dumps(document).encode(), f"application/x-amz-json-{version}"

    def _nothing(self, _call: Call) -> Call:
        return {}

    # --- queue

    def _SendMessage(self, call: Call) -> Call:  # noqa: N802 - operations are found by their AWS names
        return {"MessageId": "m", **self._queue([call["MessageBody"]])[0]}

    def _SendMessageBatch(self, call: Call) -> Call:  # noqa: N802
        hashes = self._queue([entry["MessageBody"] for entry in call["Entries"]])
        rows = zip(call["Entries"], hashes, strict=True)
        return {"Successful": [{"Id": entry["Id"], "MessageId": "m", **hashed} for entry, hashed in rows]}

    def _queue(self, bodies: list[str]) -> list[Call]:
        sizes = [len(body.encode()) for body in bodies]
        self.units["queue_requests"] += units.queue_requests(sum(sizes))
        self.units["message_bytes"] += sum(sizes)
        self.messages += bodies
        return [{"MD5OfMessageBody": md5(body.encode(), usedforsecurity=False).hexdigest()} for body in bodies]

    def _DeleteMessageBatch(self, call: Call) -> Call:  # noqa: N802
        self.units["queue_requests"] += 1
        return {"Successful": [{"Id": entry["Id"]} for entry in call["Entries"]], "Failed": []}

    # --- table: writes

    def _write(self, size: int, *, factor: int = 1, stored: bool = True) -> None:
        self.units["write_units"] += units.write_units(size) * factor
        if stored:
            self.units["items"] += 1
            self.units["item_bytes"] += size

    def _PutItem(self, call: Call) -> Call:  # noqa: N802
        self._write(units.item_bytes(call["Item"]))
        return {}

    def _UpdateItem(self, call: Call) -> Call:  # noqa: N802
        self._write(self._changed_bytes(call), stored=False)
        return {}

    def _DeleteItem(self, call: Call) -> Call:  # noqa: N802
        self._write(units.item_bytes(call["Key"]), stored=False)
        return {}

    @staticmethod
    def _changed_bytes(update: Call) -> int:
        """Return the size of an updated item as far as the call shows it: its key and the values that are set."""
        names = sum(len(name) for name in update.get("ExpressionAttributeNames", {}).values())
        values = sum(units.value_bytes(value) for value in update.get("ExpressionAttributeValues", {}).values())
        return units.item_bytes(update["Key"]) + names + values

    def _TransactWriteItems(self, call: Call) -> Call:  # noqa: N802
        for action in call["TransactItems"]:
            ((kind, request),) = action.items()
            if kind == "Put":
                self._write(units.item_bytes(request["Item"]), factor=2)
                if table_keys.is_commit_record(key_of(request["Item"])):
                    self.units["record_bytes"] += units.item_bytes(request["Item"])
            else:
                size = self._changed_bytes(request) if kind == "Update" else units.item_bytes(request["Key"])
                self._write(size, factor=2, stored=False)
        return {}

    def _BatchWriteItem(self, call: Call) -> Call:  # noqa: N802
        for request in (request for requests in call["RequestItems"].values() for request in requests):
            self._write(units.item_bytes(request["PutRequest"]["Item"]))
        return {"UnprocessedItems": {}}

    def _BatchExecuteStatement(self, call: Call) -> Call:  # noqa: N802
        """Count an INSERT like PutItem."""
        for statement in call["Statements"]:
            names = _FIELD.findall(statement["Statement"])
            self._write(units.item_bytes(dict(zip(names, statement["Parameters"], strict=True))))
        return {"Responses": [{} for _ in call["Statements"]]}

    # --- table: reads; the table contains only the stage's data format

    def _GetItem(self, call: Call) -> Call:  # noqa: N802
        self.units["read_units"] += units.read_units(0, consistent=call.get("ConsistentRead", False))  # type: ignore[assignment]
        return {"Item": _FORMAT} if call["Key"] == _FORMAT_KEY else {}

    def _BatchGetItem(self, call: Call) -> Call:  # noqa: N802
        found = {}
        for table, request in call["RequestItems"].items():
            one = units.read_units(0, consistent=request.get("ConsistentRead", False))
            self.units["read_units"] += one * len(request["Keys"])  # type: ignore[assignment]
            found[table] = [_FORMAT] if _FORMAT_KEY in request["Keys"] else []
        return {"Responses": found, "UnprocessedKeys": {}}

    def _Query(self, call: Call) -> Call:  # noqa: N802
        self.units["read_units"] += units.read_units(0, consistent=call.get("ConsistentRead", False))  # type: ignore[assignment]
        return {"Items": [], "Count": 0, "ScannedCount": 0}
