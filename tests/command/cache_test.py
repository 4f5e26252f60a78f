"""unstride cache: looking into the cache of compiled kernels, and keeping it in order."""

import json
import os
import subprocess
import unittest

from cached import CacheTest
from command import COMMAND, LAYER, unstride

SUBCOMMANDS = ["ls", "stats", "fsck", "prune", "clear", "explain", "extract", "keygen"]


class Usage(CacheTest):
    def test_every_subcommand_has_help_that_names_json(self):
        for subcommand in SUBCOMMANDS:
            self.assertIn(subcommand, self.succeed("cache", "--help").text)
            self.assertIn("--json", self.succeed("cache", subcommand, "--help").text)

    def test_no_or_an_unknown_subcommand(self):
        self.assertIn("cache: a subcommand is missing: ls, stats", self.refuse(2, "cache"))
        self.assertIn("frobnicate", self.refuse(2, "cache", "frobnicate"))

    def test_json_may_stand_before_the_subcommand(self):
        self.json("precompile", self.spec())
        expected = self.json("cache", "ls")
        self.assertEqual(json.loads(self.succeed("cache", "--json", "ls").text), expected)
        self.assertEqual(json.loads(self.succeed("--json", "cache", "ls").text), expected)


class Looking(CacheTest):
    def test_ls_says_what_each_entry_is(self):
        self.json("precompile", self.spec(), "--target", "cpu:x86-64-v3")
        (entry,) = self.json("cache", "ls")["entries"]
        (file,) = self.entry_files()
        self.assertEqual(file.name, entry["key"] + ".usk")
        self.assertEqual((entry["target"], entry["where"]), ("x86-64-v3", str(self.cache)))
        self.assertEqual(entry["layer"], "4 -> 3, kernel 4, stride 2, padding 1, float32")
        self.assertEqual(json.loads(entry["fields"]["spec"])["stride"], 2)
        self.assertTrue(entry["fields"]["plan"].startswith(entry["plan"] + " "))
        self.assertLess(abs(entry["last_used"] - file.stat().st_mtime), 2)
        text = self.succeed("cache", "ls").text
        for part in ["KEY", entry["key"][:12], "KiB", "x86-64-v3", entry["plan"], entry["layer"], str(self.cache)]:
            self.assertIn(part, text)

    def test_ls_shows_the_last_used_first_and_bundles_last(self):
        bundle = self.folder / "kernels.bundle"
        self.json("precompile", self.spec(), "--bundle", bundle)
        self.json("precompile", self.spec("other.json", stride=4))
        keys = {json.loads(entry["fields"]["spec"])["stride"]: entry["key"] for entry in self.json("cache", "ls")["entries"]}
        for stride, stamp in [(2, 2_000_000), (4, 1_000_000)]:
            (file,) = self.cache.rglob(keys[stride] + ".usk")
            os.utime(file, (stamp, stamp))
        entries = self.json("cache", "ls", "--bundle-path", bundle)["entries"]
        self.assertEqual([entry["key"] for entry in entries[:2]], [keys[2], keys[4]])
        self.assertEqual({entry["where"] for entry in entries[2:]}, {str(bundle)})
        self.assertIsNone(entries[-1]["last_used"])
        self.assertIn(keys[2], [entry["key"] for entry in entries[2:]])

    def test_an_empty_cache_lists_nothing(self):
        self.json("cache", "clear")
        self.assertEqual(self.succeed("cache", "ls").text, "")
        self.assertEqual(self.json("cache", "ls")["entries"], [])

    def test_stats_counts(self):
        bundle = self.folder / "kernels.bundle"
        self.json("precompile", self.layers(3), "--bundle", bundle)
        stats = self.json("cache", "stats", "--bundle-path", bundle)
        self.assertEqual((stats["directory"], stats["mode"], stats["entries"]), (str(self.cache), "rw", 3))
        self.assertEqual(stats["bytes"], sum(file.stat().st_size for file in self.entry_files()))
        self.assertEqual(stats["bundles"][0]["path"], str(bundle))
        self.assertGreaterEqual(stats["bundles"][0]["entries"], 3)
        text = self.succeed("cache", "stats").text
        self.assertIn(f"folder   {self.cache}\nmode     rw\nentries  3 of at most", text)

    def test_stats_and_info_say_how_the_cache_is_used(self):
        environment = self.environment(UNSTRIDE_CACHE="off")
        self.assertEqual(self.json("cache", "stats", env=environment)["mode"], "off")
        self.assertEqual(self.json("info", env=environment)["cache"], {"directory": None, "mode": "off"})
        self.assertEqual(self.json("info")["cache"], {"directory": str(self.cache), "mode": "rw"})
        self.assertIn(f"cache     {self.cache} (rw)\n", self.succeed("info").text)


