"""What the cases of a campaign have in common, made once for all of them.

A case is a set of sensors, each with or without faults. Faults are drawn by sensor, so that the
readings of one sensor with one fault, what its health says of them and the tensors that they
become are the same whichever sensors stand beside it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from anyseg_core.errors import AnysegError
from anyseg_core.health import HealthMonitor
from anyseg_core.health.sensor import SensorHealth
from anyseg_core.pipeline import Pipeline, make_projector
from anyseg_core.projection.keeping import KeepingProjector
from anyseg_core.replay.mask_figures import MaskFigures
from anyseg_core.replay.memo import RememberingSegmenter
from anyseg_core.replay.recent import Recent
from anyseg_core.simulation.faults import FaultInjector

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from anyseg_core.health import HealthConfig, Verdict
    from anyseg_core.health.config import SensorHealthConfig
    from anyseg_core.replay.rig import Rig
    from anyseg_core.simulation.faults import Fault
    from anyseg_core.types import Float32Array, Record

_TENSOR_BYTES = 256 * 2**20
"""At 256 x 256 three hundred tensors: some moments of a campaign over the whole library."""


class SensorStream:
    """One sensor's readings as some of the cases see them.

    Args:
        sensor: its name.
        faults: what befalls it.
        config: of its health.
        seed: of everything random in the faults.

    Attributes:
        sensor: its name.
        health: what is thought of the readings.
    """

    def __init__(
        self, sensor: str, faults: Sequence[Fault], config: SensorHealthConfig, seed: int
    ) -> None:
        self.sensor = sensor
        self.health = _HealthOfMany(sensor, config)
        self._injector = FaultInjector(faults, seed)

    def late(self, t_ns: int) -> tuple[Record, ...]:
        """Return the readings whose delay has run out, ``t_ns`` after the recording's start."""
        return self._injector.release(self.sensor, t_ns)

    def faulty(self, record: Record, t_ns: int) -> tuple[Record, ...]:
        """Return what comes of a reading, ``t_ns`` after the recording's start."""
        return self._injector.apply(self.sensor, record, t_ns)


class Shared:
    """Makes the streams and the pipelines of a replay's cases.

    All cases must go through the recording together: each takes a reading before any of them
    takes the next.

    Args:
        rig: what there is from the start.
        alone: there is one case, and nothing to share.

    Attributes:
        rig: as given.
        figures: counts the masks.
    """

    def __init__(self, rig: Rig, *, alone: bool) -> None:
        self.rig = rig
        self.figures = MaskFigures(len(rig.segmenter.card.classes))
        self._alone = alone
        self._segmenter = rig.segmenter if alone else RememberingSegmenter(rig.segmenter)
        self._health = rig.config.health()
        self._streams: dict[tuple[str, tuple[Fault, ...]], SensorStream] = {}
        self._tensors: Recent[_Tensor] = Recent(_TENSOR_BYTES)
        self._projectors: dict[SensorStream | None, _ProjectorOfMany] = {}

    def stream(self, sensor: str, faults: Sequence[Fault]) -> SensorStream:
        """Return the stream of a sensor with the faults that are its own among ``faults``."""
        key = (sensor, tuple(fault for fault in faults if fault.sensor == sensor))
        if key not in self._streams:
            config = self._health.sensors[sensor]
            self._streams[key] = SensorStream(*key, config, self.rig.seed)
        return self._streams[key]

    def pipeline(self, streams: Mapping[str, SensorStream]) -> Pipeline:
        """Return a pipeline for the readings of some streams, by sensor."""
        rig = self.rig
        parts = (rig.config, self._segmenter, rig.extrinsics, rig.cameras)
        if self._alone:
            return Pipeline(*parts)
        # RGB images tell the size and the frame of the masks: whoever sees the same ones agrees.
        camera = streams.get("rgb")
        if camera not in self._projectors:
            kind = partial(_ProjectorOfMany, self._tensors)
            self._projectors[camera] = make_projector(kind, *parts)
        health = _MonitorOfMany(self._health, streams)
        return Pipeline(*parts, health=health, projector=self._projectors[camera])


class _HealthOfMany(SensorHealth):
    """Judges each reading once, however many cases hand it in."""

    def __init__(self, name: str, config: SensorHealthConfig) -> None:
        super().__init__(name, config)
        self._observed: Record | None = None
        self._refused: AnysegError | None = None
        self._said: tuple[int, Verdict] | None = None

    def observe(self, record: Record, now_ns: int) -> None:
        """See ``SensorHealth.observe``; the latest reading is known by its object."""
        if record is not self._observed:
            self._observed, self._refused, self._said = record, None, None
            try:
                super().observe(record, now_ns)
            except AnysegError as error:
                self._refused = error
        if self._refused is not None:
            raise self._refused

    def verdict(self, now_ns: int) -> Verdict:
        """See ``SensorHealth.verdict``."""
        if self._said is None or self._said[0] != now_ns:
            self._said = (now_ns, super().verdict(now_ns))
        return self._said[1]


class _MonitorOfMany(HealthMonitor):
    """The health of one case's sensors, of which each belongs to other cases too.

    A clock that goes back gives each case sensors of its own again.
    """

    def __init__(self, config: HealthConfig, streams: Mapping[str, SensorStream]) -> None:
        super().__init__(config)
        self._sensors |= {name: stream.health for name, stream in streams.items()}


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A tensor, the hash of its content, and what it was made of, which so keeps its identity."""

    values: Float32Array
    digest: bytes
    made_of: tuple[object, ...]


class _ProjectorOfMany(KeepingProjector):
    """Projects each reading once, however many cases ask for it.

    Args:
        tensors: those that were made last, of all projectors of one configuration.
        args: see ``Projector``, as the following.
        options: as well.
    """

    def __init__(self, tensors: Recent[_Tensor], *args: Any, **options: Any) -> None:  # noqa: ANN401 - the base's own
        super().__init__(*args, **options)
        self._made = tensors
        self._stands_for: dict[str, Hashable] = {}

    def project(self, sensor: str, records: Sequence[Record], end_ns: int) -> Float32Array:
        """See ``Projector.project``; the tensor is never written to again."""
        self._places.clear()
        origin = self._origin(sensor, tuple(records), end_ns)
        if origin is None:
            values = super().project(sensor, records, end_ns)  # which says what is missing
            self._stands_for[sensor] = super().identity(sensor)
            return values
        objects = (*origin.records, origin.view, origin.motion)
        key = (sensor, *map(id, objects), origin.end_ns, origin.places)
        found = self._made.get(key)
        if found is None:
            values = super().project(sensor, records, end_ns).copy()
            digest = hashlib.blake2b(values.data, digest_size=16).digest()
            found = _Tensor(values, digest, objects)
            self._made.put(key, found, values.nbytes)
        self._stands_for[sensor] = found.digest
        return found.values

    def identity(self, sensor: str) -> Hashable:
        """Return the hash of a sensor's latest tensor: the same for the same content."""
        return self._stands_for[sensor]
