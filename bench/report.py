#!/usr/bin/env python3
"""Merges what unstride_bench and pytorch_peers.py measured, draws the charts, and fills the tables of a document.

    bench/report.py bench.json [--pytorch pytorch.json] --figures docs/figures --document docs/benchmarks.md
                    --cases docs/benchmark-cases.md

A table stands between the lines `<!-- table: NAME -->` and `<!-- end -->`, which stay. Without --document and --cases
only the charts are drawn.
"""

import argparse
import json
import math
import os
import re
from pathlib import Path

import charts

PEERS = {"onednn": "oneDNN", "gemm": "OpenBLAS", "pytorch": "PyTorch"}


def geometric_mean(values):
    return math.exp(sum(math.log(value) for value in values) / len(values))


def merge(cases, pytorch):
    """Adds PyTorch to each case as one more peer: at the ratio that was measured in the rounds of its own."""
    times = {(row["id"], row["length"], row["threads"]): row for row in pytorch["cases"]}
    for case in cases:
        row = times.get((case["id"], case["length"], case["threads"]))
        if row:
            case["peers"]["pytorch"] = {"us": row["ratio"] * case["us"], "variant": row["variant"]}
        timed = {name: peer["us"] for name, peer in case["peers"].items() if "us" in peer}
        timed.pop("strict", None)  # unstride's own, no peer
        if timed:
            case["best_peer"] = min(timed, key=timed.get)
            case["best_us"] = timed[case["best_peer"]]
            case["ratio"] = case["best_us"] / case["us"]


def table(columns, rows):
    """Markdown; a column's name that ends with ':' is aligned to the right."""
    names = [name.rstrip(":") for name in columns]
    rules = ["---:" if name.endswith(":") else "---" for name in columns]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in [names, rules, *rows])


def percent(value):
    return f"{100 * value:.0f} %"


def machine_table(report):
    rows = []
    for row in report["machine"]:
        bf16 = "-" if row["bf16_gflops"] is None else f"{row['bf16_gflops']:.0f} ({row['bf16_unit']})"
        copy = ", ".join(f"{gigabytes_text(item['bytes'])} {item['gbps']:.0f}" for item in row["copy"])
        rows.append([row["threads"], f"{row['fma_gflops']:.0f}", bf16, copy])
    return table(
        ["threads:", "fp32 FMA GFLOP/s:", "bf16 GFLOP/s:", "copying, GB/s by working set"], rows
    )


def gigabytes_text(size):
    return f"{size / 2**10:.0f} KiB" if size < 2**20 else f"{size / 2**20:.0f} MiB"


def summary_table(cases):
    rows = []
    for threads in sorted({case["threads"] for case in cases}):
        chosen = [case for case in cases if case["threads"] == threads]
        add = lambda what, values: values and rows.append(
            [threads, what, len(values), f"{geometric_mean(values):.2f}", f"{min(values):.2f}"]
        )
        add("best peer's time over unstride's", [case["ratio"] for case in chosen if case["ratio"]])
        for name, title in PEERS.items():
            peers = [(case["peers"].get(name, {}).get("us"), case["us"]) for case in chosen]
            add(f"{title}'s time over unstride's", [us / ours for us, ours in peers if us])
        add("share of the roofline", [case["roofline"] for case in chosen])
        # The same two classes as bench/peer_report.cpp.
        add(
            "share of the FMA peak, compute-bound, L >= 100",
            [case["roofline"] for case in chosen if case["length"] >= 100 and case["compute_us"] > 4 * case["copy_us"]],
        )
        add(
            "share of copy bandwidth, memory-bound, > 8 MiB",
            [case["roofline"] for case in chosen if case["bytes"] > 2**23 and case["copy_us"] > case["compute_us"]],
        )
    return table(["threads:", "", "cases:", "geometric mean:", "worst:"], rows)


def case_rows(cases):
    return table(
        ["layer", "in -> out, kernel, stride", "L:", "threads:", "us:", "GFLOP/s:", "roofline:"]
        + ["best peer", "us:", "ratio:"],
        [
            [
                case["layer"],
                case["shape"],
                case["length"],
                case["threads"],
                f"{case['us']:.1f}",
                f"{case['gflops']:.1f}",
                percent(case["roofline"]),
                PEERS.get(case["best_peer"], "-"),
                f"{case['best_us']:.1f}" if case["best_us"] else "-",
                f"{case['ratio']:.2f}" if case["ratio"] else "-",
            ]
            for case in cases
        ],
    )


