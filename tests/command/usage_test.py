"""What holds for every subcommand: help, versions, wrong usage, and standard streams that go away."""

import json
import os
import signal
import subprocess
import unittest

from command import COMMAND, CommandTest, unstride

SUBCOMMANDS = ["info", "check", "compile", "run", "precompile", "cache"]


class Help(CommandTest):
    def test_help_lists_the_subcommands_with_examples_and_exit_statuses(self):
        text = self.succeed("--help").text
        for word in [*SUBCOMMANDS, "Examples:", "Exit status:"]:
            self.assertIn(word, text)

    def test_every_subcommand_has_help_that_names_json(self):
        for subcommand in SUBCOMMANDS:
            self.assertIn("--json", self.succeed(subcommand, "--help").text)

    def test_version(self):
        self.assertRegex(self.succeed("--version").text, r"^unstride \d+\.\d+\.\d+\n$")


class Info(CommandTest):
    def test_info_reports_versions_and_targets(self):
        info = self.json("info")
        self.assertEqual(f"unstride {info['version']}\n", self.succeed("--version").text)
        self.assertGreaterEqual(info["threads"], 1)
        if info["cuda"] is not None:
            self.assertLessEqual({"nvrtc", "driver", "devices"}, info["cuda"].keys())
        for target in info["targets"]:
            self.assertLessEqual({"name", "description", "compiles", "runs"}, target.keys())
            self.assertIn(target["name"], self.succeed("info").text)


class WrongUsage(CommandTest):
    def test_no_or_an_unknown_subcommand(self):
        self.assertIn("a subcommand is missing: info, check, compile, run, precompile, tune or cache", self.refuse(2))
        self.assertIn("frobnicate", self.refuse(2, "frobnicate"))

    def test_unknown_options_are_named(self):
        for subcommand in SUBCOMMANDS:
            self.assertIn("--lenght", self.refuse(2, subcommand, "layer.json", "--lenght", "5"))

    def test_a_missing_spec_is_named(self):
        for subcommand in ["check", "compile", "run", "precompile"]:
            self.assertIn("SPEC", self.refuse(2, subcommand))

    def test_numbers_are_refused_with_what_is_allowed(self):
        spec = self.spec()
        cases = [
            ("--length", "0", "--length: 0: must be an integer of at least 1"),
            ("--length", "-3", "--length: -3: must be an integer of at least 1"),
            ("--length", "1e3", "--length: 1e3: must be an integer of at least 1"),
            ("--length", "", "--length: : must be an integer of at least 1"),
            ("--length", "99999999999999999999", "must be an integer of at least 1"),
            ("--batch", "-1", "--batch: -1: must be an integer of at least 0"),
            ("--seed", "x", "--seed: x: must be an integer of at least 0"),
            ("--threads", "0", "--threads: 0: must be an integer from 1 to 1024"),
            ("--threads", "4294967297", "--threads: 4294967297: must be an integer from 1 to 1024"),
            ("--repeat", "0", "--repeat: 0: must be an integer of at least 1"),
        ]
        for option, value, message in cases:
            self.assertIn(message, self.refuse(2, "run", spec, option, value))

    def test_a_leading_zero_is_decimal(self):
        self.assertEqual(self.json("check", self.spec(), "--length", "010")["specs"][0]["output_length"], 20)

    def test_json_may_stand_before_the_subcommand(self):
        self.assertEqual(json.loads(self.succeed("--json", "info").text), self.json("info"))

    def test_wrong_usage_still_prints_one_json_object(self):
        for arguments in [["info", "--wrong"], ["run"], ["frobnicate"], ["check", "none.json"]]:
            failures = self.json(*arguments, status=2)["failures"]
            self.assertEqual(len(failures), 1)
            self.assertTrue(failures[0]["message"])


class Streams(CommandTest):
    def test_a_full_disk_is_reported(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([COMMAND, "info"], stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"standard output: No space left on device", done.stderr)

    def test_a_reader_that_goes_away_is_no_reason_to_complain(self):
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run([COMMAND, "info"], stdout=write, stderr=subprocess.PIPE)
        os.close(write)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, b"")

    def test_it_is_not_killed_by_sigpipe(self):
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run([COMMAND, "info", "--json"], stdout=write)
        os.close(write)
        self.assertNotEqual(done.returncode, -signal.SIGPIPE)


class BytesThatAreNotText(CommandTest):
    def test_a_file_name_that_is_not_utf8_still_gives_json(self):
        path = os.fsencode(self.folder) + b"/\xff.json"
        done = subprocess.run([COMMAND, "check", path, "--json"], capture_output=True)
        self.assertEqual(done.returncode, 2)
        self.assertIsInstance(json.loads(done.stdout), dict)


if __name__ == "__main__":
    unittest.main()
