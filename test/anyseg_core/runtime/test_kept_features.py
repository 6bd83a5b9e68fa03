"""Features of a reading that has not changed are used again, and change nothing."""

import numpy as np
import pytest

from anyseg_core.runtime import load_segmenter

BACKENDS = ("torch", "onnxruntime", "openvino")
KINDS = ("any2seg", "any2seg-every", "charm", "mean_fusion")


@pytest.fixture(params=BACKENDS)
def backend(request):
    if request.param != "torch":
        pytest.importorskip(request.param)
    return request.param


@pytest.fixture
def count_encodings(monkeypatch):
    """A list to which every image that a segmenter encodes at 64 x 96 adds its first value."""

    def _watch(segmenter):
        graphs = hasattr(segmenter, "_network")
        owner = segmenter._network((64, 96)) if graphs else segmenter._halves
        name = "encode" if graphs else "_encode"
        encode, seen = getattr(owner, name), []

        def watched(*given):
            seen.append(float(given[-1].reshape(-1)[0]))
            return encode(*given)

        monkeypatch.setattr(owner, name, watched)
        return seen

    return _watch


def anew(tensors):
    """An identity for each modality that no reading had before."""
    return {name: object() for name in tensors}


def same(one, other):
    assert np.array_equal(one.labels, other.labels)
    assert np.array_equal(one.confidence, other.confidence)
    assert one.weights == other.weights


@pytest.mark.parametrize("kind", KINDS)
def test_an_unchanged_reading_is_not_encoded_again_and_the_mask_is_the_same_to_the_bit(
    load, kind, backend, tensors, count_encodings
):
    segmenter = load(kind, backend)
    tensors = {name: tensors[name] for name in segmenter.card.spec.modalities}
    seen = count_encodings(segmenter)
    readings = anew(tensors)
    segmenter.segment(tensors, readings)
    assert len(seen) == len(tensors)
    newer = {name: image[:, ::-1].copy() for name, image in tensors.items()} | {
        "depth": tensors["depth"]
    }
    later = anew(tensors) | {"depth": readings["depth"]}
    kept = segmenter.segment(newer, later)
    assert len(seen) == 2 * len(tensors) - 1
    assert seen.count(float(tensors["depth"][0, 0, 0])) == 1
    same(kept, segmenter.segment(newer, anew(newer)))


def test_a_reading_outlives_a_frame_without_its_sensor_and_failures_of_others(
    load, backend, tensors, count_encodings
):
    segmenter = load("any2seg", backend)
    seen = count_encodings(segmenter)
    readings = anew(tensors)
    segmenter.segment(tensors, readings)
    segmenter.segment({"rgb": tensors["rgb"]}, readings)
    some = {name: tensors[name] for name in ("rgb", "event", "lidar")}
    kept = segmenter.segment(some, readings)
    assert len(seen) == 4
    same(kept, segmenter.segment(some, anew(some)))


def test_a_modality_without_an_identity_is_encoded_anew(load, backend, tensors, count_encodings):
    segmenter = load("any2seg", backend)
    seen = count_encodings(segmenter)
    readings = anew({"rgb": 0})
    for _ in range(2):
        segmenter.segment(tensors, readings)
    assert len(seen) == 4 + 3


def test_an_identity_means_nothing_at_another_size(load, backend, tensors):
    segmenter = load("mean_fusion", backend)
    readings = anew(tensors)
    segmenter.segment(tensors, readings)
    narrow = {name: image[:, :, :64].copy() for name, image in tensors.items()}
    other = segmenter.segment(narrow, readings)
    assert other.labels.shape == (64, 64)
    same(other, segmenter.segment(narrow, anew(narrow)))
    same(segmenter.segment(tensors, readings), segmenter.segment(tensors, anew(tensors)))


def test_what_failed_to_be_encoded_is_not_taken_for_kept(load, backend, tensors, monkeypatch):
    segmenter = load("any2seg", backend)
    graphs = hasattr(segmenter, "_network")
    owner = segmenter._network((64, 96)) if graphs else segmenter._halves

    def fail(*_):
        raise MemoryError

    one = {"rgb": tensors["rgb"]}
    readings = anew(one)
    segmenter.segment(one, readings)
    changed = {"rgb": -tensors["rgb"]}
    newer = anew(one)
    with monkeypatch.context() as patch:
        patch.setattr(owner, "encode" if graphs else "_encode", fail)
        with pytest.raises(MemoryError):
            segmenter.segment(changed, newer)
    same(segmenter.segment(changed, newer), segmenter.segment(changed, anew(one)))


def test_a_model_that_mixes_modalities_takes_identities_and_keeps_nothing(save, tensors):
    segmenter = load_segmenter(save("cmnext", ("rgb", "depth")), "torch", "cpu")
    two = {name: tensors[name] for name in ("rgb", "depth")}
    readings = anew(two)
    before = segmenter.segment(two, readings)
    turned = {name: -image for name, image in two.items()}
    assert not np.array_equal(segmenter.segment(turned, readings).labels, before.labels)
