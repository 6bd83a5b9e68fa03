"""The detectors by name: what each looks at and what follows by default."""

from __future__ import annotations

from dataclasses import dataclass

from anyseg_core.health.verdict import Action, Finding


@dataclass(frozen=True, slots=True)
class Detector:
    """One detector.

    Attributes:
        modality: whose readings it looks at; None for all.
        action: what follows by default: ``exclude`` where a reading tells nothing any more,
            ``warn`` where it tells less.
        bad_readings: bad readings in a row until it is believed; None leaves it to the sensor's
            configuration. One where the detector counts by itself or the fault shows only once.
    """

    modality: str | None
    action: Action
    bad_readings: int | None = None


DETECTORS: dict[str, Detector] = {
    "silence": Detector(None, Action.EXCLUDE, bad_readings=1),
    "stamp_zero": Detector(None, Action.EXCLUDE),
    # An old recording played without simulated time has all stamps far in the past, so a warning.
    "stamp_past": Detector(None, Action.WARN),
    "stamp_future": Detector(None, Action.WARN),
    "stamp_backward": Detector(None, Action.WARN, bad_readings=1),
    "stamp_frozen": Detector(None, Action.EXCLUDE),
    "low_rate": Detector(None, Action.WARN),
    "high_jitter": Detector(None, Action.WARN),
    "lost_readings": Detector(None, Action.WARN),
    "rgb_black": Detector("rgb", Action.EXCLUDE),
    "rgb_white": Detector("rgb", Action.EXCLUDE),
    "rgb_under_exposed": Detector("rgb", Action.WARN),
    "rgb_over_exposed": Detector("rgb", Action.WARN),
    "rgb_frozen": Detector("rgb", Action.EXCLUDE, bad_readings=1),
    "rgb_blurred": Detector("rgb", Action.WARN),
    "rgb_noisy": Detector("rgb", Action.WARN),
    "rgb_low_contrast": Detector("rgb", Action.WARN),
    "rgb_hot_pixels": Detector("rgb", Action.WARN),
    "rgb_blocked": Detector("rgb", Action.WARN),
    "rgb_size": Detector("rgb", Action.WARN),
    "depth_empty": Detector("depth", Action.EXCLUDE),
    "depth_invalid": Detector("depth", Action.WARN),
    "depth_speckled": Detector("depth", Action.WARN),
    "depth_blocked": Detector("depth", Action.WARN),
    "depth_noisy": Detector("depth", Action.WARN),
    "depth_frozen": Detector("depth", Action.EXCLUDE, bad_readings=1),
    # An event camera at rest is silent with every right, and what a storm means depends on the
    # scene, so both only warn.
    "event_frozen": Detector("event", Action.EXCLUDE, bad_readings=1),
    "event_collapse": Detector("event", Action.WARN),
    "event_storm": Detector("event", Action.WARN),
    # Noise all over the picture costs the mask more than the events are worth to it.
    "event_noise": Detector("event", Action.EXCLUDE),
    "event_blocked": Detector("event", Action.WARN),
    "event_hot_pixels": Detector("event", Action.WARN),
    "event_low_resolution": Detector("event", Action.WARN),
    "lidar_empty": Detector("lidar", Action.EXCLUDE),
    "lidar_frozen": Detector("lidar", Action.EXCLUDE, bad_readings=1),
    "lidar_point_loss": Detector("lidar", Action.WARN),
    "lidar_lost_sector": Detector("lidar", Action.WARN),
    "lidar_lost_rings": Detector("lidar", Action.WARN),
    # One sweep whose ground was misread tilts twice, there and back; a shaking mount goes on.
    "lidar_jitter": Detector("lidar", Action.WARN, bad_readings=3),
    "lidar_moved": Detector("lidar", Action.WARN),
    "lidar_noise": Detector("lidar", Action.WARN),
}
"""All detectors, in the order in which findings are told."""


def finding(
    detector: str, value: float, threshold: float, *, unit: str, message: str, remedy: str
) -> Finding:
    """Make a finding with its detector's default action."""
    action = DETECTORS[detector].action
    return Finding(detector, float(value), float(threshold), unit, message, remedy, action)
