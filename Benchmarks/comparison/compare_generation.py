"""Compares prefill and decode in zigzag, transformers and llama.cpp, in turn and one at a time.

    compare_generation.py MODEL [--prefill 1024 2048 4096] [--decode 1024 4096] [--rounds 3]

All get the same token ids and weights made from MODEL: float32, and 16 bits for llama.cpp and
zigzag. Nothing is timed unless all agree on the logits. llama.cpp runs with the fastest of several
settings, found beforehand for each line of the table.
"""

import argparse
import sys
from itertools import product
from pathlib import Path

import numpy as np

from measure import (
    HERE,
    ROOT,
    ZIGZAG,
    call,
    keep,
    machine,
    median,
    python,
    run,
    table,
    warn_if_busy,
)
from model import read_model

PARITY_TOKENS = 256
# Largest difference of logits over the largest logit: llama.cpp's cache has 16 bits.
TOLERANCES = {
    "transformers": 1e-4,
    "llama.cpp F32": 5e-3,
    "llama.cpp F16": 2e-2,
    "zigzag 16": 2e-2,
}
UBATCHES = (256, 512)  # tokens llama.cpp computes at a time; 512 is its default
RATIOS = [("zigzag", "transformers"), ("zigzag", "llama.cpp F32"), ("zigzag 16", "llama.cpp F16")]


class Contest:
    """The files all programs work on, and how each is run."""

    def __init__(self, options):
        self.tool, self.folder = options.zigzag, ROOT / ".build/comparison"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.model = Path(options.model).resolve()
        self.gguf = {
            kind: self.folder / f"{self.model.stem}-{kind}.gguf" for kind in ("f32", "f16")
        }
        self.half = self.folder / f"{self.model.stem}-f16.h5"
        self.tokens = self.folder / "ids.npy"
        for kind, path in self.gguf.items():
            if self.is_old(path):
                call(sys.executable, HERE / "make_gguf.py", self.model, path, "--type", kind)
        if self.is_old(self.half):
            call(self.tool, "import", self.gguf["f16"], self.half, "--quiet")
        vocabulary = read_model(self.model)[0].vocabulary
        length = max(*options.prefill, *options.decode, PARITY_TOKENS) + 256
        ids = np.random.default_rng(0).integers(0, vocabulary, length)
        np.save(self.tokens, ids.astype(np.int32))

    def is_old(self, path):
        """Whether a file must be made from the model."""
        return not path.exists() or path.stat().st_mtime < self.model.stat().st_mtime

    def transformers(self, measure, *arguments):
        """One run of transformers."""
        return python("run_transformers.py", self.model, self.tokens, measure, *arguments)

    def llama(self, kind, measure, *arguments):
        """One run of llama.cpp."""
        return python("run_llama_cpp.py", self.gguf[kind], self.tokens, measure, *arguments)

    def zigzag(self, model, measure, length, count):
        """One run of zigzag."""
        report = run(
            self.tool, "bench", model, "--measure", measure, "--tokens", self.tokens, "--lengths",
            length, "--decode-tokens", count, "--repeats", 1, "--quiet", "--json",
        )  # fmt: skip
        return report[measure][0] | {"peakBytes": report["peakBytes"]}


def check(contest):
    """The differences of the others' logits from zigzag's; ends the program on large ones."""
    prefix, found = contest.folder / "prefix.npy", {}
    np.save(prefix, np.load(contest.tokens)[:PARITY_TOKENS])
    out = contest.folder / "logits.npy"

    def zigzag(model):
        call(
            contest.tool, "forward", model, "--tokens", prefix, "--logits", "--out", out, "--quiet"
        )
        return np.load(out)[-1]

    def other(measure, *arguments):
        measure(*arguments, "prefill", "--length", PARITY_TOKENS, "--logits", out)
        return np.load(out)

    expected = zigzag(contest.model)
    logits = {
        "transformers": other(contest.transformers),
        "llama.cpp F32": other(contest.llama, "f32"),
        "llama.cpp F16": other(contest.llama, "f16"),
        "zigzag 16": zigzag(contest.half),
    }
    for name, values in logits.items():
        difference = float(np.abs(values - expected).max() / np.abs(expected).max())
        same_top = bool(values.argmax() == expected.argmax())
        found[name] = {"difference": difference, "sameTopToken": same_top}
        if not difference <= TOLERANCES[name]:  # also when it is NaN
            sys.exit(f"{name} and zigzag compute different things, so nothing is timed: {found}")
    return found


