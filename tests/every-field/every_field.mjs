// Calls every function of a component that was written by hand against the canonical ABI, and compares every field that passes. `jco`
// implements the canonical ABI on the other side.
import assert from "node:assert/strict";
import test from "node:test";

import { calls, script } from "./host.mjs";
import { configuration, delivery, reports, verification } from "./component/provider.js";

const entries = (name) => [{ name: `${name}-1`, value: "v1" }, { name: `${name}-2`, value: "v2" }];
const bytes = (text) => new TextEncoder().encode(text);
const one = (tag, val) => (val === undefined ? { tag } : { tag, val });

const message = {
  id: "id", recipient: "recipient", subject: "subject", text: "text „ü“", html: "<p>", code: "CODE", validSeconds: 300, locale: "fr-CH",
  purpose: "purpose", application: "application", extra: entries("message"),
};
const told = {
  ID: "id", Recipient: "recipient", Subject: "subject", Text: "text „ü“", HTML: "<p>", Code: "CODE", ValidSeconds: 300, Locale: "fr-CH",
  Purpose: "purpose", Application: "application", Extra: [{ Name: "message-1", Value: "v1" }, { Name: "message-2", Value: "v2" }],
};
const receipt = { reference: "reference", segments: 3, price: { amount: "0.0075", currency: "EUR" }, extra: entries("receipt") };
const reason = { code: "code", detail: "detail" };

function returns(run) {
  calls.length = 0;
  try {
    return { ok: run() };
  } catch (error) {
    if (error.payload === undefined) throw error;
    return { failed: error.payload };
  }
}

const deliver = (changed) => returns(() => delivery.deliver("options", { ...message, ...changed }));

test("the manifest", () => {
  assert.deepEqual(configuration.describe(), {
    typeId: "every-field", name: "Every field", version: "1.2.3", channel: "chat", recipient: "handle",
    optionsSchema: '{"type":"object"}', needsCode: true, extra: entries("manifest"),
  });
});

test("every connection, authentication and setting, and problems", () => {
  const jwtKey = { algorithm: "es256", key: "jwt-key", header: entries("jwt-header") };
  const jwt = { key: jwtKey, claims: entries("claim"), validSeconds: 61 };
  const oauth2 = (authentication, grant) => one("oauth2", {
    tokenUrl: "token-url", clientId: "client-id", authentication, grant, scope: "scope", parameters: entries("parameter"),
  });
  const login = (place) => one("login", {
    url: "login-url", fields: entries("field"), format: "json", expected: entries("expected"), token: "token", validSeconds: "valid",
    defaultValidSeconds: 62, place,
  });
  const credentials = { username: "user", password: "password" };
  const authentications = [
    one("none"), one("none"), one("basic", credentials), one("bearer", "bearer"), one("header", { name: "x-key", value: "key" }),
    oauth2(one("none"), one("client-credentials")), oauth2(one("secret-in-body", "in-body"), one("client-credentials")),
    oauth2(one("secret-in-header", "in-header"), one("jwt-bearer", jwt)), oauth2(one("private-key-jwt", jwtKey), one("jwt-bearer", jwt)),
    one("jwt", jwt), login(one("bearer")), login(one("header", "x-token")), login(one("query", "token")),
    one("signature", {
      key: { hash: "sha512", key: "hmac-key", encoding: "base64" }, keySteps: ["step-1", "step-2"], values: entries("value"),
      signedHeaders: entries("signed"), text: "text", headers: entries("header"), query: entries("query"), fields: entries("field"),
    }),
    one("aws-signature", { accessKeyId: "id", secretAccessKey: "secret", region: "region", service: "service" }),
    one("webhook-signature", "whsec"),
  ];
  const settings = [
    one("place-secret", "/One"), one("place-secret", "/Two"), one("code-in-query"), ...entries("setting").map((entry) => one("other", entry)),
  ];
  const connections = authentications.map((authentication, n) =>
    one("http", { origin: `origin-${n}`, authentication, settings: n === authentications.length - 1 ? settings : [] }));
  connections.push(
    one("smtp", { host: "open", port: 25, security: "plaintext", credentials: undefined, timeoutMs: 63, settings: [] }),
    one("smtp", { host: "tls", port: 465, security: "implicit-tls", credentials: undefined, timeoutMs: 63, settings: [] }),
    one("smtp", { host: "mail", port: 65535, security: "starttls", credentials, timeoutMs: 64, settings: entries("mail") }),
  );
  assert.deepEqual(returns(() => configuration.configure("options")), { ok: connections });
  assert.deepEqual(returns(() => configuration.configure("wrong")), {
    failed: [{ pointer: "/One", message: "first" }, { pointer: "/Two", message: "second" }],
  });
});

