"""Tests that each start from an empty cache of their own."""

import os
from unittest import mock

from command import LAYER, CommandTest


class CacheTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.cache = self.folder / "cache"
        self.home = self.folder / "home"
        self.home.mkdir()
        patch = mock.patch.dict(os.environ, {"UNSTRIDE_CACHE_DIR": str(self.cache), "HOME": str(self.home)})
        patch.start()
        self.addCleanup(patch.stop)

    def environment(self, **variables):
        """The environment of a command, some variables changed; None removes one."""
        changed = os.environ | {name: str(value) for name, value in variables.items() if value is not None}
        return {name: value for name, value in changed.items() if variables.get(name, "") is not None}

    def layers(self, count, name="layers.json"):
        """A file with so many different layers."""
        return self.write(name, [LAYER | {"out_channels": 3 + k} for k in range(count)])

    def run_layer(self, spec, *arguments, **options):
        return self.json("run", spec, "--length", 9, "--repeat", 1, "--verify", *arguments, **options)

    def entry_files(self):
        return sorted(self.cache.rglob("*.usk"))

    def flip_a_byte(self, path, position):
        data = bytearray(path.read_bytes())
        data[position] ^= 1
        path.write_bytes(data)
