"""The state that steps come to.

`apply` is the only place where state changes. The running agent and a fold from zero both use it, so the present
that is stored beside the journal is the one that the journal tells. Pure: no clock, no files, no models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from core.messages import OPEN_END, Block, Body, Pending, State, Step, Turn

MEMORY_EDITS = "paging.memory_edits"
LEAST_CHANGE = 20  # tokens between two prompts from which they tell what one more token is worth
STEADY = 300  # tokens of change that weigh as much as all that was seen before


def fold(steps: Iterable[Step], state: State | None = None) -> State:
    """The state after those steps, in the order of the path."""
    result = state or State()
    for step in steps:
        result = apply(result, step)
    return result


def apply(state: State, step: Step) -> State:
    """The state after one more step. Steps of a kind that changes nothing only move the head."""
    change = _CHANGES.get(step.kind)
    after = change(state, step) if change else state
    return _advanced(after, step)


def _advanced(state: State, step: Step) -> State:
    if step.branch == state.branch:
        return replace(state, head=step.id)
    closed = tuple((branch, step.parent if branch == state.branch else last) for branch, last in state.path)
    return replace(
        state,
        head=step.id,
        branch=step.branch,
        branches=max(state.branches, step.branch + 1),
        path=(*closed, (step.branch, OPEN_END)),
    )


# --- one function for each kind of step that changes something ----------------------------------------------------


def _born(state: State, step: Step) -> State:
    blocks = {
        label: Block(label, step.texts[label].body, limit, step.texts[label].id, step.at)
        for label, limit in step.body["limits"].items()
    }
    return replace(
        state,
        name=step.body["name"],
        settings=dict(step.body["settings"]),
        blocks=blocks,
        shown=dict(blocks),
        memory_at=step.at,
    )


def _settings(state: State, step: Step) -> State:
    changed = replace(state, settings={**state.settings, **step.body["changes"]})
    if step.body.get("forget_factor"):
        changed = replace(changed, factor=1.0, slope=1.0, reconciled="", own_tokens=0, provider_tokens=0)
    if not step.body.get("rerendered"):
        return _in_view(changed) if step.body["changes"].get(MEMORY_EDITS) == "rebuild" else changed
    summary = next((item for item in step.items if item.kind == "summary"), state.summary)
    queue = tuple(item for item in step.items if item.kind != "summary")
    return _in_view(replace(changed, queue=queue, summary=summary))  # nothing of the old prompts is the same


def _in_view(state: State) -> State:
    """Core memory is sent as it stands."""
    return replace(state, shown=dict(state.blocks))


def rebuilds(state: State) -> bool:
    """Whether a change of core memory is sent in the place of the old words at once."""
    return bool(state.settings.get(MEMORY_EDITS, "rebuild") == "rebuild")


def _instructions(state: State, step: Step) -> State:
    return replace(state, instructions=step.texts.get("text"))


def _arrived(state: State, step: Step) -> State:
    """A user's message, or an event that the model is told of."""
    queue = state.queue[:-1] if state.queue and state.queue[-1].kind == "login" == step.kind else state.queue
    changed = replace(state, queue=(*queue, *step.items), recall=state.recall + int(step.kind == "user"))
    if step.body.get("source") in state.sources:
        changed = replace(changed, passages={**state.passages, step.body["source"]: step.body["passages"]})
    if step.kind == "pressure":
        changed = replace(changed, warned=True)
    if step.body.get("turn"):
        changed = replace(changed, turn=Turn(start=step.id, user=step.kind == "user"))
    elif step.body.get("nudge") and changed.turn:
        changed = replace(changed, turn=replace(changed.turn, nudged=True))
    return changed


def _recalled(state: State, step: Step) -> State:
    """The newest user event again, now with the pages that were found for it."""
    return replace(state, queue=(*state.queue[:-1], *step.items))


def _call(state: State, step: Step) -> State:
    """A call is a step of the turn; what is sent again after a reply that could not be used belongs to the same one."""
    turn = state.turn or Turn(start=step.id)
    return replace(state, turn=replace(turn, calls=turn.calls + ("again" not in step.body)))


