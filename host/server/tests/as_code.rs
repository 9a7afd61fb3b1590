//! Taking configuration out of an installation as YAML, and bringing it in, with the real binary.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use crate::common;
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
      colors: { accent: "#123456" }
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
        let installation = Self::with_other_keys();
        common::share_compiled(&installation.0.path().join("twofactor.db"));
        installation
    }

    /// Creates one that shares no key with any other one.
    fn with_other_keys() -> Self {
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
    let folder = installation.0.path().to_str().unwrap();
    let sealed = |document: &str, environment: &[(&str, &str)]| {
        installation.wipe();
        let allowed = ["--files-from", folder, "--env", "MAIL_PASSWORD"];
        told(installation.importing(document, &allowed, environment));
        installation.export(&[])
    };
    let plain = sealed(&with("from a file"), &[]);
    assert_eq!(sealed(&with(&format!("{{$file: {file:?}}}")), &[]), plain);
    assert_eq!(sealed(&with("{$env: MAIL_PASSWORD}"), &[("MAIL_PASSWORD", "from a file")]), plain);
    assert_ne!(sealed(&with("{$env: MAIL_PASSWORD}"), &[("MAIL_PASSWORD", "another")]), plain);
    let place = "/subscriptions/acme/instances/mail/options/MailServerConfig";
    let text = installation.refusal(&with("{$env: SECRET__NO_SUCH}"));
    let unset = "/Password refers to the environment variable \"SECRET__NO_SUCH\", which is not set";
    assert!(text.contains(&format!("{place}{unset}")), "{text}");
    let text = installation.refusal(&with("{$file: /no/such/file}"));
    assert!(text.contains(&format!("{place}/Password refers to the file \"/no/such/file\"")), "{text}");
    let text = installation.refusal(&with("{$command: rm}"));
    assert!(text.contains(&format!("{place}/Password must be")), "{text}");
    let shown = WHOLE.replace("UserName: \"00123\"", &format!("UserName: {{$file: {file:?}}}"));
    let text = installation.refusal(&shown);
    assert!(text.contains(&format!("{place}/UserName is not a secret")), "{text}");
}

