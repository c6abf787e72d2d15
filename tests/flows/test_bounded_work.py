"""Work is bounded by size: whatever is sent, it costs little more than ordinary events of as many bytes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings, target
from hypothesis import strategies as st

from worst_bodies import EVIL, Request, filled, list_of, object_of, ordinary_body, posthog, segment

RATIO = 3
# These make many calls that do little; a call for ordinary events does five times as much, by the CPU of both.
SMALL_CALLS = {
    *("alternatives", "one of many", "contained", "enumeration", "patterns", "multiples"),
    *("hashed list", "parameters"),
}
COUNTED_BYTES = 100_000
TIMED_BYTES = 1_000_000


def calls_of(send: Callable[[], Any]) -> int:
    """How many functions are called, of Python and of C: much as many values are visited."""
    calls = 0

    def count(_frame: Any, event: str, _arg: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        send()
    finally:
        sys.setprofile(None)
    return calls


def seconds_of(request: Request, tries: int = 3) -> float:
    """CPU, the least of some tries."""
    spent = []
    for _ in range(tries):
        start = time.process_time()
        response = request.send()
        spent.append(time.process_time() - start)
        assert response.status_code < 500
    return min(spent)


def test_an_ordinary_event_has_the_size_that_others_are_compared_with() -> None:
    assert 0.8 < len(ordinary_body(100)) / 100 / 400 < 1.2
    assert Request(ordinary_body(100)).send().json_body["accepted"] == 100


@pytest.mark.parametrize("name", EVIL)
def test_the_worst_bodies_make_no_more_calls_than_ordinary_events(name: str) -> None:
    evil = EVIL[name](COUNTED_BYTES)
    assert len(evil.body.encode()) < 2 * COUNTED_BYTES
    allowed = RATIO * (5 if name in SMALL_CALLS else 1)
    assert calls_of(evil.send) <= allowed * calls_of(evil.ordinary().send)


@pytest.mark.parametrize("name", EVIL)
def test_the_worst_bodies_take_no_more_time_than_ordinary_events(
    name: str, pytestconfig: pytest.Config, figures: Callable[[str], None]
) -> None:
    if not pytestconfig.getoption("thorough"):
        pytest.skip("only with --thorough")
    evil = EVIL[name](TIMED_BYTES)
    ratio = seconds_of(evil) / seconds_of(evil.ordinary())
    figures(f"{name}: {ratio:.2f} times an ordinary body")
    assert ratio <= RATIO


_SEND_ALL = """
import gc, resource, sys
from worst_bodies import EVIL
for make in EVIL.values():
    make(4_000_000).send()
    gc.collect()  # the fakes hold what was queued
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_the_worst_bodies_of_the_largest_size_leave_a_function_room(
    pytestconfig: pytest.Config, figures: Callable[[str], None]
) -> None:
    if not pytestconfig.getoption("thorough"):
        pytest.skip("only with --thorough")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(["tests", "."])}
    command = [sys.executable, "-c", _SEND_ALL]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, cwd=pytestconfig.rootpath
    )
    megabytes = int(done.stdout) / 1024
    figures(f"the worst bodies took at most {megabytes:.0f} MB, the process and its fakes included")
    assert megabytes < 400


ATOMS = st.sampled_from(
    [*("1", "1.5", "NaN", "null", "[]", "{}", '""', '"a"', '"\\u0300"', '{"a":1}', '{"a":{"a":{}}}', "[[[[]]]]"),
     *('"user@example.com"', '"10.1.2.3"', '"a=b&c=d"', '"ann-1234"', '{"userId":1}', '{"ip":"::1"}', '"2015-05-17"')]
)  # fmt: skip
NAMES = st.sampled_from(
    ["x", "properties", "context", "traits", "alias", "ip", "integrations", "sentAt", "timestamp", "$set"]
)


@st.composite
def values(draw: st.DrawFn) -> Callable[[int], str]:
    atom, name = draw(ATOMS), draw(NAMES)
    match draw(st.sampled_from(["list", "object", "text"])):
        case "list":
            return lambda size: list_of(atom, size)
        case "object":
            return lambda size: object_of(lambda number: f'"{name}{number:x}":{atom}', size)
    piece = draw(st.sampled_from(["a", "\u0300", "\u0f73", "=", "a@b.c ", "1.2.3.4 ", "\\u0000", "\U0001f600", "%41"]))
    return lambda size: '"' + piece * (size // len(piece.encode())) + '"'


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """A body of a dialect that is filled with something, in an event or beside the events."""
    value, size = draw(values()), TIMED_BYTES // 4
    settings_of = draw(st.sampled_from([{}, {"hashes_users": True, "ip": "drop", "drops_emails": True, "secret": "s"}]))
    match draw(st.sampled_from(["own", "segment", "segment beside", "posthog", "posthog beside"])):
        case "own":
            made = filled(value, size, draw(st.sampled_from(["", ',"timestamp":"2015-05-17T10:00:00Z"'])))
        case "segment beside":
            made = segment(size, **{draw(NAMES): value(draw(st.sampled_from([500, 2_000, 20_000, size // 2])))})
        case "posthog beside":
            made = posthog(size, **{draw(NAMES): value(draw(st.sampled_from([500, 2_000, 20_000, size // 2])))})
        case dialect:
            made = filled(value, size)
            path, user = ("/v1/batch", "userId") if dialect == "segment" else ("/batch", "distinct_id")
            body = made.body.replace('"event_type"', '"type":"track","event"').replace('"user_id"', f'"{user}"')
            body = body.replace('"x":', f'"{draw(NAMES)}":')
            made = Request(f'{{"batch":{body}}}', path, events=made.events)
    return Request(made.body, made.path, made.headers, settings_of, events=made.events)


def test_no_worse_body_is_found_by_a_search(pytestconfig: pytest.Config) -> None:
    if not pytestconfig.getoption("thorough"):
        pytest.skip("only with --thorough")
    ordinary: dict[str, float] = {}

    @settings(
        max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.target]
    )
    @given(requests())
    def search(request: Request) -> None:
        compared = request.ordinary()
        known = f"{compared.events} {sorted(compared.settings)}"
        ordinary[known] = ordinary.get(known) or seconds_of(compared)
        ratio = seconds_of(request, tries=1) / ordinary[known]
        target(ratio)
        if ratio > RATIO:
            ratio = seconds_of(request) / seconds_of(compared)
        assert ratio <= RATIO, request.body[:300]

    search()
