"""CUDA targets, as users of the command meet them, on a fake driver and a fake NVRTC (tests/cuda/fakes.h)."""

import os
import unittest

from command import CommandTest

FAKES = {"UNSTRIDE_NVRTC": os.environ["FAKE_NVRTC"], "UNSTRIDE_CUDA_DRIVER": os.environ["FAKE_DRIVER"]}
NOTHING = {"UNSTRIDE_NVRTC": "/nowhere/libnvrtc.so", "UNSTRIDE_CUDA_DRIVER": "/nowhere/libcuda.so"}


class CudaTest(CommandTest):
    """Each test starts with the fakes."""

    def setUp(self):
        super().setUp()
        self.set(FAKES)

    def tearDown(self):
        for variable in FAKES:
            os.environ.pop(variable, None)
        super().tearDown()

    @staticmethod
    def set(variables):
        os.environ.update(variables)


class Info(CudaTest):
    def test_info_shows_devices_and_where_nvrtc_was_found(self):
        cuda = self.json("info")["cuda"]
        self.assertEqual(cuda["nvrtc"], {"version": "13.0", "path": FAKES["UNSTRIDE_NVRTC"]})
        self.assertEqual(cuda["driver"]["version"], "12.8")
        self.assertEqual([(d["index"], d["name"], d["target"]) for d in cuda["devices"]], [(0, "Fake GPU", "cuda:sm_90a")])
        text = self.succeed("info").text
        self.assertIn(f"NVRTC     13.0, {FAKES['UNSTRIDE_NVRTC']}", text)
        self.assertIn("device 0  Fake GPU, cuda:sm_90a, 132 multiprocessors, 80.0 GiB", text)

    def test_info_says_how_to_get_what_is_missing(self):
        self.set(NOTHING)
        cuda = self.json("info")["cuda"]
        self.assertIn("pip install nvidia-cuda-nvrtc", cuda["nvrtc"]["error"])
        self.assertIn("NVIDIA's driver", cuda["driver"]["error"])


class Compile(CudaTest):
    def test_every_product_of_a_target_is_made_without_a_driver(self):
        os.environ["UNSTRIDE_CUDA_DRIVER"] = NOTHING["UNSTRIDE_CUDA_DRIVER"]
        spec = self.spec()
        for kind, extension, part in [("plan", ".plan.txt", b"cuda:sm_90a"), ("cuda", ".cu", b"__global__"),
                                      ("ptx", ".ptx", b"compute_90a"), ("cubin", ".cubin", b"\x7fELF")]:
            self.succeed("compile", spec, "--target", "cuda:sm_90a", "--emit", kind, "-o", self.folder)
            self.assertIn(part, (self.folder / f"layer{extension}").read_bytes())

    def test_plan_and_source_need_no_nvrtc_either(self):
        self.set(NOTHING)
        self.assertIn("extern \"C\" __global__", self.succeed("compile", self.spec(), "--target", "cuda:sm_80", "--emit", "cuda").text)
        message = self.refuse(1, "compile", self.spec(), "--target", "cuda:sm_80", "--emit", "ptx")
        self.assertIn("NVRTC (the CUDA compiler) could not be opened", message)

    def test_products_of_cpus_are_refused_with_what_there_is(self):
        message = "--emit: obj: is made for cpu targets; for cuda:sm_80 it must be one of plan, cuda, ptx, cubin"
        self.assertIn(message, self.refuse(2, "compile", self.spec(), "--target", "cuda:sm_80", "--emit", "obj"))

    def test_unknown_architectures_come_with_the_known_ones(self):
        self.assertRegex(self.refuse(2, "compile", self.spec(), "--target", "cuda:sm_1"),
                         r"--target: cuda:sm_1: unknown; must be one of .*cuda, cuda:sm_75")

    def test_a_forced_plan_is_taken(self):
        text = self.succeed("compile", self.spec(), "--target", "cuda:sm_90a", "--plan", "ffma", "--emit", "cuda").text
        self.assertIn("ffma<layer", text)


class Precompile(CudaTest):
    def test_a_bundle_serves_a_machine_without_nvrtc(self):
        bundle = self.folder / "kernels.bundle"
        made = self.json("precompile", self.spec(), "--target", "cuda:sm_80,cuda:sm_90a", "--bundle", bundle)
        self.assertEqual((made["compiled"], made["failed"]), (2, 0))
        os.environ["UNSTRIDE_NVRTC"] = NOTHING["UNSTRIDE_NVRTC"]
        os.environ["UNSTRIDE_BUNDLE_PATH"] = str(bundle)
        try:
            result = self.json("run", self.spec(), "--length", 20, "--target", "cuda", "--repeat", 1, "--cache", "require",
                               "--cache-dir", self.folder / "empty")
        finally:
            os.environ.pop("UNSTRIDE_BUNDLE_PATH")
        self.assertEqual((result["cache"], result["compilations"]), ("hit", 0))
        self.assertEqual(result["cache_where"], str(bundle))

    def test_the_second_time_is_a_hit(self):
        arguments = ["precompile", self.spec(), "--target", "cuda:sm_86", "--cache-dir", self.folder / "cache"]
        self.assertEqual(self.json(*arguments)["compiled"], 1)
        self.assertEqual(self.json(*arguments)["hits"], 1)
        self.assertIn("sm_86", self.succeed("cache", "ls", "--cache-dir", self.folder / "cache").text)
        self.assertIn("hit", self.succeed("cache", "explain", self.spec(), "--target", "cuda:sm_86", "--cache-dir",
                                          self.folder / "cache").text)


