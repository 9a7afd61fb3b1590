//! The sign-in that instances are selected for.

use std::fmt;

use serde::{Deserialize, Serialize};
use twofactor_sandbox::readable::{self, Unreadable};

use crate::error::Error;

/// Who signs in, and where: instances are assigned by these. `Debug` does not show the user.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIn {
    /// The subscription whose instances may serve it.
    pub subscription: String,
    /// The tenant.
    pub tenant: Option<String>,
    /// The identity provider.
    pub idp: Option<String>,
    /// The client application.
    pub client_application: Option<String>,
    /// The user, whom wrong answers count against.
    pub user: Option<String>,
}

impl SignIn {
    /// Creates a sign-in within a subscription.
    pub fn new(subscription: impl Into<String>) -> Self {
        Self { subscription: subscription.into(), ..Self::default() }
    }

    /// Sets the tenant.
    pub fn tenant(mut self, id: impl Into<String>) -> Self {
        self.tenant = Some(id.into());
        self
    }

    /// Sets the identity provider.
    pub fn idp(mut self, id: impl Into<String>) -> Self {
        self.idp = Some(id.into());
        self
    }

    /// Sets the client application.
    pub fn client_application(mut self, id: impl Into<String>) -> Self {
        self.client_application = Some(id.into());
        self
    }

    /// Sets the user.
    pub fn user(mut self, id: impl Into<String>) -> Self {
        self.user = Some(id.into());
        self
    }

    /// Returns the same sign-in with each id in its canonical form.
    ///
    /// # Errors
    /// Invalid input, with the place, if an id has no such form.
    pub(crate) fn in_one_spelling(mut self) -> Result<Self, Error> {
        for (name, id) in [
            ("tenant", &mut self.tenant),
            ("idp", &mut self.idp),
            ("client_application", &mut self.client_application),
            ("user", &mut self.user),
        ] {
            if let Some(id) = id {
                let wrong = |why: Unreadable| Error::invalid_at(format!("/{name}"), why.to_string());
                *id = readable::identifier(id).map_err(wrong)?;
            }
        }
        Ok(self)
    }
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn")
            .field("subscription", &self.subscription)
            .field("tenant", &self.tenant)
            .field("idp", &self.idp)
            .field("client_application", &self.client_application)
            .finish_non_exhaustive()
    }
}
