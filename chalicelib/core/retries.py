"""How often everything that may fail is tried, and how long it waits in between; docs/protocol/retries.md lists it."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Retry:
    """`base_seconds`: 0 for no pause, None where a library makes its own. `timeouts`: seconds that a call of a library
    may take to connect and to read; by default those of botocore.
    """

    what: str
    attempts: int
    base_seconds: float | None = 0
    timeouts: tuple[float, float] = (60, 60)

    def pause_before(self, attempt: int) -> float:
        """Return the seconds to wait before an attempt after the first, which is 0. Full jitter keeps workers apart."""
        return random.uniform(0, (self.base_seconds or 0) * 2**attempt)  # noqa: S311 - jitter, not a secret

    @property
    def most_seconds(self) -> float:
        """Return how long a call may take that a library tries again: botocore waits up to 1, 2, 4 ... s in between."""
        return self.attempts * sum(self.timeouts) + float(2 ** (self.attempts - 1)) - 1


# A function tries again in one way or another: a client sends again, the queue delivers again, the schedule runs again.
CALL = Retry("A call to AWS of a function, by botocore", 2, None, timeouts=(1, 3))
# Behind the toolbox nobody tries again.
TOOLBOX_CALL = Retry("A call to AWS of the toolbox, by botocore", 4, None, timeouts=(2, 8))
# For calls that are tried again by ourselves.
SINGLE_CALL = Retry("A call to the queue, by botocore", 1, None, timeouts=(1, 3))
# For what is done as far as it is quick, and left otherwise.
QUICK_CALL = Retry("A call that counts for a quota or keeps a rejection, by botocore", 1, None, timeouts=(1, 1))
SEND = Retry("Sending a batch of chunks to the queue", 3, 0.1)
READ = Retry("Reading keys that DynamoDB left unprocessed", 5, 0.05)
# About a second: longer waits are the queue's business.
COMMIT = Retry("Committing chunks: as a group, then each alone", 5, 0.05)
# Only another aggregator can win a round, and each round reads the hour again: the next run comes soon.
REPORT = Retry("Making a report while another aggregator does", 2)
# The next run does all that is left to do, and comes soon.
SCHEDULED = Retry("A scheduled run of the aggregator, by Lambda", 1)
# Only other erasures, and commits of the same counters, are in the way.
ERASE = Retry("Erasing the events of a chunk", 8, 0.05)
# Only others that quarantine or settle at the same moment are in the way.
QUARANTINE = Retry("Listing a message in the quarantine, or taking it off", 5, 0.05)
REWRITE = Retry("Rewriting an archive object without a user's lines", 8)
# Chalice has just made a deployment, and an account may make one in 5 seconds: wait for it.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
DEPLOY = Retry("A call to API Gateway after Chalice has deployed, by botocore", 9, None)
REQUEST = Retry("A request of the toolbox that is answered 408, 425, 429 or 5xx", 6, 0.2)
# A quota lets events pass every minute, and names the seconds until then. Others may use it up first.
QUOTA = Retry("A POST of the toolbox that is answered 429", 60, 0.2)
RECONNECT = Retry("A request of the toolbox whose answer does not come, or not whole", 3, 0.3, timeouts=(30, 30))
