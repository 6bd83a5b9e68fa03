"""Payloads of any content and type: fewer events or a clear error, never a crash."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from array import array

import numpy as np
import pytest

from anyseg_core.errors import ConfigurationError, RecordError
from anyseg_core.events import ENCODINGS, open_decoder
from anyseg_core.events.kernels import count_evt3, count_libcaer_cmp

FUZZED_PAYLOADS = 100_000
WIDTH, HEIGHT = 1280, 720

DIGEST_PROGRAM = """
import hashlib, sys
import numpy as np
from anyseg_core.events import open_decoder
encoding = sys.argv[1]
words = np.random.default_rng(3).integers(0, 2**16, 10_000, np.uint16)
if encoding in ("mono", "libcaer"):
    words &= 0x83FF
else:
    kinds = np.array([0, 2, 3, 4, 5, 6, 8, 10] if encoding == "evt3" else range(6), np.uint16)
    words[:9_000] = words[:9_000] & 0xAFF | kinds[(words[:9_000] >> 12) % len(kinds)] << 12
noise = words.view(np.uint8)
decoder = open_decoder(encoding, 1280, 720)
digest = hashlib.sha256()
image = np.zeros((3, 720, 1280), np.float32)
for size in range(0, 480, 3):
    payload = noise[40 * size : 41 * size]
    events = decoder.decode(payload)
    decoder.decode_into(payload, image)
    for column in (events.x, events.y, events.t_ns, events.p):
        digest.update(column.tobytes())
assert image.sum() > 100
print(digest.hexdigest(), int(image.sum()), decoder.counters)
"""


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_random_and_truncated_payloads_never_crash_a_decoder(encoding):
    rng = np.random.default_rng(11)
    noise = rng.integers(0, 256, 1 << 16, np.uint8)
    sizes = rng.integers(0, 40, FUZZED_PAYLOADS).tolist()
    starts = rng.integers(0, noise.size - 40, FUZZED_PAYLOADS).tolist()
    decoder = open_decoder(encoding, WIDTH, HEIGHT)
    events = 0
    for start, size in zip(starts, sizes, strict=True):
        events += len(decoder.decode(noise[start : start + size], start))
    record = decoder.record_bytes
    assert decoder.counters.events == events > 0
    assert decoder.counters.truncated_bytes == sum(size % record for size in sizes)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_compiled_loops_do_what_the_interpreter_does_with_bounds_checked(encoding):
    outputs = []
    for disabled in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", DIGEST_PROGRAM, encoding],
            env={
                **os.environ,
                "NUMBA_DISABLE_JIT": disabled,
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize(
    ("count", "single", "vectors"),
    [(count_evt3, 0x2, {0x4: 12, 0x5: 8}), (count_libcaer_cmp, 0x3, {0x5: 8})],
    ids=["evt3", "libcaer_cmp"],
)
def test_room_is_made_for_every_event_that_a_word_can_give(count, single, vectors):
    for word in range(2**16):
        kind = word >> 12
        bits = (word & (1 << vectors.get(kind, 0)) - 1).bit_count()
        assert count(np.array([word], np.uint16)) == (1 if kind == single else bits), hex(word)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_bytes_after_the_end_are_not_read(encoding):
    whole = np.random.default_rng(9).integers(0, 256, 4096, np.uint8)
    for size in (0, 1, 7, 8, 2001):
        inside, alone = open_decoder(encoding, 2048, 2048), open_decoder(encoding, 2048, 2048)
        digests = [
            hashlib.sha256(events.x.tobytes() + events.t_ns.tobytes()).digest()
            for events in (inside.decode(whole[:size]), alone.decode(whole[:size].tobytes()))
        ]
        assert digests[0] == digests[1]
        assert inside.counters == alone.counters


@pytest.fixture
def payload(evt3):
    words = [evt3.time_high(1), evt3.time_low(2), evt3.addr_y(5)]
    return evt3.packed(*words, *(evt3.addr_x(x, 1) for x in range(9)))


@pytest.mark.parametrize(
    "wrap",
    [
        bytes,
        bytearray,
        memoryview,
        lambda data: array("B", data),
        lambda data: np.frombuffer(data, np.uint8),
        lambda data: np.frombuffer(b"\x00" + data, np.uint8)[1:],
        lambda data: np.repeat(np.frombuffer(data, np.uint8), 2)[::2],
    ],
    ids=["bytes", "bytearray", "memoryview", "array", "read-only", "unaligned", "strided"],
)
def test_any_sequence_of_bytes_is_a_payload(wrap, payload):
    events = open_decoder("evt3", 64, 48).decode(wrap(payload))
    assert events.x.tolist() == list(range(9))


@pytest.mark.parametrize(
    "data",
    ["text", [1, 2], None, 7, np.zeros((2, 2), np.uint8), np.zeros(4, np.uint16), np.zeros(4)],
    ids=["str", "list", "none", "int", "2-d", "uint16", "float"],
)
def test_what_is_no_sequence_of_bytes_is_refused(data):
    with pytest.raises(RecordError, match="payload of type"):
        open_decoder("evt3", 64, 48).decode(data)


def test_unaligned_and_writable_payloads_decode_alike(payload, as_tuples):
    given = [
        payload,
        np.frombuffer(payload, np.uint8).copy(),
        np.frombuffer(b"\x00" + payload, np.uint8)[1:],
    ]
    decoded = [as_tuples(open_decoder("evt3", 64, 48).decode(data)) for data in given]
    assert decoded[0] == decoded[1] == decoded[2] != []


@pytest.mark.parametrize("encoding", ["mono", "libcaer", "libcaer_cmp"])
@pytest.mark.parametrize("time_base_ns", [-1, 2**62, 2**64 - 1])
def test_an_impossible_time_base_is_refused_and_changes_nothing(encoding, time_base_ns):
    decoder = open_decoder(encoding, 64, 48)
    before = decoder.counters
    with pytest.raises(RecordError, match="time_base"):
        decoder.decode(b"\x01", time_base_ns, seq=3)
    assert decoder.counters == before


def test_an_unknown_encoding_is_refused_with_the_names_of_the_known_ones():
    with pytest.raises(ConfigurationError, match=r"evt4.*evt3, mono, libcaer, libcaer_cmp"):
        open_decoder("evt4", 64, 48)


@pytest.mark.parametrize(("width", "height"), [(0, 48), (64, 0), (-1, 48), (65536, 48)])
def test_an_impossible_sensor_size_is_refused(width, height):
    with pytest.raises(ConfigurationError, match="sensor"):
        open_decoder("evt3", width, height)
