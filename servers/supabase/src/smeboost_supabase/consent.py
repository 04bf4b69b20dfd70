"""Asking the person before something is destroyed.

Rules of this room:

- Where the client can show a form, the person is asked through it (MCP elicitation, in both protocol eras); the model
  cannot answer in their place. Otherwise the call gives an approval that has to be passed back with the same text.
- Either way what is run is what was approved: see `approvals`.
"""

from fastmcp import Context
from fastmcp.server.elicitation import AcceptedElicitation
from mcp.types import (
    ClientCapabilities,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
)
from smeboost_shared.errors import NotPermitted

from smeboost_supabase.approvals import Approvals, Deed

ANSWER = "approval"
SHOWN_MAX_LENGTH = 20_000
_FORM = {
    "type": "object",
    "properties": {"approve": {"type": "boolean", "title": "Run exactly this text"}},
    "required": ["approve"],
}
MODERN = "2026-07-28"


class Pending(Exception):
    """Nobody could be asked: the caller has to pass `approval` with the same text."""

    def __init__(self, approval: str) -> None:
        super().__init__("approval needed")
        self.approval = approval


async def ask_consent(
    ctx: Context, approvals: Approvals, deed: Deed, question: str, approval: str | None
) -> InputRequiredResult | None:
    """None when `deed` is approved; else what to return so that the client asks the person.

    Raises:
        InvalidInput: the approval does not hold.
        NotPermitted: the person said no, or would not read a text of this length.
        Pending: the client cannot ask.
    """
    if approval is not None:
        approvals.redeem(deed, approval)
        return None
    if not _can_ask(ctx):
        raise Pending(approvals.issue(deed))
    if len(deed.text) > SHOWN_MAX_LENGTH:
        raise NotPermitted(f"Nobody can approve of more than {SHOWN_MAX_LENGTH} characters at once.")
    if _is_modern(ctx):
        return None if _answered(ctx, approvals, deed) else _ask(question, approvals.issue(deed))
    answer = await ctx.elicit(question, response_type=bool, response_title="Run exactly this text")
    if not (isinstance(answer, AcceptedElicitation) and answer.data is True):
        raise _declined()
    return None


def _can_ask(ctx: Context) -> bool:
    declared: ClientCapabilities | None = ctx.session.client_capabilities if ctx.request_context else None
    asking = declared.elicitation if declared else None
    # A client that names no mode has the form (MCP 2025-11-25, "Elicitation").
    return asking is not None and (asking.form is not None or asking.url is None)


def _is_modern(ctx: Context) -> bool:
    return ctx.request_context is not None and ctx.request_context.protocol_version >= MODERN


def _answered(ctx: Context, approvals: Approvals, deed: Deed) -> bool:
    answer = (ctx.input_responses or {}).get(ANSWER)
    if answer is None:
        return False
    if (
        not isinstance(answer, ElicitResult)
        or answer.action != "accept"
        or (answer.content or {}).get("approve") is not True
    ):
        raise _declined()
    # The state holds the approval of the text that was shown; this call's text must be the same.
    approvals.redeem(deed, ctx.request_state or "")
    return True


def _ask(question: str, approval: str) -> InputRequiredResult:
    form = ElicitRequest(params=ElicitRequestFormParams(message=question, requested_schema=_FORM))
    return InputRequiredResult(input_requests={ANSWER: form}, request_state=approval)


def _declined() -> NotPermitted:
    return NotPermitted("The person did not approve of this; nothing was run.")
