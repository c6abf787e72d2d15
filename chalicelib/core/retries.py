"""The number of attempts of everything that may fail, and the pauses between; docs/protocol/retries.md lists them."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Retry:
    """The number of attempts of an action, and its pauses. `what`: the description of the action in the docs.

    `base_seconds`: the base of the pauses; 0 for none, None if a library makes its own. `timeouts`: the seconds that a
    library's call may take to connect and to read; botocore's defaults.
    """

    what: str
    attempts: int
    base_seconds: float | None = 0
    timeouts: tuple[float, float] = (60, 60)

    def pause_before(self, attempt: int) -> float:
        """Return the seconds to wait before an attempt; the first is 0. Random pauses keep workers from colliding."""
        return random.uniform(0, (self.base_seconds or 0) * 2**attempt)  # noqa: S311 - jitter, not a secret

    @property
    def most_seconds(self) -> float:
        """Return the longest time of a call with its retries. botocore waits up to 1, 2, 4 ... s between attempts."""
        return self.attempts * sum(self.timeouts) + float(2 ** (self.attempts - 1)) - 1


# Functions need few attempts: the client sends again, the queue delivers again, or the schedule runs again.
CALL = Retry("A function calls AWS", 2, None, timeouts=(1, 3))
# Nobody repeats a failed command of the toolbox.
TOOLBOX_CALL = Retry("The toolbox calls AWS", 4, None, timeouts=(2, 8))
# For calls that our own code repeats.
SINGLE_CALL = Retry("A function calls SQS, and its own code repeats the call", 1, None, timeouts=(1, 3))
# For optional work, which is given up unless it is quick.
QUICK_CALL = Retry("Ingestion counts events for a quota, or stores a rejection", 1, None, timeouts=(1, 1))
SEND = Retry("Ingestion sends a batch of chunks to the queue", 3, 0.1)
READ = Retry("A function reads keys that DynamoDB left unprocessed", 5, 0.05)
# Takes about a second. For longer waits, the queue delivers again.
COMMIT = Retry("The processor commits chunks: as a group, then each alone", 5, 0.05)
# An attempt fails only if another aggregator wins. Each reads the hour again, and the next run comes soon.
REPORT = Retry("The aggregator makes a report that another aggregator also makes", 2)
# The next run comes soon and does everything that is left.
SCHEDULED = Retry("Lambda starts a scheduled run of the aggregator", 1)
# Only other erasures, and commits of the same counters, cause conflicts.
ERASE = Retry("An erasure erases the events of a chunk", 8, 0.05)
# Only other functions that list or remove entries at the same moment cause conflicts.
QUARANTINE = Retry("A function lists a message in the quarantine, or removes it", 5, 0.05)
REWRITE = Retry("An erasure rewrites an archive object", 8)
# An account may make one deployment in 5 seconds, and Chalice has just made one.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
DEPLOY = Retry("`deploy` calls API Gateway after Chalice has deployed", 9, None)
REQUEST = Retry("The toolbox sends a request that is answered 408, 425 or 5xx, or a GET that is answered 429", 6, 0.2)
# A quota renews every minute, and the answer names the seconds until then. Other clients may use it up first.
QUOTA = Retry("The toolbox sends a POST that is answered 429", 60, 0.2)
RECONNECT = Retry("The toolbox sends a request whose answer is lost or incomplete", 3, 0.3, timeouts=(30, 30))
