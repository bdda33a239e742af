"""Compares the two-way calibration step in zigzag and in PyTorch, in turn and one at a time.

    compare_step.py MODEL [--lengths 1024 2048 4096] [--rounds 3]

At each length zigzag makes a step and writes it down; then PyTorch and zigzag make exactly that
step in turn, each in a process of its own. PyTorch's script times nothing unless its loss and
gradients are zigzag's.
"""

import argparse
from pathlib import Path

from measure import ROOT, ZIGZAG, keep, machine, median, python, run, table, warn_if_busy

PARTS = ("teacher", "student", "backward", "total")


def compare(options, tokens):
    """The medians at one length."""
    model, folder = Path(options.model).resolve(), ROOT / f".build/comparison/step-{tokens}"
    bench = [options.zigzag, "bench", model, *"--measure step --repeats 1 --quiet --json".split()]
    if options.memory_budget:
        bench += ["--memory-budget", options.memory_budget]
    window = f"--lengths {tokens} --sink {options.sink} --recent {options.recent}".split()
    run(*bench, *window, "--write-step", folder)
    found = {"zigzag": [], "pytorch": []}
    fits = True
    for _ in range(options.rounds):
        torch = python("two_way_step.py", model, folder, "--repeats", 1) if fits else None
        fits = torch is not None
        if fits:
            found["pytorch"].append(torch | {"seconds": torch["seconds"][0]})
        found["zigzag"].append(run(*bench, "--step-from", folder))
    result = {"tokens": tokens} | {name: summary(runs) for name, runs in found.items()}
    if found["pytorch"]:
        result["lossError"] = found["pytorch"][0]["lossError"]
        result["gradientError"] = found["pytorch"][0]["gradientError"]
    return result


def summary(runs):
    """Median seconds of each part and the median peak memory; None of nothing."""
    if not runs:
        return None
    seconds = {part: median([one["seconds"][part] for one in runs]) for part in PARTS}
    return {
        "seconds": seconds,
        "totals": [one["seconds"]["total"] for one in runs],
        "peakBytes": median([one["peakBytes"] for one in runs]),
    }


def seconds(one):
    """The parts of a step, or that there was none."""
    return " / ".join(f"{one['seconds'][part]:.2f}" for part in PARTS) if one else "out of memory"


def memory(one):
    """Peak memory in GiB."""
    return f"{one['peakBytes'] / (1 << 30):.2f}"


def describe(results, options):
    """The results as Markdown."""
    rows = []
    for result in results:
        ours, theirs = result["zigzag"], result["pytorch"]
        row = [f"{result['tokens']:,}", seconds(theirs), seconds(ours), "", "", memory(ours), ""]
        if theirs:
            row[3] = f"{theirs['seconds']['total'] / ours['seconds']['total']:.1f}×"
            row[4] = memory(theirs)
            row[6] = f"{ours['peakBytes'] / theirs['peakBytes']:.2f}"
        rows.append(row)
    header = ["tokens", "PyTorch s", "zigzag s", "faster", "PyTorch GiB", "zigzag GiB", "memory"]
    return "\n\n".join(
        [
            f"Two-way step, sink {options.sink}, recent {options.recent}, float32, {machine()}. "
            "Seconds are teacher / student / backward / total, medians of "
            f"{options.rounds} rounds in turn; memory is the peak of the process"
            + (f", zigzag's budget {options.memory_budget}." if options.memory_budget else "."),
            table(header, rows),
        ]
    )


def main():
    """Compares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--lengths", type=int, nargs="+", default=[1024, 2048, 4096])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sink", type=int, default=64)
    parser.add_argument("--recent", type=int, default=256)
    parser.add_argument("--memory-budget", help="what zigzag may keep, such as 500MiB")
    parser.add_argument("--zigzag", default=ZIGZAG, help="the tool to compare")
    options = parser.parse_args()
    warn_if_busy()
    results = []
    for tokens in options.lengths:
        results.append(compare(options, tokens))
        keep("step", describe(results, options), results)
    print(describe(results, options))


if __name__ == "__main__":
    main()
