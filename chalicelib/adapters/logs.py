"""Logs as JSON, one line for each record, so that a text from a client cannot imitate a line of ours."""

from __future__ import annotations

import json
import logging
import sys
from functools import cached_property


class _Formatter(logging.Formatter):
    """Powertools' formatter. It is imported at the first log record, since most invocations log nothing."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    @cached_property
    def _powertools(self) -> logging.Formatter:
        from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

        # ASCII only: some readers end a line at U+2028 and similar characters.
        return LambdaPowertoolsFormatter(service=self._service, json_serializer=json.dumps)

    def format(self, record: logging.LogRecord) -> str:
        return self._powertools.format(record)


def speak_json(service: str) -> None:
    """Make everything that the pipeline logs from now on go to standard output as JSON."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Formatter(service))
    log = logging.getLogger("chalicelib")
    log.handlers = [handler]
    log.propagate = False  # Lambda's own handler would print each line again, as text
    log.setLevel(logging.INFO)
