"""A small classifier of handwritten digits in plain NumPy: trained in float, quantised to int8, bit-exact from there.

Two layers, 64 pixels -> ReLU -> 10 digits. The integer form is what the chip holds: int8 weights, int32 biases,
int32 accumulators, and a shift between the layers, so that everybody computes the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from formats.hashing import WORD_BYTES
from host.errors import LivetrapError

PIXELS, HIDDEN, DIGITS = 64, 64, 10
PIXEL_MAX = 16
TEST_SHARE = 4
"""One image in so many is kept for testing."""

Floats = NDArray[np.float32]
Integers = NDArray[np.int32]


@dataclass(frozen=True)
class Data:
    """Images as rows of pixels 0..16, and their digits."""

    train_images: Integers
    train_digits: Integers
    test_images: Integers
    test_digits: Integers


def load_data() -> Data:
    """scikit-learn's bundled digits (1797 images of 8x8 pixels), split in one fixed way.

    Raises LivetrapError when scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise LivetrapError(
            "the demo needs scikit-learn: run pip install '.[demo]' in livetrap's repository"
        ) from error
    bundle = load_digits()
    images, digits = bundle.data.astype(np.int32), bundle.target.astype(np.int32)
    order = np.random.default_rng(0).permutation(len(images))
    is_test = np.arange(len(images)) % TEST_SHARE == 0
    train, test = order[~is_test], order[is_test]
    return Data(images[train], digits[train], images[test], digits[test])


def _largest(scores: Floats | Integers) -> Integers:
    """Index of the largest score in each row; of the first, when several are equal."""
    return np.asarray(scores.argmax(axis=1), dtype=np.int32)


@dataclass(frozen=True)
class Network:
    """Float weights: (in, out) matrices and biases; pixels enter as 0..1."""

    first: Floats
    first_bias: Floats
    second: Floats
    second_bias: Floats

    def hidden(self, images: Integers) -> Floats:
        """Activations of the hidden layer (after ReLU) for images of pixels 0..16, one row each."""
        return np.maximum(images.astype(np.float32) / PIXEL_MAX @ self.first + self.first_bias, 0)

    def classify(self, images: Integers) -> Integers:
        """Digits of images of pixels 0..16, in float."""
        scores = self.hidden(images) @ self.second + self.second_bias
        return _largest(scores)


def train(data: Data, epochs: int, seed: int = 0) -> Iterator[Network]:
    """The network after each epoch of minibatch gradient descent with momentum on the cross-entropy."""
    generator = np.random.default_rng(seed)
    rate, momentum, batch = np.float32(0.05), np.float32(0.9), 32
    shapes = ((PIXELS, HIDDEN), (HIDDEN,), (HIDDEN, DIGITS), (DIGITS,))
    weights = [
        (generator.standard_normal(shape) * np.sqrt(2 / shape[0]) * (len(shape) > 1)).astype(np.float32)
        for shape in shapes
    ]
    speeds = [np.zeros_like(weight) for weight in weights]
    targets = np.eye(DIGITS, dtype=np.float32)[data.train_digits]
    for _ in range(epochs):
        order = generator.permutation(len(targets))
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            pixels = data.train_images[chosen].astype(np.float32) / PIXEL_MAX
            hidden = np.maximum(pixels @ weights[0] + weights[1], 0)
            scores = hidden @ weights[2] + weights[3]
            odds = np.exp(scores - scores.max(axis=1, keepdims=True))
            error = (odds / odds.sum(axis=1, keepdims=True) - targets[chosen]) / len(chosen)
            back = (error @ weights[2].T) * (hidden > 0)
            gradients = (pixels.T @ back, back.sum(axis=0), hidden.T @ error, error.sum(axis=0))
            for speed, gradient, weight in zip(speeds, gradients, weights, strict=True):
                speed *= momentum
                speed -= rate * gradient
                weight += speed
        yield Network(*(weight.copy() for weight in weights))


@dataclass(frozen=True)
class QuantisedNetwork:
    """The integer network. shift: right shift, rounding half up, from the first accumulators to 8-bit activations."""

    first: NDArray[np.int8]
    first_bias: Integers
    second: NDArray[np.int8]
    second_bias: Integers
    shift: int

    def classify(self, images: Integers) -> Integers:
        """Digits of images of pixels 0..16, in integers throughout."""
        hidden = images @ self.first.astype(np.int32) + self.first_bias
        rounded = (hidden + (1 << self.shift >> 1)) >> self.shift
        activations = np.clip(rounded, 0, 127)
        return _largest(activations @ self.second.astype(np.int32) + self.second_bias)

    def image(self) -> bytes:
        """The bytes that go on the chip: first, its biases, second, its biases, shift; padded to whole words."""
        parts = (self.first, self.first_bias, self.second, self.second_bias, np.array([self.shift], np.int32))
        data = b"".join(part.astype(part.dtype.newbyteorder("<")).tobytes() for part in parts)
        return data + bytes(-len(data) % WORD_BYTES)


def quantise(network: Network, data: Data) -> QuantisedNetwork:
    """Symmetric quantisation of each layer; the activations keep a power of two that fits the training images."""
    first_scale = float(np.abs(network.first).max()) / 127
    second_scale = float(np.abs(network.second).max()) / 127
    accumulator_scale = first_scale / PIXEL_MAX
    largest = float(network.hidden(data.train_images).max()) / accumulator_scale
    shift = max(0, int(np.ceil(np.log2(max(largest, 1.0) / 127))))
    activation_scale = accumulator_scale * 2**shift
    return QuantisedNetwork(
        np.rint(network.first / first_scale).astype(np.int8),
        np.rint(network.first_bias / accumulator_scale).astype(np.int32),
        np.rint(network.second / second_scale).astype(np.int8),
        np.rint(network.second_bias / (second_scale * activation_scale)).astype(np.int32),
        shift,
    )


def accuracy(network: Network | QuantisedNetwork, images: Integers, digits: Integers) -> float:
    """Share of the images whose digit the network finds."""
    return float(np.mean(network.classify(images) == digits))
