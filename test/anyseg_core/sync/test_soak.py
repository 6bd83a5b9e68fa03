"""Ten times the sensors' rates with random faults for a long simulated time.

``ANYSEG_SOAK_MINUTES`` sets the simulated minutes of the synchroniser, of which the pipeline takes
a tenth; by default it is seconds, so that every run of the tests can afford them.
"""

import gc
import heapq
import os
import random
import tracemalloc
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from anyseg_core.config import PipelineConfig
from anyseg_core.errors import RecordError
from anyseg_core.geometry import Calibration, Camera
from anyseg_core.normalisation import DEFAULT_NORMALISATION
from anyseg_core.pipeline import Pipeline
from anyseg_core.projection.projector import CalibrationExtrinsics
from anyseg_core.runtime.segmenter import Prediction
from anyseg_core.types import (
    MODALITIES,
    DepthRecord,
    EventArray,
    EventRecord,
    LidarRecord,
    RgbRecord,
)

MS = 1_000_000
S = 1_000 * MS
MINUTES = float(os.environ.get("ANYSEG_SOAK_MINUTES", "0"))
SYNC_SECONDS = 60 * MINUTES or 12
PIPELINE_SECONDS = 6 * MINUTES or 4
PERIOD_NS = {"rgb": 3_333_333, "depth": 3_333_333, "event": 1 * MS, "lidar": 10 * MS}
DELAY_NS = {"rgb": 20 * MS, "depth": 25 * MS, "event": 3 * MS, "lidar": 60 * MS}
FAULTS = ("dropout", "delay", "rate_drop", "stamp_jump", "epoch", "frozen_stamp", "packet_loss",
          "straggler", "burst")  # fmt: skip
GROWTH_BYTES = 400_000
"""Between two looks; a reading kept of every message would exceed this in the shortest run."""


