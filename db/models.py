"""The tables: columns, indexes, constraints. Declarations only; every statement lives in its own module beside this.

Every primary key and index starts with `project_id`, and nothing is unique across projects but the projects' own
names: that is what lets the tables be distributed by project. Only `api_key`, `document` and `signing_secret` are the
server's own. Texts are not null
with default ""; identifiers compare in byte order (COLLATE "C"), so that Python and PostgreSQL sort them alike.
"""

from datetime import datetime
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA, JSONB
from sqlmodel import Field, SQLModel

from db.columns import IDENTIFIER, INSTANT
from db.columns import changed_in as _changed_in
from db.columns import identifier as _identifier
from db.columns import instant as _instant
from db.columns import json_list as _json_list
from db.columns import number as _number
from db.columns import numbers as _numbers
from db.columns import one_of as _one_of
from db.columns import project_key as _project_key
from db.columns import text as _text
from db.columns import texts as _texts
from domain.records import MessageKind, MessageView, Status, ToolCallOrigin, UntaggedTraces


class Project(SQLModel, table=True):
    """Whose data: `entity/name` on the wire. Made at the first ingest, price or feedback."""

    __tablename__: ClassVar[Any] = "project"
    __table_args__ = (sa.UniqueConstraint("entity", "name"), _one_of("untagged_traces", UntaggedTraces))

    project_id: int | None = Field(default=None, primary_key=True, sa_type=sa.BigInteger)
    entity: str = Field(sa_type=IDENTIFIER)
    name: str = Field(sa_type=IDENTIFIER)
    untagged_traces: str = Field(
        default=UntaggedTraces.CONVERSATIONS,
        sa_type=sa.Text,
        sa_column_kwargs={"server_default": UntaggedTraces.CONVERSATIONS.value},
    )
    """What becomes of traces none of whose spans carries a conversation id."""
    changed_prices: list[str] = _texts()
    """Models whose price has changed, until the stored costs (`listing`) follow; '' stands for every model."""
    rewritten_until: str = _identifier()
    """The last conversation whose stored cost does."""
    published_prices: str = _text()
    """Which version of the published prices costs were stored by."""
    retention_content_days: int | None = Field(default=None, sa_type=sa.Integer)
    """How old turns and log records may become with their content; null is any age."""
    retention_rows_days: int | None = Field(default=None, sa_type=sa.Integer)
    """How old they may become at all."""
    retention_erased_turns: int = _number()
    """How many turns lost their content so; and below, how many went as a whole."""
    retention_deleted_turns: int = _number()
    masking_rules: list[dict[str, str]] = _json_list()
    """[{kind, pattern, replacement}, ...], `domain.masking.Rule`: applied before anything is stored."""


class Trace(SQLModel, table=True):
    """One row per trace, made to be locked: whoever changes a trace's spans or turns holds it."""

    __tablename__: ClassVar[Any] = "trace"
    __table_args__ = (
        # Which traces an earlier version projected (`turngraph reproject`).
        sa.Index("ix_trace_version", "project_id", "projection_version", "trace_id"),
        # Which traces must be projected before they are read.
        sa.Index("ix_trace_waiting", "project_id", "trace_id", postgresql_where=sa.text("waiting_spans > 0")),
    )

    project_id: int = _project_key()
    trace_id: str = _identifier(primary_key=True)
    projection_version: int = _number()
    """By whose rules its spans were read and its turns made: `domain.projection.PROJECTION_VERSION` of that time."""
    linked_conversation_id: str = _identifier()
    """The conversation that a client put it into, for as long as none of its spans carries an id."""
    projected_spans: int = _number()
    """On long traces: how many spans there were when its turns were last made; 0 on all others."""
    waiting_spans: int = _number()
    """How many spans were stored since: its turns are made again once they are read, or once these are many."""
    erased_at: datetime | None = Field(default=None, sa_type=INSTANT)
    """When its content was erased; what comes later for it is stored without."""


