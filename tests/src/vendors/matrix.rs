//! A stand-in for a Matrix homeserver. It is ours; what it checks is in the specification of the client-server API,
//! spec.matrix.org/latest/client-server-api:
//!
//! | rule | where |
//! |---|---|
//! | `PUT /_matrix/client/v3/rooms/ROOM/send/m.room.message/TRANSACTION`, JSON; 200 with `event_id` | Sending events to a room |
//! | another path: 404, another method: 405, each with `M_UNRECOGNIZED` | Common error codes |
//! | a bearer token; else 401 with `M_MISSING_TOKEN` or `M_UNKNOWN_TOKEN` | Using access tokens |
//! | a room that the account is not in: 403 with `M_FORBIDDEN` | Sending events to a room |
//! | `msgtype` and `body` | m.room.message |
//! | the same transaction id gives the same event | Transaction identifiers |
//!
//! That a member nobody documents is an error is our own strictness.

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::recorder::{Recorder, Reply, Seen, only};
use super::tls::Authority;

pub const HOST: &str = "matrix.example.com";
pub const TOKEN: &str = "syt_Y29kZXM_0a1b2c3d4e5f60718293_4A5B6C";
/// The room that the account is in.
pub const ROOM: &str = "!OGEhHVWSdvArJzumhm:example.com";
/// Another room.
pub const FOREIGN: &str = "!other:example.com";

pub async fn start(authority: &Authority) -> Recorder {
    Recorder::start(authority, &[HOST], judge).await
}

fn error(status: u16, code: &str) -> Reply {
    Reply::refuses(status, &json!({"errcode": code, "error": "m"}))
}

fn judge(seen: &Seen) -> Reply {
    let parts: Vec<&str> = seen.path.split('/').collect();
    let ["", "_matrix", "client", "v3", "rooms", room, "send", "m.room.message", transaction] = parts[..] else {
        return error(404, "M_UNRECOGNIZED");
    };
    if !seen.query.is_empty() || transaction.is_empty() {
        return error(404, "M_UNRECOGNIZED");
    }
    if seen.method != "PUT" {
        return error(405, "M_UNRECOGNIZED");
    }
    if seen.header("authorization").is_empty() {
        return error(401, "M_MISSING_TOKEN");
    }
    if seen.header("authorization") != format!("Bearer {TOKEN}") {
        return error(401, "M_UNKNOWN_TOKEN");
    }
    if percent_decode_str(room).decode_utf8_lossy() != ROOM {
        return error(403, "M_FORBIDDEN");
    }
    let Some(body) = seen.json().map(Value::Object) else { return error(400, "M_NOT_JSON") };
    // A formatted text has two more members; a code is plain.
    let content = only(&body, &["msgtype", "body"], &[]);
    let is_text =
        content.is_some_and(|it| it["msgtype"] == "m.text" && it["body"].as_str().is_some_and(|it| !it.is_empty()));
    if !is_text {
        return error(400, "M_BAD_JSON");
    }
    Reply::accepts(200, &json!({"event_id": format!("${transaction}:example.com")}))
}
