from __future__ import annotations

import argparse

import pytest

from anyseg_core.cli import simulate
from anyseg_core.errors import ConfigurationError, MissingDependencyError
from anyseg_core.simulation.raycasting import import_open3d


@pytest.fixture
def ray_caster():
    try:
        import_open3d()
    except MissingDependencyError as error:
        pytest.skip(str(error))


def run(*words):
    parser = argparse.ArgumentParser()
    simulate.add_arguments(parser)
    return simulate.run(parser.parse_args([str(word) for word in words]))


@pytest.mark.parametrize(
    ("text", "split", "wanted"),
    [
        ("100", None, {"train": 78, "val": 7, "test": 15}),
        ("3200,300,600", None, {"train": 3200, "val": 300, "test": 600}),
        ("12", "val", {"val": 12}),
    ],
)
def test_frames_are_shared_out_among_the_splits(text, split, wanted):
    assert simulate.split_frames(text, split) == wanted


@pytest.mark.parametrize(("text", "split"), [("many", None), ("1,2", None), ("1,2,3", "test")])
def test_frames_that_cannot_be_read_are_refused(text, split):
    with pytest.raises(ConfigurationError, match="--frames"):
        simulate.split_frames(text, split)


@pytest.mark.usefixtures("ray_caster")
def test_a_data_set_is_written_and_its_hash_told(tmp_path, capsys):
    root = tmp_path / "street"
    words = ("--dataset", root, "--frames", 1, "--split", "test", "--size", 48, 32)
    assert run(*words, "--workers", 1) == 0
    first = capsys.readouterr().out
    assert "1 frames in test, data hash" in first
    assert run(*words, "--workers", 1) == 0
    assert first.splitlines()[-1] == capsys.readouterr().out.splitlines()[-1]


@pytest.mark.usefixtures("ray_caster")
def test_a_bag_is_written_and_told(tmp_path, capsys):
    pytest.importorskip("rosbags")
    folder = tmp_path / "drive"
    assert run("--bag", folder, "--seconds", 0.1, "--condition", "dusk", "--size", 48, 32) == 0
    assert "11 messages, street 0, dusk" in capsys.readouterr().out
    assert (folder / "drive.mcap").is_file()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--dataset", "x", "--workers", 0), "--workers 0"),
        (("--bag", "x", "--conditions", "sun,rain"), "one condition"),
        (("--bag", "x", "--conditions", "snow"), "snow"),
        (("--dataset", "x", "--frames", 0), "no frame"),
    ],
)
def test_bad_options_are_refused_before_anything_is_written(words, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=told):
        run(*words)
    assert not list(tmp_path.iterdir())
