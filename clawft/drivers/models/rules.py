"""The rules behind ``offline/rules-1``: what is said, or which tool is called, for which request."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from clawft.domain.models import ModelMessage, ModelRequest
from clawft.domain.summary import key_words, summarise
from clawft.domain.tools import ToolSpec
from clawft.domain.values import Value
from clawft.drivers.models.arguments import typed_arguments

NOTE = "— offline/rules-1: built-in rules, no language model"
"""Ends everything the rules say in words, so that nobody takes it for more."""

LONG = 2_000
"""Characters of a tool's result that are still shown whole."""

PATTERN_LIMIT = 4_000
"""A request longer than this is a text, not a sentence to find a rule for."""


class Say(Value, frozen=True):
    """An answer in words."""

    text: str


class Call(Value, frozen=True):
    """A tool to be called, and with what."""

    tool: str
    arguments: dict[str, Any]


Tools = dict[str, ToolSpec]
Rule = Callable[[str, Tools], Say | Call | None]


def decide(request: ModelRequest) -> Say | Call:
    """What the rules make of the conversation: they answer its last message and look at nothing before it,
    except that a tool's result belongs to the request that led to it."""
    tools = {tool.name: tool for tool in request.tools}
    asked = next((message.content for message in reversed(request.messages) if message.role == "user"), "")
    results = tuple(_last_results(request.messages))
    if results:
        return Say(_told(asked.strip(), results, tools))
    return answer(asked.strip(), tools)


def _last_results(messages: tuple[ModelMessage, ...]) -> Iterator[str]:
    """The results at the very end of the conversation, in order."""
    count = 0
    while count < len(messages) and messages[-1 - count].role == "tool":
        count += 1
    return (message.content for message in messages[len(messages) - count :])


def answer(asked: str, tools: Tools) -> Say | Call:
    """The first rule that knows what to do."""
    for rule in RULES:
        if (found := rule(asked, tools)) is not None:
            return found
    return Say(_introduction(tools))


# -- what a request may be


def _list_tools(asked: str, tools: Tools) -> Say | None:
    if asked not in ("/tools", "/help", "/"):
        return None
    lines = [f"/{name} — {tool.description}" for name, tool in sorted(tools.items())]
    return Say("\n".join(lines) if lines else "This agent has no tools.")


def _command(asked: str, tools: Tools) -> Say | Call | None:
    match = re.match(r"/([\w.-]+)(?:\s+(.*))?$", asked, re.DOTALL)
    return _typed_call(match[1], match[2] or "", tools) if match else None


def _use_tool(asked: str, tools: Tools) -> Say | Call | None:
    match = re.match(
        r"use the ([\w.-]+) tool(?: with)?[:\s]*(\{.*\})?\s*\.?$", asked, re.DOTALL | re.IGNORECASE
    )
    return _typed_call(match[1], match[2] or "", tools) if match else None


def _typed_call(name: str, typed: str, tools: Tools) -> Say | Call:
    if name not in tools:
        return Say(f"There is no tool called {name} here. /tools lists those there are.")
    try:
        return Call(name, typed_arguments(typed, tools[name].parameters))
    except ValueError as error:
        return Say(f"The arguments of {name} cannot be read: {error}.")


def _summary(asked: str, tools: Tools) -> Say | Call | None:
    match = re.match(r"(?:summari[sz]e|sum up|tl;?dr)\b[:\s]*(.*)$", asked, re.DOTALL | re.IGNORECASE)
    if match is None:
        return None
    text = match[1].strip()
    if (path := _path_in(text)) and "read_file" in tools:
        return Call("read_file", {"path": path})
    return Say(summarise(text) if text else "Put the text to be summed up behind the word, or name a file.")


def _path_in(text: str) -> str | None:
    match = re.fullmatch(r"(?:the )?(?:file )?[\"'`]?([\w./-]+\.\w{1,10})[\"'`]?\.?", text, re.IGNORECASE)
    return match[1] if match else None


def _remember(asked: str, tools: Tools) -> Call | None:
    match = _sentence(
        r"remember (?:that |this: )?(?P<value>.+?)(?: as (?P<key>[\w.-]+))?[.!]?$",
        asked,
        "memory_write",
        tools,
    )
    if match is None:
        return None
    key = match["key"] or "-".join(key_words(match["value"])[:4]) or "note"
    return Call("memory_write", {"key": key[:200], "value": match["value"]})


