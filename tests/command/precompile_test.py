"""unstride precompile: kernels in the cache and in bundles, before anybody needs them."""

import json
import os
import re
import signal
import stat
import subprocess
import time
import unittest

from cached import CacheTest
from command import COMMAND, LAYER, unstride

LEVELS = ["cpu:x86-64-v3", "cpu:x86-64-v4"]


class Cache(CacheTest):
    def test_what_was_precompiled_is_a_hit(self):
        spec = self.spec()
        self.assertEqual(self.run_layer(spec)["cache"], "miss")
        self.json("cache", "clear")
        report = self.json("precompile", spec)
        self.assertEqual((report["compiled"], report["hits"], report["failed"]), (1, 0, 0))
        self.assertEqual(report["directory"], str(self.cache))
        ran = self.run_layer(spec)
        self.assertEqual((ran["cache"], ran["cache_where"], ran["compilations"]), ("hit", str(self.cache), 0))
        self.assertIs(ran["verified"], True)
        self.assertIn(f"cache hit in {self.cache}\n", self.succeed("run", spec, "--length", 9, "--repeat", 1).text)

    def test_a_second_time_compiles_nothing(self):
        layers = self.layers(3)
        first, second = self.json("precompile", layers), self.json("precompile", layers)
        self.assertEqual((first["compiled"], first["hits"]), (3, 0))
        self.assertEqual((second["compiled"], second["hits"]), (0, 3))
        self.assertEqual([item["plan"] for item in second["items"]], [item["plan"] for item in first["items"]])
        self.assertIn("3 kernels for cpu: 0 compiled, 3 in the cache already, 0 failed",
                      self.succeed("precompile", layers).text)

    def test_every_target_is_compiled_wherever_it_runs(self):
        report = self.json("precompile", self.layers(2), "--target", LEVELS[0], "--target", LEVELS[1])
        self.assertEqual([item["target"] for item in report["items"]], [LEVELS[0]] * 2 + [LEVELS[1]] * 2)
        self.assertEqual(report["compiled"], 4)
        self.assertEqual(len(self.entry_files()), 4)
        again = self.json("precompile", "--target", ",".join(LEVELS), self.layers(2))
        self.assertEqual((again["compiled"], again["hits"]), (0, 4))

    def test_the_same_twice_is_one_kernel(self):
        report = self.json("precompile", self.spec(), self.spec("same.json"), "--target", "cpu,cpu")
        self.assertEqual(len(report["items"]), 1)

    def test_several_threads_make_the_same_bundle_as_one(self):
        layers, one, two = self.layers(8), self.folder / "one", self.folder / "two"
        report = self.json("precompile", layers, "-j", 2, "--bundle", two)
        self.assertEqual((report["compiled"], report["threads"]), (8, 2))
        report = self.json("precompile", layers, "-j", 1, "--bundle", one)
        self.assertEqual((report["hits"], report["threads"]), (8, 1))
        self.assertEqual(one.read_bytes(), two.read_bytes())

    def test_options_win_over_the_environment(self):
        spec, other = self.spec(), self.folder / "other"
        self.json("precompile", spec, "--cache-dir", other)
        self.assertFalse(self.entry_files())
        self.assertEqual(self.run_layer(spec, "--cache-dir", other)["cache"], "hit")
        self.assertEqual(self.run_layer(spec, "--cache-dir", other, "--cache", "off")["cache"], "off")
        self.assertEqual(self.run_layer(spec, "--cache", "rw", env=self.environment(UNSTRIDE_CACHE="off"))["cache"], "miss")

    def test_the_home_folder_is_the_default(self):
        self.json("precompile", self.spec(), env=self.environment(UNSTRIDE_CACHE_DIR=None))
        self.assertTrue(list((self.home / ".cache" / "unstride").rglob("*.usk")))

    def shown_on_a_terminal(self, layers):
        terminal, other_end = self.open_terminal()
        process = subprocess.Popen([COMMAND, "precompile", layers, "-j", "1"], cwd=self.folder,
                                   stdout=subprocess.DEVNULL, stderr=other_end)
        os.close(other_end)
        shown = b""
        try:
            while piece := os.read(terminal, 4096):
                shown += piece
        except OSError:  # the other end is closed
            pass
        os.close(terminal)
        self.assertEqual(process.wait(timeout=60), 0)
        return shown

    def test_a_progress_bar_shows_on_a_terminal_alone(self):
        # Short work shows none, work that ends right after the first one shows no time left, and how many layers are
        # long work depends on the machine.
        bar = rb"precompile \[#*-*\] +\d+ %  0:\d\d left  layers\.json\[\d+\] for cpu"
        shown, layers = b"", 16
        while not re.search(bar, shown) and layers <= 1024:
            self.write("layers.json", [LAYER | {"in_channels": layers, "kernel_size": k} for k in range(1, layers + 1)])
            shown = self.shown_on_a_terminal("layers.json")
            layers *= 4
        self.assertRegex(shown, bar)
        self.assertTrue(shown.endswith(b"\r\x1b[K"), shown[-20:])


