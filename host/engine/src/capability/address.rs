//! Which addresses are public. A name is only as good as the address it leads to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Networks that a name of the public internet does not lead to (IANA special-purpose registries, RFC 6890), beside those that
/// the standard library knows by name.
const SPECIAL_V4: &[&str] =
    &["0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4"];
const SPECIAL_V6: &[&str] = &["100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16", "fec0::/10"];

/// Whether an address may be dialled: public, or in a network the operator gave leave for.
pub(super) fn is_allowed(address: IpAddr, leave: &[IpNet]) -> bool {
    leave.iter().any(|net| net.contains(&address)) || is_public(address)
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => match embedded_v4(v6) {
            // Translated or tunnelled, such an address leads to the IPv4 one.
            Some(v4) => is_public_v4(v4),
            None => is_public_v6(v6),
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

fn is_public_v6(v6: Ipv6Addr) -> bool {
    let special = v6.is_loopback()
        || v6.is_unspecified()
        || v6.is_multicast()
        || v6.is_unique_local()
        || v6.is_unicast_link_local();
    !special && !within(SPECIAL_V6, v6.into())
}

/// The IPv4 address inside a mapped (RFC 4291), compatible, NAT64 (RFC 6052, RFC 8215) or 6to4 (RFC 3056) one.
fn embedded_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let tail = |s: [u16; 8]| {
        let [a, b] = s[6].to_be_bytes();
        let [c, d] = s[7].to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    let segments = v6.segments();
    match segments {
        [0, 0, 0, 0, 0, 0xffff, ..] => Some(tail(segments)),
        [0, 0, 0, 0, 0xffff, 0, ..] => Some(tail(segments)),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 || low > 1 => Some(tail(segments)),
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some(tail(segments)),
        [0x64, 0xff9b, 1, ..] => Some(tail(segments)),
        [0x2002, high, low, ..] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            Some(Ipv4Addr::new(a, b, c, d))
        }
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
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn public_addresses_are_public() {
        for text in
            ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1", "2002:101:101::1"]
        {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn the_operator_gives_leave_for_a_network() {
        let leave = ["10.1.0.0/16".parse().unwrap()];
        assert!(is_allowed("10.1.2.3".parse().unwrap(), &leave));
        assert!(!is_allowed("10.2.2.3".parse().unwrap(), &leave));
    }
}
