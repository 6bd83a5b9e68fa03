"""Language-guided semantic correlation distillation (LSCD): teacher embeddings and losses."""

from anyseg_core.distillation.embeddings import TeacherBatch, TeacherEmbeddings
from anyseg_core.distillation.embeddings_file import (
    read_teacher_embeddings,
    write_teacher_embeddings,
)
from anyseg_core.distillation.int8_encoder import Int8SentenceEncoder
from anyseg_core.distillation.languagebind_encoder import LanguageBindEncoder
from anyseg_core.distillation.losses import LscdOptions, lscd_losses
from anyseg_core.distillation.maker import (
    TeacherSample,
    TextEncoder,
    VisualEncoder,
    embed_class_names,
    embed_data_set,
)
from anyseg_core.distillation.seeded_teacher import seeded_teacher
from anyseg_core.distillation.transformers_encoders import ClipEncoder, SentenceEncoder

__all__ = [
    "ClipEncoder",
    "Int8SentenceEncoder",
    "LanguageBindEncoder",
    "LscdOptions",
    "SentenceEncoder",
    "TeacherBatch",
    "TeacherEmbeddings",
    "TeacherSample",
    "TextEncoder",
    "VisualEncoder",
    "embed_class_names",
    "embed_data_set",
    "lscd_losses",
    "read_teacher_embeddings",
    "seeded_teacher",
    "write_teacher_embeddings",
]
