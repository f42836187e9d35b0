"""Migration 1: every table of the first release, as SQL, so that it never changes when ``tables`` does."""

SESSIONS = (
    """CREATE TABLE sessions (
        key TEXT PRIMARY KEY,
        agent_id TEXT NOT NULL,
        parent_key TEXT NOT NULL DEFAULT '',
        model TEXT NOT NULL DEFAULT '',
        depth INTEGER NOT NULL DEFAULT 0,
        message_count INTEGER NOT NULL DEFAULT 0,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL)""",
    "CREATE INDEX sessions_agent ON sessions (agent_id)",
    "CREATE INDEX sessions_updated ON sessions (updated_at)",
    """CREATE TABLE messages (
        id INTEGER PRIMARY KEY,
        session_key TEXT NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
        seq INTEGER NOT NULL,
        turn_id TEXT,
        role TEXT NOT NULL,
        content TEXT NOT NULL,
        tool_calls TEXT,
        timestamp TEXT NOT NULL,
        UNIQUE (session_key, seq))""",
    """CREATE TABLE turns (
        id TEXT PRIMARY KEY,
        session_key TEXT NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
        agent_id TEXT NOT NULL,
        state TEXT NOT NULL,
        created_at TEXT NOT NULL,
        started_at TEXT,
        ended_at TEXT,
        reason TEXT,
        error TEXT,
        model TEXT,
        tier INTEGER,
        complexity REAL,
        input_tokens INTEGER,
        output_tokens INTEGER,
        cost_usd REAL,
        input_cost_usd REAL,
        output_cost_usd REAL,
        estimated INTEGER)""",
    "CREATE INDEX turns_session ON turns (session_key, created_at)",
    "CREATE INDEX turns_open ON turns (created_at) WHERE ended_at IS NULL",
)

# Runs and usage outlive their session: what was spent stays in the sums.
MONITORING = (
    """CREATE TABLE runs (
        id TEXT PRIMARY KEY,
        turn_id TEXT NOT NULL UNIQUE,
        session_key TEXT NOT NULL,
        model TEXT NOT NULL,
        tier INTEGER,
        complexity REAL NOT NULL,
        latency_ms INTEGER NOT NULL,
        status TEXT NOT NULL,
        timestamp TEXT NOT NULL)""",
    "CREATE INDEX runs_timestamp ON runs (timestamp)",
    "CREATE INDEX runs_session ON runs (session_key, timestamp)",
    """CREATE TABLE usage (
        id INTEGER PRIMARY KEY,
        turn_id TEXT NOT NULL,
        session_key TEXT NOT NULL,
        agent_id TEXT NOT NULL,
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        tier INTEGER NOT NULL,
        input_tokens INTEGER NOT NULL,
        output_tokens INTEGER NOT NULL,
        input_cost_usd REAL NOT NULL,
        output_cost_usd REAL NOT NULL,
        estimated INTEGER NOT NULL,
        status TEXT NOT NULL,
        at TEXT NOT NULL)""",
    "CREATE INDEX usage_at ON usage (at)",
    """CREATE TABLE outcomes (
        kind TEXT NOT NULL,
        model TEXT NOT NULL,
        tries INTEGER NOT NULL,
        successes INTEGER NOT NULL,
        latency_ms INTEGER NOT NULL,
        PRIMARY KEY (kind, model))""",
)

EVENTS = (
    """CREATE TABLE events (
        topic TEXT NOT NULL,
        seq INTEGER NOT NULL,
        body BLOB NOT NULL,
        at TEXT NOT NULL,
        PRIMARY KEY (topic, seq))""",
)

IDENTITY = (
    """CREATE TABLE agents (
        id TEXT PRIMARY KEY,
        spec TEXT,
        source TEXT NOT NULL,
        wanted TEXT NOT NULL DEFAULT 'running',
        created_at TEXT NOT NULL)""",
    """CREATE TABLE tokens (
        digest TEXT PRIMARY KEY,
        label TEXT NOT NULL DEFAULT '',
        scopes TEXT NOT NULL,
        origin TEXT NOT NULL,
        created_at TEXT NOT NULL,
        expires_at TEXT NOT NULL,
        last_used TEXT,
        revoked_at TEXT)""",
    "CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
)

