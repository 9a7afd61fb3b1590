// The whole contract for providers in C, laid out by the canonical ABI, without a library. Lists and texts are pointers with a length, and the
// records of several cases have a union after the number of the case:
// https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md
typedef unsigned u32;
typedef unsigned char u8;
typedef unsigned long long u64;
#define EXPORT(name) __attribute__((export_name(name)))
typedef struct { const char *at; u32 length; } text;
#define T(literal) ((text){literal, sizeof(literal) - 1})

static u8 heap[1 << 20];
static u32 used;

static void *allocate(u32 size) {
    used = (used + 7) & ~7u;
    if (size > sizeof heap - used) __builtin_trap();
    void *to = heap + used;
    used += size;
    return to;
}

EXPORT("cabi_realloc") void *cabi_realloc(void *old, u32 old_size, u32 align, u32 size) {
    u8 *to = allocate(size);
    for (u32 n = 0; n < old_size && n < size; n++) to[n] = ((u8 *)old)[n];
    return to;
}

void *memset(void *to, int value, unsigned long size) { volatile u8 *b = to; for (u32 n = 0; n < size; n++) b[n] = value; return to; }
void *memcpy(void *to, const void *from, unsigned long size) { volatile u8 *b = to; for (u32 n = 0; n < size; n++) b[n] = ((const u8 *)from)[n]; return to; }

static int begins(text one, const char *other) {
    u32 n = 0;
    while (other[n] && n < one.length && one.at[n] == other[n]) n++;
    return other[n] == 0;
}

static int is(text one, const char *other) {
    u32 length = 0;
    while (other[length]) length++;
    return length == one.length && begins(one, other);
}

enum { EMAIL_ADDRESS, PHONE_NUMBER, HANDLE };
typedef struct { text type_id, name, version, channel; u8 recipient; text schema; u8 needs_code; void *extra; u32 extra_count; } manifest;
typedef struct { text name, value; } entry;
typedef struct { entry *at; u32 count; } entries;

// How the host authenticates.
typedef struct { text username, password; } credentials;
enum { HS256, RS256, ES256 };
typedef struct { u8 algorithm; text key; entries header; } jwt_key;
typedef struct { jwt_key key; entries claims; u32 valid_seconds; } signed_jwt;
enum { NO_CLIENT_AUTHENTICATION, SECRET_IN_BODY, SECRET_IN_HEADER, PRIVATE_KEY_JWT };
enum { CLIENT_CREDENTIALS, JWT_BEARER };
typedef struct { text token_url, client_id; u8 client; union { text secret; jwt_key key; }; u8 grant; signed_jwt assertion; text scope; entries parameters; } oauth2_client;
enum { QUERY, FORM, JSON };
enum { AS_BEARER, IN_HEADER, IN_QUERY };
typedef struct { text url; entries fields; u8 format; entries expected; text token, valid_seconds; u32 default_valid_seconds; u8 place; text place_name; } token_login;
enum { SHA1, SHA256, SHA512 };
enum { TEXT, HEX, BASE64 };
typedef struct { u8 hash; text key; u8 encoding; } hmac_key;
typedef struct { hmac_key key; text *key_steps; u32 key_step_count; entries values, signed_headers; text text; entries headers, query, fields; } request_signature;
typedef struct { text access_key_id, secret_access_key, region, service; } aws_key;
enum { UNAUTHENTICATED, BASIC, BEARER, HEADER, OAUTH2, JWT, LOGIN, SIGNATURE, AWS_SIGNATURE, WEBHOOK_SIGNATURE };

