//! The state of the sign-in pages.

use std::sync::Arc;

use twofactor::TwoFactor;
use twofactor::sandbox::IpNet;
use twofactor::sign_in::HostedSignIns;

use super::public::PublicUrl;

/// The state of the sign-in pages.
pub(super) struct Inner {
    pub(super) engine: TwoFactor,
    pub(super) sign_ins: HostedSignIns,
    pub(super) proxies: Arc<[IpNet]>,
    pub(super) public: PublicUrl,
}

#[derive(Clone)]
pub(super) struct Site(pub(super) Arc<Inner>);

impl std::ops::Deref for Site {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
