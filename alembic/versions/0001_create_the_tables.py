"""Creates the tables: projects, traces and spans as received, and what is derived from them.

Revision: 0001, the first.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.create_table(
        "conversation",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("conversation_id", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_activity_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("turn_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("span_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("message_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("error_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("untagged_turn_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("agents", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column(
            "usage_by_model",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "usage_notes",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("project_id", "conversation_id", name=op.f("pk_conversation")),
    )
    op.create_index(
        "ix_conversation_activity", "conversation", ["project_id", "last_activity_at", "conversation_id"], unique=False
    )
    op.create_table(
        "feedback",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("feedback_id", sa.Text(collation="C"), nullable=False),
        sa.Column("conversation_id", sa.Text(collation="C"), server_default="", nullable=False),
        sa.Column("trace_id", sa.Text(collation="C"), server_default="", nullable=False),
        sa.Column("span_id", sa.Text(collation="C"), server_default="", nullable=False),
        sa.Column("feedback_type", sa.Text(), server_default="", nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column(
            "ratings", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column(
            "payload", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("creator", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(conversation_id <> '')::int + (trace_id <> '')::int + (span_id <> '')::int = 1",
            name=op.f("ck_feedback_one_target"),
        ),
        sa.PrimaryKeyConstraint("project_id", "feedback_id", name=op.f("pk_feedback")),
    )
    op.create_index(
        "ix_feedback_conversation",
        "feedback",
        ["project_id", "conversation_id", "created_at", "feedback_id"],
        unique=False,
        postgresql_where=sa.text("conversation_id <> ''"),
    )
    op.create_index(
        "ix_feedback_span",
        "feedback",
        ["project_id", "span_id", "created_at", "feedback_id"],
        unique=False,
        postgresql_where=sa.text("span_id <> ''"),
    )
    op.create_index(
        "ix_feedback_trace",
        "feedback",
        ["project_id", "trace_id", "created_at", "feedback_id"],
        unique=False,
        postgresql_where=sa.text("trace_id <> ''"),
    )
    op.create_table(
        "log_record",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_id", sa.Text(collation="C"), nullable=False),
        sa.Column("trace_id", sa.Text(collation="C"), server_default="", nullable=False),
        sa.Column("span_id", sa.Text(collation="C"), server_default="", nullable=False),
        sa.Column("event_name", sa.Text(), server_default="", nullable=False),
        sa.Column("response_id", sa.Text(collation="C"), server_default="", nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sequence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("raw", postgresql.BYTEA(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "log_id", name=op.f("pk_log_record")),
    )
    op.create_index(
        "ix_log_record_response",
        "log_record",
        ["project_id", "response_id"],
        unique=False,
        postgresql_where=sa.text("response_id <> ''"),
    )
    op.create_index(
        "ix_log_record_span",
        "log_record",
        ["project_id", "trace_id", "span_id"],
        unique=False,
        postgresql_where=sa.text("trace_id <> ''"),
    )
    op.create_table(
        "message",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("conversation_id", sa.Text(collation="C"), nullable=False),
        sa.Column("trace_id", sa.Text(collation="C"), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(collation="C"), server_default="", nullable=False),
        sa.Column("span_id", sa.Text(collation="C"), server_default="", nullable=False),
        sa.Column("agent_name", sa.Text(), server_default="", nullable=False),
        sa.Column("agent_version", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(collation="C"), server_default="", nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("model", sa.Text(), server_default="", nullable=False),
        sa.Column("reasoning_content", sa.Text(), server_default="", nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("reasoning_tokens", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "usage_choices",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.Column("duration_ms", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("content_refs", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("tool_origin", sa.Text(collation="C"), server_default="", nullable=False),
        sa.Column("tool_name", sa.Text(), server_default="", nullable=False),
        sa.Column("tool_arguments", sa.Text(), server_default="", nullable=False),
        sa.Column("tool_result", sa.Text(), server_default="", nullable=False),
        sa.Column("system_instructions", sa.Text(), server_default="", nullable=False),
        sa.Column("tool_definitions", sa.Text(), server_default="", nullable=False),
        sa.Column("compaction_summary", sa.Text(), server_default="", nullable=False),
        sa.Column("compaction_items_before", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("compaction_items_after", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("handoff_from", sa.Text(), server_default="", nullable=False),
        sa.Column("handoff_to", sa.Text(), server_default="", nullable=False),
        sa.Column("only_in", sa.Text(collation="C"), server_default="", nullable=False),
        sa.CheckConstraint(
            "kind in ('user_message', 'assistant_message', 'tool_call', 'agent_start', 'agent_handoff', "
            "'context_compacted')",
            name=op.f("ck_message_kind"),
        ),
        sa.CheckConstraint("only_in in ('', 'full', 'weave')", name=op.f("ck_message_only_in")),
        sa.CheckConstraint("status in ('UNSET', 'OK', 'ERROR')", name=op.f("ck_message_status")),
        sa.CheckConstraint(
            "tool_origin in ('execution', 'task_notification', 'async_launch', 'model_request')",
            name=op.f("ck_message_tool_origin"),
        ),
        sa.PrimaryKeyConstraint("project_id", "conversation_id", "trace_id", "position", name=op.f("pk_message")),
    )
    op.create_table(
        "model_price",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("model", sa.Text(collation="C"), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("input_nusd_per_mtok", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("output_nusd_per_mtok", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("cache_read_nusd_per_mtok", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("cache_write_nusd_per_mtok", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "model", "effective_at", name=op.f("pk_model_price")),
    )
    op.create_table(
        "project",
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("entity", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_project")),
        sa.UniqueConstraint("entity", "name", name=op.f("uq_project_entity_name")),
    )
    op.create_table(
        "span",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("trace_id", sa.Text(collation="C"), nullable=False),
        sa.Column("span_id", sa.Text(collation="C"), nullable=False),
        sa.Column("parent_span_id", sa.Text(collation="C"), server_default="", nullable=False),
        sa.Column("conversation_id", sa.Text(collation="C"), server_default="", nullable=False),
        sa.Column("conversation_id_source", sa.Text(), server_default="", nullable=False),
        sa.Column("dialect", sa.Text(), server_default="", nullable=False),
        sa.Column("conversation_name", sa.Text(), server_default="", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("operation_name", sa.Text(collation="C"), server_default="", nullable=False),
        sa.Column("status", sa.Text(collation="C"), server_default="", nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("agent_name", sa.Text(), server_default="", nullable=False),
        sa.Column("agent_id", sa.Text(), server_default="", nullable=False),
        sa.Column("agent_version", sa.Text(), server_default="", nullable=False),
        sa.Column("provider_name", sa.Text(), server_default="", nullable=False),
        sa.Column("request_model", sa.Text(), server_default="", nullable=False),
        sa.Column("response_model", sa.Text(), server_default="", nullable=False),
        sa.Column("response_id", sa.Text(collation="C"), server_default="", nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("cache_read_tokens", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("cache_write_tokens", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("reasoning_tokens", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("given_cost_nusd", sa.BigInteger(), nullable=True),
        sa.Column("tool_name", sa.Text(), server_default="", nullable=False),
        sa.Column("error_type", sa.Text(), server_default="", nullable=False),
        sa.Column("status_message", sa.Text(), server_default="", nullable=False),
        sa.Column("raw_hash", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("status in ('UNSET', 'OK', 'ERROR')", name=op.f("ck_span_status")),
        sa.PrimaryKeyConstraint("project_id", "trace_id", "span_id", name=op.f("pk_span")),
        postgresql_with={"autovacuum_vacuum_insert_scale_factor": "0.02", "autovacuum_analyze_scale_factor": "0.02"},
    )
    op.create_index(
        "ix_span_minimap",
        "span",
        ["project_id", "conversation_id", "started_at", "span_id"],
        unique=False,
        postgresql_include=["trace_id", "operation_name", "status", "duration_ms"],
        postgresql_where=sa.text("conversation_id <> ''"),
    )
    op.create_index(
        "ix_span_response",
        "span",
        ["project_id", "response_id"],
        unique=False,
        postgresql_where=sa.text("response_id <> ''"),
    )
    op.create_table(
        "span_content",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("trace_id", sa.Text(collation="C"), nullable=False),
        sa.Column("span_id", sa.Text(collation="C"), nullable=False),
        sa.Column("digest", sa.Text(), server_default="", nullable=False),
        sa.Column("raw", postgresql.BYTEA(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "trace_id", "span_id", name=op.f("pk_span_content")),
    )
    op.create_table(
        "trace",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("trace_id", sa.Text(collation="C"), nullable=False),
        sa.Column("projection_version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("linked_conversation_id", sa.Text(collation="C"), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("project_id", "trace_id", name=op.f("pk_trace")),
    )
    op.create_index("ix_trace_version", "trace", ["project_id", "projection_version", "trace_id"], unique=False)
    op.create_table(
        "turn",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("conversation_id", sa.Text(collation="C"), nullable=False),
        sa.Column("trace_id", sa.Text(collation="C"), nullable=False),
        sa.Column("conversation_id_source", sa.Text(), server_default="", nullable=False),
        sa.Column("dialect", sa.Text(), server_default="", nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_activity_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("root_span_id", sa.Text(collation="C"), server_default="", nullable=False),
        sa.Column("root_span_name", sa.Text(), server_default="", nullable=False),
        sa.Column("agent_name", sa.Text(), server_default="", nullable=False),
        sa.Column("agent_version", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(collation="C"), server_default="", nullable=False),
        sa.Column("provider_name", sa.Text(), server_default="", nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("span_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("error_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("message_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("message_rows", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("agents", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("conversation_name", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "usage_by_model",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "usage_notes",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "span_sum_by_model",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.CheckConstraint("status in ('UNSET', 'OK', 'ERROR')", name=op.f("ck_turn_status")),
        sa.PrimaryKeyConstraint("project_id", "conversation_id", "trace_id", name=op.f("pk_turn")),
    )
    op.create_index("ix_turn_page", "turn", ["project_id", "conversation_id", "started_at", "trace_id"], unique=False)
    op.create_index("ix_turn_trace", "turn", ["project_id", "trace_id"], unique=False)
    op.create_index(
        "ix_turn_unlinked",
        "turn",
        ["project_id", "started_at", "trace_id"],
        unique=False,
        postgresql_where=sa.text("conversation_id_source = 'trace'"),
    )


def downgrade() -> None:
    op.drop_index("ix_turn_unlinked", table_name="turn", postgresql_where=sa.text("conversation_id_source = 'trace'"))
    op.drop_index("ix_turn_trace", table_name="turn")
    op.drop_index("ix_turn_page", table_name="turn")
    op.drop_table("turn")
    op.drop_index("ix_trace_version", table_name="trace")
    op.drop_table("trace")
    op.drop_table("span_content")
    op.drop_index("ix_span_response", table_name="span", postgresql_where=sa.text("response_id <> ''"))
    op.drop_index(
        "ix_span_minimap",
        table_name="span",
        postgresql_include=["trace_id", "operation_name", "status", "duration_ms"],
        postgresql_where=sa.text("conversation_id <> ''"),
    )
    op.drop_table("span")
    op.drop_table("project")
    op.drop_table("model_price")
    op.drop_table("message")
    op.drop_index("ix_log_record_span", table_name="log_record", postgresql_where=sa.text("trace_id <> ''"))
    op.drop_index("ix_log_record_response", table_name="log_record", postgresql_where=sa.text("response_id <> ''"))
    op.drop_table("log_record")
    op.drop_index("ix_feedback_trace", table_name="feedback", postgresql_where=sa.text("trace_id <> ''"))
    op.drop_index("ix_feedback_span", table_name="feedback", postgresql_where=sa.text("span_id <> ''"))
    op.drop_index("ix_feedback_conversation", table_name="feedback", postgresql_where=sa.text("conversation_id <> ''"))
    op.drop_table("feedback")
    op.drop_index("ix_conversation_activity", table_name="conversation")
    op.drop_table("conversation")
