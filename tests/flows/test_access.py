"""Whom a request speaks for: every key its project and kind, at a bounded cost, and never for long after its end."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.core import access_key
from chalicelib.core.limits import REMEMBERED_SECONDS
from chalicelib.core.project import Project
from chalicelib.errors import Problem, StoreFailed
from chalicelib.flows.access import Access
from fakes import FakeProjectStore

NOW = datetime(2015, 5, 17, 10, 30, tzinfo=UTC)


@dataclass
class Entry:
    """Access to a stage over a fake store, at a time that the test moves on."""

    is_open: bool = False
    store: FakeProjectStore = field(default_factory=FakeProjectStore)
    passed: float = 0.0

    def __post_init__(self) -> None:
        self.access = Access(self.store, is_open=self.is_open, clock=lambda: self.passed)

    def issue(self, project: str = "acme", kind: str = "write", number: int = 1) -> str:
        key, kept = access_key.mint(project, kind, now=NOW, randomness=number.to_bytes(26, "little"))
        self.store.save_key(kept)
        return key

    def enter(self, key: str | None, *kinds: str) -> Project:
        return self.access.project_for(key, *(kinds or ("write",)), now=NOW + timedelta(seconds=self.passed))

    def code(self, key: str | None, *kinds: str) -> str:
        with pytest.raises(Problem) as caught:
            self.enter(key, *kinds)
        return caught.value.code


def stranger(number: int) -> str:
    return access_key.mint("acme", "write", now=NOW, randomness=(1000 + number).to_bytes(26, "little"))[0]


def test_a_key_speaks_for_its_project() -> None:
    entry = Entry()
    entry.store.projects["acme"] = Project("acme", quota=5)
    assert entry.enter(entry.issue("acme", number=1)) == Project("acme", quota=5)
    assert entry.enter(entry.issue("other", number=2)).name == "other"


@pytest.mark.parametrize("key", [None, ""])
def test_a_closed_stage_asks_for_a_key(key: str | None) -> None:
    with pytest.raises(Problem) as caught:
        Entry().enter(key)
    assert caught.value.code == "no_key"


@pytest.mark.parametrize("key", ["x", "ключ", "\udcff", "mw_", "m" * 9000, stranger(1), stranger(1) + "\n"])
def test_a_closed_stage_refuses_what_nobody_issued(key: str) -> None:
    with pytest.raises(Problem) as caught:
        Entry().enter(key)
    assert caught.value.code == "bad_key"


def test_an_id_with_another_secret_is_refused() -> None:
    entry = Entry()
    key = entry.issue()
    assert entry.code(key[:-1] + ("0" if key[-1] != "0" else "1")) == "bad_key"


@pytest.mark.parametrize(("kind", "wanted"), [("write", "read"), ("read", "write")])
@pytest.mark.parametrize("is_open", [False, True])
def test_a_key_of_the_wrong_kind_is_forbidden(kind: str, wanted: str, is_open: bool) -> None:
    entry = Entry(is_open)
    with pytest.raises(Problem) as caught:
        entry.enter(entry.issue(kind=kind), wanted)
    assert caught.value.code == "forbidden"


@pytest.mark.parametrize("kind", ["write", "read"])
def test_where_both_kinds_may_enter_either_does(kind: str) -> None:
    entry = Entry()
    assert entry.enter(entry.issue(kind=kind), "write", "read").name == "acme"


@pytest.mark.parametrize("key", [None, "", "phc_local", "ключ"])
def test_on_an_open_stage_what_cannot_be_a_key_speaks_for_the_default_project(key: str | None) -> None:
    assert Entry(is_open=True).enter(key).name == "default"


def test_on_an_open_stage_a_key_still_names_its_project_and_must_be_valid() -> None:
    entry = Entry(is_open=True)
    assert entry.enter(entry.issue("acme")).name == "acme"
    assert entry.code(stranger(1)) == "bad_key"


def test_a_revoked_key_stops_within_the_time_that_keys_are_remembered() -> None:
    entry = Entry()
    key = entry.issue()
    entry.enter(key)
    entry.store.access_keys.clear()
    entry.passed = REMEMBERED_SECONDS
    assert entry.code(key) == "bad_key"
    assert REMEMBERED_SECONDS < 60


def test_a_remembered_key_expires_on_time() -> None:
    entry = Entry()
    key = entry.issue()
    [kept] = entry.store.all_keys()
    entry.store.save_key(replace(kept, expires=NOW + timedelta(seconds=5)))
    entry.enter(key)
    entry.passed = 5
    assert entry.code(key) == "bad_key"


def test_a_new_key_works_soon_even_if_it_was_tried_too_early() -> None:
    entry = Entry()
    key = entry.issue()
    kept = entry.store.access_keys.copy()
    entry.store.access_keys.clear()
    assert entry.code(key) == "bad_key"
    entry.store.access_keys = kept
    entry.passed = REMEMBERED_SECONDS
    assert entry.enter(key).name == "acme"


def test_a_key_and_its_project_are_read_once_in_a_while() -> None:
    entry = Entry()
    key = entry.issue()
    for _ in range(100):
        entry.enter(key)
    assert len(entry.store.reads) == 2


def test_an_unknown_key_that_is_sent_again_and_again_is_read_once() -> None:
    entry = Entry()
    for _ in range(100):
        assert entry.code(stranger(1)) == "bad_key"
    assert len(entry.store.reads) == 1


def test_what_cannot_be_a_key_is_never_read() -> None:
    entry = Entry()
    for number in range(100):
        assert entry.code(f"guess {number}") == "bad_key"
    assert entry.store.reads == []


def test_a_flood_of_unknown_keys_costs_a_bounded_number_of_reads() -> None:
    entry = Entry()
    codes = [entry.code(stranger(number)) for number in range(1000)]
    assert set(codes) == {"bad_key", "too_many_unknown_keys"}
    assert len(entry.store.reads) == 50
    entry.passed = 1
    for number in range(1000, 2000):
        entry.code(stranger(number))
    assert len(entry.store.reads) == 60


def test_a_flood_of_unknown_keys_neither_stops_nor_forgets_a_known_one() -> None:
    entry = Entry()
    key = entry.issue()
    entry.enter(key)
    for number in range(5000):
        entry.passed += 0.001
        entry.code(stranger(number))
    reads = len(entry.store.reads)
    assert entry.enter(key).name == "acme"
    assert len(entry.store.reads) == reads


def test_valid_keys_are_not_counted_among_the_unknown_ones_however_many_there_are() -> None:
    entry = Entry()
    keys = [entry.issue(f"p{number}", number=number) for number in range(1000)]
    assert [entry.enter(key).name for key in keys] == [f"p{number}" for number in range(1000)]
    codes = [entry.code(stranger(number)) for number in range(60)]
    assert codes == ["bad_key"] * 50 + ["too_many_unknown_keys"] * 10


def test_a_valid_key_gives_back_one_read_and_no_more() -> None:
    entry = Entry()
    for number in range(49):
        entry.code(stranger(number))
    assert entry.enter(entry.issue()).name == "acme"
    codes = [entry.code(stranger(number)) for number in range(100, 102)]
    assert codes == ["bad_key", "too_many_unknown_keys"]


def test_a_client_that_a_flood_kept_out_is_told_to_come_back() -> None:
    entry = Entry()
    for number in range(100):
        entry.code(stranger(number))
    key = entry.issue()
    with pytest.raises(Problem) as caught:
        entry.enter(key)
    assert caught.value.code == "too_many_unknown_keys"
    entry.passed += caught.value.extra["retry_after"]
    assert entry.enter(key).name == "acme"


def test_a_store_that_fails_lets_nobody_in_and_is_asked_again() -> None:
    entry = Entry()
    key = entry.issue()
    entry.store.fails = True
    with pytest.raises(StoreFailed):
        entry.enter(key)
    entry.store.fails = False
    assert entry.enter(key).name == "acme"


def test_changed_settings_hold_as_soon_as_they_are_read_anew() -> None:
    entry = Entry()
    key = entry.issue()
    assert entry.enter(key).quota is None
    entry.store.projects["acme"] = Project("acme", quota=7)
    entry.passed = REMEMBERED_SECONDS
    assert entry.enter(key).quota == 7


@pytest.mark.parametrize(("mode", "schemas"), [("off", {}), ("warn", {"a": "true"}), ("enforce", {"a": "true"})])
def test_a_catalogue_comes_with_its_project_where_it_is_applied(mode: str, schemas: dict[str, str]) -> None:
    entry = Entry()
    version = entry.store.save_schemas("acme", {"a": "true"})
    entry.store.projects["acme"] = Project("acme", catalogue_mode=mode, catalogue=version)
    key = entry.issue()
    assert entry.enter(key).schemas == schemas


def test_a_version_of_a_catalogue_is_read_once_for_good() -> None:
    entry = Entry()
    version = entry.store.save_schemas("acme", {"a": "true"})
    entry.store.projects["acme"] = Project("acme", catalogue_mode="warn", catalogue=version)
    key = entry.issue()
    for _ in range(5):
        entry.enter(key)
        entry.passed += REMEMBERED_SECONDS
    assert entry.store.reads.count(version) == 1


def test_a_known_key_is_read_again_though_others_try_unknown_ones_all_the_time() -> None:
    entry = Entry()
    key = entry.issue()
    entry.enter(key)
    entry.passed = REMEMBERED_SECONDS
    for number in range(1000):
        entry.code(stranger(number))
    assert entry.enter(key).name == "acme"
