"""What front ends may ask of the engine: one function for each operation, found by its name.

An operation is an async generator: it yields `("event", object)` for what it tells on the way, and at its end
`("result", value)`. It raises UserError for what the user can mend.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from core.agents import forking, jobs, lifecycle, portable, replaying
from core.operations import agents, browsing, files, machine, memory, past, talking
from core.operations.caller import Caller, Operation, Parameters, Part
from core.roster import Roster
from memgpt.home import UserError

LASTING = ("send", "resume", "command")  # go on when the front end that asked is gone
_OPERATIONS: dict[str, Operation] = {
    # the agents of the home
    "agents": agents.agents, "create_agent": agents.create_agent, "configure_agent": agents.configure_agent,
    "agent_settings": agents.agent_settings, "rename_agent": lifecycle.rename, "archive_agent": lifecycle.archive,
    "delete_agent": lifecycle.delete, "undelete_agent": lifecycle.undelete, "fork_agent": forking.operation,
    "export_agent": portable.export, "import_agent": portable.bring, "replay": replaying.operation,
    # a conversation
    "attach": talking.attach, "greet": talking.greet, "snapshot": talking.snapshot, "send": talking.send,
    "resume": talking.resume, "cancel": talking.cancel, "take_back": talking.take_back, "command": talking.command,
    # memory
    "search": memory.search, "search_many": memory.search_many, "edit_block": memory.edit_block, "forget": memory.forget,
    "newest": browsing.newest, "neighbours": browsing.neighbours, "change_passages": browsing.change_passages,
    # the past
    "history": past.history, "show": past.show, "timeline": past.timeline, "why": past.why,
    "alternatives": past.alternatives, "cost": past.cost, "go_back": past.go_back,
    # files in, and long work
    "import_messages": files.import_messages, "load": files.load, "sources": files.sources,
    "attach_source": files.attach_source, "detach_source": files.detach_source, "delete_source": files.delete_source,
    "cancel_job": jobs.cancel_job,
    # the machine
    "check": machine.check, "servers": machine.servers, "probe": machine.probe, "settings": machine.settings,
    "functions": machine.functions, "check_embedding": machine.check_embedding,
}  # fmt: skip


async def operate(roster: Roster, op: str, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    """Carries out one operation.

    Raises:
        UserError: there is no such operation, or the user has something to mend.
    """
    operation = _OPERATIONS.get(op)
    if operation is None:
        raise UserError(f"The engine knows no operation {op!r}.", "Update the program that asked.")
    roster.jobs += 1  # what is asked for keeps its agent open and the engine here
    try:
        async for part in operation(roster, given, caller):
            yield part
    finally:
        roster.jobs -= 1
