//! Factors as components alone, in the sandbox.

use serde_json::Value;
use twofactor::sandbox::{
    Component, Configured, ConfiguredFactor, FactorContext, FactorUser, Requirements, SandboxLimits, Site,
};

/// What the host knows of a sign-in: a site, a user, and the time.
pub struct Place {
    pub site: Site,
    pub user: FactorUser,
    pub requirements: Requirements,
    /// In seconds since 1970.
    pub now: i64,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            site: Site {
                rp_id: "example.com".to_owned(),
                name: "Example".to_owned(),
                origins: vec![twofactor_fido::testing::ORIGIN.to_owned()],
                top_origins: Vec::new(),
            },
            user: FactorUser {
                handle: vec![7; 64],
                name: "ada@example.com".to_owned(),
                display_name: "Ada".to_owned(),
            },
            requirements: Requirements::default(),
            now: 1_800_000_000,
        }
    }
}

impl Place {
    /// Returns what a component is told in a call.
    pub fn context(&self) -> FactorContext<'_> {
        FactorContext {
            now: jiff::Timestamp::from_second(self.now).unwrap(),
            site: &self.site,
            user: &self.user,
            requirements: self.requirements,
            trusted: &[],
        }
    }

    /// Configures a component for this site.
    pub async fn configure(&self, component: &Component, options: &Value) -> Configured {
        component.configure_at(options, &self.site).await.unwrap()
    }
}

/// Loads a component that may reach nothing.
pub async fn load(component: &[u8]) -> Component {
    let network = twofactor::Network::builder().build().unwrap();
    Component::load(component, network, SandboxLimits::default()).await.unwrap()
}

/// Returns the factor of a configured component.
pub fn factor(configured: &Configured) -> &ConfiguredFactor {
    configured.factor().unwrap()
}
