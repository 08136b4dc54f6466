# SPDX-License-Identifier: Apache-2.0
import itertools

import numpy as np
import pytest

from edgeleak.frame import FrameFlag, FrameInfo
from edgeleak.picture import PALETTES, Legend, overlay
from edgeleak.picture.overlay import BANNER_PX, LEGEND_PX, RED, YELLOW, frame_name
from edgeleak.sim import SimulatedSensor

INFO = FrameInfo(sequence=123)


def red_inner_edges(rgb):
    """Left, top, right, bottom of the hole inside the only red frame."""
    red = (rgb == RED).all(axis=2)
    rows = np.flatnonzero(red.sum(axis=1) > 20)  # horizontal strokes and labels
    cols = np.flatnonzero(red.sum(axis=0) > 20)
    left = next(a + 1 for a, b in itertools.pairwise(cols) if b > a + 1)
    right = next(b for a, b in itertools.pairwise(cols) if b > a + 1)
    top = next(a + 1 for a, b in itertools.pairwise(rows) if b > a + 1)
    bottom = next(b for a, b in itertools.pairwise(rows) if b > a + 1)
    return [left, top, right, bottom]


def test_red_box_is_drawn_round_the_region_exactly(said, boxes):
    grey = np.zeros((480, 640), np.uint8)
    region = boxes((200, 150, 180, 90))
    picture = overlay(grey, None, region, said("GAS"), INFO)
    want = [200, 150 + BANNER_PX, 380, 240 + BANNER_PX]
    assert picture.description["boxes_px"] == [want]
    assert red_inner_edges(picture.rgb) == want


@pytest.mark.parametrize(("shape", "zoom"), [((120, 160), 4), ((240, 320), 2), ((480, 640), 1)])
def test_boxes_scale_with_the_picture(said, boxes, shape, zoom):
    grey = np.zeros(shape, np.uint8)
    rect = (shape[1] // 4, shape[0] // 3, shape[1] // 3, shape[0] // 4)
    picture = overlay(grey, None, boxes(rect), said("GAS"), INFO)
    x, y, w, h = (zoom * v for v in rect)
    assert picture.description["zoom"] == zoom
    assert picture.description["boxes_px"] == [[x, y + BANNER_PX, x + w, y + h + BANNER_PX]]
    assert red_inner_edges(picture.rgb) == picture.description["boxes_px"][0]


def test_labels_never_cover_each_other(said, boxes):
    grey = np.zeros((480, 640), np.uint8)
    crowd = boxes((200, 150, 60, 50), (205, 155, 55, 45), (210, 160, 50, 40))
    words = overlay(grey, None, crowd, said("GAS"), INFO).description["words"]
    assert sum("counts, " in word for word in words) == 3
    packed = boxes(*((x, y, 60, 12) for y in range(200, 300, 14) for x in range(20, 600, 62)))
    words = overlay(grey, None, packed, said("GAS"), INFO).description["words"]
    assert sum("counts, " in word for word in words) < 3  # no room beside the inner ones
    lone = overlay(grey, None, crowd[:1], said("GAS"), INFO).description["words"]
    assert "-30 counts, 3000 px" in lone


def test_boxes_are_red_only_for_gas(said, boxes):
    grey = np.zeros((480, 640), np.uint8)
    for word, ink in (("GAS", RED), ("NO GAS", YELLOW), ("INHIBIT", YELLOW), ("FAULT", YELLOW)):
        rgb = overlay(grey, None, boxes((200, 150, 180, 90)), said(word), INFO).rgb
        scene = rgb[BANNER_PX:-LEGEND_PX]
        assert (scene == ink).all(axis=2).any()
        other = YELLOW if ink == RED else RED
        assert not (scene == other).all(axis=2).any()


def test_what_is_beside_the_gas_is_yellow_and_has_no_label(said, boxes):
    grey = np.zeros((480, 640), np.uint8)
    gas, person = boxes((200, 150, 180, 90)), boxes((420, 150, 60, 200), contrast=250.0)
    picture = overlay(grey, None, gas, said("GAS"), INFO, others=person)
    assert picture.description["other_boxes_px"] == [[420, 150 + BANNER_PX, 480, 350 + BANNER_PX]]
    scene = picture.rgb[BANNER_PX:-LEGEND_PX]
    right = (scene[:, 400:] == YELLOW).all(axis=2)
    assert right.any()
    assert not (scene[:, 400:] == RED).all(axis=2).any()
    assert sum("counts, " in word for word in picture.description["words"]) == 1


def test_a_label_covers_no_other_box(said, boxes):
    grey = np.zeros((480, 640), np.uint8)
    large, small = boxes((200, 150, 180, 90)), boxes((205, 130, 40, 12))
    rgb = overlay(grey, None, large, said("GAS"), INFO, others=small).rgb
    inner = rgb[130 + BANNER_PX : 142 + BANNER_PX, 205:245]
    assert not inner.any()


@pytest.mark.parametrize(
    ("legend", "says"),
    [
        (Legend(counts_range=(640, 12800), gas_scale_counts=640, eight_bit=True),
         ("10", "scene, levels", "200", "-10", "gas, levels", "-0.5 levels, 16200 px")),
        (Legend(grey_contrast=True), ("-30 grey levels, 16200 px",)),
    ],
)  # fmt: skip
def test_units_are_those_of_the_source(said, boxes, legend, says):
    grey = np.zeros((480, 640), np.uint8)
    region = boxes((200, 150, 180, 90))
    words = overlay(grey, None, region, said("GAS"), INFO, legend).description["words"]
    assert set(says) <= set(words)


def test_legend_says_what_the_numbers_are(said):
    legend = Legend("yard.mcap", 12.5, (3732.4, 5625.1), 60.0)
    picture = overlay(np.zeros((480, 640), np.uint8), None, None, said("NO GAS", "all quiet"),
                      INFO, legend, evidence=0.25)  # fmt: skip
    words = picture.description["words"]
    for want in ("NO GAS", "all quiet", "evidence 0.25", "3732", "scene, counts", "5625", "-60",
                 "gas, counts", "+60", "yard.mcap", "t 12.50 s  frame 123"):  # fmt: skip
        assert want in words
    strip = picture.rgb[-LEGEND_PX:]
    assert (strip.std(axis=(0, 1)) > 20).all()  # bars and words are really there


def test_missing_facts_are_left_out_not_invented(said):
    picture = overlay(np.zeros((480, 640), np.uint8), None, None, said("INHIBIT"), INFO)
    words = " ".join(picture.description["words"])
    assert "evidence" not in words
    assert "t " not in words.split("frame 123")[0][-4:]
    assert "scene, grey levels" in words


def test_8_bit_video_is_marked(said):
    info = FrameInfo(sequence=1, flags=FrameFlag.EIGHT_BIT)
    words = overlay(np.zeros((240, 320), np.uint8), None, None, said("GAS"), info).description
    assert any("8-bit" in word for word in words["words"])


def test_tint_touches_the_mask_only_and_shows_the_sign(said):
    grey = np.full((480, 640), 110, np.uint8)
    mask = np.zeros_like(grey)
    mask[100:200, 100:200] = mask[300:400, 300:400] = 255
    gas = np.zeros(grey.shape, np.float32)
    gas[100:200, 100:200], gas[300:400, 300:400] = -40, 40
    scene = overlay(grey, mask, None, said("GAS"), INFO, gas_counts=gas).rgb[BANNER_PX:-LEGEND_PX]
    changed = (scene != 110).any(axis=2)
    np.testing.assert_array_equal(changed, mask > 0)
    assert scene[150, 150, 2] > scene[150, 150, 0] + 60  # absorbing: cyan
    assert scene[350, 350, 0] > scene[350, 350, 2] + 60  # emitting: orange


def test_box_at_the_rim_never_touches_banner_or_legend(said, boxes):
    grey = np.zeros((480, 640), np.uint8)
    rgb = overlay(grey, None, boxes((0, 0, 640, 480)), said("GAS"), INFO).rgb
    for strip in (rgb[:BANNER_PX], rgb[-LEGEND_PX:]):
        assert not (strip == RED).all(axis=2).any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (24, 32), (481, 641), (61, 83)])