def _reply(state: State, step: Step) -> State:
    calls = tuple(Pending(**call) for call in step.body["calls"])
    said = "said" in step.texts
    turn = replace(state.turn, said=state.turn.said or said) if state.turn else None
    changed = replace(
        state, queue=(*state.queue, *step.items), pending=calls, turn=turn, recall=state.recall + int(said)
    )
    usage = step.body.get("usage")
    if not usage:
        return changed
    own = usage.get("own") or round(usage["prompt_tokens"] / usage["factor"])
    return replace(
        changed,
        factor=usage["factor"],
        slope=_slope(state, usage, own),
        reconciled=usage["model"],
        own_tokens=own,
        provider_tokens=usage["prompt_tokens"],
        cached_tokens=usage["cached_tokens"],
    )


def _slope(state: State, usage: Body, own: int) -> float:
    """What one more token of our count has come to by the provider's, smoothed over the prompts. At first half of what
    the provider counts beyond ours is taken for its tokenizer's, half for what it adds to every prompt."""
    if state.reconciled != usage["model"] or not state.own_tokens:
        return float(1 + usage["factor"]) / 2
    change = own - state.own_tokens
    if abs(change) < LEAST_CHANGE:
        return state.slope
    seen = worth(change, usage["prompt_tokens"] - state.provider_tokens)
    return state.slope + (seen - state.slope) * abs(change) / (abs(change) + STEADY)


def worth(own: int, counted: int) -> float:
    """What one of our tokens comes to by a provider's count of the same words; beyond these bounds one of the two counted
    something else."""
    return min(max(counted / own, 0.5), 2.5)


def _overflowed(state: State, step: Step) -> State:
    return replace(state, factor=step.body["factor"], own_tokens=0, reconciled=step.body["model"])


def _returned(state: State, step: Step) -> State:
    pending = tuple(call for call in state.pending if call.call_id != step.body["call_id"])
    changed = replace(state, queue=(*state.queue, *step.items), pending=pending)
    return _with_effect(changed, step)


def _with_effect(state: State, step: Step) -> State:
    """What a function, the user or an undo did to memory: a block's new text, a passage come or gone."""
    body = step.body
    if "label" in body:
        state = _with_block(state, body["label"], step)
    if "passage" in body:
        state = replace(state, archival=state.archival + 1, hidden=state.hidden - {body["passage"]})
    if "unpassage" in body:
        state = replace(state, archival=state.archival - 1, hidden=state.hidden | {body["unpassage"]})
    if "branch" in body:  # what the user wrote lies apart, so that moving the head can carry it along
        path = tuple(dict.fromkeys(((body["branch"], OPEN_END), *state.path)))
        state = replace(state, path=path, branches=max(state.branches, body["branch"] + 1))
    return state


def _with_block(state: State, label: str, step: Step) -> State:
    """A block in its new words. They are sent at once, unless the step tells of them at the end of the queue."""
    text = step.texts["after"]
    block = replace(state.blocks[label], text=text.body, text_id=text.id, changed_at=step.at)
    changed = replace(state, blocks={**state.blocks, label: block}, memory_at=step.at)
    return changed if step.items and not rebuilds(state) else _in_view(changed)


def _by_hand(state: State, step: Step) -> State:
    """What the user did to memory, and what the model is told of it. While a turn runs that stands before its newest step:
    a call waits for its returns there, a message for its pages."""
    queue, place = state.queue, len(state.queue)
    if state.turn:
        place = max((index for index, item in enumerate(queue) if item.kind != "return"), default=place)
    return _with_effect(replace(state, queue=(*queue[:place], *step.items, *queue[place:])), step)


def _evicted(state: State, step: Step) -> State:
    gone = set(step.body["steps"])
    queue = tuple(item for item in state.queue if item.step not in gone)
    return replace(
        _counted_without(state, step),
        queue=queue,
        summary=step.items[0],
        summary_text=step.texts["summary"],
        evicted=state.evicted + step.body["messages"],
        warned=False,
        shown=dict(state.blocks),
        turn=replace(state.turn, evicted=True) if state.turn else None,
    )


