"""Every command that the documents show is run on small stand-ins, or held to the code.

Commands of ``anyseg`` run in this process, through the command's own entry. What takes minutes, a
GPU, DDS, a ROS installation or a package index is parsed, its names looked up in the code, and
the test that does run it is named.
"""

import argparse
import re
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from itertools import pairwise, product
from pathlib import Path

import cv2
import numpy as np
import pytest

from anyseg_core.cli.command import COMMAND_GROUP
from anyseg_core.cli.main import main
from anyseg_core.errors import MissingDependencyError
from anyseg_core.simulation.raycasting import import_open3d
from anyseg_ros.parameters import SPECS

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "training" / "README.md", *sorted(ROOT.glob("docs/*.md"))]
COMMAND_FENCES = {"sh", "bash", "console"}
NO_COMMANDS = {
    "sensor",
    "ROOT/img",
    "ROOT/multimodal_dataset",
    "ROOT/calib.json",
    "OpenVINO",
    "from",
}
"""How the first line of an indented or unlabelled block begins that holds no commands."""

# The same thing under the name that another page has for it.
NAMES = (
    ("drive/", "drive"),
    (".venv/bin/anyseg", "anyseg"),
    ("runs/street_charm", "runs/street"),
    ("CHECKPOINT", "runs/street/best.safetensors"),
    ("anyseg_core/weights/default.safetensors", "runs/street/best.safetensors"),
    ("--data ROOT", "--data street"),
    ("--data DELIVER", "--data street"),
)
# What makes a command small; its other words stay as they are shown.
SMALLER = (
    ("--frames 3200,300,600", "--frames 3,2,2 --size 64 64 --workers 1"),
    ("--seconds 20", "--seconds 0.5 --size 64 64"),
    ("--seconds 10", "--seconds 0.8 --size 64 64"),
    ("--bag drive --seconds 0.5", "--bag drive_in_rain --seconds 0.5"),
    ("@3-6", "@0.3-0.6"),
    ("@12.0-20.0", "@0.3-0.6"),
    ("--subsets all", "--subsets R,DEL"),
    ("--faults delivered --workers 2", "--faults deliver"),
    ("--maker sentence-int8", "--maker seeded"),  # the encoders are packages of their own
    ("--maker sentence", "--maker seeded"),
)
ALSO = {
    "evaluate": "--backend torch --workers 1",
    # to make graphs for another runtime takes a minute
    "replay": "--backend torch --size 64x64",
    "train": "--steps 1 --cpu --threads 1 --set batch.size=2 --set augmentation.crop=[64,64] "
    "--set evaluation.samples=1 --set data.workers=0 --set schedule.warmup=0 --set schedule.hold=0",
}
"""By subcommand, words that make it small."""

ELSEWHERE = {
    "anyseg benchmark": "test/anyseg_core/benchmark",  # minutes
    "anyseg demo": "test/anyseg_ros/demo/test_demo.py",  # a minute, over DDS
    "anyseg export .*--precision int8": "test/anyseg_core/cli/test_export_int8.py",  # OpenVINO
    "anyseg export .*--format tensorrt": "test/anyseg_core/runtime/tensorrt",  # a GPU
    "anyseg export": "test/anyseg_core/runtime/test_export.py",  # a minute
    "anyseg replay .*--live": "test/anyseg_ros/live_replay/test_live_replay.py",  # over DDS
}
"""Commands that are only parsed here, and the test that runs them."""

EVALUATION = (
    "anyseg evaluate runs/street/best.safetensors --data street --protocol miss --output report/ "
    "--json figures.json"
)
FIRST = (
    "anyseg simulate --bag drive --seconds 10 --seed 5",
    "anyseg simulate --dataset street --frames 3200,300,600 --seed 1",
    "anyseg train training/street_charm_mit_b0.yaml --data street --output runs/street",
    EVALUATION,
    "anyseg train training/camvid_segformer_mit_b0.yaml --data CAMVID --output runs/camvid",
    "anyseg teacher --data street --output teacher.safetensors --maker sentence",
)
"""What the others need, in the order in which a reader would run them."""

EVALUATED = (
    "charm", "mean", "cmnext", "charm_drawn", "mean_drawn", "cmnext_drawn",
    "sup", "all", "lscd", "reweight", "selection", "residual",
)  # fmt: skip
"""What the tables of several models are made of, two seeds each."""


def blocks(text):
    """The language and the lines of each fenced block, and of each indented one with no name."""
    fence, lines = None, []
    for line in [*text.replace("\\\n", " ").splitlines(), "the end"]:
        if line.startswith("```"):
            if fence is not None or lines:
                yield fence or "", lines
            fence, lines = (line[3:].strip() if fence is None else None), []
        elif fence is not None or line.startswith("    ") or (lines and not line):
            lines.append(line.strip())
        elif lines:
            yield "", lines
            lines = []