class Explain(CacheTest):
    def explain(self, *arguments):
        (explanation,) = self.json("cache", "explain", *arguments)["explanations"]
        return explanation

    def test_a_hit_says_where(self):
        spec = self.spec()
        self.json("precompile", spec)
        explanation = self.explain(spec)
        self.assertEqual((explanation["hit"], explanation["where"]), (True, str(self.cache)))
        self.assertEqual([file.stem for file in self.entry_files()], [explanation["key"]])
        self.assertEqual(self.succeed("cache", "explain", spec).text,
                         f"{spec}: hit: {explanation['key']} in {self.cache}\n"
                         f"plan     {explanation['plan']}, by model\n")

    def test_a_miss_names_the_field_that_differs(self):
        self.json("precompile", self.spec())
        plan = self.json("cache", "ls")["entries"][0]["fields"]["plan"]
        changes = {"epilogue": ({"op": "relu"}, '{"op":"none"}'), "bias": (False, "true"), "padding": (0, "1"),
                   "output_padding": (1, "0"), "trim": ([1, 0], "[0,0]")}
        for field, (wanted, found) in changes.items():
            with self.subTest(field=field):
                explanation = self.explain(self.spec("changed.json", **{field: wanted}), "--plan", plan)
                self.assertIs(explanation["hit"], False)
                self.assertEqual(explanation["where"], str(self.cache))
                self.assertEqual([file.stem for file in self.entry_files()], [explanation["nearest"]])
                (difference,) = explanation["differences"]
                self.assertEqual(difference["field"], f"spec.{field}")
                self.assertEqual(json.loads(difference["wanted"]), wanted)
                self.assertEqual(difference["found"], found)

    def test_the_nearest_of_many_differs_in_the_fewest_fields(self):
        far = [LAYER | {"in_channels": 5 + k, "out_channels": 6 + k, "kernel_size": 8} for k in range(20)]
        self.json("precompile", self.spec(), self.write("far.json", far))
        explanation = self.explain(self.spec("other.json", in_channels=5))
        self.assertIn("spec.in_channels", [difference["field"] for difference in explanation["differences"]])
        self.assertLessEqual(len(explanation["differences"]), 2)  # the plan may differ too

    def test_the_text_says_the_same(self):
        self.json("precompile", self.spec())
        plan = self.json("cache", "ls")["entries"][0]["fields"]["plan"]
        other = self.spec("other.json", padding=0)
        text = self.succeed("cache", "explain", other, "--plan", plan).text
        self.assertIn(f"{other}: miss: there is no entry ", text)
        self.assertIn(f" in {self.cache}\ndiffers  spec.padding: wanted 0, found 1\n", text)

    def test_another_target_is_named(self):
        self.json("precompile", self.spec(), "--target", "cpu:x86-64-v3")
        explanation = self.explain(self.spec(), "--target", "cpu:x86-64-v4")
        self.assertIn("target", [difference["field"] for difference in explanation["differences"]])
        text = self.succeed("cache", "explain", self.spec(), "--target", "cpu:x86-64-v4").text
        self.assertRegex(text, r"differs  target: wanted .*x86-64-v4.*, found .*x86-64-v3")

    def test_an_empty_cache_has_nothing_near(self):
        self.json("cache", "clear")
        explanation = self.explain(self.spec())
        self.assertEqual((explanation["hit"], explanation["nearest"], explanation["differences"]), (False, None, []))
        self.assertIn("none like it", self.succeed("cache", "explain", self.spec()).text)

    def test_explaining_compiles_and_changes_nothing(self):
        self.json("precompile", self.spec())
        before = {file: file.read_bytes() for file in self.entry_files()}
        self.explain(self.spec("other.json", stride=4))
        self.assertEqual({file: file.read_bytes() for file in self.entry_files()}, before)

    def test_a_bad_spec_is_wrong_usage(self):
        self.assertIn("spec.stride", self.refuse(2, "cache", "explain", self.spec(stride=0)))


class Corruption(CacheTest):
    def setUp(self):
        super().setUp()
        self.json("precompile", self.layers(3))
        self.victim = self.entry_files()[1]
        self.flip_a_byte(self.victim, -1)

    def test_fsck_names_what_is_corrupt_and_removes_it_when_asked(self):
        result = unstride("cache", "fsck", "--json")
        report = json.loads(result.text)
        self.assertEqual((result.status, report["checked"], report["removed"]), (1, 3, 0))
        self.assertEqual(len(report["corrupt"]), 1)
        self.assertIn(self.victim.stem, report["corrupt"][0])
        self.assertTrue(self.victim.exists())
        text = unstride("cache", "fsck")
        self.assertIn(self.victim.stem, text.text)
        self.assertIn("1 of 3 corrupt", text.stderr)

        report = self.json("cache", "fsck", "--remove")
        self.assertEqual((len(report["corrupt"]), report["removed"]), (1, 1))
        self.assertFalse(self.victim.exists())
        self.assertEqual(self.json("cache", "fsck")["corrupt"], [])

    def test_a_corrupt_entry_is_compiled_again_and_right(self):
        outcomes = []
        for k in range(3):
            result = unstride("run", self.spec(out_channels=3 + k), "--length", 9, "--repeat", 1, "--verify", "--json")
            report = json.loads(result.text)
            self.assertEqual(result.status, 0)
            self.assertIs(report["verified"], True)
            outcomes.append(report["cache"])
            if report["cache"] == "miss":
                self.assertIn(self.victim.name, result.stderr)
        self.assertEqual(sorted(outcomes), ["hit", "hit", "miss"])
        self.assertEqual(self.json("cache", "fsck")["corrupt"], [])
        self.assertEqual(self.json("precompile", self.layers(3))["hits"], 3)