class Traffic:
    """Messages of four sensors in the order of arrival, each sensor failing now and then.

    Time itself jumps as ``jumps`` say: all stamps, the clock of arrival, or both.
    """

    def __init__(self, seconds, seed, jumps=("pause", "loop", "loop of stamps")):
        self.jumps = jumps
        self.rng = random.Random(seed)  # noqa: S311 - test traffic, no secret
        self.end_ns = int(seconds * S)
        self.base_ns = 1_000_000 * S
        self.arrival_shift_ns = self.stamp_shift_ns = 0
        self.faults = dict.fromkeys(PERIOD_NS, (None, 0))
        self.last_stamp_ns = dict.fromkeys(PERIOD_NS, 0)
        self.happened = Counter()

    def __iter__(self):
        """Yield arrival, name and stamp; all three clocks are those that the node would see."""
        ticks = [(k, name) for k, name in enumerate(PERIOD_NS)]
        on_their_way, count, next_jump_ns = [], 0, 10 * S
        heapq.heapify(ticks)
        while ticks[0][0] < self.end_ns:
            t_ns, name = heapq.heappop(ticks)
            heapq.heappush(ticks, (t_ns + PERIOD_NS[name], name))
            while on_their_way and on_their_way[0][0] <= t_ns:
                arrival, _, who, stamp = heapq.heappop(on_their_way)
                yield self.base_ns + arrival + self.arrival_shift_ns, who, stamp
            if t_ns >= next_jump_ns:
                next_jump_ns += self.rng.randint(5, 30) * S
                self.jump()
            sent = self.send(name, t_ns)
            if sent is not None:
                count += 1
                heapq.heappush(on_their_way, (sent[0], count, name, sent[1]))

    def jump(self):
        """Let time pause, or a recording loop, with the arrival clock or without."""
        kind = self.rng.choice(self.jumps)
        self.happened[kind] += 1
        if kind == "pause":
            self.arrival_shift_ns += 20 * S
        else:
            self.stamp_shift_ns -= 4 * S
            if kind == "loop":
                self.arrival_shift_ns -= 4 * S

    def send(self, name, t_ns):
        """Return arrival and stamp of the message of time ``t_ns``; None where it is lost."""
        rng = self.rng
        kind, until_ns = self.faults[name]
        if t_ns >= until_ns:
            kind = rng.choice(FAULTS) if kind is None and rng.random() < 0.3 else None
            self.faults[name] = (kind, t_ns + rng.randint(S // 5, 3 * S))
            self.happened[kind or "sound"] += 1
            until_ns = self.faults[name][1]
        stamp = self.base_ns + t_ns + self.stamp_shift_ns + rng.randint(0, PERIOD_NS[name] // 5)
        arrival = t_ns + DELAY_NS[name] + rng.randint(0, PERIOD_NS[name])
        lost = {"dropout": 1.0, "rate_drop": 0.9, "packet_loss": 0.6}.get(kind, 0.0)
        if rng.random() < lost:
            return None
        if kind == "delay":
            arrival += 300 * MS
        elif kind == "burst":
            arrival = max(arrival, until_ns)
        elif kind == "stamp_jump":
            stamp += 5 * S
        elif kind == "epoch":
            stamp -= 900_000 * S
        elif kind == "frozen_stamp":
            stamp = self.last_stamp_ns[name] or stamp
        elif kind == "straggler" and rng.random() < 0.1:
            stamp -= 3 * S
        self.last_stamp_ns[name] = stamp
        return arrival, stamp


class Memory:
    """Looks at the memory in use ten times on the way; the first two belong to the start."""

    def __init__(self, seconds):
        self.looks = []
        self.next_s, self.step_s = seconds / 10, seconds / 10
        tracemalloc.start()

    def look(self, elapsed_s):
        if elapsed_s >= self.next_s:
            self.next_s += self.step_s
            gc.collect()
            self.looks.append(tracemalloc.get_traced_memory()[0])

    def assert_flat(self):
        later = self.looks[2:]
        assert len(later) >= 6
        assert max(later) - min(later) < GROWTH_BYTES, self.looks


@pytest.fixture
def memory():
    looks = []

    def start(seconds):
        looks.append(Memory(seconds))
        return looks[-1]

    yield start
    tracemalloc.stop()


def assert_accounted(synchronizer, emitted):
    """Every message and every reference is somewhere, and every set was given out."""
    total = 0
    for name in PERIOD_NS:
        c = synchronizer.counts(name)
        assert c.received == c.accepted + sum(c.dropped.values()) + c.held
        assert c.references == c.sets + sum(c.dropped_references.values()) + c.pending
        assert c.pending == 0
        assert set(c.dropped) <= {"duplicate", "too_old", "straggler", "reset"}
        assert set(c.dropped_references) <= {"not_newer", "reset"}
        total += c.sets
    assert total == emitted


def report(title, seconds, pushed, emitted, memory, happened):
    """Say what the run was, for whoever runs it long (pytest -s)."""
    megabytes = [round(look / 1e6, 2) for look in memory.looks]
    print(f"\n{title}: {seconds:g} s, {pushed} messages, {emitted} sets; MB {megabytes}")  # noqa: T201
    print(dict(happened))  # noqa: T201


def test_the_synchroniser_soaks_without_growing_and_accounts_for_every_set(scene, memory):
    synchronizer, traffic = scene.synchronizer(), Traffic(SYNC_SECONDS, seed=4)
    looks = memory(SYNC_SECONDS)
    pushed, emitted, last, absent = 0, 0, (0, 0), Counter()
    for arrival_ns, name, stamp_ns in traffic:
        sets = synchronizer.push(name, stamp_ns, None, arrival_ns)
        pushed += 1
        if pushed % 50 == 0:
            sets += synchronizer.poll(arrival_ns)
        for frame_set in sets:
            assert last < (frame_set.epoch, frame_set.stamp_ns)
            last = (frame_set.epoch, frame_set.stamp_ns)
            assert set(frame_set.readings) | set(frame_set.absent) == set(PERIOD_NS)
            absent.update(frame_set.absent.values())
        emitted += len(sets)
        looks.look(pushed / 1700)
    emitted += len(synchronizer.flush())
    assert_accounted(synchronizer, emitted)
    assert all(len(state.stamps) <= 4096 for state in synchronizer._states.values())
    report("synchroniser", SYNC_SECONDS, pushed, emitted, looks, traffic.happened + absent)
    # The reference alone sends 300 messages a second; faults take a part of them.
    assert emitted > 0.5 * 300 * SYNC_SECONDS
    assert {"late", "out_of_tolerance"} <= set(absent)
    looks.assert_flat()


FRAME = "camera_optical"
SIDE = 32
CAMERA = Camera(SIDE, SIDE, ((30, 0, 15.5), (0, 30, 15.5), (0, 0, 1)))
CAMERA_FROM_LIDAR = np.array([[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]])
CALIBRATION = Calibration({"rgb": CAMERA}, {(FRAME, "lidar"): CAMERA_FROM_LIDAR}, {"rgb": FRAME})


def made_records():
    """A few different readings of each sensor, to be stamped anew."""
    rng = np.random.default_rng(7)

    def rgb():
        return RgbRecord(0, FRAME, rng.integers(30, 220, (SIDE, SIDE, 3), dtype=np.uint8))

    def depth():
        millimetres = rng.integers(500, 9000, (SIDE, SIDE), dtype=np.uint16)
        return DepthRecord(0, FRAME, millimetres, 0.001)

    def event():
        x, y = rng.integers(0, SIDE, (2, 40), dtype=np.uint16)
        events = EventArray(x, y, np.arange(40), rng.integers(0, 2, 40, dtype=np.uint8))
        return EventRecord(0, FRAME, events, SIDE, SIDE)

    def lidar():
        ranges, bearings = rng.uniform(3, 20, 60), rng.uniform(-0.5, 0.5, 60)
        points = np.stack([ranges, ranges * bearings, rng.uniform(-1, 1, 60), rng.random(60)], 1)
        return LidarRecord(0, "lidar", points.astype(np.float32))

    makers = (rgb, depth, event, lidar)
    return {name: [make() for _ in range(7)] for name, make in zip(MODALITIES, makers, strict=True)}


def unlabelled(_tensors, _readings):
    labels = np.zeros((SIDE, SIDE), np.uint8)
    return Prediction(labels=labels, confidence=labels, weights={})


def test_the_pipeline_soaks_without_growing_and_accounts_for_every_set(memory):
    card = SimpleNamespace(normalisation=DEFAULT_NORMALISATION)
    segmenter = SimpleNamespace(card=card, segment=unlabelled)
    config = PipelineConfig(input_width=SIDE, input_height=SIDE)
    pipeline = Pipeline(config, segmenter, CalibrationExtrinsics(CALIBRATION), CALIBRATION.cameras)
    pipeline.set_camera(CAMERA, FRAME)
    records = made_records()
    # Stamps and clock loop together: stamps of another time than the clock's are all refused.
    traffic = Traffic(PIPELINE_SECONDS, seed=5, jumps=("loop",))
    looks = memory(PIPELINE_SECONDS)
    pushed, emitted, segmented, refused = 0, 0, 0, Counter()
    for arrival_ns, name, stamp_ns in traffic:
        pushed += 1
        looks.look(pushed / 1700)
        record = replace(records[name][pushed % 7], stamp_ns=stamp_ns)
        try:
            frames = pipeline.gather(name, record, arrival_ns)
        except RecordError as error:  # what the node counts by its reason and leaves out
            refused[error.got.rsplit(" ", 1)[-1]] += 1
            continue
        emitted += len(frames)
        if frames and emitted % 20 == 0:
            segmented += 1
            result = pipeline.segment(frames[-1])
            assert result.labels.shape == (SIDE, SIDE)
            assert all(report.used or report.reason for report in result.sensors)
    emitted += len(pipeline._sync.flush())
    assert_accounted(pipeline._sync, emitted)
    received = sum(pipeline._sync.counts(name).received for name in PERIOD_NS)
    assert received + sum(refused.values()) == pushed
    report("pipeline", PIPELINE_SECONDS, pushed, emitted, looks, traffic.happened + refused)
    assert segmented > 5 * PIPELINE_SECONDS
    assert sum(refused.values()) < 0.2 * pushed
    looks.assert_flat()
