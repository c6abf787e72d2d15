"""Projects, keys and catalogues as the toolbox changes them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chalicelib.core import access_key
from chalicelib.core.project import Project
from chalicelib.core.schema import read_event
from fakes import FakeProjectStore
from millrace.command_error import CommandError
from millrace.ops import catalogue_files, registry

NOW = datetime(2015, 5, 17, 10, 30, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


def valid_keys(store: FakeProjectStore, now: datetime) -> set[str]:
    return {key.key_id for key in store.all_keys() if key.expires is None or now < key.expires}


def test_a_key_makes_its_project_with_a_secret_of_its_own() -> None:
    store = FakeProjectStore()
    for name in ("acme", "other"):
        registry.create_key(store, name, "write", NOW)
    secrets = {project.secret for project in store.all()}
    assert len(secrets) == 2
    assert all(len(secret) == 32 for secret in secrets)


def test_a_second_key_changes_nothing_of_its_project() -> None:
    store = FakeProjectStore()
    registry.create_key(store, "acme", "write", NOW)
    before = store.all()
    registry.create_key(store, "acme", "read", NOW)
    assert store.all() == before
    assert len(store.all_keys()) == 2


@pytest.mark.parametrize("name", ["", "A", "a#b", "a/b", "ä", "-a", "a" * 41, "a\n", "#keys", "a b"])
def test_a_name_that_no_project_can_have_is_refused(name: str) -> None:
    store = FakeProjectStore()
    with pytest.raises(CommandError):
        registry.create_key(store, name, "write", NOW)
    assert (store.all(), store.all_keys()) == ([], [])


def test_rotation_lets_older_keys_of_the_kind_work_for_a_while() -> None:
    store = FakeProjectStore()
    first, _ = registry.create_key(store, "acme", "write", NOW)
    others = [registry.create_key(store, *other, NOW)[1].key_id for other in (("acme", "read"), ("acme-2", "write"))]
    new = registry.rotate_keys(store, "acme", "write", now=NOW, grace=timedelta(hours=1))
    ids = [access_key.id_in(key) for key in (first, new)]
    assert valid_keys(store, NOW) == {*ids, *others}
    assert valid_keys(store, LATER) == {ids[1], *others}


def test_rotation_never_makes_a_key_live_longer() -> None:
    store = FakeProjectStore()
    registry.create_key(store, "acme", "write", NOW)
    for grace in (timedelta(hours=1), timedelta(days=9)):
        registry.rotate_keys(store, "acme", "write", now=NOW, grace=grace)
    assert min(key.expires for key in store.all_keys() if key.expires) == NOW + timedelta(hours=1)


def test_rotation_without_grace_ends_older_keys_at_once() -> None:
    store = FakeProjectStore()
    registry.create_key(store, "acme", "read", NOW)
    new = registry.rotate_keys(store, "acme", "read", now=NOW, grace=timedelta(0))
    assert valid_keys(store, NOW) == {access_key.id_in(new)}


def test_a_key_is_revoked_by_its_id_or_given_whole() -> None:
    store = FakeProjectStore()
    key, kept = registry.create_key(store, "acme", "read", NOW)
    assert registry.revoke_key(store, kept.key_id) == kept
    with pytest.raises(CommandError):
        registry.revoke_key(store, key)
    key, _ = registry.create_key(store, "acme", "read", NOW)
    registry.revoke_key(store, key)
    assert store.all_keys() == []


def test_settings_change_one_by_one() -> None:
    store = FakeProjectStore()
    registry.change_project(store, "acme", lambda project: replace(project, quota=5))
    registry.change_project(store, "acme", lambda project: replace(project, ip="drop"))
    assert [(project.quota, project.ip) for project in store.all()] == [(5, "drop")]


def test_a_change_that_meets_another_is_not_made() -> None:
    store = FakeProjectStore()

    def change(project: Project) -> Project:
        assert store.save(replace(project, quota=9), replacing=project)
        return replace(project, quota=5)

    with pytest.raises(CommandError, match="Somebody else"):
        registry.change_project(store, "acme", change)
    assert store.projects["acme"].quota == 9


def folder_of(path: Path, **schemas: object) -> Path:
    for name, schema in schemas.items():
        (path / f"{name}.json").write_text(schema if isinstance(schema, str) else json.dumps(schema))
    return path


def test_a_file_is_of_the_type_that_its_id_or_its_name_says(tmp_path: Path) -> None:
    schemas = catalogue_files.read_folder(
        folder_of(tmp_path, signup={}, b={"$id": "Order Completed", "required": ["x"]})
    )
    assert schemas == {"signup": "{}", "Order Completed": '{"required":["x"]}'}


@pytest.mark.parametrize("schemas", [{"cafe\u0301": {}}, {"b": {"$id": "cafe\u0301"}}], ids=["name", "$id"])
def test_a_type_has_the_unicode_form_that_events_have(tmp_path: Path, schemas: dict[str, object]) -> None:
    (event_type,) = catalogue_files.read_folder(folder_of(tmp_path, **schemas))
    raw = {"event_type": "cafe\u0301", "user_id": "u"}
    event = read_event(raw, received=NOW, seen=Counter(), random_id="r")
    assert event_type == event.event_type == catalogue_files.as_kept("cafe\u0301")


@pytest.mark.parametrize(
    "schemas",
    [
        {},
        {"cafe\u0301": {}, "caf\u00e9": {}},
        {"a": "{"},
        {"a": "\ufeff{}"},
        {"a": "[" * 100_000},
        {"a": {"$id": ""}},
        {"a": {"$id": 1}},
        {"a": {"$id": "b"}, "b": {}},
        {"a": {"type": "text"}},
        {"a": {"$id": "x" * 101}},
    ],
)
def test_a_folder_with_a_file_that_is_no_schema_is_refused_as_a_whole(
    tmp_path: Path, schemas: dict[str, object]
) -> None:
    with pytest.raises(CommandError):
        catalogue_files.read_folder(folder_of(tmp_path, **schemas))


def test_a_catalogue_changes_all_at_once_and_its_older_version_stays() -> None:
    store = FakeProjectStore()
    first = catalogue_files.change_catalogue(store, "acme", lambda _: {"a": "true"})
    catalogue_files.change_catalogue(store, "acme", lambda now: now | {"b": "false"})
    assert catalogue_files.catalogue_of(store, "acme") == {"a": "true", "b": "false"}
    assert store.schemas("acme", first.catalogue or "") == {"a": "true"}
    assert catalogue_files.catalogue_of(store, "other") == {}


def test_the_difference_between_catalogues_names_every_type() -> None:
    before, after = {"a": "1", "b": "1", "c": "1"}, {"b": "1", "c": "2", "d": "1"}
    assert catalogue_files.difference(before, after) == [
        ("a", "removed"),
        ("b", "same"),
        ("c", "changed"),
        ("d", "added"),
    ]
