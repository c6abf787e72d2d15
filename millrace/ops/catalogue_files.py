"""A project's event catalogue: reads files of JSON Schemas, and saves versions in the stage's table."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from chalicelib.core import limits
from chalicelib.core.event import is_text
from chalicelib.core.project import Project
from chalicelib.ports import ProjectStore
from millrace.command_error import CommandError
from millrace.ops.registry import change_project
from millrace.ops.schema_check import BadSchema, check

Schemas = dict[str, str]


def as_kept(event_type: str) -> str:
    """Return an event type in the Unicode form of events. Names of files may have another form."""
    return unicodedata.normalize("NFC", event_type)


def read_folder(folder: Path) -> Schemas:
    """Return the schemas in a folder's *.json files by event type, which is the $id or the file's name.

    Raises CommandError.
    """
    schemas: Schemas = {}
    for path in sorted(folder.glob("*.json")):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            text = check(document)
        except (OSError, UnicodeDecodeError, RecursionError, json.JSONDecodeError) as error:
            raise CommandError(f"{path} cannot be read as JSON: {error}") from error
        except BadSchema as error:
            raise CommandError(f"{path}: {error}.") from error
        event_type = document.get("$id", path.stem)
        if isinstance(event_type, str):
            event_type = as_kept(event_type)
        if not is_text(event_type, limits.MAX_TYPE_LENGTH) or event_type in schemas:
            raise CommandError(f"{path}: {event_type!r} is not a valid event type, or another file has the same.")
        schemas[event_type] = text
    if not schemas:
        raise CommandError(f"{folder} holds no *.json file.")
    return schemas


def catalogue_of(projects: ProjectStore, name: str) -> Schemas:
    project = projects.get(name)
    return projects.schemas(name, project.catalogue) if project and project.catalogue else {}


def change_catalogue(projects: ProjectStore, name: str, change: Callable[[Schemas], Schemas]) -> Project:
    """Save a changed catalogue, which takes effect at once. Return the project. Raises CommandError."""

    def with_new_version(project: Project) -> Project:
        before = projects.schemas(name, project.catalogue) if project.catalogue else {}
        try:
            return replace(project, catalogue=projects.save_schemas(name, change(before)))
        except ValueError as error:
            raise CommandError(f"The catalogue is too large: {error}. Use fewer or shorter schemas.") from error

    return change_project(projects, name, with_new_version)


def difference(before: Schemas, after: Schemas) -> list[tuple[str, str]]:
    """Return what changes for each event type: added, removed, changed or same."""
    words = {(False, True): "added", (True, False): "removed"}
    return [
        (name, words.get((name in before, name in after), "same" if before.get(name) == after.get(name) else "changed"))
        for name in sorted(before | after)
    ]
