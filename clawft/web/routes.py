"""The REST API, one line an endpoint, in the order of the API reference."""

import re
from typing import Any, Literal

import msgspec

from clawft.domain.tokens import Scope
from clawft.messages import (
    actors,
    agents,
    approvals,
    audit,
    budgets,
    canvas,
    channels,
    config,
    cron,
    delegation,
    mcp,
    memory,
    models,
    monitor,
    outbox,
    sessions,
    skills,
    tokens,
    tools,
    voice,
)
from clawft.runtime import Ask

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Access = Scope | Literal["any", "open"]
"""What a token must be good for; ``any``: any token will do; ``open``: none is needed."""


class Route(msgspec.Struct, frozen=True):
    """Requests like this become that message, asked of that actor.

    Names in the path, the query (GET and DELETE) or the body (the others) fill the message's fields; a field
    ``caller`` is filled by us. The response is whatever the message says it is answered with.
    """

    method: Method
    path: str
    """``:name`` is one segment; ``*name`` may hold slashes."""
    actor: str
    message: type[Ask[Any]]
    scope: Access
    body: str | None = None
    """The one field the whole body fills, if it is not spread over several."""
    ignores: tuple[str, ...] = ()
    """Members of the body that may be sent back as they were answered and change nothing."""
    patience: float = 10.0
    """Seconds to wait for the answer."""
    is_talk: bool = False
    """Question and answer count as messages of the channel ``web``."""

    @property
    def is_audited(self) -> bool:
        """Whether it is remembered who did it: whatever changes something but a conversation."""
        changes = self.method != "GET" and self.scope in ("operate", "admin", "any")
        return changes or self.message is tokens.MintToken

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that the path fills."""
        return tuple(re.findall(r"[:*](\w+)", self.path))


_JOB_REPORTS = ("id", "status", "last_run", "next_run", "failures", "reading", "next_runs")
_TURN = 300.0

ROUTES = (
    Route("POST", "/api/auth/token", "tokens", tokens.MintToken, "open"),
    Route("DELETE", "/api/auth/token", "tokens", tokens.RevokeOwnToken, "any"),
    Route("GET", "/api/auth/verify", "tokens", tokens.VerifyToken, "any"),
    Route("GET", "/api/tokens", "tokens", tokens.ListTokens, "admin"),
    Route("DELETE", "/api/tokens/:id", "tokens", tokens.RevokeToken, "admin"),
    Route("GET", "/api/agents", "agents", agents.ListAgents, "read"),
    Route("POST", "/api/agents", "agents", agents.SpawnAgent, "operate", body="spec"),
    Route("GET", "/api/agents/:id", "agents", agents.GetAgent, "read"),
    Route("DELETE", "/api/agents/:id", "agents", agents.RemoveAgent, "operate"),
    Route("POST", "/api/agents/:id/start", "agents", agents.StartAgent, "operate"),
    Route("POST", "/api/agents/:id/stop", "agents", agents.StopAgent, "operate"),
    Route("GET", "/api/sessions", "sessions", sessions.ListSessions, "read"),
    Route("POST", "/api/sessions", "sessions", sessions.CreateSession, "chat"),
    Route("GET", "/api/sessions/:key", "sessions", sessions.GetSession, "read"),
    Route("DELETE", "/api/sessions/:key", "sessions", sessions.DeleteSession, "chat"),
    Route("GET", "/api/sessions/:key/export", "sessions", sessions.ExportSession, "read"),
    Route(
        "POST",
        "/api/sessions/:key/messages",
        "sessions",
        sessions.SendMessage,
        "chat",
        patience=_TURN,
        is_talk=True,
    ),
    Route("POST", "/api/sessions/:key/stop", "sessions", sessions.StopSession, "chat"),
    Route("GET", "/api/sessions/:key/turns", "sessions", sessions.ListTurns, "read"),
    Route("GET", "/api/sessions/:key/turns/:id", "sessions", sessions.GetTurn, "read"),
    Route("GET", "/api/sessions/:key/results/:call_id", "sessions", sessions.ReadResult, "read"),
    Route("GET", "/api/tools", "tools", tools.ListTools, "read"),
    Route("POST", "/api/tools", "tools", tools.RegisterTool, "operate"),
    Route("DELETE", "/api/tools/:name", "tools", tools.RemoveTool, "operate"),
    Route("GET", "/api/tools/:name/schema", "tools", tools.GetToolSchema, "read"),
    Route("POST", "/api/tools/calls/:id", "tools", tools.AnswerToolCall, "operate"),
    Route("GET", "/api/skills", "skills", skills.ListSkills, "read"),
    Route("POST", "/api/skills/install", "skills", skills.InstallSkill, "admin", patience=60.0),
    Route("DELETE", "/api/skills/:name", "skills", skills.RemoveSkill, "admin"),
    Route("GET", "/api/skills/registry/search", "skills", skills.SearchRegistry, "read"),
    Route("GET", "/api/memory", "memory", memory.ListMemory, "read"),
    Route("POST", "/api/memory", "memory", memory.CreateMemory, "operate"),
    Route("GET", "/api/memory/search", "memory", memory.SearchMemory, "read"),
    Route("DELETE", "/api/memory/:key", "memory", memory.DeleteMemory, "operate"),
    Route("GET", "/api/config", "config", config.GetConfig, "read"),
    Route("PUT", "/api/config", "config", config.PutConfig, "admin", body="config"),
    Route("GET", "/api/secrets", "config", config.ListKeys, "admin"),
    Route("PUT", "/api/secrets/:provider", "config", config.PutKey, "admin"),
    Route("DELETE", "/api/secrets/:provider", "config", config.RemoveKey, "admin"),
    Route("GET", "/api/mcp/servers", "mcp", mcp.ListMcpServers, "read"),
    Route("GET", "/api/providers", "models", models.ListProviders, "read"),
    Route("GET", "/api/cron", "cron", cron.ListJobs, "read"),
    Route("POST", "/api/cron", "cron", cron.CreateJob, "operate"),
    Route("POST", "/api/cron/preview", "cron", cron.PreviewSchedule, "read"),
    Route("GET", "/api/cron/:id", "cron", cron.GetJob, "read"),
    Route("PUT", "/api/cron/:id", "cron", cron.UpdateJob, "operate", ignores=_JOB_REPORTS),
    Route("DELETE", "/api/cron/:id", "cron", cron.DeleteJob, "operate"),
    Route("POST", "/api/cron/:id/run", "cron", cron.RunJob, "operate"),
    Route("GET", "/api/cron/:id/runs", "cron", cron.ListJobRuns, "read"),
    Route("GET", "/api/outbox", "outbox", outbox.ListDeliveries, "read"),
    Route("POST", "/api/outbox/:id/resend", "outbox", outbox.ResendDelivery, "operate"),
    Route("GET", "/api/outbox/keys/:channel", "outbox", outbox.GetSigningKey, "admin"),
    Route("GET", "/api/approvals", "approvals", approvals.ListApprovals, "read"),
    Route("GET", "/api/approvals/:id", "approvals", approvals.GetApproval, "read"),
    Route("POST", "/api/approvals/:id", "approvals", approvals.Decide, "operate"),
    Route("GET", "/api/channels", "channels", channels.ListChannels, "read"),
    Route("GET", "/api/delegation/active", "delegation", delegation.ListActive, "read"),
    Route("GET", "/api/delegation/rules", "delegation", delegation.ListRules, "read"),
    Route("PATCH", "/api/delegation/rules", "delegation", delegation.PutRule, "operate", body="rule"),
    Route("DELETE", "/api/delegation/rules/:name", "delegation", delegation.DeleteRule, "operate"),
    Route("GET", "/api/delegation/history", "delegation", delegation.GetHistory, "read"),
    Route("GET", "/api/monitoring/token-usage", "monitor", monitor.GetTokenUsage, "read"),
    Route("GET", "/api/monitoring/costs", "monitor", monitor.GetCosts, "read"),
    Route("GET", "/api/monitoring/pipeline-runs", "monitor", monitor.ListRuns, "read"),
    Route("GET", "/api/monitoring/budgets", "budgets", budgets.ListBudgets, "read"),
    Route("POST", "/api/monitoring/budgets/resume", "budgets", budgets.ResumeBudget, "operate"),
    Route("GET", "/api/voice/status", "voice", voice.GetVoiceStatus, "read"),
    Route("PUT", "/api/voice/settings", "voice", voice.PutVoiceSettings, "operate"),
    Route("POST", "/api/voice/test-mic", "voice", voice.TestMic, "operate"),
    Route("POST", "/api/voice/test-speaker", "voice", voice.TestSpeaker, "operate"),
    Route("GET", "/api/voice/devices", "voice", voice.ListSoundDevices, "read"),
    Route("POST", "/api/voice/talk", "voice", voice.SetTalkMode, "operate"),
    Route("POST", "/api/voice/ptt", "voice", voice.PushToTalk, "operate"),
    Route("POST", "/api/voice/interrupt", "voice", voice.InterruptVoice, "operate"),
    Route("POST", "/api/voice/say", "voice", voice.Say, "operate", patience=120.0),
    Route("GET", "/api/voice/tts/config", "voice", voice.GetSpeechFormat, "read"),
    Route("GET", "/api/health", "monitor", monitor.GetHealth, "open"),
    Route("GET", "/api/canvas", "canvas", canvas.GetCanvas, "read"),
    Route("GET", "/api/audit", "audit", audit.ListAudit, "admin"),
    Route("GET", "/api/audit/verify", "audit", audit.VerifyAudit, "admin", patience=60.0),
    Route("GET", "/api/actors", "actors", actors.ListActors, "operate"),
    Route("POST", "/api/actors/*path/restart", "actors", actors.RestartActor, "operate"),
    Route("GET", "/api/dead-letters", "actors", actors.ListDeadLetters, "operate"),
    Route("POST", "/api/dead-letters/:id/resend", "actors", actors.ResendDeadLetter, "operate"),
)
