"""Which region a command works in."""

from __future__ import annotations

import pytest

from millrace.cli import use_region
from millrace.command_error import CommandError


@pytest.mark.parametrize(
    ("environ", "region"),
    [
        ({"AWS_REGION": "eu-central-1"}, "eu-central-1"),
        ({"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-central-1"}, "eu-central-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1"),
        ({}, None),
    ],
)
def test_aws_region_counts_as_the_sdk_s_own_variable_does(environ: dict[str, str], region: str | None) -> None:
    use_region(environ)
    assert environ.get("AWS_DEFAULT_REGION") == region


def test_two_regions_are_refused() -> None:
    with pytest.raises(CommandError, match=r"AWS_REGION is eu-central-1 and AWS_DEFAULT_REGION is us-east-1\."):
        use_region({"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "us-east-1"})
