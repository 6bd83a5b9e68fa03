from torch import nn

from anyseg_core.train.optimiser import build_optimiser, set_lr
from anyseg_core.train.recipe_parts import OptimiserRecipe


def test_only_parameters_of_several_dimensions_decay():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))
    optimiser = build_optimiser(model, OptimiserRecipe(weight_decay=0.05))
    decay = {
        id(p): group["weight_decay"] for group in optimiser.param_groups for p in group["params"]
    }
    assert len(decay) == len(list(model.parameters()))
    for parameter in model.parameters():
        assert decay[id(parameter)] == (0.05 if parameter.ndim > 1 else 0.0)


def test_the_learning_rate_is_set_for_all():
    optimiser = build_optimiser(nn.Linear(2, 2), OptimiserRecipe())
    set_lr(optimiser, 0.25)
    assert [group["lr"] for group in optimiser.param_groups] == [0.25, 0.25]
