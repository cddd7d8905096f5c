// What a client's script is given, and how it tells what the client saw: one line of JSON for each feature.
import { text } from "node:stream/consumers";

export const said = (content) => [{ role: "user", content }];

export const told = (error, status, body) => ({
  raised: [error.constructor.name],
  status,
  body: JSON.stringify(body),
});

export const calls = (found) => found.map((call) => [call.function.name, JSON.parse(call.function.arguments)]);

const messages = (asks) => [{ role: "system", content: asks.system }, ...said(asks.user)];

// The same questions of somebody who may use no model, in words that nobody else uses.
export function asStranger(asks) {
  const stranger = { ...asks, key: asks.stranger, user: asks.strange, prompt: asks.strange };
  return { ...stranger, messages: messages(stranger) };
}

export async function main(features) {
  const asks = JSON.parse(await text(process.stdin));
  asks.messages = messages(asks);
  asks.function = { type: "function", function: asks.tool };
  for (const feature of asks.features) {
    let line;
    try {
      line = { saw: (await features[feature](asks)) ?? null };
    } catch (error) {
      line = { failed: `${error.stack}\n${error.responseBody ?? ""}` };
    }
    console.log(JSON.stringify({ feature, ...line }));
  }
}
