"""The OpenAPI document of OpenAI's routes, made from the types that the official client ships."""

from typing import Any

from openai.types import completion_create_params, embedding_create_params
from openai.types.chat import completion_create_params as chat_create_params
from openai.types.responses import response_create_params
from pydantic import TypeAdapter

BODIES: dict[str, tuple[str, Any]] = {
    "openai_chat": ("/v1/chat/completions", chat_create_params.CompletionCreateParamsNonStreaming),
    "openai_completions": ("/v1/completions", completion_create_params.CompletionCreateParamsNonStreaming),
    "openai_embeddings": ("/v1/embeddings", embedding_create_params.EmbeddingCreateParams),
    "openai_responses": ("/v1/responses", response_create_params.ResponseCreateParamsNonStreaming),
}


def document(without: dict[str, set[str]] | None = None) -> dict[str, Any]:
    """`without`: fields to leave out, by dialect, so that more calls get past the schema."""
    schemas: dict[str, Any] = {}
    paths = {}
    for name, (path, kind) in BODIES.items():
        schema = TypeAdapter(kind).json_schema(ref_template=f"#/components/schemas/{name}.{{model}}")
        for inner, definition in schema.pop("$defs", {}).items():
            schemas[f"{name}.{inner}"] = definition
        for field in (without or {}).get(name, ()):
            schema["properties"].pop(field, None)
        schema["properties"]["model"] = {"const": "m"}
        schema["additionalProperties"] = False
        body = {"required": True, "content": {"application/json": {"schema": schema}}}
        paths[path] = {"post": {"requestBody": body, "responses": {"200": {"description": "an answer"}}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "OpenAI's routes", "version": "1"},
        "paths": paths,
        "components": {"schemas": schemas},
    }
