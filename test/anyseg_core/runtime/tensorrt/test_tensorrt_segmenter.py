"""The segmenter over the stand-in of conftest.py, which computes: held against PyTorch."""

import sys
from itertools import combinations

import numpy as np
import pytest

from anyseg_core.errors import CheckpointError, ConfigurationError, MissingDependencyError
from anyseg_core.models import load_checkpoint
from anyseg_core.runtime import load_segmenter, tensorrt_execution
from anyseg_core.runtime.graph_cache import CachedGraphs
from anyseg_core.runtime.parity import label_agreement
from anyseg_core.runtime.tensorrt_segmenter import TensorrtSegmenter
from anyseg_core.types import MODALITIES

pytestmark = pytest.mark.usefixtures("fake", "device")

SUBSETS = [each for count in range(1, 5) for each in combinations(MODALITIES, count)]


@pytest.fixture(scope="module")
def graphs(checkpoint):
    return CachedGraphs(*load_checkpoint(checkpoint))


@pytest.fixture(scope="module")
def reference(checkpoint):
    return load_segmenter(checkpoint, "torch", "cpu")


@pytest.fixture
def segmenter(fake, graphs):
    one = TensorrtSegmenter(graphs, device="auto", precision="float32")
    one.warm_up(96, 64)
    fake.runs.clear()
    return one


def encoded(fake):
    """How many images each run of the encoder took."""
    return [shapes["images"][0] for shapes in fake.runs if "images" in shapes]


def test_every_subset_gets_the_references_answer_with_nothing_left_to_build(
    fake, segmenter, reference, tensors
):
    builds, contexts = len(fake.builds), fake.contexts
    for subset in SUBSETS:
        given = {name: tensors[name] for name in subset}
        wanted, got = reference.segment(given), segmenter.segment(given)
        assert len(set(wanted.labels.flat)) > 1
        assert (got.labels == wanted.labels).mean() >= 0.995
        assert got.labels.dtype == got.confidence.dtype == np.uint8
        difference = np.abs(got.confidence.astype(int) - wanted.confidence)
        assert np.quantile(difference, 0.99) <= 1
        assert got.weights == pytest.approx(wanted.weights, abs=1e-4)
    assert (len(fake.builds), fake.contexts) == (builds, contexts)


def test_half_precision_is_what_auto_takes_and_agrees_too(graphs, reference, tensors):
    segmenter = TensorrtSegmenter(graphs, device="auto")
    assert "float16" in segmenter.description
    for count in range(1, 5):
        given = dict(list(tensors.items())[:count])
        assert label_agreement(reference, segmenter, given) >= 0.995


@pytest.mark.parametrize("alignment", [1, 1 << 40], ids=["aligned", "never aligned"])
def test_memory_that_cannot_be_bound_in_place_changes_nothing(
    graphs, tensors, monkeypatch, alignment
):
    monkeypatch.setattr(tensorrt_execution, "_ALIGNMENT", alignment)
    segmenter = TensorrtSegmenter(graphs, device="auto", precision="float32")
    every = segmenter.segment(tensors)
    pair = segmenter.segment({name: tensors[name] for name in ("rgb", "lidar")})
    monkeypatch.undo()
    assert np.array_equal(every.labels, segmenter.segment(tensors).labels)
    assert not np.array_equal(every.labels, pair.labels)


