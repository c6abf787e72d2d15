"""Reads and writes the stages in .chalice/config.json, where `chalice deploy` finds them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from millrace import stack
from millrace.command_error import CommandError
from millrace.deploy.policies import policy_file

# The stage's name is part of all names. A bucket's name has at most 63 characters, with "millrace-", the account and
# the region.
_NAME = re.compile(r"(?!.*millrace-)[a-z][a-z0-9-]{0,25}(?<!-process)(?<!-aggregate)(?<!-)")
RESERVED = "local"
#: Stack parameters that follow from the command. Users do not set them.
SET_BY_DEPLOY = ("Watched", "Protected", "TlsOnly")


def checked_name(stage: str) -> str:
    """Return the stage's name if it is valid. Raises CommandError."""
    if not _NAME.fullmatch(stage) or stage == RESERVED:
        raise CommandError(
            f"{stage!r} cannot be a stage's name. Use up to 26 lower-case letters, digits and hyphens. The name "
            f"{RESERVED!r} is for `millrace up`. Names of functions end with -process or -aggregate: use neither end."
        )
    return stage


def read_config(project: Path) -> dict[str, Any]:
    """Return Chalice's configuration. Raises CommandError if the folder is not a checkout."""
    try:
        config: dict[str, Any] = json.loads((project / ".chalice" / "config.json").read_text())
    except (OSError, ValueError) as error:
        raise CommandError(
            f"{project} has no readable .chalice/config.json. Run the command in the folder of the checkout."
        ) from error
    return config


def recorded(project: Path) -> dict[str, dict[str, str]]:
    """Return the functions' environment of each stage that was deployed from this checkout."""
    stages = read_config(project).get("stages", {})
    environments = {name: stage.get("environment_variables", {}) for name, stage in stages.items()}
    return {name: environment for name, environment in environments.items() if "QUEUE_URL" in environment}


def chosen(project: Path, stage: str) -> dict[str, str]:
    """Return the environment variables that are set for a stage."""
    variables = read_config(project).get("stages", {}).get(stage, {}).get("environment_variables", {})
    return {name: str(value) for name, value in variables.items()}


def parameters(project: Path, stage: str) -> dict[str, str]:
    """Return the stack parameters that are set for a stage. Raises CommandError for one that a stage cannot set."""
    entry = read_config(project).get("stages", {}).get(stage, {})
    chosen = {name: str(value) for name, value in entry.get("stack_parameters", {}).items()}
    allowed = [each for each in stack.parameters_in(project / "stack.yaml") if each not in SET_BY_DEPLOY]
    if unknown := sorted(chosen.keys() - set(allowed)):
        raise CommandError(
            f"stages.{stage}.stack_parameters in .chalice/config.json may hold {', '.join(allowed)}, "
            f"not {', '.join(unknown)}."
        )
    return chosen


def set_parameter(project: Path, stage: str, name: str, value: str) -> None:
    """Set a stack parameter of a stage for its next deployments."""
    config = read_config(project)
    config.setdefault("stages", {}).setdefault(stage, {}).setdefault("stack_parameters", {})[name] = value
    _write_config(project, config)


def record(project: Path, stage: str, environment: Mapping[str, str], functions: Iterable[str]) -> None:
    """Record the stack's outputs and each function's policy file. Other settings of the stage stay."""
    config = read_config(project)
    entry = config.setdefault("stages", {}).setdefault(stage, {})
    entry["environment_variables"] = entry.get("environment_variables", {}) | dict(environment)
    # The APIs of all stages have the same name. CloudWatch tells them apart by the name of their stage.
    entry["api_gateway_stage"] = stage
    settings = entry.setdefault("lambda_functions", {})
    for function in functions:
        settings.setdefault(function, {})["iam_policy_file"] = policy_file(stage, function)
    _write_config(project, config)


def forget(project: Path, stage: str) -> None:
    """Remove a stage's records, its stack parameters and its policy files."""
    config = read_config(project)
    entry = config.get("stages", {}).get(stage, {})
    for name in ("environment_variables", "api_gateway_stage", "stack_parameters"):
        entry.pop(name, None)
    for settings in entry.pop("lambda_functions", {}).values():
        (project / ".chalice" / settings.get("iam_policy_file", "none")).unlink(missing_ok=True)
    if not entry:
        config.get("stages", {}).pop(stage, None)
    _write_config(project, config)


def _write_config(project: Path, config: Mapping[str, Any]) -> None:
    path = project / ".chalice" / "config.json"
    waiting = path.with_suffix(".new")
    waiting.write_text(json.dumps(config, indent=2) + "\n")
    waiting.replace(path)