@pytest.mark.parametrize("name", PALETTES)
def test_any_shape_and_palette_makes_a_picture(said, boxes, shape, name):
    grey = np.zeros(shape, np.uint8)
    one = boxes((0, 0, 1, 1))
    picture = overlay(grey, grey + 255, one, said("GAS", "why " * 200), INFO, Legend(palette=name))
    height, width = picture.rgb.shape[:2]
    assert [width, height] == picture.description["size_px"]
    assert width >= 640


@pytest.mark.parametrize("seed", [1, 2])
def test_box_and_tint_cover_the_plume_of_the_simulator(said, boxes, seed):
    sensor = SimulatedSensor(seed=seed, shape=(240, 320), movers=False)
    for _ in zip(range(80), sensor, strict=False):
        pass
    mask = sensor.truth_mask()
    rows, cols = np.nonzero(mask)
    rect = (cols.min(), rows.min(), np.ptp(cols) + 1, np.ptp(rows) + 1)
    grey = np.full(mask.shape, 90, np.uint8)
    picture = overlay(grey, mask, boxes(rect), said("GAS"), INFO,
                      gas_counts=sensor.truth_contrast_counts)  # fmt: skip
    left, top, right, bottom = picture.description["boxes_px"][0]
    assert (cols * 2 >= left).all()
    assert (cols * 2 + 1 < right).all()
    assert (rows * 2 + BANNER_PX >= top).all()
    assert (rows * 2 + 1 + BANNER_PX < bottom).all()
    inside = picture.rgb[BANNER_PX + 2 * rows, 2 * cols].astype(int)
    assert (np.ptp(inside, axis=1) > 8).mean() > 0.97  # coloured, not grey


@pytest.mark.parametrize(
    ("frame", "name"), [(None, "frame 748"), (748, "frame 748"), (183, "frame 183 #748")]
)
def test_a_picture_names_the_frame_as_the_tables_do(said, frame, name):
    assert frame_name(frame, 748) == name
    grey, info = np.zeros((480, 640), np.uint8), FrameInfo(sequence=748)
    plain = overlay(grey, None, None, said("GAS"), info).rgb
    shown = overlay(grey, None, None, said("GAS"), info, Legend(frame=frame)).rgb
    assert np.array_equal(plain, shown) == (name == "frame 748")