def documented():
    """The commands of all documents without their comments, and the page of each."""
    found = {}
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for language, lines in blocks(text):
            is_text = language == "" and lines[0].startswith(tuple(NO_COMMANDS))
            if language not in {"", *COMMAND_FENCES} or is_text:
                continue
            for line in filter(None, lines):
                command = " ".join(re.split(r"(?:^|\s)# ", line)[0].split())
                for name, same in NAMES:
                    command = command.replace(name, same)
                found.setdefault(command, document.relative_to(ROOT))
    return {command: page for command, page in found.items() if command}


PAGES = documented()
ANYSEG = [command for command in PAGES if command.startswith("anyseg ")]
PARSED = [command for command in ANYSEG if any(re.match(each, command) for each in ELSEWHERE)]
RUN = [command for command in ANYSEG if command not in (*FIRST, *PARSED)]
OTHERS = [command for command in PAGES if command not in ANYSEG]


def words_of(command):
    """The words after ``anyseg`` of a documented command, made small."""
    for long, short in SMALLER:
        command = command.replace(long, short)
    name = command.split()[1]
    also = "" if "--compare" in command else ALSO.get(name, "")
    return shlex.split(f"{command} {also}")[1:]


def parse(words):
    """Read the words after ``anyseg`` with the command's own parser."""
    commands = {entry.name: entry for entry in entry_points(group=COMMAND_GROUP)}
    assert words[0] in commands, f"anyseg has no command {words[0]}"
    parser = argparse.ArgumentParser(prog=f"anyseg {words[0]}")
    commands[words[0]].load().add_arguments(parser)
    return parser.parse_args(words[1:])


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with what the documents name, where the first commands have been run."""
    pytest.importorskip("rosbags", reason="the extra bags is not installed")
    try:
        import_open3d()
    except MissingDependencyError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("desk")
    lay_out(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for command in FIRST:
            assert command in PAGES, f"no page shows '{command}' any more: correct FIRST"
            run(command)
    best = folder / "runs" / "street" / "best"
    for suffix in (".safetensors", ".json"):
        shutil.copy(best.with_suffix(suffix), folder / f"street{suffix}")
    for name in EVALUATED:
        for seed in (1, 2):
            shutil.copy(folder / "figures.json", folder / f"{name}_seed{seed}.json")
    return folder


def lay_out(folder):
    """Put in place what the documents take for granted."""
    (folder / "training").symlink_to(ROOT / "training")
    shutil.copytree(ROOT / "config", folder / "config")
    scenarios = folder / "config" / "scenarios.yaml"
    scenarios.write_text(re.sub(r"@(\d)\.0-(\d)\.0", r"@0.\1-0.\2", scenarios.read_text()))
    shutil.copy(folder / "config" / "simulated_calibration.yaml", folder / "rig.yaml")
    random = np.random.default_rng(0)
    assert cv2.imwrite(str(folder / "image.png"), np.full((256, 256, 3), 99, np.uint8))
    points = random.uniform((2, -5, -1, 0), (20, 5, 2, 1), (500, 4))
    np.save(folder / "sweep.npy", points.astype(np.float32))
    images = (("image/one.jpg", (64, 96, 3)), ("label/one.png", (64, 96)))
    for split, (name, values) in product(("train", "val"), images):
        path = folder / "CAMVID" / split / name
        path.parent.mkdir(parents=True)
        assert cv2.imwrite(str(path), random.integers(0, 12, values).astype(np.uint8))


def run(command):
    """Run a documented command here; training, which sets up the whole process, in its own."""
    words = words_of(command)
    if words[0] == "train":
        done = subprocess.run([sys.executable, "-m", "anyseg_core.cli.main", *words], check=False)
        code = done.returncode
    else:
        try:
            code = main(words)
        except SystemExit as ended:  # options that it does not understand
            code = ended.code
    assert code == 0, (
        f"{PAGES[command]} shows '{command}', which ends with {code} as '{shlex.join(words)}': "
        "correct the page, or give the command what it needs in this test"
    )


@pytest.mark.parametrize("command", RUN)
def test_a_documented_command_runs(command, desk, monkeypatch):
    monkeypatch.chdir(desk)
    run(command)


@pytest.mark.parametrize("command", PARSED)
def test_a_documented_command_that_another_test_runs_is_understood(command):
    try:
        parse(shlex.split(command)[1:])
    except SystemExit:
        pytest.fail(f"{PAGES[command]} shows '{command}', which anyseg does not understand")
    runs = next(test for pattern, test in ELSEWHERE.items() if re.match(pattern, command))
    assert (ROOT / runs).exists(), f"{runs}, which is said to run '{command}', is not there"


SOURCES = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("anyseg_ros/**/*.py"))


def check_ros2(words):
    """Look up launch files, arguments, nodes, parameters, services and topics of our own."""
    if words[1:3] == ["launch", "anyseg_ros"]:
        launch_file = (ROOT / "launch" / words[3]).read_text(encoding="utf-8")
        for name, value in (word.split(":=") for word in words[4:]):
            assert f'"{name}"' in launch_file, f"no launch argument {name}"
            if name == "rig" and "/" not in value:
                assert (ROOT / "config" / "rigs" / f"{value}.yaml").exists(), f"no rig {value}"
        return
    if words[1:3] == ["param", "set"]:
        assert words[4] in SPECS or f'"{words[4]}"' in SOURCES, f"no parameter {words[4]}"
    for word in words[2:]:
        if word.startswith("/"):
            first, *others = word.strip("/").split("/")
            assert f'"{first}"' in SOURCES or f'"/{first}"' in SOURCES, f"no node or topic {first}"
            assert not others or f"~/{others[0]}" in SOURCES, f"nothing named {others[0]}"


def check_make(words):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"\n{words[1]}:" in makefile, f"the Makefile makes no {words[1]}"


def check_node(words):
    assert (ROOT / "scripts" / "launchers" / Path(words[0]).name).exists(), "no such executable"
    for word in words:
        if ":=" in word:
            assert word.split(":=")[0] in SPECS, f"no parameter {word}"


def check_python(words):
    for option, code in pairwise(words):
        if option in {"-c", "-s"} and " " in code:
            compile(code, "the document", "exec")


def check_training(words):
    told = words[words.index("anyseg_core.cli.main") + 1 :]
    if "…" not in told:
        parse(told)


def check_extras(words):
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    for extras in re.findall(r"\[([\w,]+)\]", " ".join(words)):
        assert all(f'"{extra}": [' in setup for extra in extras.split(",")), f"no extra {extras}"


def check_export(words):
    """A variable that names a file of the package's share folder."""
    assert words[1:4] == ["pkg", "prefix", "--share"]
    package, path = words[4].split(")/")
    assert package == "anyseg_ros"
    assert (ROOT / path).is_file(), f"no {path} in the share folder"