def best_settings(contest, kind, measure, length):
    """llama.cpp's fastest settings, as arguments."""
    ubatches = UBATCHES if measure == "prefill" else UBATCHES[:1]
    speeds = {}
    for ubatch, flash in product(ubatches, (0, 1)):
        arguments = ("--ubatch", ubatch, "--flash", flash)
        one = contest.llama(kind, measure, "--length", length, "--count", 32, *arguments)
        speeds[arguments] = one["tokensPerSecond"]
    return max(speeds, key=speeds.get)


def compare(contest, measure, length, options):
    """One line of the table: the median tokens per second of all."""
    settings = {kind: best_settings(contest, kind, measure, length) for kind in contest.gguf}
    size = ("--length", length, "--count", options.count)
    programs = {
        "transformers": lambda: contest.transformers(measure, *size),
        "llama.cpp F32": lambda: contest.llama("f32", measure, *size, *settings["f32"]),
        "llama.cpp F16": lambda: contest.llama("f16", measure, *size, *settings["f16"]),
        "zigzag": lambda: contest.zigzag(contest.model, measure, length, options.count),
        "zigzag 16": lambda: contest.zigzag(contest.half, measure, length, options.count),
    }
    runs = {name: [] for name in programs}
    for _ in range(options.rounds):
        for name, program in programs.items():
            runs[name].append(program())
    samples = {name: [one["tokensPerSecond"] for one in found] for name, found in runs.items()}
    return {
        "measure": measure,
        "length": length,
        "settings": settings,
        "tokensPerSecond": {name: median(values) for name, values in samples.items()},
        "samples": samples,
        "peakBytes": {
            name: median([one["peakBytes"] for one in found]) for name, found in runs.items()
        },
    }


def describe(results, options):
    """The results as Markdown."""
    names = list(results[0]["tokensPerSecond"])
    ratios = [f"{ours} / {theirs}" for ours, theirs in RATIOS]
    rows = []
    for result in results:
        speed = result["tokensPerSecond"]
        row = [f"{result['measure']}, {result['length']:,}"]
        row += [f"{speed[name]:.{0 if speed[name] >= 100 else 1}f}" for name in names]
        rows.append(row + [f"{speed[ours] / speed[theirs]:.2f}×" for ours, theirs in RATIOS])
    return "\n\n".join(
        [
            f"Tokens per second, two threads, {machine()}; medians of {options.rounds} rounds in "
            "turn. F16 and 16 have float16 matrices. Prefill is to final hidden states "
            "(llama.cpp: to the last token's logits); decode is the median token after that many.",
            table(["", *names, *ratios], rows),
        ]
    )


def main():
    """Compares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--prefill", type=int, nargs="*", default=[1024, 2048, 4096])
    parser.add_argument("--decode", type=int, nargs="*", default=[1024, 4096])
    parser.add_argument("--count", type=int, default=64, help="tokens to decode")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--zigzag", default=ZIGZAG, help="the tool to compare")
    options = parser.parse_args()
    warn_if_busy()
    contest = Contest(options)
    parity = check(contest)
    lines = [("prefill", length) for length in options.prefill]
    lines += [("decode", length) for length in options.decode]
    results = []
    for measure, length in lines:
        results.append(compare(contest, measure, length, options))
        keep("generation", describe(results, options), {"logits": parity, "results": results})
    print(describe(results, options))


if __name__ == "__main__":
    main()
