"""A recorded KITTI frame, sent to the running node as a camera and a LiDAR would send it.

The recording is looked for beside the repository; where it is absent these tests skip, and
test_perception_node.py covers the same paths with generated data.
"""

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from anyseg_core.geometry import Calibration, Camera, save_calibration
from anyseg_core.messages import stamp_to_ns
from anyseg_core.normalisation import DEFAULT_NORMALISATION
from anyseg_core.projection import normalise, project_lidar, resize_rgb
from anyseg_core.runtime import load_segmenter
from anyseg_core.types import LidarRecord
from anyseg_ros.conversions.camera_info import camera_info_message
from anyseg_ros.conversions.images import image_message
from anyseg_ros.conversions.pointclouds import lidar_message

KITTI = Path(__file__).parents[2].parent / "shared" / "real" / "kitti_frame"
FRAME = "camera_color_optical"
INPUT = (256, 128)

pytestmark = pytest.mark.skipif(
    not KITTI.is_dir(), reason=f"the recorded KITTI frame is not at {KITTI.name}/ beside the tree"
)


@pytest.fixture(scope="module")
def kitti():
    """Image, points, camera and extrinsic as recorded."""
    image = cv2.imread(str(KITTI / "image.png"), cv2.IMREAD_COLOR_RGB)
    points = np.fromfile(KITTI / "lidar.bin", np.float32).reshape(-1, 4)
    recorded = yaml.safe_load((KITTI / "calibration.yaml").read_text())
    projection = np.array(recorded["projection"], float).reshape(4, 4)
    camera_from_lidar = np.array(recorded["camera_from_lidar"], float).reshape(4, 4)
    camera, camera_from_reference = Camera.from_projection(
        projection, image.shape[1], image.shape[0]
    )
    return image, points, camera, camera_from_reference @ camera_from_lidar


@pytest.fixture(scope="module")
def running(kitti, start_node, probe, tmp_path_factory):
    _, _, camera, camera_from_lidar = kitti
    path = tmp_path_factory.mktemp("kitti") / "rig.yaml"
    extrinsic = {(FRAME, "velodyne"): camera_from_lidar}
    save_calibration(Calibration({"rgb": camera}, extrinsic, {"rgb": FRAME}), path)
    process = start_node(
        calibration_file=path,
        input_width=INPUT[0],
        input_height=INPUT[1],
        autostart=True,
        sensors="[rgb, lidar]",
    )
    probe.wait_for(lambda: probe.connected(("rgb", "lidar", "camera_info")), "subscriptions")
    yield probe
    assert process.interrupt() == 0


def drive(probe, kitti, alive, used):
    """Send the frame at 10 Hz from ``alive`` until a mask comes from exactly ``used``."""
    image, points, camera, _ = kitti
    sent = set()
    for _ in range(300):
        stamp_ns = probe.now_ns()
        sent.add(stamp_ns)
        if "rgb" in alive:
            probe.senders["camera_info"].publish(camera_info_message(camera, stamp_ns, FRAME))
            probe.senders["rgb"].publish(image_message(image, "rgb8", stamp_ns, FRAME))
        if "lidar" in alive:
            record = LidarRecord(stamp_ns, "velodyne", points)
            probe.senders["lidar"].publish(lidar_message(record))
        probe.received["status"].clear()
        probe.spin(0.1)
        statuses = probe.received["status"]
        values = {e.key: e.value for e in statuses[-1].status[0].values} if statuses else {}
        # of the frames of before, masks may come late
        if values.get("used") == ",".join(used) and stamp_to_ns(statuses[-1].header.stamp) in sent:
            return probe.belonging("segmentation", statuses[-1])
    raise AssertionError(f"no mask from {used}")


def expected_labels(kitti, used):
    """The network's answer at its own size, from the recording itself."""
    image, points, camera, camera_from_lidar = kitti
    tensors = {}
    if "rgb" in used:
        statistics = DEFAULT_NORMALISATION["rgb"]
        tensors["rgb"] = resize_rgb(image, *INPUT, statistics.mean, statistics.std)
    if "lidar" in used:
        sweep = project_lidar(points, camera.scaled(*INPUT), camera_from_lidar, min_range_m=1.0)
        assert sweep.valid.sum() > 5000
        tensors["lidar"] = normalise(sweep.channels, sweep.valid, DEFAULT_NORMALISATION["lidar"])
    return load_segmenter().segment(tensors).labels


@pytest.mark.parametrize(
    ("alive", "used"),
    [
        (("rgb", "lidar"), ("rgb", "lidar")),
        (("rgb",), ("rgb",)),
        (("lidar",), ("lidar",)),
    ],
    ids=["both", "LiDAR taken away", "RGB taken away"],
)
def test_a_recorded_frame_is_segmented_from_what_is_left(running, kitti, alive, used):
    image = kitti[0]
    mask = drive(running, kitti, alive, used)
    assert (mask.height, mask.width) == image.shape[:2]
    assert mask.encoding == "mono8"
    assert mask.header.frame_id == FRAME
    labels = np.frombuffer(mask.data, np.uint8).reshape(image.shape[:2])
    expected = expected_labels(kitti, used)
    rows = ((np.arange(mask.height) + 0.5) * INPUT[1] / mask.height).astype(int)
    columns = ((np.arange(mask.width) + 0.5) * INPUT[0] / mask.width).astype(int)
    assert (labels == expected[np.ix_(rows, columns)]).mean() > 0.99
