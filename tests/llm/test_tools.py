import json
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import Team
from core.actor import Actor
from core.errors import Forbidden, NotFound
from llm.tools import ARGUMENTS_LIMIT, Effect, Tool, ToolContext, ToolResult, all_tools, get_tool, tool

CONTEXT = ToolContext(Actor.system(), uuid4(), "run:1")


class Size(StrEnum):
    SMALL = "s"
    LARGE = "l"


def order(
    context: ToolContext,
    *,
    title: Annotated[str, "What is wanted"],
    count: int = 1,
    gift: bool = False,
    kind: Literal["new", "used"] = "new",
    size: Size | None = None,
    tags: list[str] | None = None,
) -> ToolResult:
    return ToolResult(json.dumps([title, count, gift, kind, size, tags, context.key]))


made = Tool(order, "Orders something.", effect=Effect.WRITE)


def ran(**arguments: object) -> list[object]:
    result = made.run(CONTEXT, json.dumps(arguments))
    assert not result.failed, result.text
    values: list[object] = json.loads(result.text)
    return values


def refused(raw: str) -> str:
    result = made.run(CONTEXT, raw)
    assert result.failed
    assert result.text.startswith("Nothing was done: ")
    return result.text


def test_schema_is_plain_and_complete():
    assert made.schema() == {
        "type": "function",
        "function": {
            "name": "order",
            "description": "Orders something.",
            "parameters": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "title": {"type": "string", "description": "What is wanted"},
                    "count": {"type": "integer", "default": 1},
                    "gift": {"type": "boolean", "default": False},
                    "kind": {"type": "string", "enum": ["new", "used"], "default": "new"},
                    "size": {"type": "string", "enum": ["s", "l"]},
                    "tags": {"type": "array", "items": {"type": "string"}},
                },
                "required": ["title"],
            },
        },
    }


def test_schema_of_a_tool_without_arguments_has_empty_properties():
    def ping(context: ToolContext) -> ToolResult:
        return ToolResult("pong")

    assert Tool(ping, "x", effect=Effect.WRITE).schema()["function"]["parameters"] == {
        "type": "object",
        "additionalProperties": False,
        "properties": {},
    }


@pytest.mark.django_db
class TestRun:
    def test_defaults_and_context_reach_the_function(self):
        assert ran(title=" tea ") == ["tea", 1, False, "new", None, None, "run:1"]

    def test_every_type_reaches_the_function(self):
        given = ran(title="x", count="3", gift="true", kind="used", size="l", tags=["a", "b"])
        assert given == ["x", 3, True, "used", "l", ["a", "b"], "run:1"]

    def test_null_counts_as_not_given_for_optional_parameters(self):
        assert ran(title="x", size=None)[4] is None

    def test_no_arguments_at_all_count_as_an_empty_object(self):
        assert "title: Field required" in refused("")
        assert "title: Field required" in refused(" \n")

    @pytest.mark.parametrize("raw", ["{", "[]", "null", '"x"', '{"title": "a"', "{'title': 'a'}", "[" * 9000])
    def test_broken_json_is_explained(self, raw: str):
        assert "call order again" in refused(raw)

    def test_wrong_values_are_named_without_being_repeated(self):
        text = refused(json.dumps({"count": "EVIL many", "kind": "EVIL", "size": "EVIL"}))
        assert all(name in text for name in ("title:", "count:", "kind:", "size:"))
        assert "EVIL" not in text

    def test_unknown_arguments_are_refused(self):
        assert "conversation_id: Extra inputs" in refused('{"title": "x", "conversation_id": "1"}')

    def test_arguments_beyond_the_limit_are_not_even_parsed(self):
        assert "larger than 64 KB" in refused(
            json.dumps({"title": "é" * (ARGUMENTS_LIMIT // 2)}, ensure_ascii=False)
        )

    def test_arguments_within_the_limit_are_taken(self):
        assert len(str(ran(title="x" * (ARGUMENTS_LIMIT - 20))[0])) == ARGUMENTS_LIMIT - 20

    def test_nul_is_dropped(self):
        assert ran(title="a\x00b", tags=["\x00"])[0::5] == ["ab", [""]]

    def test_lone_surrogates_are_refused(self):
        refused('{"title": "\\ud800"}')

    def test_numbers_no_column_holds_are_refused(self):
        assert "too large" in refused(json.dumps({"title": "x", "count": 2**63}))
        assert ran(title="x", count=2**63 - 1)[1] == 2**63 - 1

    @given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
    @settings(max_examples=60)
    def test_nothing_a_model_sends_raises(self, raw: str):
        assert isinstance(made.run(CONTEXT, raw), ToolResult)

    def test_an_error_of_ours_becomes_a_refusal_and_undoes_what_was_written(self):
        def write(context: ToolContext) -> ToolResult:
            Team.objects.create(name="Ghost", slug="ghost")
            raise Forbidden("Only the customer may do this.")

        result = Tool(write, "x", effect=Effect.WRITE).run(CONTEXT, "{}")
        assert result == ToolResult("Nothing was done: Only the customer may do this.", failed=True)
        assert not Team.objects.filter(slug="ghost").exists()

    def test_a_fault_of_ours_is_raised(self):
        def broken(context: ToolContext) -> ToolResult:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            Tool(broken, "x", effect=Effect.WRITE).run(CONTEXT, "{}")


@pytest.mark.usefixtures("registry")
class TestRegistry:
    def test_a_tool_is_found_by_its_name(self):
        assert tool(description="Orders.", effect=Effect.WRITE)(order) is order
        assert get_tool("order").description == "Orders."
        assert all_tools() == (get_tool("order"),)

    def test_a_tool_that_does_not_say_what_it_does_to_the_world_is_none(self):
        with pytest.raises(TypeError):
            tool(description="Orders.")(order)  # type: ignore[call-arg]
        assert all_tools() == ()

    def test_a_name_can_be_taken_once(self):
        tool(description="Orders.", effect=Effect.WRITE)(order)
        with pytest.raises(TypeError, match="registered already"):
            tool(description="Shadows it.", effect=Effect.WRITE)(order)

    def test_an_unknown_name_is_not_found(self):
        with pytest.raises(NotFound):
            get_tool("nothing")


def no_context(*, text: str) -> Any: ...
def positional(context: ToolContext, text: str) -> Any: ...
def untyped(context: ToolContext, *, text) -> Any: ...
def chooses_id(context: ToolContext, *, conversation_id: str) -> Any: ...
def chooses_ids(context: ToolContext, *, ids: list[int], user_ids: list[int]) -> Any: ...
def odd_type(context: ToolContext, *, when: bytes) -> Any: ...
def odd_list(context: ToolContext, *, when: list[dict[str, str]]) -> Any: ...
def either(context: ToolContext, *, when: int | str) -> Any: ...
async def coroutine(context: ToolContext) -> Any: ...
def everything(context: ToolContext, **rest: str) -> Any: ...


@pytest.mark.parametrize(
    "function",
    [
        no_context,
        positional,
        untyped,
        chooses_id,
        chooses_ids,
        odd_type,
        odd_list,
        either,
        coroutine,
        everything,
    ],
)
def test_a_signature_no_model_can_be_told_about_is_refused_at_once(function):
    with pytest.raises(TypeError):
        Tool(function, "x", effect=Effect.WRITE)


def test_pydantic_is_not_loaded_by_registering(registry: None):
    tool(description="Orders.", effect=Effect.WRITE)(order)
    assert "_model" not in vars(get_tool("order"))
