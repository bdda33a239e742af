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
EVERY = 32  # rows of hidden states that are kept: each 32nd, and so the last
TOLERANCE = 2e-4  # of the largest magnitude, between float64 and float32


def hidden_states(two_way, tokens, mask):
    """Final hidden states (T, C) where every head sees what `mask` lets it see."""

    def attend(layer, q, k, v):
        return torch.nn.functional.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, enable_gqa=True
        )

    embedded = two_way.weights["model.embed_tokens.weight"][tokens]
    with torch.no_grad():
        return two_way.forward(embedded, attend, two_way.rotary(len(tokens)))


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
    print(f"loss {loss:.10f}; {error:.1e} of the largest hidden state off transformers'")


if __name__ == "__main__":
    main()
