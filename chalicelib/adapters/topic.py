"""The topic that reports are published to (SNS)."""

from __future__ import annotations

import json
from typing import Any

from chalicelib.adapters.aws import translated_errors


class Topic:
    def __init__(self, client: Any, arn: str) -> None:
        self._client = client
        self._arn = arn

    def publish(self, *, subject: str, text: str, document: str, attributes: dict[str, str]) -> None:
        """Publish `text` to people (mail) and `document` (JSON) to programs; attributes serve filters."""
        with translated_errors():
            self._client.publish(
                TopicArn=self._arn,
                Subject=subject,
                MessageStructure="json",
                Message=json.dumps({"default": document, "email": text}),
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
                },
            )
