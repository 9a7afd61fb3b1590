//! Typed facts about a provider, in English.

use twofactor_sandbox::{Authentication, Capability, Destination, GrantedConnection, ProviderInfo, SmtpSecurity};

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
    text += "Capabilities:\n";
    for one in &info.capabilities {
        text += &format!("  - {}\n", capability(one));
    }
    text + "The options of an instance decide what it may connect to. Its connections are shown with the instance.\n"
}

/// Returns what a provider may do, as it follows "It may".
pub fn capability(capability: &Capability) -> String {
    let text = match capability {
        Capability::Http => "send HTTP requests to the origins allowed for its instance",
        Capability::Smtp => "send email through the SMTP server allowed for its instance",
        Capability::Log => "write to the log",
        Capability::WasiHttp => "send HTTP requests to the origins allowed for its instance (through wasi:http)",
        Capability::Environment => "read environment variables (none are set)",
        Capability::StandardInput => "read standard input (closed)",
        Capability::StandardOutput => "write to the log (through standard output)",
        Capability::StandardError => "write to the log (through standard error)",
        Capability::MonotonicClock => "measure elapsed time",
        Capability::WallClock => "read the current time",
        Capability::Random => "generate random numbers",
        Capability::Code => "see the code (other providers only get a placeholder)",
        Capability::Verification => "decide who is verified: its upstream creates and verifies the codes",
        Capability::Reports => "read delivery reports of its upstream, which mark messages as delivered or failed",
        Capability::Secret(option) => {
            return format!("see the secret `{option}` while it delivers (other providers do not get it)");
        }
        // One that this program is too old to word.
        other => return other.to_string(),
    };
    text.to_owned()
}

/// Returns a connection, as it stands in a list of what an instance may reach.
pub fn connection(granted: &GrantedConnection) -> String {
    let to = destination(&granted.destination);
    match &granted.authentication {
        Authentication::None if matches!(granted.destination, Destination::Smtp { .. }) => to,
        Authentication::None => format!("{to} without authentication"),
        Authentication::Basic => format!("{to} with HTTP Basic authentication"),
        Authentication::Bearer => format!("{to} with a bearer token"),
        Authentication::Jwt => format!("{to} with a token that the host signs"),
        Authentication::Signature => format!("{to} signed with a secret"),
        Authentication::AwsSignature => format!("{to} signed with an AWS key"),
        Authentication::WebhookSignature => format!("{to} signed with a webhook's secret"),
        Authentication::Login => format!("{to}, logged in"),
        Authentication::Header { name } => format!("{to} with a secret in the header {name}"),
        Authentication::OAuth2 { token_url } => format!("{to} with an OAuth 2 token from {}", origin(token_url)),
        Authentication::TokenLogin { url } => format!("{to} with a token from a login at {}", origin(url)),
    }
}

fn origin(url: &str) -> String {
    url::Url::parse(url).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
}

/// Returns where a connection goes.
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
