"""The benchmark of detection, on a made-up clip and on one small rendered one."""

import json

import numpy as np
import pytest
from rich.console import Console

from anyseg_core.benchmark import clips, detection, detection_report, detection_runs
from anyseg_core.benchmark.clips import Clip, ClipConfig
from anyseg_core.benchmark.detection import DetectionConfig
from anyseg_core.errors import ConfigurationError
from anyseg_core.simulation import CONDITIONS

SECONDS, SIZE = 12, 64


def make_clip(config):
    """A clip of sensors that see something else in every reading."""
    rng = np.random.default_rng(config.seed)
    frames, packets, per_packet = 10 * SECONDS, 20 * SECONDS, 400
    blocks = rng.integers(30, 220, (frames, SIZE // 4, SIZE // 4, 1), np.uint8)
    image = blocks.repeat(4, 1).repeat(4, 2).repeat(3, 3)
    depth = rng.integers(2000, 2050, (frames, SIZE, SIZE)).astype(np.uint16)
    points = rng.normal(0, 10, (frames, 3000, 4)).astype(np.float32)
    count = packets * per_packet
    x, y = rng.integers(0, SIZE, (2, count)).astype(np.uint16)
    t_ns = np.sort(rng.integers(0, SECONDS * 10**9, count))
    first = np.searchsorted(t_ns, np.arange(packets + 1) * 50_000_000)
    return Clip(config, image, depth, points, x, y, t_ns, np.ones(count, np.uint8), first)


@pytest.fixture(scope="module")
def clip():
    return make_clip(ClipConfig(3, "cloud", SECONDS, SIZE))


@pytest.fixture(scope="module")
def result(clip):
    return detection_runs.run_clip(clip, [0, 5], seed=1, kinds=["black", "freeze", "delay"])


def test_each_fault_of_each_sensor_runs_once_for_each_number(result):
    got = sorted((run.sensor, run.kind) for run in result.runs)
    sensors = ["depth", "event", "lidar", "rgb"]
    kinds = {"black": ["depth", "event", "rgb"], "delay": sensors, "freeze": sensors}
    assert got == sorted(2 * [(s, kind) for kind, each in kinds.items() for s in each])


def test_faults_are_noticed_after_their_onset_and_a_clean_stream_is_quiet(result):
    assert result.alarms == ()
    assert result.seconds == SECONDS
    for run in result.runs:
        assert run.onset_ns >= detection_runs.LEARNING_NS
        assert run.delay_ns is not None, run
        assert 0 <= run.delay_ns <= detection_runs.PATIENCE_NS
    found_by = {run.kind: run.detectors for run in result.runs if run.sensor == "rgb"}
    assert found_by == {"black": ("rgb_black",), "freeze": ("rgb_frozen",), "delay": ("silence",)}


def test_the_same_seed_gives_the_same_runs_and_another_one_other_onsets(clip, result):
    again, other = (
        detection_runs.run_clip(clip, [0, 5], seed, ["black", "freeze", "delay"]) for seed in (1, 2)
    )
    assert again == result
    assert {r.onset_ns for r in other.runs}.isdisjoint({r.onset_ns for r in result.runs})


def test_what_looks_like_a_fault_in_a_clean_stream_is_a_false_alarm_and_no_detection(clip):
    image = clip.rgb.copy()
    image[50:] = 0
    dark = Clip(
        clip.config, image, clip.depth, clip.lidar, clip.x, clip.y, clip.t_ns, clip.p, clip.first
    )
    runs = detection_runs.run_clip(dark, range(6), 1, ["black"])
    assert [(alarm.detector, alarm.t_ns) for alarm in runs.alarms] == [("rgb_black", 5_200_000_000)]
    late = [r for r in runs.runs if r.sensor == "rgb" and r.onset_ns > 5_200_000_000]
    assert late
    assert all(run.delay_ns is None for run in late)


def test_readings_of_a_clip_come_at_their_time(clip):
    now_ns, record = clip.reading("rgb", 4)
    assert (now_ns, record.stamp_ns) == (500_000_000, 500_000_000)
    np.testing.assert_array_equal(record.image, clip.rgb[4])
    now_ns, packet = clip.reading("event", 4)
    assert now_ns == 250_000_000
    assert packet.stamp_ns == packet.events.t_ns[0] >= 200_000_000
    assert packet.events.t_ns[-1] < 250_000_000
    assert [clip.count(s) for s in ("rgb", "depth", "event", "lidar")] == [120, 120, 240, 120]


def test_a_rendered_clip_is_kept_and_read_again(tmp_path, monkeypatch):
    pytest.importorskip("open3d")
    config = ClipConfig(1, "sun", 1, 64)
    rendered = clips.load_clip(config, tmp_path)
    monkeypatch.setattr(clips, "_render", None)
    kept = clips.load_clip(config, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["sun-1-64px-1s.npz"]
    for name in ("rgb", "depth", "lidar", "x", "y", "t_ns", "p", "first"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(rendered, name))
    assert kept.rgb.shape == (10, 64, 64, 3)
    assert kept.count("event") == 20


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(clips, "_render", make_clip)
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ConfigurationError, match="file"):
        clips.load_clip(ClipConfig(1, "sun", SECONDS, SIZE), file / "clips")


@pytest.mark.parametrize(
    "wrong", [{"runs": 0}, {"streets": 6}, {"seconds": 9}, {"size": 8}, {"seed": -1}, {"jobs": 0}]
)
def test_a_value_out_of_range_is_refused(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        DetectionConfig(**wrong)


def test_every_condition_has_as_many_clips_as_streets_and_all_seeds_differ():
    config = DetectionConfig()
    assert len({clip.seed for clip in config.clips}) == len(config.clips) == 25
    assert [clip.condition for clip in config.clips[:5]] == list(CONDITIONS)
    assert len(DetectionConfig(streets=2).clips) == 10


@pytest.fixture(scope="module")
def figures():
    run, alarm = detection_runs.Run, detection_runs.FalseAlarm
    results = [
        detection_runs.ClipResult(
            120.0,
            (alarm("rgb", "rgb_noisy", "sun-1", 5, 2.0, 1.0),) if number else (),
            tuple(
                run("rgb", "fog", "sun-1", 0, ("rgb_low_contrast",) if found else (), found)
                for found in (100_000_000, 300_000_000, None)[: 3 - number]
            ),
        )
        for number in (0, 1)
    ]
    return detection.summarise(DetectionConfig(runs=5), results)


def test_the_figures_count_runs_delays_and_alarms(figures):
    fog = next(row for row in figures.faults if (row.sensor, row.fault) == ("rgb", "fog"))
    assert (fog.runs, fog.detected, fog.met) == (5, 4, False)
    assert (fog.delay_median_ms, fog.delay_max_ms) == (200.0, 300.0)
    assert (fog.detectors, fog.missed) == ({"rgb_low_contrast": 4}, {"sun": 1})
    assert figures.clean_minutes == 4.0
    assert figures.alarms_of("rgb") == 2.5
    assert figures.alarms_of("lidar") == 0.0
    assert not figures.met


def test_the_report_has_a_line_for_each_fault_and_each_detector(figures):
    text = detection_report.as_markdown(figures)
    assert "| rgb | fog | rgb_low_contrast | 4 of 5 | 200 | 300 |" in text
    assert "| rgb | rgb_noisy | 1 | 2.50 |" in text
    assert "rgb: 2.50 false alarms in 10 minutes (rgb_noisy 1), of 4.0 minutes" in text
    assert text.count("\n| ") == len(figures.faults) + len(figures.alarms) + 4


def test_a_run_prints_its_table_and_writes_both_files(tmp_path, monkeypatch):
    monkeypatch.setattr(detection, "load_clip", lambda config, _: make_clip(config))
    monkeypatch.setattr(
        detection,
        "run_clip",
        lambda clip, n, seed: detection_runs.run_clip(clip, n, seed, ["black"]),
    )
    console = Console(record=True, width=160)
    json_file, markdown_file = tmp_path / "a.json", tmp_path / "a.md"
    config = DetectionConfig(runs=5, streets=1, seconds=SECONDS, size=SIZE)
    code = detection_report.run_detection(
        config, json_file=json_file, markdown_file=markdown_file, console=console
    )
    assert code == 0
    assert "rgb_black" in console.export_text()
    written = json.loads(json_file.read_text())
    assert written["benchmark"] == "detection"
    assert next(r for r in written["faults"] if r["fault"] == "black")["detected"] == 5
    assert "rgb_black" in markdown_file.read_text()
    with pytest.raises(ConfigurationError, match="another path"):
        detection_report.run_detection(config, json_file=tmp_path, console=console)
