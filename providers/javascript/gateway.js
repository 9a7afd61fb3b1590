// What the providers in this folder share.

/** The object in a JSON text; an empty one if there is none. @param {string} text */
export function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

/** Entries as an object. */
export const entries = (list) => Object.fromEntries(list.map(({ name, value }) => [name, value]));

/** Posts JSON, and returns the response and the object in its body. */
export async function post(url, object) {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify(object),
    });
    return { response, body: parsed(await response.text()) };
  } catch {
    // `fetch` does not say how far it got. The host knows, and treats this as `retry-later` if nothing was sent.
    throw { tag: "outcome-unknown", val: { code: "no-answer", detail: "there is no complete response" } };
  }
}

/** The seconds in the header `retry-after`, if it has them. @param {Headers} headers */
export function retryAfter(headers) {
  const value = headers.get("retry-after") ?? "";
  return /^[0-9]{1,6}$/.test(value) ? Number(value) : undefined;
}
