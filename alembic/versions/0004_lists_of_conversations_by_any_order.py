"""Adds what lists of conversations in other orders than their last activity, and of one agent's conversations, read:
`listing`, with an index for each order. It takes the place of the index of `conversation`.

It is filled here, by one statement: a list that lacks conversations would be worse than a start that takes some
seconds more. Costs come after that, by the running server: they need prices, which are no rows.

Revision: 0004, after 0003.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ORDERS = ("last_activity_at", "started_at", "cost_nusd", "tokens", "turn_count", "error_count", "duration_ms")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.add_column(
        "project",
        sa.Column(
            "changed_prices",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
    )
    op.add_column("project", sa.Column("rewritten_until", sa.Text(collation="C"), server_default="", nullable=False))
    op.add_column("project", sa.Column("published_prices", sa.Text(), server_default="", nullable=False))
    numbers = [
        sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)
        for name in ("cost_nusd", "tokens", "turn_count", "error_count", "duration_ms")
    ]
    op.create_table(
        "listing",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("conversation_id", sa.Text(collation="C"), nullable=False),
        sa.Column("agent", sa.Text(collation="C"), nullable=False),
        sa.Column("last_activity_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        *numbers,
        sa.PrimaryKeyConstraint("project_id", "conversation_id", "agent", name=op.f("pk_listing")),
    )
    op.execute(
        """
        insert into listing (project_id, conversation_id, agent, last_activity_at, started_at, cost_nusd, tokens,
            turn_count, error_count, duration_ms)
        select c.project_id, c.conversation_id, a.agent, c.last_activity_at, c.started_at, -1, u.tokens, c.turn_count,
            c.error_count, trunc(extract(epoch from c.last_activity_at - c.started_at) * 1000)
        from conversation c
        cross join lateral (select distinct unnest(array_prepend('', c.agents)) collate "C" as agent) a
        cross join lateral (
            select coalesce(sum((g.usage ->> 1)::bigint + (g.usage ->> 2)::bigint), 0) as tokens
            from jsonb_array_elements(c.usage_by_model) g(usage)
        ) u"""
    )
    for name in ORDERS:
        op.create_index(f"ix_listing_{name}", "listing", ["project_id", "agent", name, "conversation_id"])
    op.drop_index("ix_conversation_activity", table_name="conversation")


def downgrade() -> None:
    op.create_index("ix_conversation_activity", "conversation", ["project_id", "last_activity_at", "conversation_id"])
    op.drop_table("listing")
    op.drop_column("project", "published_prices")
    op.drop_column("project", "rewritten_until")
    op.drop_column("project", "changed_prices")
