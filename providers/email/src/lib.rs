//! Mail over SMTP, or through Microsoft 365.

mod graph;
mod options;
mod smtp;

use options::{MailServer, Options};
use twofactor_provider::{Connection, Delivery, Message, Metadata, Problem, Provider, Recipient};

/// The provider.
pub struct Email;

impl Provider for Email {
    type Options = Options;
    const METADATA: Metadata = Metadata {
        type_id: "email",
        name: "Email",
        version: env!("CARGO_PKG_VERSION"),
        channel: "email",
        recipient: Recipient::EmailAddress,
        needs_code: false,
    };

    fn configure(options: &Options) -> Result<Vec<Connection>, Vec<Problem>> {
        options.check()?;
        Ok(vec![match &options.server {
            MailServer::Smtp(server) => smtp::connection(server),
            MailServer::M365(tenant) => graph::connection(tenant),
        }])
    }

    fn deliver(options: &Options, message: &Message) -> Delivery {
        match &options.server {
            MailServer::Smtp(_) => smtp::deliver(options, message),
            MailServer::M365(tenant) => graph::deliver(options, tenant, message),
        }
    }
}

twofactor_provider::export!(Email);

#[cfg(test)]
mod tests;
