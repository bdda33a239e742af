"""One measurement of Hugging Face transformers (float32, sdpa); prints one JSON object.

    run_transformers.py MODEL IDS.npy prefill --length 1024
    run_transformers.py MODEL IDS.npy decode --length 1024 --count 64

Prefill is all tokens to final hidden states, without the output projection, done once to warm up
and once timed. Decode is the median token of `count` after `length` tokens, with its logits.
"""

import json
import statistics
import time

import numpy as np
import torch
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

from measure import options_of_one
from model import read_model

UNTIMED = 2  # first tokens of a decode


def build(path):
    """The model file as a LlamaForCausalLM."""
    sizes, weights = read_model(path)
    configuration = LlamaConfig(
        num_hidden_layers=sizes.layers,
        hidden_size=sizes.hidden,
        intermediate_size=sizes.feed_forward,
        num_attention_heads=sizes.query_heads,
        num_key_value_heads=sizes.key_value_heads,
        head_dim=sizes.head_dim,
        vocab_size=sizes.vocabulary,
        rms_norm_eps=sizes.epsilon,
        rope_parameters={"rope_type": "default", "rope_theta": sizes.theta},
        max_position_embeddings=sizes.positions,
        tie_word_embeddings=sizes.tied,
        attn_implementation="sdpa",
    )
    with torch.device("meta"):
        model = LlamaForCausalLM(configuration)
    state = {name: torch.from_numpy(values) for name, values in weights.items()}
    if sizes.tied:
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
    model.load_state_dict(state, assign=True)
    # Not a parameter, so not in the state: the rotary frequencies.
    model.model.rotary_emb = type(model.model.rotary_emb)(configuration)
    return model.eval()


def prefill(model, tokens, options):
    """Seconds of one prefill, and the last token's logits."""
    seconds, hidden = 0, None
    for _ in range(2):
        start = time.perf_counter()
        hidden = model.model(tokens[:, : options.length], use_cache=False).last_hidden_state
        seconds = time.perf_counter() - start
    return seconds, model.lm_head(hidden[0, -1])


def decode(model, tokens, options):
    """Seconds of decoding a token, and the last token's logits."""
    cache = DynamicCache(config=model.config)
    model.model(tokens[:, : options.length], past_key_values=cache)
    times, logits = [], None
    for index in range(options.length, options.length + UNTIMED + options.count):
        start = time.perf_counter()
        logits = model(tokens[:, index : index + 1], past_key_values=cache).logits
        times.append(time.perf_counter() - start)
    return statistics.median(times[UNTIMED:]), logits[0, -1]


def main():
    """Measures."""
    options = options_of_one(__doc__.splitlines()[0]).parse_args()
    torch.set_num_threads(options.threads)
    tokens = torch.from_numpy(np.load(options.tokens).reshape(1, -1)).long()
    model = build(options.model)
    with torch.inference_mode():
        if options.measure == "prefill":
            (seconds, logits), count = prefill(model, tokens, options), options.length
        else:
            (seconds, logits), count = decode(model, tokens, options), 1
    if options.logits:
        np.save(options.logits, logits.numpy())
    print(json.dumps({"seconds": seconds, "tokensPerSecond": count / seconds}))


if __name__ == "__main__":
    main()
