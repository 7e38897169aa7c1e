"""Facts about the repository itself, so that its files cannot drift apart."""

import ast
import importlib.metadata
import importlib.util
import re
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands
from django.utils.module_loading import import_string
from packaging.requirements import Requirement

from tools import system_parts
from tools.run_checks import CHECKS

ROOT = Path(__file__).resolve().parents[2]
APPS = [
    *(
        "core",
        "accounts",
        "llm",
        "conversations",
        "tickets",
        "knowledge",
        "integrations",
        "agents",
        "campaigns",
        "api",
        "desk",
    ),
    "helpdesk",
]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
WORKFLOW: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())


def sources() -> Iterator[Path]:
    for app in [*APPS, "tools"]:
        yield from (path for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts)


def functions() -> Iterator[tuple[str, int]]:
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.relative_to(ROOT)}:{node.name}", (node.end_lineno or 0) - node.lineno + 1


# --- Settings ----------------------------------------------------------------------------------------------


def settings_read() -> set[str]:
    """The variables settings.py asks for: arguments of `env.…()` and `secret()`, and the table of LLM."""
    tree = ast.parse((ROOT / "helpdesk/settings.py").read_text())
    names = {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)
        if re.fullmatch(r"env\.\w+|secret", ast.unparse(node.func))
    }
    return {name for name in names if isinstance(name, str)} | set(settings.LLM)


def test_env_example_lists_exactly_the_settings() -> None:
    listed = re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert set(listed) == settings_read()


def test_version_is_the_one_of_the_project() -> None:
    assert PYPROJECT["project"]["version"] == settings.VERSION


def test_env_example_sets_nothing_by_itself() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []


def dotted_paths(value: object) -> Iterator[str]:
    if isinstance(value, str):
        if re.fullmatch(r"[a-z_]+(\.\w+)+", value):
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from dotted_paths(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from dotted_paths(item)


IMPORTABLE = (
    *(
        "INSTALLED_APPS",
        "MIDDLEWARE",
        "TEMPLATES",
        "AUTHENTICATION_BACKENDS",
        "AUTH_PASSWORD_VALIDATORS",
        "STORAGES",
    ),
    *("CHANNEL_ADAPTERS", "REST_FRAMEWORK", "CHANNEL_LAYERS", "CACHES", "ASGI_APPLICATION", "ROOT_URLCONF"),
)


@pytest.mark.parametrize("name", IMPORTABLE)
def test_dotted_paths_in_settings_import(name: str) -> None:
    paths = list(dotted_paths(getattr(settings, name)))
    assert paths
    for path in paths:
        try:
            found = importlib.util.find_spec(path)
        except ModuleNotFoundError:
            found = None
        assert found or import_string(path)


# --- Packages ----------------------------------------------------------------------------------------------


def requirements(name: str) -> dict[str, Requirement]:
    lines = (ROOT / name).read_text().splitlines()
    found = [Requirement(line.rstrip(" \\")) for line in lines if re.match(r"[A-Za-z]", line)]
    return {key(requirement.name): requirement for requirement in found}


def key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


FILES = ["requirements.txt", "requirements-s3.txt", "requirements-model.txt", "requirements-dev.txt"]


@pytest.mark.parametrize("name", FILES)
def test_requirements_are_pinned_and_explained(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    explained = False
    for line in lines:
        if line.startswith("#"):
            explained = True
        elif not line.strip():
            explained = False
        elif not line.startswith(" "):
            assert explained, f"{line} has no comment"
    for requirement in requirements(name).values():
        assert [spec.operator for spec in requirement.specifier] == ["=="], requirement


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-s3.txt", "requirements-dev.txt"])
def test_constraints_pin_what_is_required(name: str) -> None:
    pinned = requirements("constraints.txt")
    for package, requirement in requirements(name).items():
        assert pinned[package].specifier == requirement.specifier


def test_constraints_cover_everything_installed() -> None:
    pinned = set(requirements("constraints.txt")) | set(requirements("requirements-model.txt"))
    given = {"pip", "setuptools", "wheel"}
    installed = {key(found.metadata["Name"]) for found in importlib.metadata.distributions()}
    assert installed - given - pinned == set()


def test_every_requirement_is_used() -> None:
    text = "\n".join(path.read_text() for path in sources())
    modules: dict[str, set[str]] = {}
    for module, packages in importlib.metadata.packages_distributions().items():
        for package in packages:
            modules.setdefault(key(package), set()).add(module)
    unused = [
        package
        for package in requirements("requirements.txt")
        if not any(re.search(rf"\b{module}\b", text) for module in modules[package])
    ]
    # Markdown's links need it without naming it.
    assert unused == ["linkify-it-py"]


def test_embedding_model_is_pinned_by_its_content() -> None:
    text = (ROOT / "requirements-model.txt").read_text()
    assert (
        len(requirements("requirements-model.txt"))
        == len(re.findall(r"--hash=sha256:[0-9a-f]{64}", text))
        == 1
    )


def test_litellm_comes_without_its_proxy() -> None:
    litellm = requirements("requirements.txt")["litellm"]
    assert not litellm.extras
    assert not {"litellm-proxy-extras", "litellm-enterprise"} & set(requirements("constraints.txt"))


# --- Size and shape ----------------------------------------------------------------------------------------


def test_no_file_is_long() -> None:
    sizes = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources()}
    assert {name: size for name, size in sizes.items() if size > 600} == {}
    assert statistics.quantiles(sizes.values(), n=10)[-1] <= 300


def test_no_function_is_long() -> None:
    sizes = dict(functions())
    assert {name: size for name, size in sizes.items() if size > 60} == {}
    assert statistics.median(sizes.values()) <= 9
    assert statistics.quantiles(sizes.values(), n=10)[-1] <= 30


def test_names_say_what_things_are() -> None:
    vague = re.compile(r"(?i)(service|manager|helper|utils|handler)")
    files = [path.relative_to(ROOT).as_posix() for path in sources() if vague.search(path.stem)]
    classes = [
        f"{path.relative_to(ROOT)}:{node.name}"
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and vague.search(node.name)
    ]
    assert files + classes == []


def test_every_app_has_a_charter() -> None:
    for app in APPS:
        assert ast.get_docstring(ast.parse((ROOT / app / "__init__.py").read_text())), app


def test_lint_switches_off_at_most_twenty_rules_each_with_a_reason() -> None:
    ignored = PYPROJECT["tool"]["ruff"]["lint"]["ignore"]
    text = (ROOT / "pyproject.toml").read_text()
    assert PYPROJECT["tool"]["ruff"]["lint"]["select"] == ["ALL"]
    assert len(ignored) <= 20
    for code in ignored:
        assert re.search(rf'"{code}",\s+# \w', text), code


def test_floors_and_coverage_know_every_app() -> None:
    contract = (ROOT / ".importlinter").read_text()
    assert (
        re.findall(
            r"^    (\w+)$", contract.partition("root_packages =")[2].partition("exclude")[0], re.MULTILINE
        )
        == APPS
    )
    assert PYPROJECT["tool"]["coverage"]["run"]["source"] == APPS


def test_nothing_unfinished_is_left() -> None:
    words = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    assert [str(path) for path in sources() if words.search(path.read_text())] == []


# --- Make, CI, containers ----------------------------------------------------------------------------------


def test_make_alone_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = set(re.findall(r"^\.PHONY: (\w+)$", makefile, re.MULTILINE))
    listing = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  make (\w+)", listing, re.MULTILINE)) == phony
    assert {"run", "test", "check", "demo", "bench", "format", "messages", "clean", "stack"} <= phony


def test_what_make_runs_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for path in re.findall(r"\b(?:tools|benchmarks)/\w+\.(?:py|sh)\b", makefile):
        assert (ROOT / path).exists(), path
    for module in re.findall(r"-m (tools\.\w+)", makefile):
        assert importlib.util.find_spec(module), module
    for command in re.findall(r"manage\.py (\w+)", makefile):
        assert command in get_commands(), command


def test_workflow_runs_what_ci_runs_within_its_time() -> None:
    job = WORKFLOW["jobs"]["checks-and-tests"]
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert job["timeout-minutes"] <= 20
    ci = ROOT / ".ci/run"
    assert ci.stat().st_mode & 0o111
    text = ci.read_text()
    assert "make check" in text
    assert "make test" in text
    for part in system_parts.PARTS:
        assert part.package in text
    subprocess.run(["bash", "-n", str(ci)], check=True)


def test_coverage_is_a_job_of_its_own() -> None:
    assert set(WORKFLOW["jobs"]) == {"checks-and-tests", "coverage"}
    job = WORKFLOW["jobs"]["coverage"]
    assert (job["steps"][-1]["run"], job["steps"][-1]["env"]) == ("make test", {"COVERAGE": "1"})


def test_python_versions_agree() -> None:
    lowest = PYPROJECT["project"]["requires-python"].removeprefix(">=")
    job = WORKFLOW["jobs"]["checks-and-tests"]
    assert job["strategy"]["matrix"]["python"][0] == lowest
    assert PYPROJECT["tool"]["mypy"]["python_version"] == lowest
    assert f"FROM python:{lowest}-slim" in (ROOT / "Dockerfile").read_text()
    assert sys.version_info >= tuple(int(part) for part in lowest.split("."))


def test_compose_has_the_four_processes_with_health() -> None:
    services = COMPOSE["services"]
    assert set(services) == {"postgres", "redis", "web", "worker"}
    assert services["postgres"]["image"].startswith("pgvector/pgvector:pg18")
    for name in ("postgres", "redis", "web"):
        assert services[name]["healthcheck"]["test"]
    volumes = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert volumes == set(COMPOSE["volumes"])


@pytest.mark.parametrize("service", ["web", "worker"])
def test_compose_starts_commands_and_settings_that_exist(service: str) -> None:
    described = COMPOSE["services"][service]
    assert described["command"][:2] == ["python", "manage.py"]
    assert described["command"][2] in get_commands()
    assert set(described["environment"]) <= settings_read()
    assert {name for name, _ in described["depends_on"].items()} <= set(COMPOSE["services"])


def test_compose_publishes_on_loopback_only() -> None:
    published = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_image_copies_what_it_installs_and_runs_as_nobody_special() -> None:
    text = (ROOT / "Dockerfile").read_text()
    for name in re.findall(r"\S+\.txt", text):
        assert (ROOT / name).exists()
    assert re.search(r"^USER (?!root)\w+", text, re.MULTILINE)
    assert "/health/live" in text
    assert text.index("USER ") < text.index('CMD ["python", "manage.py"')
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".env", ".git", "var", ".venv"} <= set(ignored)


def test_checks_cover_every_app() -> None:
    assert set(APPS) <= set(CHECKS["mypy"])
