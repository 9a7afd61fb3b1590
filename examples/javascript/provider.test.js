import assert from "node:assert/strict";
import { test } from "node:test";

import { configuration, delivery } from "./provider.js";

const WEBHOOK = "https://sms.example.com/messages";
// The options have no token: the host attaches it.
const OPTIONS = JSON.stringify({ Url: WEBHOOK });
// The texts have a placeholder for the code.
const MESSAGE = {
  id: "m-1",
  recipient: "+41791234567",
  subject: "Your code",
  text: "QXZJKV is your code. „Grüezi“",
  html: "<p>QXZJKV is your code.</p>",
  code: "",
  validSeconds: 300,
  locale: "en",
  purpose: "sign-in",
  application: "Shop",
  extra: [],
};

/** Returns what is thrown: the failures of the contract are values. */
async function thrown(attempt) {
  try {
    await attempt();
  } catch (failure) {
    return failure;
  }
  assert.fail("nothing was thrown");
}

/** Delivers to an upstream with this response. Returns the request and the result. */
async function deliver(answer) {
  const requests = [];
  globalThis.fetch = async (url, request) => {
    requests.push({ url, ...request });
    return answer();
  };
  const outcome = await delivery.deliver(OPTIONS, MESSAGE).catch((failure) => failure);
  assert.equal(requests.length, 1, "the upstream is called once");
  return { request: requests[0], outcome };
}

test("the example of the schema asks for its own origin, with the token as bearer", () => {
  const [example] = JSON.parse(configuration.describe().optionsSchema).examples;
  assert.deepEqual(configuration.configure(JSON.stringify(example)), [
    {
      tag: "http",
      val: { origin: "https://sms.example.com", authentication: { tag: "bearer", val: "an-example-token" }, settings: [] },
    },
  ]);
});

test("a secret is marked, and every option has words", () => {
  const { properties } = JSON.parse(configuration.describe().optionsSchema);
  assert.equal(properties.Token.writeOnly, true);
  for (const option of Object.values(properties)) {
    assert.ok(option.description);
  }
});

test("a URL that cannot be used is named", async () => {
  for (const url of ["", "webhook", "http://sms.example.com/", "https://user@sms.example.com/", "https://["]) {
    const [problem] = await thrown(() => configuration.configure(JSON.stringify({ Url: url, Token: "t" })));
    assert.equal(problem.pointer, "/Url", url);
  }
});

test("the text is posted unchanged, and the response's id is the reference", async () => {
  const { request, outcome } = await deliver(() => Response.json({ id: "m-4711" }, { status: 202 }));
  assert.equal(request.url, WEBHOOK);
  assert.equal(request.headers["idempotency-key"], MESSAGE.id);
  assert.deepEqual(JSON.parse(request.body), { to: MESSAGE.recipient, text: MESSAGE.text });
  assert.deepEqual(outcome, { reference: "m-4711", segments: undefined, price: undefined, extra: [] });
});

test("an answer that was taken and says nothing of use is a delivery", async () => {
  for (const body of ["", "taken", "null", '{"id":7}']) {
    const { outcome } = await deliver(() => new Response(body));
    assert.equal(outcome.reference, "", body);
  }
});

test("each status has its meaning", async () => {
  const meanings = { 302: "misconfigured", 400: "rejected", 401: "misconfigured", 403: "misconfigured", 404: "misconfigured",
    429: "retry-later", 500: "outcome-unknown", 503: "outcome-unknown" };
  for (const [status, meaning] of Object.entries(meanings)) {
    const { outcome } = await deliver(() => new Response("{}", { status: Number(status) }));
    assert.equal(outcome.tag, meaning, status);
  }
});

test("the wait that the upstream asks for is passed on", async () => {
  for (const [value, seconds] of [["7", 7], ["Wed, 21 Oct 2026 07:28:00 GMT", undefined]]) {
    const { outcome } = await deliver(() => new Response("", { status: 429, headers: { "retry-after": value } }));
    assert.equal(outcome.val.afterSeconds, seconds);
  }
});

test("without a response the outcome is unknown", async () => {
  const { outcome } = await deliver(() => {
    throw new TypeError("fetch failed");
  });
  assert.equal(outcome.tag, "outcome-unknown");
});
