// What the component imports. Each call is recorded and gets the scripted response.
export const calls = [];
export const script = {};

function call(name, ...parameters) {
  calls.push([name, ...parameters]);
  if (script.failure) throw Object.assign(new Error(), { payload: script.failure });
  return script.response;
}

export const http = { send: (request) => call("http", request) };
export const smtp = { send: (mail) => call("smtp", mail) };
export const log = { write: (level, line) => void calls.push(["log", level, line]) };
export const clock = { now: () => ({ seconds: 1800000000n, nanoseconds: 123456789 }) };
