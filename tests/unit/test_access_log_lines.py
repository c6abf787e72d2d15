"""Lines of access logs as events: the formats of Apache and nginx, and what is found around them."""

from __future__ import annotations

import contextlib
import time

import pytest

from millrace.io.access_log import read_line

WHOLE = (
    '83.149.9.216 - - [17/May/2015:10:05:03 +0000] "GET /images/kibana-search.png HTTP/1.1" 200 203023 '
    '"http://semicomplete.com/" "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1)"'
)
CUT = (
    '46.118.127.106 - - [20/May/2015:12:05:17 +0000] "GET /scripts/configlib.py HTTP/1.1" 200 235 "-" '
    '"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html'
)
NO_SIZE = (
    '218.30.103.62 - - [17/May/2015:11:05:11 +0000] "GET /robots.txt HTTP/1.1" 200 - "-" '
    '"Sogou web spider/4.0(+http://www.sogou.com/docs/help/webmasters.htm#07)"'
)


COMMON = '192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 5'


def line(
    request: str = "GET / HTTP/1.1", time: str = "17/May/2015:10:05:03 +0000", user: str = "-", size: str = "5"
) -> str:
    return f'192.0.2.1 - {user} [{time}] "{request}" 200 {size} "-" "-"'


def test_a_line_becomes_a_page_view_of_its_address_at_its_own_time() -> None:
    assert read_line(WHOLE) == {
        "event_type": "page_view",
        "user_id": "83.149.9.216",
        "timestamp": "2015-05-17T10:05:03+00:00",
        "properties": {
            "method": "GET",
            "path": "/images/kibana-search.png",
            "protocol": "HTTP/1.1",
            "status": 200,
            "bytes": 203023,
            "referrer": "http://semicomplete.com/",
            "user_agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1)",
        },
    }


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        (CUT, {"user_agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html"}),
        (WHOLE.partition(' "Mozilla')[0], {"referrer": "http://semicomplete.com/"}),
        (WHOLE.partition('complete.com/"')[0], {"referrer": "http://semi"}),
    ],
)
def test_of_a_line_that_is_cut_off_behind_its_size_the_rest_is_kept(text: str, rest: dict[str, str]) -> None:
    properties = read_line(text)["properties"]
    assert properties["status"] == 200
    assert rest.items() <= properties.items()


def test_a_dash_stands_for_nothing() -> None:
    assert read_line(NO_SIZE)["properties"].keys() == {"method", "path", "protocol", "status", "user_agent"}


@pytest.mark.parametrize("user", ["frank", "John Smith", "Smith, John", "DOMAIN\\\\frank", "a [b] c", "- -"])
def test_a_remote_user_is_kept_as_the_server_writes_it(user: str) -> None:
    event = read_line(line(user=user))
    assert (event["user_id"], event["properties"]["remote_user"]) == ("192.0.2.1", user)


@pytest.mark.parametrize(
    ("rest", "named"),
    [
        ("", {}),
        (' "/from" "UA"', {"referrer": "/from", "user_agent": "UA"}),
        (' "-" "UA" "203.0.113.9"', {"user_agent": "UA", "forwarded_for": "203.0.113.9"}),
        (' "-" "UA" "203.0.113.9, 2001:db8::1"', {"user_agent": "UA", "forwarded_for": "203.0.113.9, 2001:db8::1"}),
        (' "-" "UA" "unknown, 10.0.0.1"', {"user_agent": "UA", "forwarded_for": "unknown, 10.0.0.1"}),
        (' "-" "UA" "-"', {"user_agent": "UA"}),
        (' "-" "UA" "evil text"', {"user_agent": "UA", "more": '"evil text"'}),
        (' "-" "UA" 512 4096', {"user_agent": "UA", "more": "512 4096"}),
        (' "-" "UA" "-" 0.123 "rt=0.1"', {"user_agent": "UA", "more": '"-" 0.123 "rt=0.1"'}),
        (" 0.004", {"more": "0.004"}),
        (' "-" "a "quoted" word"', {"more": '"a "quoted" word"'}),
    ],
    ids=str,
)
def test_what_follows_the_size_is_kept_by_its_name_or_as_it_is(rest: str, named: dict[str, str]) -> None:
    properties = read_line(COMMON + rest)["properties"]
    assert properties == {"method": "GET", "path": "/", "protocol": "HTTP/1.1", "status": 200, "bytes": 5} | named


