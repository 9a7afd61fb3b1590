//! Who calls, and what they may do. A refusal does not tell "not yours" from "not there".

use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use twofactor::{Actor, Administration, Identity, IpNet, Role};

use super::Api;
use super::problem::Problem;

async fn identity(parts: &Parts, api: &Api) -> Result<Identity, Problem> {
    let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map_or("", |(_, token)| token.trim());
    let refused = || Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "a valid bearer token is needed");
    api.engine.authenticate(token).await?.ok_or_else(refused)
}

fn forbidden(detail: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)
}

/// An application: it has challenges of one subscription, and nothing else.
pub(super) struct Application {
    pub(super) subscription: String,
}

impl FromRequestParts<Api> for Application {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        match identity(parts, api).await?.role {
            Role::Application { subscription } => Ok(Self { subscription }),
            _ => Err(forbidden("this call is for applications")),
        }
    }
}

/// One who may read what is administered: an administrator or an auditor. Calls that only read take this.
pub(crate) struct Reader {
    role: Role,
    administration: Administration,
}

/// One who may change what is administered: an administrator. All calls that do more than read take this.
pub(crate) struct Administrator(Reader);

impl FromRequestParts<Api> for Administrator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let reader = Reader::from_request_parts(parts, api).await?;
        if reader.may_change() {
            Ok(Self(reader))
        } else {
            Err(forbidden("an auditor reads: this call is for administrators"))
        }
    }
}

/// Whose something is, is the same question whether it is read or changed.
impl Deref for Administrator {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.0
    }
}

impl FromRequestParts<Api> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let identity = identity(parts, api).await?;
        let mut actor = Actor::new(format!("token {}", identity.token_id));
        actor.from = client_address(parts, api);
        Self::new(identity.role, api.engine.administration(actor))
    }
}

impl Reader {
    /// One who is known, by a token or by a session.
    pub(crate) fn new(role: Role, administration: Administration) -> Result<Self, Problem> {
        match role {
            Role::Application { .. } => Err(forbidden("this call is for administrators")),
            Role::SystemAdmin => Ok(Self { role, administration }),
            _ => Ok(Self { role, administration: administration.of_subscriptions() }),
        }
    }

    /// Whether this is an administrator: an auditor reads.
    pub(crate) fn may_change(&self) -> bool {
        matches!(self.role, Role::SystemAdmin | Role::SubscriptionAdmin { .. })
    }

    /// For what concerns the installation.
    pub(crate) fn of_the_system(&self) -> Result<&Administration, Problem> {
        match self.own() {
            Own::Everything => Ok(&self.administration),
            Own::These(_) => Err(forbidden("this call is for those of the whole installation")),
        }
    }

    /// For what any administrator may read or do; what it returns must be narrowed by [`Self::own`].
    pub(crate) fn of_anything(&self) -> &Administration {
        &self.administration
    }

    /// For what belongs to a subscription.
    pub(crate) fn of(&self, subscription: &str) -> Result<&Administration, Problem> {
        if self.own().has(subscription) {
            Ok(&self.administration)
        } else {
            Err(Problem::new(StatusCode::NOT_FOUND, "not-found", "there is no such subscription"))
        }
    }

    /// Which subscriptions are the caller's.
    pub(crate) fn own(&self) -> Own<'_> {
        match &self.role {
            Role::SystemAdmin | Role::Auditor { subscriptions: None } => Own::Everything,
            Role::SubscriptionAdmin { subscriptions } | Role::Auditor { subscriptions: Some(subscriptions) } => {
                Own::These(subscriptions)
            }
            Role::Application { .. } => Own::These(&[]),
        }
    }

    /// Whether a token is the caller's to see, and an administrator's to revoke.
    pub(crate) fn handles(&self, role: &Role) -> bool {
        match role {
            Role::Application { subscription } => self.own().has(subscription),
            _ => matches!(self.own(), Own::Everything),
        }
    }
}

/// What somebody is to administer or to read.
#[derive(Clone, Copy)]
pub(crate) enum Own<'a> {
    /// The installation.
    Everything,
    /// These subscriptions.
    These(&'a [String]),
}

impl Own<'_> {
    pub(crate) fn has(self, subscription: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::These(own) => own.iter().any(|one| one == subscription),
        }
    }
}

/// Where a request came from.
pub(crate) fn client_address(parts: &Parts, api: &Api) -> Option<IpAddr> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    peer.map(|peer| address(peer, &parts.headers, &api.proxies))
}

/// Where a request came from: the peer, or if that is a named proxy the last address in `X-Forwarded-For` that is none.
pub(crate) fn address(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let is_proxy = |address: &IpAddr| proxies.iter().any(|network| network.contains(address));
    let mut address = peer.to_canonical();
    let lines = headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok());
    let hops: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).filter(|hop| !hop.is_empty()).collect();
    for hop in hops.into_iter().rev() {
        if !is_proxy(&address) {
            break;
        }
        match forwarded(hop) {
            Some(before) => address = before.to_canonical(),
            None => break,
        }
    }
    address
}

/// An address as proxies write it: with a port or without, an IPv6 address in brackets or without.
fn forwarded(hop: &str) -> Option<IpAddr> {
    let bracketed = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let alone = bracketed.unwrap_or(hop).parse().ok();
    alone.or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        address(peer.parse().unwrap(), &headers, &["10.0.0.0/8".parse().unwrap()]).to_string()
    }

    #[test]
    fn a_forwarded_address_counts_only_from_a_named_proxy() {
        assert_eq!(seen("203.0.113.1", &["198.51.100.7"]), "203.0.113.1");
        assert_eq!(seen("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(seen("::ffff:10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn an_address_counts_with_its_port_in_brackets_and_before_a_comma_that_nothing_follows() {
        for (forwarded, address) in [
            ("198.51.100.7:50001", "198.51.100.7"),
            ("[2001:db8::7]:443", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[::ffff:198.51.100.7]:1", "198.51.100.7"),
            ("1.1.1.1, 198.51.100.7,", "198.51.100.7"),
            (" 198.51.100.7 , , 10.0.0.2:99", "198.51.100.7"),
            ("[198.51.100.7]x", "10.0.0.1"),
            ("unknown", "10.0.0.1"),
        ] {
            assert_eq!(seen("10.0.0.1", &[forwarded]), address, "{forwarded}");
        }
    }

    #[test]
    fn what_a_client_wrote_itself_before_the_first_proxy_is_not_believed() {
        assert_eq!(seen("10.0.0.1", &["1.1.1.1, 198.51.100.7, 10.0.0.2"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", &["1.1.1.1", "198.51.100.7"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", &["1.1.1.1, nonsense"]), "10.0.0.1");
    }
}
