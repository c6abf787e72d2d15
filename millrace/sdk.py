"""AWS clients for commands, with the user's own settings."""

from __future__ import annotations

from typing import Any

import boto3

from chalicelib.adapters.aws import refuse_others


def client(service: str, **options: Any) -> Any:
    """Return a client. Its calls fail if a proxy or portal answers in place of AWS."""
    made = boto3.client(service, **options)
    made.meta.events.register("before-parse", refuse_others)
    return made
