//! Taking configuration out of an installation as YAML, and bringing it in, with the real binary.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// Everything that a document can contain, and texts that YAML would read as something else.
const WHOLE: &str = r##"
twofactor: 1
base_settings:
  email:
    EMailSenderAddress: noreply@example.com
subscriptions:
  acme:
    name: "Acme: the 'first' # of \"all\""
    sign_in_page:
      return_urls: ["https://app.example.com/back"]
      application_name: "yes"
      colours: { accent: "#123456" }
    directory:
      tenant: { t1: "Tenant One", "007": "null" }
      user: { "1e3": "Ann, Bob & Co." }
    instances:
      mail:
        type: email
        name: "no"
        options:
          MailServerConfig:
            MailType: SMTP
            Host: smtp.example.com
            Port: 465
            EnableSSL: true
            UserName: "00123"
            Password: "pa ss: #1 \u00e9\u2028 geheim"
            Timeout: 20000
        policy: { code_length: 8, countries: ["NO", "CH"] }
        assigned:
          tenant: [t1, "007"]
          client_application: ["true", "~"]
      sms-2:
        type: twilio
        name: Not complete
        active: false
  empty:
    name: Empty
"##;

const PASSWORD: &str = "geheim";

/// An installation in a folder of its own.
struct Installation(TempDir);

