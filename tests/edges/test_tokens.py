import itertools
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import tiktoken
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from proxy.edges import tokens
from proxy.edges.tokens import ENCODING, PIECE_CHARS, CachedTokens, Tokens
from proxy.errors import ConfigInvalid
from proxy.settings import Upstream

KEY = b"k" * 32
OFFLINE = """
import sys
def no_network(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        raise SystemExit("the network was asked")
sys.addaudithook(no_network)
from proxy.edges.tokens import CachedTokens
print(CachedTokens.of((), b"k" * 32).count("any", "Hello, world!"))
"""
# Runs that have no border to cut at, and the one that overflows the stack of tiktoken's expressions.
WORST = ["a", " ", "\n", "!", "1", "語", "😀", "ab", "^", "\t ", "x\n\n", "é", "\u200b"]


@pytest.fixture(scope="module")
def counter() -> Tokens:
    return Tokens.of(())


def whole(text: str) -> int:
    return len(tiktoken.get_encoding(ENCODING).encode_ordinary(text))


def words(path: Path, *vocabulary: str) -> Path:
    """A tokenizer.json of whole words, with settings that would falsify a count."""
    known = {word: number for number, word in enumerate(["?", *vocabulary])}
    tokenizer = Tokenizer(WordLevel(known, unk_token="?"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.add_special_tokens(["<|im_end|>"])
    tokenizer.enable_truncation(3)
    tokenizer.enable_padding(length=9)
    tokenizer.save(str(path))
    return path


def test_counts_are_tiktokens(counter: Tokens) -> None:
    assert counter.count("any", "Hello, world!") == 4
    assert counter.count("any", "") == 0


def test_nothing_is_downloaded() -> None:
    told = subprocess.run([sys.executable, "-c", OFFLINE], capture_output=True, timeout=60, check=False)
    assert (told.returncode, told.stdout) == (0, b"4\n"), told.stderr


@pytest.mark.parametrize("word", ["<|endoftext|>", "<|fim_prefix|>", "<|endofprompt|>"])
def test_a_control_word_in_a_text_is_plain_text(counter: Tokens, word: str) -> None:
    assert counter.count("any", word) > 3


@given(st.lists(st.text(alphabet="abcDE1é語,.\n", min_size=1, max_size=9), max_size=60))
@example(["x" * 600] * 3)
def test_cutting_a_long_text_between_words_changes_no_count(said: list[str]) -> None:
    text = " ".join(said * 40)
    pieces = list(tokens._pieces(text, 512, 128))
    assert "".join(pieces) == text
    assert all(len(piece) <= 512 for piece in pieces)
    hard = sum(1 for one, other in itertools.pairwise(pieces) if not other.startswith(" "))
    assert abs(sum(whole(piece) for piece in pieces) - whole(text)) <= 2 * hard


@pytest.mark.parametrize("run", WORST)
def test_no_run_of_characters_is_slow_or_breaks_the_counter(counter: Tokens, run: str) -> None:
    text = "x" + run * (200_000 // len(run)) + "x"
    started = time.process_time()
    assert counter.count("any", text) > 0
    assert time.process_time() - started < 3  # a quarter of that on a quiet machine


def test_a_million_spaces_are_counted_though_they_overflow_the_library(counter: Tokens) -> None:
    assert counter.count("any", "x" + " " * 1_000_000 + "x") > 1_000


def test_a_lone_surrogate_is_counted(counter: Tokens) -> None:
    assert counter.count("any", "\ud800") > 0
    assert CachedTokens(counter, key=KEY).count("any", "\ud800") > 0


def test_a_models_own_tokenizer_counts_its_texts(tmp_path: Path) -> None:
    file = words(tmp_path / "tokenizer.json", "one", "two")
    own = Upstream("own", "http://127.0.0.1:1", {"called": "served"}, tokenizer=file)
    counter = Tokens.of([own, Upstream("other", "http://127.0.0.1:2", {"called-2": "other"})])
    assert counter.count("served", "one two one two one") == 5
    assert counter.count("other", "one two one two one") == whole("one two one two one")


def test_a_tokenizers_control_words_are_plain_text(tmp_path: Path) -> None:
    file = words(tmp_path / "tokenizer.json", "one")
    counter = Tokens.of([Upstream("own", "http://127.0.0.1:1", {"m": "m"}, tokenizer=file)])
    assert counter.count("m", "one <|im_end|>") == 4


def test_an_upstream_that_lists_no_models_counts_all_that_are_not_listed(tmp_path: Path) -> None:
    file = words(tmp_path / "tokenizer.json", "one")
    counter = Tokens.of([Upstream("own", "http://127.0.0.1:1", tokenizer=file)])
    assert counter.count("whatever the server calls it", "one one") == 2


def test_two_tokenizers_for_one_name_are_a_problem(tmp_path: Path) -> None:
    files = [words(tmp_path / name, "one") for name in ("a.json", "b.json")]
    listed = [Upstream(str(n), "http://127.0.0.1:1", {"m": "m"}, tokenizer=f) for n, f in enumerate(files)]
    unlisted = [Upstream(str(n), "http://127.0.0.1:1", tokenizer=file) for n, file in enumerate(files)]
    for upstreams in (listed, unlisted):
        with pytest.raises(ConfigInvalid, match="two tokenizers"):
            Tokens.of(upstreams)
    Tokens.of([listed[0], listed[0]])


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"model": {"type": "nothing"}}'])
def test_a_file_that_is_no_tokenizer_is_a_problem(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_bytes(content)
    with pytest.raises(ConfigInvalid, match=r"not a tokenizer\.json"):
        Tokens.of([Upstream("own", "http://127.0.0.1:1", {"m": "m"}, tokenizer=file)])


def test_a_missing_tokenizer_library_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = words(tmp_path / "tokenizer.json", "one")
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ConfigInvalid, match=r"sluicegate\[tokenizers\]"):
        Tokens.of([Upstream("own", "http://127.0.0.1:1", {"m": "m"}, tokenizer=file)])


class Counting:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def count(self, model: str, text: str) -> int:
        self.asked.append((model, text))
        return len(text)


def test_a_text_is_counted_once() -> None:
    inner = Counting()
    cached = CachedTokens(inner, key=KEY)
    assert cached.cached("m", "four") is None
    assert [cached.count("m", "four") for _ in range(3)] == [4, 4, 4]
    assert cached.cached("m", "four") == 4
    assert len(inner.asked) == 1


def test_an_empty_text_is_known_too() -> None:
    inner = Counting()
    cached = CachedTokens(inner, key=KEY)
    assert [cached.count("m", "") for _ in range(2)] == [0, 0]
    assert cached.cached("m", "") == 0
    assert len(inner.asked) == 1


def test_another_model_is_another_count() -> None:
    inner = Counting()
    cached = CachedTokens(inner, key=KEY)
    for model, text in (("m", "ab"), ("ma", "b"), ("m", "b")):
        cached.count(model, text)
    assert len(inner.asked) == 3


def test_the_least_recently_used_count_goes_first() -> None:
    cached = CachedTokens(Counting(), key=KEY, entries=2)
    for text in ("a", "bb", "a", "ccc"):
        cached.count("m", text)
    assert [cached.cached("m", text) for text in ("a", "bb", "ccc")] == [1, None, 3]


def test_a_count_shows_and_keeps_no_text() -> None:
    cached = CachedTokens(Counting(), key=KEY)
    cached.count("m", "canary")
    assert repr(cached) == "<CachedTokens with 1 counts>"
    assert "canary" not in str(cached._kept)


def test_threads_may_count_at_once() -> None:
    cached = CachedTokens(Counting(), key=KEY, entries=3)
    wrong: list[int] = []

    def count() -> None:
        wrong.extend(n for n in range(3_000) if cached.count("m", "x" * (n % 7)) != n % 7)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(cached._kept) == 3


def test_a_piece_is_small_enough_for_the_library() -> None:
    started = time.process_time()
    for run in WORST:
        whole("x" + run * (PIECE_CHARS // len(run)) + "x")
    assert time.process_time() - started < 1
