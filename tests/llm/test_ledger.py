import asyncio
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from django.utils import timezone

from accounts.models import User
from llm import door
from llm.enums import Outcome
from llm.errors import ModelError
from llm.models import ModelCall
from llm.providers import Provider
from llm.queries import spent
from llm.types import Usage
from llm.wire import TOKENS_LIMIT
from tests.fakes.openai_server import OpenAIServer, Reply

from .conftest import ASKED, Reader, ask

FOUR = "one two three four"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("config")
class TestWriting:
    async def test_answered_call_is_a_row(self, server: OpenAIServer, reader: Reader):
        server.script(Reply(text=FOUR, usage=(21, 4), wait=0.02))
        await door.stream(ASKED, purpose="answer", reference="run-1", on_text=reader)
        row = await ModelCall.objects.aget()
        assert (row.purpose, row.reference, row.provider, row.model) == (
            "answer",
            "run-1",
            "custom",
            "custom/main",
        )
        assert (row.prompt_tokens, row.completion_tokens, row.estimated) == (21, 4, False)
        assert (row.outcome, row.error, row.cost) == ("ok", "", Decimal(0))
        assert row.first_text_ms is not None
        assert 20 <= row.first_text_ms <= row.duration_ms

    async def test_each_try_is_a_row_and_says_what_happened(
        self, server: OpenAIServer, reader: Reader, config: dict[str, str]
    ):
        config["LLM_FALLBACK_MODEL"] = "spare"
        server.script(Reply(status=503), Reply(text=""), Reply(text="Hi"))
        await ask(reader)
        rows = [row async for row in ModelCall.objects.order_by("id")]
        assert [row.model for row in rows] == ["custom/main", "custom/main", "custom/spare"]
        assert [row.outcome for row in rows] == [Outcome.ERROR, Outcome.ERROR, Outcome.OK]
        assert "503" in rows[0].error
        assert "empty" in rows[1].error

    async def test_broken_off_answer_is_cut_with_its_tokens_estimated(
        self, server: OpenAIServer, reader: Reader
    ):
        server.script(Reply(text=FOUR, cut_after=2))
        with pytest.raises(ModelError):
            await ask(reader)
        row = await ModelCall.objects.aget()
        assert (row.outcome, row.estimated, row.completion_tokens) == (Outcome.CUT, True, 2)

    async def test_too_slow_a_provider_is_a_timeout(
        self, server: OpenAIServer, reader: Reader, config: dict[str, str]
    ):
        config["LLM_FIRST_TOKEN_SECONDS"] = "0.1"
        server.script(Reply(hang=True), Reply(hang=True))
        with pytest.raises(ModelError):
            await ask(reader)
        assert [row.outcome async for row in ModelCall.objects.all()] == [Outcome.TIMEOUT] * 2

    async def test_stopped_call_is_cancelled(self, server: OpenAIServer):
        server.script(Reply(text=FOUR, stall_after=1))
        task: asyncio.Task[Any] | None = None

        async def stop(_text: str) -> None:
            assert task is not None
            task.cancel()

        task = asyncio.create_task(door.stream(ASKED, purpose="test", on_text=stop))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await ModelCall.objects.aget()).outcome == Outcome.CANCELLED

    async def test_priced_model_has_a_cost(self, server: OpenAIServer, reader: Reader, monkeypatch: Any):
        listed = Provider("openai", "openai/gpt-4o-mini", "openai/gpt-4o-mini", "sk", server.url)
        monkeypatch.setattr(door, "choose", lambda _config: listed)
        server.script(Reply(text="Hi", usage=(1_000_000, 0)))
        assert (await ask(reader)).usage.cost == Decimal("0.15")
        assert (await ModelCall.objects.aget()).cost == Decimal("0.15")

    @pytest.mark.parametrize(
        ("usage", "kept"),
        [((-5, 3), (0, 3)), ((2**40, 1), (TOKENS_LIMIT, 1)), ((3, 2**40), (3, TOKENS_LIMIT))],
    )
    async def test_counts_that_no_column_holds_do_not_cost_the_row(
        self, server: OpenAIServer, reader: Reader, usage: tuple[int, int], kept: tuple[int, int]
    ):
        server.script(Reply(text="Hi", usage=usage))
        await door.stream(ASKED, purpose="answer", reference="run-1", on_text=reader)
        total = await sync_to_async(spent)(reference="run-1")
        assert (total.prompt_tokens, total.completion_tokens) == kept

    @pytest.mark.parametrize("said", ["\ud83d", "a\x00b"], ids=["half of a sign", "NUL"])
    async def test_error_that_no_column_holds_does_not_cost_the_row(
        self, server: OpenAIServer, reader: Reader, said: str
    ):
        server.script(*[Reply(body=f"data: {json.dumps({'error': f'quota {said}'})}\n\n")] * 2)
        with pytest.raises(ModelError) as caught:
            await ask(reader)
        assert [row.error async for row in ModelCall.objects.all()] == [caught.value.detail] * 2
        assert "quota" in caught.value.detail

    async def test_text_that_does_not_fit_is_cut(self, reader: Reader):
        await door.stream(ASKED, purpose="p" * 999, reference="r" * 999, on_text=reader, model="m" * 999)
        row = await ModelCall.objects.aget()
        assert (len(row.purpose), len(row.reference), len(row.model)) == (60, 100, 200)


