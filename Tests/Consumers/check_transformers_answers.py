"""SmolLM2 in transformers with an exported patch: what it computes and decodes is zigzag's map without a sink."""

import json
import sys

import numpy as np
import torch
from transformers import DynamicCache

from answers import Agreement, Decoded, full_heads, logits, read_samples
from exports import ROOT, export, head_map, report
from smollm2 import build, read_model

SAMPLES, RECENT, TOLERANCE = 20, 64, 2e-4


def head_map_of(full, recent=RECENT):
    """The map as transformers applies it: everywhere, without a sink."""
    return head_map(full, group=3, sink=0, recent=recent)


def answer(model, sample):
    """The sample as `generate` continues it, question by question, with the cache that its layers ask for."""
    cache, ids, answers, seen = DynamicCache(config=model.config), sample.context, [], []
    for question, right in zip(sample.questions, sample.answers):
        ids = np.concatenate([ids, question])
        prompt = torch.tensor(ids[None]).long()
        found = model.generate(
            prompt, attention_mask=torch.ones_like(prompt), cache=cache, max_new_tokens=len(right), do_sample=False,
            eos_token_id=None, pad_token_id=0, return_dict_in_generate=True, output_logits=True,
        )
        seen += [step[0].numpy() for step in found.logits]
        ids = found.sequences[0].numpy()
        answers.append(ids[-len(right) :])
    return Decoded(sample, answers, seen)


def compare(path, decoded, whole, document):
    """The decoded tokens of a sample, and the logits of all its tokens at once, against zigzag's under a map."""
    expected = logits(path, decoded.tokens, document)
    return Agreement().add(decoded.logits, expected[decoded.chosen]), Agreement().add(whole, expected)


def main(path):
    attributes, weights, _ = read_model(path)
    full = full_heads(attributes)
    patch = json.loads((export(head_map_of(full), "huggingface") / "config.patch.json").read_text())
    model = build({**attributes, **patch}, weights)
    decoding, prompts, narrow, narrow_prompts = (Agreement() for _ in range(4))
    for sample in read_samples(path, SAMPLES):
        with torch.no_grad():
            decoded = answer(model, sample)
            whole = model(torch.tensor(decoded.tokens[None]).long(), use_cache=False).logits[0].numpy()
        found = compare(path, decoded, whole, head_map_of(full))
        decoding, prompts = decoding + found[0], prompts + found[1]
        if narrow.tokens == 0:
            narrow, narrow_prompts = compare(path, decoded, whole, head_map_of(full, RECENT - 1))
    decoding.expect_close(TOLERANCE, "decoding with a cache")
    prompts.expect_close(TOLERANCE, "all tokens at once")
    for other in narrow, narrow_prompts:
        other.expect_apart(10 * TOLERANCE, f"recent {RECENT - 1}")
    report(
        "huggingface on SmolLM2-135M, decoding", ["transformers", "torch"],
        f"{SAMPLES} samples, {patch['layer_types'].count('sliding_attention')} of {len(full)} layers sliding, recent "
        f"{RECENT}, no sink: {decoding} as zigzag's; logits within {decoding.error:.1e} of the largest, and of "
        f"{prompts.tokens} tokens at once within {prompts.error:.1e} (recent {RECENT - 1}: {narrow.error:.1e}, "
        f"{narrow_prompts.error:.1e})",
    )


main(sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "models/smollm2-135m-instruct.h5"))
