from pathlib import Path

import pytest
import torch
import yaml

from anyseg_core.errors import ConfigurationError
from anyseg_core.models import build_model
from anyseg_core.train import read_recipe
from anyseg_core.train.parsing import parse_dataclass
from anyseg_core.train.recipe import Recipe

RECIPES = sorted((Path(__file__).parents[3] / "training").glob("*.yaml"))
MODALITIES = {
    "deliver": ("rgb", "depth", "event", "lidar"),
    "mcubes": ("image", "aolp", "dolp", "nir"),
    "muses": ("rgb", "event", "lidar"),
}


def test_defaults_are_the_protocol_that_both_papers_follow(plain):
    content = plain()
    del content["optimiser"], content["subsets"]
    recipe = parse_dataclass(Recipe, content)
    assert recipe.optimiser.lr == 6e-5
    assert recipe.optimiser.eps == 1e-8
    assert recipe.optimiser.weight_decay == 0.01
    assert recipe.schedule.power == 0.9
    assert recipe.schedule.warmup_ratio == 0.1
    assert recipe.augmentation.scale == (0.9, 1.5)
    assert recipe.subsets.full == 1.0


def test_an_exponent_without_a_point_is_a_number_though_yaml_reads_text(plain):
    text = yaml.safe_dump(plain(optimiser__lr="6e-5"))
    assert parse_dataclass(Recipe, yaml.safe_load(text)).optimiser.lr == 6e-5


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("optimiser__rate", 1.0, "optimiser.rate"),
        ("optimiser__lr", "fast", "optimiser.lr = 'fast'"),
        ("optimiser__lr", -1.0, "optimiser: lr -1.0"),
        ("batch__size", 2.5, "batch.size = 2.5"),
        ("batch__size", True, "batch.size = True"),
        ("augmentation__crop", [32], "augmentation.crop = [32]"),
        ("augmentation__crop", [32, "a"], "augmentation.crop[1] = 'a'"),
        ("augmentation__drop_probability", 0.5, "augmentation.drop_probability"),
        ("precision", "fp8", "precision = 'fp8'"),
        ("schedule__epochs", 3, "schedule: epochs 3.0 and steps 12"),
        ("schedule__hold", 11, "schedule: warmup 2.0 and hold 11.0 of 12.0"),
        ("loss__kind", "dice", "loss.kind = 'dice'"),
        ("evaluation__best_by", "mean_of_all", "evaluation.best_by"),
        ("model__options", [1], "model.options = [1]"),
        ("subsets__sizes", [0, 0], "subsets: sizes (0.0, 0.0)"),
        ("deterministic", 1, "deterministic = 1"),
    ],
)
def test_a_wrong_key_or_value_is_named_by_its_path(plain, tmp_path, path, value, named):
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(plain(**{path: value})))
    with pytest.raises(ConfigurationError) as raised:
        read_recipe(file)
    assert named in raised.value.got
    assert str(file) in raised.value.got


def test_a_missing_key_is_named(plain):
    content = plain()
    del content["batch"]["size"]
    with pytest.raises(ConfigurationError, match=r"no key 'batch.size'"):
        parse_dataclass(Recipe, content)


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "!!python/object/apply:os.getcwd []", ""])
def test_what_is_no_mapping_in_safe_yaml_is_refused(tmp_path, text):
    file = tmp_path / "recipe.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match="recipe"):
        read_recipe(file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"none\.yaml: No such file"):
        read_recipe(tmp_path / "none.yaml")


def test_json_values_of_a_recipe_read_back_as_the_same_recipe(plain):
    recipe = parse_dataclass(Recipe, plain(model__options={"head_width": 8, "dropout": 0}))
    assert parse_dataclass(Recipe, recipe.to_json()) == recipe


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_of_the_project_reads_and_builds_its_network(path):
    recipe = read_recipe(path)
    names = (
        recipe.data.modalities
        or MODALITIES[path.stem.partition("_")[0].replace("street", "deliver")]
    )
    with torch.device("meta"):
        model = build_model(
            recipe.model.name, recipe.model.encoder, 25, names, **recipe.model.options
        )
    assert model.spec.modalities == names


def test_there_are_recipes():
    assert len(RECIPES) >= 12


def test_changes_go_before_the_file(plain, tmp_path):
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(plain()))
    recipe = read_recipe(file, ["optimiser.lr=2e-3", "loss.kind=ohem", "data.modalities=[depth]"])
    assert recipe.optimiser.lr == 2e-3
    assert recipe.loss.kind == "ohem"
    assert recipe.data.modalities == ("depth",)


@pytest.mark.parametrize("change", ["optimiser.lr", "=3", "seed.deep=1", "a..b=1", "seed=[", ""])
def test_a_change_that_is_none_is_refused(plain, tmp_path, change):
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(plain()))
    with pytest.raises(ConfigurationError, match="the change"):
        read_recipe(file, [change])
