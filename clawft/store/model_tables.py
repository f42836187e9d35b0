"""What the database got when models began to cost something."""

MODEL_TABLES = (
    "ALTER TABLE usage ADD COLUMN unpriced INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE turns ADD COLUMN unpriced INTEGER NOT NULL DEFAULT 0",
)
