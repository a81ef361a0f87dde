"""The functions by which the model speaks and rests, and the table of all that are built in."""

from __future__ import annotations

from core.functions import memory
from core.functions.executor import Context, Executor, Function, FunctionFailed, Outcome, Pause

LONGEST_PAUSE = 360  # minutes, as in MemGPT


async def send_message(context: Context, message: str) -> Outcome:
    """Say something to the user. Nothing else that you write is seen.

    Args:
        message: What to say.
    """
    if not message.strip():
        raise FunctionFailed("message is empty: say something, or call nothing.")
    return Outcome(memory.DONE, said=message)


async def pause_heartbeats(context: Context, minutes: int) -> Outcome:
    """Keep timed heartbeats away for a while.

    Args:
        minutes: At most 360.
    """
    if minutes < 0:
        raise FunctionFailed(f"minutes must be 0 or more, not {minutes}.")
    pause = min(minutes, LONGEST_PAUSE)
    return Outcome(f"Timed heartbeats are paused for {pause} minutes", Pause(pause))


BASE: dict[str, Function] = {
    function.__name__: function
    for function in (
        send_message,
        pause_heartbeats,
        memory.core_memory_append,
        memory.core_memory_replace,
        memory.conversation_search,
        memory.conversation_search_date,
        memory.archival_memory_insert,
        memory.archival_memory_search,
    )
}


def base_executor() -> Executor:
    """The eight functions that every agent has."""
    return Executor(BASE)
