"""What the database got when calls could wait for a person."""

APPROVAL_TABLES = (
    """CREATE TABLE approvals (
        id TEXT PRIMARY KEY,
        session_key TEXT NOT NULL,
        agent_id TEXT NOT NULL,
        turn_id TEXT NOT NULL,
        call_id TEXT NOT NULL,
        tool TEXT NOT NULL,
        arguments TEXT NOT NULL,
        digest TEXT NOT NULL,
        why TEXT NOT NULL,
        state TEXT NOT NULL,
        created_at TEXT NOT NULL,
        expires_at TEXT NOT NULL,
        decided_at TEXT,
        decided_by TEXT,
        note TEXT) WITHOUT ROWID""",
    "CREATE INDEX approvals_by_state ON approvals (state, created_at)",
    "CREATE INDEX approvals_by_turn ON approvals (turn_id)",
    """CREATE TABLE tainted (
        session_key TEXT PRIMARY KEY REFERENCES sessions (key) ON DELETE CASCADE,
        tool TEXT NOT NULL,
        at TEXT NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX sessions_by_parent ON sessions (parent_key) WHERE parent_key <> ''",
)
