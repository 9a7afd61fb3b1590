//! Decides which addresses are public. A name is only as trustworthy as the address it resolves to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// IPv4 networks that no name of the public internet resolves to: IANA's special-purpose registry
/// (RFC 6890) without the globally reachable ones, and everything that is not unicast. The standard
/// library has names for the others.
const SPECIAL_V4: &[&str] =
    &["0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4"];

/// The IPv6 addresses of hosts on the public internet (RFC 4291 section 2.4), and the exceptions in
/// IANA's special-purpose registry: protocol assignments, including Teredo; documentation; 6to4,
/// which reaches an IPv4 address through a relay.
const GLOBAL_V6: &[&str] = &["2000::/3"];
const SPECIAL_V6: &[&str] = &["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];

/// Returns whether an address may be dialled: it is public, or in a network that the operator
/// allowed.
pub(crate) fn is_allowed(address: IpAddr, leave: &[IpNet]) -> bool {
    leave.iter().any(|net| net.contains(&address)) || is_public(address)
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => match standing_for_v4(v6) {
            Some(v4) => is_public_v4(v4),
            None => within(GLOBAL_V6, address) && !within(SPECIAL_V6, address),
        },
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let special = v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_unspecified()
        || v4.is_broadcast()
        || v4.is_documentation()
        || v4.is_multicast();
    !special && !within(SPECIAL_V4, v4.into())
}

/// Returns the IPv4 address that this one stands for: of a mapped address (RFC 4291 section
/// 2.5.5.2), or of one under the well-known prefix of NAT64 (RFC 6052 section 2.1), through which
/// hosts without IPv4 reach it. Other NAT64 prefixes, such as that of RFC 8215, belong to one
/// network, and only that network knows what they lead to.
fn standing_for_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., high, low] = v6.segments();
    let tail = Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some(tail),
        _ => None,
    }
}

fn within(nets: &[&str], address: IpAddr) -> bool {
    nets.iter().filter_map(|net| net.parse::<IpNet>().ok()).any(|net| net.contains(&address))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_not_public_are_known_in_every_form() {
        for text in [
            "127.0.0.1",
            "127.255.255.254",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "0.1.2.3",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a00:1",
            "64:ff9b:1::101:101",
            // Forms of RFC 6052 under the prefix of RFC 8215, with lengths of 48, 56 and 64.
            "64:ff9b:1:7f00:0:100:101:101",
            "64:ff9b:1:a9fe:a9:fe00:808:808",
            "64:ff9b:1:0:7f:0:100:0",
            "64:ff9b:0:1::101:101",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "100::1",
            "::ffff:0:127.0.0.1",
            "::ffff:0:1.1.1.1",
            "::1.1.1.1",
            "::2",
            "1::1",
            "100:0:0:1::1",
            "200::1",
            "1fff::1",
            "4000::1",
            "5f00::1",
            "8000::1",
            "f000::1",
            "fec0:ffff::1",
            "ff0e::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:10::1",
            "2001:20::1",
            "2001:1ff:ffff::1",
            "2002:101:101::1",
            "3fff:fff::1",
            "192.88.99.1",
            "203.0.113.9",
            "198.51.100.9",
            "239.255.255.250",
            "172.31.255.255",
            "100.127.255.255",
            "198.19.255.255",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn public_addresses_are_public() {
        for text in [
            "1.1.1.1",
            "93.184.216.34",
            "100.63.255.255",
            "100.128.0.1",
            "172.32.0.1",
            "192.175.48.6",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2003::1",
            "2620:4f:8000::1",
            "3fff:1000::1",
            "3ffe::1",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
        ] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn the_operator_allows_a_network() {
        let leave = ["10.1.0.0/16".parse().unwrap()];
        assert!(is_allowed("10.1.2.3".parse().unwrap(), &leave));
        assert!(!is_allowed("10.2.2.3".parse().unwrap(), &leave));
    }
}