class Span(SQLModel, table=True):
    """One OpenTelemetry span: its scalars, narrow. Bodies are in `span_content`."""

    __tablename__: ClassVar[Any] = "span"
    __table_args__ = (
        # The minimap reads nothing but this index, and only spans that carry an id are in it.
        sa.Index(
            "ix_span_minimap",
            "project_id",
            "conversation_id",
            "started_at",
            "span_id",
            postgresql_include=["trace_id", "operation_name", "status", "duration_ms"],
            postgresql_where=sa.text("conversation_id <> ''"),
        ),
        # Evaluations find their span by the answer's id.
        sa.Index("ix_span_response", "project_id", "response_id", postgresql_where=sa.text("response_id <> ''")),
        # Feedback names spans by their own id alone.
        sa.Index("ix_span_span", "project_id", "span_id"),
        _one_of("status", Status),
        # Vacuumed early, so that the index alone answers (the visibility map is fresh): 1.3 to 2.2 times faster.
        {
            "postgresql_with": {
                "autovacuum_vacuum_insert_scale_factor": "0.02",
                "autovacuum_analyze_scale_factor": "0.02",
            }
        },
    )

    project_id: int = _project_key()
    trace_id: str = _identifier(primary_key=True)
    span_id: str = _identifier(primary_key=True)
    parent_span_id: str = _identifier()
    conversation_id: str = _identifier()
    conversation_id_source: str = _text()
    dialect: str = _text()
    conversation_name: str = _text()
    name: str = _text()
    operation_name: str = _identifier()
    status: str = _identifier()
    started_at: datetime = _instant()
    ended_at: datetime = _instant()
    duration_ms: int = _number()
    agent_name: str = _text()
    agent_id: str = _text()
    agent_version: str = _text()
    provider_name: str = _text()
    request_model: str = _text()
    response_model: str = _text()
    response_id: str = _identifier()
    input_tokens: int = _number()
    output_tokens: int = _number()
    cache_read_tokens: int = _number()
    cache_write_tokens: int = _number()
    reasoning_tokens: int = _number()
    given_cost_nusd: int | None = Field(default=None, sa_type=sa.BigInteger)
    tool_name: str = _text()
    error_type: str = _text()
    status_message: str = _text()
    raw_hash: int = _number()
    """Of the span as received: a span that is sent again unchanged is not written again."""


class SpanContent(SQLModel, table=True):
    """A span's bodies: what the projection reads, and the span as received, from which all else can be rebuilt."""

    __tablename__: ClassVar[Any] = "span_content"

    project_id: int = _project_key()
    trace_id: str = _identifier(primary_key=True)
    span_id: str = _identifier(primary_key=True)
    digest: str = _text()
    """`domain.records.SpanContent` as JSON, defaults left out; read whole, never searched."""
    raw: bytes = Field(sa_type=BYTEA)
    """An OTLP TracesData message (protobuf) with this one span, packed (packing.py)."""


class LogRecord(SQLModel, table=True):
    """One OTLP log record, raw. It has no id of its own: the hash of its bytes makes re-sending harmless."""

    __tablename__: ClassVar[Any] = "log_record"
    __table_args__ = (
        sa.Index("ix_log_record_span", "project_id", "trace_id", "span_id", postgresql_where=sa.text("trace_id <> ''")),
        # Evaluations that name the answer they judge instead of a span, and may come before it.
        sa.Index("ix_log_record_response", "project_id", "response_id", postgresql_where=sa.text("response_id <> ''")),
        # Conversations that are told by log records alone.
        sa.Index(
            "ix_log_record_conversation",
            "project_id",
            "conversation_id",
            "recorded_at",
            "sequence",
            "log_id",
            postgresql_where=sa.text("conversation_id <> ''"),
        ),
        # Those that a project keeps no longer.
        sa.Index("ix_log_record_age", "project_id", "is_erased", "recorded_at", "log_id"),
    )

    project_id: int = _project_key()
    log_id: str = _identifier(primary_key=True)
    trace_id: str = _identifier()
    span_id: str = _identifier()
    event_name: str = _text()
    response_id: str = _identifier()
    """On evaluations without a span: the id of the answer that they judge."""
    conversation_id: str = _identifier()
    """On records whose place in time tells which turn of a conversation they are, and on prompts: its id."""
    derived_trace_id: str = _identifier()
    """On the same: the trace in which their span is."""
    recorded_at: datetime = _instant()
    sequence: int = _number()
    """Its place in the request that brought it: what decides between records of one instant."""
    is_erased: bool = Field(default=False, sa_type=sa.Boolean, sa_column_kwargs={"server_default": sa.text("false")})
    """Nothing but its time, its event and its ids is left in `raw`."""
    raw: bytes = Field(sa_type=BYTEA)