#[test]
fn a_document_reads_only_files_that_the_operator_allows_and_the_plan_names_them() {
    let installation = Installation::new();
    let of_operator = tempfile::tempdir().unwrap();
    let key = of_operator.path().join("key");
    fs::write(&key, "of the operator").unwrap();
    let with = |what: &str| WHOLE.replace(r#""pa ss: #1 \u00e9\u2028 geheim""#, what);
    let import = |document: &str, more: &[&str]| {
        let (config, file) = (installation.config(), installation.file("acme.yaml", document));
        let file = file.to_str().unwrap();
        let more = [&["import", "--config", &config, "--dry-run"], more, &[file]].concat();
        common::twofactor(&more).env("MAIL_PASSWORD", "x").output().unwrap()
    };
    let foreign = with(&format!("{{$file: {key:?}}}"));
    std::os::unix::fs::symlink(&key, installation.0.path().join("link")).unwrap();
    let linked = installation.0.path().join("link");
    let above = installation.0.path().join("..").join(of_operator.path().file_name().unwrap()).join("key");
    for document in [foreign.clone(), with(&format!("{{$file: {linked:?}}}")), with(&format!("{{$file: {above:?}}}"))] {
        let refused = import(&document, &[]);
        let text = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && text.contains("to allow it, pass `--files-from FOLDER`"), "{text}");
        assert!(!text.contains("of the operator"), "{text}");
    }
    let plan = told(import(&foreign, &["--files-from", of_operator.path().to_str().unwrap()]));
    assert!(plan.contains(&format!("Secrets are read from:\n  the file {key:?}\n")), "{plan}");
    // Hidden files, those in folders, and those of the installation.
    installation.file(".hidden", "x");
    fs::create_dir(installation.0.path().join("sub")).unwrap();
    installation.file("sub/file", "x");
    for (name, why) in [
        (".hidden", "is not next to the document"),
        ("sub/file", "is not next to the document"),
        ("twofactor.db", "belongs to this installation"),
        ("twofactor.db.keys", "belongs to this installation"),
    ] {
        let file = installation.0.path().join(name);
        assert!(file.exists(), "{name}");
        let refused = import(&with(&format!("{{$file: {file:?}}}")), &[]);
        let text = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && text.contains(why), "{name}: {text}");
    }
    let refused = import(&with("{$env: MAIL_PASSWORD}"), &[]);
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && text.contains("pass `--env NAME`"), "{text}");
    let plan = told(import(&with("{$env: MAIL_PASSWORD}"), &["--env", "MAIL_PASSWORD"]));
    assert!(plan.contains("Secrets are read from:\n  the environment variable \"MAIL_PASSWORD\"\n"), "{plan}");
    // Beside the document.
    let own = installation.file("password", "x");
    told(import(&with(&format!("{{$file: {own:?}}}")), &[]));
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
    let read: Value = serde_saphyr::from_str(&document).unwrap();
    let options = &read["subscriptions"]["acme"]["instances"]["mail"]["options"];
    let sealed = options["MailServerConfig"]["Password"]["$sealed"].as_str().unwrap();
    let open = open.replace("UserName: 1", &format!("UserName:\n              $sealed: {sealed}"));
    assert!(installation.refusal(&open).contains("was not sealed by this installation for this place"));
    let other = Installation::with_other_keys();
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
fn a_sealed_secret_goes_to_no_other_host_in_several_imports() {
    let installation = Installation::new();
    installation.import(WHOLE, &[]);
    let document = installation.export(&[]);
    let login = document.find("            UserName:").unwrap()..document.find("            Timeout:").unwrap();
    let mut elsewhere = document.replace("smtp.example.com", "smtp.evil.example");
    let without_login = document.replace(&document[login], "").replace("smtp.example.com", "smtp.evil.example");
    assert!(!without_login.contains("$sealed") && without_login != elsewhere);
    // The stored options now go elsewhere, without a secret.
    installation.import(&without_login, &[]);
    let text = installation.refusal(&elsewhere);
    assert!(text.contains("/instances/mail/options a sealed secret would go to another destination"), "{text}");
    // To where it was sealed for it goes, whatever is stored.
    installation.import(&document, &[]);
    assert_eq!(installation.export(&[]), document);

    // Without the instance nothing is stored to compare with.
    installation.import(&WHOLE.replace("      mail:\n", "      other:\n"), &["--prune"]);
    for (what, becomes, why) in [
        ("smtp.example.com", "smtp.evil.example", "another destination"),
        // Nowhere for now, and anywhere once the options are valid.
        ("smtp.example.com", "evil", "it is not known where"),
        ("Port: 465", "Port: 0", "it is not known where"),
    ] {
        elsewhere = document.replace(what, becomes);
        assert_ne!(elsewhere, document);
        let text = installation.refusal(&elsewhere);
        assert!(text.contains("/instances/mail/options ") && text.contains(why), "{becomes}: {text}");
    }
    // The base service settings that make it valid later are in the same document, or in the next one.
    let no_sender = document.replace("EMailSenderAddress: noreply@example.com", "EMailSenderName: Shop");
    assert_ne!(no_sender, document);
    let text = installation.refusal(&no_sender);
    assert!(text.contains("/instances/mail/options it is not known where"), "{text}");
    installation.import(&document, &["--prune"]);
    assert_eq!(installation.export(&[]), document);
}

#[test]
fn a_sealed_secret_is_not_for_an_instance_of_another_type() {
    const DOCUMENT: &str = r#"
twofactor: 1
subscriptions:
  acme:
    name: Acme
    instances:
      sms:
        type: twilio
        name: SMS
        options:
          TwilioAccountSid: AC0123456789abcdef0123456789abcdef
          TwilioAuthToken: 0123456789abcdef0123456789abcdef
"#;
    let installation = Installation::new();
    let also =
        fs::read_to_string(installation.config()).unwrap() + "[providers]\nload = [\"twilio\", \"twilio-voice\"]\n";
    fs::write(installation.config(), also).unwrap();
    installation.import(DOCUMENT, &[]);
    let document = installation.export(&[]);
    installation.wipe();
    let other = document.replace("type: twilio\n", "type: twilio-voice\n");
    assert_ne!(other, document);
    let text = installation.refusal(&other);
    assert!(text.contains("/instances/sms/options a secret was sealed for an instance of another type"), "{text}");
    installation.import(&document, &[]);
}

