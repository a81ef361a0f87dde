"""A BERT encoder of torch's own parts. transformers has the same one, and takes more processor time to be imported than
torch, model and first query together (5 of 8 seconds on two old cores): the worker starts with every engine. torch's own
layers begin with weights at random (0.1 s) and check a mask with sympy, which they import (0.25 s, 20 MB)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch.nn import functional

EMBEDDINGS, LAYER = "embeddings", "encoder.layer.{}"
QUERY_KEY_VALUE = "attention.self.query_key_value"  # ours: three of BERT's as one


class Encoder:
    """The hidden states of the last layer, by text and token (Devlin et al. 2018). The weights keep the names that they
    have in the files."""

    def __init__(self, config: Mapping[str, Any], weights: Mapping[str, torch.Tensor]) -> None:
        self._config, self._weights = config, weights
        self._activation = getattr(functional, config["hidden_act"])

    @classmethod
    def read(cls, folder: Path) -> Encoder:
        """The encoder of a sentence-transformers folder, ready to be used."""
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        weights = load_file(folder / "model.safetensors")
        for layer in map(LAYER.format, range(config["num_hidden_layers"])):
            for part in ("weight", "bias"):
                three = [weights.pop(f"{layer}.attention.self.{name}.{part}") for name in ("query", "key", "value")]
                weights[f"{layer}.{QUERY_KEY_VALUE}.{part}"] = torch.cat(three)
        return cls(config, weights)

    @property
    def device(self) -> torch.device:
        return self._weights[f"{EMBEDDINGS}.LayerNorm.weight"].device

    def to(self, target: str | torch.dtype) -> Encoder:
        """The same on another device, or with other numbers."""
        return Encoder(self._config, {name: weight.to(target) for name, weight in self._weights.items()})

    def __call__(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Hidden states (texts, tokens, width) of `ids` (texts, tokens); `mask` is 0 where a text has no token."""
        words, places, kinds = (
            self._weights[f"{EMBEDDINGS}.{name}_embeddings.weight"] for name in ("word", "position", "token_type")
        )
        hidden = functional.embedding(ids, words) + places[: ids.shape[1]] + kinds[0]
        hidden = self._normed(f"{EMBEDDINGS}.LayerNorm", hidden)
        attends = None if mask.all() else (mask != 0)[:, None, None]
        for layer in map(LAYER.format, range(self._config["num_hidden_layers"])):
            attended = self._linear(f"{layer}.attention.output.dense", self._attention(layer, hidden, attends))
            hidden = self._normed(f"{layer}.attention.output.LayerNorm", hidden + attended)
            wide = self._activation(self._linear(f"{layer}.intermediate.dense", hidden))
            hidden = self._normed(f"{layer}.output.LayerNorm", hidden + self._linear(f"{layer}.output.dense", wide))
        return hidden

    def _attention(self, layer: str, hidden: torch.Tensor, attends: torch.Tensor | None) -> torch.Tensor:
        three = self._linear(f"{layer}.{QUERY_KEY_VALUE}", hidden)
        query, key, value = three.unflatten(2, (3, self._config["num_attention_heads"], -1)).permute(2, 0, 3, 1, 4)
        heads = functional.scaled_dot_product_attention(query, key, value, attn_mask=attends)
        return heads.transpose(1, 2).flatten(2)

    def _linear(self, name: str, given: torch.Tensor) -> torch.Tensor:
        return functional.linear(given, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _normed(self, name: str, given: torch.Tensor) -> torch.Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return functional.layer_norm(given, weight.shape, weight, bias, self._config["layer_norm_eps"])
