"""The demo shop's help centre: imported once, and searched as well as was measured."""

from pathlib import Path
from typing import Any

import pytest

from accounts.models import Team
from knowledge.actions import import_demo
from knowledge.evaluation import evaluate_live
from knowledge.measure import level, recall, separation
from knowledge.models import Article

QUESTIONS = Path(__file__).parent.parent / "fixtures" / "demo_questions.jsonl"


@pytest.mark.django_db
def test_demo_is_imported_once_and_answers_what_people_might_ask(team: Team, settings: Any) -> None:
    """One test, since the import embeds more than a hundred articles."""
    first = import_demo()
    assert first.created >= 60
    assert first.rejected == []
    assert set(Article.objects.values_list("language", flat=True)) == {"pt", "en", "es"}
    assert not Article.objects.stale().exists()
    again = import_demo()
    assert (again.created, again.updated, again.unchanged) == (0, 0, first.created)

    told = evaluate_live(QUESTIONS)
    outcomes = told.found
    assert recall(outcomes, 1) > 1.5 * recall(told.full_text, 1)
    assert len(outcomes) >= 200
    assert recall(outcomes, 1) >= 0.70
    assert recall(outcomes, 3) >= 0.85
    assert recall([outcome for outcome in outcomes if outcome.crosses], 1) >= 0.65
    assert separation(outcomes) >= 0.90
    answered = level(outcomes, settings.KNOWLEDGE_ANSWER_AT, clear_only=True)
    assert answered.right >= 0.85
    assert answered.reached_by_others <= 0.03
    offered = level(outcomes, settings.KNOWLEDGE_OFFER_AT)
    assert offered.reached >= 0.90
    assert offered.reached_by_others <= 0.60
