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

cuDNN can search for minutes (an inverse STFT in float16). Cases are measured by a process of their own: it is ended when a
contender has not come back after --patience seconds, and the case is measured again without that one.

unstride's results are held against float64: each row has "relative_error" and the "error_bound" of docs/spec.md. Exit status
1: an error beyond its bound, or a case that failed; the JSON, which is written after every case, has the "error".
"""

import argparse
import ctypes
import json
import math
import multiprocessing
import random
import statistics
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F

CORPUS = Path(__file__).resolve().parents[2] / "data" / "layers.json"
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
# What is compared: element type, math, TF32 in PyTorch, and the ceiling it is held against.
MODES = {
    "float32 strict": ("float32", "strict", False, "fma"),
    "float32 fast": ("float32", "fast", True, "tf32"),
    "float16 fast": ("float16", "fast", True, "float16"),
    "bfloat16 fast": ("bfloat16", "fast", True, "bfloat16"),
    "bfloat16 strict": ("bfloat16", "strict", True, "fma"),
}
PEERS = ["cudnn", "cudnn_benchmark", "channels_last", "gemm_fold"]
PITFALL_SECONDS = 0.05  # a call that takes longer is captured once, not often


def load_contender(path):
    lib = ctypes.CDLL(path)
    pointer, i64, text = ctypes.c_void_p, ctypes.c_int64, ctypes.c_char_p
    for name, result, arguments in [
        ("error", text, []),
        ("open", pointer, [text, pointer, i64, pointer, i64, ctypes.c_int]),
        ("close", None, [pointer]),
        ("describe", text, [pointer]),
        ("output_length", i64, [pointer, i64]),
        ("run", ctypes.c_int, [pointer, pointer, pointer, i64, i64, pointer]),
        ("launch_us", ctypes.c_double, [pointer, pointer, pointer, i64, i64]),
    ]:
        function = getattr(lib, "unstride_gpu_" + name)
        function.restype, function.argtypes = result, arguments
    return lib


class Case:
    """One layer at one size, its data on the device."""

    def __init__(self, layer, batch, length, dtype):
        self.layer, self.batch, self.length, self.dtype = layer, batch, length, dtype
        self.name = f"{layer['model']} {layer['layer']}"
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


def pytorch_variants(case):
    """Name, whether cuDNN may try its algorithms, and the call."""
    arguments = case.torch_arguments()
    yield "cudnn", False, lambda: F.conv_transpose1d(case.x, case.weight, case.bias, **arguments)
    yield "cudnn_benchmark", True, lambda: F.conv_transpose1d(case.x, case.weight, case.bias, **arguments)
    x = case.x.unsqueeze(2).contiguous(memory_format=torch.channels_last)
    w = case.weight.unsqueeze(2).contiguous(memory_format=torch.channels_last)
    flat = {k: (v if k == "groups" else (0 if "padding" in k else 1, v)) for k, v in arguments.items()}
    yield "channels_last", True, lambda: F.conv_transpose2d(x, w, case.bias, **flat)
    layer = case.layer
    if layer["groups"] == 1 and layer["output_padding"] == 0:
        rows = case.weight.reshape(layer["in_channels"], -1).t().contiguous()

        def gemm_fold():
            y = F.fold(torch.matmul(rows, case.x), (1, case.output_length), (1, layer["kernel_size"]),
                       dilation=(1, layer["dilation"]), padding=(0, layer["padding"]), stride=(1, layer["stride"])).squeeze(-2)
            return y if case.bias is None else y + case.bias[:, None]

        yield "gemm_fold", False, gemm_fold


class Timer:
    """Captures calls into graphs and times their replays."""

    def __init__(self):
        self.flush = torch.empty(2 * torch.cuda.get_device_properties(0).L2_cache_size, dtype=torch.uint8, device="cuda")
        self.flush_graphs = {}

    def capture(self, call, repeats, cold):
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for _ in range(repeats):
                if cold:
                    self.flush.fill_(1)
                if call:
                    call()
        graph.replay()
        torch.cuda.synchronize()
        return graph

    def replay(self, graph):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        graph.replay()
        end.record()
        torch.cuda.synchronize()
        return begin.elapsed_time(end) * 1e-3

    def time(self, calls, rounds, tell):
        """Seconds of each call, hot, cold and the first one: {name: {"hot": s, "cold": s, "first": s}}; of one that
        fails: {"error": text}. tell: is called with the name of what is about to run."""
        result, ready, first = {}, {}, {}
        for name, (prepare, call) in calls.items():
            tell(name)
            try:
                prepare()
                start = time.perf_counter()
                call()
                torch.cuda.synchronize()
                first[name] = time.perf_counter() - start
                for _ in range(2):
                    call()
                torch.cuda.synchronize()
                start = time.perf_counter()
                call()
                torch.cuda.synchronize()
                once = time.perf_counter() - start
                repeats = 1 if once > PITFALL_SECONDS else max(2, min(50, int(2e-3 / once)))
                ready[name] = (prepare, repeats, self.capture(call, repeats, False), self.capture(call, repeats, True),
                               self.capture(None, repeats, True))
            except Exception as error:  # out of memory, or no algorithm: the others still count
                result[name] = {"error": str(error).splitlines()[0]}
        times = {name: {"hot": [], "cold": []} for name in ready}
        for _ in range(rounds):
            for name, (_, repeats, hot, cold, flush) in ready.items():
                tell(name)
                times[name]["hot"].append(self.replay(hot) / repeats)
                times[name]["cold"].append((self.replay(cold) - self.replay(flush)) / repeats)
        for name, kinds in times.items():
            result[name] = {kind: statistics.median(values) for kind, values in kinds.items()} | {"first": first[name]}
        return result


def ceilings(library):
    """Bytes and operations a second that this device reaches, measured now."""
    result = {}
    source = torch.empty(1 << 30, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    seconds = min(timed(lambda: target.copy_(source)) for _ in range(10))
    result["copy"] = 2 * source.numel() / seconds
    del source, target
    for name, dtype, tf32 in [("tf32", torch.float32, True), ("float16", torch.float16, False), ("bfloat16", torch.bfloat16, False)]:
        torch.backends.cuda.matmul.allow_tf32 = tf32
        best = 0
        for size in [4096, 8192]:
            a, b = (torch.randn(size, size, dtype=dtype, device="cuda") for _ in range(2))
            out = torch.empty(size, size, dtype=dtype, device="cuda")
            best = max(best, 2 * size**3 / min(timed(lambda: torch.matmul(a, b, out=out)) for _ in range(10)))
        result[name] = best
    if library:
        lib = ctypes.CDLL(str(Path(library).resolve()))
        lib.ceilings_fma.restype, lib.ceilings_fma.argtypes = ctypes.c_double, [ctypes.c_void_p]
        scratch = torch.zeros(1, device="cuda")
        result["fma"] = lib.ceilings_fma(scratch.data_ptr())
    return result


def timed(call):
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    call()
    begin.record()
    call()
    end.record()
    torch.cuda.synchronize()
    return begin.elapsed_time(end) * 1e-3


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


def compare(case, mode, lib, timer, rounds, bounds, left_out, tell):
    math_mode, tf32 = MODES[mode][1:3]
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    bias = case.bias_host
    handle = lib.unstride_gpu_open(json.dumps(case.spec(math_mode)).encode(), case.weight_host.data_ptr(), case.weight_host.numel(),
                                   None if bias is None else bias.data_ptr(), 0 if bias is None else bias.numel(), 0)
    if not handle:
        raise RuntimeError(lib.unstride_gpu_error().decode())
    try:
        return measure(case, mode, lib, handle, timer, rounds, bounds, left_out, tell)
    finally:
        lib.unstride_gpu_close(handle)


def measure(case, mode, lib, handle, timer, rounds, bounds, left_out, tell):
    dtype, math_mode, _, ceiling = MODES[mode]
    row = {"operations": case.operations, "bytes": case.bytes}
    row["plan"] = lib.unstride_gpu_describe(handle).decode()

    def run():
        stream = torch.cuda.current_stream().cuda_stream
        if lib.unstride_gpu_run(handle, case.x.data_ptr(), case.y.data_ptr(), case.batch, case.length, stream) != 0:
            raise RuntimeError(lib.unstride_gpu_error().decode())

    def tries(enabled):
        def prepare():
            torch.backends.cudnn.benchmark = enabled

        return prepare

    calls = {"unstride": (tries(False), run)}
    for name, enabled, call in pytorch_variants(case):
        if name not in left_out:
            calls[name] = (tries(enabled), call)
    row["seconds"] = timer.time(calls, rounds, tell) | {name: {"error": why} for name, why in left_out.items()}
    tell("unstride")
    row["launch_us"] = lib.unstride_gpu_launch_us(handle, case.x.data_ptr(), case.y.data_ptr(), case.batch, case.length)
    run()
    torch.cuda.synchronize()
    tell("the reference")
    row["relative_error"] = relative_error(case, case.y)
    row["error_bound"] = error_bound(case.layer, dtype, math_mode)
    if not row["relative_error"] <= row["error_bound"]:  # also where it is not a number
        row["error"] = f"wrong: relative error {row['relative_error']:.3g}, allowed {row['error_bound']:.3g}"
    floor = max(case.operations / bounds.get(ceiling, math.inf), case.bytes / bounds["copy"])
    row["bound"] = "memory" if case.bytes / bounds["copy"] >= floor else "arithmetic"
    ours = row["seconds"]["unstride"]
    if "error" in ours:
        row.setdefault("error", ours["error"])
    peers = {name: t for name, t in row["seconds"].items() if name != "unstride" and "error" not in t}
    for kind in ["hot", "cold"] if "error" not in ours and peers else []:
        best = min(peers, key=lambda name: peers[name][kind])
        row[kind] = {"best_peer": best, "speedup": peers[best][kind] / ours[kind], "roofline": floor / ours[kind]}
    return row


def serve(connection, contender, ceilings_library, rounds, bounds):
    """In a process of its own: sends what a report begins with, then for each (layer, batch, length, mode, left_out) that
    it receives the names of what runs and at last a row. left_out: why, by the name of a contender."""
    lib, timer = load_contender(contender), Timer()
    bounds = bounds or ceilings(ceilings_library)
    connection.send({"device": torch.cuda.get_device_name(0), "torch": torch.__version__,
                     "cudnn": torch.backends.cudnn.version(), "ceilings": bounds})
    while True:
        layer, batch, length, mode, left_out = connection.recv()
        try:
            row = compare(Case(layer, batch, length, MODES[mode][0]), mode, lib, timer, rounds, bounds, left_out, connection.send)
            torch.cuda.empty_cache()
        except Exception as error:  # the other cases still count
            row = {"error": (str(error) or repr(error)).splitlines()[0]}
        connection.send(row)


class Server:
    """The process that measures; another one after an error, or when it does not answer."""

    def __init__(self, patience, *arguments):
        self.patience, self.arguments = patience, list(arguments)
        self.process = None
        self.about = self.start()

    def start(self):
        context = multiprocessing.get_context("spawn")
        self.connection, end = context.Pipe()
        self.process = context.Process(target=serve, args=(end, *self.arguments), daemon=True)
        self.process.start()
        end.close()
        about = self.connection.recv()
        self.arguments[-1] = about["ceilings"]
        return about

    def stop(self):
        self.process.kill()
        self.process.join()

    def row(self, *case):
        """Of (layer, batch, length, mode). Peers that do not come back are left out."""
        left_out = {}
        while True:
            self.connection.send((*case, left_out))
            running, row, why = "the case", None, f"no answer within {self.patience:g} s"
            try:
                while row is None and self.connection.poll(self.patience):
                    answer = self.connection.recv()
                    if isinstance(answer, dict):
                        row = answer
                    else:
                        running = answer
            except EOFError:
                why = "its process ended"
            if row and "error" not in row:
                return row
            self.stop()
            self.start()
            if row:
                return row
            if running not in PEERS or running in left_out:
                return {"error": f"{running}: {why}"}
            left_out[running] = why


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
