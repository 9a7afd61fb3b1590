//! Typed facts about a provider, in English.

use twofactor::{Authentication, Capability, Destination, GrantedConnection, ProviderInfo, SmtpSecurity};

/// Who a component says it is, and what its imports let it do.
pub fn provider(info: &ProviderInfo) -> String {
    let manifest = &info.manifest;
    let mut text = format!(
        "{} {} (type `{}`, channel `{}`)\ndigest sha256:{}\n",
        manifest.name, manifest.version, manifest.type_id, manifest.channel, info.digest
    );
    if let Some(signer) = &info.signed_by {
        text += &format!("signed by {signer}\n");
    }
    text += "It may:\n";
    for one in &info.capabilities {
        text += &format!("  - {}\n", capability(one));
    }
    text + "Where to is decided by each instance's options, and shown with the instance.\n"
}

/// What a provider may do, as it follows "It may".
pub fn capability(capability: &Capability) -> String {
    let text = match capability {
        Capability::Http => "send HTTP requests to the origins its instance is granted",
        Capability::Smtp => "send mail through the SMTP server its instance is granted",
        Capability::Log => "write lines to the log",
        Capability::WasiHttp => "send HTTP requests to the origins its instance is granted (as wasi:http)",
        Capability::Environment => "read an environment, which is empty",
        Capability::StandardInput => "read standard input, which is closed",
        Capability::StandardOutput => "write lines to the log (as standard output)",
        Capability::StandardError => "write lines to the log (as standard error)",
        Capability::MonotonicClock => "measure time",
        Capability::WallClock => "read the time of day",
        Capability::Random => "draw random numbers",
        Capability::Code => "see the code, which others get as a placeholder",
        Capability::Verification => "decide who is let in: its upstream makes the codes and judges the answers",
        Capability::Reports => "read what its upstream reports of messages, and count them as arrived or not",
        Capability::Secret(option) => {
            return format!("see the secret `{option}` while it delivers, which is withheld from others");
        }
        // One that this program is too old to word.
        other => return other.to_string(),
    };
    text.to_owned()
}

/// A connection, as it stands in a list of what an instance may reach.
pub fn connection(granted: &GrantedConnection) -> String {
    let to = destination(&granted.destination);
    match &granted.authentication {
        Authentication::None if matches!(granted.destination, Destination::Smtp { .. }) => to,
        Authentication::None => format!("{to} without authentication"),
        Authentication::Basic => format!("{to} with HTTP Basic authentication"),
        Authentication::Bearer => format!("{to} with a bearer token"),
        Authentication::AwsSignature => format!("{to} signed with an AWS key"),
        Authentication::WebhookSignature => format!("{to} signed with a webhook's secret"),
        Authentication::Login => format!("{to}, logged in"),
        Authentication::Header { name } => format!("{to} with a secret in the header {name}"),
        Authentication::OAuth2 { token_url } => {
            let issuer = url::Url::parse(token_url).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
            format!("{to} with an OAuth 2 token from {issuer}")
        }
    }
}

/// Where a connection goes.
pub fn destination(destination: &Destination) -> String {
    match destination {
        Destination::Https(url) => url.clone(),
        Destination::Smtp { host, port, security } => {
            let how = match security {
                SmtpSecurity::ImplicitTls => "over TLS",
                SmtpSecurity::StartTls => "over STARTTLS",
                SmtpSecurity::Plaintext => "without TLS",
            };
            format!("SMTP server {host} port {port} {how}")
        }
    }
}
