"""Runs the unstride command the way users do, and says what it must always keep to."""

import atexit
import json
import os
import pty
import shutil
import struct
import subprocess
import tempfile
import unittest
from dataclasses import dataclass
from pathlib import Path

COMMAND = os.environ.get("UNSTRIDE_COMMAND", "unstride")
CACHE_VARIABLES = ["UNSTRIDE_CACHE", "UNSTRIDE_CACHE_DIR", "UNSTRIDE_BUNDLE_PATH", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR",
                   "UNSTRIDE_NVRTC", "UNSTRIDE_CUDA_DRIVER", "UNSTRIDE_NVML"]
LAYER = {"op": "conv_transpose1d", "in_channels": 4, "out_channels": 3, "kernel_size": 4, "stride": 2, "padding": 1}


def keep_away_from_the_users_cache():
    """However a test starts the command, it finds a cache and a home of these tests."""
    folder = tempfile.mkdtemp(prefix="unstride-command-home-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for variable in CACHE_VARIABLES:
        os.environ.pop(variable, None)
    os.environ["HOME"] = folder
    os.environ["UNSTRIDE_CACHE_DIR"] = os.path.join(folder, "cache")


keep_away_from_the_users_cache()


@dataclass
class Result:
    status: int
    stdout: bytes
    stderr: str

    @property
    def text(self):
        return self.stdout.decode()


def unstride(*arguments, stdin=b"", **options):
    done = subprocess.run([COMMAND, *map(str, arguments)], input=stdin, capture_output=True, timeout=300, **options)
    return Result(done.returncode, done.stdout, done.stderr.decode())


# What struct calls the types of arrays. u2 holds the bits of bfloat16.
FORMATS = {"f4": "f", "f8": "d", "f2": "e", "u2": "H"}


def write_npy(path, shape, values, kind="f4", fortran_order=False):
    """kind: a key of FORMATS. Values in C order."""
    header = f"{{'descr': '<{kind}', 'fortran_order': {fortran_order}, 'shape': {tuple(shape)}, }}\n".encode()
    payload = struct.pack(f"<{len(values)}{FORMATS[kind]}", *values)
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + payload)
    return path


def read_npy(path):
    """Returns kind, shape and values."""
    data = path.read_bytes()
    assert data[:8] == b"\x93NUMPY\x01\x00", data[:8]
    (length,) = struct.unpack("<H", data[8:10])
    header = eval(data[10 : 10 + length])
    kind = header["descr"].lstrip("<")
    payload = data[10 + length :]
    count = len(payload) // int(kind[1])
    return kind, header["shape"], list(struct.unpack(f"<{count}{FORMATS[kind]}", payload))


class CommandTest(unittest.TestCase):
    def open_terminal(self):
        try:
            return pty.openpty()
        except OSError as error:  # a container or chroot without /dev/pts
            self.skipTest(f"no pseudo-terminal to be had: {error}")

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="unstride-command-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text if isinstance(text, str) else json.dumps(text))
        return path

    def spec(self, name="layer.json", **fields):
        """A file with the tests' small layer, some fields changed."""
        return self.write(name, LAYER | fields)

    def succeed(self, *arguments, **options):
        """Runs the command, which must succeed and not complain."""
        result = unstride(*arguments, **options)
        self.assertEqual(result.status, 0, result.stderr)
        self.assertEqual(result.stderr, "")
        return result

    def refuse(self, status, *arguments, **options):
        """Runs the command, which must fail with that status and print nothing; returns its complaint."""
        result = unstride(*arguments, **options)
        self.assertEqual(result.status, status, result.stderr + result.text)
        self.assertEqual(result.stdout, b"")
        self.assertTrue(result.stderr.startswith("unstride: "), result.stderr)
        return result.stderr

    def json(self, *arguments, status=0, **options):
        """Runs the command with --json: one JSON object on one line, whatever happened."""
        result = unstride(*arguments, "--json", **options)
        self.assertEqual(result.status, status, result.stderr)
        self.assertEqual(result.text.count("\n"), 1, result.text)
        value = json.loads(result.text)
        self.assertIsInstance(value, dict)
        self.assertEqual(bool(value["failures"]), status != 0, value["failures"])
        self.assertEqual(bool(result.stderr), status != 0, result.stderr)
        return value