class Failures(CacheTest):
    def test_a_bad_spec_does_not_stop_the_others_and_is_named(self):
        bad, good, bundle = self.spec("bad.json", stride=0), self.spec(), self.folder / "kernels.bundle"
        report = self.json("precompile", bad, good, "--bundle", bundle, status=2)
        self.assertEqual(report["compiled"], 1)
        self.assertEqual(report["failures"][0]["source"], str(bad))
        self.assertIs(report["bundle"]["written"], False)
        self.assertIn("not written", report["failures"][-1]["message"])
        self.assertFalse(bundle.exists())
        self.assertEqual(self.run_layer(good)["cache"], "hit")

    def test_a_kernel_that_cannot_be_had_is_named_and_the_others_are_there(self):
        layers = self.layers(3)
        self.json("precompile", self.write("first.json", LAYER | {"out_channels": 3}))
        result = unstride("precompile", layers, "--cache", "require", "--json")
        report = json.loads(result.text)
        self.assertEqual(result.status, 1)
        self.assertEqual((report["hits"], report["failed"]), (1, 2))
        self.assertEqual([failure["source"] for failure in report["failures"]],
                         [f"{layers}[1] for cpu", f"{layers}[2] for cpu"])
        self.assertEqual(["error" in item for item in report["items"]], [False, True, True])

    def test_an_old_bundle_stays_when_something_failed(self):
        bundle = self.folder / "kernels.bundle"
        self.json("precompile", self.spec(), "--bundle", bundle)
        old = bundle.read_bytes()
        other, bad = self.spec("other.json", out_channels=9), self.spec("bad.json", op="x")
        self.json("precompile", other, bad, "--bundle", bundle, status=2)
        self.assertEqual(bundle.read_bytes(), old)

    def test_a_bundle_that_cannot_be_written_is_named(self):
        bundle = self.folder / "none" / "kernels.bundle"
        result = unstride("precompile", self.spec(), "--bundle", bundle)
        self.assertEqual(result.status, 1)
        self.assertIn(str(bundle), result.stderr)
        self.assertEqual(self.run_layer(self.spec())["cache"], "hit")

    def test_usage(self):
        spec = self.spec()
        self.assertIn("--target: cpu:z80: unknown", self.refuse(2, "precompile", spec, "--target", "cpu:z80"))
        self.assertIn("--bundle", self.refuse(2, "precompile", spec, "--sign", self.folder / "key"))
        self.assertIn("-j: 0: must be an integer from 1", self.refuse(2, "precompile", spec, "-j", 0))
        self.assertIn("must be one of rw, ro, off", self.refuse(2, "precompile", spec, "--cache", "maybe"))
        self.assertIn("nothing would be kept", self.refuse(2, "precompile", spec, "--cache", "off"))

    def test_an_interrupted_run_goes_on_where_it_was(self):
        layers = self.write("many.json", [LAYER | {"in_channels": 64, "out_channels": 1 + k} for k in range(60)])
        for number in [signal.SIGINT, signal.SIGKILL]:
            with self.subTest(signal=number):
                before = len(self.entry_files())
                process = subprocess.Popen([COMMAND, "precompile", layers, "-j", "2"], stderr=subprocess.DEVNULL)
                deadline = time.monotonic() + 60
                while len(self.entry_files()) < before + 3 and process.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.001)
                process.send_signal(number)
                self.assertEqual(process.wait(timeout=60), -number)
                self.assertGreater(len(self.entry_files()), before)
        kept = len(self.entry_files())
        report = self.json("precompile", layers, "-j", 2)
        self.assertEqual((report["hits"], report["compiled"]), (kept, 60 - kept))
        self.json("cache", "fsck")


class BundleTest(CacheTest):
    def setUp(self):
        super().setUp()
        self.bundle = self.folder / "kernels.bundle"
        self.empty = self.folder / "empty"
        self.empty.mkdir(mode=0o700)

    def elsewhere(self, **variables):
        """A machine that has no kernels but those of the bundle, and must not compile."""
        return self.environment(UNSTRIDE_CACHE_DIR=self.empty, UNSTRIDE_CACHE="require", **variables)


