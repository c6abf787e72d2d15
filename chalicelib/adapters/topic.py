"""The topic (SNS) to which reports are published."""

from __future__ import annotations

from typing import Any

from chalicelib.adapters.aws import translated_errors


class Topic:
    def __init__(self, client: Any, arn: str) -> None:
        self._client = client
        self._arn = arn

    def publish(self, *, subject: str, message: str, attributes: dict[str, str]) -> None:
        """Publish a message with a text for each protocol. Subscribers filter by `attributes`."""
        with translated_errors():
            self._client.publish(
                TopicArn=self._arn,
                Subject=subject,
                MessageStructure="json",
                Message=message,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
                },
            )