def fast_table(path):
    """What `--fast` measured: beside strict math, and beside the best peer in the same type. PyTorch's figures come
    from the file of that name with `pytorch-` before it, if there is one."""
    report = json.loads(path.read_text(encoding="utf-8"))
    pytorch = path.with_name(f"pytorch-{path.name}")
    if pytorch.exists():
        merge(report["peers"]["cases"], json.loads(pytorch.read_text(encoding="utf-8")))
    rows = []
    for case in report["peers"]["cases"]:
        strict = case["peers"]["strict"]["us"] / case["us"]
        ratio = f"{case['ratio']:.2f}" if case["ratio"] else "-"
        numbers = [f"{case['us']:.1f}", f"{case['gflops']:.0f}", percent(case["gflops"] / case["peak_gflops"])]
        rows.append(
            [case["layer"], case["shape"], case["length"], case["threads"], *numbers, f"{case['error']:.1e}"]
            + [f"{strict:.2f}", PEERS.get(case["best_peer"], "-"), ratio]
        )
    return table(
        ["layer", "in -> out, kernel, stride", "L:", "threads:", "us:", "GFLOP/s:", "of the peak:"]
        + ["relative error:", "strict over fast:", "best peer", "ratio:"],
        rows,
    )


def lowest(cases, name, count=10):
    return case_rows(sorted((case for case in cases if case[name]), key=lambda case: case[name])[:count])


def overhead_table(report):
    return table(
        ["layer", "in -> out, kernel, stride", "L:", "call us:", "work us:", "overhead us:"],
        [
            [row["layer"], row["shape"], row["length"]]
            + [f"{row[key]:.2f}" for key in ("call_us", "work_us", "overhead_us")]
            for row in report["call_overhead"]
        ],
    )


def fork_join_table(report):
    return table(
        ["in -> out, kernel, stride", "L:", "one thread us:", "two threads us:", "above the half us:"],
        [
            [row["shape"], row["length"]] + [f"{row[key]:.1f}" for key in ("one_us", "two_us", "above_half_us")]
            for row in report["fork_join"]
        ],
    )


def sweep_table(report):
    return table(
        ["layer", "in -> out, kernel, stride", "lengths", "swept us:", "fixed us:", "swept over fixed:"],
        [
            [
                row["layer"],
                row["shape"],
                f"{row['shortest']} to {row['shortest'] + row['lengths'] - 1}",
                f"{row['swept_us']:.3f}",
                f"{row['fixed_us']:.3f}",
                f"{row['ratio']:.3f}",
            ]
            for row in report["length_sweep"]
        ],
    )


def fill(document, tables):
    text = document.read_text(encoding="utf-8")
    for name, content in tables.items():
        pattern = re.compile(rf"(<!-- table: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        text, count = pattern.subn(lambda match: f"{match[1]}\n{content}\n\n{match[2]}", text)
        if count != 1:
            raise SystemExit(f"{document}: table {name}: found {count} times, wanted once")
    document.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path, help="what unstride_bench --json wrote")
    parser.add_argument("--pytorch", type=Path, help="what pytorch_peers.py --json wrote")
    parser.add_argument("--fast", type=Path, action="append", default=[], help="the same with --fast, one file a dtype")
    parser.add_argument("--figures", type=Path, required=True, help="folder for the charts")
    parser.add_argument("--document", type=Path, help="fill the tables of this file")
    parser.add_argument("--cases", type=Path, help="write the table of all cases to this file")
    options = parser.parse_args()

    report = json.loads(options.report.read_text(encoding="utf-8"))
    cases = report["peers"]["cases"]
    versions = report["peers"].get("versions") or {}
    pytorch = {"cases": []}
    if options.pytorch:
        pytorch = json.loads(options.pytorch.read_text(encoding="utf-8"))
        versions["pytorch"] = pytorch["version"]
    merge(cases, pytorch)

    options.figures.mkdir(parents=True, exist_ok=True)
    charts.draw_ratios(cases, PEERS, options.figures / "ratio.svg")
    charts.draw_roofline(cases, report["machine"], options.figures / "roofline.svg")
    if options.document:
        measured = f"{report['target']}. Peers: {'; '.join(versions.values())}."
        figures = Path(os.path.relpath(options.figures, options.document.parent)).as_posix()
        pictures = f"![Ratio to the best peer, by layer]({figures}/ratio.svg)\n\n![Roofline]({figures}/roofline.svg)"
        fast = {f"fast {path.stem.removeprefix('fast-')}": fast_table(path) for path in options.fast}
        fill(
            options.document,
            {
                **fast,
                "machine": machine_table(report),
                "peers": f"{measured}\n\n{summary_table(cases)}\n\n{pictures}",
                "headline": case_rows([case for case in cases if case["headline"]]),
                "lowest ratio": lowest(cases, "ratio"),
                "lowest roofline": lowest(cases, "roofline"),
                "call overhead": overhead_table(report),
                "fork and join": fork_join_table(report),
                "length sweep": sweep_table(report),
            },
        )
    if options.cases:
        document = options.document or Path("benchmarks.md")
        options.cases.write_text(
            "# All cases of the comparison\n\n"
            f"Made by `bench/report.py`; [{document.name}]({document.name}) says how to read it.\n\n"
            + case_rows(cases)
            + "\n",
            encoding="utf-8",
        )


if __name__ == "__main__":
    main()
