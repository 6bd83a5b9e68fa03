"""What a data set holds, and what is wrong with it, against slow counts."""

from collections import Counter

import numpy as np

from anyseg_core.data.inspection import SplitReport, inspect_sample
from anyseg_core.data.opening import list_split, open_layout


def inspected(root, split):
    layout = open_layout(root)
    listing = list_split(layout, split, layout.modalities)
    report = SplitReport.of(listing)
    for index in range(len(listing.dataset)):
        report.add(inspect_sample(listing.dataset, index))
    return report


def test_a_good_split_is_counted(deliver):
    report = inspected(deliver.root, "train")
    assert report.samples == 4
    assert report.conditions == {"cloud": 2, "rain": 2}
    assert report.failures == {"normal": 2, "motionblur": 2}
    assert report.sizes == {(16, 12): 4}
    assert report.bad == []
    labels = [labels for name, labels in deliver.stored.items() if "/train/" in name]
    counted = Counter(int(label) for image in labels for row in image for label in row)
    assert {i: int(n) for i, n in enumerate(report.pixels) if n} == counted


def test_classes_that_never_occur_are_named(deliver, write):
    for path in (deliver.root / "semantic" / "sun" / "test").rglob("*.png"):
        write(path, np.full((12, 16, 4), 7, np.uint8))  # Road
    report = inspected(deliver.root, "test")
    assert len(report.absent_classes) == 24
    assert "Road" not in report.absent_classes
    assert report.as_json()["class_pixels"]["Road"] == 2 * 12 * 16


def test_everything_that_is_wrong_with_a_sample_is_told(deliver, write):
    base = "rain/train/MAP_2_point1_motionblur/000030"
    paths = {
        kind: deliver.root / kind / f"{base}_{tag}_front.png"
        for kind, tag in (("img", "rgb"), ("hha", "depth"), ("semantic", "semantic"))
    }
    paths["img"].write_bytes(b"")
    write(paths["hha"], np.zeros((4, 5, 3), np.uint8))
    labels = np.full((12, 16, 4), 1, np.uint8)
    labels[0, :3, 0] = (30, 40, 30)
    write(paths["semantic"], labels)
    (deliver.root / "lidar/cloud/train/MAP_1_point2/000030_lidar_front.png").unlink()
    report = inspected(deliver.root, "train")
    assert report.samples == 3
    told = {file.path.removeprefix(f"{deliver.root}/"): file.reason for file in report.bad}
    assert told[f"img/{base}_rgb_front.png"].startswith("0 bytes")
    assert "5 x 4 pixels; wanted the labels' size, 16 x 12" in told[f"hha/{base}_depth_front.png"]
    assert "no class on 3 pixels: 30, 40" in told[f"semantic/{base}_semantic_front.png"]
    assert told["lidar/cloud/train/MAP_1_point2/000030_lidar_front.png"] == "no such file"
    assert len(told) == len(report.bad) == 4


def test_labels_that_cannot_be_read_do_not_hide_other_files(deliver):
    base = "sun/test/MAP_3_point1/000040"
    for kind in ("semantic", "lidar"):
        (deliver.root / kind / f"{base}_{kind}_front.png").write_bytes(b"nonsense")
    report = inspected(deliver.root, "test")
    assert [file.path.split("/")[-5] for file in report.bad] == ["semantic", "lidar"]
    assert report.sizes == {(16, 12): 1}
