"""Leave: the guard that asks before a tool is called, and marks whose words a result is."""

from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from clawft.actors.clock import Clock, utc_now
from clawft.actors.guards import Guard, ToolAsk
from clawft.actors.new_key import new_key
from clawft.domain.approvals import Approval, marked, policy_for
from clawft.domain.tools import ToolResult
from clawft.messages.agents import Brief
from clawft.messages.approvals import AskApproval
from clawft.messages.config import GetConfig
from clawft.runtime import System
from clawft.store.approvals import ApprovalStore

READ_OUTSIDE = (
    "the conversation has read words of somebody outside, and this changes what the host does later on"
)


_REFUSALS = {"denied": "a person said no", "expired": "nobody answered in time"}


class LeaveGuard(Guard):
    """Policies and provenance.

    A turn whose conversation has read words from outside may make no lasting change without a person.
    """

    def __init__(self, system: System, store: ApprovalStore, now: Clock = utc_now) -> None:
        self._system = system
        self._store = store
        self._now = now

    async def before_tool(self, ask: ToolAsk) -> ToolResult | None:
        tools = (await self._system.ask("config", GetConfig())).tools
        policy = policy_for(ask.tool.name, tools.policies, await self._agents(ask))
        if policy == "deny":
            return ToolResult(f"{ask.tool.name} may not be used here: its policy is deny", is_error=True)
        why = "its policy is ask" if policy == "ask" else ""
        if not why and ask.tool.is_lasting and await self._store.is_tainted(ask.whose.session.key):
            why = READ_OUTSIDE
        return await self._asked(ask, why, tools.approval_seconds) if why else None

    async def _agents(self, ask: ToolAsk) -> dict[str, Any]:
        """What the agent's own config says; it is a free form."""
        agent = await self._system.ask("agents", Brief(ask.whose.session.agent_id))
        said = agent.config.get("policies")
        return said if isinstance(said, dict) else {}

    async def _asked(self, ask: ToolAsk, why: str, seconds: int) -> ToolResult | None:
        now = self._now()
        session = ask.whose.session
        approval = Approval(
            id=new_key("appr"),
            session_key=session.key,
            agent_id=session.agent_id,
            turn_id=ask.whose.turn_id,
            call_id=ask.call.id,
            tool=ask.tool.name,
            arguments=ask.call.arguments,
            why=why,
            state="open",
            created_at=now,
            expires_at=now + timedelta(seconds=seconds),
        )
        decided = await self._system.ask("approvals", AskApproval(approval))
        if decided.state == "approved" and await self._store.used(decided.id):
            return None
        note = f": {decided.note}" if decided.note else ""
        why = _REFUSALS.get(decided.state, decided.state)
        return ToolResult(f"{ask.tool.name} was not called: {why}{note}", is_error=True)

    async def after_tool(self, ask: ToolAsk, result: ToolResult) -> ToolResult:
        if not ask.tool.reads or (result.is_error and ask.tool.effect != "process"):
            return (
                result  # what went wrong is told in our own words, but for programs: they say it themselves
            )
        # Before the model sees it: what it then wants to do is judged by what it has read.
        await self._store.taint(ask.whose.session.key, ask.tool.name, self._now())
        return replace(result, content=marked(ask.tool, result.content))
