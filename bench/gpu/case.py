"""A layer at one size with its data on the device, and what its outputs are held against."""

import math

import torch

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


class Case:
    def __init__(self, layer, batch, length, dtype):
        self.layer, self.batch, self.length, self.dtype = layer, batch, length, dtype
        generator = torch.Generator().manual_seed(1)

        def random(*shape):
            return (torch.rand(*shape, generator=generator) * 2 - 1).to(DTYPES[dtype])

        c_in, c_out, groups, kernel = (layer[k] for k in ["in_channels", "out_channels", "groups", "kernel_size"])
        self.weight_host = random(c_in, c_out // groups, kernel)
        self.bias_host = random(c_out) if layer["bias"] else None
        self.x = random(batch, c_in, length).cuda()
        self.weight = self.weight_host.cuda()
        self.bias = self.bias_host.cuda() if layer["bias"] else None
        self.output_length = ((length - 1) * layer["stride"] - 2 * layer["padding"] + layer["dilation"] * (kernel - 1)
                              + layer["output_padding"] + 1)
        self.y = torch.empty(batch, c_out, self.output_length, dtype=DTYPES[dtype], device="cuda")
        taps = kernel * length - sum(self._outside(j) for j in range(kernel))
        self.operations = 2.0 * batch * c_in * (c_out // groups) * taps
        self.bytes = self.x.element_size() * (self.x.numel() + self.y.numel() + self.weight.numel())

    def _outside(self, j):
        """Inputs whose product with tap j falls outside the output."""
        s, shift = self.layer["stride"], j * self.layer["dilation"] - self.layer["padding"]
        low = max(0, math.ceil(-shift / s))
        high = min(self.length - 1, (self.output_length - 1 - shift) // s)
        return self.length - max(0, high - low + 1)

    def spec(self, math_mode):
        layer = self.layer
        fields = ["in_channels", "out_channels", "kernel_size", "stride", "padding", "output_padding", "dilation", "groups", "bias"]
        return {"op": "conv_transpose1d", "dtype": self.dtype, "math": math_mode} | {k: layer[k] for k in fields}

    def torch_arguments(self):
        layer = self.layer
        return {k: layer[k] for k in ["stride", "padding", "output_padding", "groups", "dilation"]}


def in_float64(case, x, weight, bias):
    """One batch entry, tap by tap."""
    layer = case.layer
    groups, stride, padding = layer["groups"], layer["stride"], layer["padding"]
    c_out = weight.shape[1] * groups
    whole = torch.zeros(c_out, case.output_length + 2 * padding, dtype=torch.float64, device=x.device)
    x = x.reshape(groups, -1, case.length)
    for j, tap in enumerate(weight.reshape(groups, -1, *weight.shape[1:]).unbind(3)):
        first = j * layer["dilation"]
        whole[:, first : first + (case.length - 1) * stride + 1 : stride] += torch.bmm(tap.mT, x).reshape(c_out, -1)
    y = whole[:, padding : padding + case.output_length]
    return y if bias is None else y + bias[:, None]


def relative_error(case, y):
    """Largest |y - float64| / sum |x||w|, beyond half of the least number that the type has."""
    least = {"float32": 2.0**-149, "float16": 2.0**-24, "bfloat16": 2.0**-133}[case.dtype]
    weight, bias = case.weight.double(), None if case.bias is None else case.bias.double()
    worst = 0.0
    for n in range(case.batch):
        x = case.x[n].double()
        reference = in_float64(case, x, weight, bias)
        sizes = in_float64(case, x.abs(), weight.abs(), None if bias is None else bias.abs())
        off = (y[n].double() - reference).abs() - least / 2
        error = (off.clamp_min(0) / sizes.clamp_min(1e-30)).max().item()
        worst = error if math.isnan(error) else max(worst, error)
    return worst


def error_bound(layer, dtype, math_mode):
    """What relative_error may be, by docs/spec.md (fast math) and docs/command.md (verification)."""
    taps = math.ceil(layer["kernel_size"] / (layer["stride"] // math.gcd(layer["stride"], layer["dilation"])))
    products = taps * layer["in_channels"] // layer["groups"]
    if math_mode == "fast":
        sums = (products + 20) * 2.0**-22 + (2.0**-10 + 2.0**-22 if dtype == "float32" else 0)
    else:
        roundings = (products + 2) * 2.0**-24
        sums = roundings / (1 - roundings)
    rounding = {"float32": 0, "float16": 2.0**-11, "bfloat16": 2.0**-8}[dtype]
    return sums + rounding * (1 + sums)
