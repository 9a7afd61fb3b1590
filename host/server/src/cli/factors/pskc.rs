//! PSKC (RFC 6030), as privacyIDEA exports it (`export_pskc` in `privacyidea/lib/importotp.py`): secrets that are encrypted with AES-CBC
//! and a pre-shared key, names in lower case, the hash function as an attribute, no user, and `TODOmissing` as MAC. Plain secrets and keys
//! that are derived from a password (PBKDF2) are read as well.

use std::collections::HashMap;
use std::num::NonZeroU32;

use aes::cipher::{BlockCipherDecrypt as _, KeyInit as _};
use aes::{Aes128, Aes192, Aes256};
use anyhow::{Context as _, bail};
use data_encoding::BASE64;
use ring::{hmac, pbkdf2};
use twofactor::admin::ExistingApp;
use zeroize::Zeroizing;

use super::xml::{self, Element};
use super::{Entry, otpauth};

/// The number of rounds of PBKDF2 that is accepted: some seconds.
const MOST_ROUNDS: u32 = 5_000_000;

/// The longest derived key that is accepted, in bytes.
const MOST_KEY_BYTES: usize = 32;

const BLOCK: usize = 16;

/// What opens the secrets of a file.
pub(in super::super) enum Protection {
    /// They are not encrypted.
    None,
    /// The pre-shared key.
    Key(Zeroizing<Vec<u8>>),
    /// The password that the key is derived from.
    Password(Zeroizing<String>),
}

/// The keys of a file.
struct Keys {
    encryption: Zeroizing<Vec<u8>>,
    /// None if the file names no key for MACs.
    mac: Option<hmac::Key>,
}

/// Parses a file. `users` are lines `SERIAL,USER`, for keys whose user the file does not name.
///
/// # Errors
/// If it is not PSKC, or the key or password is wrong.
pub(in super::super) fn parse(text: &str, protection: &Protection, users: &str) -> anyhow::Result<Vec<Entry>> {
    let root = xml::parse(text)?;
    if root.name != "keycontainer" {
        bail!("the file is not PSKC: its root is not `KeyContainer`");
    }
    let users = users_by_serial(users)?;
    let keys = keys(&root, protection)?;
    let packages = root.all("keypackage").filter_map(|package| Some((package, package.at(&["key"])?)));
    Ok(packages
        .map(|(package, key)| Entry { line: package.line, app: app(package, key, keys.as_ref(), &users) })
        .collect())
}

fn users_by_serial(text: &str) -> anyhow::Result<HashMap<&str, &str>> {
    let lines = (1..).zip(text.lines().map(str::trim)).filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let mut users = HashMap::new();
    for (n, line) in lines {
        let (serial, user) =
            line.split_once(',').with_context(|| format!("line {n} of the users is not `SERIAL,USER`"))?;
        if users.insert(serial.trim(), user.trim()).is_some() {
            bail!("line {n} of the users repeats a serial number");
        }
    }
    Ok(users)
}

fn keys(root: &Element, protection: &Protection) -> anyhow::Result<Option<Keys>> {
    let encryption = match protection {
        Protection::None => return Ok(None),
        Protection::Key(key) => key.clone(),
        Protection::Password(password) => derived(root, password)?,
    };
    if !matches!(encryption.len(), 16 | 24 | 32) {
        bail!("the key must have 16, 24 or 32 bytes");
    }
    let Some(method) = root.at(&["macmethod"]) else { return Ok(Some(Keys { encryption, mac: None })) };
    let algorithm = match fragment(method.attribute("algorithm")) {
        "hmac-sha1" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        "hmac-sha256" => hmac::HMAC_SHA256,
        "hmac-sha512" => hmac::HMAC_SHA512,
        _ => bail!("the MACs are not computed with HMAC and SHA-1, SHA-256 or SHA-512"),
    };
    let mac = match method.at(&["mackey"]) {
        Some(wrapped) => {
            decrypted(wrapped, &encryption).map_err(|_| anyhow::anyhow!("the key or password is wrong"))?.plain
        }
        None => encryption.clone(),
    };
    Ok(Some(Keys { mac: Some(hmac::Key::new(algorithm, &mac)), encryption }))
}

