"""Lists read in: every line became a recipient, was one already, or is named with the reason."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Team, User
from campaigns import actions
from campaigns.actions import importing
from campaigns.actions.importing import Reading, give_list, read_some
from campaigns.enums import CampaignStatus, ConsentState, Source, UploadStatus
from campaigns.models import BadRow, Campaign, Consent, Recipient, Upload
from campaigns.queries.consents import has_agreed, has_opted_out
from conversations.actions import Sender, receive
from conversations.models import Contact, ContactIdentity, Inbox
from core.actor import Actor
from core.errors import Conflict, Forbidden, Invalid, NotFound, TooLarge
from core.reasons import in_english
from tests.campaigns.conftest import Draft, people
from tests.campaigns.lines import begin, no_errors, run, together

pytestmark = pytest.mark.django_db(transaction=True)


def read(campaign: Campaign, text: str | bytes, lead: Actor, **more: Any) -> Upload:
    data = text if isinstance(text, bytes) else text.encode()
    upload = give_list(campaign=campaign, data=data, by=lead, **more)
    while read_some(upload.pk):
        pass
    upload.refresh_from_db()
    return upload


def account(upload: Upload) -> tuple[int, int, int, int]:
    """Rows, added, known and bad: the first is always the sum of the others."""
    bad = upload.bad.count()
    assert upload.rows == upload.done == upload.added + upload.known + bad
    return upload.rows, upload.added, upload.known, bad


def reasons(upload: Upload) -> dict[int, str]:
    return {row.line: in_english(row.reason) for row in upload.bad.all()}


@pytest.fixture
def campaign(draft: Draft) -> Campaign:
    """A draft."""
    return draft()


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven lines at a time."""
    monkeypatch.setattr(importing, "AT_ONCE", 7)


def test_list_becomes_recipients_with_all_that_it_says(campaign: Campaign, lead: Actor) -> None:
    upload = read(
        campaign,
        "Telefone;Nome;Idioma;Fuso horário;Etiquetas;Plano\n"
        "+55 11 99999-0001;Ana Maria;pt-BR;America/Manaus;vip, 2026;ouro\n",
        lead,
    )
    assert account(upload) == (1, 1, 0, 0)
    contact = Contact.objects.get()
    assert (contact.name, contact.phone, contact.locale) == ("Ana Maria", "+5511999990001", "pt-BR")
    assert (contact.timezone, contact.tags, contact.attributes) == (
        "America/Manaus", ["vip", "2026"], {"plano": "ouro"},
    )  # fmt: skip
    recipient = Recipient.objects.get()
    assert (recipient.zones, recipient.values) == ("America/Manaus", {"plano": "ouro", "name": "Ana Maria"})
    assert ContactIdentity.objects.get().external_id == "5511999990001"
    assert (upload.status, upload.columns[0]) == (UploadStatus.DONE, "phone")


def test_what_is_known_of_somebody_stands_and_what_is_not_is_filled_in(
    campaign: Campaign, number: Inbox, lead: Actor
) -> None:
    (contact,) = people(number, 1, name="Ana", tags=["vip"], attributes={"plano": "prata"}, phone="")
    text = "fone;nome;email;tags;plano;fuso\n+5511900000000;Bia;b@example.com;vip,novo;ouro;America/Manaus\n"
    assert account(read(campaign, text, lead)) == (1, 1, 0, 0)
    contact.refresh_from_db()
    assert (contact.name, contact.email, contact.phone) == ("Ana", "b@example.com", "+5511900000000")
    assert (contact.tags, contact.attributes) == (["vip", "novo"], {"plano": "prata"})
    # What was just learned counts at once.
    assert Recipient.objects.get().zones == "America/Manaus"
    assert Recipient.objects.get().values["plano"] == "ouro"