// Connections.
enum { PLACE_SECRET, CODE_IN_QUERY, OTHER_SETTING };
typedef struct { u8 kind; union { text pointer; entry other; }; } setting;
typedef struct {
    text origin;
    u8 authentication;
    union { credentials basic; text bearer, webhook_secret; entry header; oauth2_client oauth2; signed_jwt jwt; token_login login; request_signature signature; aws_key aws; };
    setting *settings;
    u32 setting_count;
} http_connection;
enum { IMPLICIT_TLS, STARTTLS, PLAINTEXT };
typedef struct { text host; unsigned short port; u8 security; struct { u8 is; credentials credentials; } login; u32 timeout_ms; entries settings; } smtp_connection;
enum { HTTP, SMTP };
typedef struct { u8 kind; union { http_connection http; smtp_connection smtp; }; } connection;
typedef struct { text pointer, message; } problem;
typedef struct { u8 failed; void *list; u32 count; } configured;
typedef struct { text options, id, recipient, subject, text; u8 has_html; text html, code; u32 valid; text locale, purpose, application; void *extra; u32 extra_count; } delivery;
typedef struct { u8 failed; union { struct { unsigned short status; entry *headers; u32 header_count; u8 *body; u32 length; } answer; struct { u8 kind; text detail; } error; }; } answered;
typedef struct { text code, detail; } reason;
enum { RETRY_LATER, OUTCOME_UNKNOWN, REJECTED, MISCONFIGURED, BLOCKED };
enum { RECIPIENT, MESSAGE };
typedef struct { u8 kind; union { struct { u8 has_wait; u32 wait; reason why; } later; struct { u8 part; reason why; } rejected; reason why; }; } delivery_failure;
typedef struct { u8 is; text amount, currency; } optional_price;
typedef struct { text reference; u8 has_segments; u32 segments; optional_price price; entries extra; } delivery_receipt;
// What `deliver`, `begin` and `check` return.
typedef struct { u8 failed; union { delivery_receipt receipt; delivery_failure failure; }; } delivered;
typedef struct { u8 failed; union { struct { delivery_receipt receipt; text state; u8 code_length; } started; delivery_failure failure; }; } begun;
enum { RIGHT, WRONG, EXPIRED };
typedef struct { u8 failed; union { u8 verdict; delivery_failure failure; }; } checked;

// Delivery reports: what `report-proof` and `parse-report` return.
typedef struct { u8 is_public; union { hmac_key hmac; text ed25519; }; text text, header, prefix; u8 is_base64; text timestamp_header; } report_signature;
typedef struct { u8 algorithm; text key, header; entries claims; text body_hash_claim; } report_jwt;
enum { SECRET_URL, BASIC_PROOF, HEADER_PROOF, SIGNATURE_PROOF, JWT_PROOF, TWILIO_PROOF, WEBHOOK_PROOF };
typedef struct { u8 is; struct { u8 kind; union { credentials basic; entry header; report_signature signature; report_jwt jwt; text secret; }; } proof; } optional_proof;
enum { PENDING, DELIVERED, FAILED };
typedef struct { u8 is; struct { u8 status; text code; optional_price price; entries extra; } report; } optional_report;

_Static_assert(sizeof(jwt_key) == 20 && sizeof(signed_jwt) == 32 && sizeof(oauth2_client) == 92 && sizeof(token_login) == 60, "as in the canonical ABI");
_Static_assert(sizeof(hmac_key) == 16 && sizeof(request_signature) == 72 && sizeof(smtp_connection) == 44 && sizeof(connection) == 116, "as in the canonical ABI");
_Static_assert(sizeof(setting) == 20 && sizeof(delivered) == 48 && sizeof(begun) == 60 && sizeof(checked) == 32, "as in the canonical ABI");
_Static_assert(sizeof(report_signature) == 56 && sizeof(report_jwt) == 36 && sizeof(optional_proof) == 64 && sizeof(optional_report) == 44, "as in the canonical ABI");

__attribute__((import_module("twofactor:provider/http@0.2.0"), import_name("send")))
void http_send(const char *method, u32 method_length, const char *url, u32 url_length, entry *headers, u32 header_count, u8 *body, u32 length, answered *to);

typedef struct { u8 failed; union { text reply; struct { u8 kind; union { text detail; struct { u8 stage; unsigned short code; text enhanced; } refusal; }; } error; }; } mailed;
enum { MAIL_INVALID, MAIL_DENIED, MAIL_NOT_SENT, MAIL_REFUSED, MAIL_OUTCOME_UNKNOWN };
enum { GREETING, AUTHENTICATION, SENDER, RCPT, DATA };
_Static_assert(sizeof(mailed) == 20, "as in the canonical ABI");

__attribute__((import_module("twofactor:provider/smtp@0.2.0"), import_name("send")))
void smtp_send(const char *name, u32 name_length, const char *sender, u32 sender_length, const char *recipient, u32 recipient_length, const char *subject, u32 subject_length,
    const char *words, u32 words_length, u32 has_html, const char *html, u32 html_length, const char *id, u32 id_length, mailed *to);

