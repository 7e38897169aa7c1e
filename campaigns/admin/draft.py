"""The page of a campaign that has not begun: who, what, when, check and start."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.admin import actor_of
from campaigns import actions
from campaigns.actions import importing
from campaigns.actions.persons import TOLD
from campaigns.addresses import regions
from campaigns.admin import forms, rules
from campaigns.admin.common import TONES, grouped
from campaigns.admin.inputs import LARGEST_KEY, whole
from campaigns.admin.uploads import lists_of, shown, usual_region
from campaigns.admin.words import strings
from campaigns.enums import CampaignStatus, Kind
from campaigns.models import Campaign, Upload, Variant
from campaigns.queries.pace import provider_tier
from campaigns.queries.people import known_people
from campaigns.queries.problems import needs_template, problems
from campaigns.queries.words import OPT_OUT
from conversations.models import ContactIdentity
from conversations.queries.windows import APPROVED, capabilities
from core.errors import Conflict, HelpdeskError, Invalid
from core.storable import storable
from core.zones import time_zones

if TYPE_CHECKING:
    from campaigns.admin.campaigns import CampaignAdmin

# The part of the page to which a button leads back.
Done = tuple[str, str]
PLACES = ("first_name", "name", "email", "phone")


def draft_page(page: "CampaignAdmin", request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """Shows the draft; a POST saves what was entered and then does what the button says."""
    if request.method != "POST":
        form = forms.CampaignForm(instance=campaign)
        return _shown(page, request, campaign, form, list(forms.stored_wordings(campaign)))
    form = forms.CampaignForm(request.POST, instance=Campaign.objects.get(pk=campaign.pk))
    wordings = forms.posted_wordings(request, campaign)
    try:
        if _save(request, campaign, form, wordings):
            told, part = _act(request, campaign)
            page.log_change(request, campaign, told or _("Saved."))
            if told:
                messages.success(request, told)
            address = reverse("admin:campaigns_campaign_change", args=[campaign.pk])
            return HttpResponseRedirect(f"{address}{part}")
        messages.error(request, _("Not saved yet: look at what is marked below."))
    except HelpdeskError as error:
        messages.error(request, error.detail)
    campaign.refresh_from_db()
    return _shown(page, request, campaign, form, wordings)


def _save(
    request: HttpRequest, campaign: Campaign, form: forms.CampaignForm, wordings: list[forms.WordingForm]
) -> bool:
    """Saves what is another than is stored; says whether everything that was entered will do.

    An approval is taken back by a change only: whoever presses Start has not changed anything.
    """
    are_good = [each.is_valid() for each in (form, *wordings)]
    asked = [each.wording() for each in wordings if each.is_valid()]
    if not all(are_good) or any(each.errors for each in wordings):
        return False
    changed = form.changes(campaign)
    is_reworded = bool(asked) and list(map(_told, asked)) != [_stored(row) for row in _variants(campaign)]
    if changed or is_reworded:
        words = asked if is_reworded else None
        actions.change_campaign(campaign=campaign, by=actor_of(request), wordings=words, **changed)
    campaign.refresh_from_db()
    return True


def _variants(campaign: Campaign) -> list[Variant]:
    return list(campaign.variants.select_related("template", "file"))


def _told(wording: actions.Wording) -> tuple[Any, ...]:
    template, file = wording.template, wording.file
    words = wording.text, " ".join(wording.subject.split()), dict(wording.values)
    return (*words, wording.share, template and template.pk, file and file.pk)


def _stored(row: Variant) -> tuple[Any, ...]:
    values = forms.values_for(row.template, row.values)
    return (forms.as_stored(row.text), row.subject, values, row.share, row.template_id, row.file_id)


# --- What the buttons do: each returns words, and the part of the page to look at ------------------------
def _act(request: HttpRequest, campaign: Campaign) -> Done:
    verb = next((name for name in VERBS if name in request.POST), None)
    return VERBS[verb](request, campaign) if verb else (_("Saved."), "")


def _approve(request: HttpRequest, campaign: Campaign) -> Done:
    actions.approve(campaign=campaign, by=actor_of(request))
    return _("Approved. Nobody has been written to yet: press Start."), "#check"


def _start(request: HttpRequest, campaign: Campaign) -> Done:
    if campaign.status == CampaignStatus.DRAFT:
        raise Conflict(_("What you changed is saved. It has to be approved again before it can be started."))
    row = actions.start(campaign=campaign, by=actor_of(request))
    if row.status == CampaignStatus.SCHEDULED:
        return _("Planned: it begins at its time."), ""
    return _("The campaign runs."), ""


def _test(request: HttpRequest, campaign: Campaign) -> Done:
    told = request.POST.get("test_person", "")
    rows = ContactIdentity.objects.filter(inbox=campaign.inbox).select_related("contact", "inbox")
    to = rows.filter(pk=whole(told, field="test_person", most=LARGEST_KEY)).first() if told else None
    if to is None:
        found = list(known_people(campaign.inbox, storable(request.POST.get("test_search", ""))))
        to = found[0] if len(found) == 1 else None
    if to is None:
        raise Invalid(_("Choose somebody for the test."), field="test_person")
    variants = _variants(campaign)
    label = request.POST.get("test_variant", "")
    variant = next((row for row in variants if row.label == label), variants[0])
    actions.send_test(campaign=campaign, variant=variant, to=to, by=actor_of(request))
    return _("A test was sent to %s. It counts nowhere.") % to.contact.display_name, "#check"


def _give_list(request: HttpRequest, campaign: Campaign) -> Done:
    upload = request.FILES.get("list_file")
    pasted = request.POST.get("list_text", "")
    data = upload.read() if upload else pasted.encode()
    row = importing.give_list(
        campaign=campaign,
        data=data,
        by=actor_of(request),
        name=storable(upload.name or "") if upload else "",
        region=request.POST.get("list_region", ""),
        gives_consent="list_consent" in request.POST,
    )
    lines = ngettext("%s line", "%s lines", row.rows) % grouped(row.rows)
    return _("The list is being read: %s.") % lines, "#who"


def _clear(request: HttpRequest, campaign: Campaign) -> Done:
    count = actions.clear_list(campaign=campaign, by=actor_of(request))
    told = ngettext("%s person was taken off the list.", "%s people were taken off the list.", count)
    return told % grouped(count), "#who"


VERBS: dict[str, Callable[[HttpRequest, Campaign], Done]] = {
    "_approve": _approve,
    "_start": _start,
    "_test": _test,
    "_list": _give_list,
    "_clear": _clear,
}


# --- What the page shows ---------------------------------------------------------------------------------
def _shown(
    page: "CampaignAdmin",
    request: HttpRequest,
    campaign: Campaign,
    form: forms.CampaignForm,
    wordings: list[forms.WordingForm],
) -> HttpResponse:
    can, uploads = capabilities(campaign.inbox), lists_of(campaign)
    context = {
        "campaign": campaign,
        "title": campaign.name,
        "tone": TONES.get(CampaignStatus(campaign.status), ""),
        "form": form,
        "wordings": wordings,
        "spare": forms.spare_wordings(campaign, wordings),
        "is_on_site": campaign.kind == Kind.ONSITE,
        "can": can,
        "needs_template": needs_template(campaign),
        "chips": _chips(uploads, with_link=can.subjects),
        "problems": problems(campaign),
        "uploads": [shown(row) for row in uploads],
        "on_list": campaign.recipients.count(),
        "regions": sorted(regions()),
        "zones": sorted(time_zones()),
        "usual_zone": settings.TIME_ZONE,
        "typed": request.POST,
        "usual_region": usual_region(campaign, uploads, request.LANGUAGE_CODE),
        "most_a_minute": grouped(int(can.per_second * 60)) if can.sends else "",
        "tier": grouped(tier) if (tier := provider_tier(campaign.inbox)) else "",
        "state": _state(request, campaign),
    }
    return render(request, "admin/campaigns/draft.html", page.page_context(request, **context))


def _chips(uploads: Sequence[Upload], *, with_link: bool) -> list[str]:
    """Returns the places that buttons put into the text: the usual ones, and the list's columns."""
    of_lists = (name for row in uploads for name in row.columns if name not in TOLD)
    return list(dict.fromkeys([*PLACES, *of_lists, *([OPT_OUT] if with_link else [])]))


def _state(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    """Returns what the page's scripts need."""
    names = ("audience", "preview", "hints", "people", "lists")
    templates = campaign.inbox.templates.filter(status__iexact=APPROVED)
    return {
        "strings": strings(),
        "urls": {name: reverse(f"admin:campaigns_campaign_{name}", args=[campaign.pk]) for name in names},
        "builder": rules.offered(actor_of(request), campaign),
        "templates": [
            {
                "id": row.pk,
                "body": row.body,
                "variables": row.variables,
                "header_format": row.header_format,
            }
            for row in templates
        ],
    }
