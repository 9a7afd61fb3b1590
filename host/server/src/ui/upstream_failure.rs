//! Explains where an exchange with an upstream failed, and what to do about it.

use twofactor::sandbox::{UpstreamCause as Cause, UpstreamFailure, UpstreamStep as Step};

use crate::wording::Language;

/// Returns one or two sentences: what happened at which step, and which option to look at.
pub(super) fn words(l: Language, failure: &UpstreamFailure) -> String {
    let UpstreamFailure { step, host, port, cause, .. } = failure;
    match cause {
        Cause::NoAddress => match l {
            Language::English => format!("The host name {host} has no IP address. Check the spelling."),
            Language::German => format!("Der Hostname {host} hat keine IP-Adresse. Prüfen Sie die Schreibweise."),
        },
        Cause::AddressNotAllowed => match l {
            Language::English => format!(
                "The host name {host} resolves to a private network. The operator must add that network to `allowed_networks`."
            ),
            Language::German => format!(
                "Der Hostname {host} verweist in ein privates Netz. Der Betreiber muss dieses Netz unter `allowed_networks` eintragen."
            ),
        },
        Cause::ConnectionRefused => match l {
            Language::English => format!("{host} does not accept connections on port {port}. Check the port."),
            Language::German => format!("{host} nimmt auf Port {port} keine Verbindungen an. Prüfen Sie den Port."),
        },
        Cause::Unreachable => match l {
            Language::English => format!("{host} cannot be reached from this server."),
            Language::German => format!("{host} ist von diesem Server aus nicht erreichbar."),
        },
        Cause::TimedOut if *step == Step::Connection => match l {
            Language::English => format!(
                "No connection to {host}, port {port}, within the time limit. Check host and port; a firewall may block the connection."
            ),
            Language::German => format!(
                "Keine Verbindung zu {host}, Port {port}, innerhalb des Zeitlimits. Prüfen Sie Host und Port; vielleicht blockiert eine \
                 Firewall die Verbindung."
            ),
        },
        Cause::NoTls => match l {
            Language::English => format!(
                "{host} does not use implicit TLS on port {port}. For email, port 465 uses implicit TLS, and port 587 uses STARTTLS."
            ),
            Language::German => format!(
                "{host} verwendet auf Port {port} kein implizites TLS. Bei E-Mail verwendet Port 465 implizites TLS, Port 587 STARTTLS."
            ),
        },
        Cause::TlsAtOnce => match l {
            Language::English => {
                format!(
                    "{host} uses implicit TLS on port {port}, but STARTTLS was expected. On port 465, implicit TLS is expected."
                )
            }
            Language::German => {
                format!(
                    "{host} verwendet auf Port {port} implizites TLS, erwartet wurde STARTTLS. Auf Port 465 wird implizites TLS erwartet."
                )
            }
        },
        Cause::CertificateName { certificate_names } if !certificate_names.is_empty() => {
            let names = certificate_names.join(", ");
            match l {
                Language::English => {
                    format!("The certificate is for {names}, not for {host}. Use the name in the certificate.")
                }
                Language::German => {
                    format!("Das Zertifikat gilt für {names}, nicht für {host}. Verwenden Sie den Namen im Zertifikat.")
                }
            }
        }
        Cause::CertificateName { .. } => match l {
            Language::English => format!("The certificate is not for {host}."),
            Language::German => format!("Das Zertifikat gilt nicht für {host}."),
        },
        Cause::CertificateTime => match l {
            Language::English => format!("The certificate of {host} has expired or is not valid yet."),
            Language::German => format!("Das Zertifikat von {host} ist abgelaufen oder noch nicht gültig."),
        },
        Cause::CertificateIssuer => match l {
            Language::English => format!(
                "The certificate of {host} was issued by an authority that is not trusted here. The operator can add it under \
                 `ca_certificates`."
            ),
            Language::German => format!(
                "Das Zertifikat von {host} stammt von einer Stelle, der hier nicht vertraut wird. Der Betreiber kann sie unter \
                 `ca_certificates` eintragen."
            ),
        },
        Cause::NotOffered if *step == Step::Tls => match l {
            Language::English => format!("{host} does not offer STARTTLS on port {port}. Nothing was sent."),
            Language::German => format!("{host} bietet auf Port {port} kein STARTTLS an. Es wurde nichts gesendet."),
        },
        Cause::NotOffered => match l {
            Language::English => {
                format!("{host} offers no login on port {port}. Use another port, or leave user and password empty.")
            }
            Language::German => format!(
                "{host} bietet auf Port {port} keine Anmeldung an. Verwenden Sie einen anderen Port oder lassen Sie Benutzer und Passwort leer."
            ),
        },
        Cause::Refused { reply_code, enhanced_code } => {
            let code = format!("{reply_code} {enhanced_code}");
            let code = code.trim_end();
            match l {
                Language::English => format!("{host} refused {} with {code}.", object(l, *step)),
                Language::German => format!("{host} hat {} mit {code} abgelehnt.", object(l, *step)),
            }
        }
        cause => {
            let what = match cause {
                Cause::TimedOut => l.say("did not respond in time", "hat nicht rechtzeitig geantwortet"),
                Cause::Closed => l.say("closed the connection", "hat die Verbindung geschlossen"),
                Cause::Certificate => l.say("has an invalid certificate", "hat ein ungültiges Zertifikat"),
                Cause::TlsHandshake => l.say("failed the TLS handshake", "hat den TLS-Handshake abgebrochen"),
                _ => l.say("sent an unexpected response", "hat unerwartet geantwortet"),
            };
            match l {
                Language::English => format!("{host}, port {port}, {what} (step: {}).", name(l, *step)),
                Language::German => format!("{host}, Port {port}, {what} (Schritt: {}).", name(l, *step)),
            }
        }
    }
}

fn name(l: Language, step: Step) -> &'static str {
    match step {
        Step::NameResolution => l.say("name resolution", "Namensauflösung"),
        Step::Connection => l.say("connection", "Verbindungsaufbau"),
        Step::Tls => l.say("TLS", "TLS"),
        Step::Greeting => l.say("greeting", "Begrüßung"),
        Step::Login => l.say("login", "Anmeldung"),
        Step::Sender => l.say("sender", "Absender"),
        Step::Recipient => l.say("recipient", "Empfänger"),
        _ => l.say("message", "Nachricht"),
    }
}

fn object(l: Language, step: Step) -> &'static str {
    match step {
        Step::Tls => l.say("STARTTLS", "STARTTLS"),
        Step::Greeting => l.say("the connection", "die Verbindung"),
        Step::Login => l.say("the login", "die Anmeldung"),
        Step::Sender => l.say("the sender", "den Absender"),
        Step::Recipient => l.say("the recipient", "den Empfänger"),
        _ => l.say("the message", "die Nachricht"),
    }
}
