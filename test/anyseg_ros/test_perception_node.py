"""The node in its own process, over DDS: what it publishes, and that nothing brings it down."""

import array
import json
from shutil import copyfile

import numpy as np
import pytest
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.parameter import Parameter, parameter_value_to_python
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import String

from anyseg_core.classes import DELIVER
from anyseg_core.normalisation import DEFAULT_NORMALISATION
from anyseg_core.projection import resize_rgb
from anyseg_core.runtime import load_segmenter
from anyseg_ros.outputs import LATCHED

SENSORS = ("rgb", "depth", "event", "lidar")


@pytest.fixture(scope="module")
def active(start_node, probe, calibration_file):
    """One node for most tests: active, small and quick, with every topic connected."""
    process = start_node(
        calibration_file=calibration_file,
        input_width=64,
        input_height=64,
        autostart=True,
        rgb__timeout_s=0.6,
        lidar__timeout_s=0.6,
    )
    probe.process = process
    probe.wait_for(probe.connected, "subscriptions of the node")
    yield probe
    process.close()


def stream(probe, scene, names, condition, what, patience_s=40.0):
    """Publish ``names`` at 10 Hz until ``condition`` holds."""
    probe.received["status"].clear()
    for _ in range(int(patience_s * 10)):
        stamp_ns = probe.now_ns()
        for name in names:
            message = getattr(scene, name)(stamp_ns)
            probe.senders[name].publish(message)
        probe.spin(0.1)
        if found := condition():
            return found
    raise AssertionError(f"no {what} within {patience_s} s; log: {probe.process.output()}")


def latest_used(probe):
    statuses = probe.received["status"]
    return values(statuses[-1].status[0])["used"].split(",") if statuses else None


def values(status):
    return {entry.key: entry.value for entry in status.values}


def sensor_status(probe, name):
    return next(s for s in probe.received["status"][-1].status if s.name.endswith(f": {name}"))


def reason(probe, name):
    return values(sensor_status(probe, name))["reason"]


def using(probe, *names):
    return lambda: latest_used(probe) == list(names)


def test_masks_carry_the_reference_stamp_the_camera_frame_and_the_camera_size(active, scene):
    stream(active, scene, (*SENSORS, "camera_info"), using(active, *SENSORS), "frame of all four")
    status = active.received["status"][-1]
    mask = active.belonging("segmentation", status)
    confidence = active.belonging("confidence", status)
    assert (mask.width, mask.height, mask.encoding) == (64, 48, "mono8")
    assert mask.header.frame_id == "camera_optical"
    assert confidence.header == mask.header
    assert active.received["status"][-1].header.frame_id == "camera_optical"
    assert max(bytes(mask.data)) < 25
    assert len(set(bytes(confidence.data))) > 1


def test_the_mask_is_the_networks_answer_to_that_very_image(active, scene):
    stream(active, scene, ("rgb",), using(active, "rgb"), "frame of RGB alone")
    mask = active.belonging("segmentation", active.received["status"][-1])
    stamp_ns = mask.header.stamp.sec * 10**9 + mask.header.stamp.nanosec
    norm = DEFAULT_NORMALISATION["rgb"]
    tensor = resize_rgb(scene.image_at(stamp_ns), 64, 64, norm.mean, norm.std)
    expected = load_segmenter().segment({"rgb": tensor}).labels
    rows = np.minimum(((np.arange(48) + 0.5) * 64 / 48).astype(int), 63)
    got = np.frombuffer(mask.data, np.uint8).reshape(48, 64)
    # a row that falls on the border between two of the network's may take either
    assert (got == expected[rows]).mean() > 0.97


def test_classes_are_latched_for_whoever_comes_late(active):
    late = active.received["late"]
    active.subscribe("/anyseg/label_info", "late", String, LATCHED)
    names = active.wait_for(lambda: late, "label info")[0]
    classes = json.loads(names.data)["classes"]
    assert (len(classes), classes[0]["name"], classes[12]["name"]) == (25, "Building", "Sky")
    assert json.loads(names.data)["unlabelled"] == 255


def test_a_sensor_that_goes_silent_is_left_out_by_name_and_comes_back(active, scene):
    stream(active, scene, SENSORS, using(active, *SENSORS), "frame of all four")
    left = ("rgb", "depth", "event")
    stream(
        active,
        scene,
        left,
        lambda: latest_used(active) == list(left) and reason(active, "lidar") == "stale",
        "set of RDE with the LiDAR stale",
    )
    stream(active, scene, SENSORS, using(active, *SENSORS), "return of the LiDAR")


def test_the_reference_fails_over_when_the_camera_dies(active, scene):
    stream(active, scene, SENSORS, using(active, *SENSORS), "frame of all four")
    stream(active, scene, ("depth", "lidar"), using(active, "depth", "lidar"), "set of DL")
    assert values(active.received["status"][-1].status[0])["reference"] == "depth"
    mask = active.belonging("segmentation", active.received["status"][-1])
    assert mask.header.frame_id == "camera_optical"


