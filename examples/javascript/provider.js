/// <reference path="./types/provider.d.ts" />
// A provider that posts messages to a webhook.

// `writeOnly` marks a secret: the host seals it, masks it, and withholds it from `deliver`.
const SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  description: "Messages as JSON to a webhook of yours.",
  properties: {
    Url: {
      type: "string",
      description: "Where messages are posted: an https URL.",
      maxLength: 2000,
    },
    Token: {
      type: "string",
      description: "The bearer token that the webhook asks for.",
      writeOnly: true,
      minLength: 1,
      maxLength: 4096,
    },
  },
  required: ["Url", "Token"],
  additionalProperties: false,
  examples: [{ Url: "https://sms.example.com/messages", Token: "an-example-token" }],
};

export const configuration = {
  /** @returns {import("twofactor:provider/types@0.2.0").Manifest} */
  describe() {
    return {
      // The type of its instances. Operators use it in their configuration: never change it after the first release.
      typeId: "webhook-javascript",
      name: "Webhook (JavaScript)",
      version: "0.1.0",
      channel: "sms",
      recipient: "phone-number",
      optionsSchema: JSON.stringify(SCHEMA),
      needsCode: false,
      extra: [],
    };
  },

  /**
   * @param {string} text
   * @returns {import("twofactor:provider/types@0.2.0").Connection[]}
   */
  configure(text) {
    const options = JSON.parse(text);
    const url = parsed(options.Url);
    if (url === null || url.protocol !== "https:" || url.username !== "" || url.password !== "") {
      const message = "must be an https URL, such as https://sms.example.com/messages";
      throw [{ pointer: "/Url", message }];
    }
    // The host attaches the token to each request; `deliver` never sees it.
    const authentication = { tag: "bearer", val: options.Token };
    return [{ tag: "http", val: { origin: url.origin, authentication, settings: [] } }];
  },
};

export const delivery = {
  /**
   * @param {string} text
   * @param {import("twofactor:provider/types@0.2.0").Message} message
   * @returns {Promise<import("twofactor:provider/types@0.2.0").Receipt>}
   */
  async deliver(text, message) {
    const options = JSON.parse(text);
    let answer, body;
    try {
      answer = await fetch(options.Url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          accept: "application/json",
          // The id stays the same when a message is sent again, so that the webhook can recognize duplicates.
          "idempotency-key": message.id,
        },
        // The text has a placeholder, which the host replaces with the code: send the text unchanged.
        body: JSON.stringify({ to: message.recipient, text: message.text }),
      });
      body = await answer.text();
    } catch {
      // `fetch` does not say whether the request was sent. The host knows, and treats this as `retry-later` if it was not.
      throw outcomeUnknown("no-answer", "there is no complete response");
    }
    if (answer.ok) {
      return { reference: reference(body), segments: undefined, price: undefined, extra: [] };
    }
    throw refused(answer);
  },
};

/** @param {string} url */
function parsed(url) {
  try {
    return new URL(url);
  } catch {
    return null;
  }
}

/**
 * Returns the id that the webhook gave the message, if any.
 *
 * @param {string} body
 */
function reference(body) {
  try {
    const id = JSON.parse(body)?.id;
    return typeof id === "string" ? id : "";
  } catch {
    return "";
  }
}

/**
 * Returns the failure that a status means.
 *
 * @param {Response} answer
 * @returns {Failure}
 */
export function refused(answer) {
  const { status } = answer;
  const code = String(status);
  if (status === 401 || status === 403) {
    return misconfigured(code, "the webhook does not accept the token");
  }
  if (status === 404 || status === 405) {
    return misconfigured(code, "there is no webhook at this URL");
  }
  if (status === 429) {
    return retryLater(wait(answer), code, "the webhook is throttling requests");
  }
  if (status >= 500) {
    return outcomeUnknown(code, "the webhook failed after it received the message");
  }
  if (status < 400) {
    return misconfigured(code, "the webhook redirects, which is not followed");
  }
  return rejected("message", code, "the webhook does not accept the message");
}

/**
 * Returns `Retry-After` in seconds. Its other form, a date, is ignored: the host has a default.
 *
 * @param {Response} answer
 */
function wait(answer) {
  const value = answer.headers.get("retry-after") ?? "";
  return /^[0-9]{1,6}$/.test(value) ? Number(value) : undefined;
}

/** @typedef {import("twofactor:provider/types@0.2.0").DeliveryFailure} Failure */

/** @type {(code: string, detail: string) => Failure} */
function misconfigured(code, detail) {
  return { tag: "misconfigured", val: { code, detail } };
}

/** @type {(code: string, detail: string) => Failure} */
export function outcomeUnknown(code, detail) {
  return { tag: "outcome-unknown", val: { code, detail } };
}

/** @type {(afterSeconds: number | undefined, code: string, detail: string) => Failure} */
function retryLater(afterSeconds, code, detail) {
  return { tag: "retry-later", val: { afterSeconds, reason: { code, detail } } };
}

/** @type {(part: "recipient" | "message", code: string, detail: string) => Failure} */
function rejected(part, code, detail) {
  return { tag: "rejected", val: { part, reason: { code, detail } } };
}
