"""scripts/autotune: many layers, many machines, interruptions, and the report."""

import json
import os
import re
import runpy
import signal
import subprocess
import sys
import time
import unittest
from html.parser import HTMLParser
from pathlib import Path
from unittest import mock

from cached import CacheTest
from command import COMMAND, LAYER

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "autotune"
sys.path.insert(0, str(SCRIPT.parent / "tuning"))

import choices  # noqa: E402
import remeasure  # noqa: E402
import sources  # noqa: E402
import tuner  # noqa: E402

FEW = ["--candidates", 3, "--threads", 1]


class Remeasure(unittest.TestCase):
    def measured(self, *seconds_of_tuned):
        """The ratio and the calls of a plan whose calls take so long, beside a default that takes a second."""
        calls = iter(seconds_of_tuned)
        with mock.patch.object(remeasure, "run_seconds", lambda _c, _choice, plan, _o: 1.0 if plan == "d" else next(calls)):
            ratios, seconds = remeasure.measure("unstride", {}, {"default": "d", "tuned": "t"}, 2, [])
        self.assertEqual(seconds, 1.0)
        return ratios["tuned"], len(seconds_of_tuned) - len(list(calls))

    def test_a_choice_that_is_faster_takes_the_rounds_that_were_asked_for(self):
        self.assertEqual(self.measured(0.8, 0.8, *[2.0] * 6), (1.25, 2))

    def test_one_that_is_slower_takes_four_times_as_many_which_all_count(self):
        self.assertEqual(self.measured(2.0, 2.0, *[0.8] * 6), (1.25, 8))
        self.assertEqual(self.measured(*[1.024] * 4, *[1.0] * 4), ((1 / 1.024 + 1) / 2, 8))

    def test_one_that_stays_much_slower_takes_sixteen_times_as_many(self):
        self.assertEqual(self.measured(*[2.0] * 8, *[0.8] * 24, 1.0), (1.25, 32))

    def test_two_choices_that_differ_are_in_doubt(self):
        near, apart = {"default": 1.0, "tuned": 1.2, "other 1": 1.19}, {"default": 1.0, "tuned": 1.2, "other 1": 1.17}
        self.assertFalse(remeasure.in_doubt(near, *remeasure.IN_DOUBT[0]))
        self.assertTrue(remeasure.in_doubt(apart, *remeasure.IN_DOUBT[0]))
        self.assertFalse(remeasure.in_doubt(apart, *remeasure.IN_DOUBT[1]))

    def test_a_default_that_stays_is_measured_once(self):
        with mock.patch.object(remeasure, "run_seconds", return_value=3.0) as run:
            self.assertEqual(remeasure.measure("unstride", {}, {"default": "d", "tuned": "d"}, 7, []), ({"default": 1, "tuned": 1}, 3.0))
        self.assertEqual(run.call_count, 1)


