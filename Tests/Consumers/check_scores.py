"""torch and the loaders of the papers' code: scores of heads arrive as zigzag wrote them, and the other way round."""

import json
import random
import tempfile
from pathlib import Path

import numpy as np
import torch
import yaml

from exports import expect, report, zigzag

LAYERS, HEADS, GROUP = 4, 6, 3
folder = Path(tempfile.mkdtemp(prefix="zigzag-consumer-"))
source = random.Random(5)
table = np.array([[source.random() for _ in range(HEADS)] for _ in range(LAYERS)])
names = [f"{layer}-{head}" for layer in range(LAYERS) for head in range(HEADS)]
by_name = dict(zip(names, table.flatten().tolist()))
order = sorted(names, key=by_name.get, reverse=True)
config = folder / "config.json"
config.write_text(
    json.dumps(
        {
            "model_type": "llama",
            "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS,
            "num_key_value_heads": HEADS // GROUP,
        }
    )
)
own = folder / "own.json"
own.write_text(json.dumps({name: [score] for name, score in by_name.items()}))


def converted(scores, name, *options):
    """The file that zigzag makes of `scores` in a format."""
    out = folder / f"{Path(scores).stem}-{name}"
    zigzag("convert", scores, "--model", config, "--format", name, "--out", out, "--quiet", *options)
    (file,) = out.iterdir()
    return file


# KVzip: torch.load(path).
grouped = table.reshape(LAYERS, HEADS // GROUP, GROUP)
for grouping, wanted in [("max", grouped.max(-1)), ("mean", grouped.mean(-1))]:
    found = torch.load(converted(own, "kvzip", "--group", grouping), weights_only=True)
    expect(found.dtype == torch.float16, f"kvzip: {found.dtype} instead of torch.float16")
    expect(tuple(found.shape) == wanted.shape, f"kvzip: shape {tuple(found.shape)} instead of {wanted.shape}")
    # Half a step of float16 below 1.
    expect(np.abs(found.double().numpy() - wanted).max() < 2.5e-4, f"kvzip: other numbers by {grouping}")
    (folder / "own-kvzip/kvzip.pt").unlink()

for kind in [torch.float16, torch.bfloat16, torch.float32, torch.float64]:
    for tensor in [torch.tensor(wanted).to(kind), torch.tensor(wanted.T.copy()).to(kind).T]:
        path = folder / "theirs.pt"
        torch.save(tensor, path)
        file = converted(path, "zigzag")
        found = json.loads(file.read_text())["scores"]
        file.unlink()
        expect(np.array_equal(np.array(found), tensor.double().numpy()), f"{kind}: other numbers are read")

# Retrieval_Head: json.load, then the mean of each head's list.
found = {key: np.mean(value) for key, value in json.loads(converted(own, "retrieval-head").read_text()).items()}
expect(sorted(found, key=found.get, reverse=True) == order, "retrieval-head: another order")

# QRHead and MMRetHead: lists of [head, score], best first; a set of "layer-head" words with commas.
found = json.loads(converted(own, "qrhead").read_text())
expect(found == [[name, by_name[name]] for name in order], "qrhead: another list")
found = json.loads(converted(own, "mmrethead").read_text())["head_score_list"]
expect(found == [[name, by_name[name]] for name in order], "mmrethead: another list")
found = yaml.safe_load(converted(own, "qrhead-set", "--top", 5).read_text())["attn_head_set"]
expect(found.split(",") == order[:5], "qrhead-set: other heads")

# DuoAttention's reader, which RLKV's follows.
found = np.loadtxt(converted(own, "duo-attention"), delimiter="\t", ndmin=2)
expect(np.allclose(found, grouped.max(-1), atol=1e-9, rtol=0), "duo-attention: other gates")

report(
    "scores of heads",
    ["torch"],
    "torch loads KVzip's tensor; tensors of four types that torch saved are read to the bit, transposed ones too; "
    "the lists, the set and the table load as the papers' code loads them",
)
