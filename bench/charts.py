"""The charts of docs/benchmarks.md, as SVG: the ratio to the best peer for each layer, and the roofline."""

import math
from collections import defaultdict

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  (after the back end is chosen)
from matplotlib.lines import Line2D  # noqa: E402
from matplotlib.patches import Patch  # noqa: E402

# The same input gives the same bytes; text stays text.
matplotlib.rcParams.update(
    {
        "svg.hashsalt": "unstride",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "axes.axisbelow": True,
    }
)

OURS = "#1b6ca8"
COLOURS = {"onednn": "#e08214", "gemm": "#4d9a5b", "pytorch": "#b2467a"}
GREY = "#8a8a8a"


def by_threads(cases):
    return [(n, [case for case in cases if case["threads"] == n]) for n in sorted({case["threads"] for case in cases})]


def threads_text(count):
    return f"{count} thread" if count == 1 else f"{count} threads"


def panels(count, height):
    figure, axes = pyplot.subplots(count, 1, figsize=(9, height * count), squeeze=False, layout="constrained")
    return figure, list(axes[:, 0])


def save(figure, path):
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def plain_number(value, _):
    return f"{value:g}"


def draw_ratios(cases, peers, path):
    """A bar for each layer, sorted: geometric mean over its lengths. The tick is its worst length, the colour the best
    peer at that length."""
    groups = by_threads([case for case in cases if case["ratio"]])
    if not groups:
        return
    figure, axes = panels(len(groups), 3.4)
    for axis, (threads, chosen) in zip(axes, groups):
        layers = defaultdict(list)
        for case in chosen:
            layers[case["id"]].append(case)
        bars = []
        for rows in layers.values():
            worst = min(rows, key=lambda row: row["ratio"])
            mean = math.exp(sum(math.log(row["ratio"]) for row in rows) / len(rows))
            bars.append((mean, worst))
        bars.sort(key=lambda bar: bar[0])
        means = [mean for mean, _ in bars]
        axis.set_yscale("log")
        axis.bar(
            range(len(bars)),
            [mean - 1 for mean in means],
            bottom=1,
            width=0.8,
            color=[COLOURS[worst["best_peer"]] for _, worst in bars],
        )
        lowest = [worst["ratio"] for _, worst in bars]
        axis.scatter(range(len(bars)), lowest, marker="_", s=14, color="black", linewidths=1)
        axis.axhline(1, color="black", linewidth=0.8)
        total = math.exp(sum(math.log(case["ratio"]) for case in chosen) / len(chosen))
        axis.axhline(total, color=GREY, linewidth=0.8, linestyle="--")
        axis.annotate(
            f"geometric mean {total:.2f}", (0, total), textcoords="offset points", xytext=(0, 3), color="#555555"
        )
        axis.set_title(f"{threads_text(threads)}: best peer's time over unstride's, {len(bars)} layers")
        axis.set_xlim(-1, len(bars))
        axis.set_xticks([])
        axis.set_xlabel("layers, sorted")
        axis.grid(axis="y", which="major", color="#dddddd", linewidth=0.6)
        axis.yaxis.set_major_locator(matplotlib.ticker.LogLocator(base=10, subs=(1, 2, 5), numticks=30))
        axis.yaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(plain_number))
        axis.yaxis.set_minor_locator(matplotlib.ticker.NullLocator())
        worst_length = Line2D([], [], color="black", marker="_", linestyle="none", label="the layer's worst length")
        handles = [Patch(color=COLOURS[name], label=f"best peer there: {title}") for name, title in peers.items()]
        handles = [h for h, name in zip(handles, peers) if any(worst["best_peer"] == name for _, worst in bars)]
        axis.legend(handles=[worst_length, *handles], loc="upper left", frameon=False)
    save(figure, path)


def draw_roofline(cases, machine, path):
    """GFLOP/s over operations per byte; ceilings are the FMA peak and copying within and beyond the caches."""
    ceilings = {row["threads"]: row for row in machine}
    groups = by_threads(cases)
    if not groups:
        return
    figure, axes = panels(len(groups), 4.2)
    for axis, (threads, chosen) in zip(axes, groups):
        intensity = [case["operations"] / case["bytes"] for case in chosen]
        axis.set_xscale("log")
        axis.set_yscale("log")
        with_peer = [(x, case) for x, case in zip(intensity, chosen) if case["best_us"]]
        axis.scatter(
            [x for x, _ in with_peer],
            [1e-3 * case["operations"] / case["best_us"] for _, case in with_peer],
            s=12,
            color=COLOURS["onednn"],
            alpha=0.7,
            linewidths=0,
            label="best peer",
        )
        axis.scatter(intensity, [case["gflops"] for case in chosen], s=16, color=OURS, linewidths=0, label="unstride")
        ceiling = ceilings.get(threads)
        peak = ceiling["fma_gflops"] if ceiling else max(case["peak_gflops"] for case in chosen)
        ends = (min(intensity) / 1.5, max(intensity) * 1.5)
        slowest_us = [max(case["us"], case["best_us"] or 0) for case in chosen]
        lowest = min(1e-3 * case["operations"] / us for case, us in zip(chosen, slowest_us))
        knee = max(ends[0], peak / max(item["gbps"] for item in ceiling["copy"])) if ceiling else ends[0]
        axis.plot([knee, ends[1]], [peak, peak], color="black", linewidth=1)
        axis.annotate(
            f"FMA peak {peak:.0f} GFLOP/s", (ends[1], peak), textcoords="offset points", xytext=(0, 3), ha="right"
        )
        if ceiling:
            in_cache = min(ceiling["copy"], key=lambda item: abs(item["bytes"] - 2**20 * threads))
            for item, style, what in ((in_cache, "-", "within L2"), (ceiling["copy"][-1], "--", "from memory")):
                left = max(ends[0], lowest / 2 / item["gbps"])
                axis.plot(
                    [left, peak / item["gbps"]],
                    [left * item["gbps"], peak],
                    color="black",
                    linewidth=1,
                    linestyle=style,
                    label=f"copying {what}, {item['gbps']:.0f} GB/s",
                )
        axis.set_xlim(*ends)
        axis.set_ylim(lowest / 2, peak * 2)
        axis.set_title(f"{threads_text(threads)}: roofline")
        axis.set_xlabel("operations per byte of input, output and weights")
        axis.set_ylabel("GFLOP/s")
        axis.grid(which="major", color="#dddddd", linewidth=0.6)
        for scale in (axis.xaxis, axis.yaxis):
            scale.set_major_formatter(matplotlib.ticker.FuncFormatter(plain_number))
        axis.legend(loc="lower right", frameon=False)
    save(figure, path)