/// Derives the key from the password (RFC 6030 section 6.2).
fn derived(root: &Element, password: &str) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let method = root.at(&["encryptionkey", "derivedkey", "keyderivationmethod"]);
    let method = method.context("the secrets are not encrypted with a password")?;
    let parameters = method.at(&["pbkdf2-params"]).filter(|_| fragment(method.attribute("algorithm")) == "pbkdf2");
    let parameters = parameters.context("the key is not derived with PBKDF2")?;
    let algorithm = match parameters.at(&["prf"]).and_then(|prf| prf.attribute("algorithm")) {
        None => pbkdf2::PBKDF2_HMAC_SHA1,
        Some(name) => match fragment(Some(name)) {
            "hmac-sha1" => pbkdf2::PBKDF2_HMAC_SHA1,
            "hmac-sha256" => pbkdf2::PBKDF2_HMAC_SHA256,
            _ => bail!("the key is not derived with HMAC and SHA-1 or SHA-256"),
        },
    };
    let number = |name| parameters.text(&[name]).and_then(|text| text.parse::<u32>().ok());
    let salt = parameters.text(&["salt", "specified"]).and_then(base64).context("the derived key has no salt")?;
    let rounds = number("iterationcount").filter(|rounds| *rounds <= MOST_ROUNDS).and_then(NonZeroU32::new);
    let rounds = rounds.with_context(|| format!("the key must be derived with 1 to {MOST_ROUNDS} iterations"))?;
    let length = number("keylength").map_or(16, |length| length as usize);
    if length > MOST_KEY_BYTES {
        bail!("the derived key is longer than {MOST_KEY_BYTES} bytes");
    }
    let mut key = Zeroizing::new(vec![0; length]);
    pbkdf2::derive(algorithm, rounds, &salt, password.as_bytes(), &mut key);
    Ok(key)
}

fn app(
    package: &Element,
    key: &Element,
    keys: Option<&Keys>,
    users: &HashMap<&str, &str>,
) -> Result<ExistingApp, String> {
    let kind = key.attribute("algorithm").unwrap_or_default().to_ascii_lowercase();
    match kind.rsplit([':', '#']).next() {
        Some("totp") => {}
        Some("hotp") => return Err("is counter-based (HOTP): only time-based codes can be imported".to_owned()),
        _ => return Err("is not for time-based codes".to_owned()),
    }
    let serial = package.text(&["deviceinfo", "serialno"]).or(key.attribute("id"));
    let user = serial.and_then(|serial| users.get(serial).copied());
    let user = user.or_else(|| key.text(&["userid"])).or_else(|| package.text(&["deviceinfo", "userid"]));
    let user = user
        .filter(|user| !user.is_empty())
        .ok_or("does not name a user: add its serial number to the file of `--users`")?;
    let format = key.at(&["algorithmparameters", "responseformat"]);
    if format.and_then(|format| format.attribute("encoding")).is_some_and(|text| !text.eq_ignore_ascii_case("decimal"))
    {
        return Err("has codes that are not decimal".to_owned());
    }
    let suite = key.at(&["algorithmparameters", "suite"]);
    let algorithm = suite.and_then(|suite| suite.attribute("hashalgo").or_else(|| suite.text(&[])));
    let number = |text: Option<&str>, name: &str, default: u32| match text {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| format!("has a {name} that is not a number")),
    };
    Ok(ExistingApp {
        label: serial.map(str::to_owned),
        algorithm: otpauth::algorithm(algorithm.unwrap_or("SHA1"))?,
        digits: number(format.and_then(|format| format.attribute("length")), "length", 6)?,
        period: number(key.text(&["data", "timeinterval", "plainvalue"]), "time interval", 30)?,
        ..ExistingApp::new(user, secret(key, keys)?)
    })
}