class Tune(CudaTest):
    def test_plans_are_measured_kept_and_used(self):
        cache = ["--cache-dir", self.folder / "cache"]
        tuned = self.json("tune", self.spec(), "--target", "cuda", "--lengths", 40, "--candidates", 4, "--budget", "1m", *cache)
        result = tuned["results"][0]
        self.assertEqual((result["complete"], result["threads"], result["speedup"]), (True, None, 1))
        self.assertAlmostEqual(result["seconds"][0], 0.25e-3)  # what the fake's clock says
        ran = self.json("run", self.spec(), "--length", 40, "--target", "cuda", "--repeat", 1, *cache)
        self.assertEqual((ran["planned_by"], ran["cache"]), ("exact", "hit"))
        ran = self.json("run", self.spec(), "--batch", 2, "--length", 40, "--target", "cuda", "--repeat", 1, *cache)
        self.assertEqual(ran["planned_by"], "nearest")
        explained = self.json("cache", "explain", self.spec(), "--target", "cuda:sm_90a", *cache)["explanations"][0]
        self.assertEqual(explained["plan_source"], "tuning")
        self.assertIn("exact, measured at 40", explained["tuned"][0])
        self.assertIn("length 40, cuda: the default stays",
                      self.succeed("tune", self.spec(), "--target", "cuda", "--lengths", 40, "--resume", *cache).text)

    def test_tuning_needs_the_device(self):
        for target, variables in ("cuda:sm_80", FAKES), ("cuda:sm_90a", NOTHING):
            self.set(variables)
            failures = self.json("tune", self.spec(), "--target", target, "--cache-dir", self.folder / "cache", status=1)["failures"]
            self.assertIn(f"target: {target}: tuning measures, so it needs the device that the code is for", str(failures))
        message = self.refuse(2, "tune", self.spec(), "--target", "cuda", "--threads", 2)
        self.assertIn("--threads: 2: is for cpu targets; cuda runs on a device", message)


class Run(CudaTest):
    def test_run_copies_runs_and_reports_the_device(self):
        output = self.folder / "y.npy"
        result = self.json("run", self.spec(), "--batch", 2, "--length", 20, "--target", "cuda", "--repeat", 3, "--output", output)
        self.assertTrue(result["target"].startswith("cuda:sm_90a (nvrtc 13.0"), result["target"])
        self.assertEqual(result["device"], "Fake GPU")
        self.assertIsNone(result["threads"])
        self.assertEqual(result["runs"], 3)
        self.assertEqual(result["median_ms"], 0.25)  # what the fake's clock says
        self.assertEqual(result["output_shape"], [2, 3, 40])
        self.assertTrue(output.exists())
        self.assertIn("device 0, Fake GPU", self.succeed("run", self.spec(), "--length", 20, "--target", "cuda", "--repeat", 1).text)

    def test_a_device_that_is_not_there_comes_with_the_range(self):
        message = self.refuse(1, "run", self.spec(), "--length", 20, "--target", "cuda", "--device", 3)
        self.assertIn("device: 3: must be 0 to 0", message)

    def test_options_of_the_other_kind_of_target_are_refused(self):
        message = self.refuse(2, "run", self.spec(), "--length", 20, "--target", "cuda", "--threads", 2)
        self.assertIn("--threads: 2: is for cpu targets; cuda runs on a device", message)
        message = self.refuse(2, "run", self.spec(), "--length", 20, "--target", "cpu", "--device", 0)
        self.assertIn("--device: 0: is for cuda targets; cpu runs on the processor", message)

    def test_without_a_driver_the_error_says_what_still_works(self):
        self.set(NOTHING)
        message = self.refuse(1, "run", self.spec(), "--length", 20, "--target", "cuda")
        self.assertIn("compiling does not, for an architecture that is named", message)

    def test_code_for_another_device_is_refused(self):
        message = self.refuse(1, "run", self.spec(), "--length", 20, "--target", "cuda:sm_80")
        self.assertIn("compute capability 9.0", message)


if __name__ == "__main__":
    unittest.main()
