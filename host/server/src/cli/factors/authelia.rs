//! Exports of Authelia (<https://www.authelia.com/reference/cli/authelia/authelia_storage_user_totp_export/>): `authelia storage user totp
//! export` writes YAML, `… export uri` prints a list of URIs.

use data_encoding::BASE64;
use serde::Deserialize;
use serde_saphyr::Spanned;
use twofactor::admin::ExistingApp;
use zeroize::Zeroizing;

use super::{Entry, otpauth};
use crate::cli::as_code;

/// What follows the list of URIs.
const CLOSING_LINE: &str = "Successfully exported ";

/// `TOTPConfigurationDataExport` of Authelia. Unknown members are ignored.
#[derive(Deserialize)]
struct Export {
    totp_configurations: Vec<Spanned<Configuration>>,
}

#[derive(Deserialize)]
struct Configuration {
    username: String,
    algorithm: String,
    digits: u32,
    period: u32,
    /// Base64 of the secret in base32, as apps have it.
    secret: String,
}

/// Parses an export.
///
/// # Errors
/// If it is YAML and not an export.
pub(in super::super) fn parse(text: &str) -> anyhow::Result<Vec<Entry>> {
    if text.trim_start().starts_with("otpauth:") {
        let lines = text.lines().map(|line| if line.starts_with(CLOSING_LINE) { "" } else { line });
        return Ok(otpauth::parse(&Zeroizing::new(lines.collect::<Vec<_>>().join("\n"))));
    }
    let export: Export = as_code::parse_yaml(text)?;
    let entry = |one: Spanned<Configuration>| Entry {
        line: usize::try_from(one.referenced.line()).unwrap_or_default(),
        app: app(one.value),
    };
    Ok(export.totp_configurations.into_iter().map(entry).collect())
}

fn app(configuration: Configuration) -> Result<ExistingApp, String> {
    let Configuration { username, algorithm, digits, period, secret } = configuration;
    let secret = Zeroizing::new(secret);
    let not_base64 = "has a secret that is not base64";
    let base32 = Zeroizing::new(BASE64.decode(secret.trim().as_bytes()).map_err(|_| not_base64)?);
    let base32 = std::str::from_utf8(&base32).map_err(|_| "has a secret that is not base32")?;
    let algorithm = otpauth::algorithm(&algorithm)?;
    Ok(ExistingApp { algorithm, digits, period, ..ExistingApp::new(username, otpauth::base32(base32)?) })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// The shape that `TOTPConfigurationDataExport` has (authelia/authelia, internal/model/totp_configuration.go).
    const YAML: &str = "\
# yaml-language-server: $schema=https://www.authelia.com/schemas/latest/json-schema/export.totp.json
totp_configurations:
    - created_at: 2025-03-01T10:00:00.123456Z
      last_used_at: 2025-03-02T10:00:00Z
      username: john
      issuer: Authelia
      algorithm: SHA1
      digits: 6
      period: 30
      secret: R0VaREdOQlZHWTNUUU9KUUdFWkRHTkJWR1kzVFFPSlE=
    - created_at: 2025-03-01T10:00:00Z
      last_used_at: null
      username: mary
      issuer: Authelia
      algorithm: SHA512
      digits: 8
      period: 45
      secret: not base64
";

    #[test]
    fn yaml_is_read() {
        let entries = parse(YAML).unwrap();
        let first = entries[0].app.as_ref().unwrap();
        assert_eq!((entries[0].line, &*first.user, &**first.secret), (3, "john", &b"12345678901234567890"[..]));
        assert_eq!((&*first.algorithm, first.digits, first.period), ("SHA1", 6, 30));
        assert_eq!(entries[1].line, 11);
        assert_eq!(entries[1].app.as_ref().unwrap_err(), "has a secret that is not base64");
    }

    /// What `TOTPConfiguration.URI()` gives, and the command prints after the list.
    #[test]
    fn the_list_of_uris_is_read() {
        let text = "otpauth://totp/My%20Auth:john?algorithm=SHA1&digits=6&issuer=My+Auth&period=30&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n\
                    \n\nSuccessfully exported 1 TOTP configurations as TOTP URI's and printed them to the console\n";
        let entries = parse(text).unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].app.as_ref().unwrap().user, "john");
    }

    #[test]
    fn an_error_shows_no_secret() {
        let text = YAML.replace("period: 30", "period: [R0VaREdOQlZHWTNUUU9KUUdFWkRHTkJWR1kzVFFPSlE]");
        let error = format!("{:#}", parse(&text).err().unwrap());
        assert!(!error.contains("R0Va"), "{error}");
    }
}
