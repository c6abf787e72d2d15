"""Lines of an Apache access log as events."""

from __future__ import annotations

import pytest

from millrace.io.apache_log import read_line

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


def test_of_a_line_that_is_cut_off_in_its_user_agent_the_rest_is_kept() -> None:
    properties = read_line(CUT)["properties"]
    assert properties["user_agent"] == "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html"
    assert properties["bytes"] == 235


def test_a_dash_stands_for_nothing() -> None:
    assert read_line(NO_SIZE)["properties"].keys() == {"method", "path", "protocol", "status", "user_agent"}


def test_a_remote_user_is_kept() -> None:
    assert read_line(line(user="frank"))["properties"]["remote_user"] == "frank"


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


def test_the_zone_of_a_time_is_kept() -> None:
    assert read_line(line(time="01/Jan/2024:00:00:00 -0530"))["timestamp"] == "2024-01-01T00:00:00-05:30"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        WHOLE + " more",
        WHOLE.partition(' "Mozilla')[0],
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


def test_a_hostile_line_costs_no_more_than_its_length() -> None:
    with pytest.raises(ValueError, match="combined"):
        read_line(WHOLE[:-1] + "\\" * 100_001)
