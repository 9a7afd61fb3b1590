//! The state that all requests share.

use std::sync::Arc;

use axum::extract::FromRef;
use twofactor::TwoFactor;
use twofactor::sandbox::IpNet;

use crate::oidc::Oidc;
use crate::sign_in::PublicUrl;

/// The state that all requests share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct AppState {
    pub(crate) engine: TwoFactor,
    pub(crate) proxies: Arc<[IpNet]>,
    pub(crate) public: Option<PublicUrl>,
    pub(crate) oidc: Option<Arc<Oidc>>,
}

impl FromRef<AppState> for TwoFactor {
    fn from_ref(app: &AppState) -> Self {
        app.engine.clone()
    }
}
