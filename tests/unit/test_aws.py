"""Clients: credentials of every kind are looked for, whatever keeps cold starts short."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROLE = "role_arn = arn:aws:iam::123456789012:role/operator\n"
# Each kind of profile, and what is said of it where nobody answers.
_KINDS = {
    "a role": (f"{_ROLE}source_profile = keys\n", "Could not connect to the endpoint"),
    "a web identity": (f"{_ROLE}web_identity_token_file = token\n", "Could not connect to the endpoint"),
    "single sign-on": (
        (
            "sso_start_url = https://sso.invalid/start\nsso_region = us-east-1\nsso_account_id = 123456789012\n"
            "sso_role_name = operator\n"
        ),
        "SSO",
    ),
}


@pytest.mark.parametrize("kind", _KINDS)
def test_a_profile_of_any_kind_gets_as_far_as_asking_for_credentials(kind: str, tmp_path: Path) -> None:
    profile, said = _KINDS[kind]
    (tmp_path / "token").write_text("token")
    (tmp_path / "config").write_text(
        f"[profile operator]\n{profile}[profile keys]\naws_access_key_id = a\naws_secret_access_key = b\n"
    )
    asked = subprocess.run(
        [sys.executable, "-c", "from chalicelib.adapters import aws; aws.client('dynamodb').list_tables()"],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "AWS_CONFIG_FILE": "config",
            "AWS_SHARED_CREDENTIALS_FILE": "none",
            "AWS_PROFILE": "operator",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",  # nobody answers there
            "AWS_MAX_ATTEMPTS": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert said in asked.stderr.splitlines()[-1]
