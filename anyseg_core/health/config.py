"""Configuration of health: thresholds with their sources, actions and hysteresis."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from anyseg_core.errors import ConfigurationError
from anyseg_core.health.detectors import DETECTORS
from anyseg_core.health.verdict import Action
from anyseg_core.types import MODALITIES

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where the detectors speak up; shares and ratios lie in 0..1, grey levels in 0..255.

    Attributes:
        stamp_future_s: stamps further ahead of now (diagnostic_updater TimeStampStatus: 1 s).
        stamp_past_s: stamps further behind now (diagnostic_updater TimeStampStatus: 5 s).
        stamp_backward_s: a step back of the stamps beyond what transport reorders (own choice).
        low_rate_ratio: rate against the learned one (own choice: half; diagnostic_updater
            FrequencyStatus takes 0.9, at which one lost reading in ten would warn).
        high_jitter_share: median deviation of the intervals, share of their median (own choice).
        lost_readings_share: share of expected readings that are missing (own choice).
        rgb_black_mean: a black picture's mean is below (autoware image_diagnostics: dark is
            below 10), and
        rgb_flat_contrast: its standard deviation is below; also for white. A covered lens gives
            a read noise of 1 to 2 levels, a night street with one lamp more than 5 (own choice).
        rgb_white_mean: a white picture's mean is above (own choice).
        rgb_under_exposed_ratio: mean level against the learned one (own choice: 0.4, more than
            one stop darker of a sudden).
        rgb_saturated_level: a pixel with all channels at or above is saturated (own choice).
        rgb_over_exposed_share: saturated share beyond the learned one (own choice), or
        rgb_over_exposed_ratio: mean level against the learned one: at night little saturates
            (own choice: 1.5, more than a stop brighter of a sudden).
        rgb_blurred_ratio: sharpness against the learned one (own choice).
        rgb_noisy_ratio: the same measure above the learned one (own choice).
        rgb_low_contrast_ratio: contrast of the upper half against the learned one (own choice;
            by Koschmieder's law a quarter is left at half of the meteorological visibility, which
            is where a contrast of 0.05 is left: WMO No. 8, part I, chapter 9).
        rgb_hot_step: grey levels by which a hot pixel exceeds its neighbours (own choice), and
        rgb_hot_share: share of such pixels that stay beyond the learned one (own choice; cameras
            are sold with less than 0.0001).
        rgb_blocked_level: a cell without a pixel above is black (own choice, as rgb_black_mean).
        rgb_blocked_share: share of black cells beyond the learned one (own choice: autoware
            blockage_diag warns at 0.1 of the area).
        frozen_repeats: identical readings in a row after the first; drivers that publish faster
            than the sensor repeat one or two (own choice).
        depth_empty_share: invalid share at which nothing is left (own choice).
        depth_invalid_share: invalid share beyond the learned one (own choice; sky and glass
            belong to the learned share).
        depth_speckle_share: neighbours of which one has no depth, beyond the learned share (own
            choice).
        depth_lost_ratio: a cell with less of its learned depth is blocked (own choice), and
        depth_blocked_share: share of such cells (own choice; autoware blockage_diag warns at
            0.1 of the area, but the sky between two houses takes as much).
        depth_noise_share: relative noise beyond the learned one (own choice: 5 %; data sheets
            of stereo cameras promise 2 % and better at their working distance).
        event_collapse_ratio: event rate against the learned one (own choice).
        event_least_rate_hz: events per pixel and second; a learned rate below that is rest, and
            no collapse can be told from it (own choice).
        event_storm_ratio: event rate against the learned one, and
        event_storm_rate_hz: events per pixel and second (own choice, above fast turns).
        event_noise_ratio: rate of the quietest tenth of the cells against the learned one, and
        event_noise_rate_hz: events per pixel and second there (own choice; background activity
            of a DVS is below 1 by day, some more in the dark: Graca and Delbruck, 2021).
        event_silent_s: a cell without any event for so long is silent: noise of 0.1 a pixel and
            second leaves tens of events there even on a small sensor (own choice), and
        event_blocked_share: share of such cells beyond the learned one (own choice).
        event_hot_rate_hz: a pixel that fires at least so often is hot (own choice), and
        event_hot_share: share of events from hot pixels beyond the learned one (own choice).
        event_low_resolution_ratio: columns and rows with events against the learned share (own
            choice: a binning of 2 x 2 leaves half of them).
        lidar_empty_points: a sweep with fewer returns is empty (own choice).
        lidar_point_ratio: returns against the learned number (own choice: half; autoware
            blockage_diag takes 0.1 of the area for a blockage, which the sectors show).
        lidar_lost_ratio: a sector or ring with less of its learned returns is lost (own choice).
        lidar_lost_sector_deg: lost azimuth, in degrees (own choice: a tenth of the turn, as
            autoware blockage_diag has it for its area, is 36).
        lidar_lost_rings_share: share of the elevations that are lost (own choice).
        lidar_jitter_deg: tilt of the ground from one sweep to the next (own choice: braking and
            bumps pitch a car by about 1 degree in 0.1 s).
        lidar_moved_deg: ground that stays tilted against the learned one (own choice: braking
            pitches a car by about 1 degree, and not for long).
        lidar_noise_share: share of single near points beyond the learned one (own choice).

    Raises:
        ConfigurationError: a value that is not finite or below zero.
    """

    stamp_future_s: float = 1.0
    stamp_past_s: float = 5.0
    stamp_backward_s: float = 0.1
    low_rate_ratio: float = 0.5
    high_jitter_share: float = 0.3
    lost_readings_share: float = 0.3
    rgb_black_mean: float = 10.0
    rgb_flat_contrast: float = 4.0
    rgb_white_mean: float = 245.0
    rgb_under_exposed_ratio: float = 0.4
    rgb_saturated_level: float = 250.0
    rgb_over_exposed_share: float = 0.3
    rgb_over_exposed_ratio: float = 1.5
    rgb_blurred_ratio: float = 0.33
    rgb_noisy_ratio: float = 2.2
    rgb_low_contrast_ratio: float = 0.25
    rgb_hot_step: float = 40.0
    rgb_hot_share: float = 0.003
    rgb_blocked_level: float = 10.0
    rgb_blocked_share: float = 0.1
    frozen_repeats: int = 3
    depth_empty_share: float = 0.95
    depth_invalid_share: float = 0.3
    depth_speckle_share: float = 0.08
    depth_lost_ratio: float = 0.02
    depth_blocked_share: float = 0.2
    depth_noise_share: float = 0.05
    event_collapse_ratio: float = 0.05
    event_least_rate_hz: float = 0.1
    event_storm_ratio: float = 10.0
    event_storm_rate_hz: float = 20.0
    event_noise_ratio: float = 4.0
    event_noise_rate_hz: float = 5.0
    event_silent_s: float = 0.5
    event_blocked_share: float = 0.15
    event_hot_rate_hz: float = 300.0
    event_hot_share: float = 0.2
    event_low_resolution_ratio: float = 0.7
    lidar_empty_points: int = 100
    lidar_point_ratio: float = 0.5
    lidar_lost_ratio: float = 0.1
    lidar_lost_sector_deg: float = 30.0
    lidar_lost_rings_share: float = 0.25
    lidar_jitter_deg: float = 1.5
    lidar_moved_deg: float = 1.2
    lidar_noise_share: float = 0.05

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ConfigurationError(f"{each.name} = {value!r}", "a number", "correct it")
            if not math.isfinite(value) or value < 0:
                raise ConfigurationError(
                    f"{each.name} = {value!r}", "a finite number of 0 or more", "correct it"
                )


