"""The tables, as Peewee sees them. Migration 1 made them; a test holds the two together."""

from typing import Any

import peewee as pw

from clawft.domain.cron import Policy
from clawft.domain.sessions import ToolCallInfo
from clawft.domain.tokens import Scope
from clawft.store.columns import JsonField, MomentField, WordField
from clawft.store.database import database


class Table(pw.Model):
    @classmethod
    def replace(cls, row: Any = None, /, **columns: Any) -> Any:
        """Peewee's, which its stubs leave untyped: insert a row in the place of one with its key."""
        peewee: Any = super()
        return peewee.replace(row, **columns)

    class Meta:
        database = database


class SessionRow(Table):
    key = pw.TextField(primary_key=True)
    agent_id = pw.TextField()
    parent_key = pw.TextField(default="")
    model = pw.TextField(default="")
    """Not empty: the one model this session was made for, whatever its agent says."""
    depth = pw.IntegerField(default=0)
    """How many delegations this session is inside of."""
    mode = pw.TextField(default="")
    """What a message does that comes while a turn runs; empty: as the agent says."""
    message_count = pw.IntegerField(default=0)
    """Also the number of the last message: a message's ``seq`` is counted from it."""
    created_at = MomentField()
    updated_at = MomentField()

    class Meta:
        table_name = "sessions"


class MessageRow(Table):
    id = pw.AutoField()
    session_key = pw.TextField()
    seq = pw.IntegerField()
    turn_id = pw.TextField(null=True)
    role = WordField()
    content = pw.TextField()
    tool_calls = JsonField(tuple[ToolCallInfo, ...], null=True)
    timestamp = MomentField()

    class Meta:
        table_name = "messages"


class TurnRow(Table):
    id = pw.TextField(primary_key=True)
    session_key = pw.TextField()
    agent_id = pw.TextField()
    state = WordField()
    created_at = MomentField()
    started_at = MomentField(null=True)
    ended_at = MomentField(null=True)
    reason = WordField(null=True)
    error = pw.TextField(null=True)
    model = pw.TextField(null=True)
    tier = pw.IntegerField(null=True)
    complexity = pw.DoubleField(null=True)
    input_tokens = pw.IntegerField(null=True)
    output_tokens = pw.IntegerField(null=True)
    cost_usd = pw.DoubleField(null=True)
    input_cost_usd = pw.DoubleField(null=True)
    output_cost_usd = pw.DoubleField(null=True)
    estimated = pw.BooleanField(null=True)
    unpriced = pw.BooleanField(default=False)
    request_id = pw.TextField(default="")
    """The request all of it was done for, from REST through tools to children."""
    mode = WordField(default="queue")
    attempts = pw.IntegerField(default=0)
    """How often it began; more than once after the host died."""
    merged_into = pw.TextField(null=True)
    once_key = pw.TextField(null=True)
    digest = pw.TextField(null=True)
    """Of the message, to tell whether the same key came with the same."""

    class Meta:
        table_name = "turns"


class StepRow(Table):
    turn_id = pw.TextField()
    number = pw.IntegerField()
    kind = WordField()
    name = pw.TextField()
    status = WordField()
    started_at = MomentField()
    ended_at = MomentField(null=True)
    call_id = pw.TextField(null=True)
    effect = WordField(null=True)
    arguments = pw.TextField(null=True)
    result = pw.TextField(null=True)
    result_size = pw.IntegerField(null=True)
    reason = pw.TextField(null=True)
    error = pw.TextField(null=True)
    tier = pw.IntegerField(null=True)
    usage = pw.TextField(null=True)

    class Meta:
        table_name = "steps"
        primary_key = pw.CompositeKey("turn_id", "number")


class SummaryRow(Table):
    session_key = pw.TextField(primary_key=True)
    upto = pw.IntegerField()
    """The number of the last message it covers."""
    content = pw.TextField()
    at = MomentField()

    class Meta:
        table_name = "summaries"


class RunRow(Table):
    id = pw.TextField(primary_key=True)
    turn_id = pw.TextField()
    session_key = pw.TextField()
    model = pw.TextField()
    tier = pw.IntegerField(null=True)
    complexity = pw.DoubleField()
    latency_ms = pw.IntegerField()
    status = WordField()
    timestamp = MomentField()

    class Meta:
        table_name = "runs"


class UsageRow(Table):
    id = pw.AutoField()
    turn_id = pw.TextField()
    session_key = pw.TextField()
    agent_id = pw.TextField()
    provider = pw.TextField()
    model = pw.TextField()
    tier = pw.IntegerField()
    input_tokens = pw.IntegerField()
    output_tokens = pw.IntegerField()
    input_cost_usd = pw.DoubleField()
    output_cost_usd = pw.DoubleField()
    estimated = pw.BooleanField()
    status = WordField()
    at = MomentField()
    unpriced = pw.BooleanField(default=False)

    class Meta:
        table_name = "usage"


class OutcomeRow(Table):
    kind = WordField()
    model = pw.TextField()
    tries = pw.IntegerField()
    successes = pw.IntegerField()
    latency_ms = pw.IntegerField()
    """Summed over the tries."""

    class Meta:
        table_name = "outcomes"
        primary_key = pw.CompositeKey("kind", "model")


class EventRow(Table):
    topic = pw.TextField()
    seq = pw.IntegerField()
    body = pw.BlobField()
    at = MomentField()

    class Meta:
        table_name = "events"
        primary_key = pw.CompositeKey("topic", "seq")


