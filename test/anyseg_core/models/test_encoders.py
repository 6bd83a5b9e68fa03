from __future__ import annotations

import re
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from anyseg_core.models import build_model
from anyseg_core.models.encoders import ENCODERS, build_encoder, import_mit_weights
from anyseg_core.models.encoders.layers import DropPath, drop_path_schedule
from anyseg_core.models.initialisation import initialise

# Parameters in NVIDIA's and the PVTv2 authors' releases, without their classifiers.
COUNTS = {
    "mit_b0": 3_319_392,
    "mit_b1": 13_151_424,
    "mit_b2": 24_196_288,
    "mit_b3": 44_072_128,
    "mit_b4": 60_842_688,
    "mit_b5": 81_443_008,
    "swin_t": 28_288_354 - 769_000 + 1_344,  # and a normalisation on three more scales
    "pvt_v2_b0": 3_666_760 - 257_000,
    "pvt_v2_b2": 25_362_856 - 513_000,
    "pvt_v2_b5": 81_956_008 - 513_000,
}
WIDTHS = {
    "mit_b0": ([2, 2, 2, 2], [32, 64, 160, 256]),
    "mit_b2": ([3, 4, 6, 3], [64, 128, 320, 512]),
}


@pytest.mark.parametrize("name", COUNTS)
def test_parameters_are_as_many_as_released(name):
    with torch.device("meta"):
        encoder = build_encoder(name)
    assert sum(parameter.numel() for parameter in encoder.parameters()) == COUNTS[name]


