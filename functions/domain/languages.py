"""What languages are called. The names themselves are the judge's: see `Judge.languages`."""

from __future__ import annotations

ALIASES = {
    "python3": "python",
    "py": "python",
    "c++": "cpp",
    "cxx": "cpp",
    "js": "javascript",
    "node": "javascript",
    "nodejs": "javascript",
    "ts": "typescript",
    "sh": "bash",
    "c#": "csharp",
    "cs": "csharp",
    "golang": "go",
    "kt": "kotlin",
    "rb": "ruby",
    "rs": "rust",
}
"""What clients and packages also write."""

BY_EXTENSION = {
    ".py": "python",
    ".c": "c",
    ".cpp": "cpp",
    ".cc": "cpp",
    ".java": "java",
    ".js": "javascript",
    ".sh": "bash",
}


def canonical(name: str) -> str:
    """The name by which the judge's languages go."""
    lowered = name.lower()
    return ALIASES.get(lowered, lowered)
