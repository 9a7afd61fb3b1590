// SMS through a gateway on your own network that takes parameters in the query of a GET request, or in the form of a POST request:
// SMSEagle (https://www.smseagle.eu/api.php), Kannel (https://www.kannel.org/download/1.5.0/userguide-1.5.0/userguide.html)
// and others. The names of the parameters are options.
#include "canonical_abi.h"

static const char schema[] = "{\"type\":\"object\",\"description\":\"SMS through a gateway on your own network, by HTTP.\",\"properties\":{"
    "\"LanGatewayUrl\":{\"type\":\"string\",\"maxLength\":500,\"pattern\":\"^https?://[a-z0-9.:-]+/[A-Za-z0-9/?&=%._~:@!$()*+,;-]*$\",\"description\":"
    "\"Where messages are sent: for SMSEagle http://HOST/http_api/send_sms, for Kannel http://HOST:13013/cgi-bin/sendsms?username=USER. "
    "The operator must allow its origin.\"},"
    "\"LanGatewayMethod\":{\"type\":\"string\",\"enum\":[\"GET\",\"POST\"],\"default\":\"GET\",\"description\":"
    "\"GET sends the parameters in the query, which the gateway may log with the code. Choose POST if the gateway accepts a form.\"},"
    "\"LanGatewayUser\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9_.@-]{1,80}$\",\"description\":"
    "\"The user name, if the gateway asks for HTTP Basic authentication. Without it the secret is a parameter in the query.\"},"
    "\"LanGatewaySecret\":{\"type\":\"string\",\"pattern\":\"^[ !#-\\\\[\\\\]-~]{6,500}$\",\"writeOnly\":true,\"x-twofactor-placement\":[\"query\"],"
    "\"description\":\"The access token or password: at least 6 characters of ASCII, without quotation marks and backslashes.\"},"
    "\"LanGatewaySecretName\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9_.-]{1,40}$\",\"default\":\"access_token\",\"description\":"
    "\"The name of the parameter for the secret, which is always in the query: access_token for SMSEagle, password for Kannel.\"},"
    "\"LanGatewayNumberName\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9_.-]{1,40}$\",\"default\":\"to\",\"description\":"
    "\"The name of the parameter for the recipient's number: to for SMSEagle and Kannel.\"},"
    "\"LanGatewayTextName\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9_.-]{1,40}$\",\"default\":\"message\",\"description\":"
    "\"The name of the parameter for the text: message for SMSEagle, text for Kannel.\"},"
    "\"LanGatewayAccepted\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9 :;._-]{1,40}$\",\"default\":\"OK\",\"description\":"
    "\"How the response begins if the message is accepted: OK for SMSEagle, 0 for Kannel.\"}},"
    "\"required\":[\"LanGatewayUrl\",\"LanGatewaySecret\"],\"additionalProperties\":false,"
    "\"examples\":[{\"LanGatewayUrl\":\"https://sms.example.com/http_api/send_sms\",\"LanGatewaySecret\":\"0005gOjCOlMH8F2BP8\"}]}";

EXPORT("twofactor:provider/configuration@0.2.0#describe") manifest *describe(void) {
    manifest *m = allocate(sizeof *m);
    *m = (manifest){T("lan-gateway"), T("LAN gateway"), T("0.1.0"), T("sms"), PHONE_NUMBER, T(schema), 0, 0, 0};
    return m;
}

// Returns an option: the text between the quotes after its name and a colon, or its default. The schema allows no quotation marks
// and no backslashes in values.
static text option(text options, const char *name, text otherwise) {
    for (u32 n = 0; n < options.length; n++) {
        if (options.at[n] != '"') continue;
        u32 end = n + 1;
        while (end < options.length && options.at[end] != '"') end += options.at[end] == '\\' ? 2 : 1;
        text found = {options.at + n + 1, end - n - 1};
        n = end;
        u32 begin = end + 1;
        while (begin < options.length && options.at[begin] == ' ') begin++;
        if (!is(found, name) || begin >= options.length || options.at[begin] != ':') continue;
        while (begin < options.length && options.at[begin] != '"') begin++;
        end = begin + 1;
        while (end < options.length && options.at[end] != '"') end++;
        return (text){options.at + begin + 1, end - begin - 1};
    }
    return otherwise;
}

// Returns scheme, host and port of a URL.
static text origin(text url) {
    u32 end = begins(url, "https://") ? 8 : 7;
    while (end < url.length && url.at[end] != '/') end++;
    return (text){url.at, end};
}

