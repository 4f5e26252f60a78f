"""unstride compile: every product, where it goes, and what is refused before any work."""

import os
import subprocess
import unittest

from command import COMMAND, LAYER, CommandTest, unstride

TEXT_KINDS = {"plan": ".plan.txt", "ir": ".ll", "asm": ".s"}


class Products(CommandTest):
    def test_text_goes_to_standard_output(self):
        spec = self.spec()
        self.assertTrue(self.succeed("compile", spec).text)
        self.assertEqual(self.succeed("compile", spec).text, self.succeed("compile", spec, "--emit", "plan").text)
        self.assertIn("define ", self.succeed("compile", spec, "--emit", "ir").text)
        self.assertIn("\tret", self.succeed("compile", spec, "--emit", "asm").text)

    def test_an_object_goes_to_a_pipe(self):
        self.assertTrue(self.succeed("compile", self.spec(), "--emit", "obj").stdout.startswith(b"\x7fELF"))

    def test_json_carries_the_text(self):
        spec = self.spec()
        result = self.json("compile", spec, "--emit", "asm", "--target", "cpu:x86-64-v3")
        self.assertEqual(result["target"], "cpu:x86-64-v3")
        self.assertEqual(result["emit"], "asm")
        (output,) = result["outputs"]
        self.assertEqual(output["source"], str(spec))
        self.assertEqual(output["spec"]["stride"], 2)
        self.assertEqual(len(output["text"].encode()), output["bytes"])

    def test_every_target_makes_its_own_code(self):
        wide, narrow = (self.succeed("compile", self.spec(in_channels=64, out_channels=32), "--emit", "asm", "--target",
                                     target).text for target in ["cpu:x86-64-v4", "cpu:x86-64-v3"])
        self.assertIn("zmm", wide)
        self.assertNotIn("zmm", narrow)
        self.assertIn("ymm", narrow)

    def test_the_targets_that_info_finds_are_those_that_compile_takes(self):
        targets = self.json("info")["targets"]
        self.assertIn("cpu", [target["name"] for target in targets])
        for target in targets:
            if target["compiles"]:
                self.succeed("compile", self.spec(), "--target", target["name"])
            if target["runs"]:
                self.succeed("run", self.spec(), "--length", 4, "--repeat", 1, "--target", target["name"])

    def test_a_forced_plan_is_taken_or_refused(self):
        spec = self.spec()
        plan = self.json("run", spec, "--length", 4, "--repeat", 1)["plan"]
        self.assertIn(plan, self.succeed("compile", spec, "--plan", plan).text)
        self.assertIn("plan", self.refuse(2, "compile", spec, "--plan", "no_such_plan"))

    def test_several_texts_are_told_apart(self):
        array = self.write("layers.json", [LAYER, LAYER | {"stride": 4}])
        text = self.succeed("compile", array, "--emit", "ir").text
        self.assertIn(f"; {array}[0]: 4 -> 3, kernel 4, stride 2, padding 1, float32\n", text)
        self.assertIn(f"; {array}[1]: 4 -> 3, kernel 4, stride 4, padding 1, float32\n", text)


class Files(CommandTest):
    def test_each_spec_gets_a_file_named_after_it(self):
        array, single = self.write("layers.json", [LAYER, LAYER | {"stride": 4}]), self.spec()
        for kind, extension in (TEXT_KINDS | {"obj": ".o"}).items():
            folder = self.folder / "made" / kind
            text = self.succeed("compile", array, single, "--emit", kind, "-o", folder).text
            names = [f"layers-0{extension}", f"layers-1{extension}", f"layer{extension}"]
            self.assertEqual(sorted(path.name for path in folder.iterdir()), sorted(names))
            for name in names:
                self.assertIn(f"{folder / name}  {(folder / name).stat().st_size} bytes\n", text)

    def test_json_names_the_files(self):
        folder = self.folder / "made"
        (output,) = self.json("compile", self.spec(), "--emit", "obj", "-o", folder)["outputs"]
        self.assertEqual(output["file"], str(folder / "layer.o"))
        self.assertEqual(os.path.getsize(output["file"]), output["bytes"])
        self.assertNotIn("text", output)

    def test_a_linker_accepts_the_object(self):
        self.succeed("compile", self.spec(), "--emit", "obj", "-o", self.folder)
        subprocess.run(["ld", "-r", "-o", self.folder / "linked.o", self.folder / "layer.o"], check=True)

    def test_two_specs_never_share_a_file(self):
        (self.folder / "other").mkdir()
        first, second = self.spec(), self.write("other/layer.json", LAYER)
        message = self.refuse(2, "compile", first, second, "-o", self.folder / "made")
        self.assertIn(f"{first} and {second} would both be", message)
        self.assertFalse((self.folder / "made").exists())

    def test_a_folder_that_cannot_be_made_is_named(self):
        file = self.write("file", "x")
        self.assertIn(str(file), self.refuse(1, "compile", self.spec(), "-o", file))


class Refusals(CommandTest):
    def test_unknown_products_and_targets_come_with_the_known_ones(self):
        self.assertIn("--emit: elf: must be one of plan, ir, asm", self.refuse(2, "compile", self.spec(), "--emit", "elf"))
        self.assertRegex(self.refuse(2, "compile", self.spec(), "--target", "cpu:z80"),
                         r"--target: cpu:z80: unknown; must be one of cpu, cpu:x86-64")

    def test_products_of_gpus_are_refused_for_cpus_with_what_there_is(self):
        for kind in ["cuda", "ptx", "cubin"]:
            message = f"--emit: {kind}: is made for cuda targets; for cpu it must be one of plan, ir, asm, obj"
            self.assertIn(message, self.refuse(2, "compile", self.spec(), "--emit", kind))

    def test_binary_is_kept_from_terminals_json_and_mixing(self):
        spec, array = self.spec(), self.write("layers.json", [LAYER, LAYER])
        self.assertIn("-o", self.refuse(2, "compile", array, "--emit", "obj"))
        self.assertIn("-o", self.json("compile", spec, "--emit", "obj", status=2)["failures"][0]["message"])
        terminal, other_end = self.open_terminal()
        done = subprocess.run([COMMAND, "compile", spec, "--emit", "obj"], stdout=other_end, stderr=subprocess.PIPE)
        os.close(terminal), os.close(other_end)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"standard output is a terminal", done.stderr)

    def test_bad_specs_do_not_stop_the_good_ones(self):
        good, bad = self.spec(), self.spec("bad.json", stride=0)
        result = unstride("compile", bad, good, "-o", self.folder)
        self.assertEqual(result.status, 2)
        self.assertTrue((self.folder / "layer.plan.txt").exists())
        self.assertEqual(result.stderr, f"unstride: {bad}: spec.stride: 0: must be at least 1\n")


if __name__ == "__main__":
    unittest.main()
