//! Typed facts about a provider, in English.

use twofactor_sandbox::{
    Authentication, Capability, Destination, FactorManifest, GrantedConnection, LoginFormat, Part, Parts, ProviderInfo,
    SmtpSecurity, TokenPlace,
};

/// Who a component says it is, and what its imports let it do.
pub fn provider(info: &ProviderInfo) -> String {
    let manifest = &info.manifest;
    let is = match &manifest.factor {
        Some(_) => "a factor".to_owned(),
        None => format!("channel `{}`", manifest.channel),
    };
    let mut text = format!(
        "{} {} (type `{}`, {is})\ndigest sha256:{}\n",
        manifest.name, manifest.version, manifest.type_id, info.digest
    );
    if let Some(signer) = &info.signed_by {
        text += &format!("signed by {signer}\n");
    }
    text += "Capabilities:\n";
    for one in &info.capabilities {
        text += &format!("  - {}\n", capability(one));
    }
    if let Some(factor) = &manifest.factor {
        return text + &of_factor(factor);
    }
    text + "The options of an instance decide what it may connect to. Its connections are shown with the instance.\n"
}

fn of_factor(factor: &FactorManifest) -> String {
    let mut text = format!(
        "Factor:\n  - enrolled by {}, answered by {}\n  - at most {} for each user\n  - states of format {}\n",
        factor.enrolment.name(),
        factor.challenge.name(),
        factor.max_per_user,
        factor.state_format
    );
    if factor.replaces_earlier {
        text += "  - a new one ends the user's earlier factors of the instance\n";
    }
    if factor.never_sole {
        text += "  - only a fallback: never a user's only factor\n";
    }
    text
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
        Capability::Code => "see the code (other providers only receive a placeholder)",
        Capability::Verification => "decide who is verified: its upstream generates and verifies the codes",
        Capability::Factor => "verify the answers of factors of its type (it has no network access)",
        Capability::Reports => "read delivery reports of its upstream, which mark messages as delivered or failed",
        Capability::Secret(option) => {
            return format!("see the secret `{option}` during delivery (other providers do not receive it)");
        }
        Capability::PlaceSecret(placement) => {
            let (option, parts) = (&placement.option[1..], parts(placement.parts));
            return format!(
                "have the host put the secret `{option}` into {parts} of its requests (it does not see the secret)"
            );
        }
        // One that this program is too old to word.
        other => return other.to_string(),
    };
    text.to_owned()
}

/// Returns the text of a connection for a list of allowed connections.
pub fn connection(granted: &GrantedConnection) -> String {
    let mut text = authenticated(granted);
    for placement in &granted.placed {
        text += &format!("; the secret `{}` is put into {}", &placement.option[1..], parts(placement.parts));
    }
    if granted.code_in_query {
        text += "; the code is put into the URL, which is written to logs";
    }
    text
}

fn authenticated(granted: &GrantedConnection) -> String {
    let to = destination(&granted.destination);
    match &granted.authentication {
        Authentication::None if matches!(granted.destination, Destination::Smtp { .. }) => to,
        // The secrets in its requests may be the authentication.
        Authentication::None if !granted.placed.is_empty() => to,
        Authentication::None => format!("{to} without authentication"),
        Authentication::Basic => format!("{to} with HTTP Basic authentication"),
        Authentication::Digest => format!("{to} with HTTP Digest authentication"),
        Authentication::Bearer => format!("{to} with a bearer token"),
        Authentication::Jwt => format!("{to} with a token that the host signs"),
        Authentication::Signature => format!("{to} signed with a secret"),
        Authentication::AwsSignature => format!("{to} signed with an AWS key"),
        Authentication::WebhookSignature => format!("{to} signed with a webhook's secret"),
        Authentication::Login => format!("{to}, logged in"),
        Authentication::Header { name } => format!("{to} with a secret in the header {name}"),
        Authentication::OAuth2 { token_url } => format!("{to} with an OAuth 2 token from {}", origin(token_url)),
        Authentication::TokenLogin { url, format, place } => {
            let place = match place {
                TokenPlace::Bearer => "with a bearer token".to_owned(),
                TokenPlace::Header(name) => format!("with a token in the header {name}"),
                TokenPlace::Query(name) => {
                    format!("with a token in the parameter {name} of the URL, which is written to logs,")
                }
            };
            let format = match format {
                LoginFormat::Query => "with its secrets in the URL, which is written to logs",
                LoginFormat::Form => "with its secrets in a form",
                LoginFormat::Json => "with its secrets in JSON",
            };
            format!("{to} {place} from a login at {}, {format}", origin(url))
        }
    }
}

fn origin(url: &str) -> String {
    url::Url::parse(url).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
}

/// Parts of a request, as they follow "put into".
fn parts(parts: Parts) -> String {
    let names: Vec<&str> = parts
        .iter()
        .map(|part| match part {
            Part::Body => "the body",
            Part::Query => "the query",
            Part::Path => "the path",
            Part::Header => "a header",
        })
        .collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// Returns where a connection goes.
pub fn destination(destination: &Destination) -> String {
    match destination {
        Destination::Https(url) => url.clone(),
        Destination::Http(url) => format!("{url} (without TLS)"),
        Destination::Smtp { host, port, security } => {
            let how = match security {
                SmtpSecurity::ImplicitTls => "over TLS",
                SmtpSecurity::StartTls => "over STARTTLS",
                SmtpSecurity::Plaintext => "without TLS",
            };
            format!("SMTP server {host} port {port} {how}")
        }
        Destination::Placed { origin, placement } => {
            format!("{origin}, with the secret `{}` in {}", &placement.option[1..], parts(placement.parts))
        }
        Destination::CodeInQuery { origin } => format!("{origin}, with the code in the URL, which is written to logs"),
    }
}
