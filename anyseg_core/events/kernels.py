"""The decoding loops, one per encoding.

They stand in one file because numba's cache notices a change of a kernel's own file only, and each
loop has the small functions it calls compiled into it.

``state`` is an int64 vector, indexed by the names below: what a decoder remembers from call to
call, and what it counts. ``columns`` are the arrays (x, y, t_ns, p) that a loop fills; they must
hold as many events as the words can give. A ``scan`` returns how many events it wrote. All
arithmetic is in int64, because numba takes int64 and uint64 together to float64; what a loop needs
at every event is held in local variables, because numba would read it from memory again after
every event written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.kernels import array_out, constants_in, device, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integer = int | np.int64
    State = NDArray[np.int64]
    Columns = tuple[NDArray[np.uint16], NDArray[np.uint16], NDArray[np.int64], NDArray[np.uint8]]

WIDTH, HEIGHT = 0, 1
OUTSIDE, UNSYNCHRONISED, WRAPS, BACKWARD, TRIGGERS, ERRORS = 2, 3, 4, 5, 6, 7
LAST_T_NS = 8  # time of the last event
MISSING = 9  # bits: which words must come before an event can be placed
ADDRESS = 10  # row (evt3) or column (libcaer_cmp) of the events that follow
BASE, POLARITY = 11, 12  # of the vector words that follow
TIME_HIGH, TIME_LOW, EPOCH = 13, 14, 15
STATE_SIZE = 16

MISSING_TIME_HIGH, MISSING_TIME_LOW, MISSING_ADDRESS, MISSING_BASE = 1, 2, 4, 8
MISSING_PAYLOAD = 16  # an impossible word came: the rest of this payload cannot be trusted
MISSING_FOR_ADDRESS = 1 | 2 | 4 | 16  # all but the base of vectors
MISSING_FOR_VECTOR = MISSING_FOR_ADDRESS | 8

EVT3_ADDR_Y, EVT3_ADDR_X, EVT3_VECT_BASE_X, EVT3_VECT_12, EVT3_VECT_8 = 0x0, 0x2, 0x3, 0x4, 0x5
EVT3_TIME_LOW, EVT3_TIME_HIGH, EVT3_EXT_TRIGGER = 0x6, 0x8, 0xA
EVT3_CONTINUED_4, EVT3_OTHERS, EVT3_CONTINUED_12 = 0x7, 0xE, 0xF
EVT3_WRAP_US = 1 << 24
EVT3_STEP_BACK = 10  # TIME_HIGH may fall by so much without a wrap

CMP_TIME_HIGH, CMP_TIME_LOW, CMP_ADDR_X, CMP_ADDR_Y, CMP_VECT_BASE_Y, CMP_VECT_8 = 0, 1, 2, 3, 4, 5

LIBCAER_WRAP_US = 1 << 31
LIBCAER_STEP_BACK_US = 1 << 30

_WORDS_16, _WORDS_32 = constants_in("uint16", 1), constants_in("uint32", 1)
_STATE = array_out("int64", 1)
_COLUMNS = tuple(array_out(scalar, 1) for scalar in ("uint16", "uint16", "int64", "uint8"))


@device
def put(
    state: State,
    columns: Columns,
    n: Integer,
    x: Integer,
    y: Integer,
    t_ns: Integer,
    p: Integer,
    width: Integer,
    height: Integer,
) -> Integer:
    """Write one event at ``n`` where it lies inside the sensor; returns the next place."""
    if x >= width or y >= height:
        state[OUTSIDE] += 1
        return n
    xs, ys, ts, ps = columns
    xs[n] = x
    ys[n] = y
    ts[n] = t_ns
    ps[n] = p
    return n + 1


@kernel((constants_in("int64", 1), _STATE))
def count_backward(t_ns: NDArray[np.int64], state: State) -> None:
    """Count the events whose time lies before that of the event before them."""
    last = state[LAST_T_NS]
    steps: Integer = 0
    for i in range(t_ns.size):
        steps += t_ns[i] < last
        last = t_ns[i]
    state[LAST_T_NS] = last
    state[BACKWARD] += steps


@device
def count_bits(value: Integer) -> Integer:
    """How many of the bits are set."""
    count: Integer = 0
    while value:
        value &= value - 1
        count += 1
    return count


@kernel((_WORDS_16,))
def count_evt3(words: NDArray[np.uint16]) -> Integer:
    """An upper bound of the events in ``words``."""
    count: Integer = 0
    for i in range(words.size):
        word = np.int64(words[i])
        kind = word >> 12
        if kind == EVT3_ADDR_X:
            count += 1
        elif kind == EVT3_VECT_12:
            count += count_bits(word & 0xFFF)
        elif kind == EVT3_VECT_8:
            count += count_bits(word & 0xFF)
    return count


@device
def evt3_time(state: State, missing: Integer, kind: Integer, value: Integer) -> Integer:
    """Take one half of the 24 bits of time, notice a wrap; returns what is still missing."""
    if kind == EVT3_TIME_HIGH:
        if value < state[TIME_HIGH] - EVT3_STEP_BACK:
            state[EPOCH] += EVT3_WRAP_US
            state[WRAPS] += 1
        state[TIME_HIGH] = value
        return missing & ~MISSING_TIME_HIGH
    state[TIME_LOW] = value
    if missing & MISSING_TIME_HIGH:
        return missing
    return missing & ~MISSING_TIME_LOW


@device
def evt3_rare(state: State, missing: Integer, kind: Integer) -> Integer:
    """Triggers, vendor data and impossible words; returns what is missing after it."""
    if kind == EVT3_EXT_TRIGGER:
        if not missing & (MISSING_TIME_HIGH | MISSING_TIME_LOW):
            state[TRIGGERS] += 1
    elif kind not in (EVT3_CONTINUED_4, EVT3_OTHERS, EVT3_CONTINUED_12):
        state[ERRORS] += 1
        missing |= MISSING_TIME_HIGH | MISSING_TIME_LOW | MISSING_ADDRESS | MISSING_BASE
    return missing


@kernel((_WORDS_16, _STATE, _COLUMNS))
def scan_evt3(  # noqa: C901, PLR0912 - one branch for each word of the format
    words: NDArray[np.uint16], state: State, columns: Columns
) -> Integer:
    """Decode EVT3 words."""
    width, height = state[WIDTH], state[HEIGHT]
    missing, row, base, polarity = state[MISSING], state[ADDRESS], state[BASE], state[POLARITY]
    t_ns = (state[EPOCH] + (state[TIME_HIGH] << 12) + state[TIME_LOW]) * 1000
    n: Integer = 0
    for i in range(words.size):
        word = np.int64(words[i])
        kind = word >> 12
        value = word & 0xFFF
        if kind == EVT3_ADDR_X:
            if missing & MISSING_FOR_ADDRESS:
                state[UNSYNCHRONISED] += 1
            else:
                x = value & 0x7FF
                n = put(state, columns, n, x, row, t_ns, value >> 11, width, height)
        elif kind == EVT3_ADDR_Y:
            row = value & 0x7FF
            missing &= ~MISSING_ADDRESS
        elif kind in (EVT3_TIME_LOW, EVT3_TIME_HIGH):
            missing = evt3_time(state, missing, kind, value)
            t_ns = (state[EPOCH] + (state[TIME_HIGH] << 12) + state[TIME_LOW]) * 1000
        elif kind == EVT3_VECT_BASE_X:
            base = value & 0x7FF
            polarity = value >> 11
            missing &= ~MISSING_BASE
        elif kind in (EVT3_VECT_12, EVT3_VECT_8):
            size = 12 if kind == EVT3_VECT_12 else 8
            if missing & MISSING_FOR_VECTOR:
                state[UNSYNCHRONISED] += count_bits(value & ((1 << size) - 1))
            else:
                for j in range(size):
                    if value >> j & 1:
                        n = put(state, columns, n, base + j, row, t_ns, polarity, width, height)
            base += size
        else:
            missing = evt3_rare(state, missing, kind)
    state[MISSING], state[ADDRESS], state[BASE], state[POLARITY] = missing, row, base, polarity
    return n


@kernel((_WORDS_16,))
def count_libcaer_cmp(words: NDArray[np.uint16]) -> Integer:
    """An upper bound of the events in ``words``."""
    count: Integer = 0
    for i in range(words.size):
        word = np.int64(words[i])
        kind = word >> 12
        if kind == CMP_ADDR_Y:
            count += 1
        elif kind == CMP_VECT_8:
            count += count_bits(word & 0xFF)
    return count


@kernel((_WORDS_16, _STATE, _COLUMNS, "int64"))
def scan_libcaer_cmp(  # noqa: C901, PLR0912 - one branch for each word of the format
    words: NDArray[np.uint16], state: State, columns: Columns, time_base_ns: int
) -> Integer:
    """Decode the words of libcaer_driver's compressed encoding."""
    width, height = state[WIDTH], state[HEIGHT]
    missing, column, base, polarity = state[MISSING], state[ADDRESS], state[BASE], state[POLARITY]
    t_ns = time_base_ns + ((state[TIME_HIGH] << 12) + state[TIME_LOW]) * 1000
    n: Integer = 0
    for i in range(words.size):
        word = np.int64(words[i])
        kind = word >> 12
        value = word & 0xFFF
        if kind == CMP_ADDR_Y:
            if missing & MISSING_FOR_ADDRESS:
                state[UNSYNCHRONISED] += 1
            else:
                y = value & 0x7FF
                n = put(state, columns, n, column, y, t_ns, value >> 11, width, height)
        elif kind == CMP_VECT_8:
            if missing & MISSING_FOR_VECTOR:
                state[UNSYNCHRONISED] += count_bits(value & 0xFF)
            else:
                for j in range(8):
                    if value >> j & 1:
                        n = put(state, columns, n, column, base + j, t_ns, polarity, width, height)
            base += 8
        elif kind == CMP_VECT_BASE_Y:
            base = value & 0x7FF
            polarity = value >> 11
            missing &= ~MISSING_BASE
        elif kind == CMP_ADDR_X:
            column = value & 0x7FF
            missing &= ~MISSING_ADDRESS
        elif kind in (CMP_TIME_HIGH, CMP_TIME_LOW):
            state[TIME_HIGH if kind == CMP_TIME_HIGH else TIME_LOW] = value
            t_ns = time_base_ns + ((state[TIME_HIGH] << 12) + state[TIME_LOW]) * 1000
        else:
            state[ERRORS] += 1
            missing |= MISSING_ADDRESS | MISSING_BASE | MISSING_PAYLOAD
    state[MISSING], state[ADDRESS], state[BASE], state[POLARITY] = missing, column, base, polarity
    return n


