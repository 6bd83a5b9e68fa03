"""The synchroniser's cost per message, beside ROS 2's message_filters where that is installed."""

from __future__ import annotations

import random
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

from anyseg_core.benchmark.measure import Case, Peer
from anyseg_core.benchmark.peers import optional
from anyseg_core.sync import Stream, Synchronizer
from anyseg_core.types import MODALITIES, MODALITY_LETTERS, NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MESSAGES = 1000  # at full scale, so that milliseconds a run are microseconds a message
ADVERSARIAL_MESSAGES = 100
QUEUE, MANY = 10, 10
SLOP_NS = 50 * NS_PER_MS
LEAST_RATE = 25_000.0  # 40 microseconds a message
SAME_COST = 0.9  # of the short queue's time: what runs of the same work differ by
PERIODS_NS = {"rgb": 33_333_333, "depth": 33_333_333, "event": 10_000_000, "lidar": 100_000_000}
DELAYS_NS = {"rgb": 20_000_000, "depth": 25_000_000, "event": 3_000_000, "lidar": 60_000_000}


class Message(NamedTuple):
    """A message of a stream, in the order of arrival."""

    arrival_ns: int
    name: str
    stamp_ns: int


def sync_cases(scale: float) -> Iterator[Case]:
    """Give each of the 18 cases in turn, ready to run.

    Every subset of four sensors alive at 30, 30, 100 and 10 Hz with jitter, all four configured;
    then events as a window; then stamps that never match. The work is ours with ten times the
    queue, the first peer ours with the queue itself, which is to take as long.

    Args:
        scale: 1 for the sizes that figures are asked for, less for a quick look.
    """
    count = max(int(MESSAGES * scale), 40)
    for size in range(len(MODALITIES), 0, -1):
        for alive in combinations(MODALITIES, size):
            yield _case(f"{_letters(alive)} alive", traffic(alive, count))
    for alive in (MODALITIES, ("event",)):
        name = f"{_letters(alive)} alive, events as a window"
        yield _case(name, traffic(alive, count), window=True)
    messages = adversarial(max(int(ADVERSARIAL_MESSAGES * scale), 40))
    yield _case("stamps that never match", messages)


def traffic(alive: Sequence[str], count: int) -> list[Message]:
    """Return the first ``count`` messages of these sensors, in the order of arrival."""
    rng = random.Random(1)  # noqa: S311 - made-up traffic, no secret
    messages = []
    for name in alive:
        period = PERIODS_NS[name]
        for k in range(count):
            stamp = NS_PER_S + k * period + rng.randint(-period // 50, period // 50)
            arrival = stamp + DELAYS_NS[name] + rng.randint(0, period // 10)
            messages.append(Message(arrival, name, stamp))
    return sorted(messages)[:count]


def adversarial(count: int) -> list[Message]:
    """Return messages of which each pair may match and no four do: the worst for a search."""
    lags_ns = {"rgb": 0, "depth": 9 * SLOP_NS // 10, "event": -9 * SLOP_NS // 10, "lidar": 0}
    start_ns, step_ns = NS_PER_S, 1000
    names = list(lags_ns)
    messages = []
    for k in range(count):
        name, now_ns = names[k % len(names)], start_ns + k * step_ns
        messages.append(Message(now_ns, name, now_ns + lags_ns[name]))
    return messages


def _case(name: str, messages: list[Message], *, window: bool = False) -> Case:
    short = Peer(
        f"ours, queue {QUEUE} instead of {QUEUE * MANY}", _ours(messages, 1, window), SAME_COST
    )
    theirs = None if window else message_filters_run(messages, QUEUE)
    others = () if theirs is None else (Peer(f"message_filters, queue {QUEUE}", theirs),)
    return Case(
        f"{len(messages)} messages, {name}",
        _ours(messages, MANY, window),
        len(messages),
        (short, *others),
        LEAST_RATE,
    )


def _letters(alive: Sequence[str]) -> str:
    return "".join(MODALITY_LETTERS[name] for name in alive)


def _ours(messages: list[Message], times: int, window: bool) -> Callable[[], object]:  # noqa: FBT001 - private
    """Return a run of our synchroniser with so many times the queue."""
    streams = [Stream(name, tolerance_ns=SLOP_NS) for name in PERIODS_NS]
    if window:
        streams[2] = Stream("event", "window", window_ns=SLOP_NS)

    def run() -> int:
        synchronizer = Synchronizer(
            streams, tuple(PERIODS_NS), 100 * NS_PER_MS,
            history_ns=times * NS_PER_S, max_buffered=times * QUEUE,
        )  # fmt: skip
        return sum(len(synchronizer.push(m.name, m.stamp_ns, m, m.arrival_ns)) for m in messages)

    return run


def message_filters_run(messages: list[Message], queue: int) -> Callable[[], object] | None:
    """Return a run of ApproximateTimeSynchronizer; None where message_filters is not installed."""
    message_filters, interfaces = optional("message_filters"), optional("builtin_interfaces.msg")
    if message_filters is None or interfaces is None:
        return None
    stamped = [(m.name, _Stamped(interfaces.Time, m.stamp_ns)) for m in messages]

    def run() -> int:
        inputs = {name: message_filters.SimpleFilter() for name in PERIODS_NS}
        synchronizer = message_filters.ApproximateTimeSynchronizer(
            list(inputs.values()), queue, SLOP_NS / NS_PER_S
        )
        sets: list[object] = []
        synchronizer.registerCallback(lambda *one: sets.append(one))
        for name, message in stamped:
            inputs[name].signalMessage(message)
        return len(sets)

    return run


class _Stamped:
    """A message with nothing but a header with a stamp."""

    def __init__(self, time_type: Any, stamp_ns: int) -> None:  # noqa: ANN401 - a ROS message
        self.header = self
        self.stamp = time_type(sec=stamp_ns // NS_PER_S, nanosec=stamp_ns % NS_PER_S)
