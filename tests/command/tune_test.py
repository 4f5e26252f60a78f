"""unstride tune: measured plans, kept, taken up again and used."""

import json
import os
import signal
import subprocess
import time
import unittest

from cached import CacheTest
from command import COMMAND, unstride

FEW = ["--candidates", 3, "--threads", 1]


class TuneTest(CacheTest):
    def files(self, kind):
        return sorted((self.cache / "tuning").glob(f"*.{kind}.jsonl"))

    def lines(self, kind):
        """All whole lines of these files, as JSON."""
        text = b"".join(path.read_bytes() for path in self.files(kind))
        return [json.loads(line) for line in text.splitlines()]

    def tune(self, spec, *arguments, **options):
        return self.json("tune", spec, *FEW, *arguments, **options)


class Tune(TuneTest):
    def test_what_was_tuned_is_used(self):
        spec = self.spec()
        report = self.tune(spec, "--lengths", "30,200")
        self.assertEqual([result["length"] for result in report["results"]], [30, 200])
        self.assertEqual(report["directory"], str(self.cache / "tuning"))
        for result in report["results"]:
            self.assertIs(result["complete"], True)
            self.assertEqual(result["threads"], 1)
            low, high = result["seconds"][1:]
            self.assertLessEqual(low, result["seconds"][0])
            self.assertLessEqual(result["seconds"][0], high)
            self.assertIn(result["plan"], [tried["plan"] for tried in result["tried"]])
            self.assertIn(result["default_plan"], [tried["plan"] for tried in result["tried"]])
            ran = self.json("run", spec, "--length", result["length"], "--threads", 1, "--verify")
            self.assertEqual((ran["planned_by"], ran["verified"], ran["cache"]), ("exact", True, "hit"))
        self.assertEqual(self.json("run", spec, "--length", 31, "--threads", 1)["planned_by"], "nearest")
        self.assertEqual(self.json("run", spec, "--length", 5000)["planned_by"], "model")
        (explained,) = self.json("cache", "explain", spec)["explanations"]
        self.assertEqual(explained["plan_source"], "tuning")
        self.assertEqual(len(explained["tuned"]), 2)

    def test_every_plan_that_was_measured_is_on_disk_with_its_samples(self):
        self.tune(self.spec(), "--lengths", 50)
        samples = [line for line in self.lines("samples") if "sample" in line]
        (unit,) = [line for line in self.lines("samples") if "unit" in line]
        self.assertEqual({sample["sample"] for sample in samples}, {unit["unit"]})
        self.assertGreaterEqual(len({sample["plan"] for sample in samples}), 3)  # and the best of each strategy
        for sample in samples:
            self.assertEqual(sample["outcome"], "ok")
            self.assertLessEqual(min(sample["seconds"]), sample["median"])
        self.assertEqual(set(unit["environment"]), {"processor", "features", "compiler", "generator"})
        (choice,) = self.lines("choices")
        self.assertIs(choice["complete"], True)

    def test_resume_measures_only_what_is_missing(self):
        spec = self.spec()
        self.tune(spec, "--lengths", 50)
        (first, second) = self.tune(spec, "--lengths", "50,80", "--resume")["results"]
        self.assertEqual((first["reused"], second["reused"]), (True, False))
        (again,) = self.tune(spec, "--lengths", 50)["results"]
        self.assertIs(again["reused"], False)

    def test_more_rounds_are_added_to_those_that_are_known(self):
        spec = self.spec()
        (first,) = self.tune(spec, "--lengths", 50, "--rounds", 21)["results"]
        (more,) = self.tune(spec, "--lengths", 50, "--rounds", 30, "--resume")["results"]
        self.assertEqual((first["rounds"], more["rounds"], more["complete"], more["reused"]), (21, 9, True, False))
        self.assertIs(self.tune(spec, "--lengths", 50, "--rounds", 30, "--resume")["results"][0]["reused"], True)
        (anew,) = self.tune(spec, "--lengths", 50, "--rounds", 21, "--resume", "--since", f"{time.time():.6f}")["results"]
        self.assertEqual(anew["rounds"], 21)

    def test_interrupted_keeps_what_was_measured_and_goes_on(self):
        spec = self.spec()
        lengths = ",".join(str(20 + k) for k in range(60))
        for number in [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]:
            with self.subTest(signal=number):
                before = len(self.lines("choices")) if self.cache.exists() else 0
                process = subprocess.Popen([COMMAND, "tune", spec, *map(str, FEW), "--lengths", lengths, "--resume", "--json"],
                                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                deadline = time.monotonic() + 60
                while process.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.01)
                    if (self.cache / "tuning").exists() and sum(
                            path.read_bytes().count(b"\n") for path in self.files("choices")) >= before + 2:
                        break
                process.send_signal(number)
                stdout, stderr = process.communicate(timeout=60)
                self.assertGreaterEqual(len(self.lines("choices")), before + 2)
                if number == signal.SIGKILL:
                    self.assertEqual(process.returncode, -number)
                    continue
                self.assertEqual(process.returncode, 1)
                self.assertIn(b"go on with --resume", stderr)
                report = json.loads(stdout)
                done = [result for result in report["results"] if "error" not in result]
                self.assertGreaterEqual(len(done), before + 2)
                self.assertLess(len(done), 60)
        known = len([choice for choice in self.lines("choices") if choice["complete"]])
        report = self.tune(spec, "--lengths", lengths, "--resume")
        self.assertGreaterEqual(sum(result["reused"] for result in report["results"]), known)
        self.assertTrue(all(result["complete"] for result in report["results"]))

    def test_two_tuners_at_once(self):
        spec = self.spec()
        processes = [subprocess.Popen([COMMAND, "tune", spec, *map(str, FEW), "--lengths", "30,60", "--json"],
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
        for process in processes:
            stdout, stderr = process.communicate(timeout=120)
            self.assertEqual((process.returncode, stderr), (0, b""))
            self.assertTrue(all(result["complete"] for result in json.loads(stdout)["results"]))
        self.assertEqual(len(self.files("choices")), 2)
        self.assertEqual(len(self.lines("choices")), 4)
        self.assertEqual(self.json("run", spec, "--length", 30, "--threads", 1)["planned_by"], "exact")

    def test_torn_files_do_not_matter(self):
        spec = self.spec()
        self.tune(spec, "--lengths", "30,90")
        for path in self.files("choices") + self.files("samples"):
            path.write_bytes(path.read_bytes()[:-40])
        self.assertEqual(self.json("run", spec, "--length", 30, "--threads", 1)["planned_by"], "exact")
        self.assertNotEqual(self.json("run", spec, "--length", 90, "--threads", 1)["planned_by"], "exact")
        report = self.tune(spec, "--lengths", "30,90", "--resume")
        self.assertEqual([result["reused"] for result in report["results"]], [True, False])

    def test_files_of_another_machine_are_merged_by_copying(self):
        spec = self.spec()
        other = self.folder / "other"
        self.tune(spec, "--lengths", 30)
        self.tune(spec, "--lengths", 90, env=self.environment(UNSTRIDE_CACHE_DIR=other))
        for path in (other / "tuning").iterdir():
            (self.cache / "tuning" / path.name).write_bytes(path.read_bytes())
        for length in [30, 90]:
            ran = self.json("run", spec, "--length", length, "--threads", 1)
            self.assertEqual(ran["planned_by"], "exact")

    def test_several_thread_counts(self):
        report = self.json("tune", self.spec(), "--lengths", 40, "--threads", "1,2", "--candidates", 2)
        self.assertEqual([result["threads"] for result in report["results"]], [1, 2])

    def test_text(self):
        text = self.succeed("tune", self.spec(), "--lengths", 40, *FEW, "--budget", "1m").text
        self.assertIn("length 40, 1 thread: ", text)
        self.assertIn(f"kept in {self.cache / 'tuning'}\n", text)

    def test_cold_caches(self):
        (result,) = self.tune(self.spec(), "--lengths", 40, "--cold")["results"]
        self.assertIs(result["complete"], True)
        self.assertEqual(self.lines("choices")[0]["caches"], "cold")

    def test_usage(self):
        spec = self.spec()
        self.assertIn("--budget: soon: must be a time", self.refuse(2, "tune", spec, "--budget", "soon"))
        self.assertIn("--budget: 0: must be a time", self.refuse(2, "tune", spec, "--budget", "0"))
        self.assertIn("--target: cpu:z80: unknown", self.refuse(2, "tune", spec, "--target", "cpu:z80"))
        self.assertIn("--lengths", self.refuse(2, "tune", spec, "--lengths", "0"))
        self.assertIn("--threads", self.refuse(2, "tune", spec, "--threads", "0"))
        self.assertIn("--rounds", self.refuse(2, "tune", spec, "--rounds", "0"))
        self.assertIn("--since", self.refuse(2, "tune", spec, "--since", "yesterday"))
        self.assertIn("nothing could be kept", self.refuse(1, "tune", spec, "--cache", "off"))
        self.assertIn("nothing could be kept", self.refuse(1, "tune", spec, env=os.environ | {"UNSTRIDE_CACHE": "ro"}))
        empty = self.spec("empty.json", padding=100)
        self.assertIn("Output size is too small", unstride("tune", empty, "--lengths", 3).stderr)


if __name__ == "__main__":
    unittest.main()