class Turn(SQLModel, table=True):
    """One trace inside one conversation. Derived from spans; '' is the conversation of a trace's untagged spans."""

    __tablename__: ClassVar[Any] = "turn"
    __table_args__ = (
        sa.Index("ix_turn_page", "project_id", "conversation_id", "started_at", "trace_id"),
        sa.Index("ix_turn_trace", "project_id", "trace_id"),
        # Traces that are conversations by themselves, and could be linked to one.
        sa.Index(
            "ix_turn_unlinked",
            "project_id",
            "started_at",
            "trace_id",
            postgresql_where=sa.text("conversation_id_source = 'trace'"),
        ),
        # Those that a project keeps no longer.
        sa.Index("ix_turn_age", "project_id", sa.text("(erased_at is null)"), "started_at", "trace_id"),
        # What is added up over time.
        sa.Index("ix_turn_started", "project_id", "started_at", postgresql_where=sa.text("conversation_id <> ''")),
        _one_of("status", Status),
    )

    project_id: int = _project_key()
    conversation_id: str = _identifier(primary_key=True)
    trace_id: str = _identifier(primary_key=True)
    conversation_id_source: str = _text()
    dialect: str = _text()
    started_at: datetime = _instant()
    ended_at: datetime = _instant()
    last_activity_at: datetime = _instant()
    root_span_id: str = _identifier()
    root_span_name: str = _text()
    agent_name: str = _text()
    agent_version: str = _text()
    status: str = _identifier()
    provider_name: str = _text()
    duration_ms: int = _number()
    span_count: int = _number()
    error_count: int = _number()
    message_count: int = _number()
    """In the full view."""
    message_rows: int = _number()
    """Of both views together."""
    agents: list[str] = _texts()
    conversation_name: str = _text()
    usage_by_model: list[list[Any]] = _json_list()
    """[[model, input, output, cache read, cache write, reasoning tokens, given cost], ...]: each LLM call once."""
    usage_notes: list[list[Any]] = _json_list()
    """[[what, number of spans], ...]: how the usage came about."""
    span_sum_by_model: list[list[Any]] = _json_list()
    """The same over all spans, as Weave sums."""
    erased_at: datetime | None = Field(default=None, sa_type=INSTANT)
    """Its trace's."""
    changed_in: int = _changed_in()
    marks: list[int] = _numbers()
    """What its conversation is found by."""
    model_work: list[list[Any]] = _json_list()
    """[[agent, provider, an entry of usage_by_model, calls, failed calls, [milliseconds, ...]], ...]"""
    agent_work: list[list[Any]] = _json_list()
    """[[name, version, runs, failed runs, [milliseconds, ...]], ...]"""
    tool_work: list[list[Any]] = _json_list()
    """The same of tools, whose version is ''."""


class Message(SQLModel, table=True):
    """One element of a turn's timeline, in one view of it or in both. Derived from spans."""

    __tablename__: ClassVar[Any] = "message"
    __table_args__ = (
        _one_of("kind", MessageKind),
        _one_of("status", Status),
        _one_of("tool_origin", (origin for origin in ToolCallOrigin if origin is not ToolCallOrigin.MODEL_INPUT)),
        _one_of("only_in", MessageView, or_none=True),
    )

    project_id: int = _project_key()
    conversation_id: str = _identifier(primary_key=True)
    trace_id: str = _identifier(primary_key=True)
    position: int = Field(primary_key=True, sa_type=sa.Integer, sa_column_kwargs={"autoincrement": False})
    kind: str = _identifier()
    span_id: str = _identifier()
    agent_name: str = _text()
    agent_version: str = _text()
    status: str = _identifier()
    started_at: datetime = _instant()
    text: str = _text()
    model: str = _text()
    reasoning_content: str = _text()
    input_tokens: int = _number()
    output_tokens: int = _number()
    reasoning_tokens: int = _number()
    usage_choices: list[list[list[Any]]] = _json_list()
    """What Weave's costs are computed from: the first entry with any price counts."""
    usage_by_model: list[list[Any]] = _json_list()
    """As a turn's: what the calls behind an answer used, each once."""
    duration_ms: int = _number()
    content_refs: list[str] = _texts()
    tool_origin: str = _identifier()
    tool_name: str = _text()
    tool_arguments: str = _text()
    tool_result: str = _text()
    system_instructions: str = _text()
    tool_definitions: str = _text()
    compaction_summary: str = _text()
    compaction_items_before: int = _number()
    compaction_items_after: int = _number()
    handoff_from: str = _text()
    handoff_to: str = _text()
    only_in: str = _identifier()
    """The one view in which it stands; '' for both."""