def test_bad_lines_are_named_with_their_number_and_reason(campaign: Campaign, lead: Actor) -> None:
    text = (
        "telefone;nome;fuso\n+5511999990001;Ana;\nabc;Bia;\n;Eva;\n+5511999990002;Mia;Mars/Base\n"
        '+5511999990003;Lia;;extra\n+5511999990004;"Rui;\n\n+5511999990005;"Zé";\n'
    )
    upload = read(campaign, text, lead)
    assert account(upload) == (7, 2, 0, 5)
    assert reasons(upload) == {
        3: "abc is no telephone number.",
        4: "There is no address in this line.",
        5: "There is no time zone Mars/Base.",
        6: "This line has 4 cells, the heading 3.",
        7: "A quotation mark in this line is not closed.",
    }
    assert upload.bad.get(line=7).text == '+5511999990004;"Rui;'
    assert set(Contact.objects.values_list("name", flat=True)) == {"Ana", "Zé"}


def test_country_of_the_list_completes_its_numbers(campaign: Campaign, lead: Actor) -> None:
    text = "fone\n(11) 99999-0001\n11999990002\n5511999990003\n99999-0004\n"
    upload = read(campaign, text, lead, region="br")
    assert account(upload) == (4, 3, 0, 1)
    assert reasons(upload) == {5: "99999-0004 is no telephone number."}
    assert ContactIdentity.objects.filter(external_id__startswith="55119").count() == 3


def test_same_person_is_one_recipient_in_one_list_and_in_two(campaign: Campaign, lead: Actor) -> None:
    first = read(campaign, "fone;plano\n+5511999990001;ouro\n+55 11 99999-0001;prata\n5511999990001;\n", lead)
    assert account(first) == (3, 1, 2, 0)
    assert Recipient.objects.get().values == {"plano": "ouro"}
    second = read(campaign, "fone\n+5511999990001\n+5511999990002\n", lead)
    assert account(second) == (2, 1, 1, 0)
    assert Recipient.objects.count() == Contact.objects.count() == 2


def test_two_ids_of_one_customer_are_one_recipient(campaign: Campaign, number: Inbox, lead: Actor) -> None:
    (contact,) = people(number, 1)
    ContactIdentity.objects.create(inbox=number, contact=contact, external_id="5511977770000")
    text = "fone;a;b\n+5511900000000;1;\n+5511977770000;;2\n"
    assert account(read(campaign, text, lead)) == (2, 1, 1, 0)
    contact.refresh_from_db()
    assert contact.attributes == {"a": "1", "b": "2"}


