"""What the database got when it began to remember who did what."""

AUDIT_TABLES = (
    """CREATE TABLE audit (
        seq INTEGER PRIMARY KEY,
        at TEXT NOT NULL,
        actor TEXT NOT NULL,
        peer TEXT NOT NULL,
        action TEXT NOT NULL,
        detail TEXT NOT NULL,
        hash TEXT NOT NULL)""",
    "CREATE TRIGGER audit_is_only_added_to BEFORE UPDATE ON audit"
    " BEGIN SELECT raise(ABORT, 'append only'); END",
)
