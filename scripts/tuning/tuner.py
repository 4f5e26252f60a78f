"""Tunes layer after layer by the unstride command, within a budget, until it is told to stop."""

import argparse
import json
import math
import re
import signal
import subprocess
import time

UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


def duration(text):
    """"90", "90s", "10m", "1.5h" as seconds; for argparse."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if not match or float(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text}: must be a time as 90, 90s, 10m or 1.5h")
    return float(match[1]) * UNITS[match[2]]


def run_json(command):
    done = subprocess.run([*map(str, command), "--json"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else 1


def where(result):
    return f"{result['threads']} threads" if result["threads"] else result["target"]


class Tuner:
    # A command that is given less than this does nothing but start.
    LEAST_SECONDS = 0.2

    def __init__(self, arguments, cache_options):
        self.arguments, self.cache_options = arguments, cache_options
        self.interrupted, self.child = False, None
        self.results, self.failures, self.left_out = [], [], []
        self.seconds = 0

    def command(self, layer, seconds):
        arguments = self.arguments
        command = [arguments.command, "tune", "-", "--json", "--lengths", ",".join(map(str, layer.lengths)),
                   "--target", arguments.target, "--budget", f"{seconds:.3f}", *self.cache_options]
        command += ["--threads", arguments.threads] if arguments.threads else []
        command += ["--candidates", arguments.candidates] if arguments.candidates else []
        command += [option for option, wanted in [("--cold", arguments.cold), ("--resume", arguments.resume)] if wanted]
        return list(map(str, command))

    def interrupt(self, number, _frame):
        """The command at work comes to its end, and keeps what it has; the second time it is ended at once."""
        self.interrupted = True
        if self.child:
            self.child.send_signal(number)

    def tune(self, layer, seconds):
        # In a session of its own: a terminal's SIGINT reaches it once, through this process.
        self.child = subprocess.Popen(self.command(layer, seconds), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True, start_new_session=True)
        stdout, stderr = self.child.communicate(json.dumps(layer.spec))
        self.child = None
        try:
            report = json.loads(stdout)
        except ValueError:
            report = {"results": [], "failures": [{"message": stderr.strip() or "was ended"}]}
        for result in report.get("results", []):
            (self.left_out if "error" in result else self.results).append(result | {"name": layer.name})
        if not self.interrupted:
            self.failures += [f"{layer.name}: {failure['message']}" for failure in report["failures"]]

    def run(self, layers, progress):
        before = {number: signal.signal(number, self.interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
        start = time.monotonic()
        try:
            for index, layer in enumerate(layers):
                left = self.arguments.budget - (time.monotonic() - start)
                if self.interrupted or left < self.LEAST_SECONDS:
                    self.left_out += [{"name": layer.name, "length": length} for length in layer.lengths]
                    continue
                progress.what = layer.name
                self.tune(layer, left / (len(layers) - index))
                progress.done = index + 1
                progress.best = self.best()
        finally:
            self.seconds = time.monotonic() - start
            for number, handler in before.items():
                signal.signal(number, handler)

    def best(self):
        if not self.results:
            return ""
        best = max(self.results, key=lambda result: result["speedup"])
        mean = geometric_mean([result["speedup"] for result in self.results])
        return f"mean {mean:.3f}, best {best['speedup']:.2f} ({best['name']})"

    def summary(self):
        lines = []
        for result in sorted(self.results, key=lambda result: -result["speedup"]):
            state = "" if result["complete"] else ", not complete"
            if result["plan"] != result["default_plan"]:
                lines.append(f"{result['speedup']:6.3f}  {result['name']}, length {result['length']}, "
                             f"{where(result)}: {result['seconds'][0] * 1e3:.4g} ms{state}")
        for result in self.results:
            lines += [f"rejected, {tried['outcome']}: {result['name']}, length {result['length']}: {tried['plan']} ({tried['reason']})"
                      for tried in result["tried"] if tried["outcome"] != "ok"]
        lines += [f"failed: {failure}" for failure in self.failures]
        speedups = [result["speedup"] for result in self.results]
        complete = sum(result["complete"] for result in self.results)
        lines.append(f"{len(self.results)} layers and lengths in {self.seconds:.1f} s, {complete} complete, "
                     f"{len(self.left_out)} left out; {geometric_mean(speedups):.3f} times as fast in the geometric mean")
        if self.interrupted or self.left_out:
            lines.append("go on with --resume")
        return "\n".join(lines)
