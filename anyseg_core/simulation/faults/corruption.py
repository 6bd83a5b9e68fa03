"""Faults that change what a reading holds: pure functions of reading, fault and seed."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.simulation.faults import event_streams, images, points
from anyseg_core.types import (
    DepthRecord,
    EventFrameRecord,
    EventRecord,
    LidarRecord,
    Record,
    RgbRecord,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyseg_core.simulation.faults.fault import Fault
    from anyseg_core.types import EventArray, Float32Array, UInt8Array


def corrupt(record: Record, fault: Fault, seed: int) -> Record:
    """Return the reading as the faulty sensor would have given it; the one given is not changed.

    The same reading, fault and seed give the same bytes. Where a fault has a place (dirt, hot
    pixels, lost rings, a lost sector), the place stays the same for as long as the fault lasts.
    Faults of timing change nothing here: ``FaultInjector`` has them.
    """
    name = zlib.crc32(f"{fault.sensor}:{fault.kind}:{fault.start_ns}".encode())
    place = np.random.default_rng([seed, name])
    # The stamp is taken modulo 2**64, so that stamps before 0 have their own draws too.
    draw = np.random.default_rng([seed, name, record.stamp_ns % 2**64])
    if isinstance(record, RgbRecord):
        return _rgb(record, fault, place, draw)
    if isinstance(record, DepthRecord):
        return _depth(record, fault, place, draw)
    if isinstance(record, LidarRecord):
        return _lidar(record, fault, place, draw)
    if isinstance(record, EventFrameRecord):
        return _event_frame(record, fault, place, draw)
    return _events(record, fault, place, draw)


def _rgb(record: RgbRecord, fault: Fault, place: np.random.Generator,
         draw: np.random.Generator) -> RgbRecord:  # fmt: skip
    image, severity = record.image, fault.severity
    changes: dict[str, Callable[[], UInt8Array]] = {
        "motion_blur": lambda: images.motion_blur(image, severity, draw),
        "over_exposure": lambda: images.over_exposure(image, severity, draw),
        "under_exposure": lambda: images.under_exposure(image, severity, draw),
        "black": lambda: images.black(image),
        "noise": lambda: images.noise(image, severity, draw),
        "fog": lambda: images.fog(image, severity),
        "blocked_region": lambda: images.blocked_region(image, severity, place),
        "hot_pixels": lambda: images.hot_pixels(image, severity, place),
    }
    change = changes.get(fault.kind)
    return record if change is None else replace(record, image=change())


def _depth(record: DepthRecord, fault: Fault, place: np.random.Generator,
           draw: np.random.Generator) -> DepthRecord:  # fmt: skip
    depth, severity = record.depth, fault.severity
    changes: dict[str, Callable[[], images.Image]] = {
        "black": lambda: images.black(depth),
        "noise": lambda: images.depth_noise(depth, severity, draw),
        "fog": lambda: images.depth_fog(depth, severity, record.metres_per_unit, draw),
        "blocked_region": lambda: images.blocked_region(depth, severity, place),
    }
    change = changes.get(fault.kind)
    return record if change is None else replace(record, depth=change())


def _lidar(record: LidarRecord, fault: Fault, place: np.random.Generator,
           draw: np.random.Generator) -> LidarRecord:  # fmt: skip
    cloud, severity = record.points, fault.severity
    changes: dict[str, Callable[[], Float32Array]] = {
        "lidar_jitter": lambda: points.jitter(cloud, severity, draw),
        "noise": lambda: points.noise(cloud, severity, draw),
        "fog": lambda: points.fog(cloud, severity, draw),
        "lost_sector": lambda: points.lost_sector(cloud, severity, place),
        "lost_rings": lambda: points.lost_rings(cloud, severity, place),
        "wrong_extrinsic": lambda: points.wrong_extrinsic(cloud, severity, place),
        "truncated_payload": lambda: points.truncated(cloud, severity),
    }
    change = changes.get(fault.kind)
    if change is None:
        return record
    left = change()
    times = record.point_t_ns
    return replace(record, points=left, point_t_ns=None if times is None else times[: len(left)])


def _event_frame(record: EventFrameRecord, fault: Fault, place: np.random.Generator,
                 draw: np.random.Generator) -> EventFrameRecord:  # fmt: skip
    image, severity = record.image, fault.severity
    changes: dict[str, Callable[[], UInt8Array]] = {
        "event_low_resolution": lambda: images.low_resolution(image, severity),
        "truncated_payload": lambda: images.truncated(image, severity),
        "black": lambda: images.black(image),
        "noise": lambda: images.noise(image, severity, draw),
        "blocked_region": lambda: images.blocked_region(image, severity, place),
        "hot_pixels": lambda: images.hot_pixels(image, severity, place),
    }
    change = changes.get(fault.kind)
    return record if change is None else replace(record, image=change())


def _events(record: EventRecord, fault: Fault, place: np.random.Generator,
            draw: np.random.Generator) -> EventRecord:  # fmt: skip
    events, severity, start = record.events, fault.severity, record.stamp_ns
    size = (record.width, record.height)
    changes: dict[str, Callable[[], EventArray]] = {
        "event_low_resolution": lambda: event_streams.low_resolution(events, severity, draw),
        "black": lambda: event_streams.nothing(events),
        "noise": lambda: event_streams.noise(events, size, start, severity, draw),
        "blocked_region": lambda: event_streams.blocked_region(events, size, severity, place),
        "truncated_payload": lambda: event_streams.truncated(events, severity),
        "hot_pixels": lambda: event_streams.hot_pixels(events, size, start, severity, place, draw),
    }
    change = changes.get(fault.kind)
    return record if change is None else replace(record, events=change())
