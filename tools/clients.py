"""`make clients`: typed clients of the API for Python and TypeScript, and a collection of its requests.

Made rather than kept: nothing generated stands in the repository, and none is ever older than the API. Python
by openapi-python-client, TypeScript by openapi-typescript and openapi-fetch (which need Node.js and npm).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tools import collection

ROOT = Path(__file__).resolve().parent.parent
TYPESCRIPT = ROOT / "tools" / "typescript"
PART = "#/components/schemas/PartOf"


def main(arguments: list[str]) -> int:
    """Writes them all below a folder, or those that were named, and says where."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=ROOT / "dist" / "clients")
    parser.add_argument("languages", nargs="*", default=["python", "typescript", "postman"])
    chosen = parser.parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "helpdesk.settings")
    import django  # deferred: app ready

    django.setup()
    from api.schema import description  # deferred: app ready

    document = plain(json.loads(json.dumps(description())))
    for language in chosen.languages:
        place = chosen.to / language
        make = {"python": make_python, "typescript": make_typescript, "postman": collection.make}[language]
        make(document, place)
        sys.stdout.write(f"{place}\n")
    return 0


def plain(document: dict[str, Any]) -> dict[str, Any]:
    """Leaves out the choice of fields: an answer that may lack anything has no type to work with."""
    for path in document["paths"].values():
        for verb in path.values():
            kept = [each for each in verb.get("parameters", ()) if each["name"] != "fields"]
            verb["parameters"] = kept
    document["paths"] = _without_parts(document["paths"])
    schemas = document["components"]["schemas"]
    document["components"]["schemas"] = {
        name: schema for name, schema in schemas.items() if not name.startswith("PartOf")
    }
    return document


def _without_parts(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_parts(each) for each in value]
    if not isinstance(value, dict):
        return value
    whole = [each for each in value.get("anyOf", ()) if not each.get("$ref", "").startswith(PART)]
    if len(whole) == 1 and len(value["anyOf"]) > 1 and set(value) == {"anyOf"}:
        return _without_parts(whole[0])
    return {name: _without_parts(each) for name, each in value.items()}


def make_python(document: dict[str, Any], place: Path) -> None:
    """Writes the package `helpdesk_api`, ready for `pip install`."""
    place.parent.mkdir(parents=True, exist_ok=True)
    described = place.parent / "openapi.json"
    described.write_text(json.dumps(document), encoding="utf-8")
    config = place.parent / "python.json"
    config.write_text(json.dumps({"project_name_override": "helpdesk-api", "post_hooks": []}))
    command = ["generate", "--path", str(described), "--config", str(config), "--output-path", str(place)]
    program = Path(sys.executable).with_name("openapi-python-client")
    run([str(program), *command, "--overwrite", "--fail-on-warning"])


def make_typescript(document: dict[str, Any], place: Path) -> None:
    """Writes and compiles the package `helpdesk-api`, ready for `npm install`."""
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("The TypeScript client needs Node.js and npm.")
    shutil.copytree(TYPESCRIPT, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
    (place / "openapi.json").write_text(json.dumps(document), encoding="utf-8")
    run([npm, "ci", "--no-audit", "--no-fund", "--silent"], place)
    run([npm, "run", "--silent", "build"], place)


def run(command: list[str], place: Path = ROOT) -> None:
    """Runs a program; what it says is shown only when it fails, and ends us then."""
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
