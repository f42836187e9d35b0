"""What the database got when delegations could go on in the background."""

DELEGATION_TABLES = (
    "ALTER TABLE delegations ADD COLUMN answer TEXT",
    "ALTER TABLE delegations ADD COLUMN told INTEGER NOT NULL DEFAULT 1",
    "CREATE INDEX delegations_untold ON delegations (started_at) WHERE NOT told",
)
