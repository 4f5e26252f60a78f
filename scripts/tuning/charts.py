"""The report's charts, as SVG that takes its colours from the page. Text keeps its size on a phone: the speed-ups are drawn
narrow, names above their bars."""

import html
import math

WIDTH = 360


def text(x, y, content, size=11, anchor="start", style=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" class="{style}">{html.escape(content)}</text>'


def svg(width, height, parts, label, most):
    return (f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{html.escape(label)}" style="max-width:{most}">'
            + "".join(parts) + "</svg>")


def speedups(rows, most_rows=60):
    """A bar for each row, from 1 to its speed-up. Of very many rows the most and the least."""
    shown = rows if len(rows) <= most_rows else rows[: most_rows * 2 // 3] + rows[-most_rows // 3 :]
    high = max(1.05, *(row.speedup for row in shown))
    low = min(1.0, *(row.speedup for row in shown))
    left, right, step, top = 4, WIDTH - 46, 30, 8

    def x(value):
        return left + (value - low) / (high - low) * (right - left)

    parts = [f'<line class="grid" x1="{x(1):.1f}" x2="{x(1):.1f}" y1="0" y2="{top + step * len(shown)}"/>']
    for index, row in enumerate(shown):
        y = top + index * step
        a, b = sorted([x(1), x(row.speedup)])
        name = row.label if len(row.label) <= 58 else row.label[:57] + "…"
        parts.append(f"<g><title>{html.escape(row.label)}: {row.speedup:.3f}</title>")
        parts.append(text(left, y + 9, name, style="" if row.changed else "soft"))
        parts.append(f'<rect class="{"win" if row.changed else "rest"}" x="{a:.1f}" y="{y + 13}" width="{max(1, b - a):.1f}" '
                     f'height="9" rx="2"/>')
        parts.append(text(max(b, x(1)) + 4, y + 21, f"{row.speedup:.2f}" if row.changed else "=") + "</g>")
    chart = svg(WIDTH, top + step * len(shown), parts, "Speed-up of each layer", "40rem")
    left_out = len(rows) - len(shown)
    return chart + (f"<p><small>{left_out} in the middle are left out here; the table has all.</small></p>" if left_out else "")


def decades(low, high):
    return range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)


def number(power):
    return str(10**power) if power >= 0 else f"{10.0 ** power:g}"


def ceilings(machine, threads):
    """The highest speed and the slowest copying, GFLOP/s and GB/s, of that many threads."""
    for row in machine:
        if row["threads"] == threads:
            return row["fma_gflops"], row["copy"][-1]["gbps"]
    return None


def roofline(rows, machine):
    """Each row as a ring for the default, a dot for the choice, and a line between them."""
    width, height, left, right, bottom, top = WIDTH, 290, 38, 16, 34, 22
    roofs = {threads: ceilings(machine, threads) for threads in sorted({row.choice["threads"] for row in rows})}
    speeds = [row.gflops(seconds) for row in rows for seconds in (row.seconds, row.default_seconds)]
    speeds += [roof[0] for roof in roofs.values() if roof]
    xs, ys = decades(min(row.intensity for row in rows), max(row.intensity for row in rows)), decades(min(speeds), max(speeds))

    def x(value):
        share = (math.log10(value) - xs[0]) / max(1, xs[-1] - xs[0])
        return left + share * (width - left - right)

    def y(value):
        share = (math.log10(value) - ys[0]) / max(1, ys[-1] - ys[0])
        return height - bottom - share * (height - bottom - top)

    parts = []
    for power in xs:
        at = x(10.0**power)
        parts.append(f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{top}" y2="{height - bottom}"/>')
        parts.append(text(at, height - bottom + 14, number(power), anchor="middle", style="soft"))
    for power in ys:
        at = y(10.0**power)
        parts.append(f'<line class="grid" x1="{left}" x2="{width - right}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(text(left - 4, at + 4, number(power), anchor="end", style="soft"))
    parts.append(text(width - right, height - 4, "useful operations per byte", anchor="end", style="soft"))
    parts.append(text(2, 11, "GFLOP/s", style="soft"))
    for threads, roof in roofs.items():
        if roof:
            parts.append(draw_roof(roof, threads, 10.0 ** xs[0], 10.0 ** xs[-1], 10.0 ** ys[0], x, y))
    for row in rows:
        before, after = row.gflops(row.default_seconds), row.gflops(row.seconds)
        at = x(row.intensity)
        parts.append(f"<g><title>{html.escape(row.label)}: {before:.1f} to {after:.1f} GFLOP/s</title>")
        if row.changed:
            parts.append(f'<circle class="before" cx="{at:.1f}" cy="{y(before):.1f}" r="3.5"/>'
                         f'<line class="move" x1="{at:.1f}" x2="{at:.1f}" y1="{y(before):.1f}" y2="{y(after):.1f}"/>')
        parts.append(f'<circle class="{"win" if row.changed else "rest"}" cx="{at:.1f}" cy="{y(after):.1f}" r="3"/></g>')
    return svg(width, height, parts, "Roofline", "40rem")


def draw_roof(roof, threads, low, high, floor, x, y):
    """The slope of copying from memory up to the highest speed, as far as both axes show it."""
    peak, gbps = roof
    start = max(low, floor / gbps)
    points = [(start, min(peak, start * gbps))]
    if start < peak / gbps < high:
        points.append((peak / gbps, peak))
    points.append((high, min(peak, high * gbps)))
    path = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in points)
    label = f"{threads} thread{'' if threads == 1 else 's'}: {peak:.0f} GFLOP/s, {gbps:.0f} GB/s"
    return f'<polyline class="roof" points="{path}"/>' + text(x(high), y(points[-1][1]) - 4, label, size=10, anchor="end", style="soft")
