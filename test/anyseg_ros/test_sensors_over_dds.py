"""Sensors that restart, jump and change rate, other QoS, and two robots on one network."""

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from std_srvs.srv import SetBool

from anyseg_core.messages import stamp_to_ns

S = 1_000_000_000


def values(status):
    return {entry.key: entry.value for entry in status.values}


def used(probe):
    statuses = probe.received["status"]
    return values(statuses[-1].status[0])["used"] if statuses else None


def told(probe, name, word):
    """Whether an entry of /diagnostics of this name speaks of ``word``."""
    return [
        status
        for message in probe.received["diagnostics"]
        for status in message.status
        if status.name == f"anyseg: {name}" and word in f"{status.message} {values(status)}"
    ]


def stream(probe, scene, condition, what, period_s=0.1, shift_ns=0, **shifts_ns):
    """Publish RGB and depth until ``condition`` holds; shifts move the stamps of one or all."""
    probe.received["status"].clear()
    for _ in range(int(40 / period_s)):
        now_ns = probe.now_ns()
        probe.senders["camera_info"].publish(scene.camera_info(now_ns))
        for name in ("rgb", "depth"):
            stamp_ns = now_ns + shift_ns + shifts_ns.get(name, 0)
            probe.senders[name].publish(getattr(scene, name)(stamp_ns))
        probe.spin(period_s)
        if found := condition():
            return found
    raise AssertionError(f"no {what}; log: {probe.process.output()}")


@pytest.fixture(scope="module")
def active(start_node, probe):
    process = start_node(sensors="[rgb, depth]", input_width=64, input_height=64, autostart=True)
    probe.process = process
    probe.wait_for(lambda: probe.connected(("rgb", "depth")), "subscriptions of the node")
    yield probe
    process.close()


def test_a_sensor_that_restarts_with_another_epoch_is_told_and_left_out_until_it_is_right(
    active, scene
):
    stream(active, scene, lambda: used(active) == "rgb,depth", "frame of both")
    stream(
        active,
        scene,
        lambda: used(active) == "rgb" and told(active, "depth", "in the past"),
        "word of depth's stamps",
        depth=-1_000_000 * S,
    )
    assert "camera" in active.received["status"][-1].header.frame_id
    stream(active, scene, lambda: used(active) == "rgb,depth", "return of depth")


def test_a_sound_sensor_whose_stamps_fit_no_frame_is_warned_of_with_the_reason(active, scene):
    stream(active, scene, lambda: used(active) == "rgb,depth", "frame of both")
    active.received["diagnostics"].clear()
    found = stream(
        active, scene, lambda: told(active, "depth", "in no mask of late"), "warning", depth=-2 * S
    )
    assert found[-1].level > DiagnosticStatus.OK
    assert values(found[-1])["left_out"] == "out_of_tolerance"
    stream(active, scene, lambda: used(active) == "rgb,depth", "return of depth")


def test_time_that_jumps_back_for_all_resets_and_says_so_and_masks_go_on(active, scene):
    stream(active, scene, lambda: used(active) == "rgb,depth", "frame of both")
    before_ns = stamp_to_ns(active.received["status"][-1].header.stamp)

    def masks_of_old_stamps():
        stamps = [stamp_to_ns(m.header.stamp) for m in active.received["status"]]
        return stamps and stamps[-1] < before_ns and used(active) == "rgb,depth"

    active.received["diagnostics"].clear()
    stream(active, scene, masks_of_old_stamps, "mask after the jump", shift_ns=-3 * S)
    stream(
        active,
        scene,
        lambda: told(active, "segmentation", "jumped"),
        "word of the reset",
        shift_ns=-3 * S,
    )
    assert "began anew" in active.process.output()


def test_masks_follow_a_sensor_that_changes_its_rate(active, scene):
    stream(active, scene, lambda: used(active) == "rgb,depth", "frame of both")
    for period_s in (0.03, 0.3):
        statuses = active.received["status"]
        stream(
            active,
            scene,
            lambda statuses=statuses: len(statuses) >= 6 and used(active) == "rgb,depth",
            f"frames at {period_s} s",
            period_s=period_s,
        )
        status = statuses[-1]
        mask = active.belonging("segmentation", status)
        assert (mask.width, mask.height) == (64, 48)
        assert max(bytes(mask.data)) < 25


def test_excluding_by_hand_stands_in_the_diagnostics_with_the_way_back(active, scene):
    assert active.call(SetBool, "exclude/depth", SetBool.Request(data=True)).success
    active.received["diagnostics"].clear()
    found = stream(active, scene, lambda: told(active, "depth", "by hand"), "exclusion")
    assert "~/exclude/depth" in values(found[-1])["excluded.remedy"]
    assert active.call(SetBool, "exclude/depth", SetBool.Request(data=False)).success


def test_a_publisher_with_other_qos_is_named_in_log_and_diagnostics(active, start_node, scene):
    active.process.close()
    reliable = {"qos_overrides./rgb/image.subscription.reliability": "reliable"}
    process = start_node(
        sensors="[rgb, depth]", input_width=64, input_height=64, autostart=True, **reliable
    )
    active.process = process
    active.wait_for(lambda: active.connected(("depth",)), "subscription of depth")
    active.received["diagnostics"].clear()
    found = stream(active, scene, lambda: told(active, "inputs", "other QoS"), "word of the QoS")
    assert "eliab" in values(found[-1])["/rgb/image.incompatible"]
    assert "/rgb/image.remedy" in values(found[-1])
    stream(active, scene, lambda: used(active) == "depth", "masks from depth alone")
    assert "incompatible QoS" in process.output()


def test_two_nodes_in_two_namespaces_keep_to_their_own_sensors(start_node, probe, scene):
    robots = {}
    for name in ("left", "right"):
        process = start_node(
            remaps=(f"__ns:=/{name}",), sensors="[rgb, depth]", input_width=64, input_height=64,
            autostart=True,
        )  # fmt: skip
        robots[name] = type(probe)(f"/{name}/anyseg", f"/{name}")
        robots[name].process = process
    sent = {name: set() for name in robots}
    for robot in robots.values():
        robot.wait_for(lambda r=robot: r.connected(("rgb",)), "subscription")
    pictures = {"left": scene.image, "right": np.zeros_like(scene.image)}
    try:
        for _ in range(300):
            for name, robot in robots.items():
                scene.image = pictures[name]
                stamp_ns = robot.now_ns()
                sent[name].add(stamp_ns)
                robot.senders["rgb"].publish(scene.rgb(stamp_ns))
                robot.spin(0.05)
            if used(robots["left"]) == "rgb" and used(robots["right"]) == "":
                break
        # The right robot's camera is black; the left one's is not.
        assert used(robots["left"]) == "rgb"
        assert used(robots["right"]) == ""
        for name, robot in robots.items():
            masks = robot.received["segmentation"]
            assert masks
            assert {stamp_to_ns(m.header.stamp) for m in masks} <= sent[name]
        assert set(bytes(robots["right"].received["segmentation"][-1].data)) == {255}
    finally:
        for robot in robots.values():
            robot.close()
    assert all(robot.process.interrupt() == 0 for robot in robots.values())
    assert rclpy.ok()
