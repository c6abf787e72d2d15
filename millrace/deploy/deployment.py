"""Deploys a stage and takes it down: the stack, the rights, Chalice's part, and what Chalice cannot set."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from millrace import stack, stage_address
from millrace.command_error import CommandError
from millrace.deploy import bytecode, doctor, finishing, policies, recovery, stages
from millrace.ops import upgrade

Say = Callable[[str], None]


def stack_name(stage: str) -> str:
    return f"millrace-{stage}"


def prepare(project: Path, stage: str, say: Say) -> dict[str, str]:
    """Apply the stack, and write what a plain `chalice deploy` of the stage needs; answers the environment."""
    chosen = stages.chosen(project, stage)
    refuse_unfit_data(stage, chosen, say)
    say(f"Applying the stack {stack_name(stage)} ...")
    applied = _apply(project, stage, watched="true")
    upgrade.prepare(chosen | applied, say)
    stages.record(project, stage, applied, policies.write(project, applied, stage))
    bytecode.write(project)
    if recovery.recover(project, stage):
        say(f"Found what was deployed before, and noted it in {recovery.deployed_file(project, stage)}.")
    return applied


def _apply(project: Path, stage: str, *, watched: str) -> dict[str, str]:
    tls = "false" if os.environ.get("AWS_ENDPOINT_URL", "").startswith("http:") else "true"
    parameters = {**stages.parameters(project, stage), "Watched": watched, "Protected": "true", "TlsOnly": tls}
    return stack.apply(_client("cloudformation"), stack_name(stage), project / "stack.yaml", parameters)


def refuse_unfit_data(stage: str, chosen: Mapping[str, str], say: Say) -> None:
    """Refuse, before the stack changes, a stage whose data has an unknown format, or lifetimes that break a rule.

    Raises CommandError.
    """
    if environment := stack.environment_before(_client("cloudformation"), stack_name(stage)):
        upgrade.prepare({**chosen, **environment}, say)


def deploy(project: Path, stage: str, say: Say) -> str:
    """Create or update a stage; answers its address. Safe to repeat. Raises CommandError."""
    prepare(project, stage, say)
    say("Deploying the functions ...")
    chalice(project, "deploy", "--stage", stage)
    resources = deployed(project, stage)
    finishing.finish(stage, resources, say)
    return stage_address.reachable_url(resources["rest_api"])


def destroy(project: Path, stage: str, *, delete_data: bool, say: Say) -> None:
    """Take a stage's functions down. Its stack stays, without alarms, unless `delete_data`. Raises CommandError."""
    recovery.recover(project, stage)
    if recovery.deployed_file(project, stage).exists():
        say("Deleting the functions ...")
        chalice(project, "delete", "--stage", stage)
        recovery.deployed_file(project, stage).unlink(missing_ok=True)
    if delete_data:
        say(f"Deleting the stack {stack_name(stage)} and its data ...")
        stack.delete(stack_name(stage), project / "stack.yaml")
        stages.forget(project, stage)
    else:
        say(f"Removing the alarms from the stack {stack_name(stage)}, which keeps all data ...")
        _apply(project, stage, watched="false")


def read(project: Path, stage: str) -> doctor.Stage:
    """A deployed stage, as the doctor looks at it. Raises CommandError."""
    recovery.recover(project, stage)
    resources = deployed(project, stage)
    return doctor.Stage(stage, project, outputs(project, stage), resources)


def outputs(project: Path, stage: str) -> dict[str, str]:
    """The environment that the stage's stack gives, as recorded here or as AWS says. Raises CommandError."""
    recorded = stages.recorded(project).get(stage)
    if recorded is not None:
        return recorded
    try:
        return stack.environment(_client("cloudformation"), stack_name(stage))
    except (BotoCoreError, ClientError) as error:
        raise CommandError(
            f"There is no stack {stack_name(stage)}. Deploy the stage: millrace deploy --stage {stage}"
        ) from error


def deployed(project: Path, stage: str) -> dict[str, dict[str, Any]]:
    """What Chalice deployed for a stage, by its names. Raises CommandError."""
    try:
        resources = json.loads(recovery.deployed_file(project, stage).read_text())["resources"]
    except (OSError, ValueError, KeyError) as error:
        raise CommandError(f"The stage {stage} is not deployed. Deploy it: millrace deploy --stage {stage}") from error
    return {resource["name"]: resource for resource in resources}


def chalice(project: Path, *arguments: str) -> None:
    """Run Chalice's own command; its output goes to our stderr. Raises CommandError."""
    command = [str(Path(sys.executable).with_name("chalice")), *arguments]
    done = subprocess.run(command, cwd=project, stdout=sys.stderr, check=False, input=b"")
    if done.returncode:
        raise CommandError(f"`chalice {' '.join(arguments)}` failed; it says above why. Mend that, and run this again.")


def account() -> str:
    """The account that the credentials belong to. Raises CommandError."""
    try:
        return str(_client("sts").get_caller_identity()["Account"])
    except (BotoCoreError, ClientError) as error:
        raise CommandError(f"No AWS account can be reached: {error}. Set credentials and a region.") from error


def _client(service: str) -> Any:
    return boto3.client(service)
