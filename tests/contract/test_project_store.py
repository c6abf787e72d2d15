"""The project store: settings change only from what was read, catalogues never, and keys come and go."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.core.access_key import AccessKey
from chalicelib.core.project import Project
from chalicelib.ports import ProjectStore
from fakes import FakeProjectStore
from stage import Stage

NOW = datetime(2015, 5, 17, 10, 30, tzinfo=UTC)
ACME = Project("acme", quota=600, ip="truncate", dropped=frozenset({"email", "ü"}), hashes_users=True, secret="s")


@pytest.fixture
def projects(backend: Stage | None) -> ProjectStore:
    return backend.projects if backend else FakeProjectStore()


def make_key(key_id: str, project: str = "acme", kind: str = "write", expires: datetime | None = None) -> AccessKey:
    return AccessKey(key_id, project, kind, "hash of " + key_id, NOW, expires)


def test_an_empty_stage_knows_no_project_and_no_key(projects: ProjectStore) -> None:
    assert (projects.get("acme"), projects.all()) == (None, [])
    assert (projects.key("1"), projects.all_keys()) == (None, [])


@pytest.mark.parametrize("project", [ACME, Project("acme"), Project("acme", catalogue_mode="warn", catalogue="v1")])
def test_a_project_is_read_back_whole(projects: ProjectStore, project: Project) -> None:
    assert projects.save(project, replacing=None)
    assert projects.get("acme") == project
    assert projects.get("acme-2") is None


def test_a_project_that_exists_is_not_made_again(projects: ProjectStore) -> None:
    projects.save(ACME, replacing=None)
    assert not projects.save(Project("acme"), replacing=None)
    assert projects.get("acme") == ACME


def test_settings_that_somebody_else_changed_meanwhile_are_not_overwritten(projects: ProjectStore) -> None:
    projects.save(ACME, replacing=None)
    read = projects.get("acme")
    assert projects.save(replace(ACME, quota=1), replacing=read)
    assert not projects.save(replace(ACME, ip="drop"), replacing=read)
    assert projects.get("acme") == replace(ACME, quota=1)


def test_a_project_that_was_never_made_cannot_be_replaced(projects: ProjectStore) -> None:
    assert not projects.save(ACME, replacing=ACME)
    assert projects.get("acme") is None


def test_projects_are_listed_by_name(projects: ProjectStore) -> None:
    for name in ("b", "a", "a_1"):
        projects.save(Project(name), replacing=None)
    assert [project.name for project in projects.all()] == ["a", "a_1", "b"]


def test_a_version_of_a_catalogue_keeps_its_schemas_when_another_is_saved(projects: ProjectStore) -> None:
    first = projects.save_schemas("acme", {"signup": '{"type": "object"}', "ü #": "true"})
    second = projects.save_schemas("acme", {"signup": "false"})
    assert projects.schemas("acme", first) == {"signup": '{"type": "object"}', "ü #": "true"}
    assert projects.schemas("acme", second) == {"signup": "false"}


def test_the_same_catalogue_has_the_same_version(projects: ProjectStore) -> None:
    schemas = {"a": "true", "b": "false"}
    assert projects.save_schemas("acme", schemas) == projects.save_schemas("acme", dict(reversed(schemas.items())))


def test_a_catalogue_belongs_to_its_project_alone(projects: ProjectStore) -> None:
    version = projects.save_schemas("acme", {"signup": "true"})
    assert projects.schemas("other", version) == {}
    assert projects.schemas("acme", "unknown") == {}


def test_a_catalogue_that_does_not_fit_an_item_is_refused(projects: ProjectStore) -> None:
    noise = random.Random(1).randbytes(600_000).hex()  # noqa: S311 - what does not compress
    with pytest.raises(ValueError, match=r"large|bytes"):
        projects.save_schemas("acme", {"signup": noise})


@pytest.mark.parametrize("expires", [None, NOW + timedelta(hours=1)])
def test_a_key_is_read_back_whole_until_it_is_removed(projects: ProjectStore, expires: datetime | None) -> None:
    key = make_key("1", kind="read", expires=expires)
    projects.save_key(key)
    assert (projects.key("1"), projects.key("2"), projects.all_keys()) == (key, None, [key])
    for _ in range(2):
        projects.remove_key("1")
    assert (projects.key("1"), projects.all_keys()) == (None, [])


def test_saving_a_key_again_changes_it(projects: ProjectStore) -> None:
    projects.save_key(make_key("1"))
    projects.save_key(make_key("1", expires=NOW))
    assert projects.all_keys() == [make_key("1", expires=NOW)]


def test_keys_of_all_projects_are_listed(projects: ProjectStore) -> None:
    keys = [make_key("1"), make_key("2", "other"), make_key("3", kind="read")]
    for key in reversed(keys):
        projects.save_key(key)
    assert projects.all_keys() == keys


def test_settings_of_another_release_are_kept_and_lock_nobody_out(stage: Stage) -> None:
    """A newer release has saved a setting that this one does not know, and left out one that it no longer has."""
    stage.projects.save(Project("shop", quota=5), replacing=None)
    key = {"pk": {"S": "#projects"}, "sk": {"S": "shop"}}
    table = stage.settings.table_name
    item = stage.clients.dynamodb.get_item(TableName=table, Key=key)["Item"]
    settings = json.loads(item["b"]["S"])
    del settings["old_hours"]
    item["b"] = {"S": json.dumps(settings | {"colour": "red"})}
    stage.clients.dynamodb.put_item(TableName=table, Item=item)
    found = stage.projects.get("shop")
    assert found is not None
    assert (found.quota, found.old_hours) == (5, Project("shop").old_hours)
    assert stage.projects.save(replace(found, quota=6), replacing=found)
    assert not stage.projects.save(replace(found, quota=7), replacing=found)
    saved = stage.clients.dynamodb.get_item(TableName=table, Key=key)["Item"]
    assert {name: json.loads(saved["b"]["S"])[name] for name in ("colour", "quota")} == {"colour": "red", "quota": 6}
