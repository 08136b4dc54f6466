# SPDX-License-Identifier: Apache-2.0
"""What the parts make of tracks: found, late, false, whose event it is; printed boxes go."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from edgeleak.evaluate.detection import (
    ablation,
    clips,
    drawn,
    families,
    grid,
    nozzle,
    stills,
    sweep,
    watch,
)
from edgeleak.evaluate.detection.clip import Clip
from edgeleak.evaluate.detection.method import Method
from edgeleak.evaluate.detection.track import WORDS, Track
from edgeleak.events.event import Moment

FPS, N = 4.0, 80
METHOD = Method("sensitive", "sensitive", "", lambda footing: None, True)


def made(gas=(), on_plume=(), truth=100):
    """A track that calls frames GAS, its mask on the plume or beside it."""
    frames = np.arange(N)
    word = np.full(N, WORDS.index("NO GAS"))
    word[list(gas)] = WORDS.index("GAS")
    area = np.where(np.isin(frames, list(gas)), 50, 0)
    hit = np.where(np.isin(frames, list(on_plume)), area, 0)
    none = np.zeros(N, int)
    return Track(frames / FPS, area / 10.0, word, none, area, hit, none + truth, hit,
                 np.full(N, 7.0), np.ones(1))  # fmt: skip


def test_a_plume_is_found_when_the_mask_is_on_it():
    track = made(gas=range(20, 60), on_plume=range(32, 60))
    assert drawn.late_s(track, track.confirmed()) == pytest.approx(32 / FPS - 3.0)
    beside = made(gas=range(20, 60))
    assert np.isnan(drawn.late_s(beside, beside.confirmed()))


def test_alarms_beside_the_gas_are_false_and_hours_are_counted():
    track = made(gas=[*range(20, 30), *range(40, 50)], on_plume=range(40, 50))
    scene = families.Drawn("room", 4.0, {"sensitive": track}, {"sensitive": track.confirmed()})
    assert families.late_s(scene, "sensitive") == pytest.approx(40 / FPS - 4.0)
    seen = families.false_alarms([scene], "sensitive")
    assert (seen.events, seen.held, seen.frames) == (1, 0, N - 8)
    assert seen.watched_h == seen.answered_h == pytest.approx((N - 8) / FPS / 3600)
    part = families.families_part([scene], {0.0: [], 0.6: [scene]}, [METHOD])
    assert part.tables[0].rows[0][:4:3] == ["sensitive", "1"]
    assert part.tables[2].rows[0][:3] == ["sensitive", "0", "1"]
    assert part.tables[1].rows[0][:4] == ["room", "1", "1 of 1", "1"]


def test_bounds_go_by_the_time_that_was_answered():
    track = made(gas=range(60, 70))
    track.word[8:48] = WORDS.index("INHIBIT")
    seen = watch.watch_of([(track, track.confirmed())])
    assert seen.events == 1
    assert seen.watched_h == pytest.approx((N - 8) / FPS / 3600)
    assert seen.answered_h == pytest.approx((N - 48) / FPS / 3600)
    assert seen.per_hour_upper == pytest.approx(4.7439 / seen.answered_h, rel=1e-3)
    assert (seen.held, seen.frames) == (40, N - 8)
    assert seen.cells == [1, "0.1 of 0.3", "2135"]
    both = watch.together([seen, seen])
    assert (both.events, both.frames) == (2, 2 * (N - 8))
    assert watch.together([]).per_hour_upper == float("inf")
    assert watch.together([]).cells == [0, "0.0 of 0.0", "-"]


def test_found_and_false_are_complements():
    """GAS of a frame is either on the plume or false, whatever the mask does meanwhile."""
    track = made(gas=range(20, 60), on_plume=range(32, 50))
    track.area_px[40:44] = track.recent_px[40:44] = 0  # the verdict outlasts its mask
    scene = families.Drawn("room", 0.0, {"m": track}, {"m": track.confirmed()})
    assert families.late_s(scene, "m") == pytest.approx(32 / FPS)
    assert families.false_alarms([scene], "m").events == 2
    on, called = track.is_on_plume, track.confirmed()
    assert (on & called).sum() + (~on & called).sum() == 40
    assert on[32:50].all()
    assert not on[20:32].any()
    assert not on[50:60].any()


def clips_found():
    """Two clips, one held for a fifth; plumes found in one unit, and in the long clip only."""
    quiet, held = made(), made()
    held.word[8:24] = WORDS.index("INHIBIT")
    plain = {"long": {"sensitive": quiet}, "short": {"sensitive": held}}
    plumes = drawn.Plumes(plain, {"long": 14, "short": 14})
    hit = made(gas=range(40, 80), on_plume=range(40, 80))
    for clip, unit in itertools.product(plain, drawn.UNITS):
        track = hit if unit == drawn.PIXEL else quiet
        if clip == "short":
            track = Track(*(column[:40] for column in vars(track).values()))
        plumes.tracks[drawn.Drawing(clip, unit, 4.0, 11)] = {"sensitive": track}
        plumes.scale[clip] = {drawn.FRAME: 0.4, drawn.PIXEL: 1.5, "dither": 0.3}
    shapes = [Clip(name, (2, 2), FPS, 14, N, lambda: iter(())) for name in plain]
    return clips.Found(shapes, plain, plumes)


def test_goals_are_judged_in_both_units_and_clip_by_clip():
    part = clips.clips_part(clips_found(), [METHOD], {})
    notes = "\n".join(part.notes)
    assert "**met**: `sensitive`: no event in clips without gas; 0," in notes
    assert "NOT MET**: `sensitive`: INHIBIT on at most 10 % of the frames of all clips" in notes
    assert "of every clip; more on 1 of 2 clips, at worst short, 22.2" in notes
    assert next(n for n in part.notes if "every clip" in n).startswith("**NOT MET**")
    goal = "are found with the same settings"
    assert f"4 x the noise between neighbouring frames {goal}; 0 of 2; 0 of 1" in notes
    assert f"4 x the deviation of a pixel over 3 s {goal}; 1 of 2; 1 of 1" in notes


def test_tables_of_plumes_name_seconds_counts_and_dither():
    part = clips.clips_part(clips_found(), [METHOD], {})
    frames, pixels, single, each = part.tables[2:]
    assert frames.rows[0][1].startswith("0.0 [")
    assert pixels.rows[0][1:] == ["50.0 [9.5, 90.5]", "1 of 1", "7.0", "7.0"]
    assert single.rows[0][0] == "sensitive"
    assert each.rows[0] == ["long", "16.8", "0 of 1", "1 of 1", "0.40", "1.50", "0.30"]
    assert each.rows[1][:4] == ["short", "6.8", "0 of 1", "0 of 1"]


def test_the_grid_pools_what_it_shows():
    cells = [grid.Cell("rack", 60.0), grid.Cell("rack", 600.0), grid.Cell("rack", 0.0)]
    tracks = [made(), made(gas=range(20, 80), on_plume=range(20, 80)), made(gas=[30])]
    held = grid.Grid(cells, {}, {})
    for cell, track in zip(cells, tracks, strict=True):
        held.tracks[cell] = {"sensitive": track}
        held.called[cell, "sensitive"] = track.confirmed()
    part = grid.grid_part(held, [METHOD])
    table = part.tables[0].rows
    assert table == [["6", "5", "0 of 1", "1 of 1", "114"]]  # 18.41 * 5**-1.094 * 36
    assert part.tables[1].values[0]["iou"] == pytest.approx(60 * 50 / (68 * 100))
    quiet = part.tables[-1].values[0]
    assert quiet["tripod"]["events"] == 1
    assert "100.0" in part.notes[0]


def test_time_tells_component_and_pan():
    whole = sweep.PAN_S + sweep.DWELL_S
    times = np.array([0.0, sweep.PAN_S, whole - 0.1, whole, 2 * whole + sweep.PAN_S])
    assert list(sweep.view_of(times)) == [0, 0, 0, 1, 2]
    assert list(sweep.in_pan(times)) == [True, False, False, True, False]


def walk_with(*events):
    """Of two components, the second with two leaks; events by place and time."""
    views = [sweep.View(None, 0, ()), sweep.View(None, 1, ((20.0, 20.0), (100.0, 20.0)))]
    seen = [
        SimpleNamespace(origin=origin, confirmed=Moment(time_s, 0, 0)) for origin, time_s in events
    ]
    return sweep.Walk(0, 0.3, views, {}, {}, seen)


def test_events_belong_to_the_leak_they_are_near_to():
    whole = sweep.PAN_S + sweep.DWELL_S
    walk = walk_with(
        ((22.0, 20.0), whole + 3), ((97.0, 24.0), whole + 4), ((5.0, 5.0), 4.0),
        ((100.0, 39.0), whole + 5), ((100.0, 41.0), whole + 6), ((60.0, 20.0), whole + 0.5),
    )  # fmt: skip
    found = sweep.sorted_events(walk)
    assert sorted(found.off_px) == [2.0, 5.0]
    assert (found.leaks, found.again, found.false, found.in_pan) == (2, 1, 1, 1)
    assert found.elsewhere_px == [21.0, 40.0]


def test_an_event_in_the_right_view_but_far_off_finds_no_leak():
    far = sweep.sorted_events(walk_with(((60.0, 90.0), sweep.PAN_S + sweep.DWELL_S + 4)))
    assert (far.off_px, len(far.elsewhere_px)) == ([], 1)
    nowhere = sweep.sorted_events(walk_with(((np.nan, np.nan), sweep.PAN_S + sweep.DWELL_S + 4)))
    assert (nowhere.off_px, len(nowhere.elsewhere_px)) == ([], 1)


def test_every_walk_has_scenes_of_its_own():
    seeds = [view.seed for number in sweep.WALKS for view in sweep.views_of(number, 0.3, 3)]
    assert len(set(seeds)) == len(seeds) == 9
    two = sweep.views_of(1, 0.3, 3)[2].places
    assert np.hypot(*np.subtract(*two)) > sweep.APART_PX > sweep.NEAR_PX


def test_a_burnt_in_box_is_painted_over():
    cv2 = pytest.importorskip("cv2")
    frame = np.full((60, 60, 3), 90, np.uint8)
    frame[20:40, 20:22] = frame[20:40, 38:40] = frame[20:22, 20:40] = frame[38:40, 20:40] = (
        0, 140, 255,
    )  # fmt: skip
    grey, inside = nozzle._without_print(cv2, frame)
    assert np.abs(grey.astype(int) - 90).max() <= 3  # inpainting interpolates
    assert inside[30, 30]
    assert not inside[10, 10]


def test_overlap_of_all_frames_together():
    iou, f1 = stills.overlap(made(gas=range(10), on_plume=range(5)), np.arange(N) < 10)
    assert iou == pytest.approx(250 / (500 + 1000 - 250))
    assert f1 == pytest.approx(500 / 1500)


def test_an_alarm_that_was_there_anyway_finds_no_plume():
    anyway = made(gas=range(20, 60))
    track = made(gas=range(20, 64), on_plume=range(20, 64))
    late = drawn.late_s(track, drawn.new_gas(track.confirmed(), anyway.confirmed()))
    assert late == pytest.approx(60 / FPS - 3.0)
    assert not ablation._found(anyway, anyway)
    assert ablation._found(track, anyway)
