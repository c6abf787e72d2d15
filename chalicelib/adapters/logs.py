"""Logs as JSON, a line each, so that what a client sent can never pass for a line of ours."""

from __future__ import annotations

import json
import logging
import sys


def speak_json(service: str) -> None:
    """From here on everything that the pipeline logs goes to standard output as JSON."""
    from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

    handler = logging.StreamHandler(sys.stdout)
    # In ASCII: U+2028 and the like end a line for some readers.
    handler.setFormatter(LambdaPowertoolsFormatter(service=service, json_serializer=json.dumps))
    log = logging.getLogger("chalicelib")
    log.handlers = [handler]
    log.propagate = False  # Lambda's own handler would print each line again, as text
    log.setLevel(logging.INFO)
