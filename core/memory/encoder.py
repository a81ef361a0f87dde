"""A BERT encoder of torch's own parts. transformers has the same one, and takes more processor time to be imported than
torch, model and first query together (5 of 8 seconds on two old cores): the worker starts with every engine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

PARTS = {
    "self_attn.out_proj": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "linear1": "intermediate.dense",
    "linear2": "output.dense",
    "norm2": "output.LayerNorm",
}
"""Where a layer of torch's has what BERT calls otherwise."""


class Encoder(nn.Module):  # type: ignore[misc]
    """The hidden states of the last layer, by text and token."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        width, epsilon = config["hidden_size"], config["layer_norm_eps"]
        self.words = nn.Embedding(config["vocab_size"], width)
        self.places = nn.Embedding(config["max_position_embeddings"], width)
        self.kinds = nn.Embedding(config["type_vocab_size"], width)
        self.norm = nn.LayerNorm(width, eps=epsilon)
        layer = nn.TransformerEncoderLayer(
            width, config["num_attention_heads"], config["intermediate_size"], 0.0, config["hidden_act"], epsilon, True
        )
        self.layers = nn.TransformerEncoder(layer, config["num_hidden_layers"], enable_nested_tensor=False)

    @classmethod
    def read(cls, folder: Path) -> Encoder:
        """The encoder of a sentence-transformers folder, ready to be used."""
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        found = cls(config)
        found.load_state_dict(_renamed(load_file(folder / "model.safetensors"), config["num_hidden_layers"]))
        found.eval()
        return found

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        places = torch.arange(ids.shape[1], device=ids.device)
        read = self.norm(self.words(ids) + self.places(places) + self.kinds.weight[0])
        hidden: torch.Tensor = self.layers(read, src_key_padding_mask=None if mask.all() else mask == 0)
        return hidden


def _renamed(stored: Mapping[str, torch.Tensor], layers: int) -> dict[str, torch.Tensor]:
    """BERT's weights under the names that they have here; torch keeps query, key and value as one."""
    found = {
        "words.weight": stored["embeddings.word_embeddings.weight"],
        "places.weight": stored["embeddings.position_embeddings.weight"],
        "kinds.weight": stored["embeddings.token_type_embeddings.weight"],
    }
    for part in ("weight", "bias"):
        found[f"norm.{part}"] = stored[f"embeddings.LayerNorm.{part}"]
        for number in range(layers):
            old, new = f"encoder.layer.{number}", f"layers.layers.{number}"
            three = [stored[f"{old}.attention.self.{name}.{part}"] for name in ("query", "key", "value")]
            found[f"{new}.self_attn.in_proj_{part}"] = torch.cat(three)
            for ours, theirs in PARTS.items():
                found[f"{new}.{ours}.{part}"] = stored[f"{old}.{theirs}.{part}"]
    return found