class Conversation(SQLModel, table=True):
    """All turns with one conversation id, rolled up. Derived from turns."""

    __tablename__: ClassVar[Any] = "conversation"
    # What has changed since a client last heard (`changes.py`).
    __table_args__ = (sa.Index("ix_conversation_changed", "project_id", "changed_in", "conversation_id"),)

    project_id: int = _project_key()
    conversation_id: str = _identifier(primary_key=True)
    name: str = _text()
    started_at: datetime = _instant()
    last_activity_at: datetime = _instant()
    turn_count: int = _number()
    span_count: int = _number()
    message_count: int = _number()
    error_count: int = _number()
    untagged_turn_count: int = _number()
    """Turns none of whose spans carries the id: of the trace whose id it is, and of traces that are linked to it."""
    agents: list[str] = _texts()
    usage_by_model: list[list[Any]] = _json_list()
    usage_notes: list[list[Any]] = _json_list()
    given_name: str = _text()
    """What an operator calls it, not derived: `name` then says the same. "" leaves it to the spans."""
    tags: list[str] = _texts()
    """An operator's, not derived; sorted, each once."""
    erased_at: datetime | None = Field(default=None, sa_type=INSTANT)
    """When content of its turns was last erased."""
    running_turn_count: int = _number()
    """Turns whose root has started and not ended."""
    changed_in: int = _changed_in()
    """Of whatever changed it; below, of what changed its turns, and the feedback on it and on them."""
    turns_changed_in: int = _number()
    feedback_changed_in: int = _number()


class Removal(SQLModel, table=True):
    """A conversation that is gone, for a day: so that clients hear of it."""

    __tablename__: ClassVar[Any] = "removal"
    __table_args__ = (sa.Index("ix_removal_changed", "project_id", "changed_in", "conversation_id"),)

    project_id: int = _project_key()
    conversation_id: str = _identifier(primary_key=True)
    changed_in: int = _number()
    removed_at: datetime = _instant()


class ConversationMarks(SQLModel, table=True):
    """What a conversation is found by: the marks of its turns and of its tags, each made the project's own. Derived."""

    __tablename__: ClassVar[Any] = "conversation_marks"
    # Of marks alone: a mark is of one project.
    __table_args__ = (sa.Index("ix_conversation_marks_marks", "marks", postgresql_using="gin"),)

    project_id: int = _project_key()
    conversation_id: str = _identifier(primary_key=True)
    marks: list[int] = _numbers()


class Listing(SQLModel, table=True):
    """A conversation's place in one list, that of all or that of one of its agents: what lists are sorted by. Derived
    from conversations and prices.
    """

    __tablename__: ClassVar[Any] = "listing"
    __table_args__ = tuple(
        sa.Index(f"ix_listing_{key}", "project_id", "agent", key, "conversation_id")
        for key in ("last_activity_at", "started_at", "cost_nusd", "tokens", "turn_count", "error_count", "duration_ms")
    )

    project_id: int = _project_key()
    conversation_id: str = _identifier(primary_key=True)
    agent: str = _identifier(primary_key=True)
    """'' in the list of all."""
    last_activity_at: datetime = _instant()
    started_at: datetime = _instant()
    cost_nusd: int = _number()
    """By the prices known when it was written, in nano-dollars; -1 is unknown. Nothing but the order follows it."""
    tokens: int = _number()
    """Input and output of all calls that count."""
    turn_count: int = _number()
    error_count: int = _number()
    duration_ms: int = _number()
    """From the first start to the last activity."""


