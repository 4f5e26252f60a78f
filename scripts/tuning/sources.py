"""Layers to tune, from spec files, folders, and lists in the form of data/layers.json."""

import argparse
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from choices import canonical

# Far enough apart that each decides the lengths half-way to the next (docs/tuning.md).
DEFAULT_LENGTHS = [32, 256, 2048]
FIELDS = ["in_channels", "out_channels", "kernel_size", "stride", "padding", "output_padding", "dilation", "groups",
          "bias", "trim", "dtype", "math"]


class SourceError(Exception):
    pass


def integers(text):
    """"128,860" as a list; for argparse."""
    try:
        values = [int(word) for word in text.split(",")]
    except ValueError:
        values = []
    if not values or min(values) < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be positive integers with commas")
    return values


def shard_of(text):
    """"3/16" as (3, 16); for argparse."""
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError(f"{text}: must be I/N with I from 1 to N")
    return int(match[1]), int(match[2])


@dataclass
class Layer:
    name: str
    spec: dict
    lengths: list

    def size(self):
        spec = self.spec
        weights = spec["in_channels"] * spec["out_channels"] * first(spec["kernel_size"]) / spec.get("groups", 1)
        return weights * max(self.lengths)


def canonical_specs(layers, command):
    """Each layer's spec as unstride writes it; None for one that it refuses."""
    specs = json.dumps([layer.spec for layer in layers])
    done = subprocess.run([command, "check", "-"], input=specs, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return [canonical(json.loads(line)) for line in done.stdout.splitlines()]
    if len(layers) == 1:
        return [None]
    return [canonical_specs([layer], command)[0] for layer in layers]  # a file is refused as a whole


def names_by_spec(layers, command):
    """The layers' names by canonical spec. Layers of one spec share a line of the report."""
    names = {}
    for layer, spec in zip(layers, canonical_specs(layers, command) if layers else []):
        names.setdefault(spec, []).append(layer.name)
    return {spec: ", ".join(dict.fromkeys(found)) for spec, found in names.items()}


def first(value):
    return value[0] if isinstance(value, list) else value


def activation(text):
    """What a spec can say of a list's prologue or epilogue; None where it cannot."""
    if text == "relu":
        return {"op": "relu"}
    match = re.fullmatch(r"leaky_relu\(([-+.\de]+)\)", text or "")
    return {"op": "leaky_relu", "negative_slope": float(match[1])} if match else None


def from_list(entry, lengths, shortest):
    spec = {"op": "conv_transpose1d"} | {field: entry[field] for field in FIELDS if field in entry}
    for place in ["prologue", "epilogue"]:
        if known := activation(entry.get(place)):
            spec[place] = known
    listed = sorted(entry["typical_input_lengths"])
    return Layer(f"{entry['model']} {entry['layer']}", spec, lengths or (listed[:1] if shortest else listed))


def read_file(path, lengths, core, headline, shortest):
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: {error}") from None
    entries = value if isinstance(value, list) else [value]
    layers = []
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict) or not {"in_channels", "out_channels", "kernel_size"} <= entry.keys():
            raise SourceError(f"{path}: entry {index} is neither a spec nor a layer of a list")
        if "typical_input_lengths" in entry:
            if (core and not entry.get("core")) or (headline and not entry.get("headline")):
                continue
            layers.append(from_list(entry, lengths, shortest))
        else:
            name = path.stem if entry is value else f"{path.stem}[{index}]"
            layers.append(Layer(name, entry, lengths or DEFAULT_LENGTHS))
    return layers


def read_sources(sources, lengths, core=False, headline=False, shortest=False):
    """Small layers first: what they leave of their share of the time goes to the larger."""
    layers = []
    for source in sources:
        files = sorted(source.rglob("*.json")) if source.is_dir() else [Path(source)]
        if not files:
            raise SourceError(f"{source}: holds no .json file")
        for path in files:
            layers += read_file(path, lengths, core, headline, shortest)
    return sorted(layers, key=Layer.size)
