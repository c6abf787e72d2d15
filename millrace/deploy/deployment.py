"""Deploys a stage and takes it down: the stack, the rights, Chalice's part, and the settings that Chalice lacks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from millrace import sdk, stage_address
from millrace.command_error import CommandError
from millrace.deploy import account, bytecode, doctor, finishing, policies, recovery, retention, stages
from millrace.ops import upgrade
from millrace.stack import Stack

Say = Callable[[str], None]


def stack_name(stage: str) -> str:
    return f"millrace-{stage}"


def prepare(project: Path, stage: str, say: Say) -> None:
    """Apply the stack, and write the files that a plain `chalice deploy` of the stage needs.

    A new stage is not protected yet, so that a failed creation can be rolled back. It has no alarms yet, since its
    functions do not exist.
    """
    chosen = stages.chosen(project, stage)
    is_new = not outputs_now(stage)
    if is_new:
        recovery.refuse_another_region(stage)
    else:
        refuse_unfit_data(stage, chosen, say)
    say(f"Applying the stack {stack_name(stage)} ...")
    applied = _apply(project, stage, say, whole=not is_new)
    upgrade.prepare(chosen | applied, say)
    stages.record(project, stage, applied, policies.write(project, applied, stage))
    bytecode.write(project)
    if recovery.recover(project, stage):
        say(f"Found an earlier deployment, and recorded it in {recovery.deployed_file(project, stage)}.")


def _apply(project: Path, stage: str, say: Say, *, whole: bool) -> dict[str, str]:
    """Apply the stack. `whole`: with alarms and protection. Return its outputs."""
    chosen = parameters(project, stage, watched=whole, protected=whole)
    return Stack(stack_name(stage), say).apply(project / "stack.yaml", chosen)


def parameters(project: Path, stage: str, *, watched: bool, protected: bool) -> dict[str, str]:
    """Return the stack's parameters: from the stage's settings, and from this command. Raises CommandError."""
    tls_only = not os.environ.get("AWS_ENDPOINT_URL", "").startswith("http:")
    decided = {"Watched": watched, "Protected": protected, "TlsOnly": tls_only}
    return stages.parameters(project, stage) | {name: str(value).lower() for name, value in decided.items()}


def refuse_unfit_data(stage: str, chosen: Mapping[str, str], say: Say) -> None:
    """Raise CommandError, before the stack changes, if this version must not deploy over the stage's data.

    Reasons are an unknown format of the data, lifetimes that break a rule, and a queue that would lose messages.
    """
    if environment := outputs_now(stage):
        upgrade.prepare({**chosen, **environment}, say)
        retention.refuse_to_delete_messages(environment)


def deploy(project: Path, stage: str, say: Say) -> str:
    """Create or update a stage. Return its address. Safe to repeat. Raises CommandError."""
    prepare(project, stage, say)
    say("Deploying the functions ...")
    chalice(project, "deploy", "--stage", stage)
    resources = deployed(project, stage)
    finishing.finish(stage, outputs(project, stage), resources, say)
    for wrong, advice in account.shortages(outputs(project, stage), stage):
        say(f"{wrong} {advice}")
    say("Setting the alarms ...")
    _apply(project, stage, say, whole=True)
    finishing.confirm_mails(outputs(project, stage)["TOPIC_ARN"], stages.parameters(project, stage), say)
    return stage_address.reachable_url(resources["rest_api"])


def destroy(project: Path, stage: str, *, delete_data: bool, say: Say) -> None:
    """Delete a stage's functions and alarms. Safe to repeat. The rest of the stack stays, unless `delete_data`.

    Raises CommandError, for example if the stage does not exist.
    """
    stack, template = Stack(stack_name(stage), say), project / "stack.yaml"
    has_stack = bool(stack.environment())
    recovery.recover(project, stage)
    has_functions = recovery.deployed_file(project, stage).exists()
    if has_functions:
        say("Deleting the functions ...")
        chalice(project, "delete", "--stage", stage)
        recovery.deployed_file(project, stage).unlink(missing_ok=True)
    if delete_data:
        say(f"Deleting the stack {stack.name} and its data ...")
        has_stack = stack.delete(template, parameters(project, stage, watched=False, protected=False))
        stages.forget(project, stage)
    elif has_stack:
        say(f"Removing the alarms from the stack {stack.name}. All data and logs stay ...")
        stack.apply(template, parameters(project, stage, watched=False, protected=True))
    if not (has_functions or has_stack):
        raise CommandError(f"There is no stage {stage} in {place()}.")


def read(project: Path, stage: str) -> doctor.Stage:
    """Return a deployed stage for the doctor. Raises CommandError."""
    recovery.recover(project, stage)
    resources = deployed(project, stage)
    return doctor.Stage(stage, project, outputs(project, stage), resources)


def outputs(project: Path, stage: str) -> dict[str, str]:
    """Return the outputs of the stage's stack, as recorded here or as AWS reports them. Raises CommandError."""
    recorded = stages.recorded(project).get(stage)
    if recorded is not None:
        return recorded
    if environment := outputs_now(stage):
        return environment
    raise CommandError(f"There is no stack {stack_name(stage)}. Deploy the stage: millrace deploy --stage {stage}")


def outputs_now(stage: str) -> dict[str, str]:
    """Return the current outputs of the stage's stack; empty if there is no stack. Raises CommandError."""
    return Stack(stack_name(stage)).environment()


def deployed(project: Path, stage: str) -> dict[str, dict[str, Any]]:
    """Return the resources that Chalice deployed for a stage, by name. Raises CommandError."""
    try:
        resources = json.loads(recovery.deployed_file(project, stage).read_text())["resources"]
    except (OSError, ValueError, KeyError) as error:
        raise CommandError(f"The stage {stage} is not deployed. Deploy it: millrace deploy --stage {stage}") from error
    return {resource["name"]: resource for resource in resources}


def chalice(project: Path, *arguments: str, **environment: str) -> None:
    """Run a command of Chalice, with additional `environment`. Its output goes to stderr. Raises CommandError."""
    command = [str(Path(sys.executable).with_name("chalice")), *arguments]
    known = {**os.environ, **environment}
    done = subprocess.run(command, cwd=project, env=known, stdout=sys.stderr, check=False, input=b"")
    if done.returncode:
        raise CommandError(
            f"`chalice {' '.join(arguments)}` failed. Correct the error above, and run the command again."
        )


def place() -> str:
    """Return a text with the account of the credentials and the region. Raises CommandError."""
    try:
        sts = _client("sts")
        return f"account {sts.get_caller_identity()['Account']}, region {sts.meta.region_name}"
    except (BotoCoreError, ClientError) as error:
        raise CommandError(f"No AWS account can be reached: {error}. Set credentials and a region.") from error


def _client(service: str) -> Any:
    return sdk.client(service)
