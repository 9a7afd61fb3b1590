// A provider in C, without a library: it posts each message as JSON to https://sms.example.com/messages.
typedef unsigned u32;
typedef unsigned char u8;
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

// The records of the contract, laid out by the canonical ABI.
typedef struct { text type_id, name, version, channel; u8 recipient; text schema; u8 needs_code; void *extra; u32 extra_count; } manifest;
typedef struct { u8 tag; text origin; u8 authentication; text words[11]; u32 unused; void *settings; u32 setting_count; } connection;
typedef struct { text pointer, message; } problem;
typedef struct { u8 failed; void *list; u32 count; } configured;
typedef struct { text options, id, recipient, subject, text; u8 has_html; text html, code; u32 valid; text locale, purpose, application; void *extra; u32 extra_count; } delivery;
typedef struct { text name, value; } entry;
typedef struct { u8 failed; union { struct { unsigned short status; entry *headers; u32 header_count; u8 *body; u32 length; } answer; struct { u8 kind; text detail; } error; }; } answered;
typedef struct { text code, detail; } reason;
typedef struct {
    u8 failed;
    union {
        struct { text reference; u8 has_segments; u32 segments; u8 has_price; text amount, currency; void *extra; u32 extra_count; } receipt;
        struct { u8 kind; union { struct { u8 has_wait; u32 wait; reason why; } later; struct { u8 part; reason why; } rejected; reason why; }; } failure;
    };
} delivered;

__attribute__((import_module("twofactor:provider/http@0.2.0"), import_name("send")))
void http_send(const char *method, u32 method_length, const char *url, u32 url_length, entry *headers, u32 header_count, u8 *body, u32 length, answered *to);

static const char schema[] =
    "{\"type\":\"object\",\"properties\":{\"Token\":{\"type\":\"string\",\"description\":\"The bearer token that the gateway gave you.\","
    "\"writeOnly\":true,\"minLength\":1}},\"required\":[\"Token\"],\"additionalProperties\":false,\"examples\":[{\"Token\":\"an-example-token\"}]}";

EXPORT("twofactor:provider/configuration@0.2.0#describe") manifest *describe(void) {
    manifest *m = allocate(sizeof *m);
    *m = (manifest){T("gateway-c"), T("Gateway (C)"), T("0.1.0"), T("sms"), 1, T(schema), 0, 0, 0};
    return m;
}

// Finds the value of the only option: the text between the last two quotes. A token with a quote is a problem.
EXPORT("twofactor:provider/configuration@0.2.0#configure") configured *configure(const char *options, u32 length) {
    configured *to = allocate(sizeof *to);
    u32 end = length, begin;
    while (end > 0 && options[end - 1] != '"') end--;
    begin = end - 1;
    while (begin > 0 && options[begin - 1] != '"') begin--;
    for (u32 n = begin; n < end; n++) {
        if (options[n] != '\\') continue;
        problem *p = allocate(sizeof *p);
        *p = (problem){T("/Token"), T("must have no backslash and no quote in it")};
        *to = (configured){1, p, 1};
        return to;
    }
    connection *c = allocate(sizeof *c);
    *c = (connection){0, T("https://sms.example.com"), 2, {{options + begin, end - 1 - begin}}};
    *to = (configured){0, c, 1};
    return to;
}

static u8 *write_json(u8 *to, text from) {
    static const char hex[] = "0123456789abcdef";
    *to++ = '"';
    for (u32 n = 0; n < from.length; n++) {
        u8 c = from.at[n];
        if (c < 32) { *to++ = '\\'; *to++ = 'u'; *to++ = '0'; *to++ = '0'; *to++ = hex[c >> 4]; *to++ = hex[c & 15]; continue; }
        if (c == '"' || c == '\\') *to++ = '\\';
        *to++ = c;
    }
    *to++ = '"';
    return to;
}

static u8 *write_text(u8 *to, const char *from) { while (*from) *to++ = *from++; return to; }

static int is(text one, const char *other) {
    for (u32 n = 0; n < one.length; n++) if (other[n] != one.at[n]) return 0;
    return other[one.length] == 0;
}

EXPORT("twofactor:provider/delivery@0.2.0#deliver") delivered *deliver(delivery *given) {
    // The text has a placeholder, which the host replaces with the code: send the text unchanged.
    u8 *body = allocate(6 * (given->recipient.length + given->text.length) + 32);
    u8 *end = write_text(body, "{\"to\":");
    end = write_json(end, given->recipient);
    end = write_text(end, ",\"text\":");
    end = write_json(end, given->text);
    end = write_text(end, "}");
    entry headers[] = {{T("content-type"), T("application/json")}, {T("idempotency-key"), given->id}};
    answered *answer = allocate(sizeof *answer);
    text url = T("https://sms.example.com/messages");
    http_send("POST", 4, url.at, url.length, headers, 2, body, end - body, answer);
    delivered *to = allocate(sizeof *to);
    memset(to, 0, sizeof *to);
    if (answer->failed) {
        static const u8 kinds[] = {3, 3, 0, 1}; // denied, unauthenticated, not-sent, outcome-unknown
        to->failed = 1;
        to->failure.kind = kinds[answer->error.kind];
        if (to->failure.kind == 0) to->failure.later.why = (reason){T("not-sent"), answer->error.detail};
        else to->failure.why = (reason){T("no-answer"), answer->error.detail};
        return to;
    }
    u32 status = answer->answer.status;
    if (status >= 200 && status < 300) return to;
    to->failed = 1;
    if (status == 429) {
        to->failure.later.why = (reason){T("429"), T("the gateway is throttling requests")};
        for (u32 n = 0; n < answer->answer.header_count; n++) {
            entry *header = &answer->answer.headers[n];
            if (!is(header->name, "retry-after")) continue;
            u32 wait = 0;
            for (u32 at = 0; at < header->value.length && at < 6; at++) {
                if (header->value.at[at] < '0' || header->value.at[at] > '9') return to;
                wait = wait * 10 + header->value.at[at] - '0';
            }
            to->failure.later.has_wait = 1;
            to->failure.later.wait = wait;
        }
    } else if (status >= 500) {
        to->failure.kind = 1;
        to->failure.why = (reason){T("5xx"), T("the gateway failed after it received the message")};
    } else if (status == 400) {
        to->failure.kind = 2;
        to->failure.rejected.part = 1;
        to->failure.rejected.why = (reason){T("400"), T("the gateway does not accept the message")};
    } else {
        to->failure.kind = 3;
        to->failure.why = (reason){T("4xx"), T("the gateway does not accept the request")};
    }
    return to;
}
