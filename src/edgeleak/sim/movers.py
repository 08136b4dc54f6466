# SPDX-License-Identifier: Apache-2.0
"""Warm things that move and are no gas: what a detector must not call a leak."""

from typing import Protocol

import numpy as np

from edgeleak.sim.scene import Scene

PERSON_SKIN_DEGC = 31.0
PERSON_CLOTHES_DEGC = 25.5
WALK_M_PER_S = 1.1
STRIDES_PER_S = 0.95


class Window:
    """A part of the frame with metre coordinates, into which shapes are painted."""

    def __init__(self, frame_degc: np.ndarray, scene: Scene, left: float, bottom: float,
                 right: float, top: float) -> None:  # fmt: skip
        height, width = frame_degc.shape
        col0, row1 = scene.to_pixel(left, bottom)
        col1, row0 = scene.to_pixel(right, top)
        rows = np.clip([int(row0), int(row1) + 2], 0, height)
        cols = np.clip([int(col0), int(col1) + 2], 0, width)
        self.temp = frame_degc[rows[0] : rows[1], cols[0] : cols[1]]
        self._pixel_m = scene.pixel_m
        self._x = ((np.arange(*cols) + 0.5) * scene.pixel_m).astype(np.float32)[None, :]
        self._y = ((scene.ground_row - np.arange(*rows) - 0.5) * scene.pixel_m).astype(np.float32)[
            :, None
        ]

    def limb(self, start: tuple[float, float], end: tuple[float, float], radius: float,
             temp_degc: float) -> None:  # fmt: skip
        """A capsule from start to end."""
        ax, ay = start
        bx, by = end[0] - ax, end[1] - ay
        length2 = max(bx * bx + by * by, 1e-9)
        along = np.clip(((self._x - ax) * bx + (self._y - ay) * by) / length2, 0, 1)
        away = np.hypot(self._x - ax - along * bx, self._y - ay - along * by)
        share = np.clip(0.5 + (radius - away) / self._pixel_m, 0, 1)
        self.temp += share * (temp_degc - self.temp)


class Mover(Protocol):
    """Something that paints itself over the still scene."""

    def draw(self, frame_degc: np.ndarray, time_s: float) -> None:
        """Paint apparent temperatures for one moment into (H, W) float32."""


class Person:
    """Walks through the picture, turns round outside it and comes back."""

    def __init__(self, scene: Scene, first_s: float, every_s: float) -> None:
        self._scene = scene
        self._first_s = first_s
        self._every_s = every_s
        self._span_m = scene.temp_degc.shape[1] * scene.pixel_m + 1.6

    def place_m(self, time_s: float) -> float | None:
        """x of the body, or None while outside the picture."""
        if time_s < self._first_s:
            return None
        turn, since_s = divmod(time_s - self._first_s, self._every_s)
        way = since_s * WALK_M_PER_S
        if way > self._span_m:
            return None
        return way - 0.8 if turn % 2 == 0 else self._span_m - 0.8 - way

    def draw(self, frame_degc: np.ndarray, time_s: float) -> None:
        x = self.place_m(time_s)
        if x is None:
            return
        foot = -0.55  # between the camera and the wall, so lower in the picture
        win = Window(frame_degc, self._scene, x - 0.6, foot - 0.1, x + 0.6, foot + 1.9)
        swing = np.sin(2 * np.pi * STRIDES_PER_S * time_s)
        hip, neck = (x, foot + 0.88), (x, foot + 1.42)
        for side in (1, -1):
            knee = (x + side * 0.17 * swing, foot + 0.45)
            win.limb(hip, knee, 0.075, PERSON_CLOTHES_DEGC - 1)
            win.limb(knee, (x + side * 0.30 * swing, foot), 0.055, PERSON_CLOTHES_DEGC - 2)
            hand = (x - side * 0.28 * swing, foot + 0.82)
            win.limb((x, foot + 1.36), hand, 0.045, PERSON_CLOTHES_DEGC)
            win.limb(hand, hand, 0.05, PERSON_SKIN_DEGC)
        win.limb(hip, neck, 0.16, PERSON_CLOTHES_DEGC + 1)
        win.limb((x, foot + 1.62), (x, foot + 1.66), 0.10, PERSON_SKIN_DEGC)


class Cat:
    """A small animal that trots along the ground."""

    def __init__(self, scene: Scene, first_s: float) -> None:
        self._scene = scene
        self._first_s = first_s

    def draw(self, frame_degc: np.ndarray, time_s: float) -> None:
        x = 7.0 - 0.55 * (time_s - self._first_s)
        if not -0.6 < x < 7.0:
            return
        foot = -0.35
        win = Window(frame_degc, self._scene, x - 0.35, foot - 0.05, x + 0.45, foot + 0.4)
        swing = 0.06 * np.sin(2 * np.pi * 2.2 * time_s)
        for place in (-0.13, -0.09, 0.11, 0.15):
            swing = -swing
            win.limb((x + place, foot + 0.14), (x + place + swing, foot), 0.018, 24.0)
        win.limb((x - 0.13, foot + 0.19), (x + 0.13, foot + 0.18), 0.06, 28.0)
        win.limb((x - 0.2, foot + 0.26), (x - 0.21, foot + 0.26), 0.05, 30.0)
        win.limb((x + 0.15, foot + 0.2), (x + 0.3, foot + 0.34), 0.018, 25.0)


class Fan:
    """Three blades in the wall fan: strong, steady, periodic change in one place."""

    def __init__(self, scene: Scene, turns_per_s: float = 0.7) -> None:
        self._scene = scene
        self._turns_per_s = turns_per_s

    def draw(self, frame_degc: np.ndarray, time_s: float) -> None:
        x, y = self._scene.fan_xy_m
        win = Window(frame_degc, self._scene, x - 0.24, y - 0.24, x + 0.24, y + 0.24)
        for blade in range(3):
            angle = 2 * np.pi * (self._turns_per_s * time_s + blade / 3)
            tip = (x + 0.17 * np.cos(angle), y + 0.17 * np.sin(angle))
            win.limb((x, y), tip, 0.045, 18.5)
        win.limb((x, y), (x, y), 0.05, 23.0)
