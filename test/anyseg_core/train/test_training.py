"""Whole runs: exact resume, two devices, clear failures."""

import json
import math
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
import yaml
from safetensors.torch import load_file

from anyseg_core.distillation import seeded_teacher, write_teacher_embeddings
from anyseg_core.errors import ConfigurationError
from anyseg_core.models import load_checkpoint
from anyseg_core.train import RunOptions, TrainingError, overfit_one_batch, train
from anyseg_core.train.state import read_progress
from anyseg_core.train.stopping import Stopper

QUIET = RunOptions(cpu=True, quiet=True, log_every=1)
PATIENCE_S = 240.0


@pytest.fixture
def start(little_street, plain, tmp_path):
    """Function that starts ``anyseg train`` on a small recipe; what runs is ended afterwards."""
    begun = []

    def started(folder, *words, launcher=("-m", "anyseg_core.cli.main"), **changes):
        recipe = tmp_path / f"{folder}.yaml"
        recipe.write_text(yaml.safe_dump(plain(**changes)))
        command = [
            sys.executable, *launcher, "train", str(recipe), "--data", str(little_street),
            "--output", str(tmp_path / folder), "--threads", "1", "--cpu", *words,
        ]  # fmt: skip
        environment = os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
        process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
        )
        begun.append(process)
        return process

    yield started
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _wait_for_update(folder, update, process):
    """Wait until the run's state is at least at an update."""
    deadline = time.monotonic() + PATIENCE_S
    state = folder / "state.safetensors"
    while time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read()
        if state.is_file() and read_progress(state).update >= update:
            return
        time.sleep(0.01)
    pytest.fail(f"no state of update {update}")


def _metrics(folder):
    """The metrics without what depends on the machine's speed."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines]


@pytest.mark.usefixtures("one_thread")
def test_a_run_killed_and_terminated_in_mid_epoch_ends_with_the_bits_of_one_left_alone(
    start, splits, recipe_of, tmp_path
):
    steps = {"schedule__steps": 40, "data__workers": 1}
    killed = start("broken", "--save-seconds", "0", **steps)
    _wait_for_update(tmp_path / "broken", 5, killed)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    stopped_at = read_progress(tmp_path / "broken" / "state.safetensors").update
    assert stopped_at < 40
    ended = start("broken", "--save-seconds", "1000", **steps)
    _wait_for_update(tmp_path / "broken", stopped_at + 1, ended)  # the validation's state
    os.killpg(ended.pid, signal.SIGTERM)  # as a service manager does: the readers get it too
    assert ended.wait(PATIENCE_S) == 128 + signal.SIGTERM
    assert "the same command resumes" in ended.stderr.read()
    outcome = train(recipe_of(**steps), *splits("rgb", "depth"), tmp_path / "broken", QUIET)
    assert outcome.finished
    train(recipe_of(**steps), *splits("rgb", "depth"), tmp_path / "whole", QUIET)
    for name in ("last", "best", "state"):
        broken, whole = (
            load_file(tmp_path / folder / f"{name}.safetensors") for folder in ("broken", "whole")
        )
        assert broken.keys() == whole.keys()
        assert all(torch.equal(broken[key], whole[key]) for key in whole), name
    cards = [(tmp_path / folder / "last.json").read_bytes() for folder in ("broken", "whole")]
    assert cards[0] == cards[1]
    validations = [[m for m in _metrics(tmp_path / f) if "miou" in m] for f in ("broken", "whole")]
    assert validations[0] == validations[1]


RANKED = """
import sys
import torch
from pathlib import Path
from anyseg_core.train import training
from anyseg_core.cli.main import main

class Noted(training._Run):
    def close(self):
        place = self.engine.place
        path = self.folder.path / f"rank{place.rank}of{place.world}.pt"
        torch.save(self.engine.model.state_dict(), path)
        super().close()