def test_a_black_camera_is_left_out_though_it_still_delivers(active, scene):
    stream(active, scene, SENSORS, using(active, *SENSORS), "frame of all four")
    scene.image = np.zeros_like(scene.image)
    stream(active, scene, SENSORS, using(active, "depth", "event", "lidar"), "set without RGB")
    assert "black" in reason(active, "rgb")


def test_with_nothing_to_trust_the_mask_says_so_instead_of_falling_silent(active, scene):
    scene.image = np.zeros_like(scene.image)
    stream(active, scene, ("rgb",), lambda: latest_used(active) == [""], "frame of nothing")
    status = active.received["status"][-1]
    assert set(bytes(active.belonging("segmentation", status).data)) == {255}
    assert set(bytes(active.belonging("confidence", status).data)) == {0}


def pictures_of_one_frame(received):
    """Mask, colours and overlay of the latest frame of which all three came; None before."""
    by_stamp = [
        {(m.header.stamp.sec, m.header.stamp.nanosec): m for m in received[name]}
        for name in ("segmentation", "color", "overlay")
    ]
    shared = set.intersection(*map(set, by_stamp))
    return [messages[max(shared)] for messages in by_stamp] if shared else None


def test_pictures_are_made_for_whoever_looks(active, scene):
    for name, kind in (("color", Image), ("overlay", Image), ("points", PointCloud2)):
        active.listen(name, kind)
    received = active.received
    stream(
        active,
        scene,
        SENSORS,
        lambda: pictures_of_one_frame(received) and received["points"],
        "pictures",
    )
    messages = pictures_of_one_frame(received)
    stamp = messages[0].header.stamp
    mask, color, overlay = (np.frombuffer(m.data, np.uint8).reshape(48, 64, -1) for m in messages)
    assert np.array_equal(color, DELIVER.palette()[mask[..., 0]])
    image = scene.image_at(stamp.sec * 10**9 + stamp.nanosec)
    assert np.abs(overlay - (image.astype(float) + color) / 2).max() <= 1
    assert received["points"][-1].width == len(scene.points)
    assert received["points"][-1].header.frame_id == "lidar"


WRONG = (
    ("checkpoint", "/nowhere/at_all.safetensors", "/nowhere/at_all"),
    ("checkpoint", "truncated.safetensors", "truncated.safetensors"),
    ("checkpoint", "other_classes.safetensors", "other_classes"),
    ("device", "quantum", "device 'quantum'"),
    ("backend", "abacus", "backend 'abacus'"),
    ("calibration_file", "/nowhere/rig.yaml", "rig.yaml"),
)


def write_checkpoints(folder, checkpoint):
    """One checkpoint cut short, and one whose card speaks of other classes than its weights."""
    for name in ("truncated", "other_classes"):
        for suffix in (".safetensors", ".json"):
            copyfile(checkpoint.with_suffix(suffix), folder / f"{name}{suffix}")
    weights = folder / "truncated.safetensors"
    weights.write_bytes(weights.read_bytes()[:100_000])
    card = folder / "other_classes.json"
    content = json.loads(card.read_text())
    del content["classes"][7:]
    card.write_text(json.dumps(content))
    return folder


def values_of_parameters(probe, name):
    answer = probe.call(GetParameters, "get_parameters", GetParameters.Request(names=[name]))
    return parameter_value_to_python(answer.values[0])


def set_parameter(probe, name, value):
    parameter = Parameter(name, value=value).to_parameter_msg()
    request = SetParameters.Request(parameters=[parameter])
    assert probe.call(SetParameters, "set_parameters", request).results[0].successful


def bad_messages(scene, now_ns):
    """Every kind of message that a node must survive, each with a word of its reason.

    By sensor, in rounds: the diagnostics tell of each sensor's latest.
    """
    wrong_encoding = scene.rgb(now_ns)
    wrong_encoding.encoding = "klingon8"
    wrong_step = scene.rgb(now_ns)
    wrong_step.step = 7
    unstamped = scene.rgb(0)
    ancient, future = scene.rgb(now_ns - 60 * 10**9), scene.rgb(now_ns + 60 * 10**9)
    no_xyz = scene.lidar(now_ns)
    no_xyz.fields = no_xyz.fields[3:]
    empty = scene.lidar(now_ns)
    empty.width, empty.row_step, empty.data = 0, 0, array.array("B")
    nan = scene.lidar(now_ns)
    nan.data = array.array("B", np.full(nan.width * 4, np.nan, np.float32).tobytes())
    other_size = scene.camera_info(now_ns, width=640, height=480)
    no_focus = scene.camera_info(now_ns, k=np.zeros(9))
    colour_depth = scene.rgb(now_ns)
    return [
        {
            "rgb": (wrong_encoding, "klingon8"),
            "depth": (colour_depth, "REP 118"),
            "lidar": (no_xyz, "add x, y, z"),
            "camera_info": (other_size, "640 x 480"),
        },
        {
            "rgb": (wrong_step, "step 7"),
            "lidar": (empty, "without points"),
            "camera_info": (no_focus, "fx"),
        },
        {"rgb": (unstamped, "stamp 0"), "lidar": (nan, "all NaN")},
        {"rgb": (ancient, "in the past")},
        {"rgb": (future, "in the future")},
    ]


