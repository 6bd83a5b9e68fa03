"""The front end's work and what it is held against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from anyseg_core.benchmark import inputs, peers
from anyseg_core.benchmark.measure import Case, Peer
from anyseg_core.events import open_decoder
from anyseg_core.geometry import Calibration
from anyseg_core.models.encoders import build_encoder
from anyseg_core.normalisation import DEFAULT_NORMALISATION
from anyseg_core.projection import bin_events, project_lidar, resize_rgb, voxel_grid, warm_up
from anyseg_core.projection.projector import CalibrationExtrinsics, Projector
from anyseg_core.types import DepthRecord, EventRecord, LidarRecord, RgbRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from anyseg_core.benchmark.inputs import Sizes
    from anyseg_core.types import Record

BINS = 5
FRAME = "camera"
FRAMES_PER_EVENTS = 10  # a frame of the whole front end holds a tenth of the event cases' events


def front_end_cases(scale: float) -> Iterator[Case]:
    """Give each case in turn, ready to run; loops are compiled before the first.

    Args:
        scale: 1 for the sizes that figures are asked for, less for a quick look.
    """
    warm_up()
    sizes = inputs.Sizes.scaled(scale)
    yield _evt3(sizes)
    yield from _event_images(sizes)
    yield _lidar(sizes)
    yield _rgb(sizes)
    yield _whole(sizes)


def _evt3(sizes: Sizes) -> Case:
    width, height = sizes.sensor
    data = inputs.encode_evt3(inputs.make_events(sizes.events, width, height))
    image = np.zeros((3, height, width), np.float32)

    def work() -> None:
        open_decoder("evt3", width, height).decode_into(data, image)

    numpy_way = Peer(
        "numpy: decode, then bin", lambda: peers.decode_and_bin(data, width, height), 3.0
    )
    others = _installed("evt3: decode alone", peers.evt3_decode(data))
    name = f"decode + bin EVT3, {sizes.events} events, {width} x {height}"
    return Case(name, work, sizes.events, (numpy_way, *others), 60e6)


def _event_images(sizes: Sizes) -> Iterator[Case]:
    width, height = sizes.small_sensor
    events = inputs.make_events(sizes.events, width, height)
    counts = np.empty((3, height, width), np.float32)
    size = f"{sizes.events} events, {width} x {height}"
    numpy_ways = (
        Peer("np.bincount", lambda: peers.bincount(events, width, height)),
        Peer("np.add.at", lambda: peers.add_at(events, width, height)),
    )
    edge_map = _installed("dv-processing EdgeMap", peers.dv_edge_map(events, width, height))
    yield Case(
        f"polarity counts, {size}",
        lambda: bin_events(events, width, height, out=counts),
        sizes.events,
        (*numpy_ways, *edge_map),
        250e6,
    )
    grid = np.empty((BINS, height, width), np.float32)
    yield Case(
        f"voxel grid of {BINS}, {size}",
        lambda: voxel_grid(events, width, height, BINS, 0, inputs.WINDOW_NS, out=grid),
        sizes.events,
        (Peer("np.add.at", lambda: peers.voxels_add_at(events, width, height, BINS)),),
        100e6,
    )


def _lidar(sizes: Sizes) -> Case:
    side = sizes.lidar_image
    camera, sweep = inputs.make_camera(side, side), inputs.make_sweep(sizes.points)
    pose = inputs.CAMERA_FROM_LIDAR
    image = project_lidar(sweep, camera, pose)
    return Case(
        f"project LiDAR, {sizes.points} points, {side} x {side}, plumb_bob",
        lambda: project_lidar(sweep, camera, pose, out=image),
        sizes.points,
        (Peer("numpy lexsort", lambda: peers.project_by_sorting(sweep, camera, pose), 5.0),),
    )


def _rgb(sizes: Sizes) -> Case:
    width, height = sizes.sensor
    image = inputs.make_image(width, height)
    out = np.empty((3, sizes.network, sizes.network), np.float32)
    image_copy, out_copy = np.empty_like(image), np.empty_like(out)
    statistics = DEFAULT_NORMALISATION["rgb"]
    size = (sizes.network, sizes.network)

    def copy() -> None:
        np.copyto(image_copy, image)
        np.copyto(out_copy, out)

    return Case(
        f"resize + normalise RGB, {width} x {height} to {size[0]} x {size[1]}",
        lambda: resize_rgb(image, *size, statistics.mean, statistics.std, out=out),
        0,
        (Peer("copy of input and output", copy, 0.5),),
    )


def _whole(sizes: Sizes) -> Case:
    """Four sensors to four tensors, beside the smallest encoder over the four, and over one."""
    width, height = sizes.sensor
    camera = inputs.make_camera(width, height)
    calibration = Calibration(
        {"rgb": camera}, {(FRAME, "lidar"): inputs.CAMERA_FROM_LIDAR}, {"rgb": FRAME}
    )
    projector = Projector(
        sizes.network,
        sizes.network,
        DEFAULT_NORMALISATION,
        aligned=("depth", "event"),
        extrinsics=CalibrationExtrinsics(calibration),
        cameras={},
        min_range_m=1.0,
    )
    projector.set_camera(camera, FRAME)
    records = _records(sizes)

    def work() -> None:
        for sensor, record in records.items():
            projector.project(sensor, [record], inputs.WINDOW_NS)

    encoder = build_encoder("mit_b0").eval()
    blank = torch.zeros(len(records), 3, sizes.network, sizes.network)

    def encode(count: int) -> Callable[[], None]:
        def encode_some() -> None:
            with torch.inference_mode():
                encoder(blank[:count])

        return encode_some

    name = f"whole front end, four sensors, {sizes.network} x {sizes.network}"
    peers = (
        Peer("MiT-B0, the four tensors", encode(len(records)), 10.0),
        Peer("MiT-B0, one of them", encode(1)),
    )
    return Case(name, work, 0, peers)


def _records(sizes: Sizes) -> dict[str, Record]:
    width, height = sizes.sensor
    depth = np.full((height, width), 5000, np.uint16)
    events = inputs.make_events(sizes.events // FRAMES_PER_EVENTS, width, height)
    return {
        "rgb": RgbRecord(0, FRAME, inputs.make_image(width, height)),
        "depth": DepthRecord(0, FRAME, depth, 0.001),
        "event": EventRecord(0, FRAME, events, width, height),
        "lidar": LidarRecord(0, "lidar", inputs.make_sweep(sizes.points)),
    }


def _installed(name: str, work: Callable[[], object] | None) -> tuple[Peer, ...]:
    return () if work is None else (Peer(name, work),)
