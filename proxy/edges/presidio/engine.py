"""Presidio itself, set up for one language. Runs only in a worker process, never in the proxy's own.

What is left out of Presidio's default way, and why nothing is lost by it:
- of spaCy's pipes all but those that find names. Presidio asks the others for lemmas, and looks for its
  context words ("card", "phone") *inside* the lemmas before a finding; we give it the words as they stand.
- for kinds that patterns find, all pipes. Those recognisers read the text itself, and the tokens, which are
  the same without pipes, for context.
- the shared vectors, where the pipe that finds names has its own.
What is added: the recognisers that Presidio ships switched off because they are for one country, and ours
(`ours`). What the model is not believed stands in `believed`.
"""

import logging
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

import numpy
import presidio_analyzer
import spacy
import yaml
from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NerModelConfiguration, NlpArtifacts, SpacyNlpEngine
from presidio_analyzer.recognizer_registry import RecognizerRegistry, RecognizerRegistryProvider
from spacy.language import Language
from spacy.pipeline.tok2vec import Tok2VecListener
from spacy.tokens import Doc
from thinc.api import NumpyOps, get_current_ops

from proxy.edges.presidio.believed import believed
from proxy.edges.presidio.ours import ours
from proxy.edges.presidio.quick import quickened
from proxy.redact.decode import readings

UNUSED_PIPES = ("tagger", "parser", "senter", "morphologizer", "attribute_ruler", "lemmatizer", "textcat")

KIND_OF_LABEL = {  # as in Presidio's own conf/default.yaml
    "PER": "PERSON",
    "PERSON": "PERSON",
    "NORP": "NRP",
    "FAC": "LOCATION",
    "LOC": "LOCATION",
    "GPE": "LOCATION",
    "LOCATION": "LOCATION",
    "ORG": "ORGANIZATION",
    "ORGANIZATION": "ORGANIZATION",
    "DATE": "DATE_TIME",
    "TIME": "DATE_TIME",
}

NAME_SCORE = 0.85
"""Of what the model finds: spaCy gives no score, this is Presidio's default for it."""


PLANS = 256
"""Recognisers by kinds that are remembered: some groups of people, each with a plan for prompts and for
answers."""


class QuickProducts(NumpyOps):  # type: ignore[misc]  # thinc's compiled class has no types
    """Products of matrices by numpy's library instead of thinc's: a third of the time, and the same
    numbers but for the last bits."""

    def gemm(self, x: Any, y: Any, out: Any = None, trans1: bool = False, trans2: bool = False) -> Any:
        left, right = (x.T if trans1 else x), (y.T if trans2 else y)
        return numpy.matmul(left, right, out=out)


class AnalysisDoubtful(Exception):
    """Presidio warned while it looked at a text: it may have skipped something, such as a slow pattern."""


class Analyzer:
    """`kinds`: every kind that can be found. `revision`: what a finding depends on, for caches."""

    def __init__(self, model: str, language: str) -> None:
        """Raises OSError if the spaCy model is not installed, ValueError if it does not find names."""
        self._nlp = NamesOnlyEngine(model, language)
        self._nlp.load()
        registry = _with_ours(_registry(language), language)
        by_pattern = {kind for recogniser in registry.recognizers for kind in recogniser.supported_entities}
        registry.add_nlp_recognizer(self._nlp)
        self._engine = AnalyzerEngine(registry, self._nlp, supported_languages=[language])
        self._language = language
        self._asked: dict[tuple[str, ...], list[EntityRecognizer]] = {}
        self.kinds = frozenset(by_pattern | self._nlp.kinds)
        self.revision = (
            f"presidio-analyzer {version('presidio-analyzer')} {self._nlp.revision} readings-1 forms-1"
        )
        _refuse_warnings()
        self.find("Jane Doe, jane@example.com", sorted(self.kinds))  # the first text compiles the patterns

    def find(self, text: str, kinds: Sequence[str]) -> list[RecognizerResult]:
        """Every finding of these kinds, overlapping ones too. Raises AnalysisDoubtful and Presidio's own.

        Looked for as the text is spelled, and in every way it could be read (`redact.decode`).
        """
        found = self._find(text, kinds)
        for reading in readings(text):
            known = {(one.start, one.end, one.entity_type) for one in found}
            for one in self._find(reading.text, kinds):
                one.start, one.end = reading.place(one.start, one.end)
                if (one.start, one.end, one.entity_type) not in known:
                    found.append(one)
        return found

    def _find(self, text: str, kinds: Sequence[str]) -> list[RecognizerResult]:
        named = not self._nlp.kinds.isdisjoint(kinds)
        artifacts = self._nlp.artifacts(text, named=named)
        plain: list[RecognizerResult] = []
        in_context: list[RecognizerResult] = []
        for recogniser in self._recognisers(tuple(kinds)):
            found = recogniser.analyze(text=text, entities=list(kinds), nlp_artifacts=artifacts)
            if recogniser.context:
                in_context += (_signed(one, recogniser) for one in found)
            else:
                plain += found
        if in_context:
            asked = self._asked[tuple(kinds)]
            plain += self._engine.context_aware_enhancer.enhance_using_context(
                text, in_context, artifacts, asked
            )
        return EntityRecognizer.remove_duplicates(plain)

    def _recognisers(self, kinds: tuple[str, ...]) -> list[EntityRecognizer]:
        """Of these kinds. Plans are few and come again and again."""
        if kinds not in self._asked:
            if len(self._asked) >= PLANS:
                self._asked.clear()
            self._asked[kinds] = self._engine.registry.get_recognizers(self._language, list(kinds))
        return self._asked[kinds]


