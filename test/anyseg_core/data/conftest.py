"""Miniature trees in exactly the published layouts."""

import copy
import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import yaml

DELIVER_TAGS = {
    "img": "rgb", "hha": "depth", "depth": "depth", "lidar": "lidar", "event": "event",
    "semantic": "semantic",
}  # fmt: skip


def write_png(path, image):
    """Write [H, W], or [H, W, 3 or 4] in RGB order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = image if image.ndim == 2 else image[..., [2, 1, 0, 3][: image.shape[2]]]
    assert cv2.imwrite(str(path), stored)


def deliver_labels(rng, size):
    """Return class ids with some ignored, and the picture that DELIVER stores for them."""
    labels = rng.integers(0, 25, size).astype(np.uint8)
    labels[0, :4] = 255
    stored = np.zeros((*size, 4), np.uint8)
    stored[..., 0] = labels + 1  # 255 wraps to 0
    stored[0, 0, 0] = 255
    stored[..., 1:3] = rng.integers(0, 255, (*size, 2))
    stored[..., 3] = 255
    return labels, stored


@pytest.fixture
def write():
    """Function that writes a PNG in RGB order, and its folders."""
    return write_png


@pytest.fixture
def deliver(tmp_path):
    """DELIVER in little: ``root``, and what was ``stored`` by file path."""
    root, rng, stored = tmp_path / "DELIVER", np.random.default_rng(0), {}
    sequences = [
        ("cloud", "train", "MAP_1_point2"), ("rain", "train", "MAP_2_point1_motionblur"),
        ("night", "val", "MAP_1_point3_lidarjitter"), ("sun", "test", "MAP_3_point1"),
    ]  # fmt: skip
    for condition, split, sequence in sequences:
        for number in ("000030", "000040"):
            name = f"{condition}/{split}/{sequence}/{number}"
            for folder, tag in DELIVER_TAGS.items():
                size = (6, 8) if folder == "event" else (12, 16)
                image = rng.integers(0, 255, (*size, 3)).astype(np.uint8)
                if folder == "depth":
                    image = rng.integers(0, 65535, size).astype(np.uint16)
                elif folder == "semantic":
                    labels, image = deliver_labels(rng, size)
                    stored[name] = labels
                stored[folder, name] = image
                write_png(root / folder / f"{name}_{tag}_front.png", image)
    return SimpleNamespace(root=root, stored=stored)


SIMULATED = {
    "format": 1,
    "layout": "deliver",
    "name": "simulated street",
    "synthetic": True,
    "classes": "deliver",
    "encodings": {
        "rgb": {"scale": [1 / 255] * 3},
        "depth": {"scale": 0.001},
        "lidar": {
            "scale": [0.002, 1.0, 0.001],
            "offset": [0.0, 0.0, -20.0],
            "zero_is_invalid": True,
        },
        "event": {"scale": 1},
    },
    "normalisation": {"depth": {"mean": [1, 2, 3], "std": [4, 5, 6]}},
    "generator": {"seed": 7},
}


@pytest.fixture
def simulated(tmp_path):
    """A simulated set in little: ``root``, and what was ``stored`` by folder."""
    root, rng = tmp_path / "simulated", np.random.default_rng(1)
    stored = {
        "img": rng.integers(0, 255, (12, 16, 3)).astype(np.uint8),
        "depth": rng.integers(0, 60000, (12, 16)).astype(np.uint16),
        "lidar": rng.integers(1, 60000, (12, 16, 3)).astype(np.uint16),
        "event": rng.integers(0, 9, (12, 16, 3)).astype(np.uint8),
    }
    stored["lidar"][::2] = 0
    stored["labels"], stored["semantic"] = deliver_labels(rng, (12, 16))
    for folder, tag in DELIVER_TAGS.items():
        if folder != "hha":
            path = root / folder / "dusk" / "test" / "street_9" / f"000001_{tag}_front.png"
            write_png(path, stored[folder])
    (root / "dataset.yaml").write_text(yaml.safe_dump(SIMULATED))
    return SimpleNamespace(root=root, stored=stored)


MCUBES_FOLDERS = {
    "polL_color": ".png", "polL_aolp_sin": ".npy", "polL_aolp_cos": ".npy", "polL_dolp": ".npy",
    "NIR_warped": ".png", "NIR_warped_mask": ".png", "GT": ".png",
}  # fmt: skip


@pytest.fixture
def mcubes(tmp_path):
    """MCubeS in little, 200 columns wide: ``root``, and what was ``stored``."""
    root, rng, stored = tmp_path / "MCubeS", np.random.default_rng(2), {}
    tree, size = root / "multimodal_dataset", (6, 200)
    lists = {"train": ["outscene_1", "outscene_2"], "val": ["outscene_3"], "test": ["outscene_4"]}
    (tree / "list_folder").mkdir(parents=True)
    for split, names in lists.items():
        (tree / "list_folder" / f"{split}.txt").write_text("\n".join(names) + "\n")
        for name in names:
            for folder, suffix in MCUBES_FOLDERS.items():
                if suffix == ".npy":
                    image = rng.uniform(-1, 1, size)
                elif folder == "polL_color":
                    image = rng.integers(0, 65535, (*size, 3)).astype(np.uint16)
                elif folder == "NIR_warped":
                    image = rng.integers(0, 65535, size).astype(np.uint16)
                else:
                    image = rng.integers(0, 20, size).astype(np.uint8)
                    image[0] = 255
                stored[folder, name] = image
                path = tree / folder / f"{name}{suffix}"
                path.parent.mkdir(exist_ok=True)
                if suffix == ".npy":
                    np.save(path, image)
                else:
                    write_png(path, image)
    return SimpleNamespace(root=root, stored=stored, tree=tree)


MUSES_CALIBRATION = {
    "intrinsics": {
        "rgb": {"K": [[1000.0, 0, 959.5], [0, 1000.0, 539.5], [0, 0, 1]]},
        "event": {"K": [[1000.0, 0, 639.5], [0, 1000.0, 359.5], [0, 0, 1]]},
    },
    "extrinsics": {
        # the LiDAR's axes are x forward, y left, z up
        "lidar2rgb": [[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]],
        "event2rgb": [[1, 0, 0, 0.1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
    },
}


@pytest.fixture
def muses(tmp_path):
    """MUSES in full size, one sample a split: ``root``, and its ``points`` and ``labels``."""
    h5py = pytest.importorskip("h5py")
    root, size = tmp_path / "MUSES", (1080, 1920)
    points = np.array([
        (10.0, 0.0, 0.0, 7.0, 3, 0.1),  # pixel 959.5, 539.5 of the camera
        (20.0, 5.0, 2.0, 9.0, 4, 0.2),
        (0.5, 0.0, 0.0, 1.0, 5, 0.3),  # the vehicle itself
        (-10.0, 0.0, 0.0, 1.0, 5, 0.4),  # behind
    ])  # fmt: skip
    events = {
        "x": np.array([639, 639, 640, 700, 1], np.uint16),
        "y": np.array([359, 359, 359, 300, 1], np.uint16),
        "t": np.array([10_000, 60_000, 70_000, 89_999, 59_999], np.uint64),  # microseconds
        "p": np.array([1, 1, 0, 1, 1], np.uint8),
    }
    labels = np.full(size, 255, np.uint8)
    labels[500:] = np.arange(1920) % 19
    for split, where in (("train", "fog/night"), ("val", "clear/day")):
        name = f"{split}/{where}/REC0001_frame_000100"
        write_png(
            root / "frame_camera" / f"{name}_frame_camera.png", np.full((*size, 3), 51, np.uint8)
        )
        write_png(root / "gt_semantic" / f"{name}_gt_labelTrainIds.png", labels)
        for folder in ("lidar", "event_camera"):
            (root / folder / name).parent.mkdir(parents=True)
        points.tofile(root / "lidar" / f"{name}_lidar.bin")
        with h5py.File(root / "event_camera" / f"{name}_event_camera.h5", "w") as file:
            for column, values in events.items():
                file[f"events/{column}"] = values
    (root / "calib.json").write_text(json.dumps(MUSES_CALIBRATION))
    (root / "meta.json").write_text("{}")
    return SimpleNamespace(root=root, points=points, labels=labels)


OWN = {
    "format": 1,
    "layout": "folders",
    "name": "Yard",
    "classes": [
        {"name": "ground", "colour": [10, 20, 30]}, {"name": "wall", "colour": [40, 50, 60]},
        {"name": "fork lift", "colour": [200, 100, 0]},
    ],
    "modalities": {
        "rgb": {"folder": "{split}/camera", "suffix": ".png", "scale": 1 / 255},
        "thermal": {
            "folder": "{split}/thermal", "suffix": "_t.png", "scale": 0.01, "offset": -273.15,
        },
    },
    "labels": {"folder": "{split}/labels", "suffix": "_ids.png", "ids": {4: "wall", 7: "ground"},
               "ignore": [9]},
    "splits": {"train": "training", "val": {"folder": "training", "list": "val.txt"}},
}  # fmt: skip


@pytest.fixture
def own(tmp_path):
    """Own data in little: ``root``, its ``yaml``, the ``document``, and what was ``stored``."""
    root, rng, stored = tmp_path / "yard", np.random.default_rng(3), {}
    for name in ("mon/a", "mon/b", "tue/a"):
        stored["rgb", name] = rng.integers(0, 255, (5, 7, 3)).astype(np.uint8)
        stored["thermal", name] = rng.integers(25000, 33000, (5, 7)).astype(np.uint16)
        stored["labels", name] = rng.choice([4, 7, 9, 255], (5, 7)).astype(np.uint8)
        for kind, folder, suffix in (
            ("rgb", "camera", ""), ("thermal", "thermal", "_t"), ("labels", "labels", "_ids"),
        ):  # fmt: skip
            write_png(root / "training" / folder / f"{name}{suffix}.png", stored[kind, name])
    (root / "val.txt").write_text("tue/a\n\n")
    path = tmp_path / "yard.yaml"
    path.write_text(yaml.safe_dump(OWN))
    return SimpleNamespace(root=root, yaml=path, document=copy.deepcopy(OWN), stored=stored)
