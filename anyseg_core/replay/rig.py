"""What all cases of a replay share before anything is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anyseg_core.config import PipelineConfig
    from anyseg_core.geometry import Camera
    from anyseg_core.projection.projector import ExtrinsicsSource
    from anyseg_core.runtime.segmenter import Segmenter


@dataclass(frozen=True, slots=True)
class Rig:
    """What all cases of a replay share.

    Attributes:
        config: of the pipelines.
        segmenter: the network.
        extrinsics: where the sensors stand.
        cameras: of depth and event images with an image plane of their own.
        start_ns: the recording's start, on the recorder's clock.
        seed: of everything random in the faults.
    """

    config: PipelineConfig
    segmenter: Segmenter
    extrinsics: ExtrinsicsSource
    cameras: Mapping[str, Camera]
    start_ns: int
    seed: int = 0