#[test]
fn an_invalid_instance_is_restored_with_its_sealed_secret_as_it_was_and_not_otherwise() {
    let installation = Installation::new();
    installation.import(&WHOLE.replace("Port: 465", "Port: 0"), &[]);
    let document = installation.export(&[]);
    let plan = installation.import(&document, &["--dry-run"]);
    assert_eq!(plan, "No changes.\n");
    installation.wipe();
    installation.import(&document, &[]);
    assert_eq!(installation.export(&[]), document);
    installation.wipe();
    let text = installation.refusal(&document.replace("smtp.example.com", "smtp.evil.example"));
    assert!(text.contains("it is not known where a sealed secret would go"), "{text}");
    let text = installation.refusal(&document.replace("Port: 0", "Port: 465"));
    assert!(text.contains("another destination"), "{text}");
}

#[test]
fn a_sealed_secret_of_base_settings_goes_to_no_other_host() {
    const DOCUMENT: &str = r#"
twofactor: 1
base_settings:
  webhook:
    WebhookUrl: "https://hook.example.com/codes"
    WebhookSecret: "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
  twilio:
    TwilioAccountSid: AC0123456789abcdef0123456789abcdef
    TwilioAuthToken: 0123456789abcdef0123456789abcdef
"#;
    const EMPTY: &str = "twofactor: 1\nbase_settings: { webhook: {}, twilio: {} }\n";
    let installation = Installation::new();
    let also = fs::read_to_string(installation.config()).unwrap()
        + "[providers]\nload = [\"email\", \"ecall\", \"twilio\", \"webhook\"]\n";
    fs::write(installation.config(), also).unwrap();
    installation.import(DOCUMENT, &[]);
    let document = installation.export(&[]);
    let elsewhere = document.replace("hook.example.com", "hook.evil.example");
    assert_ne!(elsewhere, document);
    installation.import(EMPTY, &[]);
    let text = installation.refusal(&elsewhere);
    assert!(text.contains("/base_settings/webhook a sealed secret would go to another destination"), "{text}");
    // Nowhere for now.
    let text = installation.refusal(&document.replace("https://hook.example.com", "hook.evil.example"));
    assert!(text.contains("/base_settings/webhook it is not known where"), "{text}");
    // By an instance that inherits the secret.
    let instance = "    { name: A, instances: { hook: { type: webhook, name: H, options: { WebhookUrl: \"https://hook.evil.example\" } } } }";
    let without_url = document.replace("    WebhookUrl: https://hook.example.com/codes\n", "");
    assert_ne!(without_url, document);
    let text = installation.refusal(&format!("{without_url}subscriptions:\n  acme:\n{instance}\n"));
    assert!(text.contains("/base_settings/webhook a sealed secret would go to another destination"), "{text}");
    // An instance that is created later would complete what they leave open.
    let instance = instance.replace("hook.evil.example", "hook.example.com/codes");
    let text = installation.refusal(&format!("{without_url}subscriptions:\n  acme:\n{instance}\n"));
    assert!(text.contains("/base_settings/webhook these settings determine less"), "{text}");
    // Those that no instance completes yet come back as they were.
    installation.import(&document, &[]);
    assert_eq!(installation.export(&[]), document);
    installation.wipe();
    installation.import(&document, &[]);
    assert_eq!(installation.export(&[]), document);
}

