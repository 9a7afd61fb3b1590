// A provider of the world `delivery-provider-wasi-http` that fetches what its options say, with plain `fetch`. It is granted
// `https://upstream.example.com` with a secret.

const text = { type: "string" };

const SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  properties: {
    Behaviour: text,
    Url: text,
    // What goes to `fetch` beside the URL: JSON in a text, since of an object only what is declared here would come.
    Init: text,
    Secret: { type: "string", writeOnly: true },
  },
  required: ["Behaviour", "Secret"],
  additionalProperties: false,
};

export const configuration = {
  describe() {
    return {
      typeId: "fetch",
      name: "fetch",
      version: "1.0.0",
      channel: "sms",
      recipient: "phone-number",
      optionsSchema: JSON.stringify(SCHEMA),
      needsCode: false,
      extra: [],
    };
  },

  configure(options) {
    const authentication = { tag: "basic", val: { username: "user", password: JSON.parse(options).Secret } };
    return [{ tag: "http", val: { origin: "https://upstream.example.com", authentication, settings: [] } }];
  },
};

/** The ways in which a URL gets to `fetch`. */
const FETCH = {
  send: (url, init) => fetch(url, init),
  "send a URL": (url, init) => fetch(new URL(url), init),
  "send a Request": (url, init) => fetch(new Request(url, init)),
  "send a Request of a Request": (url, init) => fetch(new Request(new Request(url, init))),
  "send a Request with more": (url, init) => fetch(new Request(url), init),
  "send, and know nothing": (url, init) => fetch(url, init),
  "send a Blob's URL": (_, init) => fetch(URL.createObjectURL(new Blob(["x"])), init),
  "send the time": (url, init) => fetch(url, { ...init, headers: { "x-time": `${Date.now()}`, "x-random": `${Math.random()}` } }),
};

export const delivery = {
  async deliver(options, message) {
    const { Behaviour, Url = "", Init = "{}" } = JSON.parse(options);
    const init = { method: "POST", ...JSON.parse(Init) };
    if (!["GET", "HEAD"].includes(init.method)) {
      init.body = message.text;
    }
    let code, detail;
    try {
      const answer = await FETCH[Behaviour](Url, init);
      code = String(answer.status);
      detail = await answer.text();
    } catch (error) {
      code = "threw";
      detail = String(error);
    }
    if (Behaviour === "send, and know nothing") {
      throw { tag: "outcome-unknown", val: { code, detail } };
    }
    // Whether or not it was delivered, this is said on.
    throw { tag: "rejected", val: { part: "message", reason: { code, detail } } };
  },
};
