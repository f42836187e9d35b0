"""Python functions as tools."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import jsonschema
import pytest

from clawft.errors import Invalid
from clawft.functions import FunctionTool


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2, thread_name_prefix="tool") as pool:
        yield pool


def weather(city: str, unit: Literal["c", "f"] = "c", days: int = 1) -> dict[str, Any]:
    """Look up the weather.

    Args:
        city: The name of the
            town.
        unit (str): Celsius or Fahrenheit.
    """
    return {"city": city, "unit": unit, "days": days, "thread": threading.current_thread().name}


def test_the_signature_is_the_schema_and_the_docstring_the_description() -> None:
    tool = FunctionTool(weather)
    jsonschema.Draft202012Validator.check_schema(tool.parameters)
    assert tool.name == "weather"
    assert tool.description == "Look up the weather."
    assert tool.parameters == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "The name of the town."},
            "unit": {"enum": ["c", "f"], "default": "c", "description": "Celsius or Fahrenheit."},
            "days": {"type": "integer", "default": 1},
        },
        "required": ["city"],
        "additionalProperties": False,
    }


async def test_a_plain_function_runs_in_a_thread_and_answers_with_json(threads: ThreadPoolExecutor) -> None:
    answer = await FunctionTool(weather).call({"city": "Bonn"}, threads)
    assert answer == '{"city":"Bonn","unit":"c","days":1,"thread":"tool_0"}'


async def test_a_coroutine_function_runs_on_the_loop(threads: ThreadPoolExecutor) -> None:
    async def where() -> str:
        """Say which thread this is."""
        return threading.current_thread().name

    assert await FunctionTool(where).call({}, threads) == threading.current_thread().name


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({}, "city"),
        ({"city": 3}, r"\$\.city"),
        ({"city": "Bonn", "unit": "k"}, r"\$\.unit"),
        ({"city": "Bonn", "town": "Bonn"}, "town"),
    ],
)
async def test_wrong_arguments_are_named(
    arguments: dict[str, Any], why: str, threads: ThreadPoolExecutor
) -> None:
    with pytest.raises(Invalid, match=why):
        await FunctionTool(weather).call(arguments, threads)


def silent(x: int) -> int:
    return x


def many(*numbers: int) -> int:
    """Add up."""
    return sum(numbers)


def odd(x: Callable[[], int]) -> int:
    """Call it."""
    return x()


@pytest.mark.parametrize(("function", "why"), [(silent, "docstring"), (many, "numbers"), (odd, "odd")])
def test_a_function_no_model_could_call_is_refused(function: Callable[..., Any], why: str) -> None:
    with pytest.raises(Invalid, match=why):
        FunctionTool(function)


def test_a_lambda_has_no_name_a_model_could_write() -> None:
    with pytest.raises(Invalid, match="use def"):
        FunctionTool(lambda: 1)
