"""Running one program at a time, and what is said about the runs."""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
ZIGZAG = ROOT / ".build/release/zigzag"

LOAD = os.getloadavg()[0]  # before anything is measured
OUT_OF_MEMORY = 99  # exit status of a run that needed more than limit_memory() gave it


def limit_memory(reserve=1 << 30):
    """Lets this process allocate what is free now, less `reserve` bytes, and no more."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            free = int(line.split()[1]) * 1024
            resource.setrlimit(resource.RLIMIT_DATA, (free - reserve, free - reserve))


def run(*command):
    """The JSON object a program prints, with its peak memory; None if it ran out of memory.

    Peak memory is the kernel's account of the whole process, so that programs are measured alike.
    """
    command = [str(part) for part in command]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = code = os.waitstatus_to_exitcode(status)
        if code in (OUT_OF_MEMORY, -9):
            return None
        if code != 0:
            sys.exit(f"exit status {code} from: {' '.join(command)}")
        output.seek(0)
        result = json.load(output)
    return result | {"peakBytes": usage.ru_maxrss * 1024}


def warn_if_busy():
    """Says so where other programs run.

    Threads of PyTorch and llama.cpp spin while they wait for one another, so that one process
    beside them costs them several times its share.
    """
    if LOAD > 0.5:
        print(f"warning: load {LOAD:.1f}; these numbers need an idle machine", file=sys.stderr)


def call(*command):
    """Runs a program for what it writes to files."""
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)


def python(script, *arguments):
    """Runs a script of this folder in a process of its own."""
    return run(sys.executable, HERE / script, *arguments)


def median(values):
    """The median, or None of nothing."""
    return statistics.median(values) if values else None


def table(header, rows):
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def keep(name, description, result):
    """Keeps what was found so far, as Markdown and as JSON, in .build/comparison."""
    folder = ROOT / ".build/comparison"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(description + "\n")
    (folder / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
    print(f"{folder / name}.md and .json", file=sys.stderr)


def options_of_one(description):
    """The options that all programs take which make one measurement."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("model")
    parser.add_argument("tokens", help="token ids (.npy)")
    parser.add_argument("measure", choices=["prefill", "decode"])
    parser.add_argument("--length", type=int, default=1024)
    parser.add_argument("--count", type=int, default=64, help="tokens to decode")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--logits", help="write the last logits here (.npy)")
    return parser


def machine():
    """A few words about this machine."""
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":")[1].strip()
            break
    return f"{os.cpu_count()} cores of {model}, load {LOAD:.1f} at the start"
