"""Runs a module in a process that ends when whoever started it is gone, however that ended.

python bound.py MODULE [ARGUMENT]...: with a pipe as its standard input, to which nothing is ever written.
"""

from __future__ import annotations

import os
import runpy
import sys
from threading import Thread


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    Thread(target=_end_with_input, daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
