# SPDX-License-Identifier: Apache-2.0
"""Fit the network to planes made by make_scenes.py; runs in the training environment.

    fit.py SCENES.npz OUT [--seconds N] [--seed N]

Writes OUT/plume.tflite and OUT/curve.json (one row an epoch).  One thread; the budget is
processor time of this process, so a busy machine makes it longer, not worse.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from net import build

BATCH = 16
PEAK_RATE, WEIGHT_DECAY = 4e-3, 1e-4
GAS, UNSURE = 1, 2
MIDDLE = 128
ROW_SHARE = 1 / 16
"""Of the budget: how often the scenes held back are scored."""


def augmented(planes: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> tuple:
    """Mirror, change polarity, change the gain of the difference; (B, H, W, 3) floats -1..1."""
    x = planes.astype(np.float32) - MIDDLE
    y = labels
    for k in range(len(x)):
        if rng.random() < 0.5:
            x[k], y[k] = x[k, :, ::-1], y[k, :, ::-1]
        if rng.random() < 0.5:  # absorbed or emitted: the scene behind decides
            x[k, ..., 0] = 2 * x[k, ..., 1] - x[k, ..., 0]
            x[k, ..., 2] *= -1
        x[k, ..., 2] *= np.exp(rng.normal(0, 0.25))
        x[k, ..., :2] = x[k, ..., :2] * rng.uniform(0.6, 1.3) + rng.normal(0, 15)
        if rng.random() < 0.3:
            x[k, ..., 2] += rng.normal(0, rng.uniform(1, 5), x.shape[1:3])
    return np.clip(x, -128, 127) / 128, y


def loss_of(labels: tf.Tensor, gas: tf.Tensor) -> tf.Tensor:
    """Cross entropy plus Dice over the whole batch, both blind where the truth is unsure."""
    known = tf.cast(labels != UNSURE, tf.float32)
    truth = tf.cast(labels == GAS, tf.float32)
    gas = tf.clip_by_value(gas, 1e-6, 1 - 1e-6)
    entropy = -(3 * truth * tf.math.log(gas) + (1 - truth) * tf.math.log(1 - gas))
    entropy = tf.reduce_sum(entropy * known) / tf.reduce_sum(known)
    hit = tf.reduce_sum(gas * truth * known)
    both = tf.reduce_sum((gas + truth) * known)
    return 4 * entropy + 1 - (2 * hit + 1) / (both + 1)


def step_of(model: keras.Model, optimiser: keras.optimizers.Optimizer):
    @tf.function(reduce_retracing=True)
    def step(planes: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = loss_of(labels, model(planes, training=True)[..., 0])
        slopes = tape.gradient(loss, model.trainable_variables)
        optimiser.apply_gradients(zip(slopes, model.trainable_variables, strict=True))
        return loss

    return step


def score(predict, planes: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Pooled IoU, and frames of the test scenes with and without gas found by 20 pixels."""
    hit = both = 0
    frames = {True: [], False: []}
    for k in range(0, len(planes), 32):
        x = (planes[k : k + 32].astype(np.float32) - MIDDLE) / 128
        found = predict(tf.constant(x)).numpy()[..., 0] >= 0.5
        truth, known = labels[k : k + 32] == GAS, labels[k : k + 32] != UNSURE
        hit += (found & truth).sum()
        both += ((found | truth) & known).sum()
        for one, there, sure in zip(found, truth, known, strict=True):
            has = bool(there.sum() >= 20)
            frames[has].append((one & (there if has else sure)).sum() >= 20)
    return {"iou": float(hit / max(both, 1)), "found": float(np.mean(frames[True] or [0])),
            "false": float(np.mean(frames[False] or [0]))}  # fmt: skip


def halves(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frames with gas and without; every batch has as many of both."""
    with_gas = (labels == GAS).any((1, 2))
    return np.flatnonzero(with_gas), np.flatnonzero(~with_gas)


def fit(model: keras.Model, train: tuple, held: tuple, seconds: float, seed: int) -> list[dict]:
    """Rows of the curve: cost, loss and scores on scenes held back."""
    rng = np.random.default_rng(seed)
    optimiser = keras.optimizers.AdamW(PEAK_RATE, weight_decay=WEIGHT_DECAY)
    step, curve = step_of(model, optimiser), []
    predict = tf.function(lambda x: model(x, training=False), reduce_retracing=True)
    spent, next_row = 0.0, ROW_SHARE
    losses: list[float] = []
    pools = halves(train[1])
    while spent < seconds:
        start, share = time.process_time(), spent / seconds
        warm = min(1.0, share / 0.03 + 0.05)
        optimiser.learning_rate.assign(PEAK_RATE * warm * 0.5 * (1 + np.cos(np.pi * share)))
        picked = np.concatenate([rng.choice(pool, BATCH // 2) for pool in pools])
        x, y = augmented(train[0][picked], train[1][picked], rng)
        losses.append(float(step(tf.constant(x), tf.constant(y))))
        spent += time.process_time() - start
        if spent >= next_row * seconds:
            next_row += ROW_SHARE
            row = {"cpu_s": round(spent, 1), "steps": len(losses),
                   "loss": float(np.mean(losses[-100:]))}  # fmt: skip
            curve.append(row | score(predict, *held))
            print(json.dumps(curve[-1]), flush=True)
    return curve


def convert(model: keras.Model) -> bytes:
    """TFLite with 16-bit weights, computed in 32-bit: half the size, the same mask everywhere."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenes", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=1200, help="processor seconds")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.utils.set_random_seed(args.seed)
    found = np.load(args.scenes)
    model = build()
    print(f"{model.count_params()} parameters, {len(found['train_planes'])} frames", flush=True)
    curve = fit(model, (found["train_planes"], found["train_labels"]),
                (found["held_planes"], found["held_labels"]), args.seconds, args.seed)  # fmt: skip
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "plume.tflite").write_bytes(convert(model))
    model.save_weights(args.out / "plume.weights.h5")
    (args.out / "curve.json").write_text(json.dumps(curve, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
