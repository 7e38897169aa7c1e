"""Customers, and the ids under which channels know them."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import connection
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin import actor_of
from accounts.models import User
from conversations.actions import erase_contact, merge_contacts, split_identity
from conversations.admin.common import ReadOnly, attempt
from conversations.admin.fields import PREFIX, form_fields, stored_value
from conversations.enums import FieldEntity
from conversations.models import Contact, ContactIdentity, Conversation, CustomField
from conversations.queries.contacts import contacts_seen_by
from conversations.queries.fields import custom_fields
from conversations.tags import checked_tags
from conversations.values import LONGEST_NAME, LONGEST_VALUE, MOST_ATTRIBUTES
from core.errors import Invalid
from core.zones import time_zones

PAIR = 2
# Tags to choose from.
OFFERED = 100


class AttributesField(forms.CharField):
    """What the team knows beyond the fields, one "name: value" a line."""

    widget = forms.Textarea(attrs={"rows": 6, "class": "vLargeTextField"})

    def prepare_value(self, value: Any) -> Any:
        """Returns the lines; what was typed comes back as it was typed."""
        if isinstance(value, Mapping):
            return "\n".join(f"{name}: {' '.join(str(told).split())}" for name, told in sorted(value.items()))
        return value

    def to_python(self, value: Any) -> Any:
        """Returns names and values; complains of a line that has no name, or names what another has named."""
        found: dict[str, str] = {}
        for number, line in enumerate(str(value or "").splitlines(), 1):
            if not line.strip():
                continue
            # A name may hold a colon itself, since lists bring names along.
            name, colon, told = (part.strip() for part in line.partition(": " if ": " in line else ":"))
            if not colon or not name:
                raise forms.ValidationError(gettext("Line %d: write name: value.") % number)
            if name in found:
                raise forms.ValidationError(gettext("Line %(number)d: %(name)s stands there already.") % {
                    "number": number, "name": name,
                })  # fmt: skip
            if len(name) > LONGEST_NAME or len(told) > LONGEST_VALUE:
                raise forms.ValidationError(gettext("Line %d is too long.") % number)
            found[name] = told
        if len(found) > MOST_ATTRIBUTES:
            raise forms.ValidationError(gettext("At most %d attributes.") % MOST_ATTRIBUTES)
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compares what the lines say."""
        try:
            return bool(self.to_python(data) != (initial or {}))
        except forms.ValidationError:
            return True


