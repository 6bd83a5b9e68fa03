"""The decoders by the name of their encoding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyseg_core.errors import ConfigurationError
from anyseg_core.events import counts, kernels
from anyseg_core.events.evt3 import Evt3Decoder
from anyseg_core.events.libcaer import LibcaerCompressedDecoder, LibcaerDecoder
from anyseg_core.events.mono import MonoDecoder
from anyseg_core.kernels import compile_kernels

if TYPE_CHECKING:
    from anyseg_core.events.decoder import Decoder

_DECODERS: dict[str, type[Decoder]] = {
    decoder.encoding: decoder
    for decoder in (Evt3Decoder, MonoDecoder, LibcaerDecoder, LibcaerCompressedDecoder)
}

ENCODINGS: tuple[str, ...] = tuple(_DECODERS)
"""The encodings of event_camera_msgs/EventPacket that can be decoded."""


def open_decoder(encoding: str, width: int, height: int) -> Decoder:
    """Make a decoder for one stream of packets.

    Args:
        encoding: the message's ``encoding``, one of ``ENCODINGS``.
        width: columns of the sensor.
        height: rows of the sensor.

    Raises:
        ConfigurationError: where the encoding is unknown or the size out of range.
    """
    decoder = _DECODERS.get(encoding)
    if decoder is None:
        raise ConfigurationError(
            got=f"event encoding {encoding!r}",
            wanted=f"one of {', '.join(ENCODINGS)}",
            do="set the camera driver to one of these",
        )
    return decoder(width, height)


def warm_up() -> None:
    """Compile the decoders' loops, or load them from the cache, before the first packet comes."""
    compile_kernels(kernels, counts)