@pytest.mark.usefixtures("config")
async def test_ledger_that_cannot_be_written_does_not_cost_the_answer(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def broken(_row: ModelCall) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("llm.ledger._insert", broken)
    assert (await ask(reader)).text == "Hello from the fake model."
    assert "could not be written" in caplog.text


def row(**values: Any) -> ModelCall:
    defaults = {
        "purpose": "answer",
        "provider": "openai",
        "model": "openai/x",
        "duration_ms": 9,
        "outcome": "ok",
    }
    return ModelCall.objects.create(**{**defaults, **values})


@pytest.mark.django_db
def test_spent_adds_up_what_a_reference_cost():
    row(reference="a", prompt_tokens=1, completion_tokens=2, cost=Decimal("0.5"))
    row(reference="a", prompt_tokens=10, completion_tokens=20, cost=Decimal("0.25"), outcome="cut")
    row(reference="b", prompt_tokens=100)
    row(reference="a", prompt_tokens=1000, created_at=timezone.now() - timedelta(days=2))
    assert spent(reference="a", since=timezone.now() - timedelta(days=1)) == Usage(11, 22, Decimal("0.75"))
    assert spent(reference="a").prompt_tokens == 1011
    assert spent(reference="nobody") == Usage()


@pytest.mark.django_db
class TestAdmin:
    @pytest.fixture
    def staff(self, client: Client, ana: User) -> Client:
        client.force_login(ana)
        return client

    def test_list_searches_filters_and_needs_no_query_per_row(
        self, staff: Client, django_assert_max_num_queries: Any
    ):
        for number in range(3):
            row(
                reference=f"run-{number}", outcome="ok" if number else "error", error="" if number else "boom"
            )
        with django_assert_max_num_queries(14):
            page = staff.get("/admin/llm/modelcall/", {"q": "run-0", "outcome": "error"})
        assert page.status_code == 200
        assert [found.reference for found in page.context["cl"].result_list] == ["run-0"]

    def test_nothing_can_be_added_changed_or_deleted(self, staff: Client):
        kept = row()
        assert staff.get(f"/admin/llm/modelcall/{kept.pk}/change/").status_code == 200
        assert staff.post(f"/admin/llm/modelcall/{kept.pk}/change/", {"purpose": "x"}).status_code == 403
        assert staff.get("/admin/llm/modelcall/add/").status_code == 403
        assert staff.post(f"/admin/llm/modelcall/{kept.pk}/delete/", {"post": "yes"}).status_code == 403
        assert ModelCall.objects.get().purpose == "answer"

    def test_a_call_names_itself(self):
        assert str(row()) == "openai/x · answer · answered"
