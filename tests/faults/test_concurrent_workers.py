"""Several workers at once, each of whose AWS calls may fail in any way; totals are exact in the end."""

from __future__ import annotations

import random
import threading
from collections import Counter

from injector import Crash, Fault, Injector, kinds_for
from millrace.local.emulator import Emulator
from oracle import Findings
from poller import Poller
from stage import Clients
from stories import Story, event

WORKERS = 4
INVOCATIONS = 15


class Crowd(Story):
    """Twelve overlapping POSTs: most identities come several times, from different chunks."""

    posts = tuple(
        tuple(event(f"e{number}", user=f"u{number % 5}", hour=9 + number % 3) for number in range(start, start + 15))
        for start in range(0, 120, 10)
    )

    def prepare(self) -> None:
        for post in self.posts:
            self.post(post)

    def expected(self) -> Counter[tuple[str, str]]:
        return Counter(dict.fromkeys(super().expected(), 1))

    def work(self, seed: int, poller: Poller, injector: Injector) -> int:
        """Process batches, most of them with a fault; answers how many faults fired."""
        chosen, fired = random.Random(seed), 0  # noqa: S311 - replayable
        faulty = self.stage.through(injector.clients)
        for _ in range(INVOCATIONS):
            operation = chosen.choice(["dynamodb.TransactWriteItems", "dynamodb.BatchExecuteStatement", "s3.PutObject"])
            kinds = [kind for kind in kinds_for(operation) if not kind.startswith(("rival", "partly", "cancelled"))]
            injector.arm(Fault(chosen.randint(1, 8), chosen.choice(kinds)))
            # What others hold comes back too early now and then: two workers have the same messages.
            poller.time_out()
            poller.deliver(poller.receive(), lambda messages: self.process(messages, faulty))
            fired += injector.fired
        return fired


def test_workers_that_fail_and_collide_leave_exact_totals(
    emulator: Emulator, clients: Clients, injector: Injector
) -> None:
    crowd, fired = Crowd(clients, injector), list[int]()
    crowd.prepare()
    pollers = [Poller(crowd.stage, clients, Crash) for _ in range(WORKERS)]

    def work(seed: int) -> None:
        fired.append(crowd.work(seed, pollers[seed], Injector(Clients(emulator.environment()))))

    crew = [threading.Thread(target=work, args=(seed,)) for seed in range(WORKERS)]
    for worker in crew:
        worker.start()
    for worker in crew:
        worker.join()
    assert len(fired) == WORKERS, "a worker ended early"
    assert sum(fired) > WORKERS, "hardly a fault fired: the test says nothing"
    for poller in pollers:  # workers are gone, and the visibility of what they held ends
        poller.time_out()
    crowd.settle()
    for body in crowd.dead_letters():  # what failed too often is redriven, twice
        for _ in range(2):
            clients.sqs.send_message(QueueUrl=crowd.stage.settings.queue_url, MessageBody=body)
    crowd.settle()
    findings = Findings(clients, crowd.stage.settings.table_name, crowd.stage.settings.bucket_name)
    assert findings.violations(crowd.expected()) == []
