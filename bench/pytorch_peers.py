#!/usr/bin/env python3
"""Times PyTorch's conv_transpose1d against unstride, case by case, and writes JSON for bench/report.py to merge.

    pip install torch
    bench/pytorch_peers.py --bench build/release/bench/unstride_bench --json pytorch.json

PyTorch carries a oneDNN newer than Debian's. unstride runs in a process of its own, `unstride_bench --serve`, and both
are sampled in the same rounds, so that a ratio compares the same seconds. The conditions are those of `unstride_bench
--only peers`: float32, batch 1, NCL in and out, bias and nothing else fused, hot caches, medians. Two variants, the
faster counts:

    plain      torch.nn.functional.conv_transpose1d
    prepacked  the operator behind torch.compile's frozen graphs, whose weights are reordered beforehand; the output is
               made contiguous (NCL) where the operator leaves it in another order
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import torch

SAMPLE_SECONDS = 4e-3
WARM_UP_SECONDS = 2e-3
MOST_WARM_UP_SECONDS = 60e-3
HOPELESS = 8  # a variant so many times slower, and slow, is known well enough after its first calls


def random_values(count, seed):
    """tools/support/random_data.h: SplitMix64, its top 24 bits scaled to [-1, 1)."""
    with numpy.errstate(over="ignore"):
        z = numpy.uint64(seed) + numpy.arange(1, count + 1, dtype=numpy.uint64) * numpy.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        z ^= z >> numpy.uint64(31)
    return (z >> numpy.uint64(40)).astype(numpy.float32) * numpy.float32(2**-23) - numpy.float32(1)


def settle():
    """Waits until no thread of this process spins; see bench/interleaved.h."""
    for _ in range(200):
        before = time.process_time()
        time.sleep(1e-3)
        if time.process_time() - before < 2e-4:
            return


def seconds(call, times=1):
    start = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - start) / times


class Server:
    """`unstride_bench --serve`."""

    def __init__(self, program, corpus):
        self.process = subprocess.Popen(
            [program, "--serve", "--corpus", corpus], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit("unstride_bench --serve ended")
        answer = json.loads(line)
        if "error" in answer:
            sys.exit(f"unstride_bench --serve: {answer['error']}")
        return answer


class Case:
    """A layer of the corpus at one length, as calls of PyTorch."""

    def __init__(self, layer, length, dtype):
        self.stride, self.dilation, self.groups = layer["stride"], layer["dilation"], layer["groups"]
        taps, inputs, outputs = layer["kernel_size"], layer["in_channels"], layer["out_channels"]
        shape = (inputs, outputs // self.groups, taps)
        self.x = torch.from_numpy(random_values(inputs * length, 1)).reshape(1, inputs, length)
        self.w = torch.from_numpy(random_values(int(numpy.prod(shape)), 2)).reshape(shape)
        self.b = torch.from_numpy(random_values(outputs, 3)) if layer["bias"] else None
        self.x, self.w = self.x.to(dtype), self.w.to(dtype)
        self.b = None if self.b is None else self.b.to(dtype)
        # What is cropped equally at both ends is padding; a view leaves out the rest.
        left, right = layer.get("trim", [0, 0])
        self.padding, self.output_padding = layer["padding"] + min(left, right), layer["output_padding"]
        self.crop = (left - min(left, right), right - min(left, right))

    def variants(self):
        yield "plain", self.plain()
        try:
            yield "prepacked", self.prepacked()
        except (RuntimeError, AttributeError) as error:
            print(f"    prepacked: {str(error).splitlines()[0]}", file=sys.stderr)

    def plain(self):
        def call():
            return self.cropped(
                torch.nn.functional.conv_transpose1d(
                    self.x, self.w, self.b, self.stride, self.padding, self.output_padding, self.groups, self.dilation
                )
            )

        return call

    def prepacked(self):
        x = self.x.unsqueeze(2)  # the operator takes two dimensions
        padding, output_padding = [0, self.padding], [0, self.output_padding]
        stride, dilation = [1, self.stride], [1, self.dilation]
        w = torch.ops.mkldnn._reorder_convolution_transpose_weight(
            self.w.unsqueeze(2).contiguous(), padding, output_padding, stride, dilation, self.groups, list(x.shape)
        )

        def call():
            y = torch.ops.mkldnn._convolution_transpose_pointwise(
                x, w, self.b, padding, output_padding, stride, dilation, self.groups, "none", [], ""
            )
            return self.cropped(y.squeeze(2).contiguous())

        call()
        return call

    def cropped(self, y):
        left, right = self.crop
        return y if left + right == 0 else y.narrow(2, left, y.shape[2] - left - right)


class Timer:
    """As bench/interleaved.h's CallTimer."""

    def __init__(self, call):
        self.call = call
        settle()
        self.estimate = seconds(call)
        if self.estimate < 0.25:
            self.estimate = min(seconds(call) for _ in range(3))

    def sample(self):
        settle()
        if self.estimate < 50e-3:
            spent, least, no_faster = 0.0, float("inf"), 0
            while spent < WARM_UP_SECONDS or (no_faster < 3 and spent < MOST_WARM_UP_SECONDS):
                call = seconds(self.call)
                no_faster = 0 if call < 0.98 * least else no_faster + 1
                least = min(least, call)
                spent += call
        return seconds(self.call, max(1, round(SAMPLE_SECONDS / self.estimate)))


