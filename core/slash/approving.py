"""`/allow` and `/deny`: the user's word on a call that waits for it."""

from __future__ import annotations

from core.slash.asked import Asked, Outcome
from core.turn.approvals import Verdict
from memgpt.home import UserError

NOTHING_WAITS = "No call waits for your word."


async def allow(asked: Asked) -> Outcome:
    return _answered(asked, Verdict(True))


async def deny(asked: Asked) -> Outcome:
    return _answered(asked, Verdict(False, asked.argument.rstrip(".")))


def _answered(asked: Asked, verdict: Verdict) -> Outcome:
    """
    Raises:
        UserError: nothing was asked, or somebody else has answered.
    """
    about = asked.session.approvals.answer(verdict)
    if not about:
        raise UserError(NOTHING_WAITS, "The setting `approve` says which calls do.")
    return Outcome(f"{'Allowed' if verdict.allowed else 'Not allowed'}: {about}")