class Bundles(BundleTest):
    def test_a_bundle_is_all_that_another_machine_needs(self):
        specs = [self.spec(f"{k}.json", out_channels=3 + k) for k in range(3)]
        report = self.json("precompile", *specs, "--bundle", self.bundle)["bundle"]
        self.assertEqual((report["path"], report["written"], report["signed"]), (str(self.bundle), True, False))
        self.assertEqual(report["bytes"], self.bundle.stat().st_size)
        for spec in specs:
            ran = self.run_layer(spec, env=self.elsewhere(UNSTRIDE_BUNDLE_PATH=self.bundle))
            self.assertEqual((ran["cache"], ran["cache_where"], ran["compilations"]), ("hit", str(self.bundle), 0))
            self.assertIs(ran["verified"], True)

    def test_hits_go_into_the_bundle_too(self):
        layers = self.layers(4)
        self.json("precompile", self.layers(2, "some.json"))
        report = self.json("precompile", layers, "--bundle", self.bundle)
        self.assertEqual((report["hits"], report["compiled"]), (2, 2))
        report = self.json("precompile", layers, "--bundle-path", self.bundle, env=self.elsewhere())
        self.assertEqual((report["hits"], report["compiled"]), (4, 0))

    def test_without_a_cache_folder_everything_goes_into_the_bundle(self):
        report = self.json("precompile", self.layers(3), "--cache", "off", "--bundle", self.bundle)
        self.assertEqual(report["compiled"], 3)
        self.assertFalse(self.entry_files())
        self.json("precompile", self.layers(3), "--bundle-path", self.bundle, env=self.elsewhere())

    def test_without_a_cache_folder_several_threads_compile_each_kernel_once(self):
        layers, one = self.layers(8), self.folder / "one"
        report = self.json("precompile", layers, "--cache", "off", "-j", 4, "--bundle", self.bundle)
        self.assertEqual((report["compiled"], report["threads"]), (8, 4))
        self.json("precompile", layers, "--cache", "off", "-j", 1, "--bundle", one)
        self.assertEqual(self.bundle.read_bytes(), one.read_bytes())

    def test_one_bundle_serves_every_level(self):
        self.json("precompile", self.spec(), "--target", ",".join(LEVELS), "--bundle", self.bundle)
        environment = self.elsewhere(UNSTRIDE_BUNDLE_PATH=self.bundle)
        self.json("precompile", self.spec(), "--target", ",".join(LEVELS), env=environment)
        for target in self.json("info")["targets"]:
            if target["name"] in LEVELS and target["runs"]:
                ran = self.run_layer(self.spec(), "--target", target["name"], env=environment)
                self.assertEqual((ran["cache"], ran["verified"]), ("hit", True))

    def test_a_lower_level_serves_where_nothing_may_be_compiled(self):
        self.json("precompile", self.spec(), "--target", LEVELS[0], "--bundle", self.bundle)
        environment = self.elsewhere(UNSTRIDE_BUNDLE_PATH=self.bundle)
        result = unstride("run", self.spec(), "--length", 9, "--repeat", 1, "--verify", "--json", env=environment)
        self.assertEqual(result.status, 0, result.stderr)
        report = json.loads(result.text)
        self.assertEqual((report["cache"], report["compilations"], report["verified"]), ("hit", 0, True))
        self.assertIn("x86-64-v3", report["target"])
        has_more = any(target["name"] == LEVELS[1] and target["runs"] for target in self.json("info")["targets"])
        self.assertEqual("no kernel for x86-64-v4" in result.stderr, has_more)

    def test_require_without_a_bundle_names_the_nearest_entry(self):
        self.json("precompile", self.spec())
        other = self.spec("other.json", out_channels=4)
        complaint = self.refuse(1, "run", other, "--length", 9, env=self.environment(UNSTRIDE_CACHE="require"))
        self.assertIn("mode require: no entry", complaint)
        self.assertIn(f"the nearest, in {self.cache}, differs in spec.out_channels: wanted 4, found 3", complaint)

    def test_require_and_explain_say_the_same(self):
        self.json("precompile", self.spec())
        other = self.spec("other.json", out_channels=4, trim=[1, 0])
        complaint = self.refuse(1, "run", other, "--length", 9, env=self.environment(UNSTRIDE_CACHE="require"))
        lines = self.succeed("cache", "explain", other).text.splitlines()
        differences = [line.removeprefix("differs  ") for line in lines if line.startswith("differs  ")]
        self.assertIn("spec.trim: wanted [1,0], found [0,0]", differences)
        self.assertIn("differs in " + "; ".join(differences), complaint)

    def test_a_bundle_in_a_folder_for_everybody_is_refused_with_a_way_out(self):
        shared = self.folder / "shared"
        shared.mkdir()
        self.json("precompile", self.spec(), "--bundle", shared / "b")
        shared.chmod(0o1777)  # as /tmp
        environment = self.elsewhere(UNSTRIDE_BUNDLE_PATH=shared / "b")
        complaint = unstride("run", self.spec(), "--length", 9, env=environment).stderr
        self.assertIn(f"bundle {shared}/b is not used: {shared} has mode 1777, so any user can put kernels there: "
                      "use a folder inside it, or elsewhere, that only you can write to, or sign", complaint)

    def test_compile_shows_what_the_plan_of_a_bundle_gives(self):
        spec = self.spec(in_channels=16, out_channels=24)
        own = self.json("precompile", spec)["items"][0]["plan"]
        self.assertNotIn("a bundle", self.succeed("compile", spec).text)
        self.json("precompile", spec, "--bundle", self.bundle)
        text = self.succeed("compile", spec, "--bundle-path", self.bundle).text
        self.assertIn(f"plan        {own}\n", text)
        self.assertIn("a bundle, which brings this plan\n", text)

    def test_the_forced_plan_is_part_of_the_key(self):
        plan = self.json("precompile", self.spec(), "--bundle", self.bundle)["items"][0]["plan"]
        environment = self.elsewhere(UNSTRIDE_BUNDLE_PATH=self.bundle)
        self.assertEqual(self.run_layer(self.spec(), "--plan", plan, env=environment)["plan"], plan)


