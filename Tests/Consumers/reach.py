"""Which keys each layer of a PyTorch decoder really attends to, found by disturbing its input."""

import torch


def reach(model, tokens, **inputs):
    """A (tokens, tokens) mask per layer: True where the attention of a query depends on a key.

    The input of one layer is changed at one position, and the queries whose attention output changes
    are those that see it.
    """
    decoder = model.model.layers
    ids = torch.arange(tokens).unsqueeze(0) % model.config.vocab_size
    masks = []
    for layer in decoder:
        plain = _attention(model, layer, ids, None, inputs)
        seen = torch.zeros(tokens, tokens, dtype=torch.bool)
        for key in range(tokens):
            disturbed = _attention(model, layer, ids, key, inputs)
            seen[:, key] = (disturbed - plain).abs().amax(-1) > 1e-9
        masks.append(seen.numpy())
    return masks


def _attention(model, layer, ids, key, inputs):
    """The attention output of `layer` (tokens, hidden), its input changed at `key`."""
    outputs = []

    def disturb(_, arguments, keywords):
        hidden = keywords.get("hidden_states", arguments[0] if arguments else None).clone()
        if key is not None:
            hidden[0, key] += torch.linspace(-1, 2, hidden.shape[-1], dtype=hidden.dtype)
        if arguments:
            return (hidden, *arguments[1:]), keywords
        return arguments, {**keywords, "hidden_states": hidden}

    hooks = [
        layer.register_forward_pre_hook(disturb, with_kwargs=True),
        layer.self_attn.register_forward_hook(lambda *call: outputs.append(call[-1][0])),
    ]
    try:
        with torch.no_grad():
            model.model(input_ids=ids, use_cache=False, **inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return outputs[0][0]
