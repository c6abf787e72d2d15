"""Watches the emulator while the local stack runs, and reports if it ends or does not answer."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPException

from millrace import output
from millrace.local.emulator import Emulator, changes

_LOOK_SECONDS = 30


@contextlib.contextmanager
def watched(emulator: Emulator, on_end: Callable[[], None], *, look_seconds: float = _LOOK_SECONDS) -> Iterator[None]:
    """Report problems of the emulator as they occur. Call `on_end` if it ends before the context does."""
    over = threading.Event()

    def wait() -> None:
        emulator.wait()
        if not over.is_set():
            output.say(f"The AWS emulator has ended unexpectedly. Its log: {emulator.log}")
            on_end()

    def look() -> None:
        answered = True
        while not over.wait(look_seconds):
            answers = _answers(emulator, look_seconds)
            if answered and not answers and emulator.is_alive():
                output.say("The AWS emulator does not answer. If this continues, press Ctrl-C and start again.")
            if answers and not answered:
                output.say("The AWS emulator answers again.")
            answered = answers

    for each in (wait, look):
        threading.Thread(target=each, name="emulator watch", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _answers(emulator: Emulator, at_most_seconds: float) -> bool:
    try:
        changes(emulator.environment(), at_most_seconds=at_most_seconds)
    except (OSError, HTTPException):
        return False
    return True
