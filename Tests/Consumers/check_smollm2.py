"""SmolLM2 in transformers under an exported map, against zigzag's own forward with that map."""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from exports import ROOT, expect, report, zigzag
from smollm2 import build, read_model

TOKENS, SINK, RECENT, TOLERANCE = 384, 4, 24, 1e-3


def masks(tokens):
    """Exact sink + window masks, as docs/exports.md has them."""
    i, j = torch.arange(tokens)[:, None], torch.arange(tokens)[None]
    full = j <= i
    streaming = full & ((j < SINK) | (i - j < RECENT))
    return {"full_attention": full[None, None], "sliding_attention": streaming[None, None]}


def difference(hidden, expected):
    """The largest difference relative to the largest value."""
    return float(np.abs(hidden - expected).max() / np.abs(expected).max())


def main(path):
    folder = Path(tempfile.mkdtemp(prefix="zigzag-smollm2-"))
    attributes, weights, tokenizer = read_model(path)
    text = (ROOT / "README.md").read_text() + (ROOT / "docs/method.md").read_text()
    ids = np.array(tokenizer.encode(text).ids[:TOKENS], dtype=np.int32)
    expect(len(ids) == TOKENS, f"only {len(ids)} tokens of text")
    np.save(folder / "ids.npy", ids)
    gates = np.random.default_rng(1).random((attributes["num_hidden_layers"], attributes["num_key_value_heads"]))
    np.savetxt(folder / "gates.tsv", gates, fmt="%.18e", delimiter="\t")
    zigzag(
        "export", folder / "gates.tsv", "--sparsity", 0.5, "--sink", SINK, "--recent", RECENT, "--model", path,
        "--out", folder, "--format", "headmap", "--format", "huggingface",
    )
    zigzag("forward", path, "--tokens", folder / "ids.npy", "--map", folder / "headmap.json", "--out", folder / "h.npy")
    expected = np.load(folder / "h.npy")
    patch = json.loads((folder / "config.patch.json").read_text())
    streaming = patch["layer_types"].count("sliding_attention")
    expect(streaming == attributes["num_hidden_layers"] // 2, f"{streaming} layers stream, not half")
    model = build({**attributes, **patch}, weights)
    tokens = torch.from_numpy(ids.astype(np.int64))[None]
    with torch.no_grad():
        exact = model.model(tokens, attention_mask=masks(TOKENS), use_cache=False).last_hidden_state[0].numpy()
        sinkless = model.model(tokens, use_cache=False).last_hidden_state[0].numpy()
    error, without = difference(exact, expected), difference(sinkless, expected)
    expect(error < TOLERANCE, f"hidden states differ by {error:.1e} of scale")
    expect(without > 10 * TOLERANCE, f"without the sink they differ by only {without:.1e}: nothing is checked")
    report(
        "huggingface on SmolLM2-135M", ["transformers", "torch"],
        f"{TOKENS} tokens, {streaming} of {attributes['num_hidden_layers']} layers streaming, sink {SINK}, recent "
        f"{RECENT}, exact masks: hidden states within {error:.1e} of scale of zigzag's (sink dropped: {without:.1e})",
    )


main(sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "models/smollm2-135m-instruct.h5"))
