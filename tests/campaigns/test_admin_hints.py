"""What the page of a draft says by itself: the way on, likely values, and what would go wrong."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from campaigns import actions
from campaigns.actions import Wording
from campaigns.actions.importing import give_list, read_some
from campaigns.enums import Kind
from campaigns.models import Campaign
from campaigns.queries.problems import problems
from campaigns.queries.waits import why_it_waits
from conversations.actions import add_attachment
from conversations.enums import Light
from conversations.models import Contact, Inbox, InboxState, MessageTemplate
from core.actor import Actor
from core.errors import Invalid
from core.reasons import reason
from tests.campaigns.conftest import Draft, people
from tests.campaigns.lines import begin
from tests.campaigns.pages import BACKEND, page_of
from tests.pictures import PNG

pytestmark = pytest.mark.django_db(transaction=True)


def text_of(client: Client, campaign: Campaign) -> str:
    return client.get(page_of(campaign)).content.decode()


def on_a_list(campaign: Campaign, lead: Actor, text: str, *, region: str = "") -> None:
    upload = give_list(campaign=campaign, data=text.encode(), by=lead, region=region)
    while read_some(upload.pk):
        pass


@pytest.mark.parametrize("state", ["draft", "approved", "running"])
def test_way_to_the_other_places_is_there_in_every_state(
    as_elsa: Client, draft: Draft, lead: Actor, state: str
) -> None:
    campaign = draft()
    if state == "approved":
        actions.approve(campaign=campaign, by=lead)
    elif state == "running":
        begin(campaign, lead)
    shown = text_of(as_elsa, campaign)
    for name in ("admin:desk_inbox", "admin:desk_tickets"):
        assert f'href="{reverse(name)}"' in shown


def test_columns_of_a_list_are_offered_for_the_text(as_elsa: Client, draft: Draft, lead: Actor) -> None:
    campaign = draft(wordings=[Wording(text="Oi")])
    on_a_list(campaign, lead, "fone;nome;Pedido\n+5511999990001;Ana;77\n")
    shown = text_of(as_elsa, campaign)
    assert 'data-place="pedido"' in shown
    assert 'data-place="phone"' in shown
    assert shown.count('data-place="name"') == shown.count('data-place="pedido"')


def test_country_is_that_of_the_last_list_of_the_customers_or_of_the_reader(
    as_elsa: Client, draft: Draft, number: Inbox, lead: Actor
) -> None:
    campaign = draft()

    def offered(language: str) -> str:
        shown = as_elsa.get(page_of(campaign), headers={"accept-language": language}).content.decode()
        return shown.partition('name="list_region"')[2].partition('value="')[2].partition('"')[0]

    assert (offered("en"), offered("pt-br")) == ("", "BR")
    Contact.objects.all().delete()
    people(number, 3)
    assert offered("en") == "BR"
    on_a_list(campaign, lead, "fone\n600123456\n", region="ES")
    assert offered("pt-br") == "ES"


def test_place_for_which_nobody_has_a_value_is_a_problem(draft: Draft, number: Inbox, lead: Actor) -> None:
    maria, _other = people(number, 2)
    campaign = draft(wordings=[Wording(text="Oi {{first_name}}, {{Pedido}} {{plano|básico}}")])
    (found,) = problems(campaign)
    assert found.startswith("Nobody has a value for {{pedido}}")
    maria.attributes = {"Pedido": "77"}
    maria.save()
    assert problems(campaign) == []
    listed = draft(wordings=[Wording(text="Oi {{cupom}}")], source="list")
    on_a_list(listed, lead, "fone;cupom\n+5511999990001;X\n")
    assert problems(listed) == []
    on_a_list(campaign, lead, "fone\n+5511999990001\n")
    assert "{{pedido}}" not in "".join(problems(campaign))


def test_values_of_a_template_are_looked_at_too(draft: Draft, offer: MessageTemplate, number: Inbox) -> None:
    people(number, 1)
    wording = Wording(template=offer, values={"1": "{{first_name}}", "2": "{{desconto}}"})
    (found,) = problems(draft(wordings=[wording]))
    assert "{{desconto}}" in found


def test_file_of_another_kind_than_the_template_has_is_a_problem(
    draft: Draft, offer: MessageTemplate, number: Inbox
) -> None:
    people(number, 1)
    offer.details = {"header_format": "IMAGE"}
    offer.save()
    values = {"1": "Ana", "2": "10%"}

    def found(content: bytes, name: str, kind: str) -> list[str]:
        upload = SimpleUploadedFile(name, content, kind)
        file = add_attachment(inbox=number, uploader="campaign:new", upload=upload)
        return problems(draft(wordings=[Wording(template=offer, values=values, file=file)]))

    assert found(PNG, "a.png", "image/png") == []
    (said,) = found(b"price list", "a.txt", "text/plain")
    assert said == "The template offer needs a file of another kind above its text: image."


def test_inbox_in_trouble_is_named_as_what_holds_a_campaign(draft: Draft, number: Inbox, lead: Actor) -> None:
    people(number, 1)
    campaign, now = begin(draft(), lead), timezone.now()
    state, _new = InboxState.objects.get_or_create(inbox=number)
    state.light, state.detail = Light.RED, reason("Meta no longer accepts the access token.")
    state.not_before = now + timedelta(minutes=5)
    state.save()
    assert why_it_waits(campaign, now) == (
        "Its inbox is in trouble: Meta no longer accepts the access token."
    )
    InboxState.objects.update(light=Light.GREEN)
    told = why_it_waits(campaign, now)
    assert told.startswith("The provider asked for a pause until")
    assert not told.endswith("..")


def test_kind_that_an_inbox_has_not_is_refused_at_once(as_elsa: Client, number: Inbox, inbox: Inbox) -> None:
    address = reverse("admin:campaigns_campaign_add")
    for place, kind in ((number, Kind.ONSITE), (inbox, Kind.BROADCAST)):
        shown = as_elsa.post(address, {"name": "X", "inbox": place.pk, "kind": kind}).content.decode()
        assert "errorlist" in shown or "needs the inbox" in shown or "Nobody can be" in shown
    assert not Campaign.objects.exists()


def test_quiet_hours_without_length_are_refused(draft: Draft) -> None:
    with pytest.raises(Invalid, match="leave both empty"):
        draft(quiet_from="10:00", quiet_until="10:00")


def test_operator_who_may_not_see_campaigns_is_told_so_on_a_page(client: Client, bruno: User) -> None:
    client.force_login(bruno, backend=BACKEND)
    answer = client.get(reverse("admin:campaigns_campaign_changelist"))
    assert answer.status_code == 403
    assert reverse("admin:index") in answer.content.decode()
