"""The words that the desk's scripts say, in the language of the request; scripts fill in the {names}."""

from django.utils.translation import gettext as _
from django.utils.translation import pgettext


def strings() -> dict[str, str]:
    """Returns every word of the scripts by its key."""
    return {
        **_common(), **_lists(), **_lines(), **_messages(), **_composer(), **_context(), **_copilot(),
        **_tickets(),
    }  # fmt: skip


def _common() -> dict[str, str]:
    return {
        "ai": _("AI"),
        "ai-agent": _("AI agent"),
        "author-agent": _("AI agent"),
        "author-contact": _("Customer"),
        "author-operator": _("Operator"),
        "author-system": _("Helpdesk"),
        "failed": _("That did not work. Try again."),
        "gone": _("This conversation has moved to a team whose conversations you do not see."),
        "offline": _("The connection is lost. What you write is kept and sent when it is back."),
        "signed-out": _("You are signed out. Reload the page to sign in again; drafts are kept."),
        "unreachable": _("The server could not be reached. Check your connection and try again."),
        "now": pgettext("time", "now"),
        "minutes": pgettext("time", "{n}m"),
        "hours": pgettext("time", "{n}h"),
        "days": pgettext("time", "{n}d"),
        "today": _("Today"),
        "yesterday": _("Yesterday"),
    }


def _lists() -> dict[str, str]:
    return {
        "agent-in-charge": _("{name} answers (AI)"),
        "no-messages": _("No message yet"),
        "resolved": _("Resolved"),
        "is-resolved": _("Resolved"),
        "reopen": _("Reopen"),
        "unread": _("Unread"),
        "waiting-since": _("Waiting since {time}"),
        "status-bot": _("AI agent"),
        "status-open": _("Open"),
        "status-snoozed": _("Snoozed"),
        "status-resolved": _("Resolved"),
        "nobody": _("Nobody"),
        "empty-search-title": _("Nothing found"),
        "empty-search": _("Try a part of the name, the e-mail address or the last message."),
        "empty-open-title": _("Nobody is waiting"),
        "empty-open": _(
            "Conversations appear here when the AI agent hands them over or a customer asks for you."
        ),
        "empty-mine-title": _("Nothing is assigned to you"),
        "empty-mine": _("Open a conversation and press a to take charge of it."),
        "empty-unassigned-title": _("Everything has somebody in charge"),
        "empty-unassigned": _("Conversations without an operator appear here."),
        "empty-agent-title": _("The AI agent has nothing to do"),
        "empty-agent": _("Conversations that the AI agent answers by itself appear here."),
        "empty-resolved-title": _("Nothing is resolved yet"),
        "empty-resolved": _("Press e in an open conversation when its matter is settled."),
        "empty-all-title": _("No conversation yet"),
        "empty-all": _("Put the chat widget on your site: Settings, Inboxes, copy the line of HTML."),
    }


def _lines() -> dict[str, str]:
    return {
        "you": pgettext("subject", "You"),
        "you-object": pgettext("object", "you"),
        "the-agent": _("{name} (AI)"),
        "line-priority": _("{name} set the priority to {priority}"),
        "line-changed": _("{name} changed: {fields}"),
        "line-handed-over": _("{name} handed over to people"),
        "line-handed-over-why": _("{name} handed over to people: {reason}"),
        "line-handed-back": _("{name} handed back to the AI agent"),
        "line-resolved": _("{name} resolved the conversation"),
        "line-reopened": _("{name} reopened the conversation"),
        "line-took-over": _("{name} took over"),
        "line-took": _("{name} took charge"),
        "line-assigned": _("{name} assigned to {to}"),
        "line-unassigned": _("{name} put it back into the queue"),
        "line-run-cancelled": _("The AI agent stopped writing"),
        "line-ticket": _("{name} created ticket #{number}: {subject}"),
        "line-ticket-status": _("{name} set ticket #{number} to {status}"),
        "line-ticket-changed": _("{name} changed ticket #{number}"),
        "line-approved": _("{name} approved: {tool}"),
        "line-refused": _("{name} refused: {tool}"),
        "line-expired": _("Nobody decided in time: {tool}"),
        "line-let-go": _("No longer asked: {tool}"),
        "line-verified": _("{name} typed the code from their mail: their identity is verified"),
        "approval-asks": _("{name} asks whether this may be done: {tool}"),
        "internal-note": _("Internal note"),
        "open-source": _("Open the source"),
        "new-message": _("{n} new message"),
        "new-messages": _("{n} new messages"),
        "to-end": _("To the newest"),
        "announce": _("New message from {name}: {text}"),
        "customer-types": _("{name} is typing"),
        "operator-types": _("{name} is also answering"),
    }


