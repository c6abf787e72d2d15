"""What the emulators of AWS cannot do: docs/emulators.md is made of this.

The emulator is ministack, which runs the local stack and the tests of deployments. moto's server is a second opinion on
the ports. A gap that has been closed fails its probe: then the entry goes, and tests that avoid the gap are simplified.
"""

from __future__ import annotations

from typing import NamedTuple


class Gap(NamedTuple):
    """`lacks`: what it does not do, or does otherwise than AWS. `so`: what follows for us.

    `probe`: the test that shows the gap; none where only AWS itself could.
    """

    service: str
    lacks: str
    so: str
    probe: str = ""


MINISTACK = (
    Gap(
        "API Gateway",
        "It does not throttle, time out, or limit the size of bodies.",
        "API Gateway's own errors are only compared with AWS's documentation, except for the 404.",
        "test_the_emulator_does_not_throttle",
    ),
    Gap(
        "API Gateway",
        "A PATCH of the binary media types replaces the list by an object.",
        "The Terraform files set them only in the definition of the API.",
        "test_the_emulator_breaks_binary_media_types_that_are_patched",
    ),
    Gap(
        "CloudFormation",
        "It ignores point-in-time recovery and expiry of the table, encryption, and the lifecycle of the bucket.",
        "`millrace doctor` reads the settings of the table. cfn-lint and tests check the text of the template.",
        "test_the_emulator_leaves_settings_of_the_template_out",
    ),
    Gap(
        "SQS",
        "It has no `StartMessageMoveTask`.",
        "`millrace dlq replay` moves the messages one by one there. The call itself was tested on another emulator.",
        "test_the_emulator_moves_no_dead_letters_by_itself",
    ),
    Gap(
        "SQS",
        "It delivers each batch once, and ignores the batch window.",
        "Fault tests deliver messages twice by themselves. The size of batches is computed ([cost](cost.md)).",
    ),
    Gap(
        "CloudWatch",
        "It has no metrics of SQS, Lambda and API Gateway, and does not turn log lines into metrics.",
        "The local stack sends the metrics of log lines itself. No test shows that alarms ring.",
        "test_the_emulator_has_no_metrics_of_services",
    ),
    Gap(
        "CloudWatch Logs",
        "It keeps no log lines of functions that run outside.",
        "The local stack answers FilterLogEvents from `functions.log` (`millrace/local/emulator_additions.py`).",
    ),
    Gap(
        "IAM",
        "It does not check rights for batches of SQS and for PartiQL. Conditions do not see the keys of a request.",
        "`millrace/local/emulator_additions.py` adds these checks, as AWS documents them.",
    ),
    Gap(
        "DynamoDB",
        "It does not throttle or split partitions. Every read is consistent.",
        "Tests inject throttling and other faults. Capacity is computed ([scaling](scaling.md)).",
    ),
    Gap(
        "Lambda",
        "Functions run on this machine, without arm64, memory limit, cold starts and scaling.",
        "Tests limit imports and CPU instead of measuring cold starts, and check that binaries are for arm64.",
    ),
    Gap("all", "It has no TLS.", "Policies that require TLS are switched off on the emulator."),
    Gap("SNS", "It sends no mail.", "Only a unit test of the doctor shows the check for a confirmed address."),
)

MOTO = (
    Gap(
        "DynamoDB",
        "A call with several INSERT statements fails.",
        "On moto, batches of the event store have one INSERT statement.",
        "test_moto_takes_one_insert_a_call",
    ),
    Gap(
        "CloudWatch",
        "It answers HTTP 500 to a request for percentiles.",
        "The test of percentiles is expected to fail on moto.",
        "test_the_last_hour_can_be_read_by_minute_with_percentiles",
    ),
    Gap(
        "CloudFormation",
        "It ignores alarms, queue policies and subscriptions of a template.",
        "Tests of the stack run only on ministack.",
    ),
    Gap(
        "DynamoDB",
        "It ignores the token that makes a transaction repeatable.",
        "Repeated transactions are tested on ministack and on fakes.",
    ),
)

BY_EMULATOR = {"ministack": MINISTACK, "moto's server": MOTO}
#: Tests of ports that fail on moto for a gap of it.
LACKING_IN_MOTO = {gap.probe: gap.lacks for gap in MOTO if gap.probe and not gap.probe.startswith("test_moto_")}
