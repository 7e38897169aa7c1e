"""An address that leads nowhere, seen by a person."""

import pytest
from django.test import Client
from django.urls import reverse


@pytest.mark.parametrize("path", ["/nowhere", "/hooks-of-old/x/", "/<script>alert(1)</script>"])
def test_missing_page_is_dressed_and_leads_on(client: Client, db: None, path: str) -> None:
    answer = client.get(path)
    page = answer.content.decode()
    assert answer.status_code == 404
    assert "There is no such page" in page
    assert f'href="{reverse("knowledge:index")}"' in page
    assert '<link rel="stylesheet"' in page
    assert "alert(1)" not in page


def test_missing_page_speaks_the_visitor_s_language(client: Client, db: None) -> None:
    page = client.get("/nowhere", headers={"accept-language": "pt-br"}).content.decode()
    assert '<html lang="pt-br">' in page
