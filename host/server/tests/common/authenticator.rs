//! A virtual authenticator in a real browser (WebDriver extension of Web Authentication Level 3, section 11).

#![allow(dead_code, reason = "each suite uses its own part")]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::chromium::Chromium;

/// The properties of an authenticator.
pub(crate) struct Properties {
    /// `internal`, `usb`, `hybrid` …
    pub(crate) transport: &'static str,
    /// Whether it can verify its user, and does.
    pub(crate) verifies: bool,
    /// Whether its credentials may be backed up, and are.
    pub(crate) synced: bool,
}

impl Default for Properties {
    fn default() -> Self {
        Self { transport: "internal", verifies: true, synced: false }
    }
}

/// An authenticator that says yes to everything.
pub(crate) struct Authenticator<'a> {
    browser: &'a Chromium,
    path: String,
}

impl<'a> Authenticator<'a> {
    pub(crate) async fn add(browser: &'a Chromium, properties: Properties) -> Self {
        let Properties { transport, verifies, synced } = properties;
        let settings = json!({"protocol": "ctap2", "transport": transport, "hasResidentKey": true,
            "hasUserVerification": verifies, "isUserConsenting": true, "isUserVerified": verifies,
            "defaultBackupEligibility": synced, "defaultBackupState": synced});
        let id = browser.post("/webauthn/authenticator", settings).await;
        Self { browser, path: format!("/webauthn/authenticator/{}", id.as_str().unwrap()) }
    }

    /// Returns its credentials, private keys and counters included.
    pub(crate) async fn credentials(&self) -> Vec<Value> {
        self.browser.get(&format!("{}/credentials", self.path)).await.as_array().unwrap().clone()
    }

    pub(crate) async fn forget(&self, credential: &str) {
        self.browser.delete(&format!("{}/credentials/{credential}", self.path)).await;
    }

    /// Whether the person is recognized from now on.
    pub(crate) async fn verify_user(&self, verified: bool) {
        self.browser.post(&format!("{}/uv", self.path), json!({"isUserVerified": verified})).await;
    }

    /// Sets the backup flags of a credential. ChromeDriver 148 passes the id of the credential on in the wrong alphabet, so the browser
    /// itself is told.
    pub(crate) async fn set_backup(&self, credential: &str, eligible: bool, backed_up: bool) {
        let id = STANDARD.encode(URL_SAFE_NO_PAD.decode(credential).unwrap());
        let authenticator = self.path.rsplit('/').next().unwrap();
        let flags = json!({"authenticatorId": authenticator, "credentialId": id, "backupEligibility": eligible,
            "backupState": backed_up});
        self.browser.devtools("WebAuthn.setCredentialProperties", flags).await;
    }

    /// Puts a credential back, as it was when it was read: a copy of an authenticator.
    pub(crate) async fn restore(&self, credential: &Value) {
        let id = credential["credentialId"].as_str().unwrap();
        self.forget(id).await;
        self.browser.post(&format!("{}/credential", self.path), credential.clone()).await;
    }

    pub(crate) async fn remove(self) {
        self.browser.delete(&self.path).await;
    }
}
