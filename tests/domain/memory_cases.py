"""A small labelled set for searching memory: entries, queries and the key each query means."""

from datetime import UTC, datetime

from clawft.domain.memory import MemoryEntry

_AT = datetime(2026, 2, 24, 10, 30, tzinfo=UTC)

_ROWS = (
    ("pattern-auth", "JWT with refresh tokens", "auth jwt"),
    ("pattern-retry", "Exponential backoff with jitter, give up after five attempts", "http reliability"),
    ("staging-box", "The staging server is kite.internal, log in as deploy", "servers"),
    (
        "production-db",
        "PostgreSQL 16 on heron.internal, nightly dump at 02:00 UTC",
        "database servers backup",
    ),
    ("wifi-guest", "Guest network is called Meadow, the passphrase is on the fridge", "office"),
    ("alice-birthday", "Alice was born on 14 March and likes dark chocolate", "people"),
    ("bob-allergy", "Bob is allergic to peanuts and shellfish", "people food"),
    ("dentist", "Appointment with Dr Lindqvist on Tuesday at 9", "health calendar"),
    ("car-service", "Volvo needs new brake pads before the winter", "car"),
    ("coffee-order", "Flat white with oat milk, no sugar", "food"),
    ("python-style", "Ruff for linting and formatting, line length 110, mypy strict", "code python"),
    (
        "release-checklist",
        "Bump the version, update the changelog, tag, build wheels, publish",
        "code deploy",
    ),
    ("deploy-frontend", "npm run build, then rsync dist to the web root and reload nginx", "deploy web"),
    ("rollback", "Point the symlink at the previous release and restart the service", "deploy"),
    ("vpn-setup", "WireGuard, config in the password manager under gateway", "network security"),
    ("password-policy", "At least 14 characters, rotated only after a breach", "security"),
    ("invoice-due", "Invoices are payable within 30 days of receipt", "finance"),
    ("tax-advisor", "Ms Okafor prepares the annual tax return", "finance people"),
    ("landlord", "Mr Petrov, reachable by phone on weekdays", "home people"),
    ("boiler-code", "Error F22 means low water pressure: top up to 1.5 bar", "home"),
    ("plants", "Water the ficus weekly and the cactus monthly", "home"),
    ("gym-plan", "Squats and deadlifts on Monday, swimming on Thursday", "health"),
    ("book-list", "Reading The Left Hand of Darkness next", "books"),
    ("recipe-soup", "Roast pumpkin, ginger, coconut milk, blend until smooth", "food recipe"),
    ("flight-lisbon", "TAP 553 leaves Friday 18:40 from terminal 1", "travel"),
    ("hotel-lisbon", "Booked two nights at Casa Azul, breakfast included", "travel"),
    ("kubernetes-limits", "Every container sets memory requests and limits", "infrastructure"),
    (
        "monitoring-alerts",
        "Page only when users notice; everything else is a ticket",
        "infrastructure oncall",
    ),
    ("meeting-notes", "Decided to drop Internet Explorer and ship the dashboard in May", "work"),
    ("zürich-office", "Bahnhofstrasse 10, ring twice at reception", "office travel"),
    ("printer", "The printer on floor two jams with recycled paper", "office"),
    ("team-lunch", "Thursdays at noon in the canteen", "work food"),
)

ENTRIES = tuple(MemoryEntry(key, value, "default", tuple(tags.split()), _AT) for key, value, tags in _ROWS)

EXACT = {
    "pattern-auth": "pattern-auth",
    "auth": "pattern-auth",
    "rollback": "rollback",
    "refresh tokens": "pattern-auth",
    "staging server": "staging-box",
    "kite.internal": "staging-box",
    "oat milk": "coffee-order",
    "peanuts": "bob-allergy",
    "water pressure": "boiler-code",
    "Casa Azul": "hotel-lisbon",
    "nginx": "deploy-frontend",
    "Okafor": "tax-advisor",
    "where is the staging box?": "staging-box",
    "what is the line length for Python": "python-style",
    "Zurich": "zürich-office",
}
"""Queries in the entry's own words."""

BENT = {
    "authentication": "pattern-auth",
    "retries": "pattern-retry",
    "retrying with exponential backoffs": "pattern-retry",
    "allergies": "bob-allergy",
    "allergic peanut": "bob-allergy",
    "kuberntes limits": "kubernetes-limits",
    "passphrases": "wifi-guest",
    "invoicing": "invoice-due",
    "lintting": "python-style",
    "postgres dumps": "production-db",
    "birthdays": "alice-birthday",
    "deadlift": "gym-plan",
    "monitor alert": "monitoring-alerts",
    "dashbord": "meeting-notes",
    "pumpkn soup": "recipe-soup",
}
"""Queries with other endings, parts of words and mistypings."""

STRANGERS = (
    "quantum entanglement",
    "violin lessons",
    "mortgage interest",
    "penguin habitat",
    "rust borrow checker",
    "the price of gold in 1980",
    "volcano",
    "how do I knit a scarf",
    "chess openings",
    "bicycle chain",
)
"""Queries that nothing answers."""