@pytest.mark.usefixtures("small_steps")
def test_crash_in_the_middle_loses_nothing_and_doubles_nothing(
    campaign: Campaign, lead: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "fone\n" + "".join(f"+55119999900{n:02}\n" if n % 5 else f"bad {n}\n" for n in range(40))
    upload = give_list(campaign=campaign, data=text.encode(), by=lead)
    calls = iter(range(100))
    enrol = importing._enrol

    def failing(*args: Any) -> int:
        added = enrol(*args)
        if next(calls) % 2:
            message = "the power is gone"
            raise OperationalError(message)
        return added

    monkeypatch.setattr(importing, "_enrol", failing)
    reading, crashes = Reading(upload.pk), 0
    while True:
        try:
            if not reading.go_on():
                break
        except OperationalError:
            crashes += 1
        upload.refresh_from_db()
        seen = upload.added + upload.known + upload.bad.count()
        assert upload.done == seen
        assert Recipient.objects.count() == upload.added
    upload.refresh_from_db()
    assert crashes >= 2
    assert account(upload) == (40, 32, 0, 8)
    assert sorted(reasons(upload)) == [2 + n for n in range(0, 40, 5)]
    assert Recipient.objects.count() == Contact.objects.count() == 32


@pytest.mark.usefixtures("small_steps")
def test_two_readers_of_a_list_and_two_lists_at_once_count_right(campaign: Campaign, lead: Actor) -> None:
    lists = [
        give_list(
            campaign=campaign,
            data=("fone\n" + "".join(f"+55119999{n:05}\n" for n in numbers)).encode(),
            by=lead,
        ).pk
        for numbers in (range(60), range(30, 90))
    ]

    def to_the_end(pk: int) -> None:
        reading = Reading(pk)
        while reading.go_on():
            time.sleep(0.001)

    no_errors(together(*[lambda pk=pk: to_the_end(pk) for pk in (*lists, *lists)]))
    found = [account(Upload.objects.get(pk=pk)) for pk in lists]
    assert Recipient.objects.filter(campaign=campaign).count() == 90
    assert sum(added for _rows, added, _known, _bad in found) == 90
    assert all((rows, bad) == (60, 0) for rows, _added, _known, bad in found)
    assert Contact.objects.count() == 90


PARTS = st.sampled_from(
    ["+5511999990001", "+5511999990002", "+5511999990003", "abc", "", '"', '"Ana"', ";", ",", " ", "é", "\r"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(text=st.lists(st.lists(PARTS, max_size=4).map("".join), max_size=25).map("\n".join))
def test_every_line_is_accounted_for_whatever_it_says(campaign: Campaign, lead: Actor, text: str) -> None:
    BadRow.objects.all().delete()
    actions.clear_list(campaign=campaign, by=lead)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importing, "AT_ONCE", 3)
        try:
            upload = read(campaign, f"fone;nome\n{text}", lead)
        except Invalid:
            assert not any(cell.strip() for cell in text.replace(";", " ").replace('"', " ").split())
            return
    _rows, added, _known, _bad = account(upload)
    assert Recipient.objects.filter(campaign=campaign).count() == added <= 3
    assert upload.status == UploadStatus.DONE


def test_list_in_any_encoding_greets_people_by_their_names(campaign: Campaign, lead: Actor) -> None:
    read(campaign, "telefone;nome\n+5511999990001;João Conceição\n".encode("cp1252"), lead)
    read(campaign, "telefone;nome\n+5511999990002;Íñigo Muñoz\n".encode("utf-16"), lead)
    read(campaign, "telefone;nome\n+5511999990003;Zo\x00ë\n", lead)
    names = set(Contact.objects.values_list("name", flat=True))
    assert names == {"João Conceição", "Íñigo Muñoz", "Zoë"}


def test_address_that_no_column_holds_is_a_bad_line_and_not_the_end(
    team: Team, lead: Actor, mailbox: Inbox
) -> None:
    campaign = actions.create_campaign(by=lead, inbox=mailbox, name="News")
    long = "a" * 60 + "@" + ".".join(["b" * 60] * 3) + ".example"
    text = f"email;nome\nana@example.com;{'Ana ' * 100}\n{long};Bia\nsupport@shop.example;Nós\nx@;Eva\n"
    upload = read(campaign, text, lead)
    assert account(upload) == (4, 1, 0, 3)
    assert upload.status == UploadStatus.DONE
    assert len(Contact.objects.get().name) == 120


def test_where_strangers_cannot_be_written_to_only_who_is_known_is_taken(
    settings: Any, team: Team, lead: Actor
) -> None:
    inbox = Inbox.objects.create(name="Telegram", channel="telegram", team=team)
    people(inbox, 1)
    campaign = actions.create_campaign(by=lead, inbox=inbox, name="News")
    upload = read(campaign, "id;nome\n551190000000\n5511900000000;Ana\n;Bia\n", lead)
    assert account(upload) == (3, 1, 0, 2)
    assert reasons(upload) == {
        2: "Nobody is known as 551190000000 in this inbox.",
        4: "Nobody is known as – in this inbox.",
    }
    assert Contact.objects.count() == 1


def test_list_cannot_take_back_a_no(campaign: Campaign, number: Inbox, lead: Actor) -> None:
    said_no, silent = people(number, 2)
    identity = said_no.identities.get()
    actions.set_consent(identity=identity, state=ConsentState.WITHDRAWN, by=lead)
    text = "fone\n+5511900000000\n+5511900000001\n"
    read(campaign, text, lead, gives_consent=True)
    assert has_opted_out(identity)
    assert not has_agreed(identity)
    assert has_agreed(silent.identities.get())
    run(campaign, lead)
    assert {row.contact_id: row.reason for row in Recipient.objects.all()} == {
        said_no.pk: "opted_out", silent.pk: "",
    }  # fmt: skip


def test_list_cannot_take_back_a_no_to_another_number_of_ours(
    campaign: Campaign, number: Inbox, team: Team, lead: Actor
) -> None:
    other = Inbox.objects.create(name="Second", channel="whatsapp_cloud", team=team)
    (contact,) = people(other, 1)
    actions.set_consent(identity=contact.identities.get(), state=ConsentState.WITHDRAWN, by=lead)
    read(campaign, "fone\n+5511900000000\n", lead, gives_consent=True)
    assert has_opted_out(ContactIdentity.objects.get(inbox=number))


def test_list_without_consent_gives_none(campaign: Campaign, lead: Actor) -> None:
    read(campaign, "fone\n+5511999990001\n", lead)
    assert not Consent.objects.exists()


def test_giving_a_list_takes_an_approval_back(campaign: Campaign, number: Inbox, lead: Actor) -> None:
    people(number, 1)
    actions.approve(campaign=campaign, by=lead)
    read(campaign, "fone\n+5511999990001\n", lead)
    campaign.refresh_from_db()
    assert (campaign.status, campaign.source, campaign.approved_at) == (
        CampaignStatus.DRAFT, Source.LIST, None,
    )  # fmt: skip


def test_list_still_being_read_keeps_a_campaign_from_going_out(campaign: Campaign, lead: Actor) -> None:
    give_list(campaign=campaign, data=b"fone\n+5511999990001\n", by=lead)
    with pytest.raises(Invalid, match="still being read"):
        actions.approve(campaign=campaign, by=lead)


@pytest.mark.parametrize("data", [b"", b"\n\n", b"telefone;nome\n", b'""\n', b"\xff\xfe", b";;;\n"])
def test_empty_list_is_refused(campaign: Campaign, lead: Actor, data: bytes) -> None:
    with pytest.raises(Invalid) as found:
        give_list(campaign=campaign, data=data, by=lead)
    assert found.value.extra["field"] == "file"
    assert not Upload.objects.exists()


def test_list_is_refused_where_it_may_not_be_given(
    campaign: Campaign, lead: Actor, bruno: User, number: Inbox, settings: Any
) -> None:
    data = b"fone\n+5511999990001\n"
    with pytest.raises(Forbidden):
        give_list(campaign=campaign, data=data, by=bruno.as_actor())
    with pytest.raises(Invalid, match="XX"):
        give_list(campaign=campaign, data=data, by=lead, region="XX")
    settings.MAX_LIST_BYTES = 10
    with pytest.raises(TooLarge):
        give_list(campaign=campaign, data=data, by=lead)
    settings.MAX_LIST_BYTES = 10_000
    people(number, 1)
    begin(campaign, lead)
    with pytest.raises(Conflict):
        give_list(campaign=campaign, data=data, by=lead)
    assert not Upload.objects.exists()


def test_lead_of_another_team_has_nothing_to_give(campaign: Campaign, other_team: Team, clara: User) -> None:
    clara.role = "lead"
    clara.save()
    with pytest.raises(NotFound):
        give_list(campaign=campaign, data=b"fone\n+5511999990001\n", by=clara.as_actor())


def of_all_kinds(campaign: Campaign, lead: Actor) -> None:
    """A list of six: somebody known, and five newcomers, of four of whom there is more by now."""
    people(campaign.inbox, 1)
    lines = [f"+55119{place:08},N{place}" for place in range(6)]
    read(campaign, "fone,nome\n" + "\n".join(lines), lead)
    no, wrote, listed, yes = (Contact.objects.get(name=f"N{place}") for place in (1, 2, 3, 5))
    actions.set_consent(identity=no.identities.get(), state=ConsentState.WITHDRAWN, by=lead)
    actions.set_consent(identity=yes.identities.get(), state=ConsentState.GIVEN, by=lead)
    receive(inbox=campaign.inbox, sender=Sender(wrote.identities.get().external_id), text="Oi")
    other = actions.create_campaign(by=lead, inbox=campaign.inbox, name="Other", source="list")
    read(other, f"fone\n{listed.phone}\n", lead)


@pytest.mark.parametrize("how", ["clear", "delete"])
def test_wrong_list_leaves_no_customers_behind(campaign: Campaign, lead: Actor, how: str) -> None:
    of_all_kinds(campaign, lead)
    assert Contact.objects.count() == 6
    if how == "clear":
        assert actions.clear_list(campaign=campaign, by=lead) == 6
    else:
        actions.delete_campaign(campaign=campaign, by=lead)
    assert set(Contact.objects.values_list("name", flat=True)) == {"Maria 0", "N1", "N2", "N3", "N5"}
    assert not ContactIdentity.objects.filter(external_id="5511900000004").exists()


@pytest.mark.parametrize("start", [b"PK\x03\x04\x14", b"\xd0\xcf\x11\xe0\xa1"])
def test_file_of_a_spreadsheet_is_refused_with_the_way_out(
    campaign: Campaign, lead: Actor, start: bytes
) -> None:
    with pytest.raises(Invalid, match="Save it as CSV"):
        give_list(campaign=campaign, data=start + b"\n+5511999990001\n", by=lead, name="list.csv")
    assert not Upload.objects.exists()


def test_language_is_known_by_code_and_by_name(campaign: Campaign, lead: Actor) -> None:
    told = ("pt-BR", "es_MX", "Português", "INGLÊS", "klingon", "", "zh-Hant-TW")
    lines = (f"+5511999990{place:03};{language}" for place, language in enumerate(told))
    upload = read(campaign, "fone;idioma\n" + "\n".join(lines), lead)
    found = Contact.objects.order_by("phone").values_list("locale", flat=True)
    assert list(found) == ["pt-BR", "es_MX", "pt", "en", "", "zh-Hant-TW"]
    assert in_english(upload.bad.get().reason) == "There is no language klingon."


def test_number_without_its_country_says_what_it_lacks(campaign: Campaign, lead: Actor) -> None:
    upload = read(campaign, "fone\n(11) 98700-1000\n+55 11\n", lead)
    assert [in_english(reason) for reason in upload.bad.values_list("reason", flat=True)] == [
        "(11) 98700-1000 is no telephone number, unless the list's country is told.",
        "+55 11 is no telephone number.",
    ]


def test_cleared_list_is_gone_and_is_not_read_on(campaign: Campaign, lead: Actor) -> None:
    upload = give_list(campaign=campaign, data=b"fone\n+5511999990001\n", by=lead)
    reading = Reading(upload.pk)
    assert actions.clear_list(campaign=campaign, by=lead) == 0
    assert reading.go_on() is False
    assert not Recipient.objects.exists()
    read(campaign, "fone\n+5511999990001\nbad\n", lead)
    assert actions.clear_list(campaign=campaign, by=lead) == 1
    assert not Upload.objects.exists()
    assert not BadRow.objects.exists()


def long_list(count: int) -> Iterator[str]:
    yield "telefone;nome;plano\n"
    for number in range(count):
        yield f"+55119{number:08};Maria {number};ouro\n"


def test_queries_of_a_step_do_not_grow_with_its_lines_or_with_those_before(
    campaign: Campaign, lead: Actor
) -> None:
    upload = give_list(campaign=campaign, data="".join(long_list(1_500)).encode(), by=lead)
    reading = Reading(upload.pk)
    counts, seconds = [], []
    for _step in range(3):
        begun = time.perf_counter()
        with CaptureQueriesContext(
            connection,
        ) as queries:
            reading.go_on()
        counts.append(len(queries))
        seconds.append(time.perf_counter() - begun)
    assert counts[1] == counts[2] <= counts[0] <= 25
    assert not any('"content"' in query["sql"] for query in queries.captured_queries)
