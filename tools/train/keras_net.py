# SPDX-License-Identifier: Apache-2.0
"""The network to convert with: `torch_net.py` layer for layer, and how its weights get in."""

import keras
import numpy as np
from keras import layers

ROWS, COLUMNS = 120, 160
WIDTHS = (12, 20, 32, 56)


def separable(x, width: int, stride: int = 1, dilation: int = 1):
    """Depthwise 3x3, pointwise, each with its normalisation; a residual where it fits."""
    kept = x
    x = layers.DepthwiseConv2D(
        3, strides=stride, dilation_rate=dilation, padding="same", use_bias=False
    )(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU(6.0)(x)
    x = layers.Conv2D(width, 1, use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    if stride == 1 and kept.shape[-1] == width:
        x = layers.Add()([x, kept])
    return layers.ReLU(6.0)(x)


def conv(x, width: int, size: int, stride: int = 1):
    x = layers.Conv2D(width, size, strides=stride, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.ReLU(6.0)(x)


def up(x, skip, width: int):
    """Twice the size, plus what the way down knew at this size."""
    x = conv(x, width, 1)
    x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    return separable(layers.Concatenate()([x, skip]), width)


def build(widths: tuple[int, int, int, int] = WIDTHS) -> keras.Model:
    """(1, 120, 160, 3) in -1..1 to (1, 120, 160, 1) in 0..1."""
    a, b, c, d = widths
    planes = keras.Input((ROWS, COLUMNS, 3), name="planes")
    half = separable(conv(planes, a, 3, 2), b)
    quarter = separable(separable(half, c, 2), c)
    x = separable(quarter, d, 2)
    x = separable(x, d)
    x = separable(x, d, dilation=2)
    whole = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Multiply()([x, layers.Conv2D(d, 1, activation="sigmoid")(whole)])
    x = separable(x, d)
    x = up(up(x, quarter, c), half, b)
    x = layers.UpSampling2D(2, interpolation="bilinear")(layers.Conv2D(1, 1)(x))
    gas = layers.Activation("sigmoid", name="gas")(x)
    return keras.Model(planes, gas, name="plume")


def set_weights(model: keras.Model, values: list[np.ndarray]) -> None:
    """Arrays of the torch network in the order in which its layers run."""
    left = iter(values)
    weighted = (layers.Conv2D, layers.DepthwiseConv2D, layers.BatchNormalization)
    for layer in (one for one in model.layers if isinstance(one, weighted)):
        own = [next(left) for _ in layer.get_weights()]
        if isinstance(layer, layers.DepthwiseConv2D):
            own[0] = own[0].transpose(2, 3, 0, 1)  # (C, 1, H, W) to (H, W, C, 1)
        elif isinstance(layer, layers.Conv2D):
            own[0] = own[0].transpose(2, 3, 1, 0)  # (O, I, H, W) to (H, W, I, O)
        layer.set_weights(own)
    if next(left, None) is not None:
        raise ValueError("the two networks have not the same layers")
