# SPDX-License-Identifier: Apache-2.0
"""No byte of a model is used before its hash was right."""

import pytest
from segment_bench import MODEL, copied_card

from edgeleak.errors import ConfigError, MissingInputError
from edgeleak.segment import PACKAGED, read_card, read_model
from edgeleak.segment.card import MOST_BYTES, ModelRefused


def test_the_packaged_model_is_the_one_of_its_card_and_small():
    card, content = read_model(PACKAGED)
    assert content == MODEL.read_bytes()
    assert len(content) < 100_000
    assert (card.model.rows, card.model.columns) == (120, 160)


@pytest.mark.parametrize("at", [0, 1000, -1])
def test_one_flipped_bit_is_refused(tmp_path, at):
    card = copied_card(tmp_path)
    content = bytearray(MODEL.read_bytes())
    content[at] ^= 1
    (tmp_path / MODEL.name).write_bytes(content)
    with pytest.raises(ModelRefused, match="SHA-256"):
        read_model(card)


def test_a_file_without_end_is_not_read_to_its_end(tmp_path):
    card = copied_card(tmp_path)
    with (tmp_path / MODEL.name).open("r+b") as file:
        file.truncate(MOST_BYTES + 2)
    with pytest.raises(ModelRefused):
        read_model(card)


def test_what_is_missing_is_named(tmp_path):
    card = copied_card(tmp_path)
    (tmp_path / MODEL.name).unlink()
    with pytest.raises(MissingInputError, match=r"plume\.tflite"):
        read_model(card)
    with pytest.raises(MissingInputError, match=r"none\.toml"):
        read_card(tmp_path / "none.toml")


@pytest.mark.parametrize("changes", [{"threshold": "0"}, {"rows": "4096"}, {"sha256": "1"}])
def test_a_card_out_of_range_is_refused(tmp_path, changes):
    with pytest.raises(ConfigError, match=next(iter(changes))):
        read_card(copied_card(tmp_path, **changes))
