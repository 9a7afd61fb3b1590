// Puts a value of its own into every field of canonical_abi.h, and repeats every field that it gets. ../every_field.mjs has the same values.
#include "../../../providers/c/canonical_abi.h"

typedef struct { u64 seconds; u32 nanoseconds; } time;
__attribute__((import_module("wasi:clocks/wall-clock@0.2.12"), import_name("now"))) void clock_now(time *to);

#define NEW(type, ...) ({ type *new = allocate(sizeof *new); *new = (type)__VA_ARGS__; new; })

// Returns two entries.
static entries list(const char *name) {
    u32 length = 0;
    while (name[length]) length++;
    entries to = {allocate(2 * sizeof(entry)), 2};
    for (u32 n = 0; n < 2; n++) {
        char *text_ = allocate(length + 2);
        memcpy(text_, name, length);
        text_[length] = '-', text_[length + 1] = '1' + n;
        to.at[n] = (entry){{text_, length + 2}, {n ? "v2" : "v1", 2}};
    }
    return to;
}

EXPORT("twofactor:provider/configuration@0.2.0#describe") manifest *describe(void) {
    entries extra = list("manifest");
    return NEW(manifest, {T("every-field"), T("Every field"), T("1.2.3"), T("chat"), HANDLE, T("{\"type\":\"object\"}"), 1, extra.at, 2});
}

static http_connection *http(connection *list_, u32 n, u8 authentication) {
    static const char digits[] = "origin-0\0origin-1\0origin-2\0origin-3\0origin-4\0origin-5\0origin-6\0origin-7\0origin-8\0origin-9\0"
                                 "origin-10origin-11origin-12origin-13origin-14origin-15";
    list_[n].kind = HTTP;
    list_[n].http.origin = (text){digits + 9 * n, n < 10 ? 8 : 9};
    list_[n].http.authentication = authentication;
    return &list_[n].http;
}

static jwt_key es256(void) { return (jwt_key){ES256, T("jwt-key"), list("jwt-header")}; }
static signed_jwt token(void) { return (signed_jwt){es256(), list("claim"), 61}; }
static hmac_key hmac(void) { return (hmac_key){SHA512, T("hmac-key"), BASE64}; }

static token_login login(u8 place, text name) {
    return (token_login){T("login-url"), list("field"), JSON, list("expected"), T("token"), T("valid"), 62, place, name};
}

static oauth2_client oauth2(u8 client, u8 grant) {
    oauth2_client to = {T("token-url"), T("client-id"), client, .grant = grant, .scope = T("scope"), .parameters = list("parameter")};
    if (client == SECRET_IN_BODY) to.secret = T("in-body");
    if (client == SECRET_IN_HEADER) to.secret = T("in-header");
    if (client == PRIVATE_KEY_JWT) to.key = es256();
    if (grant == JWT_BEARER) to.assertion = token();
    return to;
}

EXPORT("twofactor:provider/configuration@0.2.0#configure") configured *configure(const char *at, u32 length) {
    if (is((text){at, length}, "wrong")) {
        problem *problems = allocate(2 * sizeof *problems);
        problems[0] = (problem){T("/One"), T("first")}, problems[1] = (problem){T("/Two"), T("second")};
        return NEW(configured, {1, problems, 2});
    }
    connection *to = allocate(19 * sizeof *to);
    memset(to, 0, 19 * sizeof *to);
    http(to, 0, UNAUTHENTICATED);
    http(to, 1, UNAUTHENTICATED);
    http(to, 2, BASIC)->basic = (credentials){T("user"), T("password")};
    http(to, 3, BEARER)->bearer = T("bearer");
    http(to, 4, HEADER)->header = (entry){T("x-key"), T("key")};
    http(to, 5, OAUTH2)->oauth2 = oauth2(NO_CLIENT_AUTHENTICATION, CLIENT_CREDENTIALS);
    http(to, 6, OAUTH2)->oauth2 = oauth2(SECRET_IN_BODY, CLIENT_CREDENTIALS);
    http(to, 7, OAUTH2)->oauth2 = oauth2(SECRET_IN_HEADER, JWT_BEARER);
    http(to, 8, OAUTH2)->oauth2 = oauth2(PRIVATE_KEY_JWT, JWT_BEARER);
    http(to, 9, JWT)->jwt = token();
    http(to, 10, LOGIN)->login = login(AS_BEARER, T(""));
    http(to, 11, LOGIN)->login = login(IN_HEADER, T("x-token"));
    http(to, 12, LOGIN)->login = login(IN_QUERY, T("token"));
    text *steps = allocate(2 * sizeof *steps);
    steps[0] = T("step-1"), steps[1] = T("step-2");
    http(to, 13, SIGNATURE)->signature = (request_signature){
        hmac(), steps, 2, list("value"), list("signed"), T("text"), list("header"), list("query"), list("field")};
    http(to, 14, AWS_SIGNATURE)->aws = (aws_key){T("id"), T("secret"), T("region"), T("service")};
    http_connection *last = http(to, 15, WEBHOOK_SIGNATURE);
    last->webhook_secret = T("whsec");
    entries others = list("setting");
    last->settings = allocate(5 * sizeof(setting));
    last->setting_count = 5;
    last->settings[0] = (setting){PLACE_SECRET, .pointer = T("/One")};
    last->settings[1] = (setting){PLACE_SECRET, .pointer = T("/Two")};
    last->settings[2] = (setting){CODE_IN_QUERY};
    for (u32 n = 0; n < 2; n++) last->settings[3 + n] = (setting){OTHER_SETTING, .other = others.at[n]};
    to[16] = (connection){SMTP, .smtp = {T("open"), 25, PLAINTEXT, .timeout_ms = 63}};
    to[17] = (connection){SMTP, .smtp = {T("tls"), 465, IMPLICIT_TLS, .timeout_ms = 63}};
    to[18] = (connection){SMTP, .smtp = {T("mail"), 65535, STARTTLS, {1, {T("user"), T("password")}}, 64, list("mail")}};
    return NEW(configured, {0, to, 19});
}

