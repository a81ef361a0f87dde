"""The shipped model against sentence-transformers, which its weights were made with."""

from __future__ import annotations

import subprocess
import sys

import numpy

from core.memory.models import LibraryModel, ShippedModel, shipped_folder

TEXTS = [
    "When did Clara move to Porto?",
    "写真を三十枚撮りました。",
    "",
    "The invoice came to CHF 1,280.50; please check it against the offer of March. " * 9,
]


def test_the_shipped_model_embeds_as_sentence_transformers_does() -> None:
    ours, theirs = ShippedModel(shipped_folder()), LibraryModel(str(shipped_folder()))
    for text in TEXTS:  # one by one, and padded beside longer ones
        assert numpy.abs(ours.query(text) - theirs.query(text)).max() < 1e-5
    ours._fast = ours._exact
    assert numpy.abs(ours.encode(TEXTS) - theirs.encode(TEXTS)).max() < 1e-5


def test_it_is_loaded_without_what_takes_longer_than_it() -> None:
    code = (
        "import sys\nfrom core.memory.models import load\nload('').embed(['one', 'and one that is longer'])\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"sympy", "transformers", "sentence_transformers"}