def _messages() -> dict[str, str]:
    return {
        "not-delivered": _("Not delivered: {error}"),
        "not-delivered-why": _("the channel gave no reason"),
        "correction-known": _("Saved. Agents answer from it in a moment."),
        "correction-proposed": _("Saved. Agents answer from it once a lead has approved it."),
        "rated-no": _("The customer found it not helpful: {reason}"),
        "rated-no-why": _("The customer found it not helpful."),
        "rated-yes": _("The customer found it helpful."),
        "judged-pending": _("unchecked"),
        "judged-pending-why": _("Neither a person nor a model has checked this answer."),
        "judged-human": _("checked"),
        "judged-human-why": _("A person has judged this answer."),
        "judged-ai": _("checked by AI"),
        "judged-ai-why": _("A model found each of its sentences in the passages it rests on."),
        "case-made": _("It is a case now. Look through it: other people's names may stand in it."),
        "case-open": _("Open the case"),
        "confirmed": _("Noted: this answer is right."),
        "edited": _("edited"),
        "edited-at": _("Edited {time}"),
        "taken-back": _("The message was taken back"),
        "written-at": _("written {time}"),
        "late": _("It came later than it was written, by the channel's clock"),
        "automatic": _("Automatic reply"),
        "template": _("Template {name}"),
        "pressed": _("Pressed a button"),
        "full-text": _("Show full text"),
        "trimmed-text": _("Hide what was quoted"),
        "file-pending": _("being fetched"),
        "file-failed": _("could not be fetched: {error}"),
        "file-failed-why": _("the channel has not given it"),
        "place": _("Location"),
        "person": _("Contact card"),
        "appointment": _("Appointment"),
        "mail-to": _("To {addresses}"),
        "mail-cc": _("Cc {addresses}"),
        "mail-no-subject": _("No subject"),
        "proof-good": _("Sender verified"),
        "proof-bad": _("Sender may be forged"),
        "proof-none": _("Sender not verified"),
        "light-yellow": _("This inbox is struggling: {detail}"),
        "light-red": _("This inbox does not work: {detail}"),
        "light-why": _("the provider gave no reason"),
    }


def _composer() -> dict[str, str]:
    return {
        "reply-label": _("Reply to the customer"),
        "note-label": _("Internal note, never shown to the customer"),
        "reply-placeholder": _("Write to the customer"),
        "note-placeholder": _("Write to your colleagues; the customer never sees it"),
        "reply-takes-over": _("Your reply takes over from the AI agent"),
        "send": _("Send"),
        "add-note": _("Add note"),
        "sending": _("Sending"),
        "not-sent": _("Not sent. {why}"),
        "waits": _("Waiting; it will be sent by itself."),
        "waits-signed-out": _("Kept; it will be sent once you have signed in again."),
        "uploading": _("Uploading"),
        "canned-one": _("One canned reply"),
        "canned-found": _("{n} canned replies"),
        "canned-missing": _("Nothing is known here for {places}. Look the text through."),
        "mail-subject": _("Subject: {subject}"),
        "copies-add": _("+ {name}"),
        "copies-problem": _("“{address}” is no e-mail address."),
        "window-until": _("Free text until {time}"),
        "window-closed": _(
            "{channel} took free text until {time}; now it takes only approved templates. "
            "Once the customer writes again, you can answer freely."
        ),
        "window-never": _(
            "The customer has not written yet; until then {channel} takes only approved templates."
        ),
        "template-place": _("Text for {name}"),
        "template-image": _("Picture above the text"),
        "template-video": _("Video above the text"),
        "template-document": _("Document above the text"),
        "new-mail": _("Somebody who wrote before, or any e-mail address."),
        "new-number": _(
            "Somebody who wrote before, or a number with its country, such as +55 11 98765-4321."
        ),
        "new-known-only": _("Choose somebody who wrote before; this channel reaches nobody else."),
        "new-closed": _("This channel takes no message to this person now. Once they write, you can answer."),
        "assign-to-me": _("Assign to me"),
        "assign-to-nobody": _("Back to the queue"),
        "people": _("People"),
        "teams": _("Teams"),
    }


