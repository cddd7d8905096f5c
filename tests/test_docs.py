"""What the pages say is so: commands work or at least parse, settings and rules exist, links lead on."""

import argparse
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from docs import dialects
from proxy.cli import build_parser
from tests.pages import (
    SHELLS,
    Block,
    Page,
    make_targets,
    own_commands,
    pages,
    rule_ids,
    setting_names,
)

ROOT = Path(__file__).parents[1]
PAGES = pages(ROOT)
BLOCKS = [block for page in PAGES for block in page.blocks() if block.kind in SHELLS]

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.where)
each_block = pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.where)


@pytest.fixture(scope="module")
def parser() -> argparse.ArgumentParser:
    return build_parser(None)


@each_block
def test_every_command_on_the_pages_exists_with_its_flags(
    block: Block, parser: argparse.ArgumentParser
) -> None:
    for line, _ in block.steps():
        for words in own_commands(line):
            assert parses(parser, words), f"{block.where}: sluicegate {shlex.join(words)}"


@each_block
def test_every_make_target_on_the_pages_exists(block: Block) -> None:
    named = re.findall(r"(?m)^(?:\$ )?make ([a-z][\w-]*)", block.text)
    assert set(named) <= make_targets(ROOT / "Makefile"), block.where


@pytest.mark.slow
def test_blocks_that_are_marked_to_run_do_what_they_show(tmp_path_factory: pytest.TempPathFactory) -> None:
    for block in BLOCKS:
        folder = tmp_path_factory.mktemp("page")
        for command, shown in block.steps() if block.run else ():
            said = run(command, folder)
            assert is_shown(shown, said), f"{block.where}: {command}\nsaid:\n{said}"


@each_page
def test_every_setting_and_rule_on_the_pages_exists(page: Page) -> None:
    known = setting_names() | rule_ids(ROOT / "policies")
    rooms = {name.partition(".")[0] for name in known}
    named = [name for name in page.names() if name.partition(".")[0] in rooms]
    assert [name for name in named if name not in known] == []


@each_page
def test_every_rule_of_a_shown_refusal_exists(page: Page) -> None:
    assert set(page.refusals()) <= rule_ids(ROOT / "policies")


@pytest.mark.parametrize("name", dialects.PAGES)
def test_a_page_of_a_dialect_tells_every_field_and_its_fate_as_the_code_has_it(name: str) -> None:
    text = (dialects.FOLDER / name).read_text("utf-8")
    assert dialects.page(name, text) == text, "make it anew: python -m docs.dialects"
    rows = [row for table in dialects.PAGES[name] for row in table.rows]
    assert rows
    assert [row[0] for row in rows if f"| `{row[0]}` |" not in text] == []


@each_page
def test_every_link_on_the_pages_leads_somewhere(page: Page) -> None:
    assert [link for link in page.links() if not leads(page, link)] == []


def test_the_examples_in_every_help_text_parse(parser: argparse.ArgumentParser) -> None:
    lines = [line for help_text in help_texts(parser) for line in help_text.splitlines()]
    examples = [line for line in lines if re.match(r" +.*\bsluicegate ", line) and "COMMAND" not in line]
    assert examples
    wrong = [line for line in examples for words in own_commands(line) if not parses(parser, words)]
    assert wrong == []


def parses(parser: argparse.ArgumentParser, words: list[str]) -> bool:
    """`--help` and `--version` end with 0, a mistake with 2."""
    try:
        parser.parse_args(words)
    except SystemExit as end:
        return end.code in (0, None)
    return True


def help_texts(parser: argparse.ArgumentParser) -> list[str]:
    """Of the parser and of every parser under it."""
    under = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return [parser.epilog or ""] + [
        text for action in under for inner in action.choices.values() for text in help_texts(inner)
    ]


def run(command: str, folder: Path) -> str:
    """Everything that a command says. Raises CalledProcessError if it fails."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=90,
        check=True,
    )
    return ended.stdout


def is_shown(shown: list[str], said: str) -> bool:
    """Every line that the page shows was said, in this order; `…` stands for anything."""
    pattern = ".*".join(
        re.escape(line.strip()).replace("…", ".*?") for line in shown if line.strip() not in ("", "…")
    )
    return re.search(pattern, said, re.DOTALL) is not None


def leads(page: Page, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = page.path.parent / path if path else page.path
    if not target.exists():
        return False
    return not anchor or anchor in Page(target, path, target.read_text("utf-8")).anchors()


# The test of the test.

PLANTED = """# A page

See [below](#the-second-part), [nowhere](#third) and [gone](gone.md).
`limits.body_bytes` is a setting, `limits.body_kilos` none; `proxy/app.py` and `limits.md` are files.

```console
$ echo hello | sluicegate redact > out
<EMAIL…>
$ sluicegate serve \\
    --upstream http://127.0.0.1:9000 && sluicegate fly
```

<!-- run -->
```sh
# a comment
make demo
```

## The second part
"""


@pytest.fixture
def planted(tmp_path: Path) -> Page:
    path = tmp_path / "page.md"
    path.write_text(PLANTED)
    return Page(path, "page.md", PLANTED)


def test_blocks_are_read_with_their_place_their_mark_and_their_output(planted: Page) -> None:
    first, second = planted.blocks()
    assert (first.where, first.run, second.run) == ("page.md:6", False, True)
    assert [shown for _, shown in first.steps()] == [["<EMAIL…>"], []]
    assert next(first.steps())[0] == "echo hello | sluicegate redact > out"
    assert list(second.steps()) == [("make demo", [])]


def test_own_commands_are_found_in_pipes_and_over_lines(planted: Page) -> None:
    lines = [line for line, _ in planted.blocks()[0].steps()]
    assert [words for line in lines for words in own_commands(line)] == [
        ["redact"],
        ["serve", "--upstream", "http://127.0.0.1:9000"],
        ["fly"],
    ]


def test_a_command_or_flag_that_does_not_exist_is_found(
    parser: argparse.ArgumentParser, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not parses(parser, ["fly"])
    assert not parses(parser, ["serve", "--fly"])
    assert parses(parser, ["serve", "--listen", "127.0.0.1:0"])
    assert "fly" in capsys.readouterr().err


def test_names_of_settings_are_told_from_files(planted: Page) -> None:
    assert planted.names() == ["limits.body_bytes", "limits.body_kilos"]
    assert "limits.body_bytes" in setting_names()
    assert "identity.jwt.issuer" in setting_names()
    assert "upstreams.url" in setting_names()
    assert "limits.body_kilos" not in setting_names()


def test_the_rules_of_a_shown_refusal_are_found() -> None:
    shown = '```json\n{"code": "policy_denied", "rules": ["model.grant", "no.such"]}\n```\n'
    assert Page(ROOT, "page.md", shown).refusals() == ["model.grant", "no.such"]


def test_dead_links_and_anchors_are_found(planted: Page) -> None:
    assert [leads(planted, link) for link in planted.links()] == [True, False, False]


@pytest.mark.parametrize(
    ("shown", "said", "fits"),
    [
        ([], "anything", True),
        (["a", "c"], "a\nb\nc\n", True),
        (["c", "a"], "a\nb\nc\n", False),
        (["<MAIL_…>"], "x <MAIL_0a1b> y", True),
        (["<MAIL_…>"], "x MAIL_0a1b y", False),
        (["a.c"], "abc", False),
    ],
)
def test_shown_output_is_compared_loosely_but_in_order(shown: list[str], said: str, fits: bool) -> None:
    assert is_shown(shown, said) is fits


def test_a_command_that_fails_is_no_success(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        run("false | true", tmp_path)
