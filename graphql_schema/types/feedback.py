"""Feedback: one judgement on a conversation, a turn or a span."""

from datetime import datetime
from typing import Any

import strawberry
from strawberry.scalars import JSON

from db.engine import Row
from db.projects import ProjectRecord
from domain.names import weave_ref


@strawberry.type(description="A named number within one feedback.")
class Rating:
    name: str = strawberry.field(description="What was rated.")
    value: float = strawberry.field(description="The number given.")
    reason: str | None = strawberry.field(description="Why, in words.")
    confidence: float | None = strawberry.field(description="How sure the rater was, usually 0 to 1.")


@strawberry.type(description="One judgement on a conversation, a turn or a span: exactly one of the three ids is set.")
class Feedback:
    id: strawberry.ID = strawberry.field(description="The feedback's own id.")
    project_id: str = strawberry.field(description="entity/project")
    conversation_id: str | None = strawberry.field(description="Set when the conversation was judged.")
    trace_id: str | None = strawberry.field(description="Set when the turn with this trace was judged.")
    span_id: str | None = strawberry.field(description="Set when the span was judged.")
    feedback_type: str = strawberry.field(description="What kind of judgement, such as wandb.agent_user_feedback.")
    tags: list[str] = strawberry.field(description="Labels, emoji included, as given.")
    ratings: list[Rating] = strawberry.field(description="Numbers given.")
    payload: JSON = strawberry.field(description="Whatever else the giver sent: a JSON object.")
    creator: str | None = strawberry.field(description="Who gave it.")
    created_at: datetime = strawberry.field(description="When it was stored.")
    weave_ref: str = strawberry.field(description="The judged object as a reference, as Weave's clients write it.")

    @classmethod
    def from_row(cls, project: ProjectRecord, row: Row) -> "Feedback":
        project_id = f"{project.entity}/{project.name}"
        target = {name: row[name] for name in ("conversation_id", "trace_id", "span_id")}
        return cls(
            id=strawberry.ID(row["feedback_id"]),
            project_id=project_id,
            conversation_id=target["conversation_id"] or None,
            trace_id=target["trace_id"] or None,
            span_id=target["span_id"] or None,
            feedback_type=row["feedback_type"],
            tags=row["tags"],
            ratings=[
                Rating(name=item["name"], value=item["value"], reason=item["reason"], confidence=item["confidence"])
                for item in row["ratings"]
            ],
            payload=row["payload"],
            creator=row["creator"] or None,
            created_at=row["created_at"],
            weave_ref=weave_ref(project_id, **target),
        )


def feedback_list(project: ProjectRecord, rows: list[Any]) -> list[Feedback]:
    return [Feedback.from_row(project, row) for row in rows]
