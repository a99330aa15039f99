"""Adds what three features store: conversations that are only in log records (which conversation a record names, and
the trace it was put into), a project's choice for traces without an id, and what each message's calls used.

Prices held by their date, of which only the newest was ever asked for; from now on dates count. The newest price of
each model becomes the one that holds from the beginning, so that every cost stays what it was.

Revision: 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.add_column("project", sa.Column("untagged_traces", sa.Text(), server_default="conversations", nullable=False))
    op.create_check_constraint(
        op.f("ck_project_untagged_traces"), "project", "untagged_traces in ('conversations', 'hidden')"
    )
    for name in ("conversation_id", "derived_trace_id"):
        op.add_column("log_record", sa.Column(name, sa.Text(collation="C"), server_default="", nullable=False))
    op.create_index(
        "ix_log_record_conversation",
        "log_record",
        ["project_id", "conversation_id", "recorded_at", "sequence", "log_id"],
        postgresql_where=sa.text("conversation_id <> ''"),
    )
    op.add_column(
        "message",
        sa.Column(
            "usage_by_model",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
    )
    op.execute(
        """
        delete from model_price p using model_price newer
        where newer.project_id = p.project_id and newer.model = p.model and newer.effective_at > p.effective_at"""
    )
    op.execute("update model_price set effective_at = 'epoch'")


def downgrade() -> None:
    op.drop_column("message", "usage_by_model")
    op.drop_index("ix_log_record_conversation", table_name="log_record")
    op.drop_column("log_record", "derived_trace_id")
    op.drop_column("log_record", "conversation_id")
    op.drop_constraint(op.f("ck_project_untagged_traces"), "project", type_="check")
    op.drop_column("project", "untagged_traces")
