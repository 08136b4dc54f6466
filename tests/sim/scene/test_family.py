# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from edgeleak.errors import ConfigError, MissingInputError, UsageError
from edgeleak.sim import open_sim
from edgeleak.sim.scene import load_family

MINE = """
summary = "mine"
[world]
distance_m = [3.0, 4.0]
[wind]
speed_m_per_s = { log = [0.1, 10.0] }
[motion]
shake_px = { choice = [0.0, 2.0] }
[[leak]]
chance = 0.5
place = [0, 3]
"""


def written(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return load_family(str(path))


def test_a_seed_draws_every_range_and_another_seed_draws_anew(tmp_path):
    family = written(tmp_path, MINE)
    drawn = [family.draw(seed) for seed in range(200)]
    assert family.draw(7) == drawn[7]
    distance = np.array([s.world.distance_m for s in drawn])
    assert 3 <= distance.min() < 3.1 < 3.9 < distance.max() <= 4
    speed = np.array([s.wind.speed_m_per_s for s in drawn])
    assert 0.3 < np.mean(speed < 1) < 0.7  # logarithmic: half of it below the middle decade
    assert {s.motion.shake_px for s in drawn} == {0.0, 2.0}
    leaks = [leak for s in drawn for leak in s.leaks]
    assert 60 < len(leaks) < 140
    assert {leak.place for leak in leaks} == {0, 1, 2, 3}
    assert all(isinstance(leak.place, int) for leak in leaks)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[world]\ndistnce_m = 3.0", "nearest is 'distance_m'"),
        ("[world]\ndistance_m = [5.0, 3.0]", r"is no range; write \[low, high\]"),
        ("[world]\ndistance_m = [100.0, 900.0]", "0.5 to 200 m"),
        ("wnd = 3", "nearest is 'wind'"),
        ("splits = ['trian']", "expected some of train, validate, test"),
        ("[[leak]]\nrate_g_per_h = { log = [0.0, 3.0] }", "above 0"),
        ("leak = 3", "list of tables"),
        ("seconds = 'long'", "seconds"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(tmp_path, text, says):
    def drawn():
        family = written(tmp_path, text)
        return [family.draw(seed) for seed in range(8)]

    with pytest.raises(ConfigError, match=says) as caught:
        drawn()
    assert "mine.toml" in str(caught.value)


def test_wrong_names_and_cameras_are_refused():
    with pytest.raises(MissingInputError, match="nearest is 'stack'"):
        load_family("stak")
    scene = load_family("stack").draw(0)
    with pytest.raises(UsageError, match="32 to 1280"):
        scene.with_camera(width=5000)
    with pytest.raises(UsageError, match="nearest is 'width'"):
        scene.with_camera(widht=320)


def test_a_scene_opens_by_its_text():
    source = open_sim("sim:family=stack,seed=2,width=64,height=48,netd=30")
    assert source.shape == (48, 64)
    with pytest.raises(UsageError, match="known are family"):
        open_sim("sim:family=stack,leak=on")
