"""Privacy switches hold in every shape: numbers, objects, lists, ids, user agents, queries of URLs, Unicode forms."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOW, make_chunk, make_event
from chalicelib.core import chunk as chunks
from chalicelib.core.chunk import Sender
from chalicelib.core.dialects import RawEvent, cloudevents
from chalicelib.core.event import Event
from chalicelib.core.project import Project
from chalicelib.core.rejection import make_row
from chalicelib.core.schema import read_event
from chalicelib.errors import Problem
from chalicelib.flows.ingest import ingest
from fakes import FakeMeter, FakeQueue
from millrace.io import access_log

ANN = "ann@example.com"
TRUNCATING = Project("acme", ip="truncate", secret="s")
DROPPING = Project("acme", ip="drop", secret="s")
WITHOUT_EMAILS = Project("acme", drops_emails=True, secret="s")
WITHOUT_PLAN = Project("acme", dropped=frozenset({"plan", "caf\u00e9"}), secret="s")
HASHING = Project("acme", hashes_users=True, secret="s")


def hide(project: Project, value: Any, **more: Any) -> Any:
    """What the project keeps of a property, in an event of some user."""
    properties = value if isinstance(value, dict) else {"said": value}
    hidden = project.hide(replace(make_event(user="somebody"), properties=properties, **more)).properties
    return hidden if isinstance(value, dict) else hidden["said"]


@pytest.mark.parametrize("name", ["ip", "$ip", "IP", "client_ip", "clientIp", "remote-ip", "ip_address", "ipv4", "ips"])
@pytest.mark.parametrize(
    "value",
    [3405803785, 3405803785.0, "3405803785", "0xCB007109", {"v4": "203.0.113.9"}, {"parts": [203, 0, 113, 9]},
     [203, 0, 113, 9], [[3405803785]], "203.0.113.9, 198.51.100.7", None, True],
)  # fmt: skip
@pytest.mark.parametrize("project", [TRUNCATING, DROPPING])
def test_what_is_named_an_address_and_is_no_address_as_text_is_dropped(project: Project, name: str, value: Any) -> None:
    hidden = hide(project, {"device": {name: value, "ip_count": 3}})
    assert hidden["device"].pop(name, []) in ([], [[]])
    assert hidden == {"device": {"ip_count": 3}}


def test_addresses_of_a_list_are_truncated_each() -> None:
    assert hide(TRUNCATING, {"ips": ["203.0.113.9", 7, "x"]}) == {"ips": ["203.0.113.0"]}


@pytest.mark.parametrize(
    ("text", "truncated", "dropped"),
    [
        ("203.0.113.9", "203.0.113.0", "(ip)"),
        ("from 203.0.113.9.", "from 203.0.113.0.", "from (ip)."),
        ("203.000.113.009:80", "203.0.113.0:80", "(ip):80"),
        ("203.0.113.9, 198.51.100.7", "203.0.113.0, 198.51.100.0", "(ip), (ip)"),
        ("http://[2001:db8:1:2::9]:80/", "http://[2001:db8:1::]:80/", "http://[(ip)]:80/"),
        ("fe80::1%eth0 up", "fe80:: up", "(ip) up"),
        ("::ffff:203.0.113.9", "::", "(ip)"),
        ("/?a=1&at=203%2E0%2E113%2E9", "/?a=1&at=203.0.113.0", "/?a=1&at=(ip)"),
        ("/?at=2001%3Adb8%3A%3A9", "/?at=2001:db8::", "/?at=(ip)"),
        ("/?to=https%3A%2F%2Fx%2F%3Fat%3D203.0.113.9", "/?to=https://x/?at=203.0.113.0", "/?to=https://x/?at=(ip)"),
        ("/?user[ip]=3405803785&b=2", "/?user[ip]=&b=2", "/?user[ip]=&b=2"),
        ("9.113.0.203.in-addr.arpa", "(ip).in-addr.arpa", "(ip).in-addr.arpa"),
        ("dsl-203-0-113-9.example.net", "dsl-(ip).example.net", "dsl-(ip).example.net"),
        ("203-0-113-9.example.net", "(ip).example.net", "(ip).example.net"),
    ],
)
def test_an_address_in_a_text_is_truncated_or_dropped(text: str, truncated: str, dropped: str) -> None:
    assert (hide(TRUNCATING, text), hide(DROPPING, text)) == (truncated, dropped)


@pytest.mark.parametrize(
    "text",
    ["Chrome/140.0.0.0 Safari/537.36", "10.0.19045.3803", "999.1.1.1", "1.3.6.1.4.1", "10:05:03", "std::string",
     "2015-05-17-10", "00:1b:44:11:3a:b7", "a=b&c=d%20e", "/?q=a+b%2Bc", "caf\u00e9 cafe\u0301", "::"],
)  # fmt: skip
def test_what_is_no_address_stays_as_it_is(text: str) -> None:
    every = replace(DROPPING, drops_emails=True, hashes_users=True)
    assert hide(every, {"a": text, text: [text, 140.5, None, True]}) == {"a": text, text: [text, 140.5, None, True]}


def test_addresses_leave_names_types_and_user_agents_too() -> None:
    event = replace(make_event(event_type="seen 203.0.113.9"), context={"by 203.0.113.9": {"by 198.51.100.7": 1}})
    hidden = DROPPING.hide(event)
    assert (hidden.event_type, hidden.context) == ("seen (ip)", {"by (ip)": {"by (ip)": 1}})
    sender = DROPPING.hide_sender(Sender("acme", NOW, "203.0.113.9", "Bot/1.0 (203.0.113.9)"))
    assert (sender.source_ip, sender.user_agent) == (None, "Bot/1.0 ((ip))")
    robot = WITHOUT_EMAILS.hide_sender(Sender("acme", NOW, "203.0.113.9", "Bot/1.0 (+bot@example.com)"))
    assert (robot.source_ip, robot.user_agent) == ("203.0.113.9", "Bot/1.0 ((email))")


def test_a_line_of_an_access_log_keeps_no_hidden_address() -> None:
    line = '203.0.113.9 - - [01/Feb/2011:10:00:00 +0000] "GET /x?from=203.0.113.9 HTTP/1.1" 200 5 "-" "UA"'
    raw = access_log.read_line(line)
    event = read_event(raw, received=NOW, seen=Counter(), random_id="r")
    for project in (TRUNCATING, DROPPING):
        hidden = project.hide(event)
        assert "203.0.113.9" not in repr(hidden)
        assert hidden.user == project.user_as_stored("203.0.113.9")


def test_two_names_that_become_one_are_both_kept() -> None:
    assert hide(DROPPING, {"203.0.113.9": 1, "203.0.113.8": 2}) == {"(ip)": 1, "(ip)_": 2}


@pytest.mark.parametrize(
    ("project", "person"),
    [(TRUNCATING, "203.0.113.9"), (DROPPING, "203.0.113.9"), (DROPPING, "host-2001:db8::9"), (WITHOUT_EMAILS, ANN),
     (WITHOUT_EMAILS, "mailto:Ann@example.com")],
)  # fmt: skip
def test_an_id_that_holds_an_address_is_hashed_so_that_people_stay_apart(project: Project, person: str) -> None:
    event = make_event(user=person, event_id=f"{person}/1", distinct_id=person)
    other = make_event(user=person.replace("9", "8").replace("nn@", "na@"), event_id="1")
    hidden = project.hide(event)
    assert person not in repr(hidden)
    assert hidden.user == hidden.properties["distinct_id"] == project.user_as_stored(person)
    assert hidden.user != project.hide(other).user
    assert hidden == project.hide(event)
    assert project.hide(make_event(user="u7", event_id="order-1")).ref == make_event(user="u7", event_id="order-1").ref


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (ANN, "(email)"),
        (f"Ann <{ANN}>, bob+tag@mail.example.co.uk.", "Ann <(email)>, (email)."),
        ("mailto:ann@example.com?subject=hi", "mailto:(email)?subject=hi"),
        ("/welcome/ann%40example.com/", "/welcome/(email)/"),
        ("/?to=ann%2Btag%40example.com&b=2", "/?to=(email)&b=2"),
        ("/?next=%2F%3Fto%3Dann%2540example.com", "/?next=/?to=(email)"),
        ("zo\u00eb@ex\u00e4mple.de and ann\uff20example.com", "(email) and (email)"),
        ("icon@2x.png posthog-js@1.449.0 @ann a@b", "icon@2x.png posthog-js@1.449.0 @ann a@b"),
    ],
)
def test_mail_addresses_are_dropped_where_the_project_says_so(text: str, hidden: str) -> None:
    assert hide(WITHOUT_EMAILS, {"a": text, "b": [{"c": text}]}) == {"a": hidden, "b": [{"c": hidden}]}
    assert hide(DROPPING, text) == text


@pytest.mark.parametrize("value", [1, "gold", {"name": "gold"}, ["gold"], None])
@pytest.mark.parametrize("name", ["plan", "caf\u00e9", "cafe\u0301"])
def test_a_named_property_is_dropped_whatever_its_value_is(name: str, value: Any) -> None:
    assert hide(WITHOUT_PLAN, {name: value, "items": [{name: value}], "sku": 1}) == {"items": [{}], "sku": 1}


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("https://x/?plan=gold&b=2#plan=gold", "https://x/?plan=&b=2#plan="),
        ("plan=gold", "plan="),
        ("/?%70lan=gold", "/?%70lan="),
        ("/?user[plan]=gold&user.plan=gold", "/?user[plan]=&user.plan="),
        ("/?next=%2Fshop%3Fplan%3Dgold", "/?next=/shop?plan="),
        ("/?plans=2&b=plan", "/?plans=2&b=plan"),
    ],
)
def test_a_named_property_is_dropped_from_queries_of_urls(text: str, hidden: str) -> None:
    assert hide(WITHOUT_PLAN, text) == hidden


@pytest.mark.parametrize("user", ["12345678", ANN, "zo\u00eb-schmidt", "stra\u00dfe-schmidt"])
@pytest.mark.parametrize(
    "copy",
    [
        lambda user: user,
        lambda user: int(user) if user.isdigit() else user,
        lambda user: float(user) if user.isdigit() else user,
        lambda user: user.replace("\u00eb", "e\u0308"),
        lambda user: user.upper(),
        lambda user: [{"of": user}],
        lambda user: {user: 1},
        lambda user: f"https://x/users/{user}/profile?a=1",
        lambda user: f"/?who={user.replace('@', '%40').replace(chr(0xEB), '%C3%AB')}",
        lambda user: {"userId": {"value": user}},
    ],
)
def test_no_copy_of_a_hashed_id_stays(user: str, copy: Any) -> None:
    hidden = HASHING.hide(replace(make_event(user=user), properties={"copy": copy(user)}))
    shown = json.dumps(asdict(hidden), ensure_ascii=False)
    for told in (user, user.upper(), user.replace("@", "%40"), "schmidt"):
        assert told not in shown


def test_of_very_many_ids_each_copy_that_stands_alone_is_hashed() -> None:
    people = [f"person-{number}" for number in range(50)]
    hidden = HASHING.hide(make_event(user="somebody", friends=[{"user_id": each} for each in people], names=people))
    assert "person-" not in repr(hidden)


def test_a_number_that_only_contains_an_id_is_another_number() -> None:
    event = make_event(user="12345678", total=1234567890, orders=[12345678.5], flag=True)
    assert HASHING.hide(event).properties == {"total": 1234567890, "orders": [12345678.5], "flag": True}


def read_cloudevent(**attributes: Any) -> Event:
    required = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "t"}
    raw = cloudevents.read_one(required | attributes)
    return read_event(raw.fields, received=NOW, seen=Counter(), random_id="r")


@pytest.mark.parametrize(
    "attributes",
    [
        {"source": f"mailto:{ANN}"},
        {"source": f"mailto:{ANN}", "userid": "77"},
        {"source": "ann"},
        {"source": "urn:ann lee"},
        {"userid": "77", "subject": ANN},
        {"userid": "77", "subject": "ann"},
        {"data": {"user_id": 12345678}, "subject": "12345678"},
    ],
)
def test_source_and_subject_of_a_cloudevent_hide_the_person(attributes: dict[str, Any]) -> None:
    hidden = HASHING.hide(read_cloudevent(**attributes))
    shown = json.dumps(asdict(hidden))
    for told in ("ann", "12345678"):
        assert told not in shown
    assert hidden == HASHING.hide(read_cloudevent(**attributes))
    assert hidden.ref != HASHING.hide(read_cloudevent(**attributes | {"id": "2"})).ref


def test_a_cloudevent_of_a_service_keeps_its_name() -> None:
    hidden = HASHING.hide(read_cloudevent(userid="77"))
    assert (hidden.event_id, hidden.context["cloudevent"]["source"]) == ("/shop 1", "/shop")


@pytest.mark.parametrize(
    "raw",
    [
        {"id": "1", "source": f"mailto:{ANN}", "type": "t", "subject": ANN},
        {"specversion": "9", "id": "1", "source": "/s", "type": "t", "subject": "ann", "userid": "ann"},
        {"event": "e", "properties": {"distinct_id": "ann-lee", "$ip": 3405803785}, "of": ["ann-lee"]},
        {"user_id": 12345678, "copies": [12345678, "12345678", {"id": 12345678.0}]},
        {"user_id": {"id": "ann"}, "page": "/?email=ann%40example.com&plan=gold"},
        {"plan": {"name": "gold"}, "ip": [203, 0, 113, 9], "x": "203.0.113.9"},
    ],
)
def test_a_rejected_event_shows_nothing_that_is_hidden(raw: dict[str, Any]) -> None:
    project = Project("acme", ip="drop", drops_emails=True, hashes_users=True, dropped=frozenset({"plan"}), secret="s")
    verdict = {"index": 0, "code": "ambiguous_field", "field": ANN, "message": f"{ANN} is given twice."}
    row = make_row(raw, verdict, project)
    shown = json.dumps(row)
    for told in ("ann", "12345678", "3405803785", "203", "gold"):
        assert told not in shown
    assert row["message"].endswith(" is given twice.")


def test_what_hides_a_value_stays_within_the_limits_of_a_message() -> None:
    every = replace(DROPPING, drops_emails=True, hashes_users=True)
    event = every.hide(make_event(user="somebody", event_type="::1 " * 25, ids=["somebody"] * 100))
    sender = every.hide_sender(Sender("acme", NOW, "203.0.113.9", "::1 " * 256), [])
    chunk = replace(make_chunk(event), sender=sender)
    assert chunks.decode(chunks.encode(chunk)) == chunk
    shared = {"context": {"user_id": list(range(5_000))}}
    raw = [RawEvent({"event_type": "t", "user_id": "somebody"})]
    with pytest.raises(Problem) as caught:
        ingest(raw, sender=Sender("acme", NOW, shared=shared), project=every, queue=FakeQueue(), meter=FakeMeter())
    assert caught.value.code == "body_too_large"


# Each puts a value where it may stand in a document; texts stay texts as long as only the first four are used.
SHAPES: list[Any] = [
    lambda value: value,
    lambda value: f"before {value}, after" if isinstance(value, str) else value,
    lambda value: f"https://x.example/?a=1&q={quote(value, safe='')}#top" if isinstance(value, str) else value,
    lambda value: f"q={value}" if isinstance(value, str) else value,
    lambda value: [1, value],
    lambda value: {"deep": {"er": value}},
    lambda value: {value: 1} if isinstance(value, str) else {"of": value},
]


@given(
    st.sampled_from(["203.0.113.9", "2001:db8:1:2:3::9", ANN, "zo\u00eb@ex\u00e4mple.de", "customer 4711"]),
    st.lists(st.sampled_from(SHAPES), max_size=4),
)
def test_nothing_hidden_stays_however_it_is_wrapped(secret: str, shapes: list[Any]) -> None:
    value: Any = secret
    for shape in shapes:
        value = shape(value)
    every = replace(DROPPING, drops_emails=True, hashes_users=True)
    event = replace(make_event(user="customer 4711"), properties={"p": value}, context={"c": value})
    shown = json.dumps(asdict(every.hide(event)), ensure_ascii=False)
    for _ in range(4):  # as often as it may have been quoted
        for part in (secret, "4711", "example.com", "203.0.113", "db8", "zo\u00eb"):
            assert part not in shown
        shown = unquote(shown)


@pytest.mark.parametrize("text", ["1-", "::1 ", "a=", "&a=%61", "%40", "a.a=b.b&", "a@b.cc ", "203.0.113.9 "])
def test_hiding_takes_time_in_proportion_to_the_text(text: str) -> None:
    every = replace(DROPPING, drops_emails=True, hashes_users=True, dropped=frozenset({"plan"}))

    def cpu_seconds(size: int) -> float:
        event = make_event(user="somebody", said=(text * size)[:size])
        started = time.process_time()
        every.hide(event)
        return time.process_time() - started

    assert min(cpu_seconds(32_000) for _ in range(3)) < 40 * min(cpu_seconds(2_000) for _ in range(3))
