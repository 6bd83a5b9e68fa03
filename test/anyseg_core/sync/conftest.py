"""Traffic of a robot's four sensors, and a synchroniser for it."""

import random
from dataclasses import dataclass

import pytest

from anyseg_core.sync import FrameSet, Stream, Synchronizer

MS = 1_000_000
S = 1_000 * MS
START_NS = 1_700_000_000 * S
TIMEOUT_NS = 500 * MS
MAX_WAIT_NS = 100 * MS
PERIOD_NS = {"rgb": 33_333_333, "depth": 33_333_333, "event": 10 * MS, "lidar": 100 * MS}
DELAY_NS = {"rgb": 20 * MS, "depth": 25 * MS, "event": 3 * MS, "lidar": 60 * MS}
ORDER = ("rgb", "depth", "lidar", "event")


@dataclass(frozen=True, order=True)
class Message:
    arrival_ns: int
    name: str
    stamp_ns: int


class Scene:
    """What a test needs to make traffic and to run it."""

    MS, S, START_NS = MS, S, START_NS
    TIMEOUT_NS, MAX_WAIT_NS, PERIOD_NS, ORDER = TIMEOUT_NS, MAX_WAIT_NS, PERIOD_NS, ORDER
    Message = Message

    @staticmethod
    def synchronizer(**options) -> Synchronizer:
        streams = [
            Stream("rgb", tolerance_ns=50 * MS, timeout_ns=TIMEOUT_NS),
            Stream("depth", tolerance_ns=50 * MS, timeout_ns=TIMEOUT_NS),
            Stream("event", "window", window_ns=50 * MS, timeout_ns=TIMEOUT_NS),
            Stream("lidar", tolerance_ns=60 * MS, timeout_ns=TIMEOUT_NS),
        ]
        return Synchronizer(streams, ORDER, MAX_WAIT_NS, **options)

    @staticmethod
    def traffic(alive, start_s, end_s, *, rate=1, seed=0) -> list[Message]:
        """Jittered messages of the sensors ``alive``, in the order of their arrival."""
        rng = random.Random(seed)  # noqa: S311 - test traffic, no secret
        messages = []
        for name in alive:
            period = PERIOD_NS[name] // rate
            # Each sensor has a phase of its own, the same however the traffic is cut.
            first = START_NS + int(start_s * S) + (sum(map(ord, name)) * MS) % period
            for nominal in range(first, START_NS + int(end_s * S), period):
                stamp = nominal + rng.randint(-period // 50, period // 50)
                arrival = nominal + DELAY_NS[name] + rng.randint(0, min(5 * MS, period // 3))
                messages.append(Message(arrival, name, stamp))
        return sorted(messages)

    @staticmethod
    def run(synchronizer, messages) -> list[tuple[int, FrameSet]]:
        """Push all messages; each set comes with the arrival time of the push that gave it."""
        sets = []
        for message in messages:
            given = synchronizer.push(message.name, message.stamp_ns, message, message.arrival_ns)
            sets += [(message.arrival_ns, frame_set) for frame_set in given]
        return sets


@pytest.fixture
def scene() -> Scene:
    return Scene()
