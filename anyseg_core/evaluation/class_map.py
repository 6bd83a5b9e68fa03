"""Scoring a network of one class list on a data set of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.classes import ClassSet
from anyseg_core.data.document import Document, read_document
from anyseg_core.errors import ConfigurationError
from anyseg_core.types import IGNORE_LABEL, UInt8Array

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMAT = 1


@dataclass(frozen=True, slots=True)
class ClassMap:
    """What the labels of a data set and the answers of a network count as.

    Attributes:
        classes: those that are scored, a part of the data set's.
        truth: uint8 [256], from a label of the data set to a scored class; 255 leaves a pixel out.
        predicted: uint8 [256], from a network's class to a scored class; 255 is none of them, a
            wrong answer on every pixel that is scored.
        left_out: the data set's classes that are not scored.
        unused: the network's classes that mean no scored class.
    """

    classes: ClassSet
    truth: UInt8Array
    predicted: UInt8Array
    left_out: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()


def same_classes(network: ClassSet, data: ClassSet) -> ClassMap:
    """Return the map for a network and a data set with the same classes.

    Raises:
        ConfigurationError: the classes differ in name or order.
    """
    if network.names != data.names:
        raise ConfigurationError(
            f"a checkpoint of {len(network)} classes ({_some(network)}) and data of {len(data)} "
            f"({_some(data)})",
            "the same classes in the same order",
            "give --map-classes FILE.yaml, which says what the checkpoint's classes mean there",
        )
    return map_classes({name: (name,) for name in data.names}, network, data)


def map_classes(
    meanings: Mapping[str, tuple[str, ...]], network: ClassSet, data: ClassSet
) -> ClassMap:
    """Return the map for two class lists.

    Args:
        meanings: by class of the data set, the network's classes that mean it; one that is not
            there, or that has none, is left out of the score.
        network: the network's classes.
        data: the data set's classes.
    """
    scored = [i for i, name in enumerate(data.names) if meanings.get(name)]
    truth = np.full(IGNORE_LABEL + 1, IGNORE_LABEL, np.uint8)
    predicted = truth.copy()
    for target, label in enumerate(scored):
        truth[label] = target
        for source in meanings[data.names[label]]:
            predicted[network.names.index(source)] = target
    return ClassMap(
        ClassSet(tuple(data.names[i] for i in scored), tuple(data.colours[i] for i in scored)),
        truth,
        predicted,
        tuple(name for i, name in enumerate(data.names) if i not in scored),
        tuple(n for i, n in enumerate(network.names) if predicted[i] == IGNORE_LABEL),
    )


def read_class_map(path: Path, network: ClassSet, data: ClassSet) -> ClassMap:
    """Read a YAML file that maps classes.

    Its ``classes`` has, by class of the data set, the list of the network's classes that mean it.

    Raises:
        ConfigurationError: the file cannot be used, names an unknown class, gives one of the
            network's classes two meanings, or leaves nothing to score.
    """
    document = read_document(path)
    document.only("format", "classes")
    if document.value("format") != FORMAT:
        raise document.error(repr(document.value("format")), str(FORMAT), "format")
    table = document.mapping("classes")
    table.only(*data.names)
    meanings = {name: _sources(table, name, network) for name in table.values}
    given = [source for sources in meanings.values() for source in sources]
    twice = sorted({source for source in given if given.count(source) > 1})
    if twice:
        raise table.error(f"{', '.join(twice)} more than once", "one meaning for each class")
    if not given:
        raise table.error("no class that means another", "at least one", "")
    return map_classes(meanings, network, data)


def _sources(table: Document, name: str, network: ClassSet) -> tuple[str, ...]:
    listed = table.value(name)
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise table.error(repr(listed), "a list of the network's classes", name)
    for item in listed:
        if item not in network.names:
            raise table.error(repr(item), f"some of {', '.join(network.names)}", name)
    return tuple(listed)


def _some(classes: ClassSet) -> str:
    return ", ".join(classes.names[:3]) + (", ..." if len(classes) > 3 else "")