class NamesOnlyEngine(SpacyNlpEngine):
    """Presidio's spaCy engine without the pipes it needs only for lemmas. Never downloads a model."""

    def __init__(self, model: str, language: str) -> None:
        super().__init__([{"lang_code": language, "model_name": model}])
        self._language = language
        self._pipeline = _names_alone(spacy.load(model, exclude=UNUSED_PIPES))
        self.revision = f"{model} {self._pipeline.meta['version']}"

    def load(self) -> None:
        labels = set(self._pipeline.pipe_labels.get("ner", ()))
        if not labels:
            raise ValueError("the spaCy model has no pipe that finds names")
        self.nlp = {self._language: self._pipeline}  # type: ignore[assignment]  # was None
        self.kinds = frozenset(KIND_OF_LABEL[label] for label in labels & KIND_OF_LABEL.keys())
        self.ner_model_configuration = NerModelConfiguration(
            labels_to_ignore=sorted(labels - KIND_OF_LABEL.keys()),
            model_to_presidio_entity_mapping=KIND_OF_LABEL,
            default_score=NAME_SCORE,
        )

    def artifacts(self, text: str, *, named: bool) -> NlpArtifacts:
        """Tokens, words and, if `named`, the names in a text."""
        doc = self._pipeline(text) if named else self._pipeline.make_doc(text)
        return self._doc_to_nlp_artifact(doc, self._language)

    def _doc_to_nlp_artifact(self, doc: Doc, language: str) -> NlpArtifacts:
        names = believed(doc)
        entities, scores = self._get_updated_entities(names, [NAME_SCORE] * len(names))
        return NlpArtifacts(
            entities=entities,
            tokens=doc,
            tokens_indices=[token.idx for token in doc],
            lemmas=[token.lower_ for token in doc],
            nlp_engine=self,
            language=language,
            scores=scores,
        )


def _signed(result: RecognizerResult, recogniser: EntityRecognizer) -> RecognizerResult:
    """With whose it is, by which Presidio knows the words that raise its score."""
    result.recognition_metadata = {RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: recogniser.id}
    return result


def _names_alone(pipeline: Language) -> Language:
    """Without the shared vectors, where the pipe that finds names has its own and nothing listens to them.

    They cost as much as the names themselves.
    """
    if {"tok2vec", "ner"} <= set(pipeline.pipe_names):
        finder: Any = pipeline.get_pipe("ner")
        parts = finder.model.walk()
        if not any(isinstance(part, Tok2VecListener) for part in parts):
            pipeline.remove_pipe("tok2vec")
    if isinstance(get_current_ops(), NumpyOps):  # on a graphics card its own are quicker
        for name in {"tok2vec", "ner"} & set(pipeline.pipe_names):
            pipe: Any = pipeline.get_pipe(name)
            pipe.model._to_ops(QuickProducts())  # noqa: SLF001 - thinc's way to move a model
    return pipeline


def _with_ours(registry: RecognizerRegistry, language: str) -> RecognizerRegistry:
    """Presidio's recognisers, the dear ones replaced by their quicker twins, and ours."""
    theirs = (quickened(recogniser, language) for recogniser in registry.recognizers)
    registry.recognizers = [*theirs, *ours(language)]
    return registry


def _registry(language: str) -> RecognizerRegistry:
    """Presidio's default recognisers of this language, and its other countries' for kinds that those lack."""
    shipped = Path(presidio_analyzer.__file__).parent / "conf" / "default_recognizers.yaml"
    configuration = yaml.safe_load(shipped.read_text(encoding="utf-8"))
    ours = [entry for entry in configuration["recognizers"] if language in _languages(entry)]
    default = [entry for entry in ours if entry.get("enabled", True)]
    national = [
        {**entry, "enabled": True} for entry in ours if "country_code" in entry and entry not in default
    ]
    registry = _recognisers({**configuration, "recognizers": default}, language)
    known = {kind for recogniser in registry.recognizers for kind in recogniser.supported_entities}
    more = _recognisers({**configuration, "recognizers": national}, language).recognizers
    registry.recognizers = [*registry.recognizers, *_unknown_kinds(more, known)]
    return registry


def _recognisers(configuration: dict[str, Any], language: str) -> RecognizerRegistry:
    provider = RecognizerRegistryProvider(
        registry_configuration={**configuration, "supported_languages": [language]}
    )
    return provider.create_recognizer_registry()


def _unknown_kinds(recognisers: Iterable[EntityRecognizer], known: set[str]) -> list[EntityRecognizer]:
    return [recogniser for recogniser in recognisers if known.isdisjoint(recogniser.supported_entities)]


def _languages(entry: dict[str, Any]) -> set[str]:
    """Of an entry in Presidio's configuration; one that names none is for English."""
    named = entry.get("supported_languages", ["en"])
    return {language["language"] if isinstance(language, dict) else language for language in named}


class _Refusal(logging.Handler):
    """Presidio logs a pattern that timed out, and a kind that nobody finds, as a warning and goes on."""

    def emit(self, _record: logging.LogRecord) -> NoReturn:
        raise AnalysisDoubtful


def _refuse_warnings() -> None:
    """For this process: from here on a warning of Presidio's ends the analysis that caused it."""
    logger = logging.getLogger("presidio-analyzer")
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    logger.addHandler(_Refusal())