class AgentRow(Table):
    id = pw.TextField(primary_key=True)
    spec = JsonField(dict[str, Any], null=True)
    """None: the agent is a file's."""
    source = WordField()
    wanted = WordField(default="running")
    created_at = MomentField()

    class Meta:
        table_name = "agents"


class TokenRow(Table):
    digest = pw.TextField(primary_key=True)
    label = pw.TextField(default="")
    scopes = JsonField(tuple[Scope, ...])
    origin = WordField()
    created_at = MomentField()
    expires_at = MomentField()
    last_used = MomentField(null=True)
    revoked_at = MomentField(null=True)

    class Meta:
        table_name = "tokens"


class CronJobRow(Table):
    id = pw.TextField(primary_key=True)
    name = pw.TextField()
    schedule = pw.TextField()
    timezone = pw.TextField(default="UTC")
    enabled = pw.BooleanField(default=True)
    payload = pw.TextField(null=True)
    status = WordField(default="idle")
    last_run = MomentField(null=True)
    next_run = MomentField(null=True)
    created_at = MomentField()
    version = pw.IntegerField(default=1)
    policy = JsonField(Policy)
    failures = pw.IntegerField(default=0)

    class Meta:
        table_name = "cron_jobs"


class CronRunRow(Table):
    job_id = pw.TextField()
    slot = MomentField()
    state = WordField()
    started_at = MomentField(null=True)
    ended_at = MomentField(null=True)
    detail = pw.TextField(null=True)
    attempt = pw.IntegerField(default=1)
    cost_usd = pw.DoubleField(null=True)

    class Meta:
        table_name = "cron_runs"
        primary_key = pw.CompositeKey("job_id", "slot")


class DeliveryRow(Table):
    id = pw.TextField(primary_key=True)
    channel = pw.TextField()
    to = pw.TextField(null=True)
    content = pw.TextField()
    state = WordField()
    attempts = pw.IntegerField(default=0)
    source = pw.TextField(null=True)
    next_attempt = MomentField(null=True)
    detail = pw.TextField(null=True)
    created_at = MomentField()
    updated_at = MomentField()

    class Meta:
        table_name = "outbox"


class MemoryRow(Table):
    """Full-text indexes ``memory_words`` and ``memory_grams`` are kept by triggers; their rowid is ``id``.

    Upsert with ON CONFLICT: SQLite's REPLACE deletes without telling the triggers.
    """

    id = pw.AutoField()
    key = pw.TextField(unique=True)
    value = pw.TextField()
    namespace = pw.TextField(default="default")
    tags = JsonField(tuple[str, ...])
    updated_at = MomentField()

    class Meta:
        table_name = "memory"


class DelegationRuleRow(Table):
    name = pw.TextField(primary_key=True)
    pattern = pw.TextField()
    target = pw.TextField()
    complexity_threshold = pw.DoubleField(default=1.0)
    enabled = pw.BooleanField(default=True)
    priority = pw.IntegerField(default=0)

    class Meta:
        table_name = "delegation_rules"


class DelegationRow(Table):
    task_id = pw.TextField(primary_key=True)
    session_key = pw.TextField()
    child_key = pw.TextField(null=True)
    target = pw.TextField()
    tool_name = pw.TextField()
    status = WordField()
    started_at = MomentField()
    completed_at = MomentField(null=True)
    latency_ms = pw.IntegerField(null=True)
    complexity = pw.DoubleField()
    error = pw.TextField(null=True)
    answer = pw.TextField(null=True)
    """Of one in the background, until the parent was told."""
    told = pw.BooleanField(default=True)
    """Whether the parent knows how it ended, or will from its own turn."""

    class Meta:
        table_name = "delegations"


class CanvasRow(Table):
    id = pw.TextField(primary_key=True)
    position = pw.IntegerField()
    element = JsonField(dict[str, Any])
    session_key = pw.TextField(default="")

    class Meta:
        table_name = "canvas"


class ChannelRow(Table):
    name = pw.TextField(primary_key=True)
    type = pw.TextField()
    message_count = pw.IntegerField(default=0)
    last_activity = MomentField(null=True)

    class Meta:
        table_name = "channels"


class SkillRow(Table):
    name = pw.TextField(primary_key=True)
    version = pw.TextField()
    enabled = pw.BooleanField(default=True)
    installed_at = MomentField()
    digest = pw.TextField()

    class Meta:
        table_name = "skills"


class SettingRow(Table):
    key = pw.TextField(primary_key=True)
    value = JsonField()

    class Meta:
        table_name = "settings"


class ApprovalRow(Table):
    id = pw.TextField(primary_key=True)
    session_key = pw.TextField()
    agent_id = pw.TextField()
    turn_id = pw.TextField()
    call_id = pw.TextField()
    tool = pw.TextField()
    arguments = pw.TextField()
    digest = pw.TextField()
    """Of tool and arguments: what is approved."""
    why = pw.TextField()
    state = WordField()
    created_at = MomentField()
    expires_at = MomentField()
    decided_at = MomentField(null=True)
    decided_by = pw.TextField(null=True)
    note = pw.TextField(null=True)

    class Meta:
        table_name = "approvals"


class AuditRow(Table):
    seq = pw.IntegerField(primary_key=True)
    at = MomentField()
    actor = pw.TextField()
    peer = pw.TextField()
    action = pw.TextField()
    detail = pw.TextField()
    hash = pw.TextField()

    class Meta:
        table_name = "audit"


class TaintedRow(Table):
    session_key = pw.TextField(primary_key=True)
    tool = pw.TextField()
    """The first that has read words of somebody outside."""
    at = MomentField()

    class Meta:
        table_name = "tainted"
