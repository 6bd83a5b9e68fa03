"""What all packet decoders share: payloads, sequence numbers, counters and the two outputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from anyseg_core.errors import ConfigurationError, RecordError
from anyseg_core.events import kernels
from anyseg_core.events.counts import ByteCounts, add_events, many_for
from anyseg_core.kernels import constants
from anyseg_core.types import EventArray, Float32Array, UInt8Array

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Payload = bytes | bytearray | memoryview | array[int] | UInt8Array

LARGEST_SIDE = 65535
"""Pixels are uint16."""

_INT64 = np.iinfo(np.int64)
_BLOCK_WORDS = 32768  # decoded before they are binned: the events stay in the processor's cache
_LARGEST_TIME_BASE_NS = 2**62  # leaves room for the offsets; the year 2116


@dataclass(frozen=True, slots=True)
class DecoderCounters:
    """What a decoder has seen since it was opened or reset.

    Attributes:
        events: events decoded, all inside the sensor.
        outside_sensor: events dropped because they lie outside the sensor.
        unsynchronised: events dropped because their row, base or time was not known for certain.
        time_wraps: times that the sensor's own counter started again from zero.
        backward_steps: events whose time lies before that of the event before them.
        triggers: external triggers.
        truncated_bytes: bytes at the end of payloads that make no whole word or record.
        errors: words or records that the encoding does not have.
        lost_packets: packets missing by their sequence numbers.
        restarts: times that the sequence number did not advance: the driver restarted, or a bag
            was played again.
    """

    events: int
    outside_sensor: int
    unsynchronised: int
    time_wraps: int
    backward_steps: int
    triggers: int
    truncated_bytes: int
    errors: int
    lost_packets: int
    restarts: int


class Decoder(ABC):
    """A decoder of one stream of event packets; it keeps state from packet to packet.

    Feed it every packet of its stream, in order, from one thread at a time. Content never raises:
    what cannot be decoded is dropped and counted in ``counters``. After lost packets, a truncated
    payload or an impossible word, events whose place or time would rest on words that may be
    missing are dropped until the stream has given those words again.

    Args:
        width: columns of the sensor, 1 to 65535.
        height: rows of the sensor, 1 to 65535.

    Raises:
        ConfigurationError: where the size is out of range.
    """

    encoding: ClassVar[str]
    """The name in EventPacket's ``encoding`` field."""
    uses_time_base: ClassVar[bool] = True
    """Whether times are the message's time base plus an offset."""
    record_bytes: ClassVar[int]
    word_type: ClassVar[str]
    events_per_word: ClassVar[int] = 1
    """At most."""
    missing_at_start: ClassVar[int] = 0
    missing_after_loss: ClassVar[int] = 0

    def __init__(self, width: int, height: int) -> None:
        for name, side in (("width", width), ("height", height)):
            if not 1 <= side <= LARGEST_SIDE:
                raise ConfigurationError(
                    got=f"sensor {name} {side}",
                    wanted=f"1 to {LARGEST_SIDE} pixels",
                    do="take width and height from the EventPacket message",
                )
        self._width = int(width)
        self._height = int(height)
        self._block: kernels.Columns | None = None
        self.reset()

    @property
    def width(self) -> int:
        """Columns of the sensor."""
        return self._width

    @property
    def height(self) -> int:
        """Rows of the sensor."""
        return self._height

    @property
    def counters(self) -> DecoderCounters:
        """A snapshot of what was seen so far."""
        state = self._state
        return DecoderCounters(
            events=self._events,
            outside_sensor=int(state[kernels.OUTSIDE]),
            unsynchronised=int(state[kernels.UNSYNCHRONISED]),
            time_wraps=int(state[kernels.WRAPS]),
            backward_steps=int(state[kernels.BACKWARD]),
            triggers=int(state[kernels.TRIGGERS]),
            truncated_bytes=self._truncated_bytes,
            errors=int(state[kernels.ERRORS]),
            lost_packets=self._lost_packets,
            restarts=self._restarts,
        )

    def reset(self) -> None:
        """Forget the stream and the counters, as if just opened."""
        self._state = np.zeros(kernels.STATE_SIZE, np.int64)
        self._state[kernels.WIDTH] = self._width
        self._state[kernels.HEIGHT] = self._height
        self._events = 0
        self._truncated_bytes = 0
        self._lost_packets = 0
        self._restarts = 0
        self._last_seq: int | None = None
        self._forget_stream()

    def decode(self, data: Payload, time_base_ns: int = 0, seq: int | None = None) -> EventArray:
        """Decode one packet.

        Args:
            data: the payload, bytes or uint8 [N]; little-endian words.
            time_base_ns: the message's ``time_base``; not looked at for evt3.
            seq: the message's ``seq``, so that lost packets are noticed.

        Returns:
            The packet's events in the sensor's order.

        Raises:
            RecordError: where ``data`` is no sequence of bytes or ``time_base_ns`` is no usable
                time; the decoder is then as it was before.
        """
        words, truncated = self._accept(data, time_base_ns, seq)
        columns = _columns(self._capacity(words))
        n = self._run(words, columns, time_base_ns)
        self._note_truncation(truncated)
        x, y, t_ns, p = columns
        return EventArray(x[:n], y[:n], t_ns[:n], p[:n])

    def decode_into(
        self,
        data: Payload,
        image: Float32Array,
        time_base_ns: int = 0,
        seq: int | None = None,
        *,
        t_start_ns: int | None = None,
        t_end_ns: int | None = None,
    ) -> int:
        """Decode one packet and add its events to ``image`` in one pass.

        No arrays of the packet's events are made: small blocks go through memory that the decoder
        keeps. The same as ``decode`` and then ``projection.bin_events``, but that the counts are
        added to what ``image`` holds, so that several packets make one image.

        Args:
            data: as in ``decode``.
            image: float32 [3, height, width], C-contiguous: positive counts, negative counts, and
                a channel that is left alone.
            time_base_ns: as in ``decode``.
            seq: as in ``decode``.
            t_start_ns: only events later than this are added; all of them are counted.
            t_end_ns: only events up to and including this time are added.

        Returns:
            How many events were added.

        Raises:
            RecordError: as in ``decode``, and where ``image`` is not as described.
        """
        self._check_image(image)
        words, truncated = self._accept(data, time_base_ns, seq)
        if t_start_ns is None and t_end_ns is None and self._repays_bytes(words):
            counts = ByteCounts(self._width, self._height, words.size * self.events_per_word)
            added = sum(counts.count(block) for block in self._blocks(words, time_base_ns))
            counts.add_to(image)
        else:
            added = sum(
                add_events(block, image, t_start_ns, t_end_ns)
                for block in self._blocks(words, time_base_ns)
            )
        self._note_truncation(truncated)
        return added

    @abstractmethod
    def _capacity(self, words: NDArray[Any]) -> int:
        """An upper bound of the events in ``words``."""

    @abstractmethod
    def _scan(self, words: NDArray[Any], columns: kernels.Columns, time_base_ns: int) -> int:
        """Run the encoding's kernel; returns how many events were written to ``columns``."""

    def _begin_payload(self) -> None:  # noqa: B027 - most encodings have nothing of the kind
        """Set back what does not last from packet to packet."""

    def _run(self, words: NDArray[Any], columns: kernels.Columns, time_base_ns: int) -> int:
        n = self._scan(words, columns, time_base_ns)
        kernels.count_backward(constants(columns[2][:n], np.int64), self._state)
        self._events += n
        return n

    def _blocks(self, words: NDArray[Any], time_base_ns: int) -> Iterator[EventArray]:
        """Decode a part of the words after the other, all into the same memory."""
        if self._block is None:
            self._block = _columns(_BLOCK_WORDS * self.events_per_word)
        x, y, t_ns, p = self._block
        for first in range(0, words.size, _BLOCK_WORDS):
            n = self._run(words[first : first + _BLOCK_WORDS], self._block, time_base_ns)
            yield EventArray(x[:n], y[:n], t_ns[:n], p[:n])

    def _repays_bytes(self, words: NDArray[Any]) -> bool:
        return many_for(words.size, self._width, self._height)

    def _accept(
        self, data: Payload, time_base_ns: int, seq: int | None
    ) -> tuple[NDArray[Any], int]:
        """Check the arguments and note the sequence; returns the whole words, and bytes left."""
        payload = _payload(data)
        if self.uses_time_base and not 0 <= time_base_ns < _LARGEST_TIME_BASE_NS:
            raise RecordError(
                got=f"time_base {time_base_ns} ns",
                wanted=f"0 to {_LARGEST_TIME_BASE_NS - 1} ns",
                do="pass the EventPacket's time_base as it is",
            )
        if seq is not None:
            self._note_sequence(seq)
        self._begin_payload()
        truncated = payload.size % self.record_bytes
        words = payload[: payload.size - truncated].view(self.word_type)
        return constants(words, self.word_type), truncated

    def _note_sequence(self, seq: int) -> None:
        """Count missing packets, and what must be given anew after them."""
        last, self._last_seq = self._last_seq, seq
        if last is None or seq == last + 1:
            return
        if seq > last:
            self._lost_packets += seq - last - 1
        else:
            self._restarts += 1
            self._forget_stream()
        self._state[kernels.MISSING] |= self.missing_after_loss

    def _note_truncation(self, truncated: int) -> None:
        """Count the bytes after the last whole word: at least that word was lost."""
        if truncated:
            self._truncated_bytes += truncated
            self._state[kernels.MISSING] |= self.missing_after_loss

    def _forget_stream(self) -> None:
        self._state[kernels.LAST_T_NS :] = 0
        self._state[kernels.LAST_T_NS] = _INT64.min
        self._state[kernels.MISSING] = self.missing_at_start

    def _check_image(self, image: Float32Array) -> None:
        wanted = (3, self._height, self._width)
        good = isinstance(image, np.ndarray) and image.dtype == np.float32
        if not (good and image.shape == wanted and image.flags.carray):
            raise RecordError(
                got=f"image {getattr(image, 'dtype', type(image).__name__)} "
                f"{getattr(image, 'shape', '')}",
                wanted=f"a writable, C-contiguous float32 image of shape {wanted}",
                do="make it with numpy.zeros(shape, numpy.float32)",
            )


def _columns(capacity: int) -> kernels.Columns:
    return (
        np.empty(capacity, np.uint16),
        np.empty(capacity, np.uint16),
        np.empty(capacity, np.int64),
        np.empty(capacity, np.uint8),
    )


def _payload(data: Payload) -> UInt8Array:
    """View ``data`` as bytes."""
    try:
        view = data if isinstance(data, np.ndarray) else memoryview(data)
        flat = np.asarray(view)
    except TypeError:
        flat = np.empty(0, object)
    if flat.dtype.itemsize != 1 or flat.dtype.kind not in "uiS" or flat.ndim != 1:
        raise RecordError(
            got=f"a payload of type {type(data).__name__}",
            wanted="bytes or a one-dimensional uint8 array",
            do="pass the EventPacket's events field",
        )
    return np.ascontiguousarray(flat).view(np.uint8)
