"""The features of the protocol, and the small world of each pair of features.

In each world, a client sends one event two or three times, in the forms that the features name. Operators run the
commands that the features name. Copies, batches, crashes and lost answers occur in every world.
"""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import combinations

from proof.lifetimes import USUAL, Lifetimes
from proof.search import Setting
from proof.world import Chunk, Event, Message

#: The forms in which ingestion may queue the event that the client sends.
PLAIN = Event("e", "e")
ANONYMOUS = Event("e", "e", user="anonymous")
IDENTIFIED = Event("e", "e of ann", firsts=("e",))  # the natural key has the anonymous id
#: The client gives no time, so each attempt gets the time of its receipt.
GUARDED = [Event("g", f"g received {number}", firsts=("guard of g",)) for number in (1, 2)]
OWN = Event("own", "own", user="bob")  # only the second attempt sends it
#: The id alone identifies the event, and the second attempt names another user.
SOLE = [Event("s", f"s of {user}", user=user, firsts=("id of s",)) for user in ("ann", "bob")]

#: "correction" moves the event of the first attempt to another time, and "late correction" moves that of the second.
#: "the id alone": the project identifies events by id. Together with another form, it does so only for the first
#: attempt.
FORMS = ("single", "correction", "late correction", "another user", "guard", "the id alone")
ACTORS = ("erasure", "renewal", "replay", "sweep", "reports", "lifetimes")
FEATURES = (*FORMS, *ACTORS, "months")


def attempts(features: tuple[str, ...]) -> list[Chunk]:
    """Return the chunks that the client's attempts make, in the forms that these features name."""
    first, second = [PLAIN], [PLAIN]
    if "another user" in features:
        first, second = [ANONYMOUS], [IDENTIFIED]
    if "correction" in features:
        first = [_moved(first[0])]
    if "late correction" in features:
        second = [_moved(second[0], to="e corrected late")]
    if "guard" in features:
        is_alone = set(features) & set(FORMS) <= {"guard", "the id alone"}
        first = [GUARDED[0]] if is_alone else [*first, GUARDED[0]]
        second = [GUARDED[1]] if is_alone else [*second, GUARDED[1]]
    if "the id alone" in features:
        first = [each._replace(firsts=(f"id of {each.identity}", *each.firsts)) for each in first]
    if set(features) & set(FORMS) == {"the id alone"}:
        first, second = SOLE[:1], SOLE[1:]
    if "single" not in features:
        return [_chunk("first", first), _chunk("second", second)]
    # A single-event chunk has one event, which is stored at its natural key.
    others = [chunk for chunk in (first, second) if chunk != [PLAIN]] or [second]
    alone = ANONYMOUS if "another user" in features else PLAIN
    return [
        _chunk("single", [alone], is_single=True),
        *(
            _chunk(name, events)
            for name, events in zip(("first", "second"), others, strict=False)
            if events != [ANONYMOUS]
        ),
    ]


def _moved(event: Event, to: str = "e corrected") -> Event:
    """Return the event with a corrected time, and with a pointer at the natural key."""
    return event._replace(place=to, firsts=("e",))


def _chunk(name: str, events: list[Event], *, is_single: bool = False) -> Chunk:
    return Chunk(name, 0, 0, tuple(events), is_single)


def meeting(*features: str) -> Setting:
    """Return the small world of these features."""
    chunks = attempts(features)
    is_of_two_commands = set(features) <= set(ACTORS) - {"lifetimes"} and len(features) > 1
    if is_of_two_commands or set(features) in ({"erasure", "months"}, {"erasure", "lifetimes"}):
        chunks = chunks[:1]  # one attempt is enough, so that the world stays small
    has_time = bool(set(features) & {"renewal", "lifetimes", "months"})
    if not has_time and not chunks[-1].is_single and len(chunks) > 1:
        chunks[-1] = chunks[-1]._replace(events=(*chunks[-1].events, OWN))
    # If months pass, the client makes the second attempt after a month, the latest time that the protocol allows.
    messages = [Message(chunk, 0) for chunk in chunks]
    if has_time and len(chunks) > 1:
        late = chunks[-1]._replace(minted=1, received=1)
        messages[-1] = Message(late, 1)
    world: list[tuple[tuple[object, ...], object]] = [(("now",), 0), (("lifetimes",), (USUAL,))]
    commands: list[tuple[str, ...]] = []
    if "erasure" in features:
        commands.append(("erase", "ann"))
    if "renewal" in features:
        commands.append(("renew", chunks[0].name))
    if "replay" in features:
        commands.append(("replay",))
    if "sweep" in features:
        commands.append(("sweep",))
    if "reports" in features:
        commands += [("aggregate",)] * (1 if commands or has_time else 2)
        world.append((("minutes",), 0))
    changes: tuple[Lifetimes, ...] = ()
    if "lifetimes" in features:
        changes = (Lifetimes(since=1, events=7, max_chunk_age=4),)
    world += [(("message", number), message) for number, message in enumerate(messages)]
    months = 7 if "months" in features else 4 if "lifetimes" in features else 3 if "renewal" in features else 0
    is_large = has_time or len(chunks) > 2 or len(commands) > 1 or "replay" in features
    return Setting(
        " and ".join(features),
        tuple(world),
        tuple(commands),
        changes,
        months=months,
        faults=1,
        again=0 if is_large or (commands and len(features) > 1) else 1,
        batch=1 if is_large or commands else 2,
        workers=1 if is_large else 2,
    )


def pairs() -> list[Setting]:
    return [meeting(*pair) for pair in combinations(FEATURES, 2)]


def together(seed: int) -> Setting:
    """Return a larger world for random schedules, with three or four features, two workers and three faults."""
    dice = random.Random(seed)  # noqa: S311 - the same for the same seed
    features = tuple(dice.sample([*FORMS, *ACTORS], dice.choice((3, 4))))
    small = meeting(*features, "months")
    return replace(small, faults=3, again=3, batch=2, workers=2)