// A text that grows.
static char told[4096];
static u32 told_length;
static void tell(text what) {
    for (u32 n = 0; n < what.length; n++) told[told_length++] = what.at[n];
}
static void tell_number(u64 number) {
    char digits[20];
    u32 n = sizeof digits;
    do digits[--n] = '0' + number % 10; while (number /= 10);
    tell((text){digits + n, sizeof digits - n});
}
static void tell_member(const char *before, text value) {
    u32 length = 0;
    while (before[length]) length++;
    tell((text){before, length});
    tell(value);
    tell(T("\""));
}

static text told_message(delivery *m) {
    told_length = 0;
    tell(m->options);
    tell_member(" {\"ID\":\"", m->id);
    tell_member(",\"Recipient\":\"", m->recipient);
    tell_member(",\"Subject\":\"", m->subject);
    tell_member(",\"Text\":\"", m->text);
    tell_member(",\"HTML\":\"", m->has_html ? m->html : T(""));
    tell_member(",\"Code\":\"", m->code);
    tell(T(",\"ValidSeconds\":"));
    tell_number(m->valid);
    tell_member(",\"Locale\":\"", m->locale);
    tell_member(",\"Purpose\":\"", m->purpose);
    tell_member(",\"Application\":\"", m->application);
    tell(T(",\"Extra\":["));
    for (u32 n = 0; n < m->extra_count; n++) {
        tell_member(n ? ",{\"Name\":\"" : "{\"Name\":\"", ((entry *)m->extra)[n].name);
        tell_member(",\"Value\":\"", ((entry *)m->extra)[n].value);
        tell(T("}"));
    }
    tell(T("]}"));
    return (text){told, told_length};
}

static delivery_receipt full(void) {
    return (delivery_receipt){T("reference"), 1, 3, {1, T("0.0075"), T("EUR")}, list("receipt")};
}

static delivered *later_in(u8 has_wait, u32 wait, text code, text detail) {
    delivered *to = failed(RETRY_LATER, code, detail);
    to->failure.later.why = (reason){code, detail};
    to->failure.later.has_wait = has_wait, to->failure.later.wait = wait;
    return to;
}

static delivered *by_mail(delivery *m) {
    mailed *answer = allocate(sizeof *answer);
    smtp_send("name", 4, "sender", 6, m->recipient.at, m->recipient.length, m->subject.at, m->subject.length, m->text.at, m->text.length,
        m->has_html, m->html.at, m->html.length, m->id.at, m->id.length, answer);
    if (answer->failed) return unmailed(answer);
    delivered *to = receipt();
    to->receipt.reference = answer->reply;
    return to;
}

static delivered *by_http(void) {
    answered *answer = allocate(sizeof *answer);
    entries headers = list("request");
    http_send("POST", 4, "url", 3, headers.at, 2, (u8 *)"body", 4, answer);
    if (answer->failed) return unsent(answer);
    delivered *to = receipt();
    entries extra = {allocate((answer->answer.header_count + 1) * sizeof(entry)), answer->answer.header_count + 1};
    for (u32 n = 0; n < answer->answer.header_count; n++) extra.at[n] = answer->answer.headers[n];
    extra.at[extra.count - 1] = (entry){T("body"), {(const char *)answer->answer.body, answer->answer.length}};
    told_length = 0;
    tell_number(answer->answer.status);
    to->receipt.reference = (text){told, told_length}, to->receipt.extra = extra;
    return to;
}

