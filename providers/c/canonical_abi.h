// The contract for providers in C, laid out by the canonical ABI, without a library:
// https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md
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

static int begins(text one, const char *other) {
    u32 n = 0;
    while (other[n] && n < one.length && one.at[n] == other[n]) n++;
    return other[n] == 0;
}

static int is(text one, const char *other) {
    return begins(one, other) && other[one.length] == 0;
}

enum { EMAIL_ADDRESS, PHONE_NUMBER, HANDLE };
typedef struct { text type_id, name, version, channel; u8 recipient; text schema; u8 needs_code; void *extra; u32 extra_count; } manifest;
enum { PLACE_SECRET, CODE_IN_QUERY };
typedef struct { u8 kind; text pointer, unused; } setting;
enum { UNAUTHENTICATED, BASIC };
typedef struct { text username, password; } credentials;
// An HTTP connection; the space is that of the largest way to authenticate.
typedef struct { u8 tag; text origin; u8 authentication; union { credentials basic; u32 space[23]; }; setting *settings; u32 setting_count; } connection;
typedef struct { text pointer, message; } problem;
typedef struct { u8 failed; void *list; u32 count; } configured;
typedef struct { text options, id, recipient, subject, text; u8 has_html; text html, code; u32 valid; text locale, purpose, application; void *extra; u32 extra_count; } delivery;
typedef struct { text name, value; } entry;
typedef struct { u8 failed; union { struct { unsigned short status; entry *headers; u32 header_count; u8 *body; u32 length; } answer; struct { u8 kind; text detail; } error; }; } answered;
typedef struct { text code, detail; } reason;
enum { RETRY_LATER, OUTCOME_UNKNOWN, REJECTED, MISCONFIGURED, BLOCKED };
enum { RECIPIENT, MESSAGE };
typedef struct {
    u8 failed;
    union {
        struct { text reference; u8 has_segments; u32 segments; u8 has_price; text amount, currency; void *extra; u32 extra_count; } receipt;
        struct { u8 kind; union { struct { u8 has_wait; u32 wait; reason why; } later; struct { u8 part; reason why; } rejected; reason why; }; } failure;
    };
} delivered;

_Static_assert(sizeof(connection) == 116 && sizeof(setting) == 20 && sizeof(delivered) == 48, "as in the canonical ABI");

__attribute__((import_module("twofactor:provider/http@0.2.0"), import_name("send")))
void http_send(const char *method, u32 method_length, const char *url, u32 url_length, entry *headers, u32 header_count, u8 *body, u32 length, answered *to);

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

// Retry later, after the seconds in the header `retry-after`, if it has such.
static delivered *later(answered *answer, text code, text detail) {
    delivered *to = failed(RETRY_LATER, code, detail);
    to->failure.later.why = (reason){code, detail};
    to->failure.later.has_wait = 0;
    for (u32 n = 0; !answer->failed && n < answer->answer.header_count; n++) {
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
        default: return failed(MISCONFIGURED, T("denied"), answer->error.detail);
    }
}
