"""Makes Tests/Fixtures/parity: what PyTorch computes of SmolLM2-135M-Instruct, for the parity tests.

    make_parity_fixtures.py MODEL [FOLDER]

MODEL is models/smollm2-135m-instruct.h5 as `make test` imports it; FOLDER holds input_ids.npy, a passkey sample of 512
tokens whose last 75 rows are label rows. Everything is computed in float64. Before anything is written, the hidden
states are compared with those of transformers' LlamaModel in float32.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from model import Step
from run_transformers import build
from two_way_step import TwoWayStep, streaming_mask

SINK, RECENT, GATE, LABELS = 16, 64, 0.7, 75
# Layers that retrieve in the maps of deployed_*.npy; the others stream.
RETRIEVAL = [4, 7, 8, 14, 15, 17, 18, 19, 20, 21, 22, 23, 24, 28, 29]
EVERY = 32  # rows of hidden states that are kept: each 32nd, and so the last
TOLERANCE = 2e-4  # of the largest magnitude, between float64 and float32


def attention(q, k, v, mask):
    """Attention of all heads under one mask, booleans or floats."""
    return torch.nn.functional.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, enable_gqa=True
    )


def deployed_mask(tokens, boundary, phase, sink, after="slide"):
    """Booleans (T, T): what a streaming head sees, by the rule that docs/deployments.md writes down."""
    query, key = torch.arange(tokens)[:, None], torch.arange(tokens)
    if after == "keep":
        window = key >= boundary - RECENT
    else:
        window = query - key < RECENT
    streams = {
        "everywhere": query >= 0,
        "decode": query >= boundary,
        "prompt": query < boundary,
    }[phase]
    return (key <= query) & (~streams | (key < sink) | window)


def hidden_states(two_way, tokens, mask, retrieval=()):
    """Final hidden states (T, C) where every head sees what `mask` lets it see, but for layers in `retrieval`."""
    causal = torch.ones(len(tokens), len(tokens), dtype=torch.bool).tril()

    def attend(layer, q, k, v):
        return attention(q, k, v, causal if layer in retrieval else mask)

    embedded = two_way.weights["model.embed_tokens.weight"][tokens]
    with torch.no_grad():
        return two_way.forward(embedded, attend, two_way.rotary(len(tokens)))


def deployed_step(two_way, tokens, boundary, phase, gates):
    """The distillation loss of a step for maps that stream after, or before, the boundary alone."""
    causal = torch.ones(len(tokens), len(tokens), dtype=torch.bool).tril()
    mask = deployed_mask(len(tokens), boundary, phase, SINK)
    rotary = two_way.rotary(len(tokens))
    embedded = two_way.weights["model.embed_tokens.weight"][tokens]
    streams = torch.arange(len(tokens)) >= boundary
    streams = (streams if phase == "decode" else ~streams)[None, None, :, None]
    full = []

    def teach(layer, q, k, v):
        full.append(attention(q, k, v, causal))
        return full[-1]

    def learn(layer, q, k, v):
        gate = gates[layer].repeat_interleave(two_way.sizes.group)[:, None, None]
        mixed = gate * full[layer] + (1 - gate) * attention(q, k, v, mask)
        return torch.where(streams, mixed, attention(q, k, v, causal))

    with torch.no_grad():
        target = two_way.forward(embedded, teach, rotary)[-LABELS:]
    loss = torch.nn.functional.mse_loss(two_way.forward(embedded, learn, rotary)[-LABELS:], target)
    loss.backward()
    return loss.item()


def deployed(two_way, tokens, folder):
    """Writes what maps give, and steps for them, where not everything streams."""
    boundary = len(tokens) - LABELS
    rows = [row for row in range(EVERY - 1, len(tokens), EVERY) if row >= boundary]
    for phase, after in [
        ("everywhere", "slide"),
        ("decode", "slide"),
        ("decode", "keep"),
        ("prompt", "slide"),
    ]:
        for sink in (SINK, 0):
            mask = deployed_mask(len(tokens), boundary, phase, sink, after)
            hidden = hidden_states(two_way, tokens, mask, RETRIEVAL)[rows]
            np.save(folder / f"deployed_{phase}_{after}_{sink}.npy", hidden.float().numpy())
    for phase in ("decode", "prompt"):
        sizes = (two_way.sizes.layers, two_way.sizes.key_value_heads)
        gates = torch.full(sizes, GATE, requires_grad=True)
        loss = deployed_step(two_way, tokens, boundary, phase, gates)
        np.save(folder / f"{phase}_gate_gradients.npy", gates.grad.numpy())
        np.save(folder / f"{phase}_distillation_loss.npy", np.array([loss]))


def main():
    """Computes, compares, writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    root = Path(__file__).resolve().parents[2]
    parser.add_argument("folder", nargs="?", type=Path, default=root / "Tests/Fixtures/parity")
    options = parser.parse_args()
    torch.set_default_dtype(torch.float64)
    two_way = TwoWayStep(options.model)
    two_way.weights = {name: w.double() for name, w in two_way.weights.items()}
    ids = np.load(options.folder / "input_ids.npy")
    tokens = torch.from_numpy(ids).long()
    full = hidden_states(two_way, tokens, streaming_mask(len(ids), 0, len(ids)))
    streaming = hidden_states(two_way, tokens, streaming_mask(len(ids), SINK, RECENT))

    torch.set_default_dtype(torch.float32)
    with torch.no_grad():
        theirs = build(options.model).model(tokens[None]).last_hidden_state[0].double()
    torch.set_default_dtype(torch.float64)
    error = float((full - theirs).abs().max() / theirs.abs().max())
    if not error < TOLERANCE:
        raise SystemExit(f"these hidden states are {error:.1e} of the largest off transformers'")

    gates = torch.full(
        (two_way.sizes.layers, two_way.sizes.key_value_heads), GATE, requires_grad=True
    )
    step = Step(
        tokens=ids,
        gates=gates,
        gradients=None,
        label_rows=slice(len(ids) - LABELS, len(ids)),
        sink=SINK,
        recent=RECENT,
        loss=None,
    )
    loss, _ = two_way(step, gates)

    rows = slice(EVERY - 1, None, EVERY)
    for name, values in {
        "hidden_full": full[rows].float(),
        "hidden_streaming_16_64": streaming[rows].float(),
        "gate_gradients": gates.grad,
        "distillation_loss": torch.tensor([loss]),
    }.items():
        np.save(options.folder / f"{name}.npy", values.numpy())
    deployed(two_way, tokens, options.folder)
    print(f"loss {loss:.10f}; {error:.1e} of the largest hidden state off transformers'")


if __name__ == "__main__":
    main()
