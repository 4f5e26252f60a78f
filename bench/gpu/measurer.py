"""unstride and PyTorch's variants on one case after the other, in the process that server.py starts."""

import ctypes
import json
import math

import torch
import torch.nn.functional as F
from case import Case, error_bound, relative_error
from timer import Timer, ceilings

# What is compared: element type, math, TF32 in PyTorch, and the ceiling it is held against.
MODES = {
    "float32 strict": ("float32", "strict", False, "fma"),
    "float32 fast": ("float32", "fast", True, "tf32"),
    "float16 fast": ("float16", "fast", True, "float16"),
    "bfloat16 fast": ("bfloat16", "fast", True, "bfloat16"),
    "bfloat16 strict": ("bfloat16", "strict", True, "fma"),
}
PEERS = ["cudnn", "cudnn_benchmark", "channels_last", "gemm_fold"]


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


class Measurer:
    """tell: is called with the name of what is about to run. bounds: what ceilings returns, measured now if None."""

    def __init__(self, contender, ceilings_library, rounds, bounds, tell):
        self.lib, self.timer, self.rounds, self.tell = load_contender(contender), Timer(), rounds, tell
        self.bounds = bounds or ceilings(ceilings_library)

    def about(self):
        return {"device": torch.cuda.get_device_name(0), "torch": torch.__version__, "cudnn": torch.backends.cudnn.version(),
                "ceilings": self.bounds}

    def row(self, case, mode, left_out):
        """left_out: why, by the name of a variant of PyTorch."""
        _, math_mode, tf32, _ = MODES[mode]
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
        bias = case.bias_host
        handle = self.lib.unstride_gpu_open(json.dumps(case.spec(math_mode)).encode(), case.weight_host.data_ptr(),
                                            case.weight_host.numel(), None if bias is None else bias.data_ptr(),
                                            0 if bias is None else bias.numel(), 0)
        if not handle:
            raise RuntimeError(self.lib.unstride_gpu_error().decode())
        try:
            return self.measure(case, mode, handle, left_out)
        finally:
            self.lib.unstride_gpu_close(handle)

    def measure(self, case, mode, handle, left_out):
        dtype, math_mode, _, ceiling = MODES[mode]
        lib = self.lib
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
        row["seconds"] = self.timer.time(calls, self.rounds, self.tell) | {name: {"error": why} for name, why in left_out.items()}
        self.tell("unstride")
        row["launch_us"] = lib.unstride_gpu_launch_us(handle, case.x.data_ptr(), case.y.data_ptr(), case.batch, case.length)
        run()
        torch.cuda.synchronize()
        self.tell("the reference")
        row["relative_error"] = relative_error(case, case.y)
        row["error_bound"] = error_bound(case.layer, dtype, math_mode)
        if not row["relative_error"] <= row["error_bound"]:  # also where it is not a number
            row["error"] = f"wrong: relative error {row['relative_error']:.3g}, allowed {row['error_bound']:.3g}"
        floor = max(case.operations / self.bounds.get(ceiling, math.inf), case.bytes / self.bounds["copy"])
        row["bound"] = "memory" if case.bytes / self.bounds["copy"] >= floor else "arithmetic"
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
    it receives the names of what runs and at last a row."""
    measurer = Measurer(contender, ceilings_library, rounds, bounds, connection.send)
    connection.send(measurer.about())
    while True:
        layer, batch, length, mode, left_out = connection.recv()
        try:
            row = measurer.row(Case(layer, batch, length, MODES[mode][0]), mode, left_out)
            torch.cuda.empty_cache()
        except Exception as error:  # the other cases still count
            row = {"error": (str(error) or repr(error)).splitlines()[0]}
        connection.send(row)