class Visits(unittest.TestCase):
    """How often a layer is visited, and for what, where the command answers as it is told."""

    UNSURE, SURE = {"settled": False}, {"settled": True}
    CUT = {"settled": False, "complete": False}
    ALONE = {"settled": True, "tried": []}  # no other plan is legal

    def asked(self, answers, budget=100.0):
        """Lengths and rounds of each visit of a layer. `answers`: what the visits of each length come to, the last again and
        again; nothing: no result."""
        asked = []

        def tune(_tuner, _layer, lengths, _seconds, rounds):
            asked.append((lengths, rounds))
            results = []
            for length in lengths:
                states = answers[length]
                if state := states.pop(0) if len(states) > 1 else states[0]:
                    results.append({"length": length, "complete": True, "plan": "default", "default_plan": "default", "speedup": 1.0,
                                    "tried": [{"plan": "default", "rounds": rounds}]} | state)
            return {"failures": [] if results else [{"message": "bad"}], "results": results}

        arguments = mock.Mock(budget=budget)
        layer = sources.Layer("layer", {}, list(answers))
        with mock.patch.object(tuner.Tuner, "tune", tune):
            tuner.Tuner(arguments, []).run([layer], mock.Mock(done=0))
        return asked

    def test_what_is_settled_is_confirmed_by_two_more_processes_and_then_left_alone(self):
        self.assertEqual(self.asked({20: [self.SURE]}), [([20], 9), ([20], 19), ([20], 29)])

    def test_each_visit_adds_rounds_until_it_is_settled(self):
        visits = [([20], 9), ([20], 19), ([20], 29), ([20], 39)]
        self.assertEqual(self.asked({20: [self.UNSURE, self.UNSURE, self.UNSURE, self.SURE]}), visits)
        self.assertEqual(self.asked({20: [self.SURE, self.SURE, self.UNSURE, self.SURE]}), visits)

    def test_a_plan_without_rivals_needs_no_second_visit(self):
        self.assertEqual(self.asked({20: [self.ALONE]}), [([20], 9)])

    def test_what_is_never_settled_comes_to_an_end(self):
        self.assertEqual([rounds for _, rounds in self.asked({20: [self.UNSURE]})], list(range(9, 220, 10)))

    def test_only_the_lengths_that_want_it_are_visited_again(self):
        self.assertEqual(self.asked({20: [self.ALONE], 30: [self.SURE]}), [([20, 30], 9), ([30], 19), ([30], 29)])

    def test_a_search_that_was_cut_goes_on(self):
        self.assertEqual(self.asked({20: [self.CUT, self.SURE]}), [([20], 9), ([20], 9), ([20], 19), ([20], 29)])

    def test_what_comes_to_nothing_is_tried_once_more(self):
        self.assertEqual(self.asked({20: [None]}), [([20], 9), ([20], 9)])
        self.assertEqual(self.asked({20: [None, self.ALONE]}), [([20], 9), ([20], 9)])

    def order(self, seconds, settled_after, before={}):
        """Names and time allowed of each visit, of 100 s, of layers whose visits take so long each and that are settled after
        so many of them, with those that an earlier tune made `before`, which the first one here recalls."""
        order, now = [], [0.0]

        def tune(_tuner, layer, lengths, allowed, rounds):
            order.append((layer.name, round(allowed, 1)))
            now[0] += seconds[layer.name]
            recalled = before.get(layer.name, 0)
            visits = sum(name == layer.name for name, _ in order) + max(0, recalled - 1)
            rounds = max(rounds, 10 * recalled - 1)
            return {"failures": [], "results": [
                {"length": length, "complete": True, "plan": "default", "default_plan": "default", "speedup": 1.0,
                 "settled": visits >= settled_after[layer.name], "tried": [{"plan": "default", "rounds": rounds}]}
                for length in lengths]}

        layers = [sources.Layer(name, {}, [20]) for name in seconds]
        with mock.patch.object(tuner.Tuner, "tune", tune), mock.patch.object(tuner.time, "monotonic", lambda: now[0]):
            tuner.Tuner(mock.Mock(budget=100.0), []).run(layers, mock.Mock(done=0))
        return order

    def test_all_are_searched_and_confirmed_before_what_is_short_is_visited_again(self):
        order = self.order({"long": 8.0, "short": 1.0}, {"long": 9, "short": 6})
        self.assertEqual([name for name, _ in order],
                         ["long", "short"] + 2 * ["short", "long"] + 3 * ["short"] + 6 * ["long"])

    def test_what_was_visited_before_waits_for_the_others(self):
        order = self.order({"new": 2.0, "old": 1.0}, {"new": 3, "old": 5}, before={"old": 3})
        self.assertEqual([name for name, _ in order], ["new", "old", "new", "new", "old", "old"])

    def test_visits_share_what_is_left_of_the_time(self):
        order = self.order({"long": 8.0, "short": 1.0}, {"long": 4, "short": 3})
        self.assertEqual([allowed for _, allowed in order], [30.0, 52.0, (100 - 9) / 2, 90.0, (100 - 18) / 2, 81.0, 73.0])

    def test_going_on_divides_the_time_as_the_tune_would_have_divided_the_rest(self):
        def share(budget, searched, spent):
            return tuner.Tuner(mock.Mock(budget=budget), [], searched, spent).search_share()

        self.assertAlmostEqual(share(100, 0, 0), 0.6)
        # Of 100 minutes 30 were spent on the search: 30 more are its share, and 40 the visits'.
        self.assertAlmostEqual(share(70, 0.9, 30), 30 / 70)
        self.assertEqual(share(70, 1, 30), 0)
        # Half of the layers are new.
        self.assertAlmostEqual(share(10, 0.5, 100), 0.3)

    def test_without_time_nothing_is_visited(self):
        self.assertEqual(self.asked({20: [self.UNSURE]}, budget=0.1), [])


