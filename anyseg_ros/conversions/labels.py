"""Names and colours of the classes as messages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from std_msgs.msg import Header, String

from anyseg_core.types import IGNORE_LABEL

if TYPE_CHECKING:
    from anyseg_core.classes import ClassSet

try:
    from vision_msgs.msg import LabelInfo, VisionClass
except ImportError:
    LabelInfo = None

__all__ = ["LabelInfo", "label_info_message", "label_names_message"]


def label_names_message(classes: ClassSet) -> String:
    """Return JSON: ``{"classes": [{"id", "name", "colour"}, ...], "unlabelled": 255}``."""
    entries = [
        {"id": index, "name": name, "colour": list(colour)}
        for index, (name, colour) in enumerate(zip(classes.names, classes.colours, strict=True))
    ]
    return String(data=json.dumps({"classes": entries, "unlabelled": IGNORE_LABEL}))


def label_info_message(classes: ClassSet, header: Header) -> Any:
    """Return the classes as vision_msgs/LabelInfo; 255 is unlabelled by its convention."""
    return LabelInfo(
        header=header,
        class_map=[
            VisionClass(class_id=index, class_name=name) for index, name in enumerate(classes.names)
        ],
        threshold=0.0,
    )
