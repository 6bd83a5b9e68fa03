"""The two encodings of libcaer_driver, for iniVation's DAVIS and DVXplorer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from anyseg_core.events import kernels
from anyseg_core.events.decoder import Decoder

if TYPE_CHECKING:
    from numpy.typing import NDArray


class LibcaerDecoder(Decoder):
    """Decoder of encoding ``libcaer``: libcaer's polarity events as they lie in memory.

    Each event is a little-endian uint32 (bit 0 valid mark, 1 polarity, 2-16 y, 17-31 x) and an
    int32 of microseconds (libcaer, polarity.h). ``time_base`` holds the upper bits of the time;
    within a packet the time wraps at 2^31 µs, which is taken to have happened where it falls by
    more than 2^30. The valid mark is not looked at, as in event_camera_codecs: the driver sends
    what the sensor gave. A negative time cannot be: it is an error, and the event is dropped.
    Events stand on their own, so that nothing is dropped after lost packets.
    """

    encoding: ClassVar[str] = "libcaer"
    record_bytes: ClassVar[int] = 8
    word_type: ClassVar[str] = "<u4"

    def _begin_payload(self) -> None:
        self._state[kernels.EPOCH] = 0
        self._state[kernels.TIME_LOW] = 0

    def _capacity(self, words: NDArray[Any]) -> int:
        return words.size // 2

    def _scan(self, words: NDArray[Any], columns: kernels.Columns, time_base_ns: int) -> int:
        return int(kernels.scan_libcaer(words, self._state, columns, time_base_ns))


class LibcaerCompressedDecoder(Decoder):
    """Decoder of encoding ``libcaer_cmp``: 16-bit words, type in the upper 4 bits.

    0 TIME_HIGH (12 bits << 12, µs) · 1 TIME_LOW (12 bits, µs) · 2 ADDR_X (bits 0-10) · 3 ADDR_Y
    (y 0-10, polarity 11; emits) · 4 VECT_BASE_Y (base 0-10, polarity 11) · 5 VECT_8 (bit i emits
    row base + i, then base += 8). Facts from libcaer_driver's encoder and event_camera_codecs'
    decoder; type 6 is named there but neither written nor read, so that it is an error here like
    the types above it. Time is ``time_base`` plus TIME_HIGH and TIME_LOW, which start at 0 in each
    packet; column, base and polarity hold across packets.

    After a loss events wait for an ADDR_X, vectors also for a VECT_BASE_Y. After an impossible word
    the rest of the packet is dropped as well: a time word may be the one that was spoilt.
    """

    encoding: ClassVar[str] = "libcaer_cmp"
    record_bytes: ClassVar[int] = 2
    word_type: ClassVar[str] = "<u2"
    events_per_word: ClassVar[int] = 8
    missing_after_loss: ClassVar[int] = kernels.MISSING_ADDRESS | kernels.MISSING_BASE

    def _begin_payload(self) -> None:
        self._state[kernels.TIME_HIGH] = 0
        self._state[kernels.TIME_LOW] = 0
        self._state[kernels.MISSING] &= ~kernels.MISSING_PAYLOAD

    def _capacity(self, words: NDArray[Any]) -> int:
        return int(kernels.count_libcaer_cmp(words))

    def _scan(self, words: NDArray[Any], columns: kernels.Columns, time_base_ns: int) -> int:
        return int(kernels.scan_libcaer_cmp(words, self._state, columns, time_base_ns))