fn secret(key: &Element, keys: Option<&Keys>) -> Result<Vec<u8>, String> {
    if let Some(plain) = key.text(&["data", "secret", "plainvalue"]) {
        if keys.is_some() {
            return Err(
                "has a secret in plain text: omit `--key-file` and `--password-file` if you trust the file".to_owned()
            );
        }
        return base64(plain).filter(|secret| !secret.is_empty()).ok_or("has a secret that is not base64".to_owned());
    }
    let encrypted = key.at(&["data", "secret", "encryptedvalue"]).ok_or("has no secret")?;
    let keys = keys.ok_or("has an encrypted secret: pass `--key-file` or `--password-file`")?;
    // RFC 6030 has the MAC in `Secret`, privacyIDEA after it.
    let mac = key.text(&["data", "secret", "valuemac"]).or_else(|| key.text(&["data", "valuemac"]));
    let mac =
        mac.filter(|mac| *mac != NO_MAC).map(|mac| base64(mac).ok_or("has a MAC that is not base64")).transpose()?;
    if mac.is_some() && keys.mac.is_none() {
        return Err("has a MAC, but the file does not say how it was computed".to_owned());
    }
    let decrypted = decrypted(encrypted, &keys.encryption)?;
    let fits = match (&keys.mac, mac) {
        (Some(key), Some(mac)) => hmac::verify(key, &decrypted.ciphertext, &mac).is_ok(),
        // Without a MAC, a wrong key shows in the padding.
        _ => decrypted.is_padded_with_lengths,
    };
    if fits {
        Ok(decrypted.plain.to_vec())
    } else {
        Err("has a secret that the key does not decrypt, or that was changed".to_owned())
    }
}

/// What privacyIDEA writes instead of a MAC.
const NO_MAC: &str = "TODOmissing";

/// The value of an element.
struct Decrypted {
    ciphertext: Vec<u8>,
    plain: Zeroizing<Vec<u8>>,
    /// Whether each byte of the padding is its length, as most programs write it.
    is_padded_with_lengths: bool,
}

fn decrypted(wrapped: &Element, key: &[u8]) -> Result<Decrypted, String> {
    let method = wrapped.at(&["encryptionmethod"]).and_then(|method| method.attribute("algorithm"));
    let key_bytes = match fragment(method) {
        "aes128-cbc" => 16,
        "aes192-cbc" => 24,
        "aes256-cbc" => 32,
        _ => return Err("has a secret that is not encrypted with AES-CBC".to_owned()),
    };
    if key.len() != key_bytes {
        return Err(format!("has a secret that requires a key of {key_bytes} bytes"));
    }
    let ciphertext = wrapped.text(&["cipherdata", "ciphervalue"]).and_then(base64).unwrap_or_default();
    let mut plain = cbc(key, &ciphertext).ok_or("has a truncated secret")?;
    // XML Encryption 1.1 section 5.2: the last byte is the number of bytes of padding, the others may be anything.
    let padding = plain.last().map_or(0, |last| usize::from(*last));
    let at = plain.len().checked_sub(padding).filter(|_| (1..=BLOCK).contains(&padding));
    let padding = plain.split_off(at.ok_or("has a secret that the key does not decrypt, or that was changed")?);
    let is_padded_with_lengths = padding.iter().all(|byte| usize::from(*byte) == padding.len());
    Ok(Decrypted { ciphertext, plain, is_padded_with_lengths })
}

