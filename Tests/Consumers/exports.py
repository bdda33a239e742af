"""Makes maps, has zigzag export them, and holds what a consumer does against the golden mask."""

import json
import os
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
ZIGZAG = os.environ.get("ZIGZAG", str(ROOT / ".build/release/zigzag"))


def zigzag(*arguments):
    """Runs the tool; its refusal ends the script."""
    done = subprocess.run([ZIGZAG, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr.strip())
    return done


def head_map(full, *, model_type="llama", group=2, sink=3, recent=5, **phase):
    """A headmap.json as docs/map-format.md has it; `full` has a row per layer, a flag per head.

    `phase`, `boundary` and `after` make it one of the second version.
    """
    streaming = [not flag for row in full for flag in row]
    return {
        "schema_version": 2 if phase else 1,
        "model": {
            "model_type": model_type,
            "num_hidden_layers": len(full),
            "num_attention_heads": len(full[0]) * group,
            "num_key_value_heads": len(full[0]),
        },
        "window": {"sink": sink, "recent": recent, "block": 1, **phase},
        "gates": [[0.75 if flag else 0.25 for flag in row] for row in full],
        "head_full": full,
        "criterion": {"name": "max", "tie_break": "score, sum of gates, lower layer"},
        "sparsity": {"requested": 0.5, "achieved": sum(streaming) / len(streaming)},
        "calibration": {"source": "Tests/Consumers"},
    }


def layers(kinds, heads=2):
    """Whole layers, "r" retrieval and "s" streaming, as rows of heads."""
    return [[kind == "r"] * heads for kind in kinds]


def export(document, *formats):
    """Exports a map and returns the folder with the files."""
    folder = Path(tempfile.mkdtemp(prefix="zigzag-consumer-"))
    source = folder / "source/headmap.json"  # elsewhere: an export does not replace what it reads
    source.parent.mkdir()
    source.write_text(json.dumps(document))
    options = [word for name in formats for word in ("--format", name)]
    zigzag("export", source, "--quiet", "--out", folder, *options)
    return folder


class Golden:
    """The golden mask beside an export."""

    def __init__(self, folder, name):
        document = json.loads((Path(folder) / f"{name}.golden.json").read_text())
        self.tokens = document["tokens"]
        self.queries, self.keys = document["queries"], document["keys"]
        self.full_heads = document["full_heads"]
        self.masks = {
            kind: np.array([[digit == "1" for digit in row] for row in rows])
            for kind, rows in document["masks"].items()
        }

    def expect(self, seen, kind, where):
        """`seen` is a (tokens, tokens) mask of what queries see of keys."""
        found = np.asarray(seen)[np.ix_(self.queries, self.keys)]
        wrong = np.argwhere(found != self.masks[kind])
        if len(wrong):
            row, column = wrong[0]
            raise SystemExit(
                f"{where}: query {self.queries[row]} and key {self.keys[column]}: "
                f"{'seen' if found[row, column] else 'not seen'}, but the golden mask for {kind} "
                "says otherwise"
            )


def expect(condition, sentence):
    """Ends the script with `sentence` unless `condition` holds."""
    if not condition:
        raise SystemExit(sentence)


def report(target, packages, checked):
    """The line of docs/exports.md's table."""
    names = ", ".join(f"{name} {version(name)}" for name in packages)
    print(f"| {target} | {names} | {checked} |", flush=True)