def check(y, server, name):
    """The result must be unstride's. Data are random, so a missing tap shows far above rounding."""
    with tempfile.NamedTemporaryFile() as file:
        server.ask(**name, do="output", to=file.name)
        expected = torch.from_file(file.name, size=y.numel(), dtype=y.dtype).float()
        difference = ((y.float().flatten() - expected).abs().max() / expected.abs().max()).item()
    if not difference < (1e-4 if y.dtype == torch.float32 else 2e-2):
        sys.exit(f"{name}: results differ by {difference:.1e} of the largest output")


def measure(layer, length, threads, options, server):
    rounds = options.rounds
    torch.set_num_threads(threads)
    case = Case(layer, length, getattr(torch, options.dtype))
    name = {"id": layer["id"], "length": length, "threads": threads, "dtype": options.dtype, "fast": options.fast}
    best = None
    for variant, call in case.variants():
        start = time.perf_counter()
        y = call()
        first = time.perf_counter() - start
        check(y, server, name)
        timer = Timer(call)
        if best is None or timer.estimate < best[1].estimate:
            best = (variant, timer, first)
    variant, timer, first = best

    ours, theirs = [server.ask(**name, do="sample")["us"]], []
    if timer.estimate > 0.1 and 1e6 * timer.estimate > HOPELESS * ours[0]:
        rounds = 1
    if timer.estimate > 1:
        rounds = min(rounds, 3)
    ours = []
    for turn in range(rounds):
        for who in (turn, turn + 1):
            if who % 2 == 0:
                ours.append(server.ask(**name, do="sample")["us"])
            else:
                theirs.append(1e6 * timer.sample())
                settle()
    our_us, us = statistics.median_low(ours), statistics.median_low(theirs)
    return {
        **name,
        "layer": f"{layer['model']} {layer['layer']}",
        "us": us,
        "samples_us": theirs,
        "our_us": our_us,
        "our_samples_us": ours,
        "ratio": us / our_us,
        "variant": variant,
        "first_call_ms": 1e3 * first,
    }


def versions():
    config = torch.__config__.show()
    onednn = [line.split()[3] for line in config.splitlines() if "MKL-DNN" in line]
    return f"PyTorch {torch.__version__}" + (f", oneDNN {onednn[0].removeprefix('v')}" if onednn else "")


def numbers(text):
    return [int(number) for number in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", required=True, help="the program unstride_bench")
    parser.add_argument("--corpus", default="data/layers.json")
    parser.add_argument("--filter", default="", help="only layers with this in their name")
    parser.add_argument("--lengths", type=numbers, help="these input lengths instead of the layers' own")
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--fast", action="store_true", help='unstride computes with "math": "fast"')
    parser.add_argument("--headline", action="store_true", help="only the corpus's headline layers")
    parser.add_argument("--max-flops", type=float, default=float("inf"), help="leave out larger cases")
    parser.add_argument("--budget", type=float, default=float("inf"), help="seconds to start cases in")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", help="write the figures to this file")
    options = parser.parse_args()

    server = Server(options.bench, options.corpus)
    with open(options.corpus, encoding="utf-8") as file:
        corpus = json.load(file)
    print(versions())
    print(f"{'L':>8} T {'unstride us':>12} {'PyTorch us':>12} {'ratio':>6}  variant    layer")
    start, rows = time.perf_counter(), []
    for layer in corpus:
        name = f"{layer['model']} {layer['layer']}"
        if options.filter.lower() not in name.lower() or (options.headline and not layer.get("headline")):
            continue
        for length in options.lengths or layer["typical_input_lengths"]:
            if 2 * layer["weights"] * length > options.max_flops or time.perf_counter() - start > options.budget:
                continue
            for threads in options.threads:
                with torch.inference_mode():
                    row = measure(layer, length, threads, options, server)
                rows.append(row)
                print(
                    f"{length:8} {threads} {row['our_us']:12.1f} {row['us']:12.1f} {row['ratio']:6.2f}"
                    f"  {row['variant']:9}  {name}",
                    flush=True,
                )
    for threads in options.threads:
        ratios = [row["ratio"] for row in rows if row["threads"] == threads]
        if ratios:
            print(f"{threads} threads: {statistics.geometric_mean(ratios):.2f} geometric mean, {min(ratios):.2f} worst")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"name": "pytorch", "version": versions(), "cases": rows}, file, indent=1)


if __name__ == "__main__":
    main()