impl Installation {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("twofactor.db");
        let text = format!("listen = \"127.0.0.1:0\"\n[store]\npath = {store:?}\n");
        fs::write(folder.path().join("twofactor.toml"), text).unwrap();
        Self(folder)
    }

    fn config(&self) -> String {
        self.0.path().join("twofactor.toml").to_str().unwrap().to_owned()
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let file = self.0.path().join(name);
        fs::write(&file, text).unwrap();
        file
    }

    /// The store is gone; the keys stay.
    fn wipe(&self) {
        for ending in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(self.0.path().join(format!("twofactor.db{ending}")));
        }
    }

    fn export(&self, more: &[&str]) -> String {
        let config = self.config();
        told(common::run(&[&["export", "--config", &config], more].concat()))
    }

    fn importing(&self, document: &str, more: &[&str], environment: &[(&str, &str)]) -> Output {
        let config = self.config();
        let mut command = common::twofactor(&[&["import", "--config", &config], more, &["-"]].concat());
        command.envs(environment.iter().copied());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(document.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    fn import(&self, document: &str, more: &[&str]) -> String {
        told(self.importing(document, more, &[]))
    }

    /// Returns what is wrong with a document, which changes nothing.
    fn refusal(&self, document: &str) -> String {
        let before = self.export(&[]);
        let output = self.importing(document, &[], &[]);
        assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        assert_eq!(self.export(&[]), before);
        String::from_utf8(output.stderr).unwrap()
    }

    fn audit_log(&self) -> String {
        let db = rusqlite::Connection::open(self.0.path().join("twofactor.db")).unwrap();
        let mut lines = db.prepare("SELECT action || ' ' || subject || ' ' || detail FROM audit ORDER BY seq").unwrap();
        let lines: Vec<String> = lines.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        lines.join("\n")
    }
}

#[track_caller]
fn told(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_was_exported_wiped_and_imported_is_exported_the_same_to_the_byte() {
    let installation = Installation::new();
    installation.import(WHOLE, &[]);
    for secrets in ["sealed", "references", "redacted"] {
        let form = ["--secrets", secrets];
        let first = installation.export(&form);
        assert!(!first.contains(PASSWORD));
        assert_eq!(installation.export(&form), first);
        if secrets != "redacted" {
            installation.wipe();
        }
        let variable = ("SECRET__instance__mail__MailServerConfig__Password", "pa ss: #1 \u{e9}\u{2028} geheim");
        told(installation.importing(&first, &[], &[variable]));
        assert_eq!(installation.export(&form), first, "{secrets}");
    }
    let one = installation.export(&["--subscription", "empty"]);
    assert!(one.contains("name: Empty") && !one.contains("acme") && !one.contains("base_settings"), "{one}");
}

#[test]
fn texts_that_yaml_takes_for_something_else_come_back_as_they_were() {
    let installation = Installation::new();
    installation.import(WHOLE, &[]);
    let document: Value = serde_saphyr::from_str(&installation.export(&["--secrets", "references"])).unwrap();
    let acme = &document["subscriptions"]["acme"];
    assert_eq!(acme["name"], "Acme: the 'first' # of \"all\"");
    assert_eq!(acme["sign_in_page"]["application_name"], "yes");
    assert_eq!(acme["directory"]["tenant"]["007"], "null");
    assert_eq!(acme["directory"]["user"]["1e3"], "Ann, Bob & Co.");
    let mail = &acme["instances"]["mail"];
    assert_eq!(mail["name"], "no");
    assert_eq!(mail["options"]["MailServerConfig"]["Port"], 465);
    assert_eq!(mail["policy"]["countries"], serde_json::json!(["NO", "CH"]));
    assert_eq!(mail["assigned"]["client_application"], serde_json::json!(["true", "~"]));
    assert_eq!(acme["instances"]["sms-2"]["active"], false);
}

#[test]
fn a_dry_run_prints_what_would_change_and_changes_nothing() {
    let installation = Installation::new();
    let plan = installation.import(WHOLE, &["--dry-run"]);
    assert!(plan.contains("+ /subscriptions/acme {\"/name\":[null,"), "{plan}");
    assert!(plan.contains("+ /subscriptions/acme/instances/mail {"), "{plan}");
    assert!(plan.contains("    not valid: /TwilioAccountSid "), "{plan}");
    assert!(plan.contains("\"/options/MailServerConfig/Password\":\"entered\""), "{plan}");
    assert!(plan.ends_with("Planned changes: 8. Nothing was changed.\n") && !plan.contains(PASSWORD), "{plan}");
    assert_eq!(installation.export(&[]), "twofactor: 1\n");
    assert_eq!(installation.audit_log(), "");
    assert!(installation.import(WHOLE, &[]).ends_with("Applied changes: 8.\n"));
    assert_eq!(installation.import(WHOLE, &["--dry-run"]), "No changes.\n");
    assert_eq!(installation.import(WHOLE, &[]), "No changes.\n");
    let other = WHOLE.replace("code_length: 8", "code_length: 7").replace("[t1, \"007\"]", "[t1]");
    let plan = installation.import(&other, &["--dry-run"]);
    assert!(plan.contains("~ /subscriptions/acme/instances/mail {\"/policy/code_length\":[8,7]}"), "{plan}");
    assert!(plan.contains("~ /subscriptions/acme/instances/mail/assigned {\"/tenant/007\":[true,false]}"), "{plan}");
    assert!(plan.ends_with("Planned changes: 2. Nothing was changed.\n"), "{plan}");
}

#[test]
fn a_wrong_document_changes_nothing_and_says_of_each_problem_where_it_is() {
    let installation = Installation::new();
    installation.import(WHOLE, &[]);
    let wrong = WHOLE
        .replace("name: Empty", "name: Renamed")
        .replace("type: twilio", "type: pigeon")
        .replace("code_length: 8", "code_length: 80")
        .replace("\"https://app.example.com/back\"", "\"javascript:alert(1)\"")
        .replace("name: \"no\"", "name: \"\"")
        .replace("[t1, \"007\"]", "[\"\"]");
    let text = installation.refusal(&wrong);
    for place in [
        "/subscriptions/acme/sign_in_page",
        "/subscriptions/acme/instances/mail/name ",
        "/subscriptions/acme/instances/mail/policy/code_length ",
        "/subscriptions/acme/instances/mail/assigned/tenant/ ",
        "/subscriptions/acme/instances/sms-2/type ",
    ] {
        assert!(text.contains(&format!("\n  {place}")), "{place}: {text}");
    }
    assert!(installation.refusal("twofactor: 2\n").contains("/twofactor must be 1"));
    let text = installation.refusal(&WHOLE.replace("type: twilio", "type: ecall"));
    assert!(text.contains("/instances/sms-2/type cannot be changed"), "{text}");
    let text =
        installation.refusal("twofactor: 1\nsubscriptions: {x: {name: X, instances: {mail: {type: email, name: M}}}}");
    assert!(
        text.contains("/subscriptions/x/instances/mail is the id of an instance in another subscription"),
        "{text}"
    );
}

#[test]
fn an_unreadable_document_is_refused_with_the_line_number_and_without_its_text() {
    let installation = Installation::new();
    for (found, wrong) in [
        ("            Timeout: 20000", "            Timeout: [20000"),
        ("        policy:", "        polcy:"),
        ("      sms-2:", "      mail:"),
    ] {
        let text = installation.refusal(&WHOLE.replace(found, wrong));
        assert!(text.contains("line ") && !text.contains(PASSWORD) && !text.contains("Policy"), "{text}");
    }
    // A bomb of aliases.
    let mut bomb = "twofactor: 1\nbase_settings:\n  email: &a0 {x: [1,1,1,1,1,1,1,1,1,1]}\n".to_owned();
    for n in 1..12 {
        let one = format!("*a{}", n - 1);
        bomb.push_str(&format!("  t{n}: &a{n} {{x: [{}]}}\n", vec![one; 10].join(",")));
    }
    installation.refusal(&bomb);
}

#[test]
fn secrets_alone_are_read_from_the_environment_or_a_file() {
    let installation = Installation::new();
    let file = installation.file("password", "from a file\n");
    let with = |what: &str| WHOLE.replace(r#""pa ss: #1 \u00e9\u2028 geheim""#, what);
    let sealed = |document: &str, environment: &[(&str, &str)]| {
        installation.wipe();
        told(installation.importing(document, &[], environment));
        installation.export(&[])
    };
    let plain = sealed(&with("from a file"), &[]);
    assert_eq!(sealed(&with(&format!("{{$file: {file:?}}}")), &[]), plain);
    assert_eq!(sealed(&with("{$env: MAIL_PASSWORD}"), &[("MAIL_PASSWORD", "from a file")]), plain);
    assert_ne!(sealed(&with("{$env: MAIL_PASSWORD}"), &[("MAIL_PASSWORD", "another")]), plain);
    let place = "/subscriptions/acme/instances/mail/options/MailServerConfig";
    let text = installation.refusal(&with("{$env: NO_SUCH_VARIABLE}"));
    assert!(text.contains(&format!("{place}/Password refers to the environment variable NO_SUCH_VARIABLE")), "{text}");
    let text = installation.refusal(&with("{$file: /no/such/file}"));
    assert!(text.contains(&format!("{place}/Password refers to the file /no/such/file")), "{text}");
    let text = installation.refusal(&with("{$command: rm}"));
    assert!(text.contains(&format!("{place}/Password must be")), "{text}");
    let shown = WHOLE.replace("UserName: \"00123\"", &format!("UserName: {{$file: {file:?}}}"));
    let text = installation.refusal(&shown);
    assert!(text.contains(&format!("{place}/UserName is not a secret")), "{text}");
}

#[test]
fn a_sealed_secret_opens_in_its_own_place_of_its_own_installation_only() {
    let installation = Installation::new();
    installation.import(WHOLE, &[]);
    let document = installation.export(&[]);
    let moved = document.replace("      mail:\n", "      post:\n");
    assert_ne!(moved, document);
    assert!(installation.refusal(&moved).contains("was not sealed by this installation for this place"));
    let open = document.replace("UserName: \"00123\"", "UserName: 1");
    let sealed = document.split("$sealed: ").nth(1).unwrap().lines().next().unwrap();
    let open = open.replace("UserName: 1", &format!("UserName:\n              $sealed: {sealed}"));
    assert!(installation.refusal(&open).contains("was not sealed by this installation for this place"));
    let other = Installation::new();
    assert!(other.refusal(&document).contains("was not sealed by this installation for this place"));
}

#[test]
fn a_stored_secret_goes_to_no_other_host_by_an_import() {
    let installation = Installation::new();
    installation.import(WHOLE, &[]);
    for secrets in ["sealed", "redacted"] {
        let document = installation.export(&["--secrets", secrets]);
        let elsewhere = document.replace("smtp.example.com", "smtp.evil.example");
        assert_ne!(elsewhere, document);
        let text = installation.refusal(&elsewhere);
        assert!(text.contains("another destination"), "{text}");
    }
    // A caller who knows the secret may.
    installation.import(&WHOLE.replace("smtp.example.com", "smtp2.example.com"), &[]);
}

#[test]
fn a_document_that_makes_a_valid_instance_invalid_is_refused_unless_that_is_allowed() {
    let installation = Installation::new();
    installation.import(WHOLE, &[]);
    let broken = WHOLE.replace("Port: 465", "Port: 0");
    let said = installation.refusal(&broken);
    assert!(
        said.contains("/subscriptions/acme/instances/mail") && said.contains("makes valid instances invalid"),
        "{said}"
    );
    let base = WHOLE.replace("EMailSenderAddress: noreply@example.com", "EMailSenderName: Shop");
    assert!(installation.refusal(&base).contains("`no` (mail)"), "{}", installation.refusal(&base));
    let planned = installation.importing(&broken, &["--dry-run"], &[]);
    assert!(!planned.status.success());
    assert!(String::from_utf8_lossy(&planned.stdout).contains("makes valid instances invalid"));
    installation.import(&broken, &["--allow-invalid"]);
}

#[test]
fn a_document_fixes_base_settings_that_made_instances_invalid() {
    let installation = Installation::new();
    installation.import(WHOLE, &[]);
    let document = installation.export(&[]);
    installation.import(&document.replace("EMailSenderAddress:", "EMailSenderAddres:"), &["--allow-invalid"]);
    assert_ne!(installation.export(&[]), document);
    installation.import(&document, &[]);
    assert_eq!(installation.export(&[]), document);
}

#[test]
fn base_settings_in_a_document_do_not_move_an_instances_secret_unless_it_goes() {
    const DOCUMENT: &str = r#"
twofactor: 1
base_settings:
  webhook: { WebhookUrl: "https://hook.example.com/codes" }
subscriptions:
  acme:
    name: Acme
    instances:
      hook:
        type: webhook
        name: Hook
        options: { WebhookSecret: "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=" }
"#;
    let installation = Installation::new();
    let also = fs::read_to_string(installation.config()).unwrap()
        + "[providers]\nload = [\"email\", \"ecall\", \"twilio\", \"webhook\"]\n";
    fs::write(installation.config(), also).unwrap();
    installation.import(DOCUMENT, &[]);
    let elsewhere = installation.export(&[]).replace("hook.example.com", "hook.evil.example");
    let text = installation.refusal(&elsewhere);
    assert!(text.contains("secret of an instance"), "{text}");
    // With the secret, or without the instance.
    installation.import(&DOCUMENT.replace("hook.example.com", "hook2.example.com"), &[]);
    let end = DOCUMENT.find("    instances:").unwrap();
    installation.import(&DOCUMENT[..end].replace("hook.example.com", "hook3.example.com"), &["--prune"]);
}

#[test]
fn a_secret_that_was_left_out_is_kept_and_must_be_there() {
    let installation = Installation::new();
    installation.import(WHOLE, &[]);
    let document = installation.export(&["--secrets", "redacted"]);
    let sealed = installation.export(&[]);
    installation.import(&document.replace("20000", "10000"), &[]);
    assert_eq!(installation.export(&[]), sealed.replace("20000", "10000"));
    let text = Installation::new().refusal(&document);
    assert!(text.contains("/options/MailServerConfig/Password is masked, but no secret is stored there"), "{text}");
}

#[test]
fn an_import_removes_what_it_does_not_name_only_on_request() {
    let installation = Installation::new();
    installation.import(WHOLE, &[]);
    let one = "twofactor: 1\nsubscriptions:\n  acme:\n    name: A\n    instances: {sms-2: {type: twilio, name: S}}\n";
    assert!(!installation.import(one, &[]).contains("- "));
    assert!(installation.export(&[]).contains("      mail:\n"));
    let plan = installation.import(one, &["--prune", "--dry-run"]);
    assert!(
        plan.contains("- /subscriptions/acme/instances/mail {")
            && plan.ends_with("Planned changes: 1. Nothing was changed.\n"),
        "{plan}"
    );
    installation.import(one, &["--prune"]);
    let left = installation.export(&[]);
    assert!(!left.contains("      mail:\n") && left.contains("  empty:\n") && left.contains("base_settings"), "{left}");
}

#[test]
fn the_audit_log_tells_of_each_change_and_of_no_secret() {
    let installation = Installation::new();
    installation.import(WHOLE, &[]);
    let log = installation.audit_log();
    for line in [
        "base-settings.set email {",
        "subscription.create acme {",
        "sign-in-page.set acme {",
        "directory.put acme {",
        "instance.create mail {",
        "instance.assign mail {",
        "instance.create sms-2 {",
        "subscription.create empty {",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
    assert!(!log.contains(PASSWORD));
    let told = told(common::run(&["audit", "verify", "--config", &installation.config()]));
    assert!(told.contains("\"whole\":true"), "{told}");
}
