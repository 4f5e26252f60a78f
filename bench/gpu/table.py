#!/usr/bin/env python3
"""The rows of a JSON of compare.py (or gpu-check) as a table in Markdown, those that failed at its end.

    bench/gpu/table.py docs/gpu/h200.json
"""

import json
import sys
from pathlib import Path


def main(path):
    report = json.loads(Path(path).read_text())
    report = report.get("compare", report)
    compared = [row for row in report["rows"] if "hot" in row and "error" not in row]
    print("| layer | type, math | N | L | us | best of PyTorch | hot | cold | roofline |")
    print("|---|---|---:|---:|---:|---|---:|---:|---:|")
    for row in sorted(compared, key=lambda row: (row["layer"], row["mode"], row["batch"], row["length"])):
        hot = row["hot"]
        print(f"| {row['layer']} | {row['mode']} | {row['batch']} | {row['length']} | {row['seconds']['unstride']['hot'] * 1e6:.1f} "
              f"| {hot['best_peer']} | {hot['speedup']:.2f} | {row['cold']['speedup']:.2f} | {hot['roofline']:.0%} |")
    for row in report["rows"]:
        if "error" in row:
            print(f"\n{row['layer']}, {row['mode']}, N {row['batch']}, L {row['length']}: {row['error']}")


if __name__ == "__main__":
    main(*sys.argv[1:])