EXPORT("twofactor:provider/configuration@0.2.0#configure") configured *configure(const char *at, u32 length) {
    text options = {at, length}, user = option(options, "LanGatewayUser", T(""));
    connection *c = allocate(sizeof *c);
    memset(c, 0, sizeof *c);
    c->http.origin = origin(option(options, "LanGatewayUrl", T("")));
    c->http.settings = allocate(2 * sizeof *c->http.settings);
    if (user.length) {
        c->http.authentication = BASIC;
        c->http.basic = (credentials){user, option(options, "LanGatewaySecret", T(""))};
    } else c->http.settings[c->http.setting_count++] = (setting){PLACE_SECRET, T("/LanGatewaySecret")};
    if (is(option(options, "LanGatewayMethod", T("GET")), "GET")) c->http.settings[c->http.setting_count++] = (setting){CODE_IN_QUERY};
    configured *to = allocate(sizeof *to);
    *to = (configured){0, c, 1};
    return to;
}

// Appends a parameter, with all but unreserved characters percent-encoded. Placeholders are letters, so they stay as they are.
static char *parameter(char *to, char before, text name, text value) {
    static const char hex[] = "0123456789ABCDEF";
    if (before) *to++ = before;
    for (u32 n = 0; n < name.length; n++) *to++ = name.at[n];
    *to++ = '=';
    for (u32 n = 0; n < value.length; n++) {
        u8 c = value.at[n];
        if ((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '-' || c == '.' || c == '_' || c == '~') *to++ = c;
        else { *to++ = '%'; *to++ = hex[c >> 4]; *to++ = hex[c & 15]; }
    }
    return to;
}

static int has(text body, const char *words) {
    for (u32 n = 0; n < body.length; n++) if (begins((text){body.at + n, body.length - n}, words)) return 1;
    return 0;
}

EXPORT("twofactor:provider/delivery@0.2.0#deliver") delivered *deliver(delivery *given) {
    text options = given->options, url = option(options, "LanGatewayUrl", T("")), secret = option(options, "LanGatewaySecret", T(""));
    char *target = allocate(url.length + 3 * (secret.length + given->recipient.length + given->text.length) + 200), *end = target, before = '?';
    for (u32 n = 0; n < url.length; n++) if ((*end++ = url.at[n]) == '?') before = '&';
    if (!option(options, "LanGatewayUser", T("")).length) {
        end = parameter(end, before, option(options, "LanGatewaySecretName", T("access_token")), secret);
        before = '&';
    }
    // The rest is in the query as well, or in a form.
    int in_query = is(option(options, "LanGatewayMethod", T("GET")), "GET");
    char *query_end = end;
    end = parameter(end, in_query ? before : 0, option(options, "LanGatewayNumberName", T("to")), given->recipient);
    end = parameter(end, '&', option(options, "LanGatewayTextName", T("message")), given->text);
    answered *answer = allocate(sizeof *answer);
    entry form = {T("content-type"), T("application/x-www-form-urlencoded")};
    if (in_query) http_send("GET", 3, target, end - target, 0, 0, 0, 0, answer);
    else http_send("POST", 4, target, query_end - target, &form, 1, (u8 *)query_end, end - query_end, answer);
    if (answer->failed) return unsent(answer);
    text body = {(const char *)answer->answer.body, answer->answer.length};
    u32 status = answer->answer.status;
    text accepted = option(options, "LanGatewayAccepted", T("OK"));
    int fits = accepted.length <= body.length;
    for (u32 n = 0; fits && n < accepted.length; n++) fits = accepted.at[n] == body.at[n];
    if (status >= 200 && status < 300 && fits) return receipt();
    if (status >= 200 && status < 300 && begins(body, "3: Queued for later delivery")) return receipt();
    if (status == 429) return later(answer, T("429"), T("the gateway is throttling requests"));
    if (status >= 500) return failed(OUTCOME_UNKNOWN, T("5xx"), T("the gateway failed after it received the message"));
    // SMSEagle responds to everything with 200 and words, Kannel with a status and words.
    if (has(body, "Garbage 'to' field") || has(body, "denied by white- and/or black-lists"))
        return rejected(RECIPIENT, T("number"), T("the gateway does not accept this number"));
    if (status == 401 || status == 403 || has(body, "Invalid access token") || has(body, "Invalid login"))
        return failed(MISCONFIGURED, T("credentials"), T("the gateway does not accept the credentials"));
    if (has(body, "Wrong parameters") || status == 400)
        return rejected(MESSAGE, T("parameters"), T("the gateway does not accept the request"));
    if (status < 300) return failed(OUTCOME_UNKNOWN, T("words"), T("the gateway's response is neither an acceptance nor a known error"));
    return failed(MISCONFIGURED, T("status"), T("the gateway does not know the requested path"));
}
