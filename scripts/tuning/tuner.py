"""Tunes layer after layer by the unstride command, within a budget, until it is told to stop."""

import argparse
import json
import math
import re
import signal
import subprocess
import time
from collections import Counter

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


def rounds_of(result):
    """Those that its last plans were measured in."""
    return max((tried["rounds"] for tried in result["tried"] if "rounds" in tried), default=0)


class Tuner:
    """All layers are searched, then the last plans of each are measured again and again, by other processes at other times,
    until more of that would change nothing. What a machine does to one plan rather than another for a while, and where a
    process's memory happens to lie, then does not decide alone."""

    # A command that is given less than this does nothing but start.
    LEAST_SECONDS = 0.2
    # What the search of all layers takes of the budget at most.
    SEARCH_SHARE = 0.6
    # Rounds that end the search, that each further visit adds, and that there are at most.
    SEARCH_ROUNDS, ROUNDS, MOST_ROUNDS = 9, 10, 219
    # Visits after the search's that a layer gets although it is settled.
    CONFIRMING = 2

    def __init__(self, arguments, cache_options, searched=0.0, spent=0.0):
        """`searched`: the share of the layers whose search an earlier tune brought to its end. `spent`: seconds that it took."""
        self.arguments, self.cache_options, self.searched, self.spent = arguments, cache_options, searched, spent
        self.interrupted, self.child = False, None
        self.results, self.failures = {}, {}  # of each layer's index and length, for each number of threads; of the index
        self.visits, self.took = Counter(), Counter()  # of each layer's index; seconds
        self.seconds, self.since = 0, time.time()

    def command(self, layer, lengths, seconds, rounds):
        arguments = self.arguments
        command = [arguments.command, "tune", "-", "--json", "--lengths", ",".join(map(str, lengths)),
                   "--target", arguments.target, "--budget", f"{seconds:.3f}", *self.cache_options]
        command += ["--threads", ",".join(map(str, arguments.threads))] if arguments.threads else []
        command += ["--candidates", arguments.candidates] if arguments.candidates else []
        command += ["--cold"] if arguments.cold else []
        # A visit goes on where the one before it ended, and without --resume nothing older counts.
        command += ["--rounds", rounds, "--resume"]
        command += [] if arguments.resume else ["--since", f"{self.since:.6f}"]
        return list(map(str, command))

    def interrupt(self, number, _frame):
        """The command at work comes to its end, and keeps what it has; the second time it is ended at once."""
        self.interrupted = True
        if self.child:
            self.child.send_signal(number)

    def tune(self, layer, lengths, seconds, rounds):
        # In a session of its own: a terminal's SIGINT reaches it once, through this process.
        self.child = subprocess.Popen(self.command(layer, lengths, seconds, rounds), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True, start_new_session=True)
        stdout, stderr = self.child.communicate(json.dumps(layer.spec))
        self.child = None
        try:
            return json.loads(stdout)
        except ValueError:
            return {"failures": [{"message": stderr.strip() or "was ended"}]}

    def wanting(self, index, layer):
        """The lengths that want another visit."""
        return [length for length in layer.lengths
                if not self.results.get((index, length)) or any(map(self.wants_more, self.results[index, length]))]

    def wants_more(self, result):
        """Until it is settled, and confirmed by more processes."""
        rounds = rounds_of(result)
        confirmed = rounds >= self.SEARCH_ROUNDS + self.CONFIRMING * self.ROUNDS or not rounds  # nothing was there to compare
        return not (result["settled"] and confirmed) and rounds < self.MOST_ROUNDS

    def visit(self, index, layer, seconds):
        """What an earlier visit found, or failed at, stays where this one comes to nothing."""
        report, lengths = {"failures": []}, self.wanting(index, layer)
        known = [rounds_of(result) for length in lengths for result in self.results.get((index, length), []) if result["complete"]]
        if not self.interrupted and seconds > 0:
            report = self.tune(layer, lengths, seconds, max(known) + self.ROUNDS if known else self.SEARCH_ROUNDS)
        for length in lengths:
            found = [result | {"name": layer.name} for result in report.get("results", [])
                     if result["length"] == length and "error" not in result]
            self.results[index, length] = found or self.results.get((index, length), [])
        if all(self.results[index, length] for length in layer.lengths):
            self.failures.pop(index, None)
        elif report["failures"] and not self.interrupted:
            self.failures[index] = [f"{layer.name}: {failure['message']}" for failure in report["failures"]]

    def visit_all(self, layers, ends_at, progress, most=math.inf):
        """All that want it, until each has had so many visits or nothing new comes of another. First those that had the fewest,
        each for an equal share of the time that is left. After the confirming ones those that took the least: short calls are
        settled soon, long ones then have the rest."""
        while wanting := [index for index, layer in enumerate(layers) if self.visits[index] < most and self.wanting(index, layer)]:
            turn = {index: min(self.visits[index], 1 + self.CONFIRMING) for index in wanting}
            index = min(wanting, key=lambda index: (turn[index], self.took[index]))
            beside = sum(other == turn[index] for other in turn.values()) if turn[index] <= self.CONFIRMING else 1
            start, known = time.monotonic(), self.state(index, layers[index])
            left = ends_at - start
            progress.what = layers[index].name
            self.visit(index, layers[index], max(left / beside, self.LEAST_SECONDS) if left >= self.LEAST_SECONDS else 0)
            self.took[index] += time.monotonic() - start
            in_vain = self.visits[index] > 0 and known == self.state(index, layers[index])
            self.visits[index] = math.inf if in_vain else max(self.visits[index] + 1, self.visits_behind(index, layers[index]))
            progress.done += not self.wanting(index, layers[index])
            progress.best = self.best()

    def visits_behind(self, index, layer):
        """How many visits led to what is known: more than were made here where an earlier tune is resumed."""
        rounds = [rounds_of(result) for length in layer.lengths for result in self.results[index, length]]
        return 1 + (min(rounds, default=0) - self.SEARCH_ROUNDS) // self.ROUNDS

    def state(self, index, layer):
        return [[(result["complete"], rounds_of(result)) for result in self.results.get((index, length), [])] for length in layer.lengths]

    def search_share(self):
        """Of the budget. What goes on with an interrupted tune divides its time as that one would have divided the rest. Where
        that leaves nothing, it came to its end, and what is to be searched since gets its share of the layers."""
        if self.searched == 1:
            return 0
        budget = self.arguments.budget
        left = self.SEARCH_SHARE * (budget + self.spent) - self.spent
        return max(left / budget, self.SEARCH_SHARE * (1 - self.searched))

    def run(self, layers, progress):
        before = {number: signal.signal(number, self.interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
        start = time.monotonic()
        try:
            self.visit_all(layers, start + self.search_share() * self.arguments.budget, progress, most=1)
            self.visit_all(layers, start + self.arguments.budget, progress)
        finally:
            self.seconds = time.monotonic() - start
            for number, handler in before.items():
                signal.signal(number, handler)

    def found(self):
        return [result for results in self.results.values() for result in results]

    def failed(self):
        return [failure for failures in self.failures.values() for failure in failures]

    def best(self):
        results = self.found()
        if not results:
            return ""
        best = max(results, key=lambda result: result["speedup"])
        mean = geometric_mean([result["speedup"] for result in results])
        return f"mean {mean:.3f}, best {best['speedup']:.2f} ({best['name']})"

    def summary(self):
        lines, results = [], self.found()
        for result in sorted(results, key=lambda result: -result["speedup"]):
            state = "" if result["complete"] else ", not complete"
            if result["plan"] != result["default_plan"]:
                lines.append(f"{result['speedup']:6.3f}  {result['name']}, length {result['length']}, "
                             f"{where(result)}: {result['seconds'][0] * 1e3:.4g} ms{state}")
        for result in results:
            lines += [f"rejected, {tried['outcome']}: {result['name']}, length {result['length']}: {tried['plan']} ({tried['reason']})"
                      for tried in result["tried"] if tried["outcome"] != "ok"]
        lines += [f"failed: {failure}" for failure in self.failed()]
        speedups = [result["speedup"] for result in results]
        complete, settled = (sum(result[state] for result in results) for state in ("complete", "settled"))
        left_out = sum(not found for found in self.results.values())
        lines.append(f"{len(results)} layers and lengths in {self.seconds:.1f} s, {complete} complete, {settled} settled, "
                     f"{left_out} left out; {geometric_mean(speedups):.3f} times as fast in the geometric mean")
        if self.interrupted or complete < len(results) or left_out:
            lines.append("go on with --resume")
        return "\n".join(lines)
