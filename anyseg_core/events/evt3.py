"""EVT 3.0, the native format of Prophesee's sensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from anyseg_core.events import kernels
from anyseg_core.events.decoder import Decoder

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Evt3Decoder(Decoder):
    """Decoder of encoding ``evt3``; ``t_ns`` is the sensor's own time, ``time_base`` is undefined.

    The format is a stream of 16-bit words that set a row, a base column and a time, which hold
    across packets until they are set again (Prophesee, "EVT 3.0 format"). Nothing is emitted before
    a TIME_HIGH and then a TIME_LOW; row, base and polarity are 0 until first set, as in
    event_camera_codecs. After a loss, and after a word of a kind that the format does not have,
    nothing is emitted before a TIME_HIGH and then a TIME_LOW, and an ADDR_Y; vectors also wait for
    a VECT_BASE_X.

    The sensor's time has 24 bits of microseconds. It is taken to have wrapped where TIME_HIGH falls
    by more than 10; a smaller fall is noise that sensors are known to give. A gap of more than
    16.7 s therefore goes unnoticed in the times, though not in ``lost_packets``.
    """

    encoding: ClassVar[str] = "evt3"
    uses_time_base: ClassVar[bool] = False
    record_bytes: ClassVar[int] = 2
    word_type: ClassVar[str] = "<u2"
    events_per_word: ClassVar[int] = 12
    missing_at_start: ClassVar[int] = kernels.MISSING_TIME_HIGH | kernels.MISSING_TIME_LOW
    missing_after_loss: ClassVar[int] = (
        missing_at_start | kernels.MISSING_ADDRESS | kernels.MISSING_BASE
    )

    def _capacity(self, words: NDArray[Any]) -> int:
        return int(kernels.count_evt3(words))

    def _scan(self, words: NDArray[Any], columns: kernels.Columns, time_base_ns: int) -> int:
        del time_base_ns
        return int(kernels.scan_evt3(words, self._state, columns))
