"""HTTP tools in the admin: described, tried, switched off."""

import json
import time
from typing import Any, ClassVar
from uuid import uuid4

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from agents.models import HttpTool
from agents.outside import SESSION, Called, OutsideTool, call, names_in
from agents.outside_rules import complaints
from core.outbound import OutboundError
from core.threads import patient
from llm.tools import ToolResult

KEPT = "…"


class HeadersField(forms.Field):
    """Secret headers, a line each. What is stored is never shown: `Name: …` keeps it."""

    widget = forms.Textarea(attrs={"rows": 4, "autocomplete": "off", "spellcheck": "false"})

    def prepare_value(self, value: Any) -> Any:
        """Shows the names alone."""
        return "\n".join(f"{name}: {KEPT}" for name in value) if isinstance(value, dict) else value

    def to_python(self, value: Any) -> dict[str, str]:
        """Reads the lines."""
        found: dict[str, str] = {}
        for line in str(value or "").splitlines():
            name, colon, said = line.partition(":")
            if line.strip() and not colon:
                raise forms.ValidationError(_("Each line is written as Name: value."))
            if line.strip():
                found[name.strip()] = said.strip()
        return found


class HttpToolForm(forms.ModelForm[HttpTool]):
    """A tool's description; checked as a whole."""

    headers = HeadersField(
        label=capfirst(_("secret headers")),
        required=False,
        help_text=_("A line each, such as Authorization: Bearer … . What is stored is not shown again."),
    )

    class Meta:
        model = HttpTool
        fields = (
            "name", "description", "method", "url", "parameters", "headers", "effect", "needs_verification",
            "is_idempotent", "seconds", "is_active",
        )  # fmt: skip
        widgets: ClassVar = {
            "url": forms.TextInput(attrs={"size": 80}),
            "description": forms.Textarea({"rows": 3}),
        }

    def clean_headers(self) -> dict[str, str]:
        """Puts what is stored in the place of what was not written anew."""
        stored = self.initial.get("headers") or {}
        given: dict[str, str] = self.cleaned_data["headers"]
        lost = [name for name, value in given.items() if value == KEPT and name not in stored]
        if lost:
            raise forms.ValidationError(_("There is no stored value of “%s”.") % lost[0][:60])
        return {name: stored[name] if value == KEPT else value for name, value in given.items()}

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # where Django fills the instance
        if not self.errors:
            for field, told in complaints(self.instance):
                self.add_error(field, told)


class TryForm(forms.Form):
    """The arguments of a trial, and whom it stands for."""

    arguments = forms.CharField(
        label=_("Arguments"), widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false"}), initial="{}"
    )

    def __init__(self, *args: Any, tool: HttpTool, **more: Any) -> None:
        """Asks for what the address takes from the conversation."""
        super().__init__(*args, **more)
        self.tool = tool
        for name in sorted(names_in(tool.url) & set(SESSION)):
            self.fields[name] = forms.CharField(label=name)
        properties = tool.parameters.get("properties", {})
        self.initial["arguments"] = json.dumps(dict.fromkeys(properties, ""), indent=2)

    def clean_arguments(self) -> dict[str, Any]:
        """Reads the arguments as a model's would be."""
        checked = OutsideTool(self.tool).checked(self.cleaned_data["arguments"])
        if isinstance(checked, ToolResult):
            raise forms.ValidationError(checked.text)
        return checked


@admin.register(HttpTool)
class HttpToolAdmin(admin.ModelAdmin[HttpTool]):
    """Systems that agents may ask. For administrators: an address here is called in the company's name."""

    form = HttpToolForm
    list_display = ("name", "method", "url", "effect", "needs_verification", "is_active", "trial")
    list_filter = ("is_active", "effect")
    search_fields = ("name", "description", "url")

    @admin.display(description=_("try"))
    def trial(self, row: HttpTool) -> str:
        """The way to the page on which it is tried."""
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:agents_httptool_try", args=[row.pk]), _("Try it")
        )

    def get_urls(self) -> list[URLPattern]:
        """Adds the page on which a tool is tried."""
        view = patient(self.admin_site.admin_view(self.try_it))
        return [path("<int:pk>/try/", view, name="agents_httptool_try"), *super().get_urls()]

    def try_it(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Makes one real call with the arguments given, and shows what a model would be told."""
        row = get_object_or_404(HttpTool, pk=pk)
        if not self.has_change_permission(request, row):
            raise PermissionDenied
        form = TryForm(request.POST or None, tool=row)
        outcome = _tried(row, form) if request.method == "POST" and form.is_valid() else None
        context = {
            **self.admin_site.each_context(request),
            "title": _("Try %s") % row.name, "opts": HttpTool._meta, "tool": row, "form": form,
            "outcome": outcome,
        }  # fmt: skip
        return TemplateResponse(request, "admin/agents/httptool/try.html", context)


def _tried(row: HttpTool, form: TryForm) -> dict[str, Any]:
    session = {name: form.cleaned_data.get(name, "") for name in SESSION}
    began = time.perf_counter()
    try:
        called: Called | None = call(
            row, form.cleaned_data["arguments"], session=session, key=f"trial:{uuid4()}"
        )
        failure = ""
    except OutboundError as error:
        called, failure = None, error.detail
    taken = round((time.perf_counter() - began) * 1000)
    return {"called": called, "failure": failure, "milliseconds": taken}
