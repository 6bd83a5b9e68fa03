"""The parts of the node's benchmark, without a node."""

import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from anyseg_core.cli.main import main
from anyseg_core.messages import depth_record, event_record, lidar_record, rgb_record, stamp_to_ns
from anyseg_ros.benchmark.clip import PERIOD_NS, ReadyMessage, render_clip
from anyseg_ros.benchmark.command import plan
from anyseg_ros.benchmark.driver import Load, Measured
from anyseg_ros.benchmark.figures import NodeRow, markdown_table, verdicts
from anyseg_ros.benchmark.process_meter import ProcessMeter

pytest.importorskip("open3d", reason="the simulated rig needs open3d-cpu and libusb-1.0-0")

SIDE = 32
NOW_NS = 1_700_000_000_123_456_789
ALL = ("rgb", "depth", "event", "lidar")


@pytest.fixture(scope="module")
def clip():
    return render_clip(SIDE, 2)


def messages_of(clip, sensor):
    return [message for message in clip.instants[0] if message.sensor == sensor]


def test_an_instant_has_every_sensor_in_the_order_of_sending(clip):
    for instant in clip.instants:
        assert {message.sensor for message in instant} == {*ALL, "camera_info"}
        sent = [message.sent_ns for message in instant]
        assert sent == sorted(sent)
        assert sent[-1] == 0
        assert -sent[0] < PERIOD_NS / 3  # the rate may rise to 30 Hz


def test_a_message_that_is_stamped_anew_differs_in_its_stamp_alone(clip):
    (message,) = messages_of(clip, "rgb")
    first, later = (deserialize_message(message.at(NOW_NS + extra), Image) for extra in (0, 10**9))
    assert stamp_to_ns(first.header.stamp) == NOW_NS
    assert stamp_to_ns(later.header.stamp) == NOW_NS + 10**9
    later.header.stamp = first.header.stamp
    assert first == later
    record = rgb_record(first)
    assert record.image.shape == (SIDE, SIDE, 3)
    assert record.image.std() > 1.0


def test_the_records_of_an_instant_lie_around_it(clip):
    kinds = {"lidar": (PointCloud2, lidar_record), "depth": (Image, depth_record)}
    for sensor, (kind, convert) in kinds.items():
        (message,) = messages_of(clip, sensor)
        record = convert(deserialize_message(message.at(NOW_NS), kind))
        assert record.stamp_ns == NOW_NS + message.stamp_ns
        assert -50_000_000 < message.stamp_ns <= 0
    (info,) = messages_of(clip, "camera_info")
    assert deserialize_message(info.at(NOW_NS), CameraInfo).width == SIDE


def test_events_follow_each_other_and_the_last_packet_closes_the_window(clip):
    packets = [
        event_record(deserialize_message(each.at(NOW_NS), PointCloud2), SIDE, SIDE)
        for each in messages_of(clip, "event")
    ]
    stamps = [packet.stamp_ns for packet in packets]
    assert stamps == sorted(stamps)
    assert stamps[-2] < NOW_NS <= stamps[-1]
    assert sum(len(packet.events) for packet in packets) > 0


def test_the_same_drive_has_the_same_hash():
    assert render_clip(SIDE, 1).sha256 == render_clip(SIDE, 1).sha256


def test_a_stamp_before_the_second_is_carried_over():
    message = ReadyMessage("rgb", 0, -1, bytes(12))
    assert message.at(2 * 10**9)[4:] == (1).to_bytes(4, "little") + (999_999_999).to_bytes(
        4, "little"
    )


BUSY = "import time\nx = bytearray(80 << 20)\nprint(flush=True)\nwhile True: pass"


def test_the_meter_reads_a_busy_process():
    process = subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE)
    try:
        process.stdout.readline()
        meter = ProcessMeter(process.pid)
        meter.forget_peak()
        before, begun = meter.cpu_s(), time.monotonic()
        while meter.cpu_s() - before < 0.2:
            assert time.monotonic() - begun < 60
            time.sleep(0.05)
        assert meter.cpu_s() - before <= 2 * (time.monotonic() - begun) + 0.1
        assert 80 < meter.peak_mib() < 400
    finally:
        process.kill()
        process.wait()


def test_a_process_that_sleeps_uses_next_to_nothing():
    meter = ProcessMeter(os.getpid())
    before = meter.cpu_s()
    time.sleep(0.2)
    assert meter.cpu_s() - before < 0.1


MEASURED = Measured(
    sent=10, received=9, complete=9, p50_ms=110.0, p95_ms=120.0, max_ms=150.0, own_ms=20.0,
    rate_hz=5.0, cpu_share=0.5, peak_mib=700.0,
)  # fmt: skip


def make_row(side=512, rate_hz=5.0, sensors=ALL, masks_hz=5.0):
    rounds = tuple(replace(MEASURED, p50_ms=p50, rate_hz=masks_hz) for p50 in (115.0, 110.0, 130.0))
    return NodeRow(Load(sensors, rate_hz), side, rounds, (104.0, 100.0, 101.0))


def test_a_row_says_what_all_rounds_came_to():
    found = make_row().as_json()
    assert (found["min"], found["median"], found["max"]) == (110.0, 115.0, 130.0)
    assert found["peer"] == "bare network"
    assert found["ratio"] == pytest.approx(100.0 / 110.0)
    assert (found["sent"], found["received"], found["dropped"]) == (30, 27, 3)
    assert found["name"] == "RDEL at 5 Hz, 512 x 512"


@pytest.mark.parametrize(
    ("row", "wanted", "met"),
    [
        (make_row(), "at most 12 % over the network", True),
        (replace(make_row(), network_ms=(90.0,)), "at most 12 % over the network", False),
        (make_row(rate_hz=30.0), "", None),  # more than the network can take
        (make_row(sensors=("rgb",)), "", None),
        (make_row(side=256), "", None),
        (make_row(side=256, rate_hz=30.0, masks_hz=19.0), "20 masks/s", False),
        (make_row(side=256, rate_hz=30.0, masks_hz=21.0), "20 masks/s", True),
    ],
)
def test_what_is_asked_for_is_asked_of_the_loads_that_it_is_meant_for(row, wanted, met):
    assert (row.wanted, row.met) == (wanted, met)


def test_tables_have_a_line_for_each_row_and_what_is_asked_below():
    text = markdown_table([make_row(), make_row(sensors=("rgb",))])
    assert "| RDEL | 5 |" in text
    assert "+10 %" in text
    assert verdicts([make_row()]) == [
        "RDEL at 5 Hz, 512 x 512: at most 12 % over the network: reached"
    ]
    assert verdicts([make_row(sensors=("rgb",))]) == []


def test_the_first_subset_is_measured_at_every_rate_and_the_others_at_one():
    assert plan((1.0, 4.0, 30.0), (ALL, ("rgb",))) == [
        (ALL, 1.0), (ALL, 4.0), (ALL, 30.0), (("rgb",), 4.0)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("option", "value"),
    [("--rates", "fast"), ("--rates", "0"), ("--subsets", "RX"), ("--subsets", "R,,D"),
     ("--size", "8"), ("--seconds", "0"), ("--rounds", "0")],
)  # fmt: skip
def test_an_impossible_option_is_refused_in_one_line(option, value, capsys):
    assert main(["benchmark", "node", option, value]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert option in said
