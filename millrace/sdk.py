"""Clients of the AWS SDK for commands, with the settings of the user."""

from __future__ import annotations

from typing import Any

import boto3

from chalicelib.adapters.aws import refuse_others


def client(service: str, **options: Any) -> Any:
    """A client whose calls fail where something else than AWS answers."""
    made = boto3.client(service, **options)
    made.meta.events.register("before-parse", refuse_others)
    return made
