"""unstride run: the numbers it computes, the report it gives, and the arrays it trades with NumPy."""

import json
import math
import os
import resource
import subprocess
import time
import unittest

from command import COMMAND, LAYER, CommandTest, read_npy, unstride, write_npy

PROMISED = {"target", "plan", "cache", "compile_ms", "load_ms", "output_shape", "median_ms", "min_ms", "gflops",
            "max_abs_error", "max_rel_error", "verified", "threads", "spec", "verified_outputs"}


class Report(CommandTest):
    def test_the_promised_fields_are_there(self):
        report = self.json("run", self.spec(), "--batch", 2, "--length", 100, "--repeat", 3)
        self.assertLessEqual(PROMISED, report.keys())
        self.assertEqual(report["output_shape"], [2, 3, 200])
        self.assertEqual(report["runs"], 3)
        self.assertIn(report["cache"], ["hit", "miss", "off"])
        self.assertTrue(report["target"].startswith("cpu"))
        self.assertEqual(report["spec"]["in_channels"], 4)
        self.assertLessEqual(report["min_ms"], report["median_ms"])
        useful = 2 * 2 * 100 * 4 * 3 * 4
        self.assertTrue(math.isclose(report["gflops"], useful / report["median_ms"] / 1e6, rel_tol=1e-9))
        for field in ["max_abs_error", "max_rel_error", "verified", "verified_outputs"]:
            self.assertIsNone(report[field])

    def test_verify_fills_in_the_errors(self):
        report = self.json("run", self.spec(), "--length", 100, "--repeat", 1, "--verify")
        self.assertIs(report["verified"], True)
        self.assertEqual(report["verified_outputs"], 3 * 200)
        self.assertLessEqual(report["max_rel_error"], report["tolerance"])
        self.assertLess(report["max_rel_error"], 1e-5)

    def test_the_text_says_the_same(self):
        text = self.succeed("run", self.spec(), "--length", 100, "--repeat", 2, "--verify", "--threads", 1).text
        for part in ["4 -> 3, kernel 4, stride 2, padding 1, float32", "1 thread\n", "(1, 4, 100) -> (1, 3, 200)",
                     "min of 2 runs", "GFLOP/s", "ok: relative error", "600 of 600 outputs checked"]:
            self.assertIn(part, text)

    def test_without_repeat_it_runs_until_the_median_is_stable(self):
        report = self.json("run", self.spec(), "--length", 10)
        self.assertGreater(report["runs"], 50)

    def test_threads_are_as_asked(self):
        self.assertEqual(self.json("run", self.spec(), "--length", 10, "--repeat", 1, "--threads", 1)["threads"], 1)
        self.assertEqual(self.json("run", self.spec(), "--length", 10, "--repeat", 1, "--threads", 3)["threads"], 3)

    def test_an_empty_batch_is_empty(self):
        report = self.json("run", self.spec(), "--batch", 0, "--length", 10, "--repeat", 1, "--verify")
        self.assertEqual(report["output_shape"], [0, 3, 20])
        self.assertEqual(report["gflops"], 0)
        self.assertIs(report["verified"], True)


class Layers(CommandTest):
    def test_layers_of_every_kind_verify(self):
        kinds = [
            {},
            {"dtype": "float64"},
            {"dtype": "float16"},
            {"dtype": "bfloat16"},
            {"math": "fast", "in_channels": 256, "out_channels": 64, "prologue": "leaky_relu"},
            {"math": "fast", "dtype": "float16", "in_channels": 256, "out_channels": 64},
            {"math": "fast", "dtype": "bfloat16", "in_channels": 256, "out_channels": 64, "prologue": "leaky_relu"},
            {"dtype": "float16", "kernel_size": 7, "stride": 3, "prologue": "leaky_relu", "epilogue": "relu"},
            {"bias": False},
            {"in_channels": 6, "out_channels": 6, "groups": 6},
            {"in_channels": 6, "out_channels": 4, "groups": 2},
            {"kernel_size": 7, "stride": 3, "padding": 2, "output_padding": 2},
            {"kernel_size": 5, "stride": 2, "dilation": 4, "padding": 0},
            {"kernel_size": 3, "stride": 4, "dilation": 6, "padding": 0},
            {"kernel_size": 1, "stride": 5, "padding": 0},
            {"in_channels": 33, "out_channels": 17, "kernel_size": 16, "stride": 8, "padding": 4},
            {"in_channels": 18, "out_channels": 1, "kernel_size": 16, "stride": 4, "padding": 0, "trim": [6, 6]},
            {"prologue": {"op": "leaky_relu", "negative_slope": 0.1}, "epilogue": "relu"},
            {"epilogue": {"op": "leaky_relu", "negative_slope": 3.0}},
        ]
        for fields in kinds:
            for length in [1, 2, 37]:
                with self.subTest(length=length, **fields):
                    spec = self.spec(**fields)
                    report = self.json("run", spec, "--batch", 2, "--length", 4 + length, "--repeat", 1, "--verify")
                    self.assertIs(report["verified"], True)

    def test_a_large_job_is_checked_in_part_and_says_so(self):
        spec = self.spec(in_channels=256, out_channels=128, kernel_size=16, stride=8, padding=4)
        report = self.json("run", spec, "--length", 1000, "--repeat", 1, "--verify")
        self.assertIs(report["verified"], True)
        self.assertLess(report["verified_outputs"], report["outputs"])
        self.assertEqual(report["outputs"], 128 * 8000)


