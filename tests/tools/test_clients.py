"""The generated clients, at work against a running server."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conversations.models import Conversation
from tests.api.conftest import KeyMaker
from tests.api.conftest import with_key as with_key  # noqa: PLC0414 (a fixture)
from tests.live import LiveServer
from tools import clients

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


def test_answers_have_one_type_each(made: Path) -> None:
    document = json.loads((made / "openapi.json").read_text())
    assert not [name for name in document["components"]["schemas"] if name.startswith("PartOf")]
    assert "PartOf" not in json.dumps(document)
    shown = document["paths"]["/api/v1/tickets/{ticket_id}"]["get"]["responses"]["200"]
    assert shown["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/TicketFile"}