_RECALL = (
    r"(?:recall|look up|what do you (?:know|remember)(?: about)?|what did i (?:say|tell you) about)"
    r"\s+(?P<about>.+?)[?.!]*$"
)


def _recall(asked: str, tools: Tools) -> Call | None:
    match = _sentence(_RECALL, asked, "memory_read", tools)
    return _look_up(match["about"], tools) if match else None


def _forget(asked: str, tools: Tools) -> Say | Call | None:
    match = re.match(r"forget (?:about )?(?P<key>[\w.-]+)[.!]?$", asked, re.IGNORECASE)
    if match is None:
        return None
    if "memory_delete" in tools:
        return Call("memory_delete", {"key": match["key"]})
    return Say(f"I have no tool that forgets. DELETE /api/memory/{match['key']} does it.")


def _read_file(asked: str, tools: Tools) -> Call | None:
    match = _sentence(r"(?:read|show|cat|open)\s+(?:me )?(?P<path>.+)$", asked, "read_file", tools)
    path = _path_in(match["path"]) if match else None
    return Call("read_file", {"path": path}) if path else None


_LISTING = (
    r"(?:list|show|ls)(?: me)?(?: (?:the|my|all))*(?: files| folder| directory)?"
    r"(?: (?:in|of) (?P<path>\S+))?$"
)


def _list_files(asked: str, tools: Tools) -> Call | None:
    match = _sentence(_LISTING, asked.rstrip(".?!"), "list_directory", tools)
    return Call("list_directory", {"path": match["path"] or "."}) if match else None


_ASKS = re.compile(r"(?:who|what|when|where|why|which|how)\b|.*\?$", re.IGNORECASE | re.DOTALL)


def _question(asked: str, tools: Tools) -> Call | None:
    """A question may be about something that was remembered: that is all that can be known here."""
    if "memory_read" not in tools or len(asked) > PATTERN_LIMIT or not _ASKS.match(asked):
        return None
    return _look_up(asked, tools) if key_words(asked) else None


def _sentence(pattern: str, asked: str, tool: str, tools: Tools) -> re.Match[str] | None:
    """The match of a rule that needs a tool, if the agent has it."""
    if tool not in tools or len(asked) > PATTERN_LIMIT:
        return None
    return re.match(pattern, asked, re.IGNORECASE | re.DOTALL)


def _look_up(about: str, tools: Tools) -> Call:
    return Call("memory_read", {"query": about.strip()[:500]})


RULES: tuple[Rule, ...] = (
    _list_tools,
    _command,
    _use_tool,
    _summary,
    _remember,
    _recall,
    _forget,
    _read_file,
    _list_files,
    _question,
)
"""Tried in this order."""


# -- what is said


def _introduction(tools: Tools) -> str:
    can = ["sum up a text (“summarise: …”)"]
    can += ["remember and recall notes (“remember that …”, “what do you know about …”)"] * (
        "memory_write" in tools
    )
    can += ["read and list files (“read notes.txt”, “list files”)"] * ("read_file" in tools)
    can += ["call any of my tools (/tools)"] * bool(tools)
    return (
        "I am a set of rules, not a language model, and none of my rules fits that. "
        f"I can {'; '.join(can)}. For real conversation, set a model in the config."
    )


_NOTHING = "nothing is remembered"
"""How ``memory_read`` begins when it found nothing."""


def _told(asked: str, results: tuple[str, ...], tools: Tools) -> str:
    """What the tools gave, as they gave it; what is long, or was to be summed up, by its main sentences."""
    return "\n\n".join(_result(asked, text, tools) for text in results)


def _result(asked: str, text: str, tools: Tools) -> str:
    if not text.strip():
        return "The tool had nothing to say."
    if text.startswith(_NOTHING) and not re.match(_RECALL, asked, re.IGNORECASE | re.DOTALL):
        return f"I found nothing about that in memory. {_introduction(tools)}"
    if re.match(r"(?:summari[sz]e|sum up|tl;?dr)\b", asked, re.IGNORECASE):
        return summarise(text)
    if len(text) <= LONG:
        return _readable(text)
    return f"The result has {len(text):,} characters. Its main sentences:\n{summarise(text, keep=5)}"


def _readable(text: str) -> str:
    """JSON is shown over several lines; anything else as it is."""
    if text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
