"""What the cases of a campaign share: each gives what it gives alone, and little is done twice."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from anyseg_core.config import PipelineConfig
from anyseg_core.projection.keeping import KeepingProjector
from anyseg_core.replay import (
    Case,
    ReplaySettings,
    job,
    library_cases,
    nominal_case,
    run_job,
    subset_cases,
)
from anyseg_core.replay import shared as sharing
from anyseg_core.replay.summary import case_figures
from anyseg_core.runtime.load import load_network
from anyseg_core.runtime.segmenter import Prediction
from anyseg_core.simulation.faults import corrupt, injector, parse_fault
from anyseg_core.types import MODALITIES, RgbRecord

CLASSES = 25
FAULTS = {
    "rgb-noise": ("rgb", "noise"),
    "rgb-freeze": ("rgb", "freeze"),
    "depth-delay": ("depth", "delay"),
    "event-packet_loss": ("event", "packet_loss"),
    "lidar-stamp_jump": ("lidar", "stamp_jump"),
    "lidar-rate_drop": ("lidar", "rate_drop"),
}


class Mixer:
    """A network whose every pixel depends on every bit of that pixel in all tensors."""

    trained, description = True, "mixer"

    def __init__(self, checkpoint, _):
        self.card = load_network(Path(checkpoint))[1]

    def segment(self, tensors, readings=None):
        assert set(readings) == set(tensors)
        mixed = sum(
            (MODALITIES.index(name) + 1) * tensor.view(np.uint32).astype(np.uint64).sum(0)
            for name, tensor in tensors.items()
        )
        labels = (mixed % CLASSES).astype(np.uint8)
        return Prediction(labels, labels, dict.fromkeys(tensors, 1.0))

    def warm_up(self, width, height):
        pass


@pytest.fixture(scope="module", autouse=True)
def _mixer():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "load_segmenter", Mixer)
        yield


@pytest.fixture(scope="module")
def settings(bag, checkpoint):
    return ReplaySettings(
        bag=bag,
        checkpoint=str(checkpoint),
        config=PipelineConfig(input_width=32, input_height=32),
        seed=3,
    )


@pytest.fixture(scope="module")
def cases():
    subsets = subset_cases(MODALITIES, "all")
    duration_ns = 3 * 10**9
    faulty = [
        case
        for case in library_cases(
            MODALITIES, "delivered", duration_ns, [one.sensors for one in subsets]
        )
        if (case.faults[0].sensor, case.faults[0].kind) in FAULTS.values()
    ]
    both = (parse_fault("rgb:black@1-2"), parse_fault("lidar:delay@0.5-1.5"))
    return (nominal_case(MODALITIES), *subsets, *faulty, Case("both", MODALITIES, both))


@pytest.fixture(scope="module")
def campaign(settings, cases):
    result = run_job(settings, cases)
    return {one.case.name: one for one in result.results}


def figures(result):
    """Return the figures of a case that need no other case."""
    kept = case_figures(result, CLASSES, 30)
    del kept["agreement"]
    return kept


@pytest.mark.parametrize(
    "name",
    [
        "nominal",
        "only-E",
        "rgb-noise",
        "only-RL-rgb-noise",
        "only-R-rgb-freeze",
        "only-DL-depth-delay",
        "only-E-event-packet_loss",
        "only-RDL-lidar-stamp_jump",
        "only-EL-lidar-rate_drop",
        "both",
    ],
)
def test_a_case_of_a_campaign_gives_what_it_gives_alone(settings, cases, campaign, name):
    case = next(one for one in cases if one.name == name)
    [alone] = run_job(settings, (case,)).results
    assert alone.masks_sha256 == campaign[name].masks_sha256
    assert figures(alone) == figures(campaign[name])
    for ours, theirs in zip(alone.rows, campaign[name].rows, strict=True):
        one, other = (
            None if row.matrix is None else row.matrix.counts.tolist() for row in (ours, theirs)
        )
        assert one == other
        assert dataclasses.replace(ours, matrix=None) == dataclasses.replace(theirs, matrix=None)


def test_the_campaign_s_masks_differ_where_the_faults_do(campaign):
    assert len({one.masks_sha256 for one in campaign.values()}) > len(campaign) // 2


def test_a_fault_is_put_in_once_for_all_sets_of_sensors(settings, cases, monkeypatch):
    made = []
    monkeypatch.setattr(
        injector, "corrupt", lambda record, *given: made.append(record) or corrupt(record, *given)
    )
    noisy = [case for case in cases if case.faults and case.faults[0].kind == "noise"]
    assert len(noisy) == 8
    run_job(settings, (cases[0], *noisy))
    assert len(made) == len({id(record) for record in made}) > 5


def test_a_reading_is_judged_and_projected_once_for_all_cases(settings, cases, monkeypatch):
    judged, projected = [], []
    observe, project = sharing.SensorHealth.observe, KeepingProjector.project
    monkeypatch.setattr(
        sharing.SensorHealth,
        "observe",
        lambda own, record, now: judged.append(record) or observe(own, record, now),
    )
    monkeypatch.setattr(
        KeepingProjector,
        "project",
        lambda own, sensor, records, end_ns: (
            projected.append((sensor, *map(id, records), end_ns))
            or project(own, sensor, records, end_ns)
        ),
    )
    clean = [case for case in cases if not case.faults]
    result = run_job(settings, tuple(clean))
    assert len(clean) == 15
    readings = sum(result.counts[topic] for topic in
                   ("/rgb/image", "/depth/image", "/events", "/lidar/points"))  # fmt: skip
    assert len(judged) == readings
    # a sweep is projected once for those that see the camera's images and once for the others
    assert len(projected) <= 2 * len(set(projected))
    frames = sum(len(one.rows) for one in result.results)
    assert result.network_calls < frames
    assert len(projected) < frames


def test_a_reading_that_is_refused_is_refused_in_every_case(make_bag, settings):
    mixed = make_bag(shift_of={"depth": -3_600_000_000_000})
    subsets = subset_cases(MODALITIES, "D,RD")
    result = run_job(dataclasses.replace(settings, bag=mixed), (nominal_case(MODALITIES), *subsets))
    counts = [one.refused["depth"][0] for one in result.results]
    assert counts == [30, 30, 30]


def test_a_tensor_that_is_made_again_after_it_was_let_go_is_the_same(
    settings, cases, campaign, monkeypatch
):
    monkeypatch.setattr(sharing, "_TENSOR_BYTES", 1)
    few = (cases[0], *(one for one in cases if one.name in ("rgb-noise", "only-RL-rgb-noise")))
    for one in run_job(settings, few).results:
        assert one.masks_sha256 == campaign[one.case.name].masks_sha256


def test_health_says_the_same_to_whoever_asks_and_hands_in(settings):
    config = settings.config.health().sensors["rgb"]
    shared, alone = sharing._HealthOfMany("rgb", config), sharing.SensorHealth("rgb", config)
    rng = np.random.default_rng(0)
    for step in range(20):
        image = rng.integers(0, 255, (48, 64, 3)).astype(np.uint8)
        if 5 < step < 12:
            image[:] = 0
        record = RgbRecord(stamp_ns=10**18 + step * 10**8, frame_id="camera", image=image)
        now_ns = record.stamp_ns + 10**6 * (1 + 700 * (step > 15))
        alone.observe(record, now_ns)
        for _ in range(3):
            shared.observe(record, now_ns)
            assert shared.verdict(now_ns) == alone.verdict(now_ns)
            assert shared.verdict(now_ns + 1) == alone.verdict(now_ns + 1)
            assert shared.moving(now_ns) == alone.moving(now_ns)
