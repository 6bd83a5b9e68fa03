"""Every command of ``anyseg`` that the documents show is run, on stand-ins small enough for a test.

What needs a ROS installation or a package index is held to the code instead: its words must be ones
that the code knows. Benchmarks take minutes and have tests of their own: here they are parsed.
"""

import re
import shlex
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from anyseg_core.cli.main import main
from anyseg_core.errors import MissingDependencyError
from anyseg_core.simulation.raycasting import import_open3d
from anyseg_ros.parameters import SPECS

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "training" / "README.md", *sorted(ROOT.glob("docs/*.md"))]
SHELL = {"", "sh", "bash", "console"}
KNOWN = {"anyseg", "ros2", "make", "accelerate", "ACCELERATE_USE_CPU=true"}

SMALLER = (
    ("--frames 3200,300,600", "--frames 3,2,2 --size 64 64 --workers 1"),
    ("--seconds 20", "--seconds 1 --size 64 64"),
    ("--seconds 10", "--seconds 1 --size 64 64"),
    ("@3-6", "@0.3-0.6"),
    ("@12.0-20.0", "@0.3-0.6"),
    ("--faults delivered --workers 2", "--faults deliver"),
)
"""What makes a command small; its other words stay as they are shown."""

SMALL_RUN = (
    "--steps 1 --cpu --threads 1 --set batch.size=2 --set augmentation.crop=[64,64] "
    "--set evaluation.samples=1 --set data.workers=0"
)
MAKE_THINGS = (
    "anyseg simulate --bag drive --seconds 10 --seed 5",
    "anyseg simulate --dataset street --frames 3200,300,600 --seed 1",
    "anyseg train training/street_charm_mit_b0.yaml --data street --output runs/street",
)
"""What the others need, in the order in which a reader would run them."""


def documented():
    """The commands of all documents, each once, as one line without its comment."""
    found = []
    for document in DOCUMENTS:
        for line in shell_lines(document.read_text(encoding="utf-8")):
            words = re.split(r"\s# ", line)[0].split()
            if words and words[0] in KNOWN:
                found.append(" ".join(words))
    return list(dict.fromkeys(found))


def shell_lines(text):
    """The lines of fenced shell blocks and of indented ones."""
    fence = None
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith("```"):
            fence = line[3:].strip() if fence is None else None
        elif fence in SHELL or (fence is None and line.startswith("    ")):
            yield line.strip()


COMMANDS = documented()
ANYSEG = [line for line in COMMANDS if line.startswith("anyseg ")]
PARSED = [line for line in ANYSEG if re.match(r"anyseg (benchmark|demo) |.* \[", line)]
RUN = [line for line in ANYSEG if line not in (*MAKE_THINGS, *PARSED)]


def small(line):
    """The words after ``anyseg`` of a documented command, made small."""
    for long, short in SMALLER:
        line = line.replace(long, short)
    if " train " in line:
        line += f" {SMALL_RUN}"
    if " replay " in line:
        line += " --backend torch --size 64x64"  # to make graphs for another runtime takes a minute
    return shlex.split(line)[1:]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with what the documents name, where the first commands have been run."""
    try:
        import_open3d()
    except MissingDependencyError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("desk")
    for name in ("training", "config"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "config" / "simulated_calibration.yaml", folder / "rig.yaml")
    assert cv2.imwrite(str(folder / "image.png"), np.full((64, 64, 3), 99, np.uint8))
    points = np.random.default_rng(0).uniform((2, -5, -1, 0), (20, 5, 2, 1), (500, 4))
    np.save(folder / "sweep.npy", points.astype(np.float32))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for line in MAKE_THINGS:
            assert line in COMMANDS, line
            assert main(small(line)) == 0, line
        _more_things(folder)
    return folder


def _more_things(folder):
    """What other documents call by names of their own."""
    for name in ("DELIVER", "ROOT"):
        (folder / name).symlink_to("street")
    for suffix in (".safetensors", ".json"):
        best = folder / "runs" / "street" / "best"
        for name in ("CHECKPOINT", "street", "net"):
            shutil.copy(best.with_suffix(suffix), folder / f"{name}{suffix}")


@pytest.mark.parametrize("line", RUN)
def test_a_documented_command_runs(line, desk, monkeypatch):
    monkeypatch.chdir(desk)
    assert main(small(line)) == 0


@pytest.mark.parametrize("line", PARSED)
def test_a_documented_command_that_takes_minutes_is_understood(line, capsys):
    words = shlex.split(re.sub(r"[\[\]]|\|\S+|\.\.\.", "", line))[1:]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    usage = capsys.readouterr().out
    assert all(word in usage for word in words if word.startswith("--"))


def test_the_parameters_and_services_of_ros2_commands_are_there():
    lines = [shlex.split(line) for line in COMMANDS if line.startswith("ros2 ")]
    set_ones = [words[4] for words in lines if words[1:3] == ["param", "set"]]
    called = [words[3] for words in lines if words[1:3] == ["service", "call"]]
    assert set_ones
    assert called
    sources = "".join(path.read_text() for path in ROOT.glob("anyseg_ros/**/*.py"))
    assert all(name in SPECS or f'"{name}"' in sources for name in set_ones), set_ones
    for service in called:
        name = service.split("/")[2]
        assert re.search(rf"~/{name}\b", sources), service
