"""``anyseg export`` and the way back."""

import argparse
import json
import sys

import numpy as np
import pytest

from anyseg_core.cli.export import COMMAND
from anyseg_core.cli.main import main
from anyseg_core.errors import CheckpointError, ConfigurationError
from anyseg_core.models import load_checkpoint
from anyseg_core.runtime import load_segmenter
from anyseg_core.runtime.export_folder import write_export
from anyseg_core.runtime.graph_cache import CachedGraphs
from anyseg_core.runtime.quantised_graphs import QuantisedGraphs
from anyseg_core.weights import shipped_checkpoint

RUNTIMES = {"onnx": "onnxruntime", "openvino": "openvino"}


@pytest.fixture(params=RUNTIMES)
def graph_format(request):
    for package in ("onnx", RUNTIMES[request.param]):
        pytest.importorskip(package)
    return request.param


def test_an_export_is_checked_on_every_subset_and_can_be_loaded(
    load, checkpoint, tensors, tmp_path, capsys, graph_format
):
    folder = tmp_path / "out"
    words = ["export", str(checkpoint), "--format", graph_format, "--output", str(folder)]
    assert main([*words, "--check", "--json", str(tmp_path / "f.json")]) == 0
    said = capsys.readouterr().out
    assert "opset 17" in said
    assert "one fusion for any subset" in said
    equal = json.loads((tmp_path / "f.json").read_text())["labels_equal"]
    assert len(equal) == 15
    # ONNX Runtime reads the fusion in two forms, one for a CPU and one for a GPU.
    assert said.count(" %  ") == (30 if graph_format == "onnx" else 15)
    assert min(equal.values()) >= 0.995
    segmenter = load_segmenter(folder, RUNTIMES[graph_format])
    reference = load("any2seg", "torch")
    assert segmenter.card == reference.card
    assert segmenter.trained
    got, wanted = segmenter.segment(tensors).labels, reference.segment(tensors).labels
    assert np.mean(got == wanted) >= 0.995
    assert load_segmenter(folder).description.startswith(("OpenVINO", "ONNX Runtime"))
    with pytest.raises(ConfigurationError, match=r"an export to .*, with the backend torch"):
        load_segmenter(folder, "torch")
    with pytest.raises(CheckpointError, match="multiples of 4"):
        segmenter.segment({"rgb": tensors["rgb"][:, :, :94].copy()})


def test_a_model_with_windows_is_exported_for_one_size_with_a_branch_for_each_modality(
    load, checkpoint_of, tensors, tmp_path, capsys, graph_format
):
    words = ["export", str(checkpoint_of("charm")), "--format", graph_format, "--check"]
    assert main([*words, "--output", str(tmp_path), "--size", "96x64"]) == 0
    said = capsys.readouterr().out
    assert "an encoder, a branch for each modality and one fusion for any subset" in said
    assert "for images of 96 x 64" in said
    graphs = {path.stem for path in tmp_path.iterdir()} - {"card", "export", "classifier"}
    wanted = {"encoder", "branch-rgb", "branch-depth", "fused-maps"}
    assert graphs == wanted | ({"fusion"} if graph_format == "onnx" else set())
    segmenter = load_segmenter(tmp_path, RUNTIMES[graph_format])
    both = {name: tensors[name] for name in ("rgb", "depth")}
    got, wanted = segmenter.segment(both), load("charm", "torch").segment(both)
    assert np.mean(got.labels == wanted.labels) >= 0.995
    assert got.weights == pytest.approx(wanted.weights, abs=1e-3)
    with pytest.raises(CheckpointError, match="--size 64x64"):
        segmenter.segment({"rgb": tensors["rgb"][:, :, :64].copy()})
    for path in tmp_path.glob("branch-depth.*"):
        path.unlink()
    with pytest.raises(CheckpointError, match="without branch-depth"):
        load_segmenter(tmp_path, RUNTIMES[graph_format]).segment(both)


def test_without_a_checkpoint_the_packages_own_weights_are_exported():
    parser = argparse.ArgumentParser()
    COMMAND.add_arguments(parser)
    assert parser.parse_args(["--output", "out"]).checkpoint == shipped_checkpoint()


def test_an_export_without_its_classifier_is_refused(checkpoint, tensors, tmp_path):
    pytest.importorskip("openvino")
    graphs = CachedGraphs(*load_checkpoint(checkpoint))
    write_export(graphs, tmp_path, "openvino", (64, 96), bound=False)
    (tmp_path / "classifier.npz").write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match=r"without a readable classifier.npz"):
        load_segmenter(tmp_path, "openvino").segment(tensors)


def test_a_missing_checkpoint_is_bad_input_with_one_line(tmp_path, capsys):
    path = tmp_path / "none.safetensors"
    assert main(["export", str(path), "--output", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_model_that_cannot_be_exported_is_bad_input(save, tmp_path, capsys):
    path = save("cmnext", ("rgb", "depth"))
    assert main(["export", str(path), "--output", str(tmp_path / "out")]) == 2
    assert "cmnext" in capsys.readouterr().err


def test_an_output_that_is_a_file_is_bad_input(checkpoint, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["export", str(checkpoint), "--output", str(tmp_path / "file")]) == 2
    assert "output folder" in capsys.readouterr().err


BEFORE_BRANCHES = (
    '{"format": "onnx", "opset": 17, "alike": true, "size": null, "precision": "float32"}'
)


@pytest.mark.parametrize(
    "about", [None, "no JSON", "[]", '{"size": null}', '{"size": 3}', BEFORE_BRANCHES]
)
def test_a_folder_without_an_export_is_refused(checkpoint, tmp_path, about):
    if about is not None:
        card = checkpoint.with_suffix(".json").read_text()
        (tmp_path / "card.json").write_text(card)
        (tmp_path / "export.json").write_text(about)
    with pytest.raises(CheckpointError, match=r"without a readable card\.json and export\.json"):
        load_segmenter(tmp_path)


def test_tensorrt_is_asked_for_before_anything_is_written(
    checkpoint, tmp_path, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    folder = tmp_path / "out"
    assert main(["export", str(checkpoint), "--format", "tensorrt", "--output", str(folder)]) == 2
    assert "tensorrt" in capsys.readouterr().err
    assert not folder.exists()


@pytest.mark.parametrize("size", ["512", "0x64", "axb", "16x64"])
def test_a_size_that_is_none_is_bad_usage(checkpoint, tmp_path, capsys, size):
    words = ["export", str(checkpoint), "--output", str(tmp_path / "out"), "--size", size]
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "at least 32" in capsys.readouterr().err


def test_int8_is_for_exports_that_are_in_it(checkpoint, tensors, tmp_path):
    pytest.importorskip("openvino")
    graphs = CachedGraphs(*load_checkpoint(checkpoint))
    for precision in ("float32", "int8"):
        source = QuantisedGraphs(graphs, [tensors]) if precision == "int8" else graphs
        folder = tmp_path / precision
        write_export(source, folder, "openvino", (64, 96), bound=False, precision=precision)
    exported = load_segmenter(tmp_path / "int8", "openvino", "cpu", "int8")
    same = load_segmenter(tmp_path / "int8", "openvino", "cpu")
    exact = load_segmenter(tmp_path / "float32", "openvino", "cpu")
    one, other, apart = (each.segment(tensors) for each in (exported, same, exact))
    assert np.array_equal(one.confidence, other.confidence)
    assert not np.array_equal(one.confidence, apart.confidence)
    for without in (tmp_path / "float32", checkpoint):
        with pytest.raises(ConfigurationError, match=r"--precision int8 --calibrate"):
            load_segmenter(without, "openvino", "cpu", "int8")
