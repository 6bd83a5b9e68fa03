"""The command ``anyseg train``: its exit codes and what it says."""

import pytest

from anyseg_core.cli.main import main

RECIPE = """
model: {name: segformer, encoder: mit_b0}
batch: {size: 2}
augmentation: {crop: [32, 32]}
schedule: {steps: 2}
"""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    return path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "neither --data nor data.root"),
        (["--data", "{folder}/none"], "no such folder"),
        (["--set", "batch.sise=3"], "the key 'batch.sise'"),
        (["--set", "nothing"], "the change 'nothing'"),
        (["--steps", "0"], "a length of 0"),
        (["--seed", "-1"], "seed -1"),
    ],
)
def test_bad_input_ends_with_2_and_one_line(recipe, tmp_path, capsys, words, said):
    words = [word.format(folder=tmp_path) for word in words]
    assert main(["train", str(recipe), "--output", str(tmp_path / "run"), *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.startswith("anyseg: got ")
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_help_names_the_options(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["train", "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    for option in ("--data", "--output", "--max-minutes", "--overfit-one-batch", "--json", "--set"):
        assert option in shown
