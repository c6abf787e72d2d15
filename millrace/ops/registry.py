"""Creates and changes projects and keys in a stage's table."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.core import access_key
from chalicelib.core.access_key import AccessKey
from chalicelib.core.project import Project
from chalicelib.core.table_keys import is_project_name
from chalicelib.flows.access import DEFAULT_PROJECT
from chalicelib.ports import ProjectStore
from millrace.command_error import CommandError


def project_named(projects: ProjectStore, name: str) -> Project:
    """Return the project of this name. Create it if it does not exist. Raises CommandError."""
    if not is_project_name(name):
        raise CommandError(
            f"{name} is not a project name. Use up to 40 of a-z, 0-9, - and _, the first a letter or a digit."
        )
    found = projects.get(name)
    if found is None:
        projects.save(Project(name, secret=secrets.token_hex(16)), replacing=None)
        return project_named(projects, name)  # another command may have created it first
    return found


def check_known(projects: ProjectStore, name: str) -> None:
    """Raise CommandError if a project does not exist. The default project always exists."""
    if name != DEFAULT_PROJECT and projects.get(name) is None:
        raise CommandError(
            f"There is no project {name}. List projects with `millrace projects list`, or create it with "
            f"`millrace projects set {name}`."
        )


def change_project(projects: ProjectStore, name: str, change: Callable[[Project], Project]) -> Project:
    """Change a project's settings. Return the project. Raises CommandError if somebody else changes it too."""
    before = project_named(projects, name)
    after = change(before)
    if after != before and not projects.save(after, replacing=before):
        raise CommandError(f"Somebody else has just changed the project {name}. Check it and run the command again.")
    return after


def create_key(projects: ProjectStore, project: str, kind: str, now: datetime) -> tuple[str, AccessKey]:
    """Create a key. Return the key, which is not stored anywhere, and its record."""
    project_named(projects, project)
    key, kept = access_key.mint(project, kind, now=now, randomness=os.urandom(26))
    projects.save_key(kept)
    return key, kept


def rotate_keys(projects: ProjectStore, project: str, kind: str, *, now: datetime, grace: timedelta) -> str:
    """Create and return a key. All other keys of its project and kind stop working after the grace period."""
    key, kept = create_key(projects, project, kind, now)
    end = now + grace
    for other in projects.all_keys():
        is_older = (other.project, other.kind) == (project, kind) and other.key_id != kept.key_id
        if is_older and (other.expires is None or end < other.expires):
            projects.save_key(replace(other, expires=end)) if grace else projects.remove_key(other.key_id)
    return key


def revoke_key(projects: ProjectStore, key_id: str) -> AccessKey:
    """Remove a key, given its id or the whole key. Raises CommandError if there is none."""
    found = projects.key(access_key.id_in(key_id) or key_id)
    if found is None:
        raise CommandError(f"No key has the id {key_id[:20]}. List them with `millrace keys list`.")
    projects.remove_key(found.key_id)
    return found
