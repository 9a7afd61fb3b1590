//! The part of a sign-in page's settings that says where factors are used.

use std::collections::BTreeSet;

use serde::Deserialize;
use twofactor_sandbox::FieldError;

use super::Site;
use super::origin::{WebOrigin, is_android};
use super::rp_id;

/// How many origins of a kind may be listed.
const ORIGINS: usize = 20;

/// How many registrable labels related origins may have: browsers read at least these (WebAuthn Level 3
/// section 5.11.1).
const RELATED_LABELS: usize = 5;

/// Where factors are used, as an administrator set it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct SiteSettings {
    pub(crate) rp_id: Option<String>,
    pub(crate) origins: Vec<String>,
    pub(crate) related_origins: Vec<String>,
    pub(crate) top_origins: Vec<String>,
}

impl SiteSettings {
    /// Returns the site. `own` is the server's origin.
    pub(super) fn site(&self, name: String, own: Option<&WebOrigin>) -> Site {
        let Some(rp_id) = self.rp_id(own) else { return Site { name, ..Site::default() } };
        let own = own.filter(|own| self.origins.is_empty() && rp_id::covers(rp_id, &own.host));
        let origins = self.origins.iter().chain(own.map(|own| &own.text)).chain(&self.related_origins);
        Site {
            rp_id: rp_id.to_owned(),
            name,
            origins: origins.cloned().collect(),
            top_origins: self.top_origins.clone(),
        }
    }

    /// Returns the RP ID: the one that is set, or the server's host.
    pub(super) fn rp_id<'a>(&'a self, own: Option<&'a WebOrigin>) -> Option<&'a str> {
        let own = || own.map(|own| &*own.host).filter(|host| rp_id::check(host).is_ok());
        self.rp_id.as_deref().or_else(own)
    }

    /// Returns what is wrong with the settings. `own` is the server's origin.
    pub(super) fn problems(&self, own: Option<&WebOrigin>) -> Vec<FieldError> {
        if *self == Self::default() {
            return Vec::new();
        }
        let Some(rp_id) = self.rp_id(own) else {
            let text = "is required: this server has no public URL whose host could be the RP ID";
            return vec![FieldError::new("/rp_id", text)];
        };
        if let Err(why) = rp_id::check(rp_id) {
            return vec![FieldError::new("/rp_id", why)];
        }
        let mut found = Vec::new();
        if self.origins.is_empty() && !own.is_some_and(|own| rp_id::covers(rp_id, &own.host)) {
            let text = "must have an entry: this server's public URL does not belong to the RP ID";
            found.push(FieldError::new("/origins", text));
        }
        let mut check = |name: &str, list: &[String], one: &dyn Fn(&str) -> Result<(), &'static str>| {
            if list.len() > ORIGINS {
                found.push(FieldError::new(format!("/{name}"), format!("must have at most {ORIGINS} entries")));
            }
            let mut known = BTreeSet::new();
            for (n, text) in list.iter().enumerate().take(ORIGINS) {
                let new = if known.insert(text) { Ok(()) } else { Err("appears twice") };
                if let Err(why) = new.and_then(|()| one(text)) {
                    found.push(FieldError::new(format!("/{name}/{n}"), why));
                }
            }
        };
        check("origins", &self.origins, &|text| match text {
            app if is_android(app) => Ok(()),
            app if app.starts_with("android:") => {
                Err("must be `android:apk-key-hash:` and the SHA-256 of the certificate in base64url without padding")
            }
            page if rp_id::covers(rp_id, &WebOrigin::parse(page)?.host) => Ok(()),
            _ => Err("does not belong to the RP ID; list it in `related_origins` if you control it"),
        });
        check("related_origins", &self.related_origins, &|page| match WebOrigin::parse(page)?.host {
            host if rp_id::covers(rp_id, &host) => Err("belongs to the RP ID; list it in `origins`"),
            host if rp_id::registrable_label(&host).is_none() => Err("must not be a public suffix"),
            _ => Ok(()),
        });
        check("top_origins", &self.top_origins, &|page| WebOrigin::parse(page).map(drop));
        let hosts = self.related_origins.iter().filter_map(|page| WebOrigin::parse(page).ok());
        let labels: BTreeSet<String> = hosts.filter_map(|page| rp_id::registrable_label(&page.host)).collect();
        if labels.len() > RELATED_LABELS {
            let text = format!("may have at most {RELATED_LABELS} different names: browsers ignore the others");
            found.push(FieldError::new("/related_origins", text));
        }
        found
    }
}
