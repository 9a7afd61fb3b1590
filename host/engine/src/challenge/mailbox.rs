//! Email addresses: one canonical form for each mailbox, so that what is sent to is what is
//! counted.

use icu_normalizer::ComposingNormalizerBorrowed;

use super::canonical::Canonical;
use super::digits::is_invisible;
use crate::error::Error;

/// The maximum length of an address, in bytes (RFC 5321 section 4.5.3.1.3, without the angle
/// brackets).
const ADDRESS_BYTES: usize = 254;

/// The domains of Google Mail, where dots in the local part are ignored.
/// <https://support.google.com/mail/answer/7436150>
const GOOGLE_MAIL: [&str; 2] = ["gmail.com", "googlemail.com"];

/// Parses an address in any spelling.
///
/// The domain is converted to the form in which it is looked up (UTS #46, then A-labels of IDNA):
/// `ⓔxample.com` and `EXAMPLE.com` are `example.com`, and mail goes there. The local part is for
/// the receiving server to interpret, so it stays as it is, apart from Unicode composition (NFC,
/// RFC 6532 section 3.1).
pub(super) fn canonical(text: &str) -> Result<Canonical, Error> {
    let wrong = || Error::recipient_rejected("`recipient.email` is not an email address");
    let text = text.trim();
    // The domain may be longer before it is mapped below.
    if text.len() > 4 * ADDRESS_BYTES {
        return Err(wrong());
    }
    let (local, domain) = text.rsplit_once('@').ok_or_else(wrong)?;
    let domain = idna::domain_to_ascii_strict(domain).map_err(|_| wrong())?;
    let top = domain.rsplit('.').next().unwrap_or_default();
    // An IP address is not a domain.
    if top.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let nfc = ComposingNormalizerBorrowed::new_nfc();
    let local = nfc.normalize(local).into_owned();
    let address = format!("{local}@{domain}");
    let hidden = |c: char| c.is_control() || is_invisible(c) || matches!(c, '\u{2028}' | '\u{2029}');
    // A quoted local part may contain spaces, quotes and characters that upstreams interpret
    // differently.
    if address.len() > ADDRESS_BYTES || local.starts_with('"') || local.chars().any(hidden) {
        return Err(wrong());
    }
    let options = email_address::Options::default().without_display_text().without_domain_literal().with_required_tld();
    email_address::EmailAddress::parse_with_options(&address, options).map_err(|_| wrong())?;
    let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
    Ok(Canonical {
        bucket: format!("mailto:{}", counted(&local, &domain)),
        prefix: String::new(),
        country: String::new(),
        hint: format!("{}•••@{}•••.{top}", first(&local), first(&domain)),
        address,
    })
}

/// Returns the form that limits count. Mail servers ignore case, and most treat `a+b` as `a`. Where
/// one does not, two people share a limit.
fn counted(local: &str, domain: &str) -> String {
    let person = local.split('+').next().unwrap_or(local).to_lowercase();
    let person = ComposingNormalizerBorrowed::new_nfkc().normalize(&person).to_lowercase();
    if GOOGLE_MAIL.contains(&domain) {
        return format!("{}@{}", person.replace('.', ""), GOOGLE_MAIL[0]);
    }
    format!("{person}@{domain}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_of_a_domain_are_one_mailbox_that_is_written_to() {
        for text in [
            "alice@example.com",
            "alice@EXAMPLE.com",
            "alice@ｅxample.com",
            "alice@ⓔxample.com",
            "alice@𝐞xample.com",
            "alice@exa\u{ad}mple.com",
            "alice@exam\u{200b}ple.com",
            "alice@example。com",
            " alice@example.com ",
        ] {
            let mailbox = canonical(text).unwrap();
            assert_eq!(
                (&*mailbox.address, &*mailbox.bucket),
                ("alice@example.com", "mailto:alice@example.com"),
                "{text}"
            );
        }
        for text in [
            "alice@bücher.example",
            "alice@BÜCHER.example",
            "alice@bu\u{308}cher.example",
            "alice@xn--bcher-kva.example",
            "alice@XN--BCHER-KVA.example",
        ] {
            assert_eq!(canonical(text).unwrap().address, "alice@xn--bcher-kva.example", "{text}");
        }
        // Different: UTS #46 keeps apart what registries keep apart.
        assert_ne!(canonical("a@faß.example").unwrap().address, canonical("a@fass.example").unwrap().address);
    }

    #[test]
    fn spellings_of_a_mailbox_share_a_limit_and_the_email_goes_to_the_passed_one() {
        let bucket = |text: &str| canonical(text).unwrap().bucket;
        for text in ["Alice+x@Example.com", " alice@EXAMPLE.COM", "ALICE+@example.com", "ａlice@example.com"] {
            assert_eq!(bucket(text), "mailto:alice@example.com", "{text}");
        }
        assert_eq!(canonical("Alice+x@Example.com").unwrap().address, "Alice+x@example.com");
        assert_eq!(bucket("e\u{301}mile@example.com"), bucket("Émile@example.com"));
        assert_eq!(canonical("e\u{301}mile@example.com").unwrap().address, "émile@example.com");
        assert_eq!(bucket("a.l.ice+y@googlemail.com"), bucket("alice@gmail.com"));
        assert_eq!(canonical("a.lice@gmail.com").unwrap().address, "a.lice@gmail.com");
        assert_eq!(canonical("alice@example.com").unwrap().hint, "a•••@e•••.com");
    }

    #[test]
    fn an_invalid_email_address_is_rejected() {
        for text in [
            "",
            "alice",
            "alice@",
            "@example.com",
            "a@b",
            "a b@example.com",
            "al\u{200b}ice@example.com",
            "al\u{202e}ice@example.com",
            "al\u{2028}ice@example.com",
            "a@example.com\r\nBcc: x@example.com",
            "Alice <a@example.com>",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "\"a b\"@example.com",
            "a@example.com,b@example.com",
            "a@b@example.com",
            "a@example.com.",
            "a@.example.com",
            "a@exa_mple.com",
            "a@-a.example",
            "al\u{200b}ice@example.com",
            "al\u{202e}ice@example.com",
            "a@xn--a.example",
            &format!("{}@example.com", "a".repeat(65)),
            &format!("a@{}.com", "a".repeat(1 << 20)),
        ] {
            assert!(canonical(text).is_err_and(|error| error.is_recipient_rejected()), "{text:.60}");
        }
    }
}
