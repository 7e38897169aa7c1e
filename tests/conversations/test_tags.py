"""Tags: what one is, and that renaming reaches everything that has it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from conversations.actions import delete_tag, edit_conversation, rename_tag
from conversations.models import Contact, Conversation
from conversations.queries.tags import TagCount, tag_in_use, tags_in_use
from conversations.tags import changed_tags, checked_tags, tidy_tags
from core.errors import Forbidden, Invalid, NotFound
from knowledge.models import Article

WORDS = st.lists(st.text(max_size=60), max_size=40)


@given(words=WORDS)
def test_tidied_tags_are_tags(words: list[str]) -> None:
    found = tidy_tags(words)
    assert len(found) <= 20
    assert all(0 < len(tag) <= 40 and tag == tag.strip() and "\x00" not in tag for tag in found)
    assert len({tag.casefold() for tag in found}) == len(found)


@given(words=WORDS)
def test_checked_tags_stay_as_they_are_and_in_their_order(words: list[str]) -> None:
    try:
        found = checked_tags(words)
    except Invalid:
        return
    assert checked_tags(found) == found
    given_ = [" ".join(word.split()) for word in words]
    places = [given_.index(tag) for tag in found if tag in given_]
    assert places == sorted(places)


def test_tags_come_and_go_whatever_their_case() -> None:
    assert changed_tags(["VIP", "old"], add=["vip", "new"], remove=["OLD"]) == ["VIP", "new"]
    with pytest.raises(Invalid):
        changed_tags([str(number) for number in range(20)], add=["one more"])


@pytest.fixture
def tagged(conversation: Conversation, ana: User) -> Conversation:
    edit_conversation(conversation=conversation, by=ana.as_actor(), tags=["a", "vip"])
    Contact.objects.filter(pk=conversation.contact_id).update(tags=["VIP", "vip2"])
    article = Article(title="T", body="x", language="pt", tags=["vip"])
    article.prepare()
    article.save()
    return conversation


def test_counts_are_of_what_one_sees(tagged: Conversation, bruno: User, clara: User) -> None:
    assert tags_in_use(bruno.as_actor()) == [
        TagCount("a", {"conversation": 1}),
        TagCount("VIP", {"contact": 1}),
        TagCount("vip", {"conversation": 1, "article": 1}),
        TagCount("vip2", {"contact": 1}),
    ]
    assert tags_in_use(clara.as_actor()) == [TagCount("vip", {"article": 1})]
    assert [tag.name for tag in tags_in_use(bruno.as_actor(), after="VIP", limit=1)] == ["vip"]
    with pytest.raises(NotFound):
        tag_in_use(clara.as_actor(), "a")


def test_renamed_tag_joins_what_is_called_so_already(tagged: Conversation, ana: User) -> None:
    before = Contact.objects.get(pk=tagged.contact_id).updated_at
    assert rename_tag(name="vip", to=" A ", by=ana.as_actor()) == "A"
    tagged.refresh_from_db()
    assert tagged.tags == ["a"]
    assert Article.objects.get().tags == ["A"]
    contact = Contact.objects.get(pk=tagged.contact_id)
    assert (contact.tags, contact.updated_at) == (["VIP", "vip2"], before)
    rename_tag(name="VIP", to="Vip", by=ana.as_actor())
    contact.refresh_from_db()
    assert contact.tags == ["Vip", "vip2"]
    assert contact.updated_at > before


def test_deleted_tag_is_gone_everywhere(tagged: Conversation, ana: User) -> None:
    moved = tagged.updated_at
    delete_tag(name="vip", by=ana.as_actor())
    tagged.refresh_from_db()
    assert (tagged.tags, tagged.updated_at) == (["a"], Conversation.objects.get(pk=tagged.pk).updated_at)
    assert tagged.updated_at >= moved
    assert Article.objects.get().tags == []
    with pytest.raises(NotFound):
        delete_tag(name="vip", by=ana.as_actor())


def test_only_administrators_rename_and_only_to_a_tag(tagged: Conversation, ana: User, bruno: User) -> None:
    with pytest.raises(Forbidden):
        rename_tag(name="a", to="b", by=bruno.as_actor())
    with pytest.raises(Forbidden):
        delete_tag(name="a", by=bruno.as_actor())
    for name in ("", " ", "x" * 41, "a,b"):
        with pytest.raises(Invalid):
            rename_tag(name="a", to=name, by=ana.as_actor())
    for name in ("nobody", "\x00", "\ud800"):
        with pytest.raises(NotFound):
            rename_tag(name=name, to="b", by=ana.as_actor())
