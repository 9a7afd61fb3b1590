import assert from "node:assert/strict";
import { test } from "node:test";

import * as bird from "./bird.js";
import * as sinch from "./sinch.js";

// A placeholder stands for the code.
const MESSAGE = {
  id: "m-1",
  recipient: "+41791234567",
  subject: "Your code",
  text: "QXZJKV is your code. „Grüezi“",
  code: "QXZJKV",
  validSeconds: 300,
  locale: "en",
  purpose: "sign-in",
  application: "Shop",
  extra: [],
};

/** Delivers to an upstream that responds like this: the request, and the outcome. */
async function deliver(provider, options, status, body, { headers = {}, extra = [] } = {}) {
  const requests = [];
  globalThis.fetch = async (url, request) => {
    requests.push({ url, ...request, body: JSON.parse(request.body) });
    return new Response(JSON.stringify(body), { status, headers });
  };
  const message = { ...MESSAGE, extra };
  const outcome = await provider.delivery.deliver(JSON.stringify(options), message).catch((failure) => failure);
  assert.equal(requests.length, 1, "the upstream is called once");
  // Anything else than a string would end the call of the component.
  const reason = outcome.val?.reason ?? outcome.val ?? { code: outcome.reference, detail: "" };
  assert.deepEqual([typeof reason.code, typeof reason.detail], ["string", "string"], JSON.stringify(outcome));
  return { request: requests[0], outcome };
}

const EXTRA = [
  { name: "now", value: "1700000000" },
  { name: "report-url", value: "https://us.example.com/r/1" },
];

test("Sinch gets a batch as it documents it", async () => {
  const options = { SinchServicePlanId: "plan0001", SinchFrom: "Shop", SinchRegion: "eu" };
  const { request, outcome } = await deliver(sinch, options, 201, { id: "01FC66621" }, { extra: EXTRA });
  assert.equal(request.url, "https://eu.sms.api.sinch.com/xms/v1/plan0001/batches");
  assert.deepEqual(request.body, {
    type: "mt_text",
    from: "Shop",
    to: ["+41791234567"],
    body: MESSAGE.text,
    expire_at: "2023-11-14T22:18:20.000Z",
    delivery_report: "per_recipient_final",
    callback_url: "https://us.example.com/r/1",
  });
  assert.equal(outcome.reference, "01FC66621");
});

test("Bird gets a message as it documents it", async () => {
  const body = { id: "e8077d80", recipients: { items: [{ messagePartCount: 2 }] } };
  const { request, outcome } = await deliver(bird, { BirdOriginator: "Shop" }, 201, body, { extra: EXTRA });
  assert.equal(request.url, "https://rest.messagebird.com/messages");
  assert.deepEqual(request.body, {
    originator: "Shop",
    recipients: ["41791234567"],
    body: MESSAGE.text,
    datacoding: "auto",
    validity: 300,
    reference: "m-1",
    reportUrl: "https://us.example.com/r/1",
  });
  assert.deepEqual([outcome.reference, outcome.segments], ["e8077d80", 2]);
});

test("each error of Sinch has its meaning", async () => {
  for (const [status, body, meaning] of [
    [400, { code: "syntax_constraint_violation", text: "The field to is invalid" }, "rejected recipient"],
    [400, { code: "syntax_invalid_json" }, "rejected message"],
    [401, null, "misconfigured"],
    [403, { code: "unauthorized" }, "misconfigured"],
    [404, {}, "misconfigured"],
    [429, {}, "retry-later"],
    [500, {}, "outcome-unknown"],
    [201, {}, "outcome-unknown"],
  ]) {
    const { outcome } = await deliver(sinch, { SinchServicePlanId: "p", SinchFrom: "x" }, status, body);
    assert.equal(`${outcome.tag} ${outcome.val.part ?? ""}`.trim(), meaning, `${status} ${JSON.stringify(body)}`);
  }
});

test("each error of Bird has its meaning", async () => {
  const error = (code, parameter) => ({ errors: [{ code, description: "d", parameter }] });
  for (const [status, body, meaning] of [
    [401, error(2, "access_key"), "misconfigured"],
    [402, error(25, null), "misconfigured"],
    [422, error(25, null), "misconfigured"],
    [422, error(9, "recipients"), "rejected recipient"],
    [422, error(10, "originator"), "misconfigured"],
    [422, error(10, "body"), "rejected message"],
    [405, error(98, null), "misconfigured"],
    [429, {}, "retry-later"],
    [500, error(99, null), "outcome-unknown"],
    [201, {}, "outcome-unknown"],
  ]) {
    const { outcome } = await deliver(bird, { BirdOriginator: "x" }, status, body);
    assert.equal(`${outcome.tag} ${outcome.val.part ?? ""}`.trim(), meaning, `${status} ${JSON.stringify(body)}`);
  }
});

test("the wait that an upstream asks for is passed on", async () => {
  for (const [provider, options] of [[sinch, { SinchServicePlanId: "p" }], [bird, {}]]) {
    const { outcome } = await deliver(provider, options, 429, {}, { headers: { "retry-after": "7" } });
    assert.equal(outcome.val.afterSeconds, 7);
  }
});

test("reports are parsed, and proved as well as the upstream can", () => {
  const json = (report) => sinch.reports.parseReport("{}", { body: new TextEncoder().encode(JSON.stringify(report)) });
  assert.equal(json({ type: "recipient_delivery_report_sms", status: "Delivered", code: 0 }).status, "delivered");
  assert.deepEqual(json({ type: "recipient_delivery_report_sms", status: "Failed", code: 402 }),
    { status: "failed", code: "402", price: undefined, extra: [] });
  assert.equal(json({ type: "mo_text" }), undefined);
  const query = (query) => bird.reports.parseReport("{}", { query });
  assert.deepEqual(query("id=1&status=delivered&price%5Bamount%5D=0.07&price%5Bcurrency%5D=EUR"),
    { status: "delivered", code: "", price: { amount: "0.07", currency: "EUR" }, extra: [] });
  assert.deepEqual(query("status=delivery_failed&statusErrorCode=104"),
    { status: "failed", code: "104", price: undefined, extra: [] });
  assert.equal(query("x=1"), undefined);
  assert.equal(bird.reports.reportProof("{}").tag, "secret-url");
  assert.equal(bird.reports.reportProof('{"BirdSigningKey":"k"}').val.key, "k");
});

test("the example of each schema is valid, and its secrets are marked", () => {
  for (const { configuration } of [sinch, bird]) {
    const { properties, examples } = JSON.parse(configuration.describe().optionsSchema);
    assert.equal(configuration.configure(JSON.stringify(examples[0])).length, 1);
    for (const [name, option] of Object.entries(properties)) {
      assert.equal(option.writeOnly === true, /Token|Key/.test(name), name);
      assert.ok(option.description);
    }
  }
});
