"""One measurement of llama.cpp, through llama-cpp-python's C bindings; prints one JSON object.

    run_llama_cpp.py MODEL.gguf IDS.npy prefill --length 1024 [--ubatch 512] [--flash 1]
    run_llama_cpp.py MODEL.gguf IDS.npy decode --length 1024 --count 64

Prefill is llama-bench's: all tokens in, the logits of the last one out, done once to warm up and
once timed. Decode is the median token of `count` after `length` tokens.
"""

import ctypes
import json
import statistics
import time

import llama_cpp
import numpy as np

from measure import options_of_one

UNTIMED = 2  # first tokens of a decode


class Context:
    """A model with room for `size` tokens."""

    def __init__(self, path, size, options):
        self.quiet = llama_cpp.llama_log_callback(lambda *_: None)
        llama_cpp.llama_log_set(self.quiet, ctypes.c_void_p())
        self.model = llama_cpp.llama_model_load_from_file(
            path.encode(), llama_cpp.llama_model_default_params()
        )
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = size
        parameters.n_batch = max(2048, options.ubatch)
        parameters.n_ubatch = options.ubatch
        parameters.n_threads = parameters.n_threads_batch = options.threads
        parameters.flash_attn_type = options.flash
        parameters.no_perf = True
        self.batch_size = parameters.n_batch
        self.context = llama_cpp.llama_init_from_model(self.model, parameters)
        if not self.model or not self.context:
            raise SystemExit(f"llama.cpp cannot load {path}")

    def decode(self, tokens):
        """Adds tokens after those that are there; the logits of the last are then available."""
        for start in range(0, len(tokens), self.batch_size):
            piece = np.ascontiguousarray(tokens[start : start + self.batch_size])
            pointer = piece.ctypes.data_as(ctypes.POINTER(llama_cpp.llama_token))
            batch = llama_cpp.llama_batch_get_one(pointer, len(piece))
            if llama_cpp.llama_decode(self.context, batch) != 0:
                raise SystemExit("llama.cpp cannot decode")
        llama_cpp.llama_synchronize(self.context)

    def forget(self):
        """Drops all tokens."""
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.context), False)

    def logits(self):
        """The logits (V) of the last token."""
        count = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.model))
        values = llama_cpp.llama_get_logits_ith(self.context, -1)
        return np.ctypeslib.as_array(values, (count,)).copy()


def prefill(context, tokens, options):
    """Seconds of one prefill."""
    context.decode(tokens[: options.length])
    context.forget()
    start = time.perf_counter()
    context.decode(tokens[: options.length])
    return time.perf_counter() - start


def decode(context, tokens, options):
    """Seconds of decoding a token."""
    context.decode(tokens[: options.length])
    times = []
    for index in range(options.length, options.length + UNTIMED + options.count):
        start = time.perf_counter()
        context.decode(tokens[index : index + 1])
        times.append(time.perf_counter() - start)
    return statistics.median(times[UNTIMED:])


def main():
    """Measures."""
    parser = options_of_one(__doc__.splitlines()[0])
    parser.add_argument("--ubatch", type=int, default=512)
    parser.add_argument("--flash", type=int, choices=[0, 1], default=1)
    options = parser.parse_args()
    tokens = np.load(options.tokens).reshape(-1).astype(np.int32)
    context = Context(options.model, options.length + UNTIMED + options.count, options)
    if options.measure == "prefill":
        seconds, count = prefill(context, tokens, options), options.length
    else:
        seconds, count = decode(context, tokens, options), 1
    if options.logits:
        np.save(options.logits, context.logits())
    print(json.dumps({"seconds": seconds, "tokensPerSecond": count / seconds}))


if __name__ == "__main__":
    main()