@pytest.mark.parametrize("name", ENCODERS)
def test_four_scales_have_the_promised_channels_and_strides(name):
    with torch.device("meta"):
        encoder = build_encoder(name)
        scales = encoder(torch.zeros(2, 3, 96, 70))
    sizes = [(-(-96 // stride), -(-70 // stride)) for stride in (4, 8, 16, 32)]
    wanted = [(2, count, *size) for count, size in zip(encoder.channels, sizes, strict=True)]
    assert [tuple(scale.shape) for scale in scales] == wanted


@pytest.mark.parametrize(
    ("name", "size"), [("mit_b0", (64, 96)), ("mit_b0", (53, 75)), ("mit_b2", (64, 64))]
)
def test_mit_gives_what_transformers_gives_with_the_same_weights(name, size, tmp_path):
    transformers = pytest.importorskip(
        "transformers", reason="transformers, the reference for MiT, is not installed"
    )
    torch.manual_seed(0)
    depths, widths = WIDTHS[name]
    config = transformers.SegformerConfig(depths=depths, hidden_sizes=widths)
    reference = transformers.SegformerModel(config).eval()
    for parameter in reference.parameters():  # biases and scales start at 0 and 1: stir them
        parameter.data += 0.02 * torch.randn_like(parameter)
    reference.save_pretrained(tmp_path)
    encoder = build_encoder(name).eval()
    import_mit_weights(encoder, load_file(tmp_path / "model.safetensors"))
    images = torch.randn(2, 3, *size)
    with torch.inference_mode():
        wanted = reference(images, output_hidden_states=True).hidden_states
        for ours, theirs in zip(encoder(images), wanted, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def renamed(weights, names):
    """Reference weights under our names; query, key and value go into one layer or two."""
    out = {}
    for key, tensor in weights.items():
        new = key
        for theirs, ours in names.items():
            new = re.sub(theirs, ours, new)
        out[new] = tensor
    for joined, parts in (
        ("key_value", ("key", "value")),
        ("query_key_value", ("q_proj", "k_proj", "v_proj")),
    ):
        for key in [name for name in out if f".{parts[0]}." in name]:
            tensors = [out.pop(key.replace(f".{parts[0]}.", f".{part}.")) for part in parts]
            out[key.replace(f".{parts[0]}.", f".{joined}.")] = torch.cat(tensors)
    return out


def stir(module):
    torch.manual_seed(0)
    for parameter in module.parameters():  # biases and scales start at 0 and 1
        parameter.data += 0.02 * torch.randn_like(parameter)
    return module.eval()


def test_pvt_v2_gives_what_transformers_gives_with_the_same_weights():
    transformers = pytest.importorskip("transformers", reason="the reference is not installed")
    config = transformers.PvtV2Config(depths=[2] * 4, hidden_sizes=[32, 64, 160, 256])
    reference = stir(transformers.PvtV2Model(config))
    names = {
        r"^encoder\.layers": "stages",
        r"patch_embedding\.proj": "embed",
        r"patch_embedding\.layer_norm": "embed_norm",
        r"layer_norm_(\d)": r"norm\1",
        r"attention\.layer_norm": "attention.reduce_norm",
        r"(stages\.\d)\.layer_norm": r"\1.norm",
        r"attention\.proj": "attention.project",
        r"spatial_reduction": "reduce",
        r"dense1": "expand",
        r"dwconv\.dwconv": "depthwise",
        r"dense2": "project",
    }
    encoder = build_encoder("pvt_v2_b0").eval()
    encoder.load_state_dict(renamed(reference.state_dict(), names))
    images = torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        wanted = reference(images, output_hidden_states=True).hidden_states
        for ours, theirs in zip(encoder(images), wanted, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_swin_gives_what_transformers_gives_with_the_same_weights():
    transformers = pytest.importorskip("transformers", reason="the reference is not installed")
    scales = ["stage1", "stage2", "stage3", "stage4"]
    reference = stir(transformers.SwinBackbone(transformers.SwinConfig(out_features=scales)))
    names = {
        r"^swin\.(encoder\.)?": "",
        r"embeddings\.patch_embeddings\.projection": "embed",
        r"embeddings\.norm": "embed_norm",
        r"layers\.(\d)\.blocks": r"stages.\1",
        r"layers\.(\d)\.downsample\.reduction": r"merges.\1.reduce",
        r"layers\.(\d)\.downsample\.norm": r"merges.\1.norm",
        r"layernorm_before": "norm1",
        r"layernorm_after": "norm2",
        r"o_proj": "project",
        r"relative_position_bias\.relative_position_bias_table": "position_bias.table",
        r"mlp\.fc1": "expand",
        r"mlp\.fc2": "contract",
        r"hidden_states_norms\.stage1": "norms.0",
        r"hidden_states_norms\.stage2": "norms.1",
        r"hidden_states_norms\.stage3": "norms.2",
        r"hidden_states_norms\.stage4": "norms.3",
    }
    reference.swin.layernorm = torch.nn.Identity()  # each scale has a normalisation of its own
    encoder = build_encoder("swin_t").eval()
    encoder.load_state_dict(renamed(reference.state_dict(), names))
    # Whole windows at every scale, and more than one: the reference shifts a lone one, too.
    images = torch.randn(1, 3, 448, 448)
    with torch.inference_mode():
        wanted = reference(images).feature_maps
        for ours, theirs in zip(encoder(images), wanted, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["any2seg", "charm"])
@pytest.mark.parametrize("encoder", ["pvt_v2_b0", "swin_t"])
def test_models_take_every_kind_of_encoder(name, encoder, make_images):
    torch.manual_seed(0)
    model = build_model(name, encoder, 3).eval()
    with torch.inference_mode():
        output = model(make_images(("rgb", "lidar"), size=(45, 70)))
    assert output.logits.shape == (1, 3, 45, 70)
    assert output.logits.isfinite().all()


def test_stochastic_depth_drops_samples_in_training_alone_and_keeps_the_mean():
    torch.manual_seed(0)
    drop = DropPath(0.25)
    branch = torch.ones(4000, 2)
    kept = drop(branch)
    assert kept.unique().tolist() == pytest.approx([0.0, 1 / 0.75])
    assert torch.equal(kept[:, 0], kept[:, 1])
    assert float(kept.mean()) == pytest.approx(1.0, abs=0.05)
    assert torch.equal(drop.eval()(branch), branch)
    assert drop_path_schedule(0.3, (1, 2, 1)) == [
        [0.0],
        [pytest.approx(0.1), pytest.approx(0.2)],
        [pytest.approx(0.3)],
    ]


def test_initial_weights_have_segformers_statistics():
    torch.manual_seed(0)
    encoder = build_encoder("mit_b2")
    initialise(encoder)
    attention = encoder.stages[3].blocks[0].attention
    assert attention.query.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert attention.query.bias.abs().sum().item() == 0.0
    embed = encoder.stages[3].embed.weight
    assert embed.std().item() == pytest.approx((2 / (9 * 512)) ** 0.5, rel=0.05)


def test_importing_the_models_stays_light():
    code = (
        "import sys, anyseg_core; assert 'torch' not in sys.modules;"
        "import torch; before = set(sys.modules); import anyseg_core.models;"
        "new = {name.split('.')[0] for name in set(sys.modules) - before};"
        "assert not new & {'transformers', 'torchvision', 'onnx', 'cv2', 'numba', 'scipy'}, new"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # a fixed text
