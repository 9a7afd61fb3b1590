//! TLS to the server: which server is trusted, and what the error says of one that is not.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::super::values::get;
use super::*;

/// The name in the server's certificates.
const NAME: &str = "db.example";

/// The password in the URLs, which no error may contain.
const PASSWORD: &str = "hidden-password";

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Authority::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Writes a private key as the server requires it: others must not be able to read it.
fn write_key(file: &Path, key: &KeyPair) {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).unwrap();
    file.write_all(key.serialize_pem().as_bytes()).unwrap();
}

/// Starts a server with TLS. Its folder contains the certificate of its authority, `ours.pem`, that of another one, `foreign.pem`, and
/// two certificates of the server for the same key: `valid.pem`, which it has, and `expired.pem`.
fn with_tls() -> Option<Cluster> {
    let folder = tempfile::tempdir().unwrap().keep();
    let (ours, key) = (authority("Ours"), KeyPair::generate().unwrap());
    let valid = CertificateParams::new([NAME.to_owned()]).unwrap();
    let mut expired = valid.clone();
    expired.not_before = rcgen::date_time_ymd(2019, 1, 1);
    expired.not_after = rcgen::date_time_ymd(2020, 1, 1);
    for (name, pem) in [
        ("ours.pem", ours.pem()),
        ("foreign.pem", authority("Foreign").pem()),
        ("valid.pem", valid.signed_by(&key, &ours).unwrap().pem()),
        ("expired.pem", expired.signed_by(&key, &ours).unwrap().pem()),
    ] {
        fs::write(folder.join(name), pem).unwrap();
    }
    write_key(&folder.join("key.pem"), &key);
    let certificate = format!("ssl_cert_file='{}'", folder.join("valid.pem").display());
    let key = format!("ssl_key_file='{}'", folder.join("key.pem").display());
    Cluster::start_in(&folder, &["ssl=on", &certificate, &key])
}

/// Connects, and returns whether the connection is encrypted, or the text of the error.
async fn encrypted(url: &str) -> Result<bool, String> {
    let session = match PostgresOptions::parse(url).unwrap().connect().await {
        Ok(session) => session,
        Err(error) => {
            assert!(error.is_unavailable(), "{error}");
            assert!(!format!("{error} {error:?}").contains(PASSWORD), "{error}");
            return Err(error.to_string());
        }
    };
    session.begin(StoreErrorKind::Unavailable);
    let row = session.only_row("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[]).await.unwrap();
    Ok(get(&row, 0).unwrap())
}

/// Returns a URL for a server under a name, without saying whether it has TLS.
fn url(cluster: &Cluster, name: &str) -> String {
    format!("postgres://postgres:{PASSWORD}@{name}:{}/postgres?hostaddr=127.0.0.1", cluster.port)
}

#[tokio::test]
async fn only_a_server_with_a_valid_certificate_for_its_name_from_a_trusted_authority_is_used() {
    let Some(cluster) = with_tls() else { return };
    let trusting =
        |authority: &str| format!("{}&sslrootcert={}", url(&cluster, NAME), cluster.folder.join(authority).display());
    let under_another_name = trusting("ours.pem").replace(NAME, "other.example");
    assert_eq!(encrypted(&trusting("ours.pem")).await, Ok(true));
    let explicit = format!("{}&sslmode=verify-full", trusting("ours.pem"));
    assert_eq!(encrypted(&explicit).await, Ok(true));
    for (refused, cause) in [
        (under_another_name, "not valid for name"),
        (trusting("foreign.pem"), "UnknownIssuer"),
        // The system's authorities have not issued it.
        (url(&cluster, NAME), "UnknownIssuer"),
    ] {
        let error = encrypted(&refused).await.unwrap_err();
        assert!(error.contains("TLS") && error.contains(cause), "{cause}: {error}");
    }
    // A connection to this machine is not encrypted only if the URL says so.
    assert_eq!(encrypted(&cluster.url("postgres")).await, Ok(false));

    let certificate = cluster.folder.join("expired.pem").display().to_string();
    cluster.sql("postgres", &format!("ALTER SYSTEM SET ssl_cert_file = '{certificate}'")).await;
    cluster.sql("postgres", "SELECT pg_reload_conf()").await;
    // A connection has the setting that the server had when it began.
    let sql = "SELECT current_setting('ssl_cert_file') = $1";
    while !cluster.client("postgres").await.query_one(sql, &[&certificate]).await.unwrap().get::<_, bool>(0) {}
    let error = encrypted(&trusting("ours.pem")).await.unwrap_err();
    assert!(error.contains("TLS") && error.contains("certificate expired"), "{error}");
}

#[tokio::test]
async fn a_server_without_tls_is_refused_unless_the_url_turns_tls_off() {
    let Some(cluster) = Cluster::shared() else { return };
    for host in ["localhost", NAME] {
        let error = encrypted(&url(cluster, host)).await.unwrap_err();
        assert!(error.contains("server does not support TLS"), "{error}");
    }
    let off = format!("{}&sslmode=disable", url(cluster, "localhost"));
    assert_eq!(encrypted(&off).await, Ok(false));
}
