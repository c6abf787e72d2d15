"""What a project hides: addresses, named properties and user ids, wherever clients put them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from builders import NOW, make_event
from chalicelib.core.chunk import Sender
from chalicelib.core.project import Project

HASHING = Project("acme", hashes_users=True, secret="s")
ANN = "ann@example.com"


@pytest.mark.parametrize(
    ("address", "truncated"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("2001:db8:1:ff02:3::1", "2001:db8:1::"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("fe80::1%eth0", "fe80::"),
        ("::ffff:203.0.113.77", "::"),
        ("no address", None),
        ("999.1.1.1", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("mode", ["keep", "truncate", "drop"])
def test_an_address_is_kept_truncated_or_dropped(mode: str, address: str, truncated: str | None) -> None:
    expected = {"keep": address or None, "truncate": truncated, "drop": None}[mode]
    project = Project("acme", ip=mode)
    assert project.hide_sender(Sender("acme", NOW, address, "browser")) == Sender("acme", NOW, expected, "browser")


@pytest.mark.parametrize("name", ["ip", "$ip", "ip_address", "ipAddress"])
def test_addresses_inside_an_event_are_hidden_too(name: str) -> None:
    event = replace(make_event(), properties={name: "203.0.113.77", "ip_count": 3}, context={"device": {name: "x"}})
    hidden = Project("acme", ip="truncate").hide(event)
    assert (hidden.properties, hidden.context) == ({name: "203.0.113.0", "ip_count": 3}, {"device": {}})


def test_a_new_project_has_no_catalogue_and_checks_nothing() -> None:
    new = Project("acme", secret="s")
    assert (new.catalogue, new.catalogue_mode) == (None, "off")


def test_named_properties_are_dropped_at_any_depth() -> None:
    event = replace(
        make_event(email=1, plan="a", items=[{"email": 2, "sku": "x"}, "email"]), context={"traits": {"email": ANN}}
    )
    hidden = Project("acme", dropped=frozenset({"email"})).hide(event)
    assert hidden.properties == {"plan": "a", "items": [{"sku": "x"}, "email"]}
    assert hidden.context == {"traits": {}}


def test_a_user_always_gets_the_same_hash_and_another_in_each_project() -> None:
    event = replace(make_event(user=ANN), anonymous_id="device-1")
    first, again = HASHING.hide(event), HASHING.hide(replace(event, event_id="e2"))
    elsewhere = replace(HASHING, name="other", secret="t").hide(event)
    assert first.user_id == again.user_id != ANN
    assert first.anonymous_id not in ("device-1", None)
    assert first.user_id != elsewhere.user_id


def test_both_unicode_forms_of_a_user_are_one_user() -> None:
    assert HASHING.user_as_stored("\u00e4") == HASHING.user_as_stored("a\u0308")


def test_whoever_asks_for_a_user_asks_for_the_hash() -> None:
    stored = HASHING.hide(make_event(user=ANN)).user
    assert HASHING.user_as_stored(ANN) == stored
    assert HASHING.user_as_stored(stored) == stored
    assert Project("acme").user_as_stored(ANN) == ANN


def test_who_sends_what_looks_like_a_hash_is_hashed_all_the_same() -> None:
    victim = HASHING.hide(make_event(user=ANN)).user
    assert HASHING.hide(make_event(user=victim)).user != victim


@pytest.mark.parametrize(
    "properties",
    [
        {"distinct_id": ANN},
        {"userId": "somebody else"},
        {"previousId": 4711},
        {"email": ANN},
        {"$set": {"email": ANN}},
        {"emails": [ANN]},
    ],
)
def test_copies_of_user_ids_are_hashed_too(properties: dict[str, Any]) -> None:
    hidden = HASHING.hide(replace(make_event(user=ANN), properties=properties))
    for told in (ANN, "somebody else", "4711"):
        assert told not in repr(hidden)


def test_short_ids_do_not_spoil_equal_values_of_other_properties() -> None:
    event = make_event(user="1", quantity=1, size="1", flag=True)
    assert HASHING.hide(event).properties == {"quantity": 1, "size": "1", "flag": True}


def test_a_project_that_hides_nothing_changes_nothing() -> None:
    event = make_event(user=ANN, ip="203.0.113.77", userId=ANN)
    assert Project("acme").hide(event) is event
    assert Project("acme").content_secret is None


def test_the_secret_is_not_shown() -> None:
    assert "hush" not in repr(Project("acme", secret="hush"))
