"""Adds what lets a long trace grow without being projected again at every request, and stops PostgreSQL from trying to
compress stored spans, which are packed before they get there.

Revision: 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    for name in ("projected_spans", "waiting_spans"):
        op.add_column("trace", sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.create_index(
        "ix_trace_waiting", "trace", ["project_id", "trace_id"], postgresql_where=sa.text("waiting_spans > 0")
    )
    op.execute("alter table span_content alter column raw set storage external")


def downgrade() -> None:
    op.execute("alter table span_content alter column raw set storage extended")
    op.drop_index("ix_trace_waiting", table_name="trace")
    op.drop_column("trace", "waiting_spans")
    op.drop_column("trace", "projected_spans")
