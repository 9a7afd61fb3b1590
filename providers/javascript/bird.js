// SMS through Bird (MessageBird), REST API. The endpoint and the fields, the errors, status reports, and their signature:
// https://developers.messagebird.com/api/sms-messaging/#send-outbound-sms
// https://developers.messagebird.com/api/#api-errors
// https://developers.messagebird.com/api/sms-messaging/#handle-a-status-report
// https://developers.messagebird.com/api/#verifying-http-requests

import { entries, post, retryAfter } from "./gateway.js";

const SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  description: "SMS through an account at Bird, by the REST API of MessageBird.",
  properties: {
    BirdAccessKey: {
      type: "string",
      description: "A live access key of the REST API.",
      writeOnly: true,
      minLength: 1,
      maxLength: 4096,
    },
    BirdOriginator: {
      type: "string",
      description: "The sender: a number with its country code, or a name of up to 11 letters and digits.",
      pattern: "^([+]?[0-9]{3,17}|[0-9A-Za-z ]{1,11})$",
    },
    BirdSigningKey: {
      type: "string",
      description: "The signing key of the account. With it only signed reports are accepted (optional).",
      writeOnly: true,
      minLength: 1,
      maxLength: 4096,
    },
  },
  required: ["BirdAccessKey", "BirdOriginator"],
  additionalProperties: false,
  examples: [{ BirdAccessKey: "example0access0key0000000", BirdOriginator: "Shop" }],
};

const ORIGIN = "https://rest.messagebird.com";

export const configuration = {
  describe() {
    return {
      typeId: "bird",
      name: "Bird SMS",
      version: "0.1.0",
      channel: "sms",
      recipient: "phone-number",
      optionsSchema: JSON.stringify(SCHEMA),
      needsCode: false,
      extra: [],
    };
  },

  configure(text) {
    const value = `AccessKey ${JSON.parse(text).BirdAccessKey}`;
    const authentication = { tag: "header", val: { name: "authorization", value } };
    return [{ tag: "http", val: { origin: ORIGIN, authentication, settings: [] } }];
  },
};

export const delivery = {
  async deliver(text, message) {
    const extra = entries(message.extra);
    const sms = {
      originator: JSON.parse(text).BirdOriginator,
      // Bird wants the number without its plus sign.
      recipients: [message.recipient.replace("+", "")],
      body: message.text,
      datacoding: "auto",
      validity: Math.max(message.validSeconds, 5),
    };
    if (extra["report-url"]) {
      // Without a reference Bird sends no reports.
      sms.reference = message.id;
      sms.reportUrl = extra["report-url"];
    }
    const { response, body } = await post(`${ORIGIN}/messages`, sms);
    if (response.status === 201 && typeof body.id === "string") {
      const segments = body.recipients?.items?.[0]?.messagePartCount;
      return { reference: body.id, segments: Number.isInteger(segments) ? segments : undefined, price: undefined, extra: [] };
    }
    throw failure(response, body);
  },
};

function failure({ status, headers }, body) {
  const error = body.errors?.[0] ?? {};
  const code = Number.isInteger(error.code) && error.code < 1000 ? String(error.code) : String(status);
  const reason = (detail) => ({ code, detail });
  if (status === 429) {
    return { tag: "retry-later", val: { afterSeconds: retryAfter(headers), reason: reason("Bird is throttling requests") } };
  }
  if (status >= 500) return { tag: "outcome-unknown", val: reason("Bird failed after it received the message") };
  if (status < 300) return { tag: "outcome-unknown", val: reason("Bird accepted the request, but its response is malformed") };
  if (status < 400) return { tag: "misconfigured", val: reason("Bird responded with a redirect, which is not followed") };
  if (status === 402 || error.code === 25) return { tag: "misconfigured", val: reason("the account has no credit") };
  if ([401, 403].includes(status) || error.code === 2) {
    return { tag: "misconfigured", val: reason("Bird does not accept the access key") };
  }
  if ([404, 405].includes(status)) return { tag: "misconfigured", val: reason("Bird does not know the requested path") };
  if (error.parameter === "originator") return { tag: "misconfigured", val: reason("Bird does not accept the sender") };
  const part = ["recipient", "recipients"].includes(error.parameter) ? "recipient" : "message";
  return { tag: "rejected", val: { part, reason: reason(`Bird does not accept the ${part}`) } };
}

export const reports = {
  // Bird reports by GET: everything is in the query, and the token has a hash of the URL with its query.
  reportProof(text) {
    const key = JSON.parse(text).BirdSigningKey;
    if (!key) return { tag: "secret-url" };
    const claims = [
      { name: "iss", value: "MessageBird" },
      { name: "url_hash", value: "{url-with-query|sha256|hex}" },
    ];
    return { tag: "jwt", val: { algorithm: "hs256", key, header: "messagebird-signature-jwt", claims, bodyHashClaim: "" } };
  },

  parseReport(_, { query }) {
    const report = new URLSearchParams(query);
    const failed = ["expired", "delivery_failed"].includes(report.get("status"));
    if (report.get("status") === null) return undefined;
    const status = report.get("status") === "delivered" ? "delivered" : failed ? "failed" : "pending";
    const [code, amount, currency] = ["statusErrorCode", "price[amount]", "price[currency]"].map((name) => report.get(name) ?? "");
    const price = /^[0-9]+([.][0-9]+)?$/.test(amount) && currency !== "" ? { amount, currency } : undefined;
    return { status, code: failed && /^[0-9]{1,5}$/.test(code) ? code : "", price, extra: [] };
  },
};