#[test]
fn an_import_does_not_forget_where_the_secret_of_an_invalid_instance_was_sent() {
    const DOCUMENT: &str = r#"
twofactor: 1
base_settings: { webhook: { WebhookUrl: "https://hook.example.com/codes" } }
subscriptions:
  acme:
    name: A
    instances:
      hook:
        type: webhook
        name: First
        options: { WebhookSecret: "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=" }
"#;
    let installation = Installation::new();
    let also = fs::read_to_string(installation.config()).unwrap() + "[providers]\nload = [\"webhook\"]\n";
    fs::write(installation.config(), also).unwrap();
    installation.import(DOCUMENT, &[]);
    installation.import("twofactor: 1\nbase_settings: { webhook: {} }\n", &["--allow-invalid"]);
    for secrets in ["sealed", "redacted"] {
        let document = installation.export(&["--secrets", secrets]);
        let renamed = document.replace("name: First", "name: Second").replace("name: Third", "name: First");
        installation.import(&renamed.replace("name: Second", "name: Third"), &[]);
        let base = |host: &str| {
            format!("twofactor: 1\nbase_settings: {{ webhook: {{ WebhookUrl: \"https://{host}/codes\" }} }}\n")
        };
        let text = installation.refusal(&base("hook.evil.example"));
        assert!(text.contains("secret of an instance to another destination"), "{secrets}: {text}");
    }
    installation
        .import("twofactor: 1\nbase_settings: { webhook: { WebhookUrl: \"https://hook.example.com/codes\" } }\n", &[]);
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
    let policy = WHOLE.replace("policy: { code_length: 8", "policy: { required_factor: attested, code_length: 8");
    assert!(installation.refusal(&policy).contains("makes valid instances invalid"));
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

/// A shared secret, and what the command reads of it: base32 in URIs, base64 of that from Authelia.
const JOHNS: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
const ALICES: &str = "KRUGS4ZANFZSAYJAONSWG4TFOQQGC4Y";

/// The secret `12345678901234567890`, as RFC 6030 figure 6 encrypts it.
const MARYS: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

impl Installation {
    fn import_factors(&self, format: &str, file: &str, text: &str, more: &[&str]) -> Output {
        let (config, file) = (self.config(), self.file(file, text));
        let place = ["--config", &config, "--subscription", "acme", "--two-factor", "App", "--format", format];
        common::run(&[&["factors", "import"], &place[..], more, &[file.to_str().unwrap()]].concat())
    }
}

/// Returns the code that oathtool shows for a secret in base32, one step from now: codes up to the import are spent.
fn oathtool(secret: &str) -> String {
    let at = format!("@{}", jiff::Timestamp::now().as_second() + 30);
    let output = std::process::Command::new("oathtool").args(["--totp", "--base32", "--now", &at, secret]).output();
    String::from_utf8(output.unwrap().stdout).unwrap().trim().to_owned()
}

/// The exports have the shapes that `model.TOTPConfigurationDataExport` of Authelia and `export_pskc` of privacyIDEA give.
#[tokio::test]
async fn apps_of_other_programs_sign_in_with_the_codes_of_oathtool() {
    let installation = Installation::new();
    let settings = fs::read_to_string(installation.config()).unwrap();
    installation.file("twofactor.toml", &format!("{settings}[providers]\nload = [\"totp\"]\n"));
    let instance = "{ app: { type: totp, name: App, assigned: { tenant: [t1] } } }";
    installation
        .import(&format!("twofactor: 1\nsubscriptions:\n  acme:\n    name: Acme\n    instances: {instance}\n"), &[]);
    let list = format!("# users of the intranet\nalice,otpauth://totp/Intranet:a?secret={ALICES}&issuer=Intranet\n");

    // Entry by entry, with the line, and nothing is imported.
    let bad = format!(
        "{list}bob,otpauth://totp/x?secret={JOHNS}&digits=8\ncarol,otpauth://hotp/x?secret={JOHNS}&counter=1\n\
         dave,otpauth://totp/x?secret={JOHNS}&period=90\nerin,otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ\n\
         fred,otpauth://totp/x?secret={MARYS}\nfred,otpauth://totp/x?secret={MARYS}\n"
    );
    let refused = installation.import_factors("otpauth", "bad.txt", &bad, &[]);
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success());
    for line in [
        "nothing was imported:",
        "line 3: the instance accepts codes of 6 digits",
        "line 4: is counter-based (HOTP): only time-based codes can be imported",
        "line 5: the component does not support the algorithm, the digits, the period or the length of the secret",
        "line 6: the component does not support",
        "line 8: an app with this secret was imported before, or appears twice in the list",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    for secret in [ALICES, JOHNS, MARYS, "GEZDGNBV", "fred"] {
        assert!(!text.contains(secret), "{text}");
    }

    let checked = told(installation.import_factors("otpauth", "list.txt", &list, &["--dry-run"]));
    assert_eq!(checked, "Apps that can be imported: 1. Users: 1. Nothing was changed.\n");
    assert!(!installation.audit_log().contains("factor.import"));
    assert_eq!(told(installation.import_factors("otpauth", "list.txt", &list, &[])), "Imported apps: 1. Users: 1.\n");
    let again = installation.import_factors("otpauth", "list.txt", &list, &[]);
    assert!(String::from_utf8(again.stderr).unwrap().contains("line 2: an app with this secret was imported before"));

    let authelia = "totp_configurations:\n    - created_at: 2025-03-01T10:00:00Z\n      last_used_at: null\n      username: john\n      \
                    issuer: Authelia\n      algorithm: SHA1\n      digits: 6\n      period: 30\n      \
                    secret: SkJTV1kzRFBFSFBLM1BYUEpCU1dZM0RQRUhQSzNQWFA=\n";
    told(installation.import_factors("authelia", "authelia.export.totp.yml", authelia, &[]));

    let pskc = "<keycontainer version=\"1.0\" xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\" xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\">\
                <macmethod algorithm=\"http://www.w3.org/2000/09/xmldsig#hmac-sha1\"><mackey>\
                <xenc:encryptionmethod algorithm=\"http://www.w3.org/2001/04/xmlenc#aes128-cbc\"></xenc:encryptionmethod><xenc:cipherdata>\
                <xenc:ciphervalue>ESIzRFVmd4iZABEiM0RVZgKn6WjLaTC1sbeBMSvIhRejN9vJa2BOlSaMrR7I5wSX</xenc:ciphervalue>\
                </xenc:cipherdata></mackey></macmethod><keypackage><deviceinfo><manufacturer></manufacturer><serialno>TOTP0001A</serialno>\
                </deviceinfo><key algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:totp\" id=\"TOTP0001A\"><issuer>privacyIDEA</issuer>\
                <algorithmparameters><responseformat encoding=\"DECIMAL\" length=\"6\"></responseformat><suite hashalgo=\"sha1\"></suite>\
                </algorithmparameters><data><secret><encryptedvalue>\
                <xenc:encryptionmethod algorithm=\"http://www.w3.org/2001/04/xmlenc#aes128-cbc\"></xenc:encryptionmethod><xenc:cipherdata>\
                <xenc:ciphervalue>AAECAwQFBgcICQoLDA0OD+cIHItlB3Wra1DUpxVvOx2lef1VmNPCMl8jwZqIUqGv</xenc:ciphervalue></xenc:cipherdata>\
                </encryptedvalue></secret><valuemac>TODOmissing</valuemac><timeinterval><plainvalue>30</plainvalue></timeinterval>\
                </data></key></keypackage></keycontainer>";
    let (key, users) = (
        installation.file("psk", "12345678901234567890123456789012\n"),
        installation.file("users.csv", "TOTP0001A,mary\n"),
    );
    let more = ["--key-file", key.to_str().unwrap(), "--users", users.to_str().unwrap()];
    told(installation.import_factors("pskc", "export.xml", pskc, &more));
    let log = installation.audit_log();
    for user in ["alice", "john", "mary"] {
        assert!(log.contains(&format!("factor.import acme/{user} factor ")), "{log}");
    }

    let config = installation.config();
    let issue = ["token", "issue", "--config", &config, "--name", "app", "--application", "acme"];
    let issued: Value = serde_json::from_str(&told(common::run(&issue))).unwrap();
    let token = issued["token"].as_str().unwrap();
    let server = common::Server::serve(std::path::Path::new(&config));
    for (user, secret) in [("alice", ALICES), ("john", JOHNS), ("mary", MARYS)] {
        let factors = server.call("GET", &format!("/v1/users/{user}/factors"), token, Value::Null).await.expect(200);
        assert_eq!(factors["factors"][0]["status"], "active");
        let start = serde_json::json!({"tenant": "t1", "user": user});
        let challenge = server.call("POST", "/v1/challenges", token, start).await.expect(201);
        let verify = format!("/v1/challenges/{}/verify", challenge["id"].as_str().unwrap());
        let answer = serde_json::json!({"code": oathtool(secret)});
        let verified = server.call("POST", &verify, token, answer).await.expect(200);
        assert_eq!((&verified["user"], &verified["amr"]), (&user.into(), &serde_json::json!(["otp"])));
    }
}
