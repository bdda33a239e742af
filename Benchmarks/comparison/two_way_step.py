"""The two-way calibration step (docs/method.md) in plain PyTorch, the published way of doing it.

    two_way_step.py MODEL STEP [--repeats 3] [--threads 2]

STEP is a folder that `zigzag bench MODEL --measure step --write-step STEP` wrote. The step is
first computed once and compared with zigzag's loss and gate gradients; if they differ, nothing is
timed. Prints one JSON object: the differences, the seconds of each repeat and the peak memory.
"""

import argparse
import json
import resource
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

from measure import OUT_OF_MEMORY, limit_memory
from model import read_model, read_step

LOSS_TOLERANCE = 1e-4  # relative
GRADIENT_TOLERANCE = 1e-3  # relative L2


class TwoWayStep:
    """Teacher and student over one sample; only the gates get gradients.

    The fastest of what was tried at 1,024 tokens: one mask of floats for all layers takes 0.91 of
    the time of one of booleans, which PyTorch turns into floats, and keeps, in every layer;
    enable_gqa takes 0.98 of the time of repeat_interleave on keys and values. Within 1 %:
    torch.lerp for the mix, RoPE without a negated half, torch.compile of the layers.
    """

    def __init__(self, path):
        self.sizes, weights = read_model(path)
        self.weights = {name: torch.from_numpy(array) for name, array in weights.items()}

    def __call__(self, step, gates):
        """The loss, and the seconds of each part; gates (L, K) get gradients."""
        tokens = torch.from_numpy(step.tokens).long()
        rotary = self.rotary(len(tokens))
        mask = streaming_mask(len(tokens), step.sink, step.recent)
        embedded = self.weights["model.embed_tokens.weight"][tokens]
        full = []

        def teach(layer, q, k, v):
            o = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
            full.append(o)
            return o

        def learn(layer, q, k, v):
            o = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=True)
            a = gates[layer].repeat_interleave(self.sizes.group)[:, None, None]
            return a * full[layer] + (1 - a) * o

        times = [time.perf_counter()]
        with torch.no_grad():
            target = self.forward(embedded, teach, rotary)[step.label_rows]
        times.append(time.perf_counter())
        hidden = self.forward(embedded, learn, rotary)[step.label_rows]
        loss = F.mse_loss(hidden, target)
        times.append(time.perf_counter())
        loss.backward()
        times.append(time.perf_counter())
        seconds = dict(zip(("teacher", "student", "backward"), np.diff(times).tolist()))
        return loss.item(), seconds | {"total": times[-1] - times[0]}

    def forward(self, x, attend, rotary):
        """Final hidden states (T, C) of the embedded tokens x."""
        for layer in range(self.sizes.layers):
            x = self.layer(x, layer, attend, rotary)
        return self.norm(x, "model.norm.weight")

    def layer(self, x, layer, attend, rotary):
        """One decoder layer."""
        name = f"model.layers.{layer}."
        normed = self.norm(x, name + "input_layernorm.weight")
        q = self.heads(normed, name + "self_attn.q_proj.weight")
        k = self.heads(normed, name + "self_attn.k_proj.weight")
        v = self.heads(normed, name + "self_attn.v_proj.weight")
        o = attend(layer, rotate(q, rotary), rotate(k, rotary), v)
        o = o.transpose(1, 2).flatten(2)[0]
        x = x + self.linear(o, name + "self_attn.o_proj.weight")
        normed = self.norm(x, name + "post_attention_layernorm.weight")
        gate = self.linear(normed, name + "mlp.gate_proj.weight")
        up = self.linear(normed, name + "mlp.up_proj.weight")
        return x + self.linear(F.silu(gate) * up, name + "mlp.down_proj.weight")

    def linear(self, x, name):
        """x·Wᵀ."""
        return F.linear(x, self.weights[name])

    def heads(self, x, name):
        """A projection as (1, heads, T, D)."""
        return self.linear(x, name).view(1, len(x), -1, self.sizes.head_dim).transpose(1, 2)

    def norm(self, x, name):
        """RMSNorm."""
        return F.rms_norm(x, (self.sizes.hidden,), self.weights[name], self.sizes.epsilon)

    def rotary(self, tokens):
        """Cosines and sines, (T, D) each."""
        size = self.sizes.head_dim
        frequencies = self.sizes.theta ** (-torch.arange(0, size, 2) / size)
        angles = torch.arange(tokens)[:, None] * frequencies
        return torch.cat((angles, angles), -1).cos(), torch.cat((angles, angles), -1).sin()


def rotate(x, rotary):
    """Rotary embedding, the half-split form."""
    first, second = x.chunk(2, -1)
    return x * rotary[0] + torch.cat((-second, first), -1) * rotary[1]


def streaming_mask(tokens, sink, recent):
    """What a streaming head's queries see, (T, T): 0, and −∞ where they do not."""
    query, key = torch.arange(tokens)[:, None], torch.arange(tokens)
    visible = (key <= query) & ((key < sink) | (query - key < recent))
    return torch.zeros(tokens, tokens).masked_fill(~visible, -torch.inf)


def check(step, loss, gradients):
    """The differences from zigzag's numbers; ends the program when they are too large."""
    difference = np.linalg.norm(gradients - step.gradients) / np.linalg.norm(step.gradients)
    found = {"lossError": abs(loss / step.loss - 1), "gradientError": float(difference)}
    within = found["lossError"] <= LOSS_TOLERANCE and difference <= GRADIENT_TOLERANCE
    if not within:  # also when a number is NaN
        sys.exit(f"PyTorch and zigzag compute different things, so nothing is timed: {found}")
    return found


def main():
    """Checks, then times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("step")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    limit_memory()
    step, seconds = read_step(options.step), []
    gates = torch.from_numpy(step.gates).float().requires_grad_()
    try:
        two_way = TwoWayStep(options.model)
        loss, _ = two_way(step, gates)  # also the warm-up
        result = check(step, loss, gates.grad.numpy())
        for _ in range(options.repeats):
            gates.grad = None
            seconds.append(two_way(step, gates)[1])
    except MemoryError:
        sys.exit(OUT_OF_MEMORY)
    except RuntimeError as error:
        if "can't allocate memory" not in str(error) and "bad_alloc" not in str(error):
            raise
        sys.exit(OUT_OF_MEMORY)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(result | {"loss": loss, "seconds": seconds, "peakBytes": peak}))


if __name__ == "__main__":
    main()