class Feedback(SQLModel, table=True):
    """One judgement on a conversation, a turn (by its trace) or a span: exactly one of the three ids is set."""

    __tablename__: ClassVar[Any] = "feedback"
    __table_args__ = (
        *(
            sa.Index(
                f"ix_feedback_{target}",
                "project_id",
                f"{target}_id",
                "created_at",
                "feedback_id",
                postgresql_where=sa.text(f"{target}_id <> ''"),
            )
            for target in ("conversation", "trace", "span")
        ),
        sa.Index("ix_feedback_newest", "project_id", "created_at", "feedback_id"),
        sa.Index("ix_feedback_type", "project_id", "feedback_type", "created_at", "feedback_id"),
        sa.Index(
            "ux_feedback_client_key",
            "project_id",
            "client_key",
            unique=True,
            postgresql_where=sa.text("client_key <> ''"),
        ),
        sa.CheckConstraint(
            "(conversation_id <> '')::int + (trace_id <> '')::int + (span_id <> '')::int = 1", name="one_target"
        ),
    )

    project_id: int = _project_key()
    feedback_id: str = _identifier(primary_key=True)
    conversation_id: str = _identifier()
    trace_id: str = _identifier()
    span_id: str = _identifier()
    feedback_type: str = _text()
    tags: list[str] = _texts()
    ratings: list[dict[str, Any]] = _json_list()
    """[{name, value, reason, confidence}, ...]"""
    payload: dict[str, Any] = Field(
        default_factory=dict, sa_type=JSONB, sa_column_kwargs={"server_default": sa.text("'{}'::jsonb")}
    )
    creator: str = _text()
    created_at: datetime = _instant()
    updated_at: datetime | None = Field(default=None, sa_type=INSTANT)
    """When it was last changed; null if it never was."""
    client_key: str = _identifier()
    """The giver's own name for this act of giving: the same again gives nothing new. '' for none."""
    given: bytes = Field(default=b"", sa_type=BYTEA, sa_column_kwargs={"server_default": ""})
    """A hash of what was given at first, by which a repetition is known; '' for what came as a log record."""
    tag_notes: list[dict[str, Any]] = _json_list()
    """[{tag, reason, confidence}, ...]"""
    runnable_ref: str = _text()
    """Four references of Weave's, kept as given: what ran, its call, what made it run, the annotation's form."""
    call_ref: str = _text()
    trigger_ref: str = _text()
    annotation_ref: str = _text()


class ModelPrice(SQLModel, table=True):
    """A project's own price of a model from a date on, in nano-dollars per million tokens (1e-15 USD per token)."""

    __tablename__: ClassVar[Any] = "model_price"

    project_id: int = _project_key()
    model: str = _identifier(primary_key=True)
    effective_at: datetime = Field(primary_key=True, sa_type=INSTANT)
    input_nusd_per_mtok: int = _number()
    output_nusd_per_mtok: int = _number()
    cache_read_nusd_per_mtok: int = _number()
    cache_write_nusd_per_mtok: int = _number()


class Erasure(SQLModel, table=True):
    """An order to erase content, and its receipt: by conversation, by attribute or by age, exactly one of the three."""

    __tablename__: ClassVar[Any] = "erasure"
    __table_args__ = (sa.Index("ix_erasure_requested_at", "project_id", "requested_at", "erasure_id"),)

    project_id: int = _project_key()
    erasure_id: str = _identifier(primary_key=True)
    conversation_id: str = _identifier()
    attribute_key: str = _text()
    attribute_value: str = _text()
    """As long as the order is being carried out: it may be a person's name."""
    before: datetime | None = Field(default=None, sa_type=INSTANT)
    requested_at: datetime = _instant()
    finished_at: datetime | None = Field(default=None, sa_type=INSTANT)
    traces_until: str = _identifier()
    """The last trace that was looked at; and below, the last log record."""
    log_records_until: str = _identifier()
    turn_count: int = _number()
    message_count: int = _number()
    span_count: int = _number()
    log_record_count: int = _number()
    feedback_count: int = _number()
