"""Runs unstride_bench on little work. Figures are looked at for being there and for holding together, not for what they say."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

BENCH = os.environ["UNSTRIDE_BENCH"]
CORPUS = Path(os.environ["UNSTRIDE_SOURCE"]) / "data" / "layers.json"
# One small layer of the corpus, without waiting for the other tests, which disturb it.
CASE = ["--filter", "32 -> 16 k7 s4", "--lengths", "5", "--peer-rounds", "1", "--rounds", "1", "--patience", "0"]


def bench(*arguments):
    return subprocess.run([BENCH, *arguments], capture_output=True, text=True, timeout=300, cwd=Path(BENCH).parent)


class Bench(unittest.TestCase):
    def measure(self, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "bench.json"
            done = bench("--corpus", str(CORPUS), "--json", str(file), *arguments)
            self.assertEqual(done.returncode, 0, done.stderr)
            return json.loads(file.read_text()), done.stdout

    def test_compares_a_case_with_its_peers(self):
        figures, text = self.measure("--only", "peers", *CASE, "--threads", "1", "2")
        cases = figures["peers"]["cases"]
        self.assertEqual([case["threads"] for case in cases], [1, 2])
        for case in cases:
            self.assertEqual((case["shape"], case["length"], case["rounds"]), ("32 -> 16 k7 s4", 5, 1))
            self.assertIn(case["shape"], text)
            self.assertGreater(case["us"], 0)
            self.assertAlmostEqual(case["gflops"], case["operations"] / case["us"] * 1e-3, delta=1e-6 * case["gflops"])
            self.assertAlmostEqual(case["roofline"], max(case["compute_us"], case["copy_us"]) / case["us"], places=6)
            self.assertLess(case["error"], 1e-5)
            self.assertLessEqual(case["disturbed"], 3 + len(case["peers"]))  # samples: ours, two of the machine, peers'
            self.assertIn("channel_block", case["plan"])
            for name, peer in case["peers"].items():
                if "us" in peer:
                    self.assertLess(peer["error"], 1e-4, name)
            times = [peer["us"] for peer in case["peers"].values() if "us" in peer]
            if times:
                self.assertAlmostEqual(case["ratio"], min(times) / case["us"], places=6)

    def test_takes_other_types_and_fast_math(self):
        figures, _ = self.measure("--only", "peers", *CASE, "--threads", "1", "--dtype", "bfloat16", "--fast")
        self.assertEqual(len(figures["peers"]["cases"]), 1)

    def test_measures_the_machine_and_what_a_call_costs(self):
        figures, _ = self.measure("--only", "machine", "call_overhead", "--rounds", "1")
        for machine in figures["machine"]:
            self.assertGreater(machine["fma_gflops"], 0)
            self.assertTrue(all(copy["gbps"] > 0 for copy in machine["copy"]))
        for call in figures["call_overhead"]:
            self.assertAlmostEqual(call["overhead_us"], call["call_us"] - call["work_us"], places=6)

    def test_wrong_usage_names_what_there_is(self):
        done = bench("--only", "speed")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("peers", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
