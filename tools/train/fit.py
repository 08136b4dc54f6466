# SPDX-License-Identifier: Apache-2.0
"""Fit the network to planes made by make_scenes.py; runs in the training environment.

    fit.py SCENES.npz OUT [--seconds N] [--wall N] [--seed N]

Writes OUT/weights.npz and OUT/curve.json (a row for each eighth of the budget).  One thread;
the budget is processor time of this process; --wall ends it, whole but worse, on a busy machine.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch_net import Plume

BATCH = 16
PEAK_RATE, WEIGHT_DECAY = 4e-3, 1e-4
GAS, UNSURE = 1, 2
MIDDLE = 128
ROW_SHARE = 1 / 8
"""Of the budget: how often the scenes held back are scored."""
SCORED_EVERY = 3
"""Held frames, for the curve; the card's figures come from all of them."""


def augmented(planes: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> tuple:
    """Mirror, change polarity, change the gain of the difference; (B, H, W, 3) floats -1..1."""
    x, y = planes.astype(np.float32) - MIDDLE, labels
    for k in range(len(x)):
        if rng.random() < 0.5:
            x[k], y[k] = x[k, :, ::-1].copy(), y[k, :, ::-1].copy()
        if rng.random() < 0.5:  # absorbed or emitted: the scene behind decides
            x[k, ..., 0] = 2 * x[k, ..., 1] - x[k, ..., 0]
            x[k, ..., 2] *= -1
        x[k, ..., 2] *= np.exp(rng.normal(0, 0.25))
        x[k, ..., :2] = x[k, ..., :2] * rng.uniform(0.6, 1.3) + rng.normal(0, 15)
        if rng.random() < 0.3:
            x[k, ..., 2] += rng.normal(0, rng.uniform(1, 5), x.shape[1:3])
    return np.clip(x, -128, 127) / 128, y


def as_input(planes: np.ndarray) -> torch.Tensor:
    """(B, H, W, 3) floats to the layout that is fast on a processor."""
    return torch.from_numpy(np.ascontiguousarray(planes, np.float32)).permute(0, 3, 1, 2)


def loss_of(labels: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """Cross entropy plus Dice over the whole batch, both blind where the truth is unsure."""
    known, truth = (labels != UNSURE).float(), (labels == GAS).float()
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, truth, weight=known, pos_weight=torch.tensor(3.0), reduction="sum"
    )
    gas = torch.sigmoid(logits)
    hit, both = (gas * truth * known).sum(), ((gas + truth) * known).sum()
    return 4 * entropy / known.sum() + 1 - (2 * hit + 1) / (both + 1)


@torch.no_grad()
def score(model: Plume, planes: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Pooled IoU, and frames of the held scenes with and without gas found by 20 pixels."""
    model.eval()
    hit = both = 0
    frames: dict[bool, list[bool]] = {True: [], False: []}
    for k in range(0, len(planes), 16):
        x = (planes[k : k + 16].astype(np.float32) - MIDDLE) / 128
        found = model(as_input(x)).numpy() >= 0
        truth, known = labels[k : k + 16] == GAS, labels[k : k + 16] != UNSURE
        hit += (found & truth).sum()
        both += ((found | truth) & known).sum()
        for one, there, sure in zip(found, truth, known, strict=True):
            has = bool(there.sum() >= 20)
            frames[has].append(bool((one & (there if has else sure)).sum() >= 20))
    model.train()
    return {"iou": float(hit / max(both, 1)), "found": float(np.mean(frames[True] or [0])),
            "false": float(np.mean(frames[False] or [0]))}  # fmt: skip


def halves(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frames with gas and without; every batch has as many of both."""
    with_gas = (labels == GAS).any((1, 2))
    return np.flatnonzero(with_gas), np.flatnonzero(~with_gas)


def fit(model: Plume, train: tuple, held: tuple, budget: tuple, seed: int) -> list[dict]:
    """Rows of the curve: cost, loss and scores on scenes held back."""
    rng, pools = np.random.default_rng(seed), halves(train[1])
    optimiser = torch.optim.AdamW(model.parameters(), PEAK_RATE, weight_decay=WEIGHT_DECAY)
    curve: list[dict] = []
    losses: list[float] = []
    spent, share, next_row = 0.0, 0.0, ROW_SHARE
    (seconds, wall), begin = budget, time.monotonic()
    while share < 1:
        start = time.process_time()
        rate = PEAK_RATE * min(1.0, share / 0.03 + 0.05) * 0.5 * (1 + np.cos(np.pi * share))
        for group in optimiser.param_groups:
            group["lr"] = rate
        picked = np.concatenate([rng.choice(pool, BATCH // 2) for pool in pools])
        x, y = augmented(train[0][picked], train[1][picked], rng)
        optimiser.zero_grad()
        loss = loss_of(torch.from_numpy(y), model(as_input(x)))
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        spent += time.process_time() - start
        share = max(spent / seconds, (time.monotonic() - begin) / wall)
        if share >= next_row:
            next_row += ROW_SHARE
            row = {"cpu_s": round(spent, 1), "steps": len(losses),
                   "loss": float(np.mean(losses[-100:]))}  # fmt: skip
            curve.append(row | score(model, *(part[::SCORED_EVERY] for part in held)))
            print(json.dumps(curve[-1]), flush=True)
    return curve


def in_running_order(model: Plume, planes: torch.Tensor) -> list[np.ndarray]:
    """Weights in the order in which the layers run, as keras_net.set_weights takes them."""
    order: list[np.ndarray] = []

    def note(layer: torch.nn.Module, *_: object) -> None:
        names = ["weight", "bias", "running_mean", "running_var"]
        found = [getattr(layer, name, None) for name in names]
        order.extend(one.detach().numpy().copy() for one in found if one is not None)

    leaves = [one for one in model.modules() if not list(one.children())]
    hooks = [leaf.register_forward_hook(note) for leaf in leaves]
    with torch.no_grad():
        model(planes)
    for hook in hooks:
        hook.remove()
    return order


def save(model: Plume, planes: np.ndarray, path: Path) -> None:
    """Weights, and what the network answers to some planes."""
    model.eval()
    x = (planes.astype(np.float32) - MIDDLE) / 128
    with torch.no_grad():
        gas = torch.sigmoid(model(as_input(x))).numpy()
    weights = in_running_order(model, as_input(x))
    np.savez(path, planes=x, gas=gas, **{f"w{k}": one for k, one in enumerate(weights)})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenes", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=1500, help="processor seconds")
    parser.add_argument("--wall", type=float, default=7200, help="seconds by the clock, at most")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    found = np.load(args.scenes)
    train = found["train_planes"], found["train_labels"]
    held = found["held_planes"], found["held_labels"]
    model = Plume().to(memory_format=torch.channels_last)
    count = sum(one.numel() for one in model.parameters())
    print(f"{count} parameters, {len(train[0])} frames", flush=True)
    args.out.mkdir(parents=True, exist_ok=True)
    curve = fit(model, train, held, (args.seconds, args.wall), args.seed)
    save(model, held[0][:8], args.out / "weights.npz")
    (args.out / "curve.json").write_text(json.dumps(curve, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
