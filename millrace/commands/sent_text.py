"""The type of options for texts that clients made up: user ids, event types, names of properties."""

from __future__ import annotations

import json
import sys
from typing import Any

import click


class SentText(click.ParamType[str]):
    """Any text that an event may contain. "-" reads a JSON string from standard input.

    Some characters need this: arguments cannot contain NUL, and terminals intercept control characters.
    """

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = self._from_standard_input(param, ctx) if value == "-" else str(value)
        if not text:
            self.fail("must not be empty.", param, ctx)
        try:
            text.encode()
        except UnicodeEncodeError:
            self.fail("is not UTF-8, as ids and names are.", param, ctx)
        return text

    def _from_standard_input(self, param: click.Parameter | None, ctx: click.Context | None) -> str:
        line = sys.stdin.readline()
        try:
            value = json.loads(line)
        except ValueError:
            value = None
        if not isinstance(value, str | int) or isinstance(value, bool):
            self.fail('"-" needs a JSON string on standard input, e.g. "ann\\u0000".', param, ctx)
        return str(value)


SENT_TEXT = SentText()
