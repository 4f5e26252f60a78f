#!/usr/bin/env python3
"""Writes golden.json: layers, and what PyTorch computes for them in float32.

    make_golden.py          (Debian: apt-get install python3-torch; the tests read the file and need no PyTorch)

Inputs are not stored: they come from the seeded generator of tools/support/random_data.h, written here once more.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F

MASK = (1 << 64) - 1
NONE = {"op": "none"}


def uniform(count, seed):
    """SplitMix64, its upper 24 bits scaled to [-1, 1): the numbers of random_values<float>."""
    values, state = [], seed
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        values.append(((z ^ (z >> 31)) >> 40) * 2.0**-23 - 1.0)
    return torch.tensor(values, dtype=torch.float32)


def layer(cin, cout, k, s, **fields):
    spec = {"op": "conv_transpose1d", "in_channels": cin, "out_channels": cout, "kernel_size": k, "stride": s}
    return {**spec, **fields}


LEAKY = {"op": "leaky_relu", "negative_slope": 0.1}

# (layer, batch, length)
CASES = [
    # The literal cases of the frameworks' own tests: kernel 3, stride 1.
    (layer(1, 2, 3, 1), 1, 5),
    (layer(1, 2, 3, 1, bias=False), 1, 5),
    (layer(2, 2, 3, 1, groups=2), 1, 5),
    (layer(2, 6, 3, 1), 1, 5),
    (layer(4, 2, 3, 1), 2, 5),
    (layer(6, 4, 1, 1), 1, 7),
    # Vocoders: kernel = 2 strides, padding = stride / 2.
    (layer(32, 16, 16, 8, padding=4, prologue=LEAKY), 1, 6),
    (layer(16, 8, 4, 2, padding=1, prologue=LEAKY), 1, 20),
    (layer(16, 4, 8, 4, padding=2, epilogue={"op": "relu"}), 2, 9),
    (layer(12, 6, 10, 5, padding=3, output_padding=1), 1, 9),
    (layer(8, 4, 7, 3, padding=2), 1, 15),
    # Codecs: trimmed at the end.
    (layer(16, 8, 10, 5, trim=[0, 5]), 1, 8),
    (layer(8, 8, 4, 2, trim=[1, 1]), 1, 12),
    # Separable and depthwise.
    (layer(12, 12, 4, 2, groups=12, bias=False, padding=1), 1, 15),
    (layer(6, 18, 5, 3, groups=6), 1, 7),
    (layer(8, 12, 6, 2, groups=4, padding=2), 2, 8),
    # Inverse Fourier transforms: one output channel, a long kernel.
    (layer(34, 1, 32, 8, bias=False), 1, 12),
    (layer(18, 2, 48, 12, bias=False, padding=18), 1, 9),
    # Dilation, with and without a common divisor of the stride; phases without taps; kernels below the stride.
    (layer(4, 3, 5, 2, dilation=3), 1, 10),
    (layer(4, 3, 5, 4, dilation=2, output_padding=3), 1, 8),
    (layer(3, 3, 4, 1, dilation=4, output_padding=2, padding=3), 1, 9),
    (layer(3, 5, 2, 5), 2, 6),
    (layer(2, 2, 1, 4, output_padding=3), 1, 6),
    # One input; padding that crops whole inputs away.
    (layer(5, 4, 9, 3), 3, 1),
    (layer(4, 4, 3, 2, padding=5), 1, 14),
    # A reduction long enough for rounding to matter.
    (layer(512, 2, 16, 8, padding=4), 1, 4),
]


def activate(activation, values):
    if activation["op"] == "relu":
        return F.relu(values)
    if activation["op"] == "leaky_relu":
        return F.leaky_relu(values, activation["negative_slope"])
    return values


def compute(spec, batch, length, seed):
    groups, cin, cout = spec.get("groups", 1), spec["in_channels"], spec["out_channels"]
    shape = (cin, cout // groups, spec["kernel_size"])
    x = uniform(batch * cin * length, 3 * seed).reshape(batch, cin, length)
    w = uniform(shape[0] * shape[1] * shape[2], 3 * seed + 1).reshape(shape)
    b = uniform(cout, 3 * seed + 2) if spec.get("bias", True) else None
    y = F.conv_transpose1d(
        activate(spec.get("prologue", NONE), x), w, b, stride=spec["stride"], padding=spec.get("padding", 0),
        output_padding=spec.get("output_padding", 0), groups=groups, dilation=spec.get("dilation", 1))
    start, end = spec.get("trim", [0, 0])
    return activate(spec.get("epilogue", NONE), y[:, :, start:y.shape[2] - end])


def main():
    lines = []
    for seed, (spec, batch, length) in enumerate(CASES, start=1):
        y = compute(spec, batch, length, seed)
        # Nine digits tell all floats apart.
        values = ", ".join(f"{value:.9g}" for value in y.flatten().tolist())
        lines.append(f'{{"spec": {json.dumps(spec)}, "batch": {batch}, "length": {length}, "seed": {seed}, '
                     f'"output_length": {y.shape[2]},\n "y": [{values}]}}')
    target = Path(__file__).with_name("golden.json")
    target.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="ascii")
    print(f"{target.name}: {len(CASES)} cases, {target.stat().st_size} bytes, PyTorch {torch.__version__}")


if __name__ == "__main__":
    main()
