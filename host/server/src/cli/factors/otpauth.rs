//! Lists of otpauth URIs (<https://github.com/google/google-authenticator/wiki/Key-Uri-Format>).

use data_encoding::BASE32_NOPAD;
use twofactor::admin::ExistingApp;
use url::Url;
use zeroize::Zeroizing;

use super::Entry;

const SCHEME: &str = "otpauth://";

/// Parses a list: a line for each app, which is `USER,URI` or only the URI. Empty lines, and those that begin with `#`, are ignored.
pub(in super::super) fn parse(text: &str) -> Vec<Entry> {
    let lines = (1..).zip(text.lines().map(str::trim));
    let lines = lines.filter(|(_, text)| !text.is_empty() && !text.starts_with('#'));
    lines.map(|(line, text)| Entry { line, app: parse_line(text) }).collect()
}

fn parse_line(text: &str) -> Result<ExistingApp, String> {
    let lower = text.to_ascii_lowercase();
    let at = lower.find(SCHEME).ok_or("is not an otpauth URI")?;
    let (user, uri) = text.split_at_checked(at).ok_or("is not an otpauth URI")?;
    let user = match user.trim_end() {
        "" => None,
        user => Some(user.strip_suffix(',').ok_or("has no comma between user and URI")?.trim()),
    };
    app(user, uri)
}

/// Parses a URI. Without a user, the account in it is the user.
pub(in super::super) fn app(user: Option<&str>, uri: &str) -> Result<ExistingApp, String> {
    let uri = Url::parse(uri).map_err(|_| "is not an otpauth URI")?;
    match uri.host_str().map(str::to_ascii_lowercase).as_deref() {
        Some("totp") if uri.scheme() == "otpauth" => {}
        Some("hotp") => return Err("is counter-based (HOTP): only time-based codes can be imported".to_owned()),
        _ => return Err("is not an otpauth URI for time-based codes".to_owned()),
    }
    let parameter = |name: &str| {
        let mut values = uri.query_pairs().filter(|(other, _)| other == name).map(|(_, value)| value.into_owned());
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            _ => Err(format!("has the parameter `{name}` twice")),
        }
    };
    let number = |name: &str, default: u32| match parameter(name)? {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| format!("has a parameter `{name}` that is not a number")),
    };
    let secret = Zeroizing::new(parameter("secret")?.ok_or("has no secret")?);
    let user = match user {
        Some(user) => user.to_owned(),
        None => account(uri.path(), parameter("issuer")?.as_deref())?,
    };
    Ok(ExistingApp {
        algorithm: algorithm(parameter("algorithm")?.as_deref().unwrap_or("SHA1"))?,
        digits: number("digits", 6)?,
        period: number("period", 30)?,
        ..ExistingApp::new(user, base32(&secret)?)
    })
}

/// Returns the name of a hash function as apps write it. PSKC and others have their own spellings, such as `HMAC-SHA256`.
pub(super) fn algorithm(text: &str) -> Result<String, String> {
    let name = text.trim().to_ascii_uppercase().replace(['-', '_'], "");
    match name.strip_prefix("HMAC").unwrap_or(&name) {
        known @ ("SHA1" | "SHA256" | "SHA512") => Ok(known.to_owned()),
        _ => Err("has an algorithm that is not SHA1, SHA256 or SHA512".to_owned()),
    }
}

/// Decodes a secret as people copy it: in any case, with spaces, `-` and padding.
pub(super) fn base32(text: &str) -> Result<Vec<u8>, String> {
    let is_kept = |c: &char| !matches!(c, ' ' | '-' | '=');
    let text: Zeroizing<String> =
        Zeroizing::new(text.chars().filter(is_kept).map(|c| c.to_ascii_uppercase()).collect());
    match BASE32_NOPAD.decode(text.as_bytes()) {
        Ok(secret) if !secret.is_empty() => Ok(secret),
        _ => Err("has a secret that is not base32".to_owned()),
    }
}

