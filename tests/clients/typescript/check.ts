// Uses a client that was generated from the OpenAPI document, as a program would: what is wrong in the document does not
// compile here, or does not run.

import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { argv: string[] };

type Instance = components["schemas"]["Instance"];
type Problem = components["schemas"]["ProblemBody"];

const [, , url = "", adminToken = "", applicationToken = "", outbox = ""] = process.argv;

const as = (token: string) =>
  createClient<paths>({ baseUrl: url, headers: { authorization: `Bearer ${token}` } });
const admin = as(adminToken);
const application = as(applicationToken);

function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`not so: ${what}`);
}

function good<T>(answer: { data?: T; error?: unknown }): T {
  check(answer.data !== undefined, JSON.stringify(answer.error));
  return answer.data;
}

function refused(answer: { error?: Problem; response: Response }, status: number, name: string): Problem {
  check(answer.response.status === status && answer.error !== undefined, `${status} ${name}`);
  check(answer.error.type.endsWith(`:${name}`), answer.error.type);
  return answer.error;
}

const subscription = "typescript";
const home = { params: { path: { subscription } } };
const created = good(await admin.POST("/v1/subscriptions", { body: { id: subscription, name: "TypeScript" } }));
check(created.revision === 1, "a new subscription");

// An instance that lacks something says so, option by option.
const incomplete = good(
  await admin.POST("/v1/subscriptions/{subscription}/two-factors", {
    ...home,
    body: { type: "email", name: "Mail", active: true, options: {}, policy: { code_length: 8, countries: ["CH"] } },
  }),
);
check(!incomplete.valid && incomplete.problems.some((one) => one.option === "/EMailSenderAddress"), "problems");
check(incomplete.policy?.code_length === 8, "policy");
const path = { subscription, id: incomplete.id };

const options: Instance["options"] = {
  EMailSenderAddress: "codes@example.com",
  MailServerConfig: {
    MailType: "SMTP", Host: "smtp.example.com", Port: 465, EnableSSL: true,
    UserName: "demo", Password: "demo", Timeout: 20000,
  },
};
const read = await admin.GET("/v1/subscriptions/{subscription}/two-factors/{id}", { params: { path } });
const tag = read.response.headers.get("etag") ?? "";
const guarded = { params: { path, header: { "If-Match": tag } } };
const valid = good(
  await admin.PATCH("/v1/subscriptions/{subscription}/two-factors/{id}", { ...guarded, body: { options, policy: null } }),
);
check(valid.valid && valid.policy === null && valid.connections.length === 1, "valid");
const passedOver = await admin.PATCH("/v1/subscriptions/{subscription}/two-factors/{id}", {
  ...guarded,
  body: { name: "Late" },
});
refused(passedOver, 412, "precondition-failed");

const wrong = await admin.POST("/v1/subscriptions/{subscription}/two-factors", {
  ...home,
  body: { type: "email", name: "Mail", active: true, options: {}, policy: { code_length: 3 } },
});
const errors = refused(wrong, 400, "invalid-input").errors ?? [];
check(errors[0]?.pointer === "/policy/code_length", "a pointer");

const report = good(
  await admin.POST("/v1/subscriptions/{subscription}/two-factors/{id}/test", {
    params: { path },
    body: { recipient: { email: "test@example.com" } },
  }),
);
switch (report.outcome) {
  case "delivered":
    break;
  case "retry-later":
  case "outcome-unknown":
  case "rejected-recipient":
  case "rejected-message":
  case "misconfigured":
  case "blocked":
    throw new Error(report.outcome);
  default: {
    const none: never = report.outcome;
    throw new Error(none);
  }
}

// The directory, part by part; a name is read with the assignment.
const people = Array.from({ length: 25 }, (_, n) => ({ kind: "user" as const, id: `u${n}`, name: `Person ${n}` }));
const imported = good(await admin.PUT("/v1/subscriptions/{subscription}/directory", { ...home, body: people }));
check(imported.created === 25, "imported");
let found = 0;
let after: string | undefined;
do {
  const query = { limit: 10, kind: "user" as const, ...(after === undefined ? {} : { after }) };
  const part = good(
    await admin.GET("/v1/subscriptions/{subscription}/directory", { params: { path: { subscription }, query } }),
  );
  found += part.entries.length;
  after = part.next;
} while (after !== undefined);
check(found === 25, "all parts");
const assigned = good(
  await admin.PUT("/v1/subscriptions/{subscription}/two-factors/{id}/assignments", {
    params: { path },
    body: [{ kind: "user", id: "u7" }],
  }),
);
check(assigned[0]?.name === "Person 7", "a name");
const entry = { params: { path: { subscription, kind: "user" as const, id: "u7" } } };
refused(await admin.DELETE("/v1/subscriptions/{subscription}/directory/{kind}/{id}", entry), 409, "conflict");

const tokens = good(await admin.GET("/v1/tokens", { params: { query: { limit: 1 } } }));
check(tokens.tokens[0]?.expires_at === null && typeof tokens.next === "string", "tokens");
const log = good(await admin.GET("/v1/audit", { params: { query: { limit: 2 } } }));
check(log.entries.length === 2 && log.next === 2, "audit");
const base = good(await admin.GET("/v1/base-settings/{type}", { params: { path: { type: "twilio" } } }));
check(base["TwilioAuthToken"] === undefined, "base settings");

// A sign-in of the demo.
const recipient = { email: "typescript@example.com" };
const challenge = good(await application.POST("/v1/challenges", { body: { tenant: "demo", user: "alice", recipient } }));
const place = { params: { path: { id: challenge.id } } };
const messages = (await (await fetch(`${outbox}/messages`)).json()) as { to: string; text: string }[];
const code = messages.find((one) => one.to === recipient.email)?.text.match(/\d{6}/)?.[0] ?? "";
const other = code.startsWith("1") ? "2" : "1";
const rejected = await application.POST("/v1/challenges/{id}/verify", { ...place, body: { code: other + code.slice(1) } });
check(refused(rejected, 422, "code-rejected").attempts_left === challenge.attempts_left - 1, "attempts left");
const verified = good(await application.POST("/v1/challenges/{id}/verify", { ...place, body: { code } }));
check(verified.status === "verified" && verified.user === "alice" && verified.amr.includes("otp"), "verified");
refused(await application.DELETE("/v1/challenges/{id}", place), 410, "challenge-closed");
refused(await application.GET("/v1/subscriptions"), 403, "forbidden");

// What is wrong is seen before it runs.
export const mistakes = () => [
  // @ts-expect-error a kind that is none
  admin.PUT("/v1/subscriptions/{subscription}/directory", { ...home, body: [{ kind: "device", id: "x", name: "X" }] }),
  // @ts-expect-error a field is missing
  admin.POST("/v1/subscriptions", { body: { id: "x" } }),
  // @ts-expect-error a field that is none
  { name: "X", color: "red" } satisfies components["schemas"]["PartOfSubscription"],
  // @ts-expect-error a field of the policy that is none
  { policy: { digit: 6 } } satisfies components["schemas"]["PartOfInstance"],
  // @ts-expect-error the path's parameters are missing
  admin.GET("/v1/subscriptions/{subscription}/two-factors/{id}"),
  // @ts-expect-error a role that is none
  admin.POST("/v1/tokens", { body: { name: "x", role: "reader" } }),
  // @ts-expect-error a call that is none
  admin.POST("/v1/base-settings/{type}", { params: { path: { type: "twilio" } } }),
];

console.log("the generated client did all it was asked");
