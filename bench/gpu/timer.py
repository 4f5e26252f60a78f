"""Times of calls by CUDA graphs, and what the device reaches at best."""

import ctypes
import statistics
import time
from pathlib import Path

import torch

PITFALL_SECONDS = 0.05  # a call that takes longer is captured once, not often


class Timer:
    """Captures calls into graphs and times their replays."""

    def __init__(self):
        self.flush = torch.empty(2 * torch.cuda.get_device_properties(0).L2_cache_size, dtype=torch.uint8, device="cuda")

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
