"""The API's requests as a collection for Postman, Bruno and Insomnia, made from its description.

In Postman's format (https://schema.postman.com/collection/json/v2.1.0/draft-07/docs/index.html), which the
others import. Where the server is and the key are variables of the collection; ids are left empty.
"""

import json
from pathlib import Path
from typing import Any

Json = dict[str, Any]
FORMAT = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
HERE = "http://127.0.0.1:8000"


def make(document: Json, place: Path) -> None:
    """Writes `helpdesk.postman_collection.json` below a folder."""
    place.mkdir(parents=True, exist_ok=True)
    text = json.dumps(collection(document), ensure_ascii=False, indent=1)
    (place / "helpdesk.postman_collection.json").write_text(f"{text}\n", encoding="utf-8")


def collection(document: Json) -> Json:
    """Returns the collection: a folder for each tag, in it each of its operations with its example."""
    folders: dict[str, list[Json]] = {tag["name"]: [] for tag in document["tags"]}
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            folders[operation["tags"][0]].append(_item(path, verb, operation))
    told = {tag["name"]: tag["description"] for tag in document["tags"]}
    return {
        "info": {"name": document["info"]["title"], "schema": FORMAT},
        "auth": {
            "type": "apikey",
            "apikey": [_pair("key", "X-API-Key"), _pair("value", "{{api_key}}"), _pair("in", "header")],
        },
        "variable": [_pair("base_url", HERE), _pair("api_key", "")],
        "item": [{"name": name, "description": told[name], "item": items} for name, items in folders.items()],
    }


def _item(path: str, verb: str, operation: Json) -> Json:
    parameters = operation.get("parameters", [])
    parts = [f":{part[1:-1]}" if part.startswith("{") else part for part in path.strip("/").split("/")]
    url = {
        "raw": "/".join(["{{base_url}}", *parts]),
        "host": ["{{base_url}}"],
        "path": parts,
        "variable": [_pair(part[1:], "") for part in parts if part.startswith(":")],
        # Offered, and sent once they are ticked.
        "query": [
            {**_pair(each["name"], ""), "description": each.get("description", ""), "disabled": True}
            for each in parameters
            if each["in"] == "query"
        ],
    }
    request: Json = {
        "method": verb.upper(),
        "url": url,
        "header": [
            {**_pair(each["name"], ""), "description": each.get("description", ""), "disabled": True}
            for each in parameters
            if each["in"] == "header"
        ],
        "description": operation.get("description", ""),
    }
    if content := operation.get("requestBody", {}).get("content", {}).get("application/json"):
        request["body"] = {
            "mode": "raw",
            "raw": json.dumps(content.get("example", {}), ensure_ascii=False, indent=2),
            "options": {"raw": {"language": "json"}},
        }
    return {"name": operation["summary"], "request": request}


def _pair(key: str, value: str) -> Json:
    return {"key": key, "value": value}