EXPORT("twofactor:provider/delivery@0.2.0#deliver") delivered *deliver(delivery *m) {
    if (is(m->purpose, "mail")) return by_mail(m);
    if (is(m->purpose, "http")) return by_http();
    if (is(m->purpose, "retry-later")) return later_in(1, 7, T("code"), T("detail"));
    if (is(m->purpose, "retry-at-some-time")) return later_in(0, 0, T("code"), T("detail"));
    if (is(m->purpose, "outcome-unknown")) return failed(OUTCOME_UNKNOWN, T("code"), T("detail"));
    if (is(m->purpose, "rejected-recipient")) return rejected(RECIPIENT, T("code"), T("detail"));
    if (is(m->purpose, "rejected-message")) return rejected(MESSAGE, T("code"), T("detail"));
    if (is(m->purpose, "misconfigured")) return failed(MISCONFIGURED, T("code"), T("detail"));
    if (is(m->purpose, "blocked")) return failed(BLOCKED, T("code"), T("detail"));
    delivered *to = receipt();
    if (is(m->purpose, "full")) {
        to->receipt = full();
    } else if (is(m->purpose, "log")) {
        for (u32 level = LOG_DEBUG; level <= LOG_ERROR; level++) log_write(level, "a line", 6);
        time now;
        clock_now(&now);
        told_length = 0;
        tell_number(now.seconds * 1000000000 + now.nanoseconds);
        to->receipt.reference = (text){told, told_length};
    } else {
        to->receipt.reference = told_message(m);
    }
    return to;
}

EXPORT("twofactor:provider/verification@0.2.0#begin") begun *begin(delivery *m) {
    if (is(m->purpose, "blocked")) return (begun *)failed(BLOCKED, T("code"), T("detail"));
    return NEW(begun, {0, .started = {full(), told_message(m), 9}});
}

EXPORT("twofactor:provider/verification@0.2.0#check")
checked *check(const char *options, u32 options_length, const char *state, u32 state_length, const char *at, u32 length) {
    text answer = {at, length};
    if (is(answer, "failure")) return NEW(checked, {1, .failure = {RETRY_LATER, .later = {1, 7, {{options, options_length}, {state, state_length}}}}});
    return NEW(checked, {0, .verdict = is(answer, "right") ? RIGHT : is(answer, "expired") ? EXPIRED : WRONG});
}

EXPORT("twofactor:provider/reports@0.2.0#report-proof") optional_proof *report_proof(const char *at, u32 length) {
    text options = {at, length};
    if (is(options, "none")) return NEW(optional_proof, {0});
    optional_proof *to = NEW(optional_proof, {1});
    report_signature signature = {.text = T("text"), T("x-signature"), T("sha512="), 1, T("x-time")};
    if (is(options, "basic")) to->proof.kind = BASIC_PROOF, to->proof.basic = (credentials){T("user"), T("password")};
    if (is(options, "header")) to->proof.kind = HEADER_PROOF, to->proof.header = (entry){T("x-key"), T("key")};
    int is_hmac = 1;
    if (is(options, "sha1")) signature.hmac = (hmac_key){SHA1, T("hmac-key"), TEXT};
    else if (is(options, "sha256")) signature.hmac = (hmac_key){SHA256, T("hmac-key"), HEX};
    else if (is(options, "sha512")) signature.hmac = hmac();
    else is_hmac = 0;
    if (is_hmac) to->proof.kind = SIGNATURE_PROOF, to->proof.signature = signature;
    if (is(options, "ed25519")) {
        signature.is_public = 1, signature.ed25519 = T("public"), signature.is_base64 = 0;
        to->proof.kind = SIGNATURE_PROOF, to->proof.signature = signature;
    }
    if (is(options, "hs256")) to->proof.kind = JWT_PROOF, to->proof.jwt = (report_jwt){HS256, T("secret"), T("authorization")};
    if (is(options, "rs256")) to->proof.kind = JWT_PROOF, to->proof.jwt = (report_jwt){RS256, T("public"), T("authorization"), list("claim"), T("hash")};
    if (is(options, "twilio")) to->proof.kind = TWILIO_PROOF, to->proof.secret = T("token");
    if (is(options, "webhook")) to->proof.kind = WEBHOOK_PROOF, to->proof.secret = T("whsec");
    return to;
}

EXPORT("twofactor:provider/reports@0.2.0#parse-report")
optional_report *parse_report(const char *options, u32 options_length, const char *method, u32 method_length, const char *query, u32 query_length,
    const char *type, u32 type_length, const char *body, u32 body_length) {
    text said = {body, body_length};
    if (is(said, "nothing")) return NEW(optional_report, {0});
    if (is(said, "pending")) return NEW(optional_report, {1, {PENDING}});
    if (is(said, "full")) return NEW(optional_report, {1, {FAILED, T("code"), {1, T("0.01"), T("CHF")}, list("report")}});
    told_length = 0;
    tell((text){options, options_length});
    tell_member(" {\"Method\":\"", (text){method, method_length});
    tell_member(",\"Query\":\"", (text){query, query_length});
    tell_member(",\"ContentType\":\"", (text){type, type_length});
    // In base64, as Go writes bytes.
    tell_member(",\"Body\":\"", is(said, "body") ? T("Ym9keQ==") : T(""));
    tell(T("}"));
    return NEW(optional_report, {1, {DELIVERED, {told, told_length}}});
}
