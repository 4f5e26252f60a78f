#!/usr/bin/env python3
"""unstride against PyTorch (cuDNN, cuBLAS) on a GPU, case by case; writes one JSON. scripts/gpu-check runs it.

    bench/gpu/compare.py --contender build/gpu/bench/gpu/libunstride_gpu_contender.so --ceilings libceilings.so --json gpu.json

All run in this process, on PyTorch's memory and stream. Every call is captured into a CUDA graph, so that no launch cost
is timed; contenders take turns in rounds, medians are reported. Hot: the graph repeats the call, its arrays stay in the
second-level cache as far as they fit. Cold: before each call the graph overwrites an array twice the cache's size, and the
time of that alone is subtracted. First: one call by the clock on the wall, with what is set up for it, such as cuDNN's
search for an algorithm. Variants of PyTorch, of which the fastest counts:

    cudnn            conv_transpose1d as PyTorch sets it up
    cudnn_benchmark  torch.backends.cudnn.benchmark: cuDNN tries its algorithms first
    channels_last    conv_transpose2d over (N, C, 1, L) in channels_last; x and y are in that order already
    gemm_fold        a matrix product, then fold (overlap-add)

Float32 is compared twice: strict math with TF32 off, and fast math with TF32 on. No contender fuses an activation.

A kernel may hang, and a library search for minutes. Cases are measured by a process of their own: it is ended when a
contender has not come back after --patience seconds, and the case is measured again without it, where that is a peer.

unstride's results are held against float64: each row has "relative_error" and the "error_bound" of docs/spec.md. Exit status
1: an error beyond its bound, or a case that failed; the JSON, which is written after every case, has the "error".
"""

import argparse
import json
import math
import random
import statistics
import sys
import time
from pathlib import Path

import torch
from measurer import MODES
from server import Server

CORPUS = Path(__file__).resolve().parents[2] / "data" / "layers.json"


def cases(everything, small, wanted):
    """(layer, batch, length): each layer's lengths with one batch entry, and its middle length with sixteen."""
    document = json.loads(CORPUS.read_text())
    layers = document["layers"] if isinstance(document, dict) else document
    for layer in layers:
        if wanted not in f"{layer['model']} {layer['layer']}" or not everything and not layer.get("headline"):
            continue
        lengths = sorted(layer["typical_input_lengths"]) or [100]
        for batch, length in [(1, n) for n in lengths] + [(16, lengths[len(lengths) // 2])]:
            elements = batch * length * max(layer["in_channels"], layer["out_channels"] * layer["stride"])
            if elements < (1 << 24 if small else 1 << 29):
                yield layer, batch, length


def summary(rows):
    result = {}
    for mode in MODES:
        for kind in ["hot", "cold"]:
            speedups = [row[kind]["speedup"] for row in rows if row["mode"] == mode and kind in row and "error" not in row]
            if speedups:
                result[f"{mode}, {kind}"] = {"cases": len(speedups), "least": min(speedups),
                                             "geometric_mean": statistics.geometric_mean(speedups)}
    launches = [row["launch_us"] for row in rows if row.get("launch_us", -1) > 0]
    return result | ({"launch_us_median": statistics.median(launches)} if launches else {})


def write(report, path):
    report["summary"] = summary(report["rows"])
    Path(path).write_text(json.dumps(report, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--contender", required=True)
    parser.add_argument("--ceilings", help="bench/gpu/ceilings.cu, compiled; without it there is no ceiling for fma")
    parser.add_argument("--json", required=True)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--modes", default=",".join(MODES), help="some of: " + ", ".join(MODES))
    parser.add_argument("--all", action="store_true", help="the whole corpus, not its headline layers")
    parser.add_argument("--layers", default="", help="only layers whose name has this in it")
    parser.add_argument("--patience", type=float, default=15, help="seconds that a contender may take; 15 if left out")
    parser.add_argument("--small", action="store_true", help="leave out what takes much memory")
    parser.add_argument("--budget", type=float, default=math.inf, help="start no case after so many seconds; cases come in random order")
    arguments = parser.parse_args()
    start = time.monotonic()
    unknown = [mode for mode in arguments.modes.split(",") if mode not in MODES]
    if unknown:
        parser.error(f"--modes: {', '.join(unknown)}: must be some of {', '.join(MODES)}")
    if not torch.cuda.is_available():
        sys.exit("compare.py: PyTorch finds no GPU")
    server = Server(arguments.patience, arguments.contender, arguments.ceilings, arguments.rounds, None)
    report = server.about | {"rows": [], "left_out_for_time": 0}
    runs = [(case, mode) for case in cases(arguments.all, arguments.small, arguments.layers) for mode in arguments.modes.split(",")]
    if arguments.budget < math.inf:
        random.Random(1).shuffle(runs)  # what there is time for is a fair sample
    for (layer, batch, length), mode in runs:
        if time.monotonic() - start > arguments.budget:
            report["left_out_for_time"] += 1
            continue
        row = {"layer": f"{layer['model']} {layer['layer']}", "mode": mode, "batch": batch, "length": length}
        row |= server.row(layer, batch, length, mode)
        report["rows"].append(row)
        write(report, arguments.json)
        hot = row.get("hot", {})
        print(f"{row['layer'][:44]:44} N {batch:2} L {length:6} {mode:15} "
              + (f"{row['seconds']['unstride']['hot'] * 1e6:9.1f} us, {hot['speedup']:6.2f} x {hot['best_peer']}, "
                 f"roofline {hot['roofline']:.0%}" if hot and "error" not in row else
                 str(row.get("error") or row.get("seconds"))), flush=True)
    server.stop()
    write(report, arguments.json)
    print(json.dumps(report["summary"], indent=1))
    failed = sum("error" in row for row in report["rows"])
    if failed > 0:
        sys.exit(f"compare.py: {failed} of {len(report['rows'])} cases failed or are wrong")


if __name__ == "__main__":
    main()
