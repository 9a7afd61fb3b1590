//! Keys in PEM (RFC 7468), as people paste them: a form may have replaced its line breaks by spaces or removed them, and JSON
//! writes them as `\n`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// The longest text that is read, in bytes. An RSA key of 8192 bits has about 6 KiB.
const LONGEST: usize = 16 << 10;

/// Returns the label and the bytes of the first section whose label ends as given.
pub(super) fn section<'a>(text: &'a str, label_end: &str) -> Option<(&'a str, Zeroizing<Vec<u8>>)> {
    let mut rest = text.get(..LONGEST.min(text.len())).filter(|kept| kept.len() == text.len())?;
    while let Some((_, begun)) = rest.split_once("-----BEGIN ") {
        let (label, body) = begun.split_once("-----")?;
        let (body, after) = body.split_once("-----END ")?;
        if label.ends_with(label_end) {
            let unbroken = Zeroizing::new(body.replace("\\n", ""));
            let digits: Zeroizing<String> = Zeroizing::new(unbroken.chars().filter(|c| !c.is_whitespace()).collect());
            return Some((label, Zeroizing::new(STANDARD.decode(&*digits).ok()?)));
        }
        rest = after;
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_however_its_lines_were_joined() {
        let text = "-----BEGIN EC PARAMETERS-----\nAA==\n-----END EC PARAMETERS-----\n-----BEGIN PRIVATE KEY-----\nAQID\nBAUG\n-----END PRIVATE KEY-----\n";
        for written in [text.to_owned(), text.replace('\n', " "), text.replace('\n', ""), text.replace('\n', "\\n")] {
            let (label, der) = section(&written, "PRIVATE KEY").unwrap();
            assert_eq!((label, &**der), ("PRIVATE KEY", &[1, 2, 3, 4, 5, 6][..]));
        }
        for broken in
            ["", "AQID", "-----BEGIN PRIVATE KEY-----AQID", "-----BEGIN PRIVATE KEY-----!-----END PRIVATE KEY-----"]
        {
            assert!(section(broken, "PRIVATE KEY").is_none(), "{broken}");
        }
        assert!(section(&format!("{text}{}", " ".repeat(LONGEST)), "PRIVATE KEY").is_none());
    }
}
