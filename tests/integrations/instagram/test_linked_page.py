"""Instagram through a page: other addresses, the same messages."""

from collections.abc import Iterator

import pytest

from conversations.channels import InboxBroken, SendFailed, adapter
from conversations.exchange import Sender
from integrations.instagram.adapter import InstagramConfig
from tests.fakes.instagram_page import PAGE, InstagramPage
from tests.fakes.provider import Simulator, running
from tests.integrations.instagram.case import CASE
from tests.integrations.meta.sendings import saying

instagram = adapter("instagram")


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with running(InstagramPage, **CASE.options) as simulator:
        simulator.set_faults(mute=True)
        yield simulator


def settings(simulator: Simulator, **more: str) -> InstagramConfig:
    return InstagramConfig.model_validate({**CASE.config(simulator.url), "page_id": PAGE, **more})


def test_message_goes_to_the_page_with_a_proof(simulator: Simulator) -> None:
    sent = instagram.send(saying("instagram"), settings(simulator))
    (row,) = simulator.ledger()
    assert row["provider_id"] == sent.provider_id


def test_call_without_the_proof_is_refused(simulator: Simulator) -> None:
    """So the test above means something."""
    with pytest.raises(SendFailed, match="appsecret_proof"):
        instagram.send(saying("instagram"), settings(simulator, app_secret="another-secret"))


def test_account_behind_the_page_is_asked_for(simulator: Simulator) -> None:
    assert instagram.test(settings(simulator)).light == "green"
    assert instagram.profile("24001", settings(simulator)) == Sender("24001", name="Davi Souza")


def test_account_that_the_token_does_not_see_breaks_the_inbox(simulator: Simulator) -> None:
    with pytest.raises(InboxBroken, match="does not exist"):
        instagram.test(settings(simulator, account_id="17841400000000000"))


def test_page_is_subscribed_by_the_name_of_its_own_fields(simulator: Simulator) -> None:
    simulator.say(subscribed=[])
    assert instagram.test(settings(simulator)).light == "yellow"
    check = instagram.connect(settings(simulator), url="https://desk.example/hooks/k", secret="")
    assert check.light == "green"
