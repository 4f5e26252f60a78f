"""One HTML page about what tuning found. It needs no other file and no network, and reads well on a phone."""

import html
import json
import math
import time
from dataclasses import dataclass

import charts

BYTES = {"float32": 4, "float64": 8, "float16": 2, "bfloat16": 2}


@dataclass
class Row:
    """One layer at one length."""

    name: str
    choice: dict

    @property
    def changed(self):
        return self.choice["plan"] != self.choice["default_plan"]

    @property
    def seconds(self):
        return self.choice["seconds"]

    @property
    def default_seconds(self):
        return self.choice["default_seconds"]

    @property
    def speedup(self):
        return self.default_seconds[0] / self.seconds[0]

    @property
    def label(self):
        return f"{self.name}, {self.choice['length']}"

    @property
    def operations(self):
        layer = self.choice["layer"]
        weights = layer["in_channels"] * layer["out_channels"] // layer["groups"] * layer["kernel_size"]
        return 2 * self.choice["batch"] * self.choice["length"] * weights

    @property
    def intensity(self):
        """Useful operations for each byte that must move: input, weights and output once."""
        layer, length = self.choice["layer"], self.choice["length"]
        weights = layer["in_channels"] * layer["out_channels"] // layer["groups"] * layer["kernel_size"]
        output = ((length - 1) * layer["stride"] - 2 * layer["padding"] + layer["dilation"] * (layer["kernel_size"] - 1)
                  + layer["output_padding"] + 1 - sum(layer["trim"]))
        elements = layer["in_channels"] * length + weights + layer["out_channels"] * output
        return self.operations / (elements * BYTES[layer["dtype"]])

    def gflops(self, seconds):
        return self.operations / seconds[0] * 1e-9

    @property
    def rivals(self):
        """The plans that nearly won, measured in the same rounds."""
        last = max((tried.get("rung", -1) for tried in self.choice["tried"]), default=-1)
        return [tried for tried in self.choice["tried"] if tried.get("rung") == last >= 0
                and tried["plan"] not in (self.choice["plan"], self.choice["default_plan"])]

    @property
    def rejected(self):
        return [tried for tried in self.choice["tried"] if tried["outcome"] != "ok"]


def describe(layer):
    text = f"{layer['in_channels']} → {layer['out_channels']}, kernel {layer['kernel_size']}, stride {layer['stride']}"
    for field, default in [("dilation", 1), ("groups", 1)]:
        if layer[field] != default:
            text += f", {field} {layer[field]}"
    return text + ("" if layer["dtype"] == "float32" else f", {layer['dtype']}") + ("" if layer["math"] == "strict" else ", fast")


def read_machine(path):
    return json.loads(path.read_text(encoding="utf-8"))["machine"] if path else []


def time_text(seconds):
    return f"{seconds * 1e3:.4g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.4g} µs"


def interval_text(seconds):
    median, low, high = seconds
    return f"{time_text(median)} <small>±{100 * (high - low) / 2 / median:.1f} %</small>"


def plan_text(plan):
    """The strategy stands out, the rest may break anywhere."""
    strategy, _, rest = plan.partition(" ")
    return f"<b>{html.escape(strategy)}</b> {html.escape(rest)}"


def nearly(row):
    if not row.rivals:
        return "–"
    rival = row.rivals[0]
    behind = 100 * (rival["seconds"][0] / row.seconds[0] - 1)
    return f"<span class=number>{behind:+.1f} %</span> {plan_text(rival['plan'])}"


def table_row(row):
    rejected = "".join(f"<p class=bad>rejected, {html.escape(tried['outcome'])}: {plan_text(tried['plan'])}, "
                       f"{html.escape(tried['reason'])}</p>" for tried in row.rejected)
    state = "" if row.choice["complete"] else " <em>not complete</em>"
    speed = f"<b>{row.speedup:.3f}</b>" if row.changed else "default"
    cells = [
        ("layer", f"{html.escape(row.name)}<br><small>{html.escape(describe(row.choice['layer']))}</small>{state}"),
        ("length", str(row.choice["length"])),
        ("threads", str(row.choice["threads"] or "GPU")),
        ("default", interval_text(row.default_seconds)),
        ("tuned", interval_text(row.seconds)),
        ("speed-up", speed),
        ("GFLOP/s", f"{row.gflops(row.seconds):.1f}"),
        ("chosen", plan_text(row.choice["plan"]) + rejected),
        ("nearly won", nearly(row)),
    ]
    kinds = {"layer": "name", "chosen": "plan", "nearly won": "plan"}
    return "<tr>" + "".join(f'<td class="{kinds.get(label, "number")}" data-label="{label}"><span>{text}</span></td>'
                            for label, text in cells) + "</tr>"


def table(rows):
    heads = ["layer", "length", "threads", "default", "tuned", "speed-up", "GFLOP/s", "chosen", "nearly won"]
    return ("<table><thead><tr>" + "".join(f"<th>{head}</th>" for head in heads) + "</tr></thead><tbody>"
            + "".join(map(table_row, rows)) + "</tbody></table>")