test("the message, the receipt and each failure", () => {
  const { reference, ...rest } = deliver({}).ok;
  assert.equal(reference.slice(0, 8), "options ");
  assert.deepEqual(JSON.parse(reference.slice(8)), told);
  assert.deepEqual(rest, { segments: undefined, price: undefined, extra: [] });
  assert.equal(JSON.parse(deliver({ html: undefined }).ok.reference.slice(8)).HTML, "");
  assert.deepEqual(deliver({ purpose: "full" }), { ok: receipt });
  const failures = {
    "retry-later": one("retry-later", { afterSeconds: 7, reason }),
    "retry-at-some-time": one("retry-later", { afterSeconds: undefined, reason }),
    "outcome-unknown": one("outcome-unknown", reason),
    "rejected-recipient": one("rejected", { part: "recipient", reason }),
    "rejected-message": one("rejected", { part: "message", reason }),
    misconfigured: one("misconfigured", reason),
    blocked: one("blocked", reason),
  };
  for (const [purpose, failed] of Object.entries(failures)) assert.deepEqual(deliver({ purpose }), { failed });
});

test("a request, its response and each error", () => {
  Object.assign(script, { failure: undefined, response: { status: 418, headers: entries("response"), body: bytes("teapot") } });
  assert.deepEqual(deliver({ purpose: "http" }).ok.reference, "418");
  assert.deepEqual(deliver({ purpose: "http" }).ok.extra, [...entries("response"), { name: "body", value: "teapot" }]);
  assert.deepEqual(calls, [["http", { method: "POST", url: "url", headers: entries("request"), body: bytes("body") }]]);
  for (const [tag, failure, code] of [
    ["denied", "misconfigured", "denied"], ["unauthenticated", "misconfigured", "unauthenticated"],
    ["not-sent", "retry-later", "not-sent"], ["outcome-unknown", "outcome-unknown", "no-answer"],
  ]) {
    script.failure = one(tag, "why");
    const { failed } = deliver({ purpose: "http" });
    assert.deepEqual([failed.tag, failed.val.reason ?? failed.val], [failure, { code, detail: "why" }]);
  }
});

test("an email, its reply and each error", () => {
  Object.assign(script, { failure: undefined, response: { reply: "queued" } });
  for (const html of ["<p>", undefined]) {
    assert.equal(deliver({ purpose: "mail", html }).ok.reference, "queued");
    const mail = { sender: { name: "name", address: "sender" }, recipient: "recipient", subject: "subject", text: "text „ü“", html, id: "id" };
    assert.deepEqual(calls, [["smtp", mail]]);
  }
  for (const [tag, failure, code] of [
    ["invalid", "rejected", "invalid"], ["denied", "misconfigured", "denied"], ["not-sent", "retry-later", "not-sent"],
    ["outcome-unknown", "outcome-unknown", "no-answer"],
  ]) {
    script.failure = one(tag, "why");
    const { failed } = deliver({ purpose: "mail" });
    assert.deepEqual([failed.tag, failed.val.reason ?? failed.val], [failure, { code, detail: "why" }]);
  }
  // As in the SDK for Rust.
  for (const [stage, code, enhanced, failure, part] of [
    ["greeting", 554, "", "misconfigured"], ["authentication", 535, "5.7.8", "misconfigured"], ["sender", 451, "4.7.1", "retry-later"],
    ["sender", 550, "", "misconfigured"], ["sender", 552, "", "rejected", "message"], ["recipient", 550, "5.1.1", "rejected", "recipient"],
    ["recipient", 550, "", "rejected", "recipient"], ["recipient", 550, "5.7.1", "misconfigured"], ["data", 554, "5.7.1", "rejected", "message"],
    ["data", 550, "5.4.5", "retry-later"], ["data", 552, "5.3.4", "rejected", "message"], ["data", 554, "", "rejected", "message"],
  ]) {
    script.failure = one("refused", { stage, code, enhanced });
    const { failed } = deliver({ purpose: "mail" });
    const said = (failed.val.reason ?? failed.val).code;
    assert.deepEqual([failed.tag, failed.val.part, said], [failure, part, `${code} ${enhanced}`.trim()]);
  }
});

