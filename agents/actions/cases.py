"""Cases of one's own: made of conversations with one click, written anew, and given to evaluations."""

from django.db import transaction
from django.utils.translation import gettext as _

from agents.evaluation.cases import Case
from agents.evaluation.making import as_yaml, case_name, runs_in, told
from agents.evaluation.reading import read_text
from agents.evaluation.yaml_fields import BadSuite
from agents.models import EvaluationCase
from conversations.models import Conversation
from core.actor import Actor
from core.errors import Forbidden, Invalid, NotFound

LONGEST_TITLE = 200


def require_lead(by: Actor) -> None:
    """Raises Forbidden for operators: what an agent is measured by, leads, administrators and keys decide."""
    if not (by.is_staff and by.leads):
        raise Forbidden


@transaction.atomic
def make_case(*, conversation: Conversation, by: Actor) -> EvaluationCase:
    """Makes a case of what an agent did in a conversation, masked; the same state makes one case.

    What came of each answer is expected again, or what a person has corrected it to. Nothing that happens in
    the conversation later changes the case. Raises Forbidden for operators, NotFound for a conversation that
    one may not see, Invalid where no agent has answered.
    """
    require_lead(by)
    related = Conversation.objects.visible_to(by).select_related("contact", "inbox", "identity", "team")
    row = related.filter(pk=conversation.pk).first()
    if row is None:
        raise NotFound
    runs = runs_in(row)
    if not runs:
        raise Invalid(_("No agent has answered in this conversation."), field="conversation")
    known = EvaluationCase.objects.filter(name=case_name(row, runs[-1])).first()
    if known is not None:
        return known
    case = told(row, runs)
    made = EvaluationCase(
        name=case["id"],
        title=case["title"],
        text=as_yaml(case),
        team=row.team,
        conversation=row,
        made_by=by.name,
    )
    made.save()
    return made


@transaction.atomic
def save_case(*, case: EvaluationCase, by: Actor) -> EvaluationCase:
    """Stores a case as its text tells it, whose id and title it takes.

    Raises Forbidden for operators, Invalid where the text is not one case, with the line of the mistake, or
    where another case has the id.
    """
    require_lead(by)
    found = check_case(case.text, but=case.pk)
    case.name, case.title = found.id, found.title[:LONGEST_TITLE]
    case.made_by = case.made_by or by.name
    case.save()
    return case


def check_case(text: str, *, but: int | None = None) -> Case:
    """Returns the case that a text tells; `but` is the case whose text it is. Raises as `save_case`."""
    try:
        found = read_text(text, _("case"))
    except BadSuite as error:
        raise Invalid(str(error), field="text") from error
    if len(found) != 1:
        raise Invalid(_("It must be one case."), field="text")
    others = EvaluationCase.objects.filter(name=found[0].id)
    if (others if but is None else others.exclude(pk=but)).exists():
        raise Invalid(_("There is a case with this id already."), field="text")
    return found[0]
