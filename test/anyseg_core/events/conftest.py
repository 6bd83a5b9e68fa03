"""Words of the encodings by name, and slow decoders to compare the fast ones with."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

RECORDED_BAG = Path(__file__).parents[4] / "shared" / "real" / "event_bag_evt3"
EVENT_PACKET = """
std_msgs/Header header
uint32 height
uint32 width
uint64 seq
uint64 time_base
string encoding
bool is_bigendian
uint8[] events
"""


@pytest.fixture(scope="session")
def evt3():
    """Each function gives one EVT3 word; ``packed`` makes a payload of words."""
    return SimpleNamespace(
        addr_y=lambda y: 0x0000 | y,
        addr_x=lambda x, p: 0x2000 | p << 11 | x,
        base_x=lambda x, p: 0x3000 | p << 11 | x,
        vect_12=lambda bits: 0x4000 | bits,
        vect_8=lambda bits: 0x5000 | bits,
        time_low=lambda t: 0x6000 | t,
        time_high=lambda t: 0x8000 | t,
        trigger=lambda edge: 0xA000 | edge,
        packed=_packed_words,
    )


@pytest.fixture(scope="session")
def libcaer_cmp():
    """Each function gives one word of libcaer_cmp; ``packed`` makes a payload of words."""
    return SimpleNamespace(
        time_high=lambda t: 0x0000 | t,
        time_low=lambda t: 0x1000 | t,
        addr_x=lambda x: 0x2000 | x,
        addr_y=lambda y, p: 0x3000 | p << 11 | y,
        base_y=lambda y, p: 0x4000 | p << 11 | y,
        vect_8=lambda bits: 0x5000 | bits,
        packed=_packed_words,
    )


def _packed_words(*words):
    return struct.pack(f"<{len(words)}H", *words)


@pytest.fixture(scope="session")
def as_tuples():
    """Turn an EventArray into a list of (x, y, t_ns, p)."""
    return lambda events: [
        tuple(int(value) for value in event)
        for event in zip(events.x, events.y, events.t_ns, events.p, strict=True)
    ]


@dataclass
class SlowDecoder:
    """What all slow decoders note; ``decode`` appends (x, y, t_ns, p) to ``events``."""

    width: int
    height: int
    events: list = field(default_factory=list)
    outside_sensor: int = 0
    unsynchronised: int = 0
    time_wraps: int = 0
    triggers: int = 0
    errors: int = 0
    trigger_times: list = field(default_factory=list)

    def emit(self, x, y, t_ns, p):
        if x < self.width and y < self.height:
            self.events.append((x, y, t_ns, p))
        else:
            self.outside_sensor += 1

    @property
    def backward_steps(self):
        times = [event[2] for event in self.events]
        return sum(later < earlier for earlier, later in pairwise(times))


@dataclass
class SlowEvt3(SlowDecoder):
    row: int = 0
    base: int = 0
    polarity: int = 0
    high: int = 0
    low: int = 0
    wrapped_us: int = 0
    seen_high: bool = False
    seen_low: bool = False
    row_known: bool = True
    base_known: bool = True

    def decode(self, data, time_base_ns=0):
        del time_base_ns
        for (word,) in struct.iter_unpack("<H", data):
            self.take(word >> 12, word & 0xFFF)

    def place(self, x, p):
        t_ns = (self.wrapped_us + self.high * 4096 + self.low) * 1000
        self.emit(x, self.row, t_ns, p)

    def take(self, kind, value):  # noqa: C901, PLR0912 - the format's table
        timed = self.seen_high and self.seen_low
        if kind == 0x0:
            self.row, self.row_known = value % 2048, True
        elif kind == 0x2:
            if timed and self.row_known:
                self.place(value % 2048, value // 2048)
            else:
                self.unsynchronised += 1
        elif kind == 0x3:
            self.base, self.polarity, self.base_known = value % 2048, value // 2048, True
        elif kind in {0x4, 0x5}:
            size = 12 if kind == 0x4 else 8
            for i in range(size):
                if value >> i & 1 and timed and self.row_known and self.base_known:
                    self.place(self.base + i, self.polarity)
                elif value >> i & 1:
                    self.unsynchronised += 1
            self.base += size
        elif kind == 0x6:
            self.low = value
            self.seen_low = self.seen_low or self.seen_high
        elif kind == 0x8:
            if self.high - value > 10:
                self.wrapped_us += 2**24
                self.time_wraps += 1
            self.high, self.seen_high = value, True
        elif kind == 0xA:
            self.triggers += timed
            if timed:
                self.trigger_times.append((self.wrapped_us + self.high * 4096 + self.low) * 1000)
        elif kind not in {0x7, 0xE, 0xF}:
            self.errors += 1
            self.seen_high = self.seen_low = self.row_known = self.base_known = False


@dataclass
class SlowLibcaerCompressed(SlowDecoder):
    column: int = 0
    base: int = 0
    polarity: int = 0
    column_known: bool = True
    base_known: bool = True

    def decode(self, data, time_base_ns=0):
        high = low = 0
        spoilt = False
        for (word,) in struct.iter_unpack("<H", data):
            kind, value = word >> 12, word & 0xFFF
            t_ns = time_base_ns + (high * 4096 + low) * 1000
            if kind == 0:
                high = value
            elif kind == 1:
                low = value
            elif kind == 2:
                self.column, self.column_known = value % 2048, True
            elif kind == 3:
                known = self.column_known and not spoilt
                self.put(known, value % 2048, t_ns, value // 2048)
            elif kind == 4:
                self.base, self.polarity, self.base_known = value % 2048, value // 2048, True
            elif kind == 5:
                known = self.column_known and self.base_known and not spoilt
                for i in range(8):
                    if value >> i & 1:
                        self.put(known, self.base + i, t_ns, self.polarity)
                self.base += 8
            else:
                self.errors += 1
                spoilt = True
                self.column_known = self.base_known = False

    def put(self, known, y, t_ns, p):
        if known:
            self.emit(self.column, y, t_ns, p)
        else:
            self.unsynchronised += 1


@dataclass
class SlowMono(SlowDecoder):
    def decode(self, data, time_base_ns=0):
        for (record,) in struct.iter_unpack("<Q", data):
            t_ns = time_base_ns + record % 2**32
            self.emit(record >> 32 & 0xFFFF, record >> 48 & 0x7FFF, t_ns, record >> 63)


@dataclass
class SlowLibcaer(SlowDecoder):
    def decode(self, data, time_base_ns=0):
        wrapped_us = last_us = 0
        for address, t_us in struct.iter_unpack("<Ii", data):
            if t_us < 0:
                self.errors += 1
                continue
            if last_us - t_us > 2**30:
                wrapped_us += 2**31
                self.time_wraps += 1
            last_us = t_us
            t_ns = time_base_ns + (wrapped_us + t_us) * 1000
            self.emit(address >> 17, address >> 2 & 0x7FFF, t_ns, address >> 1 & 1)


SLOW_DECODERS = {
    "evt3": SlowEvt3,
    "mono": SlowMono,
    "libcaer": SlowLibcaer,
    "libcaer_cmp": SlowLibcaerCompressed,
}


@pytest.fixture(scope="session")
def open_slow_decoder():
    """Make the slow decoder of an encoding."""
    return lambda encoding, width, height: SLOW_DECODERS[encoding](width, height)


@pytest.fixture(scope="session")
def recorded_packets():
    """The packets of the recorded bag, in its order."""
    if not RECORDED_BAG.exists():
        pytest.skip(f"no recorded event bag at {RECORDED_BAG}")
    rosbag2 = pytest.importorskip("rosbags.rosbag2")
    typesys = pytest.importorskip("rosbags.typesys")
    store = typesys.get_typestore(typesys.Stores.ROS2_JAZZY)
    name = "event_camera_msgs/msg/EventPacket"
    store.register(typesys.get_types_from_msg(EVENT_PACKET, name))
    with rosbag2.Reader(RECORDED_BAG) as bag:
        packets = [store.deserialize_cdr(raw, c.msgtype) for c, _, raw in bag.messages()]
    assert all(packet.events.dtype == np.uint8 for packet in packets)
    return packets