@pytest.mark.parametrize(
    ("before", "user", "named"),
    [
        ("2001:db8::1 - -", "2001:db8::1", {}),
        ("[2001:db8::1]:443 - -", "2001:db8::1", {}),
        ("fe80::1%eth0 - -", "fe80::1%eth0", {}),
        ("192.0.2.1:50000 - -", "192.0.2.1", {}),
        ("host-7.example.net. - -", "host-7.example.net.", {}),
        ("localhost - ann", "localhost", {"remote_user": "ann"}),
        ('192.0.2.1 me ""', "192.0.2.1", {"ident": "me"}),
        ("www.example.com:80 192.0.2.1 - -", "192.0.2.1", {"virtual_host": "www.example.com:80"}),
        ("www.example.com 2001:db8::1 - -", "2001:db8::1", {"virtual_host": "www.example.com"}),
        ("_ 192.0.2.1 - Ann Smith", "192.0.2.1", {"virtual_host": "_", "remote_user": "Ann Smith"}),
        ("- 192.0.2.1 - -", "192.0.2.1", {}),
        ("www.example.com:443 host.example.net - -", "host.example.net", {"virtual_host": "www.example.com:443"}),
        ("203.0.113.9, 10.0.0.1 - -", "203.0.113.9", {"forwarded_for": "203.0.113.9, 10.0.0.1"}),
        ("unknown, 10.0.0.1 - -", "10.0.0.1", {"forwarded_for": "unknown, 10.0.0.1"}),
        (
            "www.example.com 203.0.113.9, 10.0.0.1 - Ann Smith",
            "203.0.113.9",
            {
                "virtual_host": "www.example.com",
                "forwarded_for": "203.0.113.9, 10.0.0.1",
                "remote_user": "Ann Smith",
            },
        ),
    ],
    ids=str,
)
def test_the_client_is_told_from_what_stands_around_it(before: str, user: str, named: dict[str, str]) -> None:
    event = read_line(COMMON.replace("192.0.2.1 - -", before))
    of_request = {"method", "path", "protocol", "status", "bytes"}
    assert event["user_id"] == user
    assert {name: value for name, value in event["properties"].items() if name not in of_request} == named


@pytest.mark.parametrize(
    "client",
    [
        "-", "unknown", "\ufeff192.0.2.1", "192.0.2", "192.0.2.256", "192.0.2.1:", "192.0.2.1:port", "1234", "unix:",
        "-host", "host-", "a..b", "a/b", "<script>", '"a"', "ex\u0430mple.com", "x" * 254, "2001:db8::g",
        "fe80::1%<script>", "-, -",
    ],
)  # fmt: skip
def test_text_that_is_neither_an_address_nor_a_host_is_not_taken_for_one(client: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_line(COMMON.replace("192.0.2.1", client))


@pytest.mark.parametrize(
    ("request_line", "named"),
    [
        ("POST /a b HTTP/2.0", {"method": "POST", "path": "/a b", "protocol": "HTTP/2.0"}),
        ("GET /old", {"method": "GET", "path": "/old"}),
        ("-", {}),
        (r"GET /a\"b HTTP/1.0", {"method": "GET", "path": r"/a\"b", "protocol": "HTTP/1.0"}),
        (r"\x16\x03\x01", {"path": r"\x16\x03\x01"}),
    ],
)
def test_a_request_is_named_by_its_parts_as_far_as_it_has_them(request_line: str, named: dict[str, str]) -> None:
    properties = read_line(line(request_line))["properties"]
    assert {name: value for name, value in properties.items() if name not in ("status", "bytes")} == named


@pytest.mark.parametrize(
    ("time", "timestamp"),
    [
        ("01/Jan/2024:00:00:00 -0530", "2024-01-01T00:00:00-05:30"),
        ("01/Jan/2024:00:00:00.125 +0000", "2024-01-01T00:00:00.125000+00:00"),
        ("2024-01-01T00:00:00+02:00", "2024-01-01T00:00:00+02:00"),
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00+00:00"),
    ],
)
def test_a_time_keeps_its_zone_and_its_fraction(time: str, timestamp: str) -> None:
    assert read_line(line(time=time))["timestamp"] == timestamp


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        WHOLE.partition(" 203023")[0],
        WHOLE.partition(".png")[0],
        "{}",
        line(time="17/Mai/2015:10:05:03 +0000"),
        line(time="31/Feb/2015:10:05:03 +0000"),
        line(time="17/May/2015:10:05:60 +0000"),
        line(time="17/May/2015:10:05:03"),
        line(time="\u0661\u0667/May/2015:10:05:03 +0000"),
        line(size="-5"),
        line(size="9" * 4301),
        line(request='a" b'),
    ],
    ids=lambda text: text[-60:],
)
def test_other_lines_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_line(text)


@pytest.mark.parametrize(
    "text",
    [
        WHOLE[:-1] + "\\" * 100_001,
        "a, " * 50_000,
        "192.0.2.1 " + "- " * 50_000 + WHOLE,
        COMMON.replace("- -", '- [01/Jan/2024:00:00:00 +0000] "' * 5000),
        COMMON + ' "' + "a, " * 50_000,
        COMMON.replace("192.0.2.1", "a." * 50_000),
    ],
    ids=["backslashes", "commas", "words", "times", "addresses", "labels"],
)
def test_a_hostile_line_costs_no_more_than_its_length(text: str) -> None:
    started = time.process_time()
    with contextlib.suppress(ValueError):
        read_line(text)
    assert time.process_time() - started < 1  # a second for each of 10,000 characters would be far more
