"""A test that lacks what it needs is skipped, and says so; a gate that skipped it would prove less than it seems to."""

from __future__ import annotations

import pytest

from needed import skip_without


def test_outside_ci_a_test_is_skipped_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    mark = skip_without(None, "There is no browser")
    assert (mark.name, mark.args, mark.kwargs) == ("skipif", (True,), {"reason": "There is no browser"})


def test_in_ci_the_run_fails_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(RuntimeError, match=r"There is no browser\. In CI no test is skipped for that"):
        skip_without(None, "There is no browser")


@pytest.mark.parametrize("ci", ["", "true"])
def test_with_what_it_needs_a_test_runs_anywhere(ci: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", ci)
    assert skip_without("/usr/bin/chromium", "There is no browser").args == (False,)
