# SPDX-License-Identifier: Apache-2.0
"""A model's card: a TOML file beside the model that says what it is and what its bytes hash to.

A runtime parses a model file with little suspicion, so no byte of it gets there before the hash
is right.  The hash finds damage and mix-ups; whoever can write the card can write the model too.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from edgeleak import schema
from edgeleak.errors import DataError, MissingInputError
from edgeleak.schema import number, word

PACKAGED = Path(__file__).parent / "models" / "plume.toml"
MOST_BYTES = 8 << 20
"""A segmenter for this board has 100 KB; what is larger by far is no model of ours."""


class ModelRefused(DataError):
    """The model is not what its card says; it was not loaded."""


class ModelWrong(DataError):
    """The model is the card's, and its answers are wrong."""

    def __init__(self, message: str, measured: float, expected: float) -> None:
        super().__init__(message)
        self.measured, self.expected = measured, expected


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """Which file, and how to feed it and read it."""

    name: str = word("of the model")
    file: str = word("name of the .tflite beside the card")
    sha256: str = word("of that file, hexadecimal")
    rows: int = number("pixels", 8, 1024, "height of the input")
    columns: int = number("pixels", 8, 1024, "width of the input")
    levels_per_sigma: float = number("levels/sigma", 0.1, 64, "gain of the difference")
    threshold: int = number("1/255", 1, 255, "a pixel of at least this probability is gas")
    least_px: int = number("pixels", 1, 100_000, "of the input: a frame with so much gas counts")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofFacts:
    """What the model must answer to the built-in test picture (planes.proof_planes)."""

    gas_px: int = number("pixels", 0, 1_000_000, "above the threshold")
    tolerance_px: int = number("pixels", 0, 1_000_000, "runtimes and machines round differently")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedFacts:
    """How it was made, for people."""

    command: str = word("that makes it again")
    data: str = word("what it was trained on")
    cost: str = word("of the training")
    licence: str = word("of the model")
    limits: str = word("what it does not do")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """All of a card."""

    model: ModelFacts
    proof: ProofFacts
    trained: TrainedFacts


def read_card(path: Path | str = PACKAGED) -> Card:
    """The card; ConfigError where it is no card, MissingInputError where it is not there."""
    table, text = schema.read(path)
    return schema.build(Card, table, str(path), text)


def read_model(path: Path | str) -> tuple[Card, bytes]:
    """Card and checked bytes of its model.

    Raises ModelRefused when the hash is another one, MissingInputError when a file is not there.
    """
    card = read_card(path)
    file = Path(path).parent / card.model.file
    try:
        with file.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise MissingInputError(
            f"{file}: {error.strerror}; put the model beside its card {path}"
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if len(content) > MOST_BYTES or found != card.model.sha256.lower():
        raise ModelRefused(
            f"{file}: SHA-256 {found[:16]}..., the card says {card.model.sha256[:16]}...;"
            " copy model and card again"
        )
    return card, content
