"""The choices on disk: merging folders of several machines, and reading what was decided last. docs/tuning.md describes
the lines."""

import json
import os
import tempfile

SUFFIXES = (".samples.jsonl", ".choices.jsonl")


def whole_lines(path):
    """Lines with an end that hold a JSON object; what was torn by a killed process is left out."""
    lines = []
    for line in path.read_bytes().split(b"\n")[:-1]:
        try:
            if isinstance(json.loads(line), dict):
                lines.append(line + b"\n")
        except ValueError:
            pass
    return lines


def publish(path, lines):
    """A reader sees the old file or the new one."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".merge-")
    with os.fdopen(handle, "wb") as file:
        file.writelines(lines)
    os.replace(temporary, path)


def merge(source, folder):
    """Takes over the files of a cache folder, or of the folder `tuning` in one. Returns the numbers of files and lines. Their
    names tell machine and process, so a name that is there already is an older state of the same file."""
    source = source / "tuning" if (source / "tuning").is_dir() else source
    if not source.is_dir():
        raise SystemExit(f"autotune: --merge {source}: is no folder")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = lines_taken = 0
    for path in sorted(source.iterdir()):
        if not path.name.endswith(SUFFIXES):
            continue
        lines, here = whole_lines(path), folder / path.name
        known = whole_lines(here) if here.exists() else []
        if len(lines) > len(known):
            publish(here, lines)
            files += 1
            lines_taken += len(lines) - len(known)
    return files, lines_taken


def canonical(layer):
    return json.dumps(layer, sort_keys=True, separators=(",", ":"))


def all_of(folder):
    """The choices that can be read, each with its layer as a canonical spec."""
    for path in sorted(folder.glob("*.choices.jsonl")) if folder.is_dir() else []:
        for line in whole_lines(path):
            choice = json.loads(line)
            if "layer" in choice:
                yield choice | {"canonical": canonical(choice["layer"])}


def latest(folder, names=None):
    """The last choice of each layer, target, length, number of threads and processor; only of the layers in `names`, by
    canonical spec, if there are any."""
    found = {}
    for choice in all_of(folder):
        try:
            key = (choice["canonical"], choice["target"], choice["length"], choice["threads"], choice["caches"],
                   choice["environment"]["processor"])
            order = (choice["complete"], choice["made"])
        except (KeyError, TypeError):
            continue
        if names is not None and choice["canonical"] not in names:
            continue
        if key not in found or order >= found[key][0]:
            found[key] = (order, choice)
    return [choice for _, choice in found.values()]


def searched_share(folder, layers, threads=()):
    """The share of `layers`, pairs of a canonical spec and lengths, that have a complete choice at each length, for each of these
    numbers of threads; of any where none is given."""
    complete = {(choice["canonical"], choice["length"], choice["threads"] if threads else None)
                for choice in latest(folder) if choice["complete"]}
    searched = [all((spec, length, number) in complete for length in lengths for number in threads or [None]) for spec, lengths in layers]
    return sum(searched) / max(1, len(searched))


def seconds_spent(folder, layers, threads=()):
    """What all processes took for these layers, pairs as above."""
    units = {(spec, length) for spec, lengths in layers for length in lengths}
    return sum(choice.get("took", 0) for choice in all_of(folder) if (choice["canonical"], choice.get("length")) in units
               and (not threads or choice.get("threads") in threads))