class Structure(HTMLParser):
    """Checks that tags close in order, and collects what the page refers to."""

    VOID = {"meta", "br", "line", "rect", "circle", "polyline"}

    def __init__(self, text):
        super().__init__()
        self.open, self.references, self.rows = [], [], 0
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes):
        self.references += [value for name, value in attributes if name in ("src", "href")]
        self.rows += tag == "tr"
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag


class AutotuneTest(CacheTest):
    def autotune(self, *arguments, status=0, few=True, **options):
        command = [sys.executable, SCRIPT, "--command", COMMAND, *(FEW if few else []), *arguments]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300, **options)
        self.assertEqual(done.returncode, status, done.stderr + done.stdout)
        return done.stdout + done.stderr

    def choices(self, cache=None):
        folder = (cache or self.cache) / "tuning"
        lines = b"".join(path.read_bytes() for path in sorted(folder.glob("*.choices.jsonl")))
        return [json.loads(line) for line in lines.splitlines()]

    def tuned(self, cache=None):
        """Output channels and lengths that were decided on."""
        return sorted({(choice["layer"]["out_channels"], choice["length"]) for choice in self.choices(cache)})


class Autotune(AutotuneTest):
    def test_a_folder_of_specs(self):
        specs = self.folder / "specs"
        (specs / "more").mkdir(parents=True)
        (specs / "one.json").write_text(json.dumps(LAYER))
        (specs / "more" / "two.json").write_text(json.dumps([LAYER | {"stride": 3}, LAYER | {"stride": 4}]))
        text = self.autotune(specs, "--lengths", "20,60")
        self.assertIn("6 layers and lengths", text)
        self.assertRegex(text, r"6 complete, \d settled, 0 left out")
        self.assertEqual(sorted({choice["layer"]["stride"] for choice in self.choices()}), [2, 3, 4])
        ran = self.json("run", specs / "one.json", "--length", 60, "--threads", 1)
        self.assertEqual(ran["planned_by"], "exact")

    def test_a_list_of_layers_brings_lengths_and_names(self):
        layers = self.write("models.json", [
            {k: v for k, v in LAYER.items() if k != "op"} | {
                "model": "Small <net>", "layer": "up", "core": True, "output_padding": 0, "dilation": 1, "groups": 1,
                "bias": True, "typical_input_lengths": [12, 40], "prologue": "leaky_relu(0.1)", "epilogue": "tanh"},
            {k: v for k, v in LAYER.items() if k != "op"} | {
                "model": "Other", "layer": "up", "typical_input_lengths": [9]}])
        page = self.folder / "report.html"
        self.autotune(layers, "--core", "--report", page)
        self.assertEqual({choice["length"] for choice in self.choices()}, {12, 40})
        self.assertEqual({choice["layer"]["prologue"]["negative_slope"] for choice in self.choices()}, {0.1})
        self.assertIn("Small &lt;net&gt; up", page.read_text())

    def test_resume_measures_only_what_is_missing(self):
        layers = self.layers(2)
        self.autotune(layers, "--lengths", 20)
        known = self.choices()
        text = self.autotune(layers, "--lengths", "20,30", "--resume")
        self.assertIn("4 layers and lengths", text)
        self.assertEqual(self.tuned(), [(3, 20), (3, 30), (4, 20), (4, 30)])
        self.assertEqual([choice for choice in self.choices() if choice["length"] == 20], known)

    def test_what_was_searched_is_known_by_layer_length_and_threads(self):
        layers = self.layers(3)
        self.autotune(layers, "--lengths", 20, "--shard", "1/3")
        (tuned,) = {choices.canonical(choice["layer"]) for choice in self.choices()}
        folder = self.cache / "tuning"
        self.assertEqual(choices.searched_share(folder, [(tuned, [20]), ("another", [20])]), 0.5)
        self.assertEqual(choices.searched_share(folder, [(tuned, [20, 30]), ("another", [20])]), 0)
        self.assertEqual(choices.searched_share(folder, [(tuned, [20])], threads=[1]), 1)
        self.assertEqual(choices.searched_share(folder, [(tuned, [20])], threads=[2]), 0)
        self.assertEqual(choices.searched_share(folder, [(tuned, [20])], threads=[1, 2]), 0)

    def test_resume_knows_what_was_searched(self):
        layers = self.layers(2)
        self.autotune(layers, "--lengths", 20, "--shard", "1/2")
        command = ["autotune", "--command", COMMAND, *map(str, FEW), str(layers), "--lengths", "20", "--resume"]
        with (mock.patch.object(sys, "argv", command), mock.patch.object(tuner.Tuner, "__init__", side_effect=InterruptedError) as made,
              self.assertRaises(InterruptedError)):
            runpy.run_path(str(SCRIPT))["main"]()
        searched, spent = made.call_args.args[-2:]
        self.assertEqual(searched, 0.5)
        self.assertAlmostEqual(spent, sum(choice["took"] for choice in self.choices()))
        self.assertGreater(spent, 0)

    def test_each_visit_adds_rounds_by_another_process(self):
        for _ in range(2):  # the second begins anew
            before = len(self.choices())
            self.autotune(self.layers(1), "--lengths", 21)
            made = sorted(self.choices(), key=lambda choice: choice["made"])[before:]
            rounds = [max(tried["rounds"] for tried in choice["tried"]) for choice in made]
            self.assertEqual(sorted(rounds), [9 + 10 * visit for visit in range(len(rounds))])
            self.assertTrue(made[-1]["settled"] or rounds[-1] == 219)
        self.assertEqual(len(list((self.cache / "tuning").glob("*.samples.jsonl"))), len(self.choices()))

    def test_interrupted_leaves_what_was_measured_and_goes_on(self):
        layers = self.layers(40)
        process = subprocess.Popen([sys.executable, SCRIPT, "--command", COMMAND, *map(str, FEW), layers, "--lengths", "20"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
            if (self.cache / "tuning").exists() and len(self.choices()) >= 3:
                break
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1, stderr)
        self.assertIn("go on with --resume", stdout)
        self.assertEqual(stderr, "")
        kept = len(self.choices())
        # What the visits that it did not come to would have added does not make it less complete.
        self.assertIn(f"{sum(choice['complete'] for choice in self.choices())} complete", stdout)
        self.assertGreaterEqual(kept, 3)
        self.assertLess(kept, 40)
        text = self.autotune(layers, "--lengths", "20", "--resume")
        self.assertRegex(text, r"40 complete, \d+ settled, 0 left out")
        self.assertEqual(len(self.tuned()), 40)

    def test_shards_share_the_layers_and_merge(self):
        layers = self.layers(5)
        shards = [self.folder / f"shard-{i}" for i in (1, 2)]
        for index, cache in enumerate(shards, 1):
            self.autotune(layers, "--lengths", 20, "--shard", f"{index}/2", "--cache-dir", cache)
        tuned = [{choice["layer"]["out_channels"] for choice in self.choices(cache)} for cache in shards]
        self.assertEqual(tuned[0] | tuned[1], set(range(3, 8)))
        self.assertEqual(tuned[0] & tuned[1], set())
        page = self.folder / "report.html"
        text = self.autotune("--merge", *shards, "--report", page, few=False)
        self.assertIn("report.html: 5 layers and lengths", text)
        made = sum(len(self.choices(cache)) for cache in shards)
        self.assertEqual(len(self.choices()), made)
        self.autotune("--merge", *shards, few=False)
        self.assertEqual(len(self.choices()), made)
        # Nothing is left to do.
        self.assertIn("5 complete", self.autotune(layers, "--lengths", 20, "--resume"))
        self.assertEqual(len(self.choices()), made)

    def test_merging_leaves_out_what_is_torn(self):
        other = self.folder / "other"
        self.autotune(self.layers(2), "--lengths", 20, "--cache-dir", other)
        made = len(self.choices(other))
        paths = sorted((other / "tuning").glob("*.choices.jsonl"))
        paths[-1].write_bytes(paths[-1].read_bytes()[:-9])
        self.autotune("--merge", other, few=False)
        self.assertEqual(len(self.choices()), made - 1)
        for path in (self.cache / "tuning").iterdir():
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)

    def test_the_report_is_one_whole_page_that_needs_nothing_else(self):
        page, machine = self.folder / "report.html", self.folder / "machine.json"
        machine.write_text(json.dumps({"machine": [
            {"threads": 1, "fma_gflops": 200, "copy": [{"bytes": 32768, "gbps": 300}, {"bytes": 5e8, "gbps": 20}]}]}))
        self.autotune(self.layers(3), "--lengths", "20,40", "--report", page, "--machine", machine)
        text = page.read_text()
        structure = Structure(text)
        self.assertEqual(structure.references, [])
        self.assertNotRegex(text, r"url\(|@import|<script")
        self.assertEqual(structure.rows, 1 + 6)
        self.assertEqual(text.count("<svg"), 2)
        self.assertIn("1 thread: 200 GFLOP/s, 20 GB/s", text)
        self.assertIn('name="viewport"', text)
        self.assertEqual(len(re.findall(r'data-label="nearly won"', text)), 6)

    def test_a_report_of_nothing(self):
        page = self.folder / "report.html"
        (self.folder / "empty").mkdir()
        self.autotune("--merge", self.folder / "empty", "--report", page, few=False)
        self.assertIn("Nothing was measured", page.read_text())

    def test_what_cannot_be_tuned_is_named(self):
        bad = self.write("bad.json", LAYER | {"stride": 0})
        good = self.spec()
        page = self.folder / "report.html"
        text = self.autotune(bad, good, "--lengths", 20, "--report", page, status=1)
        self.assertIn("spec.stride", text)
        self.assertIn("report.html: 1 layers and lengths", text)
        self.assertIn("1 layers and lengths", text)

    def test_chosen_plans_are_measured_again_against_the_defaults(self):
        layers, other = self.layers(2), self.folder / "other"
        self.autotune(layers, "--lengths", 20, "--cache-dir", other)
        text = self.autotune(layers, "--lengths", 20, "--remeasure", 2, "--against", other)
        lines = [line for line in text.splitlines() if line.startswith("|")]
        self.assertEqual(lines[0], "| layer | length | default, ms | tuned | other 1 |")
        self.assertEqual(len(lines), 2 + 2 + 1)
        for line in lines[2:4]:
            self.assertRegex(line, r"^\| layers\[\d\] \| 20 \| [\d.e-]+ \| [\d.]+ \| [\d.]+ \|$")

    def test_usage(self):
        for arguments, complaint in [
            ([], "nothing to tune"),
            (["x.json", "--shard", "3/2"], "must be I/N"),
            (["x.json", "--budget", "soon"], "must be a time"),
            (["x.json", "--lengths", "0"], "positive integers"),
        ]:
            self.assertIn(complaint, self.autotune(*arguments, status=2, few=False))
        self.assertIn("x.json", self.autotune("x.json", status=1, few=False))
        self.assertIn("neither a spec", self.autotune(self.write("odd.json", [{"a": 1}]), status=1, few=False))
        no_folder = os.environ | {"UNSTRIDE_CACHE": "off"}
        self.assertIn("nothing", self.autotune(self.spec(), status=1, few=False, env=no_folder))


if __name__ == "__main__":
    unittest.main()
