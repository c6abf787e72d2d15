"""Logs as JSON, a line each, so that what a client sent can never pass for a line of ours."""

from __future__ import annotations

import json
import logging
import sys
from functools import cached_property


class _Formatter(logging.Formatter):
    """Powertools' formatter, imported when there is something to log: most invocations say nothing."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    @cached_property
    def _powertools(self) -> logging.Formatter:
        from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

        # In ASCII: U+2028 and the like end a line for some readers.
        return LambdaPowertoolsFormatter(service=self._service, json_serializer=json.dumps)

    def format(self, record: logging.LogRecord) -> str:
        return self._powertools.format(record)


def speak_json(service: str) -> None:
    """From here on everything that the pipeline logs goes to standard output as JSON."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Formatter(service))
    log = logging.getLogger("chalicelib")
    log.handlers = [handler]
    log.propagate = False  # Lambda's own handler would print each line again, as text
    log.setLevel(logging.INFO)
