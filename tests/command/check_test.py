"""unstride check: which specs are accepted, how they are printed, and how a refusal reads."""

import json
import unittest

from command import LAYER, CommandTest, unstride


class Check(CommandTest):
    def test_prints_the_canonical_form(self):
        text = self.succeed("check", self.spec()).text
        self.assertEqual(text.count("\n"), 1)
        spec = json.loads(text)
        self.assertEqual(list(spec), sorted(spec))
        self.assertNotIn(" ", text)
        for field, value in (LAYER | {"dilation": 1, "groups": 1, "bias": True, "dtype": "float32"}).items():
            self.assertEqual(spec[field], value)

    def test_the_canonical_form_is_accepted_and_unchanged(self):
        text = self.succeed("check", self.spec(prologue={"op": "leaky_relu", "negative_slope": 0.1})).text
        self.assertEqual(self.succeed("check", "-", stdin=text.encode()).text, text)

    def test_reads_arrays_several_files_and_standard_input(self):
        array = self.write("layers.json", [LAYER, LAYER | {"stride": 4}])
        result = self.json("check", array, self.spec(), "-", stdin=json.dumps(LAYER).encode())
        sources = [spec["source"] for spec in result["specs"]]
        self.assertEqual(sources, [f"{array}[0]", f"{array}[1]", str(self.folder / "layer.json"), "-"])
        self.assertEqual([spec["spec"]["stride"] for spec in result["specs"]], [2, 4, 2, 2])

    def test_prints_the_output_length(self):
        spec = self.spec()
        self.assertEqual(self.succeed("check", spec, "--length", 10).text.splitlines()[1], "output length 20")
        self.assertEqual(self.json("check", spec, "--length", 10)["specs"][0]["output_length"], 20)
        self.assertNotIn("output_length", self.json("check", spec)["specs"][0])

    def test_an_output_that_would_be_empty_is_a_bad_spec(self):
        spec = self.spec(trim=[2, 2])
        failure = self.json("check", spec, "--length", 2, status=2)["failures"][0]
        self.assertEqual(failure["source"], str(spec))
        self.assertIn("0", failure["message"])


class Refusals(CommandTest):
    def test_a_bad_field_is_named_with_its_file_and_what_is_allowed(self):
        spec = self.spec(stride=0)
        self.assertEqual(self.refuse(2, "check", spec), f"unstride: {spec}: spec.stride: 0: must be at least 1\n")
        failure = self.json("check", spec, status=2)["failures"][0]
        self.assertEqual(failure["source"], str(spec))
        self.assertEqual(failure["field"], "spec.stride")
        self.assertEqual(failure["message"], "spec.stride: 0: must be at least 1")

    def test_the_place_in_an_array_is_named(self):
        array = self.write("layers.json", [LAYER, LAYER | {"groups": 3}])
        self.assertIn("spec[1].", self.refuse(2, "check", array))

    def test_unknown_fields_come_with_the_nearest_name(self):
        self.assertIn("kernel_size", self.refuse(2, "check", self.spec(kernelsize=3)))

    def test_files_that_are_no_specs(self):
        cases = {"": "malformed JSON", "{": "malformed JSON", "[]": "empty array", "3": "must be an object"}
        for text, message in cases.items():
            self.assertIn(message, self.refuse(2, "check", self.write("bad.json", text)))

    def test_files_that_cannot_be_read(self):
        missing = self.folder / "none.json"
        self.assertEqual(self.refuse(2, "check", missing),
                         f"unstride: {missing}: cannot read: No such file or directory\n")
        self.assertIn("Is a directory", self.refuse(2, "check", self.folder))

    def test_good_specs_are_printed_beside_bad_ones(self):
        result = self.json("check", self.spec("bad.json", stride=0), self.spec("good.json"), self.spec("worse.json", op="x"),
                           status=2)
        self.assertEqual([spec["source"] for spec in result["specs"]], [str(self.folder / "good.json")])
        self.assertEqual([failure["source"] for failure in result["failures"]],
                         [str(self.folder / "bad.json"), str(self.folder / "worse.json")])
        text = unstride("check", self.folder / "bad.json", self.folder / "good.json")
        self.assertEqual(text.status, 2)
        self.assertEqual(text.text.count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