def test_one_engine_encodes_and_one_fuses_each_number_of_modalities(
    fake, graphs, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    TensorrtSegmenter(graphs, device="auto").warm_up(96, 64)
    encoder, *fusions = [built.config.profiles for built in fake.builds]
    assert encoder == [{"images": (1, 3, 64, 96)}]
    assert [[shapes["features0"][0] for shapes in each] for each in fusions] == [[1], [2], [3], [4]]


def test_each_new_image_is_encoded_once_and_by_itself(fake, segmenter, tensors):
    segmenter.segment(tensors)
    assert encoded(fake) == [1, 1, 1, 1]
    fake.runs.clear()
    segmenter.segment({name: tensors[name] for name in ("rgb", "lidar")})
    assert encoded(fake) == [1, 1]


def test_features_of_an_unchanged_reading_are_used_again_to_the_last_bit(fake, segmenter, tensors):
    readings = dict.fromkeys(tensors, 1)
    first = segmenter.segment(tensors, readings)
    fake.runs.clear()
    again = segmenter.segment(tensors, readings | {"rgb": 2, "depth": 2, "event": 2})
    assert encoded(fake) == [1, 1, 1]
    assert np.array_equal(first.labels, again.labels)
    assert np.array_equal(first.confidence, again.confidence)
    assert first.weights == again.weights


def test_a_kept_reading_outlives_frames_in_which_its_sensor_is_missing(
    fake, segmenter, reference, tensors
):
    segmenter.segment(tensors, {"lidar": 1})
    segmenter.segment({"rgb": tensors["depth"], "depth": tensors["rgb"]})
    fake.runs.clear()
    blank = tensors | {"lidar": np.zeros_like(tensors["lidar"])}
    got = segmenter.segment(blank, {"lidar": 1})
    assert encoded(fake) == [1, 1, 1]
    assert (got.labels == reference.segment(tensors).labels).mean() >= 0.995


def test_a_prediction_is_the_callers_own(segmenter, tensors):
    first = segmenter.segment(tensors)
    kept = first.labels.copy(), first.confidence.copy()
    segmenter.segment({"rgb": -tensors["rgb"]})
    assert np.array_equal(first.labels, kept[0])
    assert np.array_equal(first.confidence, kept[1])


def test_an_image_whose_encoding_failed_is_encoded_with_the_next_frame(fake, segmenter, tensors):
    wanted = segmenter.segment(tensors)
    fake.refused.add("run")
    with pytest.raises(RuntimeError, match="illegal memory access"):
        segmenter.segment({name: -each for name, each in tensors.items()}, {"lidar": 1})
    with pytest.raises(RuntimeError, match="illegal memory access"):
        segmenter.segment(tensors, {"lidar": 2})
    fake.refused.clear()
    got = segmenter.segment(tensors, {"lidar": 2})
    assert np.array_equal(got.labels, wanted.labels)


def test_a_second_start_builds_nothing(fake, graphs):
    TensorrtSegmenter(graphs, device="auto").warm_up(96, 64)
    fake.builds.clear()
    TensorrtSegmenter(graphs, device="auto").warm_up(96, 64)
    assert fake.builds == []


def test_the_description_names_version_gpu_and_precision(segmenter):
    assert segmenter.description == "TensorRT 10.13.0 on Tested GPU, float32"


def test_the_description_says_where_cuda_graphs_could_not_be_had(device, graphs, tensors):
    device.__class__.capturable = False
    segmenter = TensorrtSegmenter(graphs, device="auto")
    segmenter.segment(tensors)
    assert segmenter.description.endswith("float16, without CUDA graphs")


def test_a_model_with_branches_gets_an_engine_for_each(
    fake, checkpoint_of, tensors, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    reference = load_segmenter(checkpoint_of("charm"), "torch", "cpu")
    graphs = CachedGraphs(*load_checkpoint(checkpoint_of("charm")))
    segmenter = TensorrtSegmenter(graphs, device="auto", precision="float32")
    segmenter.warm_up(96, 64)
    assert len(fake.builds) == 1 + 2 + 2  # encoder, branches, numbers of modalities
    fake.runs.clear()
    for names in (("rgb",), ("depth",), ("rgb", "depth")):
        given = {name: tensors[name] for name in names}
        wanted, got = reference.segment(given), segmenter.segment(given)
        assert (got.labels == wanted.labels).mean() >= 0.995
        assert got.weights == pytest.approx(wanted.weights, abs=1e-4)
    assert len(encoded(fake)) == sum("maps0" in shapes for shapes in fake.runs) == 4
    assert len(fake.builds) == 1 + 2 + 2
    readings = dict.fromkeys(given, 1)
    first = segmenter.segment(given, readings)
    again = segmenter.segment(given | {"depth": 0 * given["depth"]}, readings)
    assert np.array_equal(first.labels, again.labels)


class OnDisk:
    """Graphs as the files of an export."""

    def __init__(self, graphs, folder):
        self._graphs, self._folder = graphs, folder
        self.card, self.has_branches = graphs.card, graphs.has_branches

    def encoder(self, size):
        return self._path("encoder", self._graphs.encoder(size))

    def fusion(self, size):
        return self._path("fusion", self._graphs.fusion(size))

    def _path(self, name, content):
        path = self._folder / f"{name}.onnx"
        path.write_bytes(content)
        return path


def test_graphs_in_files_give_the_same_answer(graphs, segmenter, tensors, tmp_path):
    other = TensorrtSegmenter(OnDisk(graphs, tmp_path), device="auto", precision="float32")
    assert np.array_equal(other.segment(tensors).labels, segmenter.segment(tensors).labels)


def test_a_graphs_file_that_is_gone_is_an_error(graphs, tmp_path, tensors):
    segmenter = TensorrtSegmenter(OnDisk(graphs, tmp_path / "gone"), device="auto")
    segmenter._graphs._path = lambda name, _: tmp_path / "gone" / name
    with pytest.raises(CheckpointError, match="cannot be read"):
        segmenter.segment(tensors)


def test_another_precision_is_refused_with_those_that_there_are(graphs):
    with pytest.raises(ConfigurationError, match="auto or float16 or float32"):
        TensorrtSegmenter(graphs, device="auto", precision="bfloat16")


def test_without_tensorrt_the_error_says_what_to_install(graphs, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(MissingDependencyError, match="pip install tensorrt"):
        TensorrtSegmenter(graphs, device="auto")