def test_no_message_brings_the_node_down_and_each_reason_is_told(active, scene):
    stream(active, scene, (*SENSORS, "camera_info"), using(active, *SENSORS), "frame of all four")
    for together in bad_messages(scene, active.now_ns()):
        active.received["diagnostics"].clear()
        for name, (message, _) in together.items():
            active.senders[name].publish(message)
        for name, (_, word) in together.items():
            told = active.wait_for(
                lambda name=name, word=word: [
                    values(status)
                    for array_ in active.received["diagnostics"]
                    for status in array_.status
                    if status.name == f"anyseg: {name}" and word in str(values(status))
                ],
                f"diagnostic with {word!r}",
                20,
            )
            assert {"got", "wanted", "do"} <= set(told[0])
    log = active.process.output()
    for kind in ("klingon8", "step 7", "stamp 0", "in the past", "REP 118", "add x, y, z", "fx"):
        assert log.count(kind) == 1, kind
    stream(active, scene, (*SENSORS, "camera_info"), using(active, *SENSORS), "frame after it all")


def test_diagnostics_come_once_a_second_and_count_the_publishers_of_every_topic(active):
    active.wait_for(lambda: active.received["diagnostics"], "diagnostics")
    active.received["diagnostics"].clear()
    active.spin(3.5)
    assert 2 <= len(active.received["diagnostics"]) <= 5
    names = [status.name for status in active.received["diagnostics"][-1].status]
    sensors = [f"anyseg: {name}" for name in SENSORS]
    assert names[:5] == ["anyseg: segmentation", *sensors]
    inputs = active.received["diagnostics"][-1].status[-1]
    assert inputs.name == "anyseg: inputs"
    assert set(values(inputs).values()) == {"1"}


def test_an_interrupt_ends_the_node_cleanly(active, scene):
    """The last test of the shared node."""
    stream(active, scene, SENSORS, using(active, *SENSORS), "frame of all four")
    assert active.process.interrupt() == 0
    assert "Traceback" not in active.process.output()


def test_a_missing_extrinsic_leaves_the_lidar_out_and_is_never_read_as_identity(
    start_node, probe, scene
):
    probe.process = start_node(input_width=64, input_height=64, autostart=True)
    probe.wait_for(probe.connected, "subscriptions of the node")
    stream(
        probe,
        scene,
        (*SENSORS, "camera_info"),
        using(probe, "rgb", "depth", "event"),
        "set without the LiDAR",
    )
    assert "camera_optical" in values(sensor_status(probe, "lidar"))["reason"]
    assert "calibration_file" in values(sensor_status(probe, "lidar"))["reason"]
    assert probe.process.interrupt() == 0


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [("event__type", "smoke", "event.type = 'smoke'"), ("sensors", "[sonar]", "sonar")],
)
def test_a_bad_value_in_the_parameter_file_fails_the_start(start_node, probe, name, value, why):
    process = start_node(**{name: value})
    assert not probe.transition("configure")
    assert why in process.output()
    assert process.interrupt() == 0


def test_a_wrong_configuration_fails_the_transition_with_the_reason(
    start_node, probe, scene, calibration_file, checkpoint, tmp_path
):
    """Then the lifecycle can be walked twice over, data flowing each time."""
    process = probe.process = start_node(input_width=64, input_height=64)
    folder = write_checkpoints(tmp_path, checkpoint)
    for name, value, why in WRONG:
        before = values_of_parameters(probe, name)
        is_file = name == "checkpoint" and not value.startswith("/")
        set_parameter(probe, name, str(folder / value) if is_file else value)
        assert not probe.transition("configure")
        assert probe.state() == "unconfigured"
        assert why in process.output()
        set_parameter(probe, name, before)
    assert process.output().count("cannot be configured") == len(WRONG)
    set_parameter(probe, "calibration_file", str(calibration_file))
    for _ in range(2):
        assert probe.transition("configure")
        assert probe.state() == "inactive"
        for _ in range(2):
            assert probe.transition("activate")
            probe.wait_for(probe.connected, "subscriptions of the node")
            stream(probe, scene, SENSORS, using(probe, *SENSORS), "frame of all four")
            assert probe.transition("deactivate")
            probe.wait_for(lambda: not probe.connected(("rgb",)), "end of the subscriptions")
        assert probe.transition("cleanup")
        assert probe.state() == "unconfigured"
