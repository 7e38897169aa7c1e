"""The generated clients, at work against a running server."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.schema import description
from conversations.models import Conversation
from tests.api.conftest import KeyMaker
from tests.api.conftest import with_key as with_key  # noqa: PLC0414 (a fixture)
from tests.live import LiveServer
from tools import clients

TICKETS = "/api/v1/tickets"
PROGRAMS = Path(__file__).parent / "clients"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the clients were made."""
    place = tmp_path_factory.mktemp("clients")
    languages = ["python", *(["typescript"] if shutil.which("npm") else [])]
    assert clients.main(["--to", str(place), *languages]) == 0
    return place


def run(*command: str | Path, place: Path, path: Path | None = None) -> str:
    """Returns what a program printed; fails with what it said when it failed."""
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", **({"PYTHONPATH": str(path)} if path else {})}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@pytest.mark.django_db(transaction=True)
def test_python_client_works(made: Path, conversation: Conversation, with_key: KeyMaker) -> None:
    key = with_key("read", "write").key
    with LiveServer(worker=False) as server:
        program = (sys.executable, PROGRAMS / "use.py", server.url, key, str(conversation.pk))
        assert run(*program, place=made, path=made / "python").startswith("#")


@pytest.mark.node
@pytest.mark.django_db(transaction=True)
def test_typescript_client_compiles_and_works(
    made: Path, conversation: Conversation, with_key: KeyMaker, tmp_path: Path
) -> None:
    key = with_key("read", "write").key
    package = made / "typescript"
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "helpdesk-api").symlink_to(package)
    (tmp_path / "node_modules" / "@types").symlink_to(package / "node_modules" / "@types")
    shutil.copy(PROGRAMS / "use.ts", tmp_path)
    (tmp_path / "package.json").write_text(json.dumps({"type": "module"}))
    strict = ["--strict", "--module", "NodeNext", "--target", "ES2022", "--types", "node"]
    node = shutil.which("node") or "node"
    run(node, package / "node_modules" / "typescript" / "bin" / "tsc", *strict, "use.ts", place=tmp_path)
    with LiveServer(worker=False) as server:
        shown = run(node, "use.js", server.url, key, str(conversation.pk), place=tmp_path)
    assert shown.startswith("#")


@pytest.mark.django_db(transaction=True)
def test_collection_holds_every_request_and_those_that_need_no_id_work(
    conversation: Conversation, with_key: KeyMaker, tmp_path: Path
) -> None:
    assert clients.main(["--to", str(tmp_path), "postman"]) == 0
    (written,) = (tmp_path / "postman").iterdir()
    requests = [
        each["request"] for folder in json.loads(written.read_text())["item"] for each in folder["item"]
    ]
    described = {(verb.upper(), path) for path, verbs in description()["paths"].items() for verb in verbs}
    assert {(each["method"], path_of(each)) for each in requests} == described
    key = with_key("admin").key
    with LiveServer(worker=False) as server:
        for each in requests:
            if each["method"] == "GET" and not each["url"]["variable"]:
                address = each["url"]["raw"].replace("{{base_url}}", server.url)
                answer = httpx.get(address, headers={"X-API-Key": key}, timeout=30)
                # What is for people alone, and what cannot be asked without a question.
                assert answer.status_code in {200, 403, 422}, answer.text
        ticket = next(each for each in requests if each["method"] == "POST" and path_of(each) == TICKETS)
        body = json.loads(ticket["body"]["raw"])
        made = httpx.post(f"{server.url}{TICKETS}", json=body, headers={"X-API-Key": key}, timeout=30)
        assert made.status_code == 201


def path_of(request: dict[str, Any]) -> str:
    """The path of a request of the collection, as OpenAPI writes it."""
    return "/" + "/".join(f"{{{part[1:]}}}" if part[0] == ":" else part for part in request["url"]["path"])


def test_answers_have_one_type_each(made: Path) -> None:
    document = json.loads((made / "openapi.json").read_text())
    assert not [name for name in document["components"]["schemas"] if name.startswith("PartOf")]
    assert "PartOf" not in json.dumps(document)
    shown = document["paths"]["/api/v1/tickets/{ticket_id}"]["get"]["responses"]["200"]
    assert shown["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/TicketFile"}