def _context() -> dict[str, str]:
    return {
        "verified": _("Verified"),
        "verified-why": _("Your site has proved who this customer is"),
        "unverified": _("Not verified"),
        "unverified-why": _("Nobody has proved who this customer is; ask before you tell anything personal"),
        "email": _("E-mail"),
        "phone": _("Phone"),
        "language": _("Language"),
        "known-since": _("Known since"),
        "conversation": _("Conversation"),
        "inbox": _("Inbox"),
        "team": _("Team"),
        "in-charge": _("In charge"),
        "priority": _("Priority"),
        "started": _("Started"),
        "first-reply": _("First reply"),
        "tags": _("Tags"),
        "tags-hint": _("Separated by commas"),
        "subject": _("Subject"),
        "yes": _("Yes"),
        "no": _("No"),
        "tickets": _("Tickets"),
        "no-tickets": _("No ticket yet."),
        "create-ticket": _("Create ticket"),
        "agent-work": _("What the AI agent did"),
        "previous": _("Earlier conversations"),
        "ticket-made": _("Ticket #{number} created"),
        "ticket-known": _("Ticket #{number} is about the same matter; nothing new was created"),
    }


def _copilot() -> dict[str, str]:
    return {
        "copilot-writing": _("Writing"),
        "copilot-reading": _("Reading the conversation"),
        "copilot-searching": _("Searching"),
        "copilot-translating": _("Translating"),
        "copilot-nothing": _("Nothing the team knows fits; no reply is suggested."),
        "copilot-internal": _("internal, customers cannot open it"),
        "copilot-write-first": _("Write something first."),
        "copilot-rewritten": _("Rewritten. Look it through before you send it."),
        "copilot-added": _("Rewritten, but not in your text: {added}. Look it through."),
        "copilot-undo": _("Undo"),
        "copilot-none-similar": _("No similar conversation was found."),
        "copilot-outcome": _("Answered: {text}"),
        "copilot-no-outcome": _("Nobody answered."),
        "copilot-tickets": _("Open tickets of this customer"),
    }


def _tickets() -> dict[str, str]:
    return {
        "ticket-new": _("New"),
        "ticket-open": pgettext("ticket", "Open"),
        "ticket-pending": _("Waiting for the customer"),
        "ticket-solved": _("Solved"),
        "ticket-closed": _("Closed"),
        "no-team": _("No team"),
        "empty-tickets-title": _("No ticket here"),
        "empty-tickets": _("The AI agent and your colleagues create tickets from conversations."),
        "history-created": _("{name} created the ticket"),
        "history-repeated": _("{name} added to it"),
        "history-changed": _("{name} changed {field} from {from} to {to}"),
        "history-set": _("{name} set {field} to {to}"),
        "history-removed": _("{name} removed {field} {from}"),
        "history-text": _("{name} changed {field}"),
        "field-status": pgettext("field", "status"),
        "field-priority": pgettext("field", "priority"),
        "field-team": pgettext("field", "team"),
        "field-assignee": pgettext("field", "person in charge"),
        "field-subject": pgettext("field", "subject"),
        "field-description": pgettext("field", "description"),
        "ticket-gone": _("This ticket has moved to a team whose tickets you do not see."),
        "saved": _("Saved"),
    }
