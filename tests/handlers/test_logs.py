"""Logs: each entry is one line of JSON, whatever a client sent."""

from __future__ import annotations

import json
import logging

import pytest

from chalicelib.adapters.logs import speak_json


@pytest.mark.parametrize("hostile", ["two\nlines", "\r\n{}", '{"level": "ERROR"}', "\u2028\x00\x1b[31m", "ä\U0001f600"])
def test_what_a_client_sent_stays_inside_one_json_line(hostile: str, capsys: pytest.CaptureFixture[str]) -> None:
    speak_json("stage")
    logging.getLogger("chalicelib.process").warning("chunk of %s", hostile)
    (line,) = capsys.readouterr().out.splitlines()
    entry = json.loads(line)
    assert (entry["level"], entry["message"]) == ("WARNING", f"chunk of {hostile}")