test("a line of the log at each level, and the time", () => {
  assert.equal(deliver({ purpose: "log" }).ok.reference, "1800000000123456789");
  assert.deepEqual(calls, ["debug", "info", "warn", "error"].map((level) => ["log", level, "a line"]));
});

test("a verification, and each verdict", () => {
  const begun = verification.begin("options", message);
  assert.deepEqual({ ...begun, state: "" }, { receipt, state: "", codeLength: 9 });
  assert.deepEqual(JSON.parse(begun.state.slice(8)), told);
  assert.deepEqual(returns(() => verification.begin("options", { ...message, purpose: "blocked" })), { failed: one("blocked", reason) });
  for (const verdict of ["right", "wrong", "expired"]) assert.equal(verification.check("options", "state", verdict), verdict);
  const failed = one("retry-later", { afterSeconds: 7, reason: { code: "options", detail: "state" } });
  assert.deepEqual(returns(() => verification.check("options", "state", "failure")), { failed });
});

test("each proof of reports, and a report", () => {
  const signature = (key, encoding) => one("signature", {
    key, text: "text", header: "x-signature", prefix: "sha512=", encoding, timestampHeader: "x-time",
  });
  const proofs = {
    none: undefined,
    "secret-url": one("secret-url"),
    basic: one("basic", { username: "user", password: "password" }),
    header: one("header", { name: "x-key", value: "key" }),
    sha1: signature(one("hmac", { hash: "sha1", key: "hmac-key", encoding: "text" }), "base64"),
    sha256: signature(one("hmac", { hash: "sha256", key: "hmac-key", encoding: "hex" }), "base64"),
    sha512: signature(one("hmac", { hash: "sha512", key: "hmac-key", encoding: "base64" }), "base64"),
    ed25519: signature(one("ed25519", "public"), "hex"),
    hs256: one("jwt", { algorithm: "hs256", key: "secret", header: "authorization", claims: [], bodyHashClaim: "" }),
    rs256: one("jwt", { algorithm: "rs256", key: "public", header: "authorization", claims: entries("claim"), bodyHashClaim: "hash" }),
    twilio: one("twilio", "token"),
    webhook: one("webhook", "whsec"),
  };
  for (const [options, proof] of Object.entries(proofs)) assert.deepEqual(reports.reportProof(options), proof);
  const request = { method: "POST", query: "a=b", contentType: "text/plain", body: bytes("body") };
  const { code, ...rest } = reports.parseReport("options", request);
  assert.deepEqual(JSON.parse(code.slice(8)), { Method: "POST", Query: "a=b", ContentType: "text/plain", Body: btoa("body") });
  assert.deepEqual(rest, { status: "delivered", price: undefined, extra: [] });
  assert.deepEqual(reports.parseReport("options", { ...request, body: bytes("full") }), {
    status: "failed", code: "code", price: { amount: "0.01", currency: "CHF" }, extra: entries("report"),
  });
  assert.equal(reports.parseReport("options", { ...request, body: bytes("nothing") }), undefined);
  const pending = { status: "pending", code: "", price: undefined, extra: [] };
  assert.deepEqual(reports.parseReport("options", { ...request, body: bytes("pending") }), pending);
});