def _counted_without(state: State, step: Step) -> State:
    """The provider's last figure less what it had counted for what left."""
    if not state.own_tokens or "counted" not in step.body:
        return state
    own, provider = state.own_tokens - step.body["tokens"], state.provider_tokens - step.body["counted"]
    return replace(state, own_tokens=own, provider_tokens=provider)


def _shortened(state: State, step: Step) -> State:
    """The queue again, with what may not leave it cut so that it fits."""
    return replace(state, queue=step.items)


def _replaced(state: State, step: Step) -> State:
    """A rethought or rewritten reply takes the place of the old one."""
    queue = tuple(
        step.items[0] if item.step == step.body["of"] and item.kind == "reply" else item for item in state.queue
    )
    return replace(state, queue=queue, hidden=state.hidden | set(step.body.get("hides", ())))


def _ended(state: State, step: Step) -> State:
    return replace(state, turn=None, pending=())


def _moved(state: State, step: Step) -> State:
    """The head was moved here; settings, instructions, sources, imports and the user's own edits came along."""
    carried = step.body["carried"]
    changed = replace(
        state,
        name=carried.get("name", state.name),
        archived=carried.get("archived", state.archived),
        settings=carried["settings"],
        instructions=step.texts.get("instructions") if "name" in carried else state.instructions,
        sources=tuple(carried["sources"]),
        passages=dict(carried.get("passages", {})),
        made=dict(carried.get("made", {})),
        recall=state.recall + carried["recall"],
        archival=state.archival + carried.get("archival", 0),
        hidden=state.hidden | set(carried.get("hidden", ())),
        path=tuple(dict.fromkeys((*((b, last) for b, last in carried["imports"]), *state.path))),
        turn=None,
        pending=(),
        branches=carried["branches"],
    )
    return _in_view(changed) if rebuilds(changed) else changed


def _named(state: State, step: Step) -> State:
    """The agent has another name, or is another one from here on: a fork begins with no turn under way."""
    named = replace(state, name=step.body["name"])
    return replace(named, turn=None, pending=(), archived=False) if step.kind != "rename" else named


def _without(state: State, step: Step) -> State:
    """A fork is to do without something that the agent knew."""
    gone = set(step.body["items"])
    return replace(
        state,
        queue=tuple(item for item in state.queue if item.id not in gone),
        hidden=state.hidden | set(step.body["docs"]),
        recall=state.recall - step.body["recall"],
        archival=state.archival - step.body["archival"],
    )


def _archived(state: State, step: Step) -> State:
    return replace(state, archived=step.body["archived"])


def _imported(state: State, step: Step) -> State:
    """Imported messages lie on a branch of their own, so that moving the head can carry them over."""
    branch, count = step.body["branch"], step.body["count"]
    return replace(
        state,
        recall=state.recall + count,
        branches=max(state.branches, branch + 1),
        path=tuple(dict.fromkeys(((branch, OPEN_END), *state.path))),
    )


def _attached(state: State, step: Step) -> State:
    source = step.body["source"]
    rest = tuple(known for known in state.sources if known != source)
    counts = {name: count for name, count in state.passages.items() if name != source}
    made = {name: when for name, when in state.made.items() if name != source}
    if step.kind == "detach":
        return replace(state, sources=rest, passages=counts, made=made)
    counts[source] = step.body.get("passages", 0)
    if step.body.get("made"):
        made[source] = step.body["made"]
    return replace(state, sources=(*rest, source), passages=counts, made=made)


_CHANGES: dict[str, Callable[[State, Step], State]] = {
    "born": _born,
    "settings": _settings,
    "instructions": _instructions,
    "user": _arrived,
    "login": _arrived,
    "event": _arrived,
    "pressure": _arrived,
    "recalled": _recalled,
    "call": _call,
    "reply": _reply,
    "overflow": _overflowed,
    "return": _returned,
    "evict": _evicted,
    "shorten": _shortened,
    "rethink": _replaced,
    "rewrite": _replaced,
    "turn_end": _ended,
    "head": _moved,
    "edit": _by_hand,
    "undo": _by_hand,
    "redo": _by_hand,
    "import": _imported,
    "attach": _attached,
    "detach": _attached,
    "fork": _named,
    "rename": _named,
    "adopted": _named,
    "archive": _archived,
    "without": _without,
}
