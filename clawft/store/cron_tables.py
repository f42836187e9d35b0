"""The migration of cron policies and the outbox, as SQL, so that it never changes when ``tables`` does."""

CRON_TABLES = (
    "ALTER TABLE cron_jobs ADD COLUMN policy TEXT NOT NULL DEFAULT '{}'",
    "ALTER TABLE cron_jobs ADD COLUMN failures INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE cron_runs ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE cron_runs ADD COLUMN cost_usd REAL",
    "CREATE INDEX cron_runs_open ON cron_runs (state) WHERE state IN ('queued', 'running')",
    """CREATE TABLE outbox (
        id TEXT PRIMARY KEY,
        channel TEXT NOT NULL,
        "to" TEXT,
        content TEXT NOT NULL,
        state TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        source TEXT,
        next_attempt TEXT,
        detail TEXT,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL)""",
    "CREATE INDEX outbox_created ON outbox (created_at)",
    "CREATE INDEX outbox_open ON outbox (state) WHERE state IN ('queued', 'attempting')",
)
