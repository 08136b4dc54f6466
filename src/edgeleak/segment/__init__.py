# SPDX-License-Identifier: Apache-2.0
"""The segmentation network: a second opinion, in a process that may die without costing a frame.

`Network` runs it in this process (evaluation, replay); `Segmenter` is the camera's half of the
worker process.  docs/segmenter.md
"""

from edgeleak.segment.card import PACKAGED, Card, read_card, read_model
from edgeleak.segment.network import Network
from edgeleak.segment.segmenter import Opinion, Segmenter

__all__ = ["PACKAGED", "Card", "Network", "Opinion", "Segmenter", "read_card", "read_model"]
