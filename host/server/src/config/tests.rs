//! What a configuration says, and what is wrong with one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::environment::is_of_kubernetes;
use super::*;

const LEAST: &str = "[store]\npath = \"a.db\"\n";

fn parse(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Config::parse(text, &variables).map_err(|error| format!("{error:#}"))
}

#[test]
fn a_path_for_the_store_is_enough() {
    let config = parse(LEAST, &[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert!(config.trusted_proxies.is_empty());
    assert_eq!(config.providers.load, ["email", "ecall", "twilio"]);
    assert_eq!(config.key_file().unwrap(), Path::new("a.db.keys"));
}

#[test]
fn links_begin_with_the_public_url_or_with_where_the_server_listens() {
    let address = SocketAddr::from(([127, 0, 0, 1], 81));
    let base = |text: &str| parse(&format!("{text}{LEAST}"), &[]).unwrap().base_url(address);
    assert_eq!(base("").unwrap(), "http://127.0.0.1:81");
    assert_eq!(base("public_url = \"https://a.example/\"\n").unwrap(), "https://a.example");
    assert_eq!(base("public_url = \"https://a.example/two/\"\n").unwrap(), "https://a.example/two");
    for wrong in ["here", "ftp://a.example", "https://me@a.example", "https://a.example/?a", "https://a.example/#a"] {
        assert!(base(&format!("public_url = \"{wrong}\"\n")).is_err(), "{wrong}");
    }
}

#[test]
fn a_wrong_configuration_names_the_key_and_the_line() {
    let wrong = [
        ("lsiten = \"127.0.0.1:1\"\n", "lsiten", "line 1"),
        ("listen = \"here\"\n", "listen", "line 1"),
        ("\ntrusted_proxies = [\"10.0.0.0/99\"]\n", "trusted_proxies", "line 2"),
        (
            "\ntrusted_proxies = [\"10.0.0.0/99\"]\n",
            "is neither a network such as `10.0.0.0/8` nor an address",
            "line 2",
        ),
        ("[policy]\ncode_length = \"six\"\n", "code_length", "line 2"),
        ("[rate_limits]\nuser_per_huor = 1\n", "user_per_huor", "line 2"),
        ("[rate_limits.types.acme-sms]\nsegments_per_dya = 1\n", "segments_per_dya", "line 2"),
        ("listen = \n", "listen", "line 1"),
        ("[accounts]\nidle_hours = 1\n", "idle_hours", "line 2"),
    ];
    for (text, key, line) in wrong {
        let error = parse(&format!("{text}{LEAST}"), &[]).unwrap_err();
        assert!(error.contains(key) && error.contains(line), "{error}");
    }
    assert!(parse("", &[]).unwrap_err().contains("store"));
}

#[test]
fn an_address_is_a_network_of_its_own() {
    let text =
        "trusted_proxies = [\"127.0.0.1\", \"::1\"]\n[network]\nallowed_networks = [\"10.1.2.3\", \"10.2.0.0/16\"]\n";
    let config = parse(&format!("{text}{LEAST}"), &[]).unwrap();
    let written = |networks: &[IpNet]| networks.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(written(&config.trusted_proxies), ["127.0.0.1/32", "::1/128"]);
    assert_eq!(written(&config.network.allowed_networks), ["10.1.2.3/32", "10.2.0.0/16"]);
}

#[test]
fn the_quota_of_a_type_is_one_of_the_rate_limits() {
    let text = "[rate_limits.types.acme-sms]\nmessages_per_day = 20000\nsegments_per_day = 30000\n";
    let limits = parse(&format!("{text}{LEAST}"), &[]).unwrap().rate_limits;
    let quota = twofactor::instance::Quota { messages_per_day: 20_000, segments_per_day: 30_000, bytes_per_day: 0 };
    assert_eq!(limits.types.into_iter().collect::<Vec<_>>(), [("acme-sms".to_owned(), quota)]);
}

#[test]
fn there_is_a_sign_in_page_where_browsers_can_trust_it_only() {
    let page = |text: &str, ip: [u8; 4]| {
        let config = parse(&format!("{text}{LEAST}"), &[]).unwrap();
        let url = config.sign_in_page_url(SocketAddr::from((ip, 81))).unwrap();
        url.map(|url| url.origin().to_owned())
    };
    assert_eq!(page("", [127, 0, 0, 1]).unwrap(), "http://127.0.0.1:81");
    assert_eq!(page("public_url = \"https://a.example/\"\n", [0, 0, 0, 0]).unwrap(), "https://a.example");
    assert_eq!(page("", [0, 0, 0, 0]), None);
    assert_eq!(page("public_url = \"http://a.example\"\n", [127, 0, 0, 1]), None);
    assert_eq!(page("public_url = \"https://a.example/two\"\n", [127, 0, 0, 1]), None);
}

#[test]
fn environment_variables_override_the_file() {
    let variables = [
        ("TWOFACTOR_LISTEN", "0.0.0.0:80"),
        ("TWOFACTOR_STORE__PATH", "b.db"),
        ("TWOFACTOR_POLICY__CODE_LENGTH", "8"),
        ("TWOFACTOR_TRUSTED_PROXIES", "[\"10.0.0.0/8\"]"),
    ];
    let config = parse(LEAST, &variables).unwrap();
    assert_eq!(config.listen.to_string(), "0.0.0.0:80");
    assert_eq!(config.store.path.as_deref(), Some(Path::new("b.db")));
    assert_eq!(config.policy.code_length, 8);
    assert_eq!(config.trusted_proxies.len(), 1);
    assert!(parse(LEAST, &[("TWOFACTOR_LISTEN__X", "1"), ("TWOFACTOR_LISTEN", "a")]).is_err());
}

#[test]
fn a_wrong_variable_is_named_and_a_wrong_file_still_names_its_line() {
    let error = parse(LEAST, &[("TWOFACTOR_STORE__PATH__X", "1")]).unwrap_err();
    assert!(error.contains("TWOFACTOR_STORE__PATH__X"), "{error}");
    let error = parse(LEAST, &[("TWOFACTOR_LITSEN", "1")]).unwrap_err();
    assert!(error.contains("litsen") && error.contains("environment"), "{error}");
    let error = parse(&format!("lsiten = 1\n{LEAST}"), &[("TWOFACTOR_LISTEN", "127.0.0.1:1")]).unwrap_err();
    assert!(error.contains("lsiten") && error.contains("line 1"), "{error}");
}

#[test]
fn a_variable_that_names_no_key_or_does_not_fit_is_named() {
    for (name, value) in [
        ("TWOFACTOR_STOER__PATH", "a.db"),
        ("TWOFACTOR_STORE__PAHT", "a.db"),
        ("TWOFACTOR_PORT", "8080"),
        ("TWOFACTOR_LISTEN", "here"),
        ("TWOFACTOR_POLICY__CODE_LENGTH", "six"),
    ] {
        let error = parse(LEAST, &[("TWOFACTOR_STORE__PATH", "b.db"), (name, value)]).unwrap_err();
        assert!(error.contains(name), "{error}");
    }
    // The file's own fault is not a variable's.
    let error = parse(&format!("lsiten = 1\n{LEAST}"), &[("TWOFACTOR_STORE__PATH", "b.db")]).unwrap_err();
    assert!(!error.contains("TWOFACTOR_") && error.contains("lsiten"), "{error}");
}

#[test]
fn variables_that_kubernetes_sets_for_a_service_are_not_configuration() {
    for (name, value) in [
        ("TWOFACTOR_SERVICE_HOST", "10.0.0.1"),
        ("TWOFACTOR_SERVICE_PORT", "443"),
        ("TWOFACTOR_SERVICE_PORT_HTTPS", "443"),
        ("TWOFACTOR_PORT", "tcp://10.0.0.1:443"),
        ("TWOFACTOR_PORT_443_TCP", "tcp://10.0.0.1:443"),
        ("TWOFACTOR_PORT_443_TCP_PROTO", "tcp"),
        ("TWOFACTOR_PORT_443_TCP_PORT", "443"),
        ("TWOFACTOR_PORT_443_TCP_ADDR", "10.0.0.1"),
        ("TWOFACTOR_ADMIN_SERVICE_HOST", "10.0.0.1"),
        ("TWOFACTOR_ADMIN_PORT_53_UDP", "udp://10.0.0.1:53"),
    ] {
        assert!(is_of_kubernetes(name, value), "{name}");
    }
    for (name, value) in [
        ("TWOFACTOR_PORT", "8080"),
        ("TWOFACTOR_LISTEN", "127.0.0.1:80"),
        ("TWOFACTOR_STORE__PATH", "a.db"),
        ("TWOFACTOR_NETWORK__HOSTS__SERVICE_HOST", "a"),
        ("TWOFACTOR_PORT_443_TPC", "443"),
    ] {
        assert!(!is_of_kubernetes(name, value), "{name}");
    }
}

#[test]
fn an_old_key_is_refused_with_the_new_one_in_the_error() {
    for (text, new) in [
        ("drain_seconds = 1\n", "`shutdown_timeout_seconds`"),
        ("[limits]\nuser_per_hour = 1\n", "`rate_limits`"),
        ("[rate_limits]\nwrong_in_a_row = 1\n", "`rate_limits.lockout_threshold`"),
        ("[policy]\ndigits = 8\n", "`policy.code_length`"),
        ("[policy]\nparts_per_day = 8\n", "`segments_per_day`"),
        ("[rate_limits.types.twilio]\nparts_per_day = 8\n", "`segments_per_day`"),
        ("[providers]\nalso = [\"ses\"]\n", "`providers.load`"),
        ("[network.stand_ins]\n\"https://a.example\" = \"127.0.0.1:1\"\n", "`network.overrides`"),
        ("[connections]\nhead_seconds = 1\n", "`connections.header_timeout_seconds`"),
    ] {
        let error = parse(&format!("{text}{LEAST}"), &[]).unwrap_err();
        assert!(error.contains("has been renamed to") && error.contains(new) && error.contains("line "), "{error}");
    }
    for (old, value, new) in [
        ("TWOFACTOR_DRAIN_SECONDS", "1", "use TWOFACTOR_SHUTDOWN_TIMEOUT_SECONDS"),
        ("TWOFACTOR_LIMITS__USER_PER_HOUR", "1", "use TWOFACTOR_RATE_LIMITS__USER_PER_HOUR"),
        ("TWOFACTOR_ACCOUNTS__IDLE_MINUTES", "5", "use TWOFACTOR_ACCOUNTS__SESSION_IDLE_MINUTES"),
        (
            "TWOFACTOR_RATE_LIMITS__TYPES__TWILIO__PARTS_PER_DAY",
            "5",
            "use TWOFACTOR_RATE_LIMITS__TYPES__TWILIO__SEGMENTS_PER_DAY",
        ),
    ] {
        let error = parse(LEAST, &[(old, value)]).unwrap_err();
        assert!(error.contains(old) && error.contains(new), "{error}");
    }
}

#[tokio::test]
async fn the_database_is_a_file_or_a_url_whose_password_is_in_a_file() {
    let refusal = async |store: &str| {
        let keys = if store.contains("url") { "[keys]\nfile = \"a.keys\"\n" } else { "" };
        let config = parse(&format!("[store]\n{store}\n{keys}"), &[]).unwrap();
        format!("{:#}", config.store_builder().await.err().unwrap())
    };
    for none_or_two in
        ["", "connections = 3", "path = \"a.db\"\nurl = \"postgres://a@b/c\"", "url = \"a\"\nurl_file = \"b\""]
    {
        let text = refusal(none_or_two).await;
        assert!(text.contains("`path`, `url` and `url_file`"), "{text}");
    }
    let text = refusal("url = \"postgres://a:geheim@b/c\"").await;
    assert!(text.contains("`store.password_file`") && !text.contains("geheim"), "{text}");
    assert!(refusal("url = \"mysql://a@b/c\"").await.contains("`store.url`"));
    assert!(refusal("url_file = \"no-such\"").await.contains("`store.url_file`"));
    assert!(refusal("url = \"postgres://a@b/c\"\npassword_file = \"no-such\"").await.contains("`store.password_file`"));
    assert!(refusal("url = \"postgres://a@b/c\"\nconnections = 0").await.contains("`store.connections`"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    std::fs::write(&file, "postgres://a:geheim@127.0.0.1:1/c?sslmode=disable\n").unwrap();
    let text = refusal(&format!("url_file = {file:?}")).await;
    assert!(text.contains("`store.url`") && !text.contains("geheim"), "{text}");
}

/// A setting that no mail server matches would have no effect.
#[test]
fn a_mail_server_in_the_network_settings_has_a_host_and_a_port() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("no-certificate.pem");
    std::fs::write(&file, "").unwrap();
    let overridden = |server: &str| format!("[network.overrides]\n\"{server}\" = \"127.0.0.1:9025\"\n");
    let certified = |server: &str| {
        format!("[[network.client_certificates]]\nupstream = \"{server}\"\ncertificate = {file:?}\nkey = {file:?}\n")
    };
    let built = |text: &str| {
        let built = parse(&format!("{LEAST}{text}"), &[]).unwrap().network.build();
        built.map(drop).map_err(|error| format!("{error:#}"))
    };
    for server in ["mail.example.com:465", "MAIL.example.com:25", "mail:587", "10.0.0.5:25", "fd00::1:25"] {
        let server = format!("smtp://{server}");
        assert_eq!(built(&overridden(&server)), Ok(()), "{server}");
        let error = built(&certified(&server)).unwrap_err();
        assert!(error.contains("the file has no certificate"), "{server}: {error}");
    }
    for server in [
        "mail.example.com",
        "mail.example.com:",
        "mail.example.com:465/",
        "mail.example.com:0",
        "mail.example.com:70000",
        "mail.example.com:+465",
        "mail.example.com:465:465",
        ":465",
        "user@mail.example.com:465",
        "",
    ] {
        let server = format!("smtp://{server}");
        for (text, key) in [(overridden(&server), "`overrides`"), (certified(&server), "`client_certificates`")] {
            let error = built(&text).unwrap_err();
            assert!(error.contains(key) && error.contains("smtp://host:port"), "{server}: {error}");
        }
    }
}

#[test]
fn a_request_of_the_network_may_take_between_a_second_and_a_day() {
    let built = |seconds: u64| {
        let text = format!("{LEAST}[network]\ntimeout_seconds = {seconds}\n");
        let built = parse(&text, &[]).unwrap().network.build();
        built.map(drop).map_err(|error| format!("{error:#}"))
    };
    for seconds in [1, 86_400] {
        assert_eq!(built(seconds), Ok(()), "{seconds}");
    }
    for seconds in [0, 86_401, i64::MAX.unsigned_abs()] {
        let error = built(seconds).unwrap_err();
        assert!(error.contains("`network.timeout_seconds` must be 1 to 86400"), "{error}");
    }
}

#[test]
fn a_postgresql_database_needs_a_key_file_of_its_own() {
    let config = parse("[store]\nurl = \"postgres://a@b/c\"\n", &[]).unwrap();
    assert!(config.key_file().unwrap_err().to_string().contains("`keys.file` is required"));
    assert_eq!(config.store.connections, 16);
}
