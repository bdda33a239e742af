#!/usr/bin/env python3
"""Print what a run costs on machines of many cores, for shapes of large models: the table of docs/cluster.md.

    plan_sizes.py ZIGZAG CONFIG [--core-rate 60] [--cores 32] [--machines 1 4 16] [--lengths 8192 32768 131072]

Nothing is computed: `zigzag run --plan` counts operations, and cores of the rate given, in GFLOP/s, are taken to work
side by side without loss. Models have 131,072 positions here.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

from make_large_model import SHAPES

STAGES = ["learn", "search", "evaluate"]
POSITIONS = 131072


def plan(arguments, shapes, length, machines):
    """The plan of the configuration for a model of these shapes."""
    keys = ["calibration.context_min", "calibration.context_max", "search.context", "evaluation.context"]
    command = [arguments.zigzag, "run", arguments.config, "--plan", "--json", "--shapes", shapes]
    command += ["--machines", machines, "--cores", arguments.cores, "--core-rate", arguments.core_rate]
    for key in keys:
        command += ["--set", f"{key}={length}"]
    return json.loads(subprocess.check_output([str(word) for word in command]))


def short(value):
    """A number with two digits, or as a whole."""
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.2g}"


def row(plans):
    """Hours of each stage, gigabytes of the model and of a rank, megabytes sent: of plans for more and more machines."""
    times = []
    for found in plans:
        of_stage = [
            sum(part["seconds"] for part in found["stages"] if part["stage"] == stage) for stage in STAGES
        ]
        times.append(" / ".join(short(seconds / 3600) for seconds in of_stage))
    model = short(plans[0]["model_bytes"] / 1e9)
    memory = " / ".join(short(max(part["bytes"] for part in found["stages"]) / 1e9) for found in plans)
    sent = " / ".join(short(sum(part["sent"] for part in found["stages"]) / 1e6) for found in plans)
    return [*times, model, memory, sent]


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("zigzag")
    parser.add_argument("config")
    parser.add_argument("--core-rate", type=float, default=60)
    parser.add_argument("--cores", type=int, default=32)
    parser.add_argument("--machines", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--lengths", type=int, nargs="+", default=[8192, 32768, 131072])
    arguments = parser.parse_args()
    heads = [f"{count} machine{'s' if count > 1 else ''}, hours" for count in arguments.machines]
    heads = ["shapes of", "tokens", *heads, "model, GB", "besides, GB", "sent, MB"]
    print("| " + " | ".join(heads) + " |")
    print("|" + "---|" * len(heads))
    with tempfile.TemporaryDirectory() as folder:
        for name, config in SHAPES.items():
            shapes = pathlib.Path(folder, "config.json")
            shapes.write_text(json.dumps(config | {"max_position_embeddings": POSITIONS}))
            for length in arguments.lengths:
                plans = [plan(arguments, shapes, length, count) for count in arguments.machines]
                print("| " + " | ".join([name, f"{length:,}", *row(plans)]) + " |", flush=True)


if __name__ == "__main__":
    main()
