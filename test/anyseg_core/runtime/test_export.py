"""``anyseg export`` and the way back."""

import numpy as np
import pytest

from anyseg_core.cli.main import main
from anyseg_core.errors import CheckpointError, ConfigurationError
from anyseg_core.runtime import load_segmenter

RUNTIMES = {"onnx": "onnxruntime", "openvino": "openvino"}


@pytest.mark.parametrize("graph_format", RUNTIMES)
def test_an_export_is_checked_on_every_subset_and_can_be_loaded(
    checkpoint, tensors, tmp_path, capsys, graph_format
):
    for package in ("onnx", RUNTIMES[graph_format]):
        pytest.importorskip(package)
    folder = tmp_path / "out"
    words = ["export", str(checkpoint), "--format", graph_format, "--output", str(folder)]
    assert main([*words, "--check"]) == 0
    said = capsys.readouterr().out
    assert "opset 17" in said
    assert said.count("% of labels equal") == 15
    segmenter = load_segmenter(folder, RUNTIMES[graph_format])
    reference = load_segmenter(checkpoint, "torch", "cpu")
    assert segmenter.card == reference.card
    assert segmenter.trained
    got, wanted = segmenter.segment(tensors).labels, reference.segment(tensors).labels
    assert np.mean(got == wanted) >= 0.995
    assert load_segmenter(folder).description.startswith(("OpenVINO", "ONNX Runtime"))
    with pytest.raises(ConfigurationError, match="an export, with the backend torch"):
        load_segmenter(folder, "torch")


def test_a_missing_checkpoint_is_bad_input_with_one_line(tmp_path, capsys):
    path = tmp_path / "none.safetensors"
    assert main(["export", str(path), "--output", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_model_that_cannot_be_exported_is_bad_input(save, tmp_path, capsys):
    assert main(["export", str(save("charm")), "--output", str(tmp_path / "out")]) == 2
    assert "charm" in capsys.readouterr().err


def test_an_output_that_is_a_file_is_bad_input(checkpoint, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["export", str(checkpoint), "--output", str(tmp_path / "file")]) == 2
    assert "output folder" in capsys.readouterr().err


def test_a_folder_without_an_export_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="without a readable graph and card"):
        load_segmenter(tmp_path)