/// Returns the account in a label, which is `ISSUER:ACCOUNT` or `ACCOUNT`.
fn account(path: &str, issuer: Option<&str>) -> Result<String, String> {
    let label = percent_encoding::percent_decode_str(path.trim_start_matches('/'));
    let label = label.decode_utf8().map_err(|_| "has a label that is not UTF-8")?;
    let without_issuer = issuer.and_then(|issuer| label.strip_prefix(issuer)?.strip_prefix(':'));
    let account = match (without_issuer, label.split_once(':')) {
        // The name of a user may contain a colon.
        (None, Some(_)) if issuer.is_some() => {
            return Err("has a label that does not begin with its issuer: write `USER,` before the URI".to_owned());
        }
        (Some(account), _) | (None, Some((_, account))) => account,
        (None, None) => &label,
    };
    match account.trim() {
        "" => Err("names no user".to_owned()),
        account => Ok(account.to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const SECRET: &str = "secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn one(line: &str) -> Result<ExistingApp, String> {
        let mut entries = parse(line);
        assert_eq!(entries.len(), 1, "{line}");
        entries.remove(0).app
    }

    #[test]
    fn a_line_is_a_user_and_a_uri_or_only_a_uri() {
        let text = format!(
            "# from the old system\n\nalice,otpauth://totp/ACME:a?{SECRET}\r\n  Bob, Jr. , otpauth://totp/x?{SECRET}&digits=8\n\
             otpauth://totp/ACME%20Co:carol%40example.com?{SECRET}&issuer=ACME%20Co&period=60&algorithm=SHA256\n\
             otpauth://totp/dave?{SECRET}\notpauth://totp/A:B:eve?{SECRET}&issuer=A:B\n"
        );
        let apps: Vec<_> = parse(&text)
            .into_iter()
            .map(|Entry { line, app }| {
                let app = app.unwrap();
                assert_eq!(*app.secret, b"12345678901234567890");
                (line, app.user, app.algorithm, app.digits, app.period)
            })
            .collect();
        let expected = [
            (3, "alice", "SHA1", 6, 30),
            (4, "Bob, Jr.", "SHA1", 8, 30),
            (5, "carol@example.com", "SHA256", 6, 60),
            (6, "dave", "SHA1", 6, 30),
            (7, "eve", "SHA1", 6, 30),
        ];
        assert_eq!(
            apps,
            expected.map(|(line, user, hash, digits, period)| (line, user.into(), hash.into(), digits, period))
        );
    }

    #[test]
    fn what_cannot_be_imported_is_reported_without_its_secret() {
        for (line, why) in [
            (format!("alice;otpauth://totp/a?{SECRET}"), "has no comma between user and URI"),
            (format!("alice,https://totp/a?{SECRET}"), "is not an otpauth URI"),
            (
                format!("otpauth://hotp/a?{SECRET}&counter=1"),
                "is counter-based (HOTP): only time-based codes can be imported",
            ),
            (format!("otpauth://push/a?{SECRET}"), "is not an otpauth URI for time-based codes"),
            ("otpauth://totp/a".to_owned(), "has no secret"),
            ("otpauth://totp/a?secret=".to_owned(), "has a secret that is not base32"),
            ("otpauth://totp/a?secret=GEZDGNBVGY3TQOJ1".to_owned(), "has a secret that is not base32"),
            (format!("otpauth://totp/a?{SECRET}&{SECRET}"), "has the parameter `secret` twice"),
            (format!("otpauth://totp/a?{SECRET}&digits=six"), "has a parameter `digits` that is not a number"),
            (format!("otpauth://totp/a?{SECRET}&period=-1"), "has a parameter `period` that is not a number"),
            (format!("otpauth://totp/a?{SECRET}&algorithm=MD5"), "has an algorithm that is not SHA1, SHA256 or SHA512"),
            (format!("otpauth://totp/ACME:?{SECRET}"), "names no user"),
            (
                format!("otpauth://totp/x:alice?{SECRET}&issuer=ACME"),
                "has a label that does not begin with its issuer: write `USER,` before the URI",
            ),
        ] {
            assert_eq!(one(&line).unwrap_err(), why, "{line}");
        }
    }
}