class Signatures(BundleTest):
    def setUp(self):
        super().setUp()
        self.json("cache", "keygen", self.folder / "key")
        self.public, self.secret = self.folder / "key.pub", self.folder / "key.secret"

    def trusted(self, status=0, key=None):
        result = unstride("run", self.spec(), "--length", 9, "--repeat", 1, "--json", "--trusted-key", key or self.public,
                          env=self.elsewhere(UNSTRIDE_BUNDLE_PATH=self.bundle))
        self.assertEqual(result.status, status, result.stderr)
        return result

    def test_keys_are_private_and_never_overwritten(self):
        self.assertEqual(stat.S_IMODE(self.secret.stat().st_mode), 0o600)
        old = self.secret.read_bytes()
        self.assertIn("exists already", self.refuse(1, "cache", "keygen", self.folder / "key"))
        self.assertEqual(self.secret.read_bytes(), old)

    def test_a_signed_bundle_is_accepted(self):
        report = self.json("precompile", self.spec(), "--bundle", self.bundle, "--sign", self.secret)
        self.assertIs(report["bundle"]["signed"], True)
        self.assertEqual(json.loads(self.trusted().text)["cache"], "hit")

    def test_an_unsigned_bundle_is_refused(self):
        self.json("precompile", self.spec(), "--bundle", self.bundle)
        self.assertIn(str(self.bundle), self.trusted(status=1).stderr)

    def test_a_bundle_signed_by_another_is_refused(self):
        self.json("cache", "keygen", self.folder / "other")
        self.json("precompile", self.spec(), "--bundle", self.bundle, "--sign", self.folder / "other.secret")
        self.assertIn(str(self.bundle), self.trusted(status=1).stderr)
        self.trusted(key=self.folder / "other.pub")

    def test_a_bundle_whose_head_was_tampered_with_is_refused(self):
        self.json("precompile", self.spec(), "--bundle", self.bundle, "--sign", self.secret)
        for position in [0, 8, 20, 40, 70, 100, 230, 260, 300]:  # header, index, checksum, signature
            with self.subTest(position=position):
                self.flip_a_byte(self.bundle, position)
                self.assertIn(f"bundle {self.bundle} is not used", self.trusted(status=1).stderr)
                self.flip_a_byte(self.bundle, position)
        self.trusted()

    def test_an_entry_that_was_tampered_with_is_not_used(self):
        self.json("precompile", self.spec(), "--bundle", self.bundle, "--sign", self.secret)
        key = self.entry_files()[0].stem
        self.flip_a_byte(self.bundle, self.bundle.read_bytes().index(b"\x7fELF"))
        self.assertIn(f"entry {key} is damaged", self.trusted(status=1).stderr)

    def test_a_file_that_is_no_key_is_named(self):
        spec = self.spec()
        self.assertIn(str(spec), self.refuse(1, "precompile", spec, "--bundle", self.bundle, "--sign", spec))
        self.assertIn(str(spec), self.refuse(1, "run", spec, "--length", 9, "--trusted-key", spec))
        self.secret.chmod(0o644)
        self.assertIn("chmod 600", self.refuse(1, "precompile", spec, "--bundle", self.bundle, "--sign", self.secret))


if __name__ == "__main__":
    unittest.main()
