"""What lies over or beside what: nothing covers the composer, no list is cut off without a sign."""

import pytest
from django.test import Client

from conversations.models import Conversation
from knowledge.models import Article
from tests.browser import MARKS
from tests.desk.seats import PHONE, WIDE, Sit

pytestmark = MARKS

SHOWN = """() => {
  const banner = document.querySelector('[data-banner]'), toasts = document.querySelector('[data-toasts]');
  banner.hidden = false;
  document.querySelector('[data-banner-text]').textContent =
    'The connection is lost. What you write is kept and sent when it is back.';
  toasts.innerHTML = '<div class="toast"><span>Resolved</span><button class="btn">Reopen</button></div>';
  const composer = document.querySelector('[data-composer-text]').closest('form').getBoundingClientRect();
  const covers = (each) => {
    const box = each.getBoundingClientRect();
    return box.left < composer.right && box.right > composer.left
      && box.top < composer.bottom && box.bottom > composer.top;
  };
  return {
    covered: [banner, toasts].filter(covers).length,
    seen: composer.bottom <= innerHeight && composer.height > 0,
    over: document.documentElement.scrollHeight - innerHeight,
  };
}"""


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["desktop", "phone"])
def test_lost_connection_covers_no_button_of_the_composer(
    sit: Sit, as_bruno: Client, conversation: Conversation, size: tuple[int, int]
) -> None:
    seat = sit(as_bruno, size).inbox(f"{conversation.pk}/")
    seat.page.locator("[data-composer-text]").wait_for()
    assert seat.page.evaluate(SHOWN) == {"covered": 0, "seen": True, "over": 0}


def test_list_of_articles_fits_beside_its_filter(sit: Sit, as_ana: Client) -> None:
    Article.objects.create(title="A title of a length that titles have", language="en", body="Text")
    seat = sit(as_ana)
    seat.page.goto(f"{seat.url}/admin/knowledge/article/")
    assert (
        seat.page.evaluate(
            "() => { const list = document.querySelector('#changelist .results');"
            " return list.scrollWidth - list.clientWidth }"
        )
        <= 0
    )
