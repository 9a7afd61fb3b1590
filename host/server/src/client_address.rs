//! The network address that a request comes from.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use twofactor::sandbox::IpNet;

/// Returns the address of the client.
pub(crate) fn client_address(parts: &Parts, proxies: &[IpNet]) -> Option<IpAddr> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    peer.map(|peer| address(peer, &parts.headers, proxies))
}

/// Returns the address of the client: the peer, or if that is a trusted proxy, the last address in `X-Forwarded-For` that is not one.
pub(crate) fn address(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let is_proxy = |address: &IpAddr| proxies.iter().any(|network| network.contains(address));
    let mut address = peer.to_canonical();
    // Of bytes: a client may send any, and the proxy's own entry may be in the same line.
    let lines = headers.get_all("x-forwarded-for").iter().map(HeaderValue::as_bytes);
    let hops = lines.flat_map(|line| line.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    let hops: Vec<&[u8]> = hops.filter(|hop| !hop.is_empty()).collect();
    for hop in hops.into_iter().rev() {
        if !is_proxy(&address) {
            break;
        }
        match std::str::from_utf8(hop).ok().and_then(forwarded) {
            Some(before) => address = before.to_canonical(),
            None => break,
        }
    }
    address
}

/// Parses an address as proxies write it: with or without a port; IPv6 with or without brackets.
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
            headers.append("x-forwarded-for", HeaderValue::from_bytes(line.as_bytes()).unwrap());
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
    fn addresses_that_a_client_forged_are_not_believed() {
        assert_eq!(seen("10.0.0.1", &["1.1.1.1, 198.51.100.7, 10.0.0.2"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", &["1.1.1.1", "198.51.100.7"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", &["1.1.1.1, nonsense"]), "10.0.0.1");
    }

    #[test]
    fn a_client_cannot_hide_its_address_behind_bytes_that_are_not_ascii() {
        assert_eq!(seen("10.0.0.1", &["é, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", &["é", "198.51.100.7"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", &["1.1.1.1, é, 10.0.0.2"]), "10.0.0.2");
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", HeaderValue::from_bytes(b"\xff, 198.51.100.7").unwrap());
        let address = address("10.0.0.1".parse().unwrap(), &headers, &["10.0.0.0/8".parse().unwrap()]);
        assert_eq!(address.to_string(), "198.51.100.7");
    }
}
