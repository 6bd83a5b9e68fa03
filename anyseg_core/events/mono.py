"""The plain encoding that early drivers of Prophesee's sensors wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from anyseg_core.events import kernels
from anyseg_core.events.decoder import Decoder

if TYPE_CHECKING:
    from numpy.typing import NDArray


class MonoDecoder(Decoder):
    """Decoder of encoding ``mono``: one little-endian uint64 for each event.

    Bits 0-31 dt in nanoseconds, 32-47 x, 48-62 y, 63 polarity; time is ``time_base`` + dt
    (event_camera_msgs, README). Events stand on their own, so that nothing is dropped after lost
    packets.
    """

    encoding: ClassVar[str] = "mono"
    record_bytes: ClassVar[int] = 8
    word_type: ClassVar[str] = "<u4"

    def _capacity(self, words: NDArray[Any]) -> int:
        return words.size // 2

    def _scan(self, words: NDArray[Any], columns: kernels.Columns, time_base_ns: int) -> int:
        return int(kernels.scan_mono(words, self._state, columns, time_base_ns))
