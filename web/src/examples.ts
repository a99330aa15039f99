// The queries GraphiQL opens with, one tab each. They answer on the demo data of `make run`.

interface Example {
  readonly query: string;
  readonly variables: string;
}

/** A conversation of the demo data: what the feedback example judges. */
const DEMO_CONVERSATION_ID = 'conv-agents-1';

function example(query: string, variables: Record<string, unknown>): Example {
  return { query: query.trimStart(), variables: JSON.stringify(variables, null, 2) };
}

export function examples(project: string): Example[] {
  return [
    example(
      `
# A project's newest conversations:
# how long, how recent, at what cost.
# Ctrl-Enter runs it, Ctrl-Space
# completes. For the next page, give
# the endCursor: first: 10, after: "..."
query NewestConversations($project: ID!) {
  project(id: $project) {
    conversations(first: 10) {
      edges {
        node {
          conversationId
          name
          turnCount
          spanCount
          errorCount
          lastActivityAt
          usage {
            inputTokens
            outputTokens
          }
          cost {
            totalUsd
          }
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
}
`,
      { project },
    ),
    example(
      `
# The newest conversation to read:
# its last turns, and the messages of
# each. "... on" asks for what only
# one kind of message has.
query TurnsAndMessages($project: ID!) {
  project(id: $project) {
    conversations(first: 1) {
      edges {
        node {
          conversationId
          name
          turns(last: 5) {
            edges {
              node {
                traceId
                agentName
                status
                durationMs
                messages {
                  kind
                  startedAt
                  ... on UserMessage {
                    text
                  }
                  ... on AssistantMessage {
                    text
                    model
                  }
                  ... on ToolCall {
                    toolName
                    arguments
                    result
                    status
                  }
                  ... on AgentStart {
                    agentName
                    agentVersion
                  }
                }
              }
            }
          }
        }
      }
    }
  }
}
`,
      { project },
    ),
    example(
      `
# The span minimap: the newest
# conversation's latest spans, oldest
# first, to draw as a strip of bars.
query SpanMinimap($project: ID!) {
  project(id: $project) {
    conversations(first: 1) {
      edges {
        node {
          conversationId
          spans(last: 50) {
            traceId
            spanId
            operationName
            status
            startedAt
            durationMs
          }
        }
      }
    }
  }
}
`,
      { project },
    ),
    example(
      `
# Feedback on a conversation; running
# this stores it. For a turn or a span,
# put traceId or spanId into the target.
mutation GiveFeedback($input: CreateFeedbackInput!) {
  createFeedback(input: $input) {
    id
  }
}
`,
      {
        input: {
          projectId: project,
          target: { conversationId: DEMO_CONVERSATION_ID },
          feedbackType: 'review',
          tags: ['helpful'],
          ratings: [{ name: 'accuracy', value: 0.9, reason: 'The answer names its source.', confidence: 0.8 }],
          creator: 'graphiql',
        },
      },
    ),
  ];
}
