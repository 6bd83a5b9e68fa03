from __future__ import annotations

import pytest

from anyseg_core.errors import ConfigurationError
from anyseg_core.models import build_model


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "any3seg"}, "one of any2seg"),
        ({"encoder": "mit_b9"}, "one of mit_b0"),
        ({"num_classes": 0}, "1 to 255"),
        ({"num_classes": 256}, "1 to 255"),
        ({"modalities": ()}, "at least one"),
        ({"modalities": ("rgb", "rgb")}, "each once"),
        ({"modalities": ("rgb.left",)}, "letters, digits and underscores"),
        ({"name": "segformer"}, "exactly one modality"),
        ({"reweigh": True}, "one of head_width, .*reweight"),
        ({"name": "mean_fusion", "reweight": True}, "correct the option's name"),
        ({"iterations": 0}, "at least 1"),
        ({"iterations": 1.5}, "of type int"),
        ({"iterations": True}, "of type int"),
        ({"selection": 1}, "of type bool"),
        ({"fusion_level": "first"}, "one of head, last, every"),
        ({"drop_path": 1.0}, "0 <= value < 1"),
        ({"dropout": "0.1"}, "of type float"),
        ({"head_width": 0}, "at least 1"),
    ],
)
def test_what_cannot_be_built_is_refused_with_a_reason(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        build_model(**({"name": "any2seg", "encoder": "mit_b0"} | arguments))