def check_paths_alone(words):
    """Nothing but paths: it needs a ROS installation, a screen or a GPU, or is the shell's own."""


CHECKS = {
    "ros2": check_ros2,
    "make": check_make,
    "export": check_export,
    ".venv/lib/anyseg_ros/perception_node": check_node,
    "python": check_python,
    "nsys": check_python,
    "accelerate": check_training,
    "torchrun": check_training,
    ".venv/bin/pip": check_extras,
    "pip": check_extras,
    **dict.fromkeys(("rosdep", "colcon", "rviz2", "cp", ".", "pytest"), check_paths_alone),
}


@pytest.mark.parametrize("command", OTHERS)
def test_a_documented_command_of_another_program_names_what_is_there(command):
    words = [word for word in shlex.split(command) if not re.fullmatch(r"[A-Z_]+=\S*", word)]
    assert words[0] in CHECKS, (
        f"{PAGES[command]} shows '{command}', and no test looks at commands of {words[0]}: run it "
        "in this test, or say in CHECKS what can be held to the code"
    )
    CHECKS[words[0]](words)
    ours = re.findall(r"(?:^|[\s/])((?:config|launch|scripts|test|training)/[\w./-]+)", command)
    assert all((ROOT / path).exists() for path in ours), ours


def inline():
    """The commands that stand in a sentence, often without all of their words."""
    pattern = r"(?<!`)`((?:\.venv/bin/)?(?:anyseg|ros2|make) [^`\n]+)`(?!`)"
    texts = {document.name: document.read_text(encoding="utf-8") for document in DOCUMENTS}
    return sorted({found for text in texts.values() for found in re.findall(pattern, text)})


INLINE = inline()
INLINE_ANYSEG = [command for command in INLINE if re.match(r"(\.venv/bin/)?anyseg ", command)]


@pytest.mark.parametrize("command", INLINE_ANYSEG)
def test_a_command_within_a_sentence_has_the_options_that_it_names(command, capsys):
    words = shlex.split(command)[1:]
    parts = [word for word in words[:2] if re.fullmatch(r"[a-z][a-z-]+", word)]
    with pytest.raises(SystemExit) as ended:
        main([*parts, "--help"])
    assert ended.value.code == 0, f"anyseg does not understand '{command}'"
    usage = capsys.readouterr().out
    assert all(word in usage for word in words if word.startswith("--")), command


@pytest.mark.parametrize("command", [one for one in INLINE if one not in INLINE_ANYSEG])
def test_a_ros2_or_make_command_within_a_sentence_names_what_is_there(command):
    words = shlex.split(command)
    CHECKS[words[0]](words)


def test_every_block_of_the_documents_is_told_apart():
    assert len(FIRST) + len(RUN) + len(PARSED) + len(OTHERS) == len(PAGES)
    assert set(FIRST) <= set(ANYSEG)
    assert {"anyseg", "ros2", "make"} <= {command.split()[0] for command in PAGES}
    for pattern in ELSEWHERE:
        assert any(re.match(pattern, one) for one in PARSED), f"no page shows '{pattern}' any more"
