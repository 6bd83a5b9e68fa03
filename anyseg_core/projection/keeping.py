"""Tensors that are kept while they would come out the same: a slow sensor beside a fast one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from anyseg_core.errors import AnysegError
from anyseg_core.projection.projector import Projector
from anyseg_core.types import EventRecord, LidarRecord, RgbRecord

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from anyseg_core.projection.reference_camera import View
    from anyseg_core.types import Float32Array, Float64Array, Motion, Record


@dataclass(frozen=True, slots=True, eq=False)
class _Origin:
    """All that one tensor was made of.

    Attributes:
        records: the readings, which stand for themselves: nobody writes to a record.
        end_ns: the instant; None where it does not matter.
        view: the reference camera, which is replaced and never written to; None likewise.
        places: the numbers of the poses that were asked for.
        motion: the robot's; None without de-skewing.
    """

    records: tuple[Record, ...]
    end_ns: int | None = None
    view: View | None = None
    places: tuple[bytes, ...] = ()
    motion: Motion | None = None

    def makes_the_same_as(self, other: _Origin) -> bool:
        """Whether both make the same tensor, bit for bit."""
        return (
            len(self.records) == len(other.records)
            and all(one is two for one, two in zip(self.records, other.records, strict=True))
            and self.view is other.view
            and self.motion is other.motion
            and (self.end_ns, self.places) == (other.end_ns, other.places)
        )


class KeepingProjector(Projector):
    """A projector that does not project again while nothing that goes into a tensor has changed.

    See ``Projector`` for its arguments. A LiDAR at 10 Hz beside a camera at 30 Hz is projected
    once in three frames. A new camera, a moved transform, de-skewing to another instant and a
    window of events that ends later project anew.
    """

    def project(self, sensor: str, records: Sequence[Record], end_ns: int) -> Float32Array:
        """See ``Projector.project``; its next call for this sensor may overwrite the tensor."""
        self._places.clear()
        origin = self._origin(sensor, tuple(records), end_ns)
        before = self._origins.pop(sensor, None)  # a projection that fails leaves nothing to keep
        if origin is None or before is None or not origin.makes_the_same_as(before):
            super().project(sensor, records, end_ns)
            self._identities[sensor] = object()
        if origin is not None:
            self._origins[sensor] = origin
        return self._tensor(sensor)

    def identity(self, sensor: str) -> Hashable:
        """Return what stands for the content of a sensor's latest tensor: equal means the same.

        It equals nothing that any projector gave before for another content.
        """
        return self._identities[sensor]

    @cached_property
    def _origins(self) -> dict[str, _Origin]:
        return {}

    @cached_property
    def _identities(self) -> dict[str, object]:
        return {}

    @cached_property
    def _places(self) -> dict[tuple[str, str, str], Float64Array]:
        return {}

    def _origin(self, sensor: str, records: tuple[Record, ...], end_ns: int) -> _Origin | None:
        """Return what the tensor is going to be made of; None where something is missing."""
        record = records[-1]
        if isinstance(record, RgbRecord):
            return _Origin(records)
        is_lidar = isinstance(record, LidarRecord)
        moves = is_lidar and self._deskew
        instant_ns = end_ns if moves or isinstance(record, EventRecord) else None
        if not is_lidar and self._is_aligned(sensor, record.frame_id):
            return _Origin(records, instant_ns)
        motion = self._motion if moves else None
        try:
            view = self._reference.require_view()
            places = [self._camera_from(sensor, view, record.frame_id)]
            if motion is not None:
                places.append(self._camera_from("body", view, motion.frame_id))
        except AnysegError:  # the projection itself says what is wrong
            return None
        return _Origin(records, instant_ns, view, tuple(each.tobytes() for each in places), motion)

    def _camera_from(self, sensor: str, view: View, frame_id: str) -> Float64Array:
        """Ask once for a projection, so that it uses the very pose that is compared."""
        asked = (sensor, view.frame_id, frame_id)
        place = self._places.get(asked)
        if place is None:
            place = self._places[asked] = super()._camera_from(sensor, view, frame_id)
        return place
