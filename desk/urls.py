"""Addresses of the desk, below those of the admin site."""

from typing import TYPE_CHECKING

from django.urls import URLPattern, path

from core.threads import patient
from desk import copilot_views, model_views, new_views, thread_views, ticket_views, views

if TYPE_CHECKING:
    from desk.site import DeskSite


def desk_urls(site: "DeskSite") -> list[URLPattern]:
    """Returns the desk's pages, behind the site's login, and what their scripts ask for."""
    page = site.admin_view
    inbox, tickets = "inbox/<uuid:conversation_id>/", "tickets/<int:number>/"
    new = "inbox/new/<int:inbox_id>/"
    return [
        path("inbox/", page(views.inbox), name="desk_inbox"),
        path("inbox/rows/", views.rows, name="desk_rows"),
        path(new, new_views.begin, name="desk_new"),
        path(f"{new}people/", new_views.people, name="desk_new_people"),
        path(f"{new}templates/", new_views.templates, name="desk_new_templates"),
        path(f"{new}files/", new_views.upload, name="desk_new_upload"),
        path(inbox, page(views.inbox), name="desk_conversation"),
        path(f"{inbox}thread/", views.thread, name="desk_thread"),
        path(f"{inbox}context/", views.panel, name="desk_context"),
        path(f"{inbox}deliveries/", thread_views.deliveries, name="desk_deliveries"),
        path(f"{inbox}templates/", thread_views.templates, name="desk_templates"),
        path(f"{inbox}canned/", thread_views.canned, name="desk_canned"),
        path(f"{inbox}recipients/", thread_views.recipients, name="desk_recipients"),
        path(f"{inbox}messages/<uuid:message_id>/", thread_views.whole, name="desk_message"),
        path(f"{inbox}files/", views.upload, name="desk_upload"),
        *_copilot(f"{inbox}copilot/"),
        path(f"{inbox}<slug:verb>/", views.act, name="desk_act"),
        path(
            "settings/models/",
            patient(page(model_views.models), when=model_views.is_test),
            name="desk_models",
        ),
        path("tickets/", page(ticket_views.tickets), name="desk_tickets"),
        path("tickets/rows/", ticket_views.rows, name="desk_ticket_rows"),
        path(tickets, page(ticket_views.ticket), name="desk_ticket"),
        path(f"{tickets}state/", ticket_views.state, name="desk_ticket_state"),
        path(f"{tickets}change/", ticket_views.change, name="desk_ticket_change"),
    ]


def _copilot(below: str) -> list[URLPattern]:
    """Returns what the copilot section of a conversation asks for."""
    return [
        path(below, copilot_views.standing, name="desk_copilot"),
        path(f"{below}similar/", copilot_views.similar, name="desk_copilot_similar"),
        path(f"{below}suggest/", copilot_views.suggest, name="desk_copilot_suggest"),
        path(f"{below}summary/", copilot_views.summary, name="desk_copilot_summary"),
        path(f"{below}rewrite/", copilot_views.rewrite, name="desk_copilot_rewrite"),
        path(f"{below}translate/", copilot_views.translate, name="desk_copilot_translate"),
        path(f"{below}decide/", copilot_views.decide, name="desk_copilot_decide"),
    ]