/// Decrypts with AES-CBC. The first block is the initialization vector.
fn cbc(key: &[u8], ciphertext: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (blocks, []) = ciphertext.as_chunks::<BLOCK>() else { return None };
    let mut plain = Zeroizing::new(Vec::with_capacity(ciphertext.len()));
    for pair in blocks.windows(2) {
        let [before, block] = pair else { return None };
        let mut block = (*block).into();
        match key.len() {
            16 => Aes128::new_from_slice(key).ok()?.decrypt_block(&mut block),
            24 => Aes192::new_from_slice(key).ok()?.decrypt_block(&mut block),
            _ => Aes256::new_from_slice(key).ok()?.decrypt_block(&mut block),
        }
        plain.extend(block.iter().zip(before).map(|(byte, before)| byte ^ before));
    }
    (!plain.is_empty()).then_some(plain)
}

/// Returns the end of an identifier of an algorithm: what follows the `#`.
fn fragment(uri: Option<&str>) -> &str {
    uri.and_then(|uri| uri.rsplit('#').next()).unwrap_or_default()
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let text: Zeroizing<String> = Zeroizing::new(text.split_ascii_whitespace().collect());
    BASE64.decode(text.as_bytes()).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// The pre-shared key of RFC 6030 section 6.1.
    const KEY: &str = "12345678901234567890123456789012";

    /// The values of RFC 6030, figure 6 (pre-shared key) and figure 7 (password `qwerty`): the secret, its MAC, and the key of the MAC. Both
    /// have the secret `12345678901234567890`.
    const FIGURE_6: [&str; 3] = [
        "AAECAwQFBgcICQoLDA0OD+cIHItlB3Wra1DUpxVvOx2lef1VmNPCMl8jwZqIUqGv",
        "Su+NvtQfmvfJzF6bmQiJqoLRExc=",
        "ESIzRFVmd4iZABEiM0RVZgKn6WjLaTC1sbeBMSvIhRejN9vJa2BOlSaMrR7I5wSX",
    ];
    const FIGURE_7: [&str; 3] = [
        "oTvo+S22nsmS2Z/RtcoF8Hfh+jzMe0RkiafpoDpnoZTjPYZu6V+A4aEn032yCr4f",
        "LP6xMvjtypbfT9PdkJhBZ+D6O4w=",
        "2GTTnLwM3I4e5IO5FkufoOEiOhNj91fhKRQBtBJYluUDsPOLTfUvoU2dStyOwYZx",
    ];

    const DERIVED: &str = "<pskc:EncryptionKey><xenc11:DerivedKey><xenc11:KeyDerivationMethod \
        Algorithm=\"http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#pbkdf2\"><pkcs5:PBKDF2-params><Salt><Specified>\
        Ej7/PEpyEpw=</Specified></Salt><IterationCount>1000</IterationCount><KeyLength>16</KeyLength><PRF/></pkcs5:PBKDF2-params>\
        </xenc11:KeyDerivationMethod></xenc11:DerivedKey></pskc:EncryptionKey>";

    /// A container of the shape of figure 6, for TOTP and with a user.
    fn container(key: &str, [secret, mac, mac_key]: [&str; 3]) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<pskc:KeyContainer Version=\"1.0\" xmlns:pskc=\"urn:ietf:params:xml:ns:keyprov:pskc\" xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\"
 xmlns:xenc11=\"http://www.w3.org/2009/xmlenc11#\" xmlns:pkcs5=\"http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#\">
{key}<pskc:MACMethod Algorithm=\"http://www.w3.org/2000/09/xmldsig#hmac-sha1\"><pskc:MACKey>
<xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#aes128-cbc\"/><xenc:CipherData><xenc:CipherValue>{mac_key}</xenc:CipherValue>
</xenc:CipherData></pskc:MACKey></pskc:MACMethod>
<pskc:KeyPackage><pskc:DeviceInfo><pskc:SerialNo>987654321</pskc:SerialNo></pskc:DeviceInfo>
<pskc:Key Id=\"12345678\" Algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:totp\"><pskc:AlgorithmParameters>
<pskc:ResponseFormat Length=\"8\" Encoding=\"DECIMAL\"/></pskc:AlgorithmParameters><pskc:Data><pskc:Secret><pskc:EncryptedValue>
<xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#aes128-cbc\"/><xenc:CipherData><xenc:CipherValue>
  {secret}
</xenc:CipherValue></xenc:CipherData></pskc:EncryptedValue><pskc:ValueMAC>{mac}</pskc:ValueMAC></pskc:Secret></pskc:Data>
<pskc:UserId>alice</pskc:UserId></pskc:Key></pskc:KeyPackage></pskc:KeyContainer>"
        )
    }

    fn psk() -> Protection {
        Protection::Key(Zeroizing::new(hex::decode(KEY).unwrap()))
    }

    fn one(text: &str, protection: &Protection, users: &str) -> Result<ExistingApp, String> {
        let mut entries = parse(text, protection, users).unwrap();
        assert_eq!(entries.len(), 1);
        entries.remove(0).app
    }

    #[test]
    fn the_examples_of_rfc_6030_are_read() {
        let password = Protection::Password(Zeroizing::new("qwerty".to_owned()));
        for (text, protection) in [(container("", FIGURE_6), psk()), (container(DERIVED, FIGURE_7), password)] {
            let app = one(&text, &protection, "").unwrap();
            assert_eq!((&**app.secret, &*app.user, app.digits), (&b"12345678901234567890"[..], "alice", 8));
            assert_eq!(app.label.as_deref(), Some("987654321"));
        }
    }

    #[test]
    fn a_changed_secret_a_changed_mac_and_a_wrong_key_are_refused() {
        let [secret, mac, mac_key] = FIGURE_6;
        let why = "has a secret that the key does not decrypt, or that was changed";
        // The last bytes of the secret, and the MAC.
        let changed = secret.replace("wZqIUqGv", "wZqIUqGw");
        assert_eq!(one(&container("", [&changed, mac, mac_key]), &psk(), "").unwrap_err(), why);
        let changed = mac.replace("ExC=", "ExA=").replace("Exc=", "ExA=");
        assert_eq!(one(&container("", [secret, &changed, mac_key]), &psk(), "").unwrap_err(), why);
        let wrong = Protection::Key(Zeroizing::new(vec![7; 16]));
        assert!(parse(&container("", FIGURE_6), &wrong, "").is_err());
        let wrong = Protection::Password(Zeroizing::new("azerty".to_owned()));
        assert!(parse(&container(DERIVED, FIGURE_7), &wrong, "").is_err());
        let without = one(&container("", FIGURE_6), &Protection::None, "").unwrap_err();
        assert_eq!(without, "has an encrypted secret: pass `--key-file` or `--password-file`");
        let endless = container(&DERIVED.replace("1000", "4000000000"), FIGURE_7);
        let password = Protection::Password(Zeroizing::new("qwerty".to_owned()));
        assert!(parse(&endless, &password, "").is_err());
    }

    /// Whoever has no key must not be able to replace a secret.
    #[test]
    fn a_secret_without_its_encryption_or_its_mac_is_refused() {
        let text = container("", FIGURE_6);
        let (before, rest) = text.split_once("<pskc:EncryptedValue>").unwrap();
        let (_, after) = rest.split_once("</pskc:EncryptedValue>").unwrap();
        let plain = format!("{before}<pskc:PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</pskc:PlainValue>{after}");
        let (method, rest) = text.split_once("<pskc:MACMethod").unwrap();
        let (_, after) = rest.split_once("</pskc:MACMethod>").unwrap();
        let without_method = format!("{method}{after}");
        let garbled = text.replace("qoLRExc=", "qoLRExc");
        for (changed, why) in [
            (plain, "has a secret in plain text: omit `--key-file` and `--password-file` if you trust the file"),
            (garbled, "has a MAC that is not base64"),
            (without_method, "has a MAC, but the file does not say how it was computed"),
        ] {
            assert_ne!(changed, text);
            assert_eq!(one(&changed, &psk(), "").unwrap_err(), why);
        }
    }

    /// What `export_pskc` writes: names in lower case, no user, `TODOmissing`, and the hash function as an attribute. The secret is that of
    /// figure 6.
    #[test]
    fn an_export_of_privacyidea_is_read() {
        let [secret, _, mac_key] = FIGURE_6;
        let package = |serial: &str, kind: &str| {
            format!(
                "<keypackage>
<deviceinfo>
<manufacturer>phone of alice</manufacturer>
<serialno>{serial}</serialno>
</deviceinfo>
<key algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:{kind}\" id=\"{serial}\">
<issuer>privacyIDEA</issuer>
<algorithmparameters><responseformat encoding=\"DECIMAL\" length=\"6\"></responseformat><suite hashalgo=\"sha256\"></suite></algorithmparameters>
<data><secret><encryptedvalue><xenc:encryptionmethod algorithm=\"http://www.w3.org/2001/04/xmlenc#aes128-cbc\"></xenc:encryptionmethod>
<xenc:cipherdata><xenc:ciphervalue>{secret}</xenc:ciphervalue></xenc:cipherdata></encryptedvalue></secret>
<valuemac>TODOmissing</valuemac><time><plainvalue>0</plainvalue></time><timeinterval><plainvalue>60</plainvalue></timeinterval>
<counter><plainvalue>3</plainvalue></counter><timedrift><plainvalue>0</plainvalue></timedrift></data></key></keypackage>
"
            )
        };
        let text = format!(
            "<keycontainer version=\"1.0\" xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\" xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\">
<encryptionkey><ds:keyname>Pre-shared-key</ds:keyname></encryptionkey>
<macmethod algorithm=\"http://www.w3.org/2000/09/xmldsig#hmac-sha1\"><mackey>
<xenc:encryptionmethod algorithm=\"http://www.w3.org/2001/04/xmlenc#aes128-cbc\"></xenc:encryptionmethod>
<xenc:cipherdata><xenc:ciphervalue>{mac_key}</xenc:ciphervalue></xenc:cipherdata></mackey></macmethod>{}{}{}</keycontainer>",
            package("TOTP0001A", "totp"),
            package("OATH0002B", "hotp"),
            package("TOTP0003C", "totp"),
        );
        let entries = parse(&text, &psk(), "# from the list of tokens\nTOTP0001A, alice\n").unwrap();
        let app = entries[0].app.as_ref().unwrap();
        assert_eq!((&**app.secret, &*app.user, &*app.algorithm), (&b"12345678901234567890"[..], "alice", "SHA256"));
        assert_eq!((app.digits, app.period, app.label.as_deref()), (6, 60, Some("TOTP0001A")));
        let why = |n: usize| (entries[n].line, entries[n].app.as_ref().unwrap_err().as_str());
        assert_eq!(why(1), (17, "is counter-based (HOTP): only time-based codes can be imported"));
        assert_eq!(why(2), (29, "does not name a user: add its serial number to the file of `--users`"));
    }

    #[test]
    fn plain_secrets_are_read() {
        let text = "<KeyContainer><KeyPackage><Key Id='k' Algorithm='urn:ietf:params:xml:ns:keyprov:pskc:totp'><UserId>alice</UserId>\
                    <Data><Secret><PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue></Secret></Data></Key></KeyPackage></KeyContainer>";
        let app = one(text, &Protection::None, "k,bob").unwrap();
        assert_eq!((&**app.secret, &*app.user, app.period), (&b"12345678901234567890"[..], "bob", 30));
        for (change, why) in [
            (("MTIz", "M!Iz"), "has a secret that is not base64"),
            (("PlainValue", "Other"), "has no secret"),
            ((":totp", ":ocra"), "is not for time-based codes"),
        ] {
            assert_eq!(one(&text.replace(change.0, change.1), &Protection::None, "").unwrap_err(), why);
        }
        assert!(parse("<Other/>", &Protection::None, "").is_err());
        assert!(parse(text, &Protection::None, "k").is_err());
        assert!(parse(text, &Protection::None, "k,a\nk,b").is_err());
    }
}