def tile(value, label):
    return f"<div class=tile><b>{value}</b><span>{html.escape(label)}</span></div>"


def summary(rows):
    speedups = [row.speedup for row in rows]
    mean = math.exp(sum(map(math.log, speedups)) / len(speedups))
    best = max(rows, key=lambda row: row.speedup)
    complete = sum(row.choice["complete"] for row in rows)
    return "<div class=tiles>" + "".join([
        tile(len(rows), "layers and lengths"),
        tile(f"{mean:.3f}×", "geometric mean of the speed-ups"),
        tile(sum(row.changed for row in rows), "with another plan than the default"),
        tile(f"{best.speedup:.2f}×", f"the most: {best.label}"),
        tile(f"{complete} of {len(rows)}", "searched to the end"),
    ]) + "</div>"


def environments(rows):
    lines = dict.fromkeys(f"{row.choice['environment']['processor']}, {row.choice['environment']['compiler']}, "
                          f"{row.choice['target'].strip()}, {row.choice['caches']} caches" for row in rows)
    return "".join(f"<p>{html.escape(line)}</p>" for line in lines)


def page(made, names, machine):
    """made: choices as choices.latest() gives them; names: of layers, by canonical spec; machine: peaks, or nothing."""
    rows = [Row(names.get(choice["canonical"]) or describe(choice["layer"]), choice)
            for choice in made if choice["seconds"][0] > 0 and choice["default_seconds"][0] > 0]
    rows.sort(key=lambda row: (-row.speedup, row.label))
    if not rows:
        body = "<p>Nothing was measured.</p>"
    else:
        body = f"""{summary(rows)}
<h2>Speed-up over the default</h2>
<p>Time by the cost model's plan over time by the chosen one, both measured in the same rounds. Grey: the default stays.</p>
{charts.speedups(rows)}
<h2>Roofline, before and after</h2>
<p>Useful operations per byte that must move, against speed. {"Lines: measured peaks." if machine else
"No peaks were given (<code>--machine</code>)."}</p>
{charts.roofline(rows, machine)}
<h2>What was chosen, and what nearly won</h2>
<p>Of what nearly won, its time against that of the chosen plan. Of plans within 2 % or the confidence intervals (±), the first in
the cost model's order is chosen.</p>
{table(rows)}"""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>unstride: tuning</title><style>{STYLE}</style></head>
<body><main><h1>Tuning</h1><div class=about>{environments(rows)}<p>{time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())}</p></div>
{body}</main></body></html>
"""


STYLE = """
:root{--ink:#1c2430;--soft:#5b6673;--line:#d9dee5;--paper:#fff;--card:#f5f7fa;--accent:#1864ab;--rest:#adb5bd;--bad:#c92a2a}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#9aa5b1;--line:#343c47;--paper:#14181d;--card:#1d232b;
--accent:#74c0fc;--rest:#5c6670;--bad:#ff8787}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.45 system-ui,sans-serif}
main{max-width:76rem;margin:0 auto;padding:1rem}
h1{margin:.4rem 0}h2{margin:2rem 0 .3rem;font-size:1.2rem}
p{margin:.3rem 0;max-width:46rem}small,.about,h2+p{color:var(--soft)}.about p{font-size:.85rem;overflow-wrap:anywhere}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.6rem;margin:1rem 0}
.tile{background:var(--card);border-radius:.5rem;padding:.7rem}.tile b{display:block;font-size:1.5rem}
.tile span{color:var(--soft);font-size:.85rem}
svg{display:block;width:100%;height:auto;margin:.6rem 0}svg text{fill:var(--ink);font-family:system-ui,sans-serif}
svg .soft{fill:var(--soft)}svg .grid{stroke:var(--line)}svg .rest{fill:var(--rest)}svg .win{fill:var(--accent)}
svg .before{fill:var(--paper);stroke:var(--rest)}svg .move{stroke:var(--accent)}svg .roof{stroke:var(--soft);fill:none}
table{border-collapse:collapse;width:100%;font-size:.85rem}
th,td{text-align:left;vertical-align:top;padding:.45rem .5rem;border-bottom:1px solid var(--line)}
th{color:var(--soft);font-weight:600}td.number{white-space:nowrap;font-variant-numeric:tabular-nums}
td.name{min-width:11rem}td.plan{font-size:.75rem;overflow-wrap:anywhere}code{white-space:nowrap}.bad,em{color:var(--bad)}
@media(max-width:50rem){thead{display:none}table,tbody,tr,td{display:block;width:100%}
tr{background:var(--card);border-radius:.5rem;padding:.6rem;margin:.6rem 0}
td{border:0;padding:.15rem 0;display:grid;grid-template-columns:6rem 1fr;gap:.5rem}
td::before{content:attr(data-label);color:var(--soft)}td.name{display:block;font-weight:600}td.name::before{content:none}
td.plan{display:block}td.plan::before{display:block}td.number{white-space:normal}}
"""
