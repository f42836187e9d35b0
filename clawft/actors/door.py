"""The door: agents for programs that speak to models. A request is a turn, or goes on with one."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

import msgspec

from clawft.actors.beside import beside
from clawft.actors.clock import Clock, utc_now
from clawft.actors.new_key import new_key
from clawft.domain import topics
from clawft.domain.costs import Usage
from clawft.domain.events import Frame
from clawft.domain.sessions import ChatMessage, ToolCallInfo
from clawft.domain.tools import ToolCall, ToolResult
from clawft.domain.turns import TurnStory
from clawft.domain.values import UNSET
from clawft.errors import Conflict, NotFound
from clawft.messages.agents import GetAgent
from clawft.messages.door import Complete, Completed, ToolAnswer
from clawft.messages.events import Subscription, Unsubscribe
from clawft.messages.sessions import GetTurn, ListTurns, OpenSession, SendMessage
from clawft.messages.tools import OfferTools, RunTool
from clawft.runtime import Actor, NoSuchActor, Reply, on
from clawft.store.sessions import SessionStore

log = logging.getLogger(__name__)

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Guest:
    """A turn that came through the door, from its first request to its end."""

    def __init__(self, session_key: str) -> None:
        self.session_key = session_key
        self.answer: Reply[ChatMessage]
        self.text = ""
        """All that was heard of the answer."""
        self.told = 0
        """How much of it the caller knows."""
        self.spent = Usage()
        """What the caller was told of that."""
        self.hear: Callable[[str], None] | None = None
        self.wanted: dict[str, tuple[ToolCallInfo, asyncio.Future[ToolResult]]] = {}
        """Calls of the caller's tools that wait, by their id."""
        self.stirred = asyncio.Event()
        self.is_served = False

    def take(self, frame: Frame) -> None:
        """A frame of the session's chunks."""
        content = _decode(frame.body).get("content")
        if isinstance(content, str):
            self.text += content
            if self.hear is not None:
                self.told = len(self.text)
                self.hear(content)

    def rest(self, whole: str | None = None) -> str:
        """What was not told yet; ``whole`` is the answer as it was kept."""
        text = self.text if whole is None else whole
        rest, self.told = text[self.told :], max(self.told, len(text))
        return rest


class Door(Actor):
    """Answers ``Complete``. The caller's tools are offered to the one session, and run by the caller."""

    concurrency = 10_000
    mailbox_limit = 10_000

    def __init__(self, *, sessions: SessionStore, now: Clock = utc_now) -> None:
        super().__init__()
        self._sessions = sessions
        self._now = now
        self._guests: dict[str, Guest] = {}
        """By the key of their session."""

    @on(Complete)
    def complete(self, ask: Complete) -> Reply[Completed]:
        return beside(self, self._complete(ask)).reply

    async def _complete(self, ask: Complete) -> Completed:
        guest = self._with_answers(ask.answers) if ask.answers else await self._begun(ask)
        guest.hear = ask.hear
        guest.is_served = True
        try:
            return await self._served(guest)
        except asyncio.CancelledError:
            guest.answer.cancel()  # the caller has gone: so does the turn
            raise
        finally:
            guest.hear, guest.is_served = None, False

    def _with_answers(self, answers: tuple[ToolAnswer, ...]) -> Guest:
        guest = next((each for each in self._guests.values() if answers[-1].call_id in each.wanted), None)
        if guest is None:
            raise NotFound(
                f"no turn waits for the call {answers[-1].call_id[:100]}; "
                "it may have been answered or timed out"
            )
        if guest.is_served:
            raise Conflict("another request is answered by this turn already")
        for answer in answers:
            _, result = guest.wanted.pop(answer.call_id, (None, None))
            if result is not None and not result.done():
                result.set_result(ToolResult(answer.content))
        return guest

    async def _begun(self, ask: Complete) -> Guest:
        await self.ask("agents", GetAgent(ask.agent_id))  # not_found when there is no such agent
        key = ask.session_key or new_key("sess")
        if key in self._guests:
            raise Conflict(f"the session {key} answers another request just now")
        guest = self._guests[key] = Guest(key)
        try:
            await self.ask("sessions", OpenSession(key, ask.agent_id))
            if ask.history and not ask.session_key:
                await self._sessions.append(key, ask.history)
            if ask.tools:
                await self.ask("tools", OfferTools(self.path, ask.tools, key))
            await self.ask("events", Subscription(topics.chunks_of(key), guest.take))
            guest.answer = self.ask("sessions", SendMessage(key, ask.content, request_id=ask.request_id))
        except BaseException:
            self._leave(guest)
            raise
        guest.answer.add_done_callback(lambda _: self._over(guest))
        return guest

    def _over(self, guest: Guest) -> None:
        guest.stirred.set()
        self._leave(guest)

    def _leave(self, guest: Guest) -> None:
        self._guests.pop(guest.session_key, None)
        with contextlib.suppress(NoSuchActor):  # the host is stopping
            self.tell("events", Unsubscribe(guest.take))
            self.ask("tools", OfferTools(self.path, (), guest.session_key))

    async def _served(self, guest: Guest) -> Completed:
        while not guest.wanted and not guest.answer.done():
            guest.stirred.clear()
            await guest.stirred.wait()
        if guest.wanted and not guest.answer.done():
            calls = tuple(call for call, _ in guest.wanted.values())
            return await self._completed(guest, "", calls)
        return await self._completed(guest, (await guest.answer).content, ())

    async def _completed(self, guest: Guest, whole: str, calls: tuple[ToolCallInfo, ...]) -> Completed:
        story = await self._story(guest.session_key)
        spent = sum((step.usage for step in story.steps if step.usage is not UNSET), Usage())
        usage = Usage(
            max(0, spent.input_tokens - guest.spent.input_tokens),
            max(0, spent.output_tokens - guest.spent.output_tokens),
        )
        guest.spent = spent
        return Completed(
            id=story.id,
            session_key=guest.session_key,
            finish="tool_calls" if calls else "stop",
            content=guest.rest(whole or None),
            usage=usage,
            calls=calls,
        )

    async def _story(self, key: str) -> TurnStory:
        turns = await self.ask("sessions", ListTurns(key))
        newest = max(turns, key=lambda turn: turn.created_at)
        return await self.ask("sessions", GetTurn(key, newest.id))

    @on(RunTool)
    async def run(self, ask: RunTool) -> ToolResult:
        call: ToolCall = ask.call
        guest = self._guests.get(call.session_key)
        if guest is None:
            return ToolResult(f"nobody is there any more who runs {call.name}", is_error=True)
        result: asyncio.Future[ToolResult] = asyncio.get_running_loop().create_future()
        arguments = msgspec.json.encode(call.arguments).decode()
        guest.wanted[call.call_id] = (ToolCallInfo(call.call_id, call.name, arguments), result)
        guest.stirred.set()
        try:
            return await result
        finally:
            guest.wanted.pop(call.call_id, None)
