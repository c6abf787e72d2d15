"""Refuses to build a package: Millrace runs from its checkout, which holds app.py, stack.yaml and the emulator."""

from __future__ import annotations

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel


class _Refused(bdist_wheel):
    def run(self) -> None:
        raise SystemExit(
            "Millrace runs from its checkout. Clone it, run `make setup` in it, and install it from there: "
            "pip install --editable PATH-OF-THE-CHECKOUT"
        )


setup(cmdclass={"bdist_wheel": _Refused})