@dataclass(frozen=True, slots=True)
class SensorHealthConfig:
    """Configuration of one sensor.

    Attributes:
        modality: one of ``MODALITIES``.
        timeout_ns: silence for so long is a failure (autoware topic_state_monitor: 1 s).
        bad_readings: bad readings in a row until a fault is believed.
        good_readings: good readings in a row until it is over.
        actions: by detector, what follows instead of its default.
        thresholds: of the detectors.

    Raises:
        ConfigurationError: an unknown name or a value out of range.
    """

    modality: str
    timeout_ns: int = 1_000_000_000
    bad_readings: int = 2
    good_readings: int = 3
    actions: Mapping[str, Action] = field(default_factory=dict)
    thresholds: Thresholds = field(default_factory=Thresholds)

    def __post_init__(self) -> None:
        if self.modality not in MODALITIES:
            raise ConfigurationError(
                f"modality {self.modality!r}", f"one of {', '.join(MODALITIES)}", "correct it"
            )
        for name in ("timeout_ns", "bad_readings", "good_readings"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigurationError(
                    f"{name} = {value!r}", "an integer of 1 or more", "correct it"
                )
        for detector, action in self.actions.items():
            if detector not in self.detectors:
                raise ConfigurationError(
                    f"an action for detector {detector!r} of a sensor of {self.modality}",
                    f"one of {', '.join(self.detectors)}",
                    "correct the detector's name",
                )
            if action not in tuple(Action):
                raise ConfigurationError(
                    f"action {action!r} for {detector}", "ignore, warn or exclude", "correct it"
                )

    @property
    def detectors(self) -> tuple[str, ...]:
        """Names of the detectors that look at this modality, in the order of ``DETECTORS``."""
        return tuple(n for n, d in DETECTORS.items() if d.modality in (None, self.modality))

    def action(self, detector: str) -> Action:
        """Return what follows from a finding of ``detector``."""
        return Action(self.actions.get(detector, DETECTORS[detector].action))


def _one_sensor_per_modality() -> Mapping[str, SensorHealthConfig]:
    return {modality: SensorHealthConfig(modality) for modality in MODALITIES}


@dataclass(frozen=True, slots=True)
class HealthConfig:
    """The sensors that health watches, by name; by default one per modality, named so.

    Raises:
        ConfigurationError: no sensors, or something else than a configuration of one.
    """

    sensors: Mapping[str, SensorHealthConfig] = field(default_factory=_one_sensor_per_modality)

    def __post_init__(self) -> None:
        for name, config in self.sensors.items():
            if not isinstance(config, SensorHealthConfig):
                raise ConfigurationError(
                    f"{config!r} for sensor {name!r}", "a SensorHealthConfig", "make one"
                )
        if not self.sensors:
            raise ConfigurationError("no sensors", "one or more", "name the sensors")