class TinyLayer(CommandTest):
    """A layer and arrays small enough to work out by hand."""

    def setUp(self):
        super().setUp()
        self.tiny = self.spec("tiny.json", in_channels=1, out_channels=1, kernel_size=3, stride=2, padding=0)
        self.x = write_npy(self.folder / "x.npy", (1, 3), [1, 2, 3])
        self.w = write_npy(self.folder / "w.npy", (1, 1, 3), [10, 20, 30])
        self.b = write_npy(self.folder / "b.npy", (1,), [5])
        self.y = self.folder / "y.npy"

    def run_tiny(self, *arguments, x=None):
        return ["run", self.tiny, "--input", x or self.x, "--weight", self.w, "--bias", self.b, "--output", self.y,
                "--repeat", 1, "--verify", *arguments]


class Arrays(TinyLayer):
    def test_a_case_worked_out_by_hand(self):
        report = self.json(*self.run_tiny())
        self.assertEqual(report["output_shape"], [1, 7])
        self.assertEqual(read_npy(self.y), ("f4", (1, 7), [15, 25, 55, 45, 95, 65, 95]))

    def test_a_batched_input_gives_a_batched_output(self):
        x = write_npy(self.folder / "batch.npy", (2, 1, 3), [1, 2, 3, 0, 0, 0])
        self.json(*self.run_tiny("--batch", 2, "--length", 3, x=x))
        self.assertEqual(read_npy(self.y), ("f4", (2, 1, 7), [15, 25, 55, 45, 95, 65, 95] + [5] * 7))

    def test_float64_layers_take_float64_arrays(self):
        spec = self.spec(in_channels=1, out_channels=1, kernel_size=1, stride=1, padding=0, bias=False, dtype="float64")
        x = write_npy(self.folder / "x8.npy", (1, 2), [0.1, 1e300], "f8")
        w = write_npy(self.folder / "w8.npy", (1, 1, 1), [2.0], "f8")
        self.succeed("run", spec, "--input", x, "--weight", w, "--output", self.y, "--repeat", 1)
        self.assertEqual(read_npy(self.y), ("f8", (1, 2), [0.2, 2e300]))

    def run_scaled_by_two(self, dtype, values, type_of_values):
        spec = self.spec(in_channels=1, out_channels=1, kernel_size=1, stride=1, padding=0, bias=False, dtype=dtype)
        x = write_npy(self.folder / "x2.npy", (1, len(values)), values, type_of_values)
        w = write_npy(self.folder / "w2.npy", (1, 1, 1), [2 if type_of_values != "u2" else 0x4000], type_of_values)
        self.succeed("run", spec, "--input", x, "--weight", w, "--output", self.y, "--repeat", 1, "--verify")
        return read_npy(self.y)

    def test_float16_layers_take_float16_arrays(self):
        self.assertEqual(self.run_scaled_by_two("float16", [0.5, -3, 40000], "f2"),
                         ("f2", (1, 3), [1, -6, float("inf")]))

    def test_bfloat16_layers_take_and_give_bits(self):
        self.assertEqual(self.run_scaled_by_two("bfloat16", [0x3f80, 0xc040], "u2"), ("u2", (1, 2), [0x4000, 0xc0c0]))

    def test_bfloat16_layers_round_float32_arrays(self):
        self.assertEqual(self.run_scaled_by_two("bfloat16", [1, 1.00390625, 1.01171875], "f4"),
                         ("u2", (1, 3), [0x4000, 0x4000, 0x4002]))

    def test_the_same_seed_gives_the_same_output(self):
        def output(seed):
            self.succeed("run", self.spec(), "--length", 9, "--seed", seed, "--repeat", 1, "--output", self.y)
            return self.y.read_bytes()

        self.assertEqual(output(7), output(7))
        self.assertNotEqual(output(7), output(8))

    def test_the_output_is_the_same_wherever_it_was_measured(self):
        def output(*repeat):
            report = self.json("run", self.spec(), "--length", 5000, "--threads", 1, "--output", self.y, "--verify", *repeat)
            return self.y.read_bytes(), report["runs"]

        (once, _), (many, runs) = output("--repeat", 1), output()
        self.assertGreater(runs, 1)
        self.assertEqual(once, many)

    def test_the_seed_decides_the_input_too(self):
        def output(seed):
            self.succeed("run", self.tiny, "--weight", self.w, "--bias", self.b, "--length", 9, "--seed", seed,
                         "--repeat", 1, "--output", self.y)
            return self.y.read_bytes()

        self.assertEqual(output(7), output(7))
        self.assertNotEqual(output(7), output(8))

    def test_what_comes_out_can_go_in(self):
        spec = self.spec(in_channels=3, out_channels=3)
        self.succeed("run", spec, "--batch", 2, "--length", 5, "--repeat", 1, "--output", self.y)
        report = self.json("run", spec, "--input", self.y, "--repeat", 1, "--verify")
        self.assertEqual(report["output_shape"], [2, 3, 20])

    def test_not_a_number_and_infinities_verify(self):
        x = write_npy(self.folder / "odd.npy", (1, 4), [1, math.inf, math.nan, -math.inf])
        self.assertIs(self.json(*self.run_tiny(x=x))["verified"], True)

    def test_a_result_that_overflowed_on_the_way_does_not_verify(self):
        # -6e38 is -inf in float32 and stays so, and relu makes it 0; the true sum is 3e37.
        spec = self.spec(in_channels=2, out_channels=1, kernel_size=1, stride=1, padding=0, bias=False, epilogue="relu")
        x = write_npy(self.x, (2, 1), [3e38, 3e38])
        w = write_npy(self.w, (2, 1, 1), [-2, 2.1])
        arguments = ["run", spec, "--input", x, "--weight", w, "--repeat", 1, "--verify"]
        report = self.json(*arguments, status=1)
        self.assertIs(report["verified"], False)
        self.assertGreater(report["max_rel_error"], report["tolerance"])
        self.assertIn("not verified: y[n=0, co=0, o=0] is 0, expected ", report["failures"][0]["message"])
        text = unstride(*arguments)
        self.assertEqual(text.status, 1)
        self.assertIn("FAILED: relative error", text.text)
        self.assertIn("not verified: y[n=0, co=0, o=0]", text.stderr)

    def test_weights_that_are_not_finite_are_counted(self):
        write_npy(self.w, (1, 1, 3), [1, math.inf, math.nan])
        self.assertEqual(self.json(*self.run_tiny())["non_finite_weights"], 2)
        self.assertIn("2 weights or biases are not finite", self.succeed(*self.run_tiny()).text)

    def test_no_temporary_file_is_left(self):
        self.succeed(*self.run_tiny())
        self.assertEqual(sorted(os.listdir(self.folder)), ["b.npy", "tiny.json", "w.npy", "x.npy", "y.npy"])

    def test_an_output_that_cannot_be_written_fails(self):
        target = self.folder / "none" / "y.npy"
        self.assertEqual(self.refuse(1, "run", self.tiny, "--length", 3, "--repeat", 1, "--output", target),
                         f"unstride: {target}: cannot write: No such file or directory\n")

    def test_an_output_that_grows_too_large_leaves_the_old_one(self):
        self.y.write_bytes(b"old")
        limit = 100_000

        def limit_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        self.assertIn(f"{self.y}: cannot write: File too large",
                      self.refuse(1, "run", self.tiny, "--length", limit, "--repeat", 1, "--output", self.y,
                                  preexec_fn=limit_files))
        self.assertEqual(self.y.read_bytes(), b"old")
        self.assertEqual(sorted(os.listdir(self.folder)), ["b.npy", "tiny.json", "w.npy", "x.npy", "y.npy"])

    def test_a_closed_stream_is_never_taken_for_a_file(self):
        # Opening a pipe for writing waits for a reader: time to look at what the descriptors have become.
        os.mkfifo(self.y)
        script = f'exec "$0" run "{self.tiny}" --length 4 --repeat 1 --output "{self.y}" <&- >&- 2>&-'
        process = subprocess.Popen(["sh", "-c", script, COMMAND])
        self.addCleanup(process.kill)

        def streams():
            try:
                return [os.readlink(f"/proc/{process.pid}/fd/{k}") for k in range(3)]
            except FileNotFoundError:
                return []

        deadline = time.monotonic() + 30
        while streams() != ["/dev/null"] * 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual(streams(), ["/dev/null"] * 3)
        self.assertTrue(self.y.read_bytes().startswith(b"\x93NUMPY"))
        self.assertEqual(process.wait(timeout=60), 1)


