// The Vercel `ai` SDK, with its provider for OpenAI-compatible servers and with the one for OpenAI itself.
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, embedMany, generateObject, generateText, jsonSchema, streamText, tool } from "ai";
import { asStranger, main, told } from "./telling.mjs";

const compatible = (asks) =>
  createOpenAICompatible({
    name: "gate",
    baseURL: `${asks.url}/v1`,
    apiKey: asks.key,
    includeUsage: true,
    supportsStructuredOutputs: true,
  });
const openai = (asks) => createOpenAI({ baseURL: `${asks.url}/v1`, apiKey: asks.key });

const ask = (asks, model, more = {}) => ({
  model,
  system: asks.system,
  prompt: asks.user,
  temperature: 0,
  seed: asks.seed,
  maxOutputTokens: asks.max_tokens,
  ...more,
});

const stranger = (asks) => ask(asStranger(asks), compatible(asStranger(asks))(asks.chat));

const toolsOf = (asks) => ({
  [asks.tool.name]: tool({ description: asks.tool.description, inputSchema: jsonSchema(asks.tool.parameters) }),
});

const weather = (asks, model) =>
  ask(asks, model, {
    system: undefined,
    prompt: asks.weather,
    maxOutputTokens: 60,
    tools: toolsOf(asks),
    toolChoice: "required",
  });

const whole = async (answer) => ({
  text: await answer.text,
  tools: (await answer.toolCalls).map((call) => [call.toolName, call.input]),
  finish: await answer.finishReason,
  usage: [(await answer.usage).inputTokens, (await answer.usage).outputTokens],
});

async function streamed(options) {
  const failures = [];
  const answer = streamText({ ...options, onError: ({ error }) => failures.push(error) });
  await answer.consumeStream();
  if (failures.length) throw failures[0];
  return whole(answer);
}

async function denied(attempt) {
  try {
    await attempt();
  } catch (error) {
    if (APICallError.isInstance(error)) return told(error, error.statusCode, JSON.parse(error.responseBody));
    throw error;
  }
}

await main({
  "compatible.generateText": async (asks) => whole(await generateText(ask(asks, compatible(asks)(asks.chat)))),
  "compatible.streamText": (asks) => streamed(ask(asks, compatible(asks)(asks.chat))),
  "compatible.tools": async (asks) => whole(await generateText(weather(asks, compatible(asks)(asks.chat)))),
  "compatible.tools_stream": (asks) => streamed(weather(asks, compatible(asks)(asks.chat))),
  "compatible.generateObject": async (asks) => {
    const schema = jsonSchema(asks.schema);
    const answer = await generateObject(ask(asks, compatible(asks)(asks.chat), { schema, maxOutputTokens: 40 }));
    return { object: Object.keys(answer.object) };
  },
  "compatible.embedMany": async (asks) => {
    const model = compatible(asks).textEmbeddingModel(asks.embed);
    const { embeddings } = await embedMany({ model, values: [asks.user, asks.prompt] });
    const rounded = (value) => Math.round(value * 10_000) / 10_000;
    return {
      vectors: embeddings.map((one) => one.slice(0, 8).map(rounded)),
      long: embeddings.map((one) => one.length),
    };
  },
  "openai.chat": async (asks) => whole(await generateText(ask(asks, openai(asks).chat(asks.chat)))),
  "openai.chat_stream": (asks) => streamed(ask(asks, openai(asks).chat(asks.chat))),
  "openai.responses": async (asks) =>
    whole(await generateText(ask(asks, openai(asks).responses(asks.chat), { seed: undefined }))),
  "openai.responses_stream": (asks) =>
    streamed(ask(asks, openai(asks).responses(asks.chat), { seed: undefined })),
  "openai.responses_tools_stream": (asks) =>
    streamed({ ...weather(asks, openai(asks).responses(asks.chat)), seed: undefined }),
  "echo.private": async (asks) =>
    whole(await generateText({ model: compatible(asks)(asks.echo), prompt: asks.private })),
  "echo.private_stream": (asks) => streamed({ model: compatible(asks)(asks.echo), prompt: asks.private }),
  "echo.tools_stream": (asks) =>
    streamed({ model: compatible(asks)(asks.echo), prompt: asks.private, tools: toolsOf(asks) }),
  denied: (asks) => denied(() => generateText(stranger(asks))),
  "denied.stream": (asks) => denied(() => streamed(stranger(asks))),
});
