"""Measures chosen plans against the defaults once more, apart from the tune that chose them: fresh processes of the command,
one for each plan in turn, round after round, starting with another plan each time. What counts of a process is the median of
its calls, as it does in a tune. Where that leaves a choice behind the default, or two choices apart, there are more rounds, and
all count: of hundreds of layers, some get an unlucky few."""

import json
import statistics
import subprocess
import time

import choices

# Four times as many rounds where a choice has less than this speed-up, or one of two is so many times as fast as the other; and
# once more four times as many.
IN_DOUBT = [(1, 1.02), (0.98, 1.03)]


def run_seconds(command, choice, plan, options):
    """The median time of the calls of a process of its own."""
    # A device's choices have no threads.
    where = ["--threads", choice["threads"]] if choice["threads"] else ["--target", choice["target"]]
    arguments = [command, "run", "-", "--length", choice["length"], *where, "--plan", plan, "--json", *options]
    done = subprocess.run(list(map(str, arguments)), input=json.dumps(choice["layer"]), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["median_ms"] * 1e-3


def key(choice):
    device = "" if choice["threads"] else choice["target"]
    return choice["canonical"], choice["length"], choice["threads"], device


def contenders(choice, others):
    """Plans by what they are called; equal plans are measured once."""
    plans = {"default": choice["default_plan"], "tuned": choice["plan"]}
    for index, other in enumerate(others):
        if found := other.get(key(choice)):
            plans[f"other {index + 1}"] = found["plan"]
    return plans


def in_doubt(ratios, least, apart):
    chosen = [ratio for name, ratio in ratios.items() if name != "default"]
    return min(chosen) < least or max(chosen) > apart * min(chosen)


def measure(command, choice, plans, rounds, options):
    """Median over the rounds of the default's time over each plan's, by name; and the default's median time."""
    texts = list(dict.fromkeys(plans.values()))
    times = {text: [] for text in texts}

    def play(numbers):
        for number in numbers:
            for index in range(len(texts)):
                text = texts[(number + index) % len(texts)]
                times[text].append(run_seconds(command, choice, text, options))
        default = times[plans["default"]]
        return {name: statistics.median(a / b for a, b in zip(default, times[text])) for name, text in plans.items()}

    ratios = play(range(rounds if len(texts) > 1 else 1))
    for least, apart in IN_DOUBT:
        if not in_doubt(ratios, least, apart):
            break
        ratios = play(range(rounds, 4 * rounds))
        rounds *= 4
    return ratios, statistics.median(times[plans["default"]])


def remeasure(command, folder, names, rounds, others, options):
    """Yields lines of a Markdown table: speed-ups over the default."""
    mine = choices.latest(folder, names)
    other_choices = [{key(choice): choice for choice in choices.latest(other / "tuning", names)} for other in others]
    heads = ["tuned", *(f"other {index + 1}" for index in range(len(others)))]
    yield "| layer | length | default, ms | " + " | ".join(heads) + " |"
    yield "|---|---:|---:|" + "---:|" * len(heads)
    products = {head: [] for head in heads}
    start = time.monotonic()
    for choice in sorted(mine, key=lambda choice: (names.get(choice["canonical"], ""), choice["length"])):
        ratios, seconds = measure(command, choice, contenders(choice, other_choices), rounds, options)
        for head in heads:
            if head in ratios:
                products[head].append(ratios[head])
        cells = [f"{ratios[head]:.3f}" if head in ratios else "–" for head in heads]
        yield f"| {names.get(choice['canonical'], '')} | {choice['length']} | {seconds * 1e3:.4g} | " + " | ".join(cells) + " |"
    means = [f"{statistics.geometric_mean(products[head]):.3f}" if products[head] else "–" for head in heads]
    yield f"| geometric mean, {time.monotonic() - start:.0f} s | | | " + " | ".join(means) + " |"
