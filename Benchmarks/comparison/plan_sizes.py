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


def clock(seconds):
    """Minutes up to three hours, hours up to four days, then days."""
    if seconds < 3 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 96 * 3600 else f"{seconds / 86400:.0f} days"


def size(count):
    """Bytes as kB, MB or GB."""
    for unit, bytes_of_it in [("GB", 1e9), ("MB", 1e6)]:
        if count >= bytes_of_it:
            value = count / bytes_of_it
            return f"{value:,.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"
    return f"{count / 1e3:.0f} kB"


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
    print("| shapes of | tokens | machines | " + " | ".join(STAGES) + " | model, and besides it | sent |")
    print("|" + "---|" * (len(STAGES) + 5))
    with tempfile.TemporaryDirectory() as folder:
        for name, config in SHAPES.items():
            shapes = pathlib.Path(folder, "config.json")
            shapes.write_text(json.dumps(config | {"max_position_embeddings": POSITIONS}))
            for length in arguments.lengths:
                for machines in arguments.machines:
                    found = plan(arguments, shapes, length, machines)
                    stages = found["stages"]
                    times = [
                        clock(sum(part["seconds"] for part in stages if part["stage"] == stage))
                        for stage in STAGES
                    ]
                    memory = f"{size(found['model_bytes'])} + {size(max(part['bytes'] for part in stages))}"
                    sent = size(sum(part["sent"] for part in stages)) if machines > 1 else "—"
                    row = [name, f"{length:,}", str(machines), *times, memory, sent]
                    print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
