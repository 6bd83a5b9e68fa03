"""Events from event cameras: stateful decoders of event_camera_msgs/EventPacket."""

from anyseg_core.events.decoder import Decoder, DecoderCounters
from anyseg_core.events.registry import ENCODINGS, open_decoder, warm_up
from anyseg_core.types import EventArray

__all__ = [
    "ENCODINGS",
    "Decoder",
    "DecoderCounters",
    "EventArray",
    "open_decoder",
    "warm_up",
]