class ContactForm(forms.ModelForm[Contact]):
    """A customer, as far as staff may change one. Custom fields have inputs of their own."""

    custom: Sequence[CustomField] = ()
    attributes = AttributesField(
        required=False, label=_("Attributes"), help_text=_("One a line, such as plan: gold.")
    )

    class Meta:
        help_texts = {
            "timezone": _("Such as America/Sao_Paulo. Empty: by the telephone number."),
            "tags": _("Separated by commas."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Gives each custom field its value, and leaves the other attributes to the lines."""
        super().__init__(*args, **kwargs)
        values = dict(self.instance.attributes)
        for field in self.custom:
            self.initial[f"{PREFIX}{field.key}"] = values.pop(field.key, None)
        self.initial["attributes"] = values

    def clean_attributes(self) -> dict[str, Any]:
        """Refuses what has an input of its own; values of inputs join in `clean`."""
        values: dict[str, Any] = self.cleaned_data["attributes"]
        for field in self.custom:
            if field.key in values:
                raise forms.ValidationError(gettext("%s has a field of its own.") % field.key)
        return values

    def clean(self) -> dict[str, Any] | None:
        """Joins the values of custom fields with the other attributes."""
        cleaned = super().clean() or self.cleaned_data
        told = {field.key: stored_value(cleaned.get(f"{PREFIX}{field.key}")) for field in self.custom}
        given = {key: value for key, value in told.items() if value is not None}
        # What does not fit its field any more stays while nobody writes something else there.
        kept = {
            field.key: self.instance.attributes[field.key]
            for field in self.custom
            if field.key in self.instance.attributes and f"{PREFIX}{field.key}" not in self.changed_data
        }
        if "attributes" in cleaned:
            cleaned["attributes"] = {**cleaned["attributes"], **given, **kept}
        return cleaned

    def clean_timezone(self) -> str:
        """Only what the world's list of time zones knows."""
        zone = str(self.cleaned_data["timezone"]).strip()
        if zone and zone not in time_zones():
            raise forms.ValidationError(gettext("There is no time zone %s.") % zone)
        return zone

    def clean_tags(self) -> list[str]:
        """As they are kept everywhere."""
        try:
            return checked_tags(self.cleaned_data["tags"])
        except Invalid as error:
            raise forms.ValidationError(error.detail) from error


class TagFilter(admin.SimpleListFilter):
    """By one of the tags that are in use."""

    title = _("tag")
    parameter_name = "tag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        """The first hundred by name."""
        del request, model_admin
        query = "SELECT DISTINCT unnest(tags) AS tag FROM conversations_contact ORDER BY tag LIMIT %s"
        with connection.cursor() as cursor:
            cursor.execute(query, [OFFERED])
            return [(tag, tag) for (tag,) in cursor.fetchall()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        """Narrows."""
        del request
        return queryset.filter(tags__contains=[self.value()]) if self.value() else queryset


class IdentityInline(ReadOnly, admin.TabularInline[ContactIdentity, Contact]):
    """How channels know the contact."""

    model = ContactIdentity
    fk_name = "contact"
    fields = ("inbox", "external_id", "is_verified", "unreachable_since", "created_at", "split")
    readonly_fields = fields
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[ContactIdentity]:
        """Fetches the inboxes along."""
        return super().get_queryset(request).select_related("inbox")

    def get_fields(self, request: HttpRequest, obj: Contact | None = None) -> Any:
        """Leaves the button to those who may press it."""
        may_split = request.user.has_perm("conversations.change_contact")
        has_others = obj is not None and obj.identities.filter(same_as=None).count() > 1
        return self.fields if may_split and has_others else self.fields[:-1]

    @admin.display(description="")
    def split(self, identity: ContactIdentity) -> SafeString:
        """The button that gives the identity a contact of its own."""
        if identity.same_as_id is not None:
            return format_html("{}", _("goes with another"))
        return format_html(
            '<button type="submit" class="button" name="_split" value="{}">{}</button>',
            identity.pk,
            _("Split off"),
        )


@admin.register(Contact)
class ContactAdmin(admin.ModelAdmin[Contact]):
    """Customers. Two contacts that are one person are merged, and an identity is split off again."""

    form = ContactForm
    list_display = ("display_name", "email", "phone", "locale", "conversation_count", "created_at")
    list_filter = (TagFilter, "locale", "created_at")
    search_fields = ("name", "email", "phone", "identities__external_id")
    exclude = ("merged_into", "lent")
    inlines = (IdentityInline,)
    actions = ("merge",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Contact]:
        """Only customers of conversations one may see, without those that another one stands for.

        Counts the conversations in the same query.
        """
        contacts = super().get_queryset(request).filter(merged_into=None)
        user = request.user
        if isinstance(user, User) and not user.is_admin:
            contacts = contacts.filter(pk__in=contacts_seen_by(user.as_actor()).values("pk"))
        return contacts.annotate(conversations_counted=Count("conversations"))

    def get_form(self, request: HttpRequest, obj: Contact | None = None, *args: Any, **kwargs: Any) -> Any:
        """Adds an input for each custom field, for those who may change something."""
        if self.has_change_permission(request, obj):
            custom = custom_fields(FieldEntity.CONTACT)
            told = {"custom": custom, **form_fields(custom)}
            kwargs["form"] = type("ContactForm", (ContactForm,), told)
        return super().get_form(request, obj, *args, **kwargs)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Tells in numbers what goes with customers: Django would refuse for their conversations' sake."""
        people = [contact.pk for contact in objs]
        count = Conversation.objects.filter(contact__in=people).count()
        told = {str(_("contacts")): len(people), str(_("conversations")): count}
        allowed = self.has_delete_permission(request)
        names = [contact.display_name for contact in objs]
        return names, told, set() if allowed else {str(_("contact"))}, []

    def delete_model(self, request: HttpRequest, obj: Contact) -> None:
        """Erases the customer."""
        erase_contact(contact=obj, by=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> None:
        """Erases customers one by one."""
        for contact in queryset.order_by("pk"):
            self.delete_model(request, contact)

    @admin.display(description=_("conversations"), ordering="conversations_counted")
    def conversation_count(self, contact: Contact) -> int:
        """The number of conversations with the contact."""
        return int(getattr(contact, "conversations_counted", 0))

    @admin.action(description=_("Merge two contacts (the older one stays)"), permissions=["change"])
    def merge(self, request: HttpRequest, contacts: QuerySet[Contact]) -> None:
        """Makes two chosen contacts one."""
        pair = list(contacts.order_by("created_at", "pk")[: PAIR + 1])
        if len(pair) != PAIR:
            messages.error(request, _("Choose two contacts."))
            return
        attempt(request, lambda: self._merged(request, *pair))

    def _merged(self, request: HttpRequest, keep: Contact, other: Contact) -> str:
        merge_contacts(keep=keep, other=other, by=actor_of(request))
        names = {"keep": keep.display_name, "other": other.display_name}
        self.log_change(request, keep, gettext("Merged with %(other)s.") % names)
        return gettext("%(other)s is now %(keep)s. An identity can be split off on their page.") % names

    def response_change(self, request: HttpRequest, obj: Contact) -> HttpResponse:
        """Splits off the identity whose button was pressed, once the form is saved."""
        number = request.POST.get("_split", "")
        identity = obj.identities.filter(pk=number).first() if number.isdecimal() else None
        if identity is None:
            return super().response_change(request, obj)
        attempt(request, lambda: self._split(request, obj, identity))
        return HttpResponseRedirect(request.get_full_path())

    def _split(self, request: HttpRequest, contact: Contact, identity: ContactIdentity) -> str:
        other = split_identity(identity=identity, by=actor_of(request))
        names = {"identity": identity.external_id, "other": other.display_name}
        self.log_change(request, contact, gettext("Split off %(identity)s.") % names)
        return gettext("%(identity)s now belongs to %(other)s.") % names
