"""Hooks of the site (mkdocs.yml): the command reference from the parser, the changelog, links out of docs/."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """What stands in a page's file, as the site shows it."""
    name = page.file.src_uri
    if name == "command.md":
        markdown = markdown.replace("<!-- commands -->", commands())
    elif name == "changelog.md":
        markdown = (ROOT / "CHANGELOG.md").read_text("utf-8").replace("](docs/", "](")
    return re.sub(r"\]\(\.\./(?=[\w.])", f"]({config['repo_url']}/blob/main/", markdown)


def commands() -> str:
    """Every subcommand of `rmbg-fast` with its options, in Markdown."""
    parser = command_parser()
    parts = [f"{parser.description}\n"]
    for name, sub, about in subcommands(parser):
        parts.append(f"## rmbg-fast {name}\n\n{(sub.description or _sentence(about)).strip()}\n")
        parts.append(f"```text\n{sub.format_usage().removeprefix('usage: ').strip()}\n```\n")
        parts += [_line(sub, action) for action in sub._actions if shown(action)]
        for nested, inner, help_text in subcommands(sub):
            parts.append(f"\n### rmbg-fast {name} {nested}\n\n{(inner.description or _sentence(help_text)).strip()}\n")
            parts.append(f"```text\n{inner.format_usage().removeprefix('usage: ').strip()}\n```\n")
            parts += [_line(inner, action) for action in inner._actions if shown(action)]
    return "\n".join(parts)


def command_parser() -> argparse.ArgumentParser:
    from rmbg_fast._cli.main import _parser

    return _parser()


def subcommands(parser: argparse.ArgumentParser) -> list[tuple[str, argparse.ArgumentParser, str]]:
    """Names, parsers and help texts of the subcommands of `parser`."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            return [(name, sub, helps.get(name, "")) for name, sub in action.choices.items()]
    return []


def shown(action: argparse.Action) -> bool:
    """Whether an argument has a line of its own."""
    return not isinstance(action, argparse._HelpAction | argparse._SubParsersAction) and (
        action.help is not argparse.SUPPRESS
    )


def _line(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    formatter = parser._get_formatter()
    default = formatter._get_default_metavar_for_positional(action)
    if action.option_strings:
        value = "" if action.nargs == 0 else " " + formatter._format_args(action, action.dest.upper().replace("_", "-"))
        names = ", ".join(action.option_strings) + value
    else:
        names = formatter._format_args(action, default)
    text = formatter._expand_help(action) if action.help else ""
    return f"`{names}`\n:   {_escaped(text) or '&nbsp;'}\n"


def _sentence(text: str) -> str:
    text = _escaped(text)
    return text[:1].upper() + text[1:] + "." if text else ""


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("<", "&lt;").replace("*", r"\*")
