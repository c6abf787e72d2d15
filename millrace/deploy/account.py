"""Checks the quotas of an account. The quotas of a new account are below the documented defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chalicelib.settings import Trigger
from millrace import sdk

# The write units that an on-demand table offers from its first second on:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
_TABLE_UNITS = 4000


def shortages(environment: Mapping[str, str], stage: str) -> Iterator[tuple[str, str]]:
    """Yield each quota that is too small for a stage, with advice. Raises ClientError.

    https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    """
    workers = Trigger.from_environ(environment).workers
    functions = sdk.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    if functions < 2 * workers:
        where = f"stages.{stage}.environment_variables of .chalice/config.json"
        until_then = f"Until then set MAX_WORKERS to {max(2, functions // 2)} in {where}, and deploy."
        yield (
            f"The account runs {functions} functions at once, and the processor alone may take {workers}.",
            f"Ask for 1,000 in Service Quotas: Lambda, concurrent executions. {until_then}",
        )
    units = sdk.client("dynamodb").describe_limits()["TableMaxWriteCapacityUnits"]
    if units < _TABLE_UNITS:
        yield (
            f"A table of the account takes at most {units} write units a second.",
            "Ask for 40,000 in Service Quotas: DynamoDB, table-level write throughput.",
        )
