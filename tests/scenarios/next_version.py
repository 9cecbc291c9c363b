"""The next version of this program: a copy with a newer form of plans and one more migration."""

import shutil
from pathlib import Path

from bot.domain.plan import PLAN_SCHEMA
from bot.store.migrations import newest

ROOT = Path(__file__).resolve().parents[2]
REVISION = "9002"
MIGRATION = f'''
"""What the next version keeps besides."""

import sqlalchemy as sa
from alembic import op

revision = "{REVISION}"
down_revision = "{newest()}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rollout", sa.Column("flavour", sa.Text(), server_default="plain"))
'''


def next_version(folder: Path) -> Path:
    """Make the copy; where its programs are started."""
    here = folder / "next"
    for package in ("bot", "commands", "templates"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, here / package, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", here)
    plan = here / "bot" / "domain" / "plan.py"
    text, old = plan.read_text("utf-8"), f"PLAN_SCHEMA = {PLAN_SCHEMA}\n"
    assert text.count(old) == 1
    plan.write_text(text.replace(old, f"PLAN_SCHEMA = {PLAN_SCHEMA + 1}\n"))
    versions = here / "bot" / "store" / "migrations" / "versions"
    (versions / "v9002_next.py").write_text(MIGRATION)
    return here
