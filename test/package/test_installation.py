"""What ROS 2 looks for in a prefix: the ament index, share/anyseg_ros and lib/anyseg_ros."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXECUTABLES = ["fault_injector_node", "perception_node", "simulated_rig_node"]
INDEX_ENTRY = Path("share/ament_index/resource_index/packages/anyseg_ros")


@pytest.fixture(scope="module")
def data_files(setup_arguments):
    """Map each folder of the prefix to the files that go there."""
    return dict(setup_arguments["data_files"])


@pytest.fixture
def prefix(monkeypatch):
    """Return the prefix of this environment, where the package is installed in it."""
    if not Path(sys.prefix, INDEX_ENTRY).is_file():
        pytest.skip("the package is not installed in this environment: make setup installs it")
    monkeypatch.setenv("AMENT_PREFIX_PATH", sys.prefix)
    return Path(sys.prefix)


@pytest.fixture
def launcher(tmp_path, root):
    """Return a function that runs an executable from a prefix, with Pythons that only report."""

    def install(path: Path, name: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#!/bin/sh\necho {name} "$@"\n', encoding="utf-8")
        path.chmod(0o755)

    def run(executable: str, *arguments: str, python_in_prefix: bool) -> list[str]:
        prefix = tmp_path / "a prefix"
        target = prefix / "lib" / "anyseg_ros" / executable
        target.parent.mkdir(parents=True)
        shutil.copy(root / "scripts" / "launchers" / executable, target)
        install(tmp_path / "path" / "python3", "python-on-the-path")
        if python_in_prefix:
            install(prefix / "bin" / "python3", "python-of-the-prefix")
        environment = {"PATH": f"{tmp_path / 'path'}{os.pathsep}/usr/bin{os.pathsep}/bin"}
        return subprocess.run(
            [target, *arguments], env=environment, check=True, capture_output=True, text=True
        ).stdout.split()

    return run


def test_data_files_are_all_there(data_files, root):
    for files in data_files.values():
        assert files
        assert all((root / file).is_file() for file in files)


def test_data_files_put_the_package_into_the_ament_index(data_files):
    assert data_files[str(INDEX_ENTRY.parent)] == ["resource/anyseg_ros"]
    assert "package.xml" in data_files["share/anyseg_ros"]
    assert "launch/perception.launch.py" in data_files["share/anyseg_ros/launch"]
    assert "config/perception.yaml" in data_files["share/anyseg_ros/config"]


def test_every_file_of_launch_and_config_is_installed(data_files, root):
    for folder in ("launch", "config"):
        there = {
            str(path.relative_to(root)) for path in (root / folder).iterdir() if path.is_file()
        }
        assert there == set(data_files[f"share/anyseg_ros/{folder}"])


def test_executables_may_be_executed(data_files, root):
    files = [root / file for file in data_files["lib/anyseg_ros"]]
    assert sorted(file.name for file in files) == EXECUTABLES
    assert all(os.access(file, os.X_OK) for file in files)


@pytest.mark.parametrize("executable", EXECUTABLES)
def test_executable_has_a_module_with_a_main_function(executable, root):
    source = (root / "anyseg_ros" / f"{executable}.py").read_text(encoding="utf-8")
    body = ast.parse(source).body
    assert "main" in {node.name for node in body if isinstance(node, ast.FunctionDef)}
    assert any(isinstance(node, ast.If) for node in body), "python -m would do nothing"


@pytest.mark.parametrize("executable", EXECUTABLES)
def test_executable_runs_the_python_of_its_prefix(launcher, executable):
    said = launcher(executable, "--ros-args", "-r", "__ns:=/a", python_in_prefix=True)
    wanted = ["python-of-the-prefix", "-P", "-m", f"anyseg_ros.{executable}"]
    assert said == [*wanted, "--ros-args", "-r", "__ns:=/a"]


def test_executable_falls_back_to_the_python_on_the_path(launcher):
    said = launcher("perception_node", python_in_prefix=False)
    assert said == ["python-on-the-path", "-P", "-m", "anyseg_ros.perception_node"]


def test_ament_index_finds_the_package_in_the_prefix(prefix):
    packages = pytest.importorskip("ament_index_python.packages")
    assert Path(packages.get_package_prefix("anyseg_ros")) == prefix
    share = Path(packages.get_package_share_directory("anyseg_ros"))
    assert share == prefix / "share" / "anyseg_ros"
    assert (share / "package.xml").is_file()


def test_installed_files_are_those_of_this_tree(prefix, data_files, root):
    for folder, files in data_files.items():
        for file in files:
            installed = prefix / folder / Path(file).name
            assert installed.read_bytes() == (root / file).read_bytes(), f"{installed}: make setup"
            assert os.access(installed, os.X_OK) == os.access(root / file, os.X_OK)
