"""Documents and workflows say what the code is: modules, layers, Pythons, pinned actions."""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import urlparse

import pytest

_ROOT = Path(__file__).parents[1]
_SOURCE = _ROOT / "src" / "opentelemetry_instrumentation_nats_payload"
_PAGE = (_ROOT / "docs" / "architecture.rst").read_text()
_WORKFLOWS = sorted((_ROOT / ".github" / "workflows").glob("*.yml"))
_PURE_HEADING = "Pure\n~~~~\n"
_by_workflow = pytest.mark.parametrize("workflow", _WORKFLOWS, ids=lambda path: path.name)


@cache
def _modules() -> list[str]:
    """The modules of the package itself; ``_audit`` is one line of the page."""
    return [path.stem for path in sorted(_SOURCE.glob("*.py")) if path.stem != "__init__"]


@cache
def _imports(module: str) -> tuple[set[str], set[str]]:
    """What ``module`` imports anywhere in it: modules of this package, and other packages."""
    own: set[str] = set()
    others: set[str] = set()
    for node in ast.walk(ast.parse((_SOURCE / f"{module}.py").read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            names = [node.module] if node.module else [alias.name for alias in node.names]
            own.update(name.partition(".")[0] for name in names)
        elif isinstance(node, ast.ImportFrom):
            others.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.Import):
            others.update(alias.name.partition(".")[0] for alias in node.names)
    return own, others


def _reached(module: str, seen: set[str]) -> set[str]:
    """``module`` and all of this package that it imports, directly or not."""
    if module not in seen:
        seen.add(module)
        for name in _imports(module)[0] & set(_modules()):
            _reached(name, seen)
    return seen


def _listed_in(text: str) -> list[str]:
    """The names of modules in the lists of the page, such as `` * - ``_json.py`` ``."""
    return re.findall(r"^   \* - ``(\w+)\.py``$", text, re.MULTILINE)


def _listed_as_pure() -> list[str]:
    section = _PAGE.partition(_PURE_HEADING)[2]
    return _listed_in(re.split(r"^-{3,}$", section, maxsplit=1, flags=re.MULTILINE)[0])


def test_every_module_has_a_line_on_the_page() -> None:
    """One line each, of modules that exist."""
    assert sorted(_listed_in(_PAGE)) == sorted(_modules())
    assert "``_audit/``" in _PAGE


def test_pure_modules_import_neither_nats_nor_opentelemetry() -> None:
    """Those of the page's last list, with all that they import; and no pure one is missing."""
    reached = {name: _reached(name, set()) for name in _modules()}
    packages = {
        name: set[str]().union(*(_imports(m)[1] for m in reached[name])) for name in reached
    }
    pure = [name for name in packages if not packages[name] & {"nats", "opentelemetry"}]
    assert sorted(_listed_as_pure()) == sorted(pure)


def test_only_the_tables_of_patches_import_nats() -> None:
    """The package can be imported where nats-py is missing; ``_instrumentor`` imports them late."""
    importers = [name for name in _modules() if "nats" in _imports(name)[1]]
    assert importers == ["_methods", "_micro"]


def test_imports_have_one_direction() -> None:
    """No module is imported by what it imports."""
    for name in _modules():
        below = _imports(name)[0] & set(_modules())
        assert not [other for other in below if name in _reached(other, set())], name


@_by_workflow
def test_actions_are_pinned_by_commit(workflow: Path) -> None:
    """A tag can be moved; the comment says which one it was."""
    used = re.findall(r"uses: (\S+)(.*)", workflow.read_text())
    assert used
    for action, comment in used:
        if not action.startswith("./"):
            assert re.fullmatch(r"[\w-]+/[\w./-]+@[0-9a-f]{40}", action), action
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action


def test_an_action_has_one_version() -> None:
    """The same commit in every workflow."""
    text = "".join(workflow.read_text() for workflow in _WORKFLOWS)
    pins = dict.fromkeys(re.findall(r"uses: ([\w-]\S+)@(\w+)", text))
    assert len({action for action, _ in pins}) == len(pins)


@_by_workflow
def test_workflows_have_no_more_rights_than_they_need(workflow: Path) -> None:
    """Nothing by default but to read, no token in the clone, no secret, an end to every job."""
    text = workflow.read_text()
    assert re.search(r"^permissions:(\n  contents: read| \{\})$", text, re.MULTILINE)
    assert text.count("persist-credentials: false") == text.count("actions/checkout@")
    assert "secrets." not in text
    assert "pull_request_target" not in text
    assert text.count("timeout-minutes:") == text.count("runs-on:")


def test_the_workflow_runs_every_environment_of_tox() -> None:
    """Each with its own Python, and each Python that the classifiers name."""
    [declared] = re.findall(r"^env_list = (.*)$", (_ROOT / "tox.ini").read_text(), re.MULTILINE)
    expected = {env for item in re.split(r", (?![^{]*})", declared) for env in _expanded(item)}
    workflow = (_ROOT / ".github" / "workflows" / "ci.yml").read_text()
    # tox itself does not run on 3.10.
    assert re.search(r"\$\{\{ matrix\.python \}\}\n +3\.11\n", workflow)
    jobs = re.findall(r'python: "([\d.]+)", env: ([\w-]+)', workflow)
    assert {env for _, env in jobs} == expected
    pythons = {env: python for python, env in jobs if env.startswith("py3")}
    assert all(env.startswith(f"py{version.replace('.', '')}-") for env, version in pythons.items())
    classifiers = distribution("opentelemetry-instrumentation-nats-payload").metadata.get_all(
        "Classifier", []
    )
    versions = re.findall(r"Python :: (3\.\d+)", "\n".join(classifiers))
    assert {v for env, v in pythons.items() if env.endswith("latest")} == set(versions)


def _expanded(item: str) -> list[str]:
    """``py3{10,11}-latest`` as two names."""
    found = re.fullmatch(r"(.*)\{(.*)\}(.*)", item.strip())
    if found is None:
        return [item.strip()]
    start, choices, end = found.groups()
    return [f"{start}{choice}{end}" for choice in choices.split(",")]


def test_links_of_the_comparison_are_addresses() -> None:
    """Whole, over TLS, without what followed them in the text."""
    text = (_ROOT / "docs" / "comparison.rst").read_text()
    links: list[str] = re.findall(r"https?://[^\s>`]+", text)
    assert len(links) > 20
    for link in links:
        address = urlparse(link)
        assert address.scheme == "https", link
        assert re.fullmatch(r"[\w-]+(\.[\w-]+)+", address.netloc), link
        assert not link.endswith((".", ",", ")", "_")), link


def test_every_source_of_the_comparison_is_used() -> None:
    """A name for each address, and a place where it backs a claim."""
    page = (_ROOT / "docs" / "comparison.rst").read_text()
    text = " ".join(page.split())  # a name may go on in the next line
    names: list[str] = re.findall(r"^\.\. _([^:]+): https", page, re.MULTILINE)
    assert names
    assert [name for name in names if f"`{name}`_" not in text] == []