enum { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
__attribute__((import_module("twofactor:provider/log@0.2.0"), import_name("write")))
void log_write(u32 level, const char *message, u32 length);

static delivered *receipt(void) {
    delivered *to = allocate(sizeof *to);
    memset(to, 0, sizeof *to);
    return to;
}

static delivered *failed(u8 kind, text code, text detail) {
    delivered *to = receipt();
    to->failed = 1;
    to->failure.kind = kind;
    to->failure.why = (reason){code, detail};
    return to;
}

static delivered *rejected(u8 part, text code, text detail) {
    delivered *to = failed(REJECTED, code, detail);
    to->failure.rejected.why = (reason){code, detail};
    to->failure.rejected.part = part;
    return to;
}

// Retry later, after the seconds in the header `retry-after`, if there is a response and it has such.
static delivered *later(answered *answer, text code, text detail) {
    delivered *to = failed(RETRY_LATER, code, detail);
    to->failure.later.why = (reason){code, detail};
    to->failure.later.has_wait = 0;
    for (u32 n = 0; answer && !answer->failed && n < answer->answer.header_count; n++) {
        entry *header = &answer->answer.headers[n];
        if (!is(header->name, "retry-after") || header->value.length == 0 || header->value.length > 6) continue;
        u32 wait = 0, at = 0;
        for (; at < header->value.length && header->value.at[at] >= '0' && header->value.at[at] <= '9'; at++)
            wait = wait * 10 + header->value.at[at] - '0';
        to->failure.later.has_wait = at == header->value.length;
        to->failure.later.wait = wait;
    }
    return to;
}

// An error of the host in place of a response.
static delivered *unsent(answered *answer) {
    switch (answer->error.kind) {
        case 2: return later(answer, T("not-sent"), answer->error.detail);
        case 3: return failed(OUTCOME_UNKNOWN, T("no-answer"), answer->error.detail);
        case 1: return failed(MISCONFIGURED, T("unauthenticated"), answer->error.detail);
        default: return failed(MISCONFIGURED, T("denied"), answer->error.detail);
    }
}

// Returns a code such as `550 5.1.1`.
static text code_of(u32 code, text enhanced) {
    char *to = allocate(4 + enhanced.length);
    for (u32 n = 3; n-- > 0; code /= 10) to[n] = '0' + code % 10;
    to[3] = ' ';
    memcpy(to + 4, enhanced.at, enhanced.length);
    return (text){to, enhanced.length ? 4 + enhanced.length : 3};
}

// An email that was not accepted. An enhanced status code (RFC 3463) says more than the reply code (RFC 5321 section 4.2.3, RFC 4954 section 6),
// and the reply code more than the stage.
static delivered *unmailed(mailed *answer) {
    switch (answer->error.kind) {
        case MAIL_INVALID: return rejected(MESSAGE, T("invalid"), answer->error.detail);
        case MAIL_DENIED: return failed(MISCONFIGURED, T("denied"), answer->error.detail);
        case MAIL_NOT_SENT: return later(0, T("not-sent"), answer->error.detail);
        case MAIL_OUTCOME_UNKNOWN: return failed(OUTCOME_UNKNOWN, T("no-answer"), answer->error.detail);
    }
    text enhanced = answer->error.refusal.enhanced, code = code_of(answer->error.refusal.code, enhanced);
    u32 stage = answer->error.refusal.stage, number = answer->error.refusal.code, of_recipient = stage == RCPT || stage == DATA;
    if (number < 500) return later(0, code, T("the mail server cannot accept the email at the moment"));
    if (stage == GREETING) return failed(MISCONFIGURED, code, T("the mail server offers no service"));
    if (stage == AUTHENTICATION || number == 530 || number == 534 || number == 535 || number == 538)
        return failed(MISCONFIGURED, code, T("the mail server does not accept the login"));
    if (is(enhanced, "5.4.5")) return later(0, code, T("the sender's quota at the mail server is used up"));
    if (is(enhanced, "5.2.3") || is(enhanced, "5.3.4")) return rejected(MESSAGE, code, T("the email is larger than the mail server accepts"));
    if (is(enhanced, "5.1.7") || is(enhanced, "5.1.8")) return failed(MISCONFIGURED, code, T("the mail server does not accept the sender"));
    if ((of_recipient && (begins(enhanced, "5.1.") || begins(enhanced, "5.2."))) || is(enhanced, "5.7.17") || is(enhanced, "5.7.18"))
        return rejected(RECIPIENT, code, T("the mail server does not accept the recipient"));
    if (stage == DATA && (is(enhanced, "5.7.0") || is(enhanced, "5.7.1"))) return rejected(MESSAGE, code, T("the mail server does not accept the email"));
    if (begins(enhanced, "5.7.")) return failed(MISCONFIGURED, code, T("the mail server does not let this login send such an email: relaying, the sender, or a policy"));
    if (stage == SENDER && number == 552) return rejected(MESSAGE, code, T("the email is larger than the mail server accepts"));
    if (stage == SENDER) return failed(MISCONFIGURED, code, T("the mail server does not accept the sender"));
    if (stage == RCPT && (number == 501 || (number >= 550 && number <= 553)))
        return rejected(RECIPIENT, code, T("the mail server does not accept the recipient"));
    return rejected(MESSAGE, code, T("the mail server does not accept the email"));
}
