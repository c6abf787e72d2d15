"""The libraries of the matrix, from libraries.toml, and their installation."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
#: What is installed for the matrix alone; not in the repository.
INSTALLED = Path(__file__).parents[3] / ".clients"


@dataclass(frozen=True, eq=False)
class Library:
    """A version of a library. `form`: segment or posthog. `lacks`: conditions that do not exist for it.

    `patience`: its own options that let it try for longer than a minute.
    `is_hasty`: it takes any answer for success, and gives up within half a minute.
    `installed`: where it is already, for tests that need no installation of their own.
    """

    name: str
    version: str
    runs: str
    sender: str
    form: str
    package: str
    lacks: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    patience: dict[str, Any] = field(default_factory=dict)
    is_hasty: bool = False
    installed: Path | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    def options_for(self, condition: str) -> dict[str, Any]:
        """What its sender is told under a condition."""
        return {**self.options, **(self.patience if condition == "outage" else {})}

    @property
    def alias(self) -> str:
        """Its name among the installed packages, where several versions of one package are."""
        return f"{self.package}-{self.version}".replace("@", "").replace("/", "-")

    @property
    def folder(self) -> Path:
        """Where it is installed."""
        if self.installed:
            return self.installed
        if self.runs == "python":
            return INSTALLED / "python" / self.alias
        return INSTALLED / "node" / "node_modules" / self.alias


def libraries() -> list[Library]:
    table = tomllib.loads((HERE / "libraries.toml").read_text())
    return [_library(name, version, row) for name, row in table.items() for version in row["versions"]]


def _library(name: str, version: str, row: dict[str, Any]) -> Library:
    given = {key: row[key] for key in row if key not in ("versions", "version_lacks", "hasty")}
    lacks = (*row.get("lacks", ()), *row.get("version_lacks", {}).get(version, ()))
    return Library(
        name,
        version,
        **{"package": name, **given, "lacks": lacks, "is_hasty": version in row.get("hasty", ())},
    )


def install(chosen: list[Library]) -> None:
    """Install those that are missing, with the ordinary clients of their registries."""
    for each in chosen:
        if each.runs == "python" and not each.folder.exists():
            command = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--target"]
            subprocess.run([*command, str(each.folder), f"{each.package}=={each.version}"], check=True)
    wanted = {each.alias: f"npm:{each.package}@{each.version}" for each in libraries() if each.runs != "python"}
    listed = INSTALLED / "node" / "package.json"
    document = json.dumps({"private": True, "dependencies": wanted | {"esbuild": "0.28.2"}}, indent=2)
    if all(each.runs == "python" for each in chosen) or (listed.exists() and listed.read_text() == document):
        return
    listed.parent.mkdir(parents=True, exist_ok=True)
    listed.write_text(document)
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    subprocess.run(["npm", "install", "--prefix", str(listed.parent), *quiet], check=True)
    listed.write_text(document)  # npm writes it in another way
