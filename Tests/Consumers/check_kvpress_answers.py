"""SmolLM2 in kvpress under an exported map: what it decodes is what zigzag's phase `decode` gives."""

import json
import sys
from types import SimpleNamespace

import numpy as np
import torch
from kvpress import KVPressTextGenerationPipeline
from transformers import DynamicCache

from answers import Agreement, Decoded, full_heads, logits, read_samples
from exports import ROOT, export, head_map, report
from press import press
from smollm2 import build, read_model

SAMPLES, SINK, RECENT, TOLERANCE = 20, 16, 64, 2e-4


def head_map_of(full, *, recent=RECENT, after="keep"):
    """The map as kvpress applies it: the cache is pruned once, before the questions."""
    return head_map(full, group=3, sink=SINK, recent=recent, phase="decode", boundary="question", after=after)


def answer(model, sample, folder, ratio):
    """The sample in the steps of kvpress' pipeline: the context under the press, then its greedy loop per question.

    The pipeline forgets every answer before the next question; here all stays in the cache.
    """
    pipeline = SimpleNamespace(
        model=model, tokenizer=SimpleNamespace(decode=lambda ids, skip_special_tokens: json.dumps(ids.tolist()))
    )
    cache, seen, answers, unread = DynamicCache(), [], [], []
    with press(model, folder, ratio):
        model.model(input_ids=torch.tensor(sample.context[None]).long(), past_key_values=cache)
    hook = model.register_forward_hook(lambda *call: seen.append(call[-1].logits[0, -1].numpy()))
    for question, right in zip(sample.questions, sample.answers):
        # The last token of an answer was decoded but not read.
        ids = torch.tensor([[*unread, *question]]).long()
        text = KVPressTextGenerationPipeline.generate_answer(
            pipeline, ids, cache, context_length=cache.get_seq_length(), max_new_tokens=len(right)
        )
        answers.append(np.array(json.loads(text)))
        unread = answers[-1][-1:]
    hook.remove()
    return Decoded(sample, answers, seen)


def compare(path, decoded, document):
    """The decoded tokens of a sample against zigzag's logits under a map."""
    expected = logits(path, decoded.tokens, document, len(decoded.sample.context))
    return Agreement().add(decoded.logits, expected[decoded.chosen])


def main(path):
    attributes, weights, _ = read_model(path)
    model, full = build(attributes, weights), full_heads(attributes)
    model.generation_config.eos_token_id = None
    document = head_map_of(full)
    folder = export(document, "duo-attention") / "duo-attention-exact"
    total, narrow, sliding = Agreement(), Agreement(), Agreement()
    for sample in read_samples(path, SAMPLES):
        with torch.no_grad():
            decoded = answer(model, sample, folder, document["sparsity"]["achieved"])
        total += compare(path, decoded, document)
        if narrow.tokens == 0:
            narrow += compare(path, decoded, head_map_of(full, recent=RECENT - 1))
            sliding += compare(path, decoded, head_map_of(full, after="slide"))
    total.expect_close(TOLERANCE, "kvpress")
    narrow.expect_apart(10 * TOLERANCE, f"recent {RECENT - 1}")
    sliding.expect_apart(10 * TOLERANCE, "a window that slides on")
    report(
        "duo-attention on SmolLM2-135M, decoding", ["kvpress", "transformers", "torch"],
        f"{SAMPLES} samples, {sum(not row[0] for row in full)} of {len(full)} layers streaming, sink {SINK}, recent "
        f"{RECENT}: {total} as zigzag's phase `decode`, `after: keep`; logits within {total.error:.1e} of the largest "
        f"(recent {RECENT - 1}: {narrow.error:.1e}, `after: slide`: {sliding.error:.1e})",
    )


main(sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "models/smollm2-135m-instruct.h5"))
