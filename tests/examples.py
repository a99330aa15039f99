"""The examples that GraphiQL opens with, read from the page's source."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parent.parent / "web" / "src" / "examples.ts"


@dataclass(frozen=True)
class Example:
    name: str
    query: str
    variables: dict[str, Any]


def examples_of(source: str, project: str) -> list[Example]:
    """Each call of `example(query, variables)`, with the project and the file's constants in place."""
    constants = {"project": project, **dict(re.findall(r"const (\w+) = '([^']*)';", source))}
    found = []
    for query, literal in re.findall(r"example\(\s*`(.*?)`,\s*(\{.*?\}),\s*\)", source, flags=re.DOTALL):
        name = re.search(r"\b(?:query|mutation) (\w+)", query)
        assert name is not None, query
        found.append(Example(name[1], query, json.loads(_json(literal, constants))))
    return found


def _json(literal: str, constants: dict[str, str]) -> str:
    """An object literal of TypeScript as JSON: names quoted, shorthand members spelled out, constants in place."""
    literal = literal.replace("'", '"')
    # Texts apart, so that only code is rewritten.
    parts = re.split(r'("[^"]*")', literal)
    for place in range(0, len(parts), 2):
        code = re.sub(r"([{,]\s*)(\w+)(?=\s*[,}])", r"\1\2: \2", parts[place])
        code = re.sub(r"([{,]\s*)(\w+)\s*:", r'\1"\2":', code)
        code = re.sub(r"(?<=: )([A-Za-z_]\w*)", lambda match: json.dumps(constants[match[1]]), code)
        parts[place] = re.sub(r",(\s*[}\]])", r"\1", code)
    return "".join(parts)


EXAMPLES = examples_of(SOURCE.read_text(encoding="utf-8"), "demo/agents")
