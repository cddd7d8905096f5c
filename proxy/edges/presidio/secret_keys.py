"""Secrets: keys, tokens and passwords by the shapes that their issuers gave them, or by the word before them.

Shapes are the issuers' own documentation's. A SECRET is never given back (`redact.kinds`): nobody needs
to read a key again in an answer.
"""

import math
from collections import Counter
from typing import Final

import regex

from proxy.edges.presidio.forms import SURE, Form, FormRecogniser
from proxy.redact.kinds import SECRET

_START: Final = r"(?<![\p{L}\p{N}_])"
_END: Final = r"(?![\p{L}\p{N}_])"

_SHAPES: Final = {  # what must be in the lower-cased text → the secret's own shape
    "akia": r"AKIA[0-9A-Z]{16}",  # Amazon: access key
    "asia": r"ASIA[0-9A-Z]{16}",  # Amazon: temporary access key
    "gh": r"gh[pousr]_[A-Za-z0-9]{36,251}",  # GitHub: tokens
    "github_pat_": r"github_pat_[A-Za-z0-9_]{22,244}",
    "glpat-": r"glpat-[A-Za-z0-9_.-]{20,64}",  # GitLab
    "xox": r"xox[abeoprs]-[A-Za-z0-9-]{10,250}",  # Slack: tokens
    "hooks.slack": r"hooks\.slack\.com/services/[A-Za-z0-9/_-]{20,80}",
    "sk-": r"sk-(?:[a-z0-9]{2,12}-){0,3}[A-Za-z0-9_-]{20,250}",  # OpenAI and many after it
    "sk_": r"[rs]k_(?:live|test)_[A-Za-z0-9]{16,250}",  # Stripe
    "rk_": r"rk_(?:live|test)_[A-Za-z0-9]{16,250}",
    "aiza": r"AIza[A-Za-z0-9_-]{35}",  # Google
    "ya29.": r"ya29\.[A-Za-z0-9_-]{20,250}",
    "hf_": r"hf_[A-Za-z0-9]{30,64}",  # Hugging Face
    "npm_": r"npm_[A-Za-z0-9]{36}",
    "pypi-": r"pypi-[A-Za-z0-9_-]{50,250}",
    "sg.": r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}",  # SendGrid
    "key-": r"key-[0-9a-f]{32}",  # Mailgun
    "hvs.": r"hvs\.[A-Za-z0-9_-]{24,250}",  # Vault
    "dop_v1_": r"dop_v1_[0-9a-f]{64}",  # DigitalOcean
    "eyj": r"eyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8,3000}\.[A-Za-z0-9_-]{0,1000}",  # RFC 7519
}

_PRIVATE_KEY: Final = (
    r"(?P<entity>-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----[A-Za-z0-9+/=\s:,.\\-]*+"
    r"(?:-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----)?)"
)
"""Also without its end: a piece of a text, or a copy, may stop before it."""

_IN_URL: Final = r"[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{0,64}:(?P<entity>[^\s/@]{1,128})@"

_WORDS: Final = (
    "password|passwd|passphrase|passcode|pwd|secret|secret key|client secret|api key|api token|access "
    "key|access token|"
    "auth token|private key|token|passwort|kennwort|mot de passe|contraseña|senha|wachtwoord"
)
_ASSIGNED: Final = (
    rf"(?i:(?<![\p{{L}}\p{{N}}])(?:[A-Za-z0-9]{{1,20}}[_-]){{0,3}}(?:{_WORDS.replace(' ', '[ _-]?')}))"
    rf"[\"']?[ \t]{{0,3}}"
    r"(?::|=>?|:=|(?i:\bis\b:?))[ \t]{0,3}(?:(?i:bearer)[ ])?[\"'`]?(?P<entity>[^\s\"'`<>,;)\]}]{4,128})"
)
_BEARER: Final = (
    r"(?i:\bauthorization:[ ]{0,3}(?:bearer|basic|token))[ ](?P<entity>[A-Za-z0-9._~+/=-]{8,2000})"
)

_BITS: Final = 2.0
"""A character: `aaaaaaaa` has none, words of a language have about three, keys of base64 more than four."""


def _password(words: str) -> bool:
    """Not a word that talks about one (`password: required`), nor a place-holder."""
    bare = words.strip(".*:!?")
    if len(bare) < 4 or bare.startswith(("${", "{{", "[", "<", "$(")):
        return False
    mixed = any(letter.isdigit() for letter in bare) or any(not letter.isalnum() for letter in bare)
    return (mixed or not (bare.islower() or bare.istitle())) and _bits(bare) >= 1.0


def _key(words: str) -> bool:
    return _bits(words) >= _BITS


def _bits(words: str) -> float:
    """Shannon's entropy of the characters, in bits for each."""
    counts = Counter(words).values()
    return -sum(count / len(words) * math.log2(count / len(words)) for count in counts)


def recogniser(language: str) -> FormRecogniser:
    shapes = [
        Form(regex.compile(rf"{_START}(?P<entity>{shape}){_END}"), SURE, (need,), _key)
        for need, shape in _SHAPES.items()
    ]
    said = tuple({word.split()[0] for word in _WORDS.split("|")})
    return FormRecogniser(
        SECRET,
        (
            *shapes,
            Form(regex.compile(_PRIVATE_KEY), SURE, ("private key",)),
            Form(regex.compile(_IN_URL, regex.IGNORECASE), SURE, ("://",)),
            Form(regex.compile(_ASSIGNED), SURE, said, _password),
            Form(regex.compile(_BEARER), SURE, ("authorization",)),
        ),
        language,
        name="Secrets",
    )
