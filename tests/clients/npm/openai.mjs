// The official `openai` package of npm.
import OpenAI, { APIError } from "openai";
import { asStranger, calls, main, said, told } from "./telling.mjs";

const client = (asks, apiKey = asks.key) => new OpenAI({ baseURL: `${asks.url}/v1`, apiKey });

const chat = (asks, more = {}) => ({
  model: asks.chat,
  messages: asks.messages,
  temperature: 0,
  max_tokens: asks.max_tokens,
  seed: asks.seed,
  ...more,
});

const tools = (asks) =>
  chat(asks, { messages: said(asks.weather), max_tokens: 60, tools: [asks.function], tool_choice: "required" });

const whole = (answer) => ({
  text: answer.choices[0].message.content ?? "",
  tools: calls(answer.choices[0].message.tool_calls ?? []),
  finish: answer.choices[0].finish_reason,
  usage: [answer.usage.prompt_tokens, answer.usage.completion_tokens],
});

async function streamed(asks, body) {
  const stream = client(asks).chat.completions.stream({ ...body, stream_options: { include_usage: true } });
  return whole(await stream.finalChatCompletion());
}

async function denied(ask) {
  try {
    await ask();
  } catch (error) {
    if (error instanceof APIError) return told(error, error.status, error.error);
    throw error;
  }
}

await main({
  chat: async (asks) => whole(await client(asks).chat.completions.create(chat(asks))),
  "chat.stream": async (asks) => {
    let text = "";
    let finish = null;
    for await (const chunk of await client(asks).chat.completions.create(chat(asks, { stream: true }))) {
      text += chunk.choices[0]?.delta.content ?? "";
      finish = chunk.choices[0]?.finish_reason ?? finish;
    }
    return { text, finish };
  },
  "chat.stream_helper": (asks) => streamed(asks, chat(asks, { messages: said("Say hi."), max_tokens: 64 })),
  "chat.raw": async (asks) => {
    const { data, response } = await client(asks).chat.completions.create(chat(asks)).withResponse();
    return { status: response.status, ...whole(data) };
  },
  "chat.tools": async (asks) => whole(await client(asks).chat.completions.create(tools(asks))),
  "chat.tools_stream": (asks) => streamed(asks, tools(asks)),
  completions: async (asks) => {
    const answer = await client(asks).completions.create({
      model: asks.chat,
      prompt: asks.prompt,
      temperature: 0,
      max_tokens: asks.max_tokens,
      seed: asks.seed,
    });
    return { text: answer.choices[0].text, finish: answer.choices[0].finish_reason };
  },
  responses: async (asks) => {
    const answer = await client(asks).responses.create({
      model: asks.chat,
      instructions: asks.system,
      input: asks.user,
      temperature: 0,
      max_output_tokens: asks.max_tokens,
    });
    return { text: answer.output_text, usage: [answer.usage.input_tokens, answer.usage.output_tokens] };
  },
  "responses.stream_helper": async (asks) => {
    const stream = client(asks).responses.stream({
      model: asks.chat,
      instructions: asks.system,
      input: asks.user,
      temperature: 0,
      max_output_tokens: asks.max_tokens,
    });
    const answer = await stream.finalResponse();
    return { text: answer.output_text, usage: [answer.usage.input_tokens, answer.usage.output_tokens] };
  },
  embeddings: async (asks) => {
    const answer = await client(asks).embeddings.create({ model: asks.embed, input: [asks.user, asks.prompt] });
    const rounded = (value) => Math.round(value * 10_000) / 10_000;
    return {
      vectors: answer.data.map((one) => one.embedding.slice(0, 8).map(rounded)),
      long: answer.data.map((one) => one.embedding.length),
    };
  },
  models: async (asks) => {
    const names = [];
    for await (const model of client(asks).models.list()) names.push(model.id);
    return { models: names.sort() };
  },
  "echo.private": async (asks) =>
    whole(await client(asks).chat.completions.create({ model: asks.echo, messages: said(asks.private) })),
  "echo.private_stream": (asks) => streamed(asks, { model: asks.echo, messages: said(asks.private) }),
  "echo.tools_stream": (asks) =>
    streamed(asks, { model: asks.echo, messages: said(asks.private), tools: [asks.function] }),
  denied: (asks) => denied(() => client(asStranger(asks)).chat.completions.create(chat(asStranger(asks)))),
  "denied.stream": (asks) =>
    denied(() => client(asStranger(asks)).chat.completions.create(chat(asStranger(asks), { stream: true }))),
  unknown_key: (asks) => denied(() => client(asks, "sg-wrong").chat.completions.create(chat(asks))),
});
