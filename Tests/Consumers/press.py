"""kvpress' DuoAttentionPress with an exported table in the place of one that it downloads."""

import contextlib
import json
from unittest import mock

import kvpress.presses.duo_attention_press as duo


class Response:
    """What kvpress would have downloaded."""

    def __init__(self, path):
        self.text = path.read_text()

    def json(self):
        return json.loads(self.text)


@contextlib.contextmanager
def press(model, folder, ratio):
    """Prunes the cache of prompts that `model` reads inside, by the table at `folder`."""
    model.config.name_or_path = next(iter(duo.PATTERNS_DICT))
    duo.cache.clear()
    with mock.patch.object(duo.requests, "get", lambda url: Response(folder / url.rsplit("/", 1)[1])):
        with duo.DuoAttentionPress(head_compression_ratio=ratio)(model):
            yield