training._Run = Noted
sys.exit(main(sys.argv[1:]))
"""


def test_two_processes_end_with_the_same_weights_and_with_those_of_one_with_accumulation(
    start, splits, recipe_of, tmp_path
):
    script = tmp_path / "ranked.py"
    script.write_text(RANKED)
    calm = {
        "model__options": {"head_width": 8, "drop_path": 0.0, "dropout": 0.0},
        "subsets": {"full": 1.0},
        "schedule__steps": 3,
        "evaluation__every": 2,
    }
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(script))
    process = start("pair", launcher=launcher, **calm)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, said
    ranks = [
        torch.load(tmp_path / "pair" / f"rank{rank}of2.pt", weights_only=True) for rank in (0, 1)
    ]
    assert all(torch.equal(value, ranks[1][key]) for key, value in ranks[0].items())
    alone = recipe_of(**calm | {"batch__accumulation": 2})
    train(alone, *splits("rgb", "depth"), tmp_path / "alone", QUIET)
    model, _ = load_checkpoint(tmp_path / "alone" / "last.safetensors")
    for key, value in model.named_parameters():
        assert torch.allclose(value, ranks[0][key], rtol=1e-3, atol=2e-4), key


@pytest.mark.parametrize("name", ["charm", "any2seg"])
def test_a_run_leaves_checkpoints_with_cards_configuration_and_metrics(
    name, splits, recipe_of, tmp_path
):
    recipe = recipe_of(
        model={"name": name, "encoder": "mit_b0", "options": {"head_width": 8}},
        schedule={"epochs": 2, "warmup": 0.5},
        evaluation={"every": 1, "singles_every": 1, "best_by": "mean"},
        loss={"kind": "ohem", "class_weight_power": 0.5},
        data={"workers": 0},
    )
    splits_of_four = splits("rgb", "depth", "event", "lidar")
    outcome = train(recipe, *splits_of_four, tmp_path, QUIET)
    assert outcome.finished
    assert outcome.update == 7  # 2 epochs of 7 samples, 2 an update
    model, card = load_checkpoint(tmp_path / "last.safetensors")
    assert model.spec.name == name
    assert card.recipe["loss"]["kind"] == "ohem"
    assert card.recipe["updates_made"] == 7
    assert card.input_size == (32, 48)  # of the whole images, not of the crop
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["data"]["sha256"] in card.training_data
    assert run["environment"]["packages"]["torch"] == torch.__version__
    lines = _metrics(tmp_path)
    assert [m["update"] for m in lines if "loss" in m] == list(range(1, 8))
    scores = [m["miou"] for m in lines if "miou" in m]
    assert set(scores[0]) == {"rgb+depth+event+lidar", "rgb", "depth", "event", "lidar"}
    _, best = load_checkpoint(tmp_path / "best.safetensors")
    means = [sum(score.values()) / 5 for score in scores]
    assert outcome.best == pytest.approx(max(means))
    assert sum(best.scores.values()) / 5 == pytest.approx(max(means))


def test_time_that_is_up_stops_cleanly_and_the_same_call_goes_on(splits, recipe_of, tmp_path):
    recipe = recipe_of(schedule__steps=4)
    at_once = RunOptions(cpu=True, quiet=True, log_every=1, max_minutes=0.0)
    first = train(recipe, *splits("rgb", "depth"), tmp_path, at_once)
    assert (first.update, first.finished, first.signal) == (1, False, None)
    assert train(recipe, *splits("rgb", "depth"), tmp_path, QUIET).finished
    again = train(recipe, *splits("rgb", "depth"), tmp_path, QUIET)
    assert (again.update, again.finished) == (4, True)
    assert [m["update"] for m in _metrics(tmp_path) if "loss" in m] == [1, 2, 3, 4]


def test_a_changed_recipe_is_refused_unless_accepted(splits, recipe_of, tmp_path):
    at_once = RunOptions(cpu=True, quiet=True, max_minutes=0.0)
    train(recipe_of(), *splits("rgb", "depth"), tmp_path, at_once)
    changed = recipe_of(optimiser__lr=2e-3, schedule__steps=2)
    with pytest.raises(ConfigurationError, match=r"optimiser.lr 0.001 \(now 0.002\)"):
        train(changed, *splits("rgb", "depth"), tmp_path, QUIET)
    accepted = RunOptions(cpu=True, quiet=True, accept_changes=True)
    assert train(changed, *splits("rgb", "depth"), tmp_path, accepted).finished


def test_another_kind_of_optimiser_goes_on_from_the_weights_with_fresh_moments(
    splits, recipe_of, tmp_path
):
    train(recipe_of(schedule__steps=2), *splits("rgb", "depth"), tmp_path, QUIET)
    changed = recipe_of(optimiser__kind="muon", schedule__steps=3)
    accepted = RunOptions(cpu=True, quiet=True, accept_changes=True)
    assert train(changed, *splits("rgb", "depth"), tmp_path, accepted).update == 3
    kept = load_file(tmp_path / "state.safetensors")
    assert any(key.endswith("/momentum") for key in kept)
    steps = {float(value) for key, value in kept.items() if key.endswith("/step")}
    assert steps == {1.0}


def test_a_loss_that_is_no_number_names_update_samples_and_learning_rate(
    splits, recipe_of, tmp_path
):
    training, validation = splits("rgb", "depth")
    with pytest.raises(TrainingError) as raised:
        train(
            recipe_of(optimiser__lr=1e30, schedule__warmup=0, subsets__full=1.0),
            training, validation, tmp_path, QUIET,
        )  # fmt: skip
    assert "at update 1 with learning rate 9.2" in raised.value.got
    assert "sun/train/MAP_1_point1/" in raised.value.got
    assert "lower optimiser.lr" in raised.value.do


def test_memory_that_runs_out_is_told_with_what_to_change(splits, recipe_of, tmp_path, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("anyseg_core.train.engine.Engine._losses", full)
    with pytest.raises(TrainingError) as raised:
        train(recipe_of(subsets__full=1.0), *splits("rgb", "depth"), tmp_path, QUIET)
    assert "2 modalities of 2 x 3 x 32 x 32" in raised.value.got
    assert "halve batch.size" in raised.value.do


def test_one_batch_can_be_learnt_by_heart_and_a_loss_that_stays_is_told(splits, recipe_of):
    recipe = recipe_of(
        optimiser__lr=3e-3, model__options={"head_width": 32}, subsets__full=1.0,
        augmentation__scale=[1, 1],
    )  # fmt: skip
    result = overfit_one_batch(recipe, splits("rgb", "depth")[0], 40, cpu=True)
    assert result.first == pytest.approx(math.log(4), abs=0.4)
    assert result.last < 0.5 * result.first
    with pytest.raises(TrainingError, match="in 6 updates on one batch"):
        overfit_one_batch(recipe_of(optimiser__lr=1e-9), splits("rgb", "depth")[0], 6, cpu=True)


def test_a_second_signal_goes_its_usual_way():
    # a shell's background jobs, which tests may be, ignore SIGINT
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with Stopper() as stopper:
            assert not stopper.asked
            os.kill(os.getpid(), signal.SIGINT)
            assert stopper.asked
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_distillation_adds_its_losses_and_a_teacher_of_other_samples_is_refused(
    splits, recipe_of, tmp_path
):
    training, validation = splits("rgb", "depth")
    names = [training[i].name for i in range(len(training))]
    file = tmp_path / "teacher.safetensors"
    recipe = recipe_of(
        model={"name": "any2seg", "encoder": "mit_b0", "options": {"head_width": 8}},
        distillation={"teacher": str(file), "intra_weight": 2.0},
        schedule__steps=2,
    )
    classes = training.classes.names
    write_teacher_embeddings(file, seeded_teacher(classes, training.modalities, names))
    train(recipe, training, validation, tmp_path / "run", QUIET)
    losses = [m for m in _metrics(tmp_path / "run") if "loss" in m]
    assert set(losses[0]) >= {"loss_sup", "loss_base", "loss_intra", "loss_inter"}
    write_teacher_embeddings(file, seeded_teacher(classes, training.modalities, names[1:]))
    with pytest.raises(ConfigurationError, match=names[0]):
        train(recipe, training, validation, tmp_path / "other", QUIET)
