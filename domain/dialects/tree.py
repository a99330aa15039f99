"""Weave's attributes are one tree: `a.b` = 1 says the same as `a` = {"b": 1}.

Most spans spell every known key in full, and for those nothing here runs but one cached look-up per unknown key.
Weave rejects a span in which a key has both a plain value and keys below it; here both are kept, and the plain value
is what the key says.
"""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from domain.dialects.json_text import Json, structure
from domain.dialects.keys import MESSAGE_COLUMNS, PLACES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MAX_NESTING: Final = 32
"""Levels that dotted keys open and that merging follows; what is deeper stays as it is."""

_LONGEST_CACHED_KEY: Final = 256
_MOST_SEGMENTS: Final = max(key.count(".") + 1 for key in PLACES)


def _keys_by_holder() -> dict[str, list[tuple[str, list[str]]]]:
    holders: dict[str, list[tuple[str, list[str]]]] = defaultdict(list)
    for key in PLACES:
        segments = key.split(".")
        for count in range(1, len(segments)):
            holders[".".join(segments[:count])].append((key, segments[count:]))
    return dict(holders)


_HOLDERS: Final = _keys_by_holder()
"""What may stand above known keys -> those keys, and the way down to them."""


class _Branch(dict[str, Any]):
    """A map that dotted keys made (others came as one value)."""


def is_part(key: str) -> bool:
    """Whether an unknown key stands above or below a known one."""
    return key in _HOLDERS or _owner(key) != ""


def spelled_out(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes with all that is said about a known key, above it and below it, under that key itself."""
    above: dict[str, Json] = {}
    below: dict[str, _Branch] = defaultdict(_Branch)
    for key, value in attributes.items():
        if key in PLACES:
            continue
        if owner := _owner(key):
            _grow(below[owner], key[len(owner) + 1 :].split(".", _MAX_NESTING), structure(value))
        elif key in _HOLDERS and isinstance(holder := structure(value), dict):
            for known, path in _HOLDERS[key]:
                found = _follow(holder, path)
                if found is not None:
                    above[known] = merged(above.get(known), found)
    whole = dict(attributes)
    for known in above.keys() | below.keys():
        own = structure(attributes.get(known))
        if own is None or isinstance(own, list | dict):
            branch: Json = below.get(known)
            if PLACES[known][0] in MESSAGE_COLUMNS:
                branch = _with_lists(branch)
            whole[known] = merged(merged(above.get(known), own), branch)
    return whole


def below(attributes: Mapping[str, Any], prefix: str) -> Json:
    """All that dotted keys say below a prefix, as one value with lists where the indexes are without a gap.

    `llm.input_messages.0.message.role` below "llm.input_messages" is [{"message": {"role": ...}}]. None for nothing.
    """
    start = f"{prefix}."
    branch = _Branch()
    for key, value in attributes.items():
        if key.startswith(start):
            _grow(branch, key[len(start) :].split(".", _MAX_NESTING), structure(value))
    return _with_lists(branch) if branch else None


def merged(first: Json, second: Json, depth: int = 0) -> Json:
    """Weave: two structured values at one key are merged, indexed members into lists; else the second one stands."""
    if second is None:
        return first
    if not (isinstance(first, list | dict) and isinstance(second, list | dict)) or depth > _MAX_NESTING:
        return second
    whole = dict(_members(first))
    for name, value in _members(second):
        whole[name] = merged(whole.get(name), value, depth + 1)
    return as_list(whole) if isinstance(first, list) or isinstance(second, list) else whole


def as_list(value: Json) -> Json:
    """A map with the keys "0", "1", ... without a gap, in any order, as a list; anything else as it is."""
    if not isinstance(value, dict) or "0" not in value:
        return value
    items = [value.get(str(index), _GAP) for index in range(len(value))]
    return value if any(item is _GAP for item in items) else items


_GAP: Final = object()


def _members(value: Json) -> Iterable[tuple[str, Json]]:
    return value.items() if isinstance(value, dict) else ((str(index), item) for index, item in enumerate(value))


def _with_lists(value: Json) -> Json:
    """Lists for the indexed maps that dotted keys made, at every level."""
    if not isinstance(value, _Branch):
        return value
    return as_list({name: _with_lists(item) for name, item in value.items()})


def _grow(branch: _Branch, path: list[str], value: Json) -> None:
    """Hang a value into the branch. Where a part of the path has a value already, the structured one stays."""
    *ways, last = path
    for way in ways:
        below = branch.get(way)
        if not isinstance(below, _Branch):
            below = branch[way] = _Branch(_members(below) if isinstance(below, list | dict) else ())
        branch = below
    if isinstance(branch.get(last), _Branch):
        value = merged(value, branch[last]) if isinstance(value, list | dict) else branch[last]
    branch[last] = value


def _follow(holder: Json, path: list[str]) -> Json:
    for name in path:
        if not isinstance(holder, dict):
            return None
        holder = holder.get(name)
    return holder


def _owner(key: str) -> str:
    """The known key that an unknown one stands below, or ""."""
    if "." not in key:
        return ""
    return _cached_owner(key) if len(key) <= _LONGEST_CACHED_KEY else _find_owner(key)


def _find_owner(key: str) -> str:
    segments = key.split(".", _MOST_SEGMENTS)[:-1]
    heads = (".".join(segments[:count]) for count in range(1, len(segments) + 1))
    return next((head for head in heads if head in PLACES), "")


# The same few keys come with every span. Keys of any length would let a sender fill the memory.
_cached_owner = lru_cache(maxsize=8192)(_find_owner)
