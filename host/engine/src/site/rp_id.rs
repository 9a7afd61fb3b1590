//! Relying party ids (WebAuthn Level 3 section 4): which hosts may be one, and which pages belong to it.

use url::Host;

use super::origin::is_host_name;

/// Checks an RP ID: a host name that is not a public suffix, or `localhost`.
///
/// # Errors
/// What it must be.
pub(super) fn check(rp_id: &str) -> Result<(), &'static str> {
    match Host::parse(rp_id) {
        Ok(Host::Ipv4(_) | Host::Ipv6(_)) => return Err("must be a host name, not an IP address"),
        Ok(Host::Domain(host)) if host == rp_id && is_host_name(rp_id) => {}
        _ => return Err("must be a host name in lower case, such as `example.com`, without a scheme or port"),
    }
    if rp_id != "localhost" && registrable(rp_id).is_none() {
        return Err("must not be a public suffix, below which others can register names");
    }
    Ok(())
}

/// Returns whether pages of a host belong to an RP ID: it is the host, or a suffix of it within what
/// somebody registered. A public suffix may have one that is not: of `*.kawasaki.jp`, `kawasaki.jp`.
pub(super) fn covers(rp_id: &str, host: &str) -> bool {
    let below = |host: &str, suffix: &str| host.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('.'));
    let registered = |domain: String| {
        let (rp_id, _) = idna::domain_to_unicode(rp_id);
        rp_id == domain || below(&rp_id, &domain)
    };
    host == rp_id || below(host, rp_id) && registrable(host).is_some_and(registered)
}

/// Returns the first label of the domain that somebody registered, such as `example` of
/// `login.example.co.uk`. Browsers count these labels among related origins.
pub(super) fn registrable_label(host: &str) -> Option<String> {
    let domain = registrable(host)?;
    domain.split('.').next().map(str::to_owned)
}

/// Returns the registrable domain of a host, in Unicode like the list of public suffixes.
fn registrable(host: &str) -> Option<String> {
    let (host, valid) = idna::domain_to_unicode(host);
    valid.ok()?;
    psl::domain_str(&host).map(str::to_owned)
}
