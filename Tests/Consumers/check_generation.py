"""transformers: 20 prompts, decoded greedily under the same masks, have the text of `zigzag generate`."""

import json
import sys

import torch

from exports import expect, report, zigzag
from smollm2 import build, read_model

TOKENS, SINK, RECENT = 16, 4, 24
# The largest gap between the two likeliest logits at which another token is rounding.
ROUNDING = 1e-3
TOPICS = [
    "an anchor", "a lighthouse", "the tide", "a compass", "rope", "a harbour", "salt", "a kettle", "a violin", "snow",
    "a ladder", "bread", "a clock", "wool", "a bridge", "honey", "a lantern", "the moon", "glass", "a map",
]
PHASES = ["everywhere", "decode", "prompt"]


def mask(length, prompt, phase):
    """What each of `length` tokens sees where all heads stream in `phase`."""
    i, j = torch.arange(length)[:, None], torch.arange(length)[None]
    window = (j < SINK) | (i - j < RECENT)
    streams = {"everywhere": i >= 0, "decode": i >= prompt, "prompt": i < prompt}[phase]
    return ((j <= i) & (window | ~streams))[None, None]


def decode(model, ids, phase, end):
    """Greedy decoding without a cache, and the gap between the two likeliest tokens at each step."""
    prompt, tokens, gaps = len(ids), [], []
    for _ in range(TOKENS):
        logits = model(
            torch.tensor([ids]), attention_mask=mask(len(ids), prompt, phase), use_cache=False
        ).logits[0, -1]
        best = logits.topk(2)
        gaps.append(float(best.values[0] - best.values[1]))
        token = int(best.indices[0])
        if token in end:
            break
        tokens.append(token)
        ids = [*ids, token]
    return tokens, gaps


def main(path):
    attributes, weights, tokenizer = read_model(path)
    model = build(attributes, weights)
    end = {attributes["eos_token_id"], tokenizer.token_to_id("<|im_end|>")}
    same = rounded = 0
    for index, topic in enumerate(TOPICS):
        phase = PHASES[index % len(PHASES)]
        text = f"Tell me in two sentences what {topic} is, and what people used it for long ago, before there were machines."
        ids = tokenizer.encode(f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n").ids
        found = json.loads(
            zigzag(
                "generate", path, "--prompt", text, "--chat", "chatml", "--streaming", f"{SINK},{RECENT}", "--phase",
                phase, "--max-tokens", TOKENS, "--json", "--quiet",
            ).stdout
        )
        expect(found["prompt_tokens"] == len(ids), f"{topic}: {found['prompt_tokens']} tokens, expected {len(ids)}")
        with torch.no_grad():
            wanted, gaps = decode(model, ids, phase, end)
        tokens = found["map"]["tokens"]
        if tokens == wanted:
            same += 1
            expect(found["map"]["text"] == tokenizer.decode(wanted), f"{topic}: another text of the same tokens")
            continue
        place = next((i for i, pair in enumerate(zip(tokens, wanted)) if pair[0] != pair[1]), len(gaps) - 1)
        expect(gaps[place] < ROUNDING, f"{topic}, {phase}: {tokens} instead of {wanted}")
        rounded += 1
    expect(same >= 18, f"{same} of {len(TOPICS)} texts are the same")
    report(
        "`zigzag generate`", ["transformers"],
        f"generate: {same} of {len(TOPICS)} texts the same under the same masks"
        + (f", {rounded} part where two tokens are as likely as each other" if rounded else ""),
    )


main(sys.argv[1] if len(sys.argv) > 1 else "../../models/smollm2-135m-instruct.h5")