class ArraysRefused(TinyLayer):
    def test_options_must_agree_with_the_input(self):
        self.assertIn("--length: 4: must be 3 or left out", self.refuse(2, *self.run_tiny("--length", 4)))
        self.assertIn("--batch: 2: must be 1 or left out", self.refuse(2, *self.run_tiny("--batch", 2)))

    def test_shapes_are_refused_with_what_is_allowed(self):
        write_npy(self.x, (2, 3), [0] * 6)
        self.assertIn("--input " + str(self.x) + ": has shape (2, 3); must be (N, 1, L) or (1, L)",
                      self.refuse(2, *self.run_tiny()))
        write_npy(self.x, (3,), [0] * 3)
        self.assertIn("has shape (3,)", self.refuse(2, *self.run_tiny()))
        write_npy(self.x, (1, 3), [0] * 3)
        write_npy(self.w, (1, 3), [0] * 3)
        self.assertIn("has shape (1, 3); must be (1, 1, 3)", self.refuse(2, *self.run_tiny()))

    def test_the_type_must_be_the_specs(self):
        write_npy(self.x, (1, 3), [0] * 3, "f8")
        self.assertIn("holds float64; the spec's dtype asks for float32", self.refuse(2, *self.run_tiny()))

    def test_a_bias_needs_a_layer_with_bias(self):
        self.spec("tiny.json", in_channels=1, out_channels=1, kernel_size=3, padding=0, bias=False)
        self.assertIn('the spec has "bias": false', self.refuse(2, *self.run_tiny()))

    def test_an_input_of_no_length_is_a_bad_spec(self):
        write_npy(self.x, (1, 0), [])
        self.refuse(2, *self.run_tiny())

    def test_broken_files_are_refused_by_name(self):
        whole = self.x.read_bytes()
        for content, message in [(b"", "truncated"), (b"hello, world", "not a .npy file"), (whole[:-1], "truncated"),
                                 (whole + b"x", "more bytes"), (whole.replace(b"<f4", b"<i4"), "'<i4'")]:
            self.x.write_bytes(content)
            complaint = self.refuse(1, *self.run_tiny())
            self.assertIn(str(self.x), complaint)
            self.assertIn(message, complaint)
        write_npy(self.x, (1, 3), [1, 2, 3], fortran_order=True)
        self.assertIn("Fortran order", self.refuse(1, *self.run_tiny()))
        self.assertFalse(self.y.exists())


class Refused(CommandTest):
    def test_without_an_input_the_length_is_needed(self):
        self.assertIn("--length: missing", self.refuse(2, "run", self.spec()))

    def test_one_spec_at_a_time(self):
        array = self.write("layers.json", [LAYER, LAYER])
        self.assertIn("holds 2 specs; run takes one", self.refuse(2, "run", array, "--length", 4))
        one = self.write("one.json", [LAYER])
        self.succeed("run", one, "--length", 4, "--repeat", 1)

    def test_a_spec_from_standard_input(self):
        self.succeed("run", "-", "--length", 4, "--repeat", 1, stdin=json.dumps(LAYER).encode())

    def test_a_bad_spec_or_plan_is_wrong_usage(self):
        self.assertIn("spec.stride", self.refuse(2, "run", self.spec(stride=0), "--length", 4))
        self.assertIn("plan", self.refuse(2, "run", self.spec(), "--length", 4, "--plan", "no_such_plan"))

    def test_more_memory_than_there_is_fails_in_words(self):
        self.assertIn("not enough memory for the input, (1, 4, 1152921504606846976)",
                      self.refuse(1, "run", self.spec(), "--length", 1 << 60))


if __name__ == "__main__":
    unittest.main()