WORK = (
    """CREATE TABLE cron_jobs (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        schedule TEXT NOT NULL,
        timezone TEXT NOT NULL DEFAULT 'UTC',
        enabled INTEGER NOT NULL DEFAULT 1,
        payload TEXT,
        status TEXT NOT NULL DEFAULT 'idle',
        last_run TEXT,
        next_run TEXT,
        created_at TEXT NOT NULL,
        version INTEGER NOT NULL DEFAULT 1)""",
    """CREATE TABLE cron_runs (
        job_id TEXT NOT NULL REFERENCES cron_jobs (id) ON DELETE CASCADE,
        slot TEXT NOT NULL,
        state TEXT NOT NULL,
        started_at TEXT,
        ended_at TEXT,
        detail TEXT,
        PRIMARY KEY (job_id, slot))""",
    """CREATE TABLE delegation_rules (
        name TEXT PRIMARY KEY,
        pattern TEXT NOT NULL,
        target TEXT NOT NULL,
        complexity_threshold REAL NOT NULL DEFAULT 1.0,
        enabled INTEGER NOT NULL DEFAULT 1,
        priority INTEGER NOT NULL DEFAULT 0)""",
    """CREATE TABLE delegations (
        task_id TEXT PRIMARY KEY,
        session_key TEXT NOT NULL,
        child_key TEXT,
        target TEXT NOT NULL,
        tool_name TEXT NOT NULL,
        status TEXT NOT NULL,
        started_at TEXT NOT NULL,
        completed_at TEXT,
        latency_ms INTEGER,
        complexity REAL NOT NULL,
        error TEXT)""",
    "CREATE INDEX delegations_started ON delegations (started_at)",
    """CREATE TABLE channels (
        name TEXT PRIMARY KEY,
        type TEXT NOT NULL,
        message_count INTEGER NOT NULL DEFAULT 0,
        last_activity TEXT)""",
    """CREATE TABLE skills (
        name TEXT PRIMARY KEY,
        version TEXT NOT NULL,
        enabled INTEGER NOT NULL DEFAULT 1,
        installed_at TEXT NOT NULL,
        digest TEXT NOT NULL)""",
    """CREATE TABLE canvas (
        id TEXT PRIMARY KEY,
        position INTEGER NOT NULL,
        element TEXT NOT NULL,
        session_key TEXT NOT NULL DEFAULT '')""",
)

_MEMORY_TABLE = """CREATE TABLE memory (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    value TEXT NOT NULL,
    namespace TEXT NOT NULL DEFAULT 'default',
    tags TEXT NOT NULL,
    updated_at TEXT NOT NULL)"""
_WORDS = "tokenize = 'porter unicode61 remove_diacritics 2', prefix = '2 3'"
_GRAMS = "tokenize = 'trigram'"


def _memory_index(name: str, options: str) -> tuple[str, ...]:
    """A full-text index over memory that holds no text of its own, and the triggers that keep it true."""
    add = f"INSERT INTO {name} (rowid, key, value, tags) VALUES (new.id, new.key, new.value, new.tags);"  # noqa: S608 - the names are ours
    drop = (
        f"INSERT INTO {name} ({name}, rowid, key, value, tags)"  # noqa: S608 - the names are ours
        " VALUES ('delete', old.id, old.key, old.value, old.tags);"
    )
    return (
        f"CREATE VIRTUAL TABLE {name} USING fts5"
        f" (key, value, tags, content = 'memory', content_rowid = 'id', {options})",
        f"CREATE TRIGGER {name}_insert AFTER INSERT ON memory BEGIN {add} END",
        f"CREATE TRIGGER {name}_delete AFTER DELETE ON memory BEGIN {drop} END",
        f"CREATE TRIGGER {name}_update AFTER UPDATE ON memory BEGIN {drop} {add} END",
    )


MEMORY = (_MEMORY_TABLE, *_memory_index("memory_words", _WORDS), *_memory_index("memory_grams", _GRAMS))

FIRST_TABLES = (*SESSIONS, *MONITORING, *EVENTS, *IDENTITY, *WORK, *MEMORY)
