"""What the spine's pages in the admin share."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise

from accounts.admin import actor_of, is_admin
from conversations.models import Inbox
from core.actor import Actor
from core.errors import HelpdeskError
from core.reasons import said
from core.threads import patient

M = TypeVar("M", bound=Model)


class ReadOnly:
    """History is looked at, never edited: what happens in a conversation happens through its actions."""

    def has_add_permission(self, *_args: Any) -> bool:
        """Nothing is added by hand."""
        return False

    def has_change_permission(self, *_args: Any) -> bool:
        """Nothing is changed by hand."""
        return False

    def has_delete_permission(self, *_args: Any) -> bool:
        """Nothing is deleted by hand."""
        return False


def attempt(request: HttpRequest, act: Callable[[], str]) -> None:
    """Does something and says how it went: the words returned, or the error of ours."""
    try:
        messages.success(request, act())
    except HelpdeskError as error:
        messages.error(request, said(error.detail))


class OfInbox(admin.ModelAdmin[M]):
    """A page of what hangs on an inbox: seen by those who see the inbox."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        """Only what hangs on inboxes one may see."""
        rows = super().get_queryset(request)
        return rows if is_admin(request) else rows.filter(inbox__in=seen_inboxes(request))


class InboxFilter(admin.RelatedFieldListFilter):
    """By inbox, of those that one may see."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Any:
        """Names no inbox of another team."""
        del model_admin
        seen = {"pk__in": seen_inboxes(request)}
        return field.get_choices(include_blank=False, limit_choices_to=seen)


def seen_inboxes(request: HttpRequest) -> QuerySet[Inbox]:
    """Returns the inboxes that the member of staff who asks may see."""
    return Inbox.objects.visible_to(actor_of(request))


class OneClick(ReadOnly, OfInbox[M]):
    """A read-only page with one button for administrators, which the admin's own log remembers."""

    change_form_template = "admin/conversations/one_click.html"
    button: ClassVar[str | Promise] = ""

    def act(self, request: HttpRequest, row: M) -> str:
        """Does what the button says, and says that it was done."""
        del request, row
        raise PermissionDenied

    def has_button(self, row: M) -> bool:
        """Says whether the button makes sense for this row."""
        del row
        return True

    def get_urls(self) -> list[URLPattern]:
        """Adds the button's address before those of the pages."""
        view = self.admin_site.admin_view(self.act_view)
        return [path("<path:object_id>/act/", view, name=self._address("act")), *super().get_urls()]

    def _address(self, page: str) -> str:
        meta = self.model._meta
        return f"{meta.app_label}_{meta.model_name}_{page}"

    def act_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Acts on one row and returns to its page."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        row = self.get_object(request, object_id)
        if row is None or not is_admin(request):
            raise PermissionDenied
        attempt(request, lambda: self.act_logged(request, row))
        return HttpResponseRedirect(reverse(f"admin:{self._address('change')}", args=[row.pk]))

    def act_logged(self, request: HttpRequest, row: M) -> str:
        """Acts, and writes down who did."""
        said = self.act(request, row)
        self.log_change(request, row, said)
        return said

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **more: Any
    ) -> HttpResponse:
        """Hands the button to the page."""
        row = more.get("obj")
        shown = row is not None and is_admin(request) and self.has_button(row)
        return super().render_change_form(
            request, {**context, "button": self.button if shown else ""}, *args, **more
        )


def _is_sent(request: HttpRequest) -> bool:
    """Says whether it may be a button; which one, only the body tells, and that is read in a thread."""
    return request.method == "POST"


# What a button does, with level and words of what came of it; and how the admin's log calls that.
Verb = tuple[Callable[[M, Actor], tuple[int, str]], str | Promise]


class WithButtons(admin.ModelAdmin[M]):
    """A page that shows above its form how something stands, with buttons that ask somebody else's server.

    A button saves what was entered first. Whoever sends the form waits where nobody else has to.
    Where `tells_log`, the admin's log says what came of it as well.
    """

    verbs: ClassVar[Mapping[str, Verb[Any]]] = {}
    tells_log: ClassVar[bool] = True

    def panel(self, row: M) -> Mapping[str, Any]:
        """Returns what the page shows above the form; nothing, where a page has no more to say."""
        del row
        return {}

    def pressed(self, request: HttpRequest) -> str:
        """Returns the button that was pressed, or "" for one of Django's own."""
        return next((name for name in self.verbs if name in request.POST), "")

    def get_urls(self) -> list[URLPattern]:
        """Has those who wait for somebody else's server wait on threads of their own."""
        meta = self.model._meta
        addresses = super().get_urls()
        for address in addresses:
            if address.name == f"{meta.app_label}_{meta.model_name}_change":
                address.callback = patient(address.callback, when=_is_sent)
        return addresses

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Saves what was entered, then does what the button says."""
        answer: HttpResponse = super().changeform_view(request, object_id, form_url, extra_context)
        # Not before: the form is saved in a transaction, and nothing on the network happens inside one.
        if isinstance(answer, HttpResponseRedirect) and (verb := self.pressed(request)) and object_id:
            row = self.get_object(request, object_id)
            if row is not None and self.has_change_permission(request, row):
                self._do(request, row, verb)
        return answer

    def _do(self, request: HttpRequest, row: M, verb: str) -> None:
        do, logged = self.verbs[verb]
        try:
            level, told = do(row, actor_of(request))
        except HelpdeskError as error:
            level, told = messages.ERROR, said(error.detail)
        self.log_change(request, row, f"{logged} {told}" if self.tells_log else str(logged))
        messages.add_message(request, level, told)

    def response_change(self, request: HttpRequest, obj: M) -> HttpResponse:
        """Stays on the page for a button of ours."""
        if self.pressed(request):
            return HttpResponseRedirect(request.get_full_path())
        return super().response_change(request, obj)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **more: Any
    ) -> HttpResponse:
        """Adds the panel."""
        row = more.get("obj")
        panel = self.panel(row) if row is not None else None
        return super().render_change_form(request, {**context, "panel": panel}, *args, **more)


def short(text: str, length: int = 100) -> str:
    """Returns the beginning of a text for a list."""
    return text if len(text) <= length else f"{text[: length - 1]}…"