class Limits(CacheTest):
    def setUp(self):
        super().setUp()
        self.json("precompile", self.layers(10))
        for age, file in enumerate(self.entry_files()):
            os.utime(file, (1_000_000_000 - age, 1_000_000_000 - age))
        self.oldest_last = self.entry_files()

    def test_prune_removes_the_least_recently_used(self):
        report = self.json("cache", "prune", "--max-entries", 5)
        self.assertEqual((report["removed"], report["entries"]), (6, 4))
        self.assertEqual(self.entry_files(), self.oldest_last[:4])

    def test_prune_takes_sizes_with_units(self):
        total = self.json("cache", "stats")["bytes"]
        self.assertEqual(self.json("cache", "prune", "--max-bytes", "1G")["removed"], 0)
        report = self.json("cache", "prune", "--max-bytes", f"{total // 2048}k")
        self.assertGreater(report["removed"], 0)
        self.assertLessEqual(report["bytes"], total // 2)
        self.assertEqual(report["removed_bytes"], total - report["bytes"])
        self.assertEqual(self.json("cache", "prune", "--max-bytes", "0")["entries"], 0)
        for size in ["", "x", "-1", "1T", "1.5G", "99999999999G"]:
            self.assertIn("must be a number of bytes", self.refuse(2, "cache", "prune", "--max-bytes", size))

    def test_within_the_limits_nothing_is_removed(self):
        self.assertIn("0 removed, 10 left", self.succeed("cache", "prune").text)

    def test_clear_removes_everything(self):
        self.assertEqual(self.json("cache", "clear")["removed"], 10)
        self.assertEqual(self.entry_files(), [])

    def on_a_terminal(self, *arguments, answer=b""):
        terminal, other_end = self.open_terminal()
        process = subprocess.Popen([COMMAND, *arguments], stdin=other_end, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.close(other_end)
        os.write(terminal, answer)
        output, errors = process.communicate(timeout=60)
        os.close(terminal)
        return process.returncode, output.decode(), errors.decode()

    def test_clear_asks_on_a_terminal(self):
        status, _, errors = self.on_a_terminal("cache", "clear", answer=b"n\n")
        self.assertEqual(status, 1)
        self.assertIn("Remove 10 entries with", errors)
        self.assertIn("nothing was removed", errors)
        self.assertEqual(len(self.entry_files()), 10)
        self.assertEqual(self.on_a_terminal("cache", "clear", answer=b"\n")[0], 1)
        self.assertEqual(self.on_a_terminal("cache", "clear", answer=b"y\n")[0], 0)
        self.assertEqual(self.entry_files(), [])

    def test_yes_is_not_asked(self):
        status, output, errors = self.on_a_terminal("cache", "clear", "--yes")
        self.assertEqual((status, errors), (0, ""))
        self.assertIn("10 removed", output)


class Extract(CacheTest):
    def setUp(self):
        super().setUp()
        self.json("precompile", self.layers(17))
        self.keys = [file.stem for file in self.entry_files()]

    def test_the_code_is_an_object(self):
        code = self.succeed("cache", "extract", self.keys[0]).stdout
        self.assertTrue(code.startswith(b"\x7fELF"))
        file = self.folder / "kernel.o"
        report = self.json("cache", "extract", self.keys[0][:20], "-o", file)
        self.assertEqual((report["key"], report["bytes"]), (self.keys[0], len(code)))
        self.assertEqual(file.read_bytes(), code)

    def test_the_beginning_of_a_key_must_tell_it_apart(self):
        first = next(key[0] for key in self.keys if sum(other[0] == key[0] for other in self.keys) > 1)
        complaint = self.refuse(2, "cache", "extract", first)
        for key in self.keys:
            self.assertEqual(key in complaint, key[0] == first)
        self.assertIn("no key begins so", self.refuse(2, "cache", "extract", "xyz"))

    def test_a_key_in_the_cache_and_in_a_bundle_is_one(self):
        bundle = self.folder / "kernels.bundle"
        self.json("precompile", self.layers(17), "--bundle", bundle)
        self.succeed("cache", "extract", self.keys[0], "--bundle-path", bundle)

    def test_binary_is_kept_from_terminals_and_json(self):
        self.assertIn("-o", self.json("cache", "extract", self.keys[0], status=2)["failures"][0]["message"])
        terminal, other_end = self.open_terminal()
        done = subprocess.run([COMMAND, "cache", "extract", self.keys[0]], stdout=other_end, stderr=subprocess.PIPE)
        os.close(other_end)
        os.close(terminal)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"standard output is a terminal", done.stderr)


if __name__ == "__main__":
    unittest.main()
