"""Engines on disk, built by the stand-in of conftest.py."""

from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anyseg_core.errors import ConfigurationError
from anyseg_core.runtime.tensorrt_cache import EngineCache, EngineKey
from anyseg_core.runtime.tensorrt_device import Gpu
from anyseg_core.runtime.tensorrt_graph import prepare_graph

PROFILES = [{"x": (3, 4)}]
GPU = Gpu("NVIDIA RTX 4090", (8, 9))
KEY = EngineKey(GPU, "10.13.0", "float16", "ab" * 32, tuple(PROFILES))


@pytest.fixture(scope="module")
def graph(doubling):
    return prepare_graph(doubling, PROFILES, half=False)


@pytest.fixture
def load(fake, graph, tmp_path):  # noqa: ARG001 - in the place of tensorrt
    """Load an engine from a new cache over the same folder, as each start does."""

    def _load(gpu=GPU, precision="float32", profiles=PROFILES, content=graph, folder=tmp_path):
        return EngineCache(folder).engine(
            content, profiles, precision, gpu, workspace_bytes=1, device=torch.device("cpu")
        )

    return _load


def test_an_engine_is_built_once_and_then_read(fake, load):
    for _ in range(3):
        assert load().outputs == ("twice", "row")
    assert len(fake.builds) == 1


def test_whatever_an_engine_depends_on_leads_to_another_build(fake, load, doubling):
    load()
    load(gpu=Gpu("NVIDIA L4", (8, 9)))
    load(gpu=Gpu("NVIDIA RTX 4090", (9, 0)))
    load(precision="float16")
    load(profiles=[{"x": (2, 4)}])
    load(content=prepare_graph(doubling, PROFILES, half=True))
    fake.__version__ = "11.4.0"
    load()
    assert len(fake.builds) == 7


@pytest.mark.parametrize(
    "change",
    [
        {"gpu": Gpu("NVIDIA RTX 4090 D", (8, 9))},
        {"tensorrt": "10.13.1"},
        {"precision": "float32"},
        {"graph_sha256": "cd" * 32},
        {"profiles": ({"x": (3, 4)}, {"x": (3, 4)})},
        {"profiles": ({"y": (3, 4)},)},
        {"profiles": ({"x": (34,)},)},
    ],
)
def test_keys_that_differ_in_anything_are_told_apart(change):
    assert replace(KEY, **change).to_json() != KEY.to_json()
    assert replace(KEY).to_json() == KEY.to_json()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_damaged_anywhere_is_built_anew_and_replaced(fake, load, tmp_path, data):
    load()
    (path,) = tmp_path.glob("*.engine")
    whole = path.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    cut = data.draw(st.booleans())
    flipped = bytes([whole[place] ^ data.draw(st.integers(1, 255))])
    path.write_bytes(whole[:place] if cut else whole[:place] + flipped + whole[place + 1 :])
    before = len(fake.builds)
    assert load().inputs == ("x",)
    assert len(fake.builds) == before + 1
    assert path.read_bytes() == whole


def test_an_engine_of_another_driver_is_built_anew_and_replaced(fake, load):
    load()
    fake.driver = "b"
    load()
    load()
    assert len(fake.builds) == 2


def test_another_engine_under_the_same_name_is_not_taken(fake, load, tmp_path):
    load()
    (first,) = tmp_path.glob("*.engine")
    other = first.read_bytes()
    first.unlink()
    load(precision="float16")
    (second,) = tmp_path.glob("*.engine")
    second.write_bytes(other)
    load(precision="float16")
    assert len(fake.builds) == 3


def test_timings_go_from_one_build_to_the_next_on_the_same_kind_of_gpu(fake, load):
    load(precision="float32")
    load(precision="float16")
    load(gpu=Gpu("NVIDIA L4", (8, 9)))
    assert [built.config.timings.content for built in fake.builds] == [b"", b"+", b""]


def test_a_folder_that_cannot_be_written_costs_a_build_and_nothing_else(fake, load, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    for _ in range(2):
        assert load(folder=blocked / "cache").inputs == ("x",)
    assert len(fake.builds) == 2


def test_only_whole_files_are_left_behind(load, tmp_path):
    load()
    load(precision="float16")
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".engine", ".engine", ".timings"]


def test_a_failed_build_leaves_no_file(fake, load, tmp_path):
    fake.refused.add("build")
    with pytest.raises(ConfigurationError):
        load()
    assert list(tmp_path.iterdir()) == []
