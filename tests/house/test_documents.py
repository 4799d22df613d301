"""What the README and the site say is true: every Python example runs, every command parses, every picture is there.

The Python blocks of a page are one program, run in order in a folder with a photo `cat.jpg` and a folder `photos`,
without a network. A comment `<!-- needs: torch -->` before a block leaves it out where that package is missing;
`gpu` is there where NVIDIA's driver is.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from PIL import Image

from rmbg_fast._cli.main import _parser
from rmbg_fast._images import sample

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(?:<!-- needs: ([\w, ]+) -->\n+)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, *languages: str) -> list[str]:
    """The fenced blocks of a page in these languages, without those that need what is not installed."""
    found = []
    for needs, language, body in BLOCK.findall(page.read_text("utf-8")):
        packages = [name.strip() for name in needs.split(",") if name.strip()]
        if language in languages and all(map(present, packages)):
            found.append(body)
    return found


def present(name: str) -> bool:
    return bool(shutil.which("nvidia-smi") if name == "gpu" else importlib.util.find_spec(name))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    cat = sample.photo()
    cat.save(folder / "cat.jpg", quality=95)
    (folder / "photos").mkdir()
    for number in (1, 2):
        cat.resize((150 * number, 100 * number), Image.Resampling.BICUBIC).save(folder / "photos" / f"{number}.jpg")
    return folder


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.stem)
def test_examples_run(page: Path, photos: Path, tmp_path: Path, isnet_path: Path) -> None:
    for source in photos.rglob("*.jpg"):
        target = tmp_path / source.relative_to(photos)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(source.read_bytes())
    program = tmp_path / "program.py"
    program.write_text("\n".join(blocks(page, "python")), "utf-8")
    paths = os.pathsep.join(filter(None, [*sys.path, os.environ.get("PYTHONPATH")]))
    run = subprocess.run(
        [sys.executable, str(program)],
        cwd=tmp_path,
        env={**os.environ, "RMBG_FAST_OFFLINE": "1", "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert run.returncode == 0, run.stderr


def commands() -> list[tuple[str, str]]:
    lines = []
    for page in PAGES:
        for block in blocks(page, "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                command = line.split("#", 1)[0].strip()
                if command.startswith("rmbg-fast "):
                    lines.append((page.stem, command))
    return lines


@pytest.mark.parametrize(("page", "command"), commands())
def test_commands_parse(page: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (4, 3)).save("sea.jpg")  # a background, which is read with the options
    words = [word for word in shlex.split(command) if not word.startswith(("<", ">"))]
    _parser().parse_args(words[1:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pictures_and_pages_that_are_linked_are_there(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#\s]+)(?:#[\w-]+)?\)", page.read_text("utf-8")):
        if not re.match(r"[a-z]+:", link):
            assert (page.parent / link).exists(), f"{page.name} links {link}"


def test_pictures_are_small() -> None:
    for picture in (ROOT / "docs" / "pictures").iterdir():
        assert picture.stat().st_size < 300_000, picture.name


def test_every_option_of_the_command_has_a_line_in_the_reference() -> None:
    spec = importlib.util.spec_from_file_location("site_hooks", ROOT / "scripts" / "site_hooks.py")
    assert spec
    assert spec.loader
    hooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hooks)
    page, waiting, seen = hooks.commands(), [_parser()], 0
    while waiting:
        for name, parser, _ in hooks.subcommands(waiting.pop()):
            waiting.append(parser)
            assert re.search(rf"^##+ rmbg-fast .*{name}$", page, re.MULTILINE)
            for action in filter(hooks.shown, parser._actions):
                assert not action.option_strings or action.option_strings[-1] in page
                assert action.help, f"{parser.prog} {action.dest} has no help"
                seen += 1
    assert seen > 20


def test_the_addresses_of_the_project_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    urls = project["project"]["urls"]
    site = (ROOT / "mkdocs.yml").read_text("utf-8")
    assert f"site_url: {urls['Homepage']}\n" in site
    assert f"repo_url: {urls['Source']}\n" in site
    assert f"repository-code: {urls['Source']}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    for replacement in project["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]:
        assert (
            replacement["replacement"].split("(", 1)[-1].startswith((urls["Source"], urls["Homepage"], "https://raw."))
        )


def test_the_examples_of_containers_ask_what_the_service_has() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    found = [document for block in blocks(ROOT / "docs" / "serve.md", "yaml") for document in yaml.safe_load_all(block)]
    compose, deployment, _, scaled = found
    names = {action.dest.upper() for action in _subcommand("serve")._actions}
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    variables = {*compose["services"]["rmbg-fast"]["environment"], *(entry["name"] for entry in container["env"])}
    assert {name.removeprefix("RMBG_FAST_SERVE_") for name in variables} <= names
    probes = {container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "readiness", "liveness")}
    assert probes == {"/readyz", "/livez"}
    assert "rmbg_fast_queue_depth" in scaled["spec"]["triggers"][0]["metadata"]["query"]


def _subcommand(name: str) -> argparse.ArgumentParser:
    (commands,) = (action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction))
    parser: argparse.ArgumentParser = commands.choices[name]
    return parser