@kernel((_WORDS_32, _STATE, _COLUMNS, "int64"))
def scan_mono(
    words: NDArray[np.uint32], state: State, columns: Columns, time_base_ns: int
) -> Integer:
    """Decode records of two words: dt in nanoseconds; x (16 bits), y (15 bits), polarity."""
    width, height = state[WIDTH], state[HEIGHT]
    n: Integer = 0
    for i in range(words.size // 2):
        t_ns = time_base_ns + np.int64(words[2 * i])
        address = np.int64(words[2 * i + 1])
        x, y = address & 0xFFFF, address >> 16 & 0x7FFF
        n = put(state, columns, n, x, y, t_ns, address >> 31, width, height)
    return n


@kernel((_WORDS_32, _STATE, _COLUMNS, "int64"))
def scan_libcaer(
    words: NDArray[np.uint32], state: State, columns: Columns, time_base_ns: int
) -> Integer:
    """Decode records of two words: valid mark, polarity, y and x (15 bits each); 31 bits of µs."""
    width, height = state[WIDTH], state[HEIGHT]
    n: Integer = 0
    for i in range(words.size // 2):
        address = np.int64(words[2 * i])
        t_us = np.int64(words[2 * i + 1])
        if t_us >= LIBCAER_WRAP_US:
            state[ERRORS] += 1
            continue
        if t_us < state[TIME_LOW] - LIBCAER_STEP_BACK_US:
            state[EPOCH] += LIBCAER_WRAP_US
            state[WRAPS] += 1
        state[TIME_LOW] = t_us
        t_ns = time_base_ns + (state[EPOCH] + t_us) * 1000
        x, y = address >> 17, address >> 2 & 0x7FFF
        n = put(state, columns, n, x, y, t_ns, address >> 1 & 1, width, height)
    return n
