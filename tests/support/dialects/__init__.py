"""The scripted model server in the shapes of other providers: each reads its own requests and streams its own answers.

Every one translates what it is asked into OpenAI's shape for the script and for `requests`; what really came is there
under `raw`.
"""

from __future__ import annotations

from tests.support.dialects.anthropic import Anthropic
from tests.support.dialects.gemini import Gemini
from tests.support.dialects.ollama import Ollama
from tests.support.dialects.openai_like import VLLM, Azure, LlamaCpp, LMStudio, OpenAI

DIALECTS = (OpenAI, Azure, Anthropic, Gemini, Ollama, LlamaCpp, VLLM)

__all__ = ["DIALECTS", "VLLM", "Anthropic", "Azure", "Gemini", "LMStudio", "LlamaCpp", "Ollama", "OpenAI"]
