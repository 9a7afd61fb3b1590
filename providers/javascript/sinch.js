// SMS through Sinch, SMS REST API. The endpoint, the regions and the fields, the errors, and delivery reports:
// https://developers.sinch.com/docs/sms/api-reference/sms/batches
// https://developers.sinch.com/docs/sms/api-reference/status-codes
// https://developers.sinch.com/docs/sms/api-reference/sms/tag/Delivery-reports/
// That the text of an error names the field `to` could not be confirmed for every error.

import { entries, parsed, post, retryAfter } from "./gateway.js";

const SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  description: "SMS through a service plan at Sinch.",
  properties: {
    SinchServicePlanId: {
      type: "string",
      description: "The service plan's id: Sinch Build Dashboard, SMS, APIs.",
      pattern: "^[0-9A-Za-z_-]{8,64}$",
    },
    SinchApiToken: {
      type: "string",
      description: "The service plan's API token.",
      writeOnly: true,
      minLength: 1,
      maxLength: 4096,
    },
    SinchFrom: {
      type: "string",
      description: "The sender: a number or short code of yours, or a name that your account may use.",
      minLength: 1,
      maxLength: 16,
    },
    SinchRegion: {
      type: "string",
      description: "The region of the service plan.",
      enum: ["us", "eu", "au", "br", "ca"],
      default: "us",
    },
  },
  required: ["SinchServicePlanId", "SinchApiToken", "SinchFrom"],
  additionalProperties: false,
  examples: [{ SinchServicePlanId: "0123456789abcdef0123456789abcdef", SinchApiToken: "example-token", SinchFrom: "Shop" }],
};

const origin = (options) => `https://${options.SinchRegion ?? "us"}.sms.api.sinch.com`;

export const configuration = {
  describe() {
    return {
      typeId: "sinch",
      name: "Sinch SMS",
      version: "0.1.0",
      channel: "sms",
      recipient: "phone-number",
      optionsSchema: JSON.stringify(SCHEMA),
      needsCode: false,
      extra: [],
    };
  },

  configure(text) {
    const options = JSON.parse(text);
    const authentication = { tag: "bearer", val: options.SinchApiToken };
    return [{ tag: "http", val: { origin: origin(options), authentication, settings: [] } }];
  },
};

export const delivery = {
  async deliver(text, message) {
    const options = JSON.parse(text);
    const extra = entries(message.extra);
    const batch = { type: "mt_text", from: options.SinchFrom, to: [message.recipient], body: message.text };
    if (extra.now) {
      // A code that is no longer valid is of no use.
      batch.expire_at = new Date((Number(extra.now) + message.validSeconds) * 1000).toISOString();
    }
    if (extra["report-url"]) {
      batch.delivery_report = "per_recipient_final";
      batch.callback_url = extra["report-url"];
    }
    const { response, body } = await post(`${origin(options)}/xms/v1/${options.SinchServicePlanId}/batches`, batch);
    if (response.status === 201 && typeof body.id === "string") {
      return { reference: body.id, segments: undefined, price: undefined, extra: [] };
    }
    throw failure(response, body);
  },
};

function failure({ status, headers }, body) {
  const code = /^[a-z_]{1,60}$/.test(body.code ?? "") ? body.code : String(status);
  const reason = (detail) => ({ code, detail });
  if (status === 401) return { tag: "misconfigured", val: reason("Sinch does not accept the service plan or its token") };
  if (status === 402 || status === 403) {
    return { tag: "misconfigured", val: reason("the service plan may not send this: sender, country, or credit") };
  }
  if (status === 404 || status === 405) {
    return { tag: "misconfigured", val: reason("there is no such service plan in this region") };
  }
  if (status === 429) {
    return { tag: "retry-later", val: { afterSeconds: retryAfter(headers), reason: reason("Sinch is throttling requests") } };
  }
  if (status >= 500) return { tag: "outcome-unknown", val: reason("Sinch failed after it received the message") };
  if (status < 300) return { tag: "outcome-unknown", val: reason("Sinch accepted the request, but its response is malformed") };
  if (status < 400) return { tag: "misconfigured", val: reason("Sinch responded with a redirect, which is not followed") };
  const part = /\bto\b/.test(body.text ?? "") ? "recipient" : "message";
  return { tag: "rejected", val: { part, reason: reason(`Sinch does not accept the ${part}`) } };
}

export const reports = {
  // Without an agreement with Sinch, reports have no other proof than their URL.
  reportProof: () => ({ tag: "secret-url" }),

  parseReport(_, { body }) {
    const report = parsed(new TextDecoder().decode(body));
    if (report.type !== "recipient_delivery_report_sms") return undefined;
    const failed = ["Aborted", "Cancelled", "Rejected", "Deleted", "Failed", "Expired"].includes(report.status);
    const status = report.status === "Delivered" ? "delivered" : failed ? "failed" : "pending";
    const code = failed && Number.isInteger(report.code) && report.code < 10000 ? String(report.code) : "";
    return { status, code, price: undefined, extra: [] };
  },
};
