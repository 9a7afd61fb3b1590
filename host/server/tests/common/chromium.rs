//! A real Chromium, driven over WebDriver (W3C) as its own chromedriver speaks it.

#![allow(dead_code, reason = "each suite uses its own part")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The key of an element's reference in a response.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub(crate) const ENTER: &str = "\u{e007}";
pub(crate) const TAB: &str = "\u{e004}";
pub(crate) const DOWN: &str = "\u{e015}";

/// The settings of a browser.
pub(crate) struct BrowserSettings {
    pub(crate) language: &'static str,
    pub(crate) scripts: bool,
    pub(crate) dark: bool,
    pub(crate) phone: bool,
    /// How this browser finds host names on loopback.
    pub(crate) tls: Option<Tls>,
}

/// Host names below `test`, over TLS on loopback.
pub(crate) struct Tls {
    /// The digest of the certificate (SPKI, base64).
    pub(crate) digest: String,
    /// A host name, and the port on which it is found if a URL names none: tests cannot listen on port 443.
    pub(crate) usual_port: (&'static str, u16),
}

impl Default for BrowserSettings {
    fn default() -> Self {
        Self { language: "en-US", scripts: true, dark: false, phone: false, tls: None }
    }
}

/// One browser with a profile of its own. It ends with this.
pub(crate) struct Chromium {
    driver: Child,
    session: String,
    client: reqwest::Client,
    _profile: tempfile::TempDir,
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // Chromium ends with its driver's session: the request needs no runtime of ours.
        let _ = Command::new("curl").args(["-s", "-X", "DELETE", &self.session]).output();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn there(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

/// Returns whether a test must be skipped, after printing what is missing.
pub(crate) fn skipped(test: &str) -> bool {
    let missing: Vec<_> = ["chromium", "chromedriver", "curl"].into_iter().filter(|program| !there(program)).collect();
    if !missing.is_empty() {
        // Not captured, unlike what `println!` prints.
        let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {} is not installed", missing.join(", "));
    }
    !missing.is_empty()
}

impl Chromium {
    pub(crate) async fn start(settings: BrowserSettings) -> Self {
        let mut driver =
            Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines
            .map_while(Result::ok)
            .find_map(|line| {
                line.split("successfully on port ").nth(1).map(|port| port.trim_end_matches('.').to_owned())
            })
            .unwrap();
        let profile = tempfile::tempdir().unwrap();
        let mut arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,900",
        ]
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
        arguments.push(format!("--lang={}", settings.language));
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        if let Some(Tls { digest, usual_port: (host, port) }) = &settings.tls {
            // The first rule that fits is used.
            let rules = format!("MAP {host}:443 127.0.0.1:{port}, MAP *.test 127.0.0.1");
            arguments.push(format!("--host-resolver-rules={rules}"));
            arguments.push(format!("--ignore-certificate-errors-spki-list={digest}"));
        }
        let scripts = if settings.scripts { 1 } else { 2 };
        let preferences = json!({"intl.accept_languages": settings.language,
            "profile.default_content_setting_values.javascript": scripts});
        let options = json!({"args": arguments, "prefs": preferences});
        let wanted = json!({"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}});
        let client = reqwest::Client::new();
        let url = format!("http://127.0.0.1:{port}/session");
        let begun = client.post(&url).body(wanted.to_string()).send().await.unwrap().text().await.unwrap();
        let begun: Value = serde_json::from_str(&begun).unwrap();
        let id = begun["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("{begun}"));
        let browser = Self { driver, session: format!("{url}/{id}"), client, _profile: profile };
        if settings.phone {
            let phone = json!({"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": true});
            browser.devtools("Emulation.setDeviceMetricsOverride", phone).await;
        }
        if settings.dark {
            let dark = json!({"features": [{"name": "prefers-color-scheme", "value": "dark"}]});
            browser.devtools("Emulation.setEmulatedMedia", dark).await;
        }
        browser
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Value, Value> {
        let response = request.send().await.unwrap();
        let good = response.status().is_success();
        let mut answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        let value = answer["value"].take();
        if good { Ok(value) } else { Err(value) }
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let request = self.client.post(format!("{}{path}", self.session)).body(body.to_string());
        self.send(request).await.unwrap_or_else(|error| panic!("{path} {body}: {}", error["message"]))
    }

    pub(crate) async fn delete(&self, path: &str) {
        let gone = self.send(self.client.delete(format!("{}{path}", self.session))).await;
        gone.unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.send(self.client.get(format!("{}{path}", self.session)))
            .await
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Returns a command of the DevTools protocol.
    pub(crate) async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.post("/goog/cdp/execute", json!({"cmd": command, "params": parameters})).await
    }

    pub(crate) async fn open(&self, url: &str) {
        self.post("/url", json!({"url": url})).await;
    }

    pub(crate) async fn url(&self) -> String {
        self.get("/url").await.as_str().unwrap().to_owned()
    }

    pub(crate) async fn title(&self) -> String {
        self.get("/title").await.as_str().unwrap().to_owned()
    }

    async fn find(&self, selector: &str) -> String {
        let found = self.post("/element", json!({"using": "css selector", "value": selector})).await;
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    pub(crate) async fn click(&self, selector: &str) {
        let element = self.find(selector).await;
        self.post(&format!("/element/{element}/click"), json!({})).await;
    }

    /// Puts a text into a field, in place of its value.
    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        let element = self.find(selector).await;
        self.post(&format!("/element/{element}/clear"), json!({})).await;
        self.post(&format!("/element/{element}/value"), json!({"text": text})).await;
    }

    pub(crate) async fn text(&self, selector: &str) -> String {
        let element = self.find(selector).await;
        self.get(&format!("/element/{element}/text")).await.as_str().unwrap().to_owned()
    }

    pub(crate) async fn enabled(&self, selector: &str) -> bool {
        let element = self.find(selector).await;
        self.get(&format!("/element/{element}/enabled")).await.as_bool().unwrap()
    }

    /// Returns the text of an element, if it exists.
    async fn said(&self, selector: &str) -> Option<String> {
        let found = json!({"using": "css selector", "value": selector}).to_string();
        let found = self.send(self.client.post(format!("{}/element", self.session)).body(found)).await.ok()?;
        let element = found[ELEMENT].as_str()?;
        let text = self.send(self.client.get(format!("{}/element/{element}/text", self.session))).await.ok()?;
        text.as_str().map(|text| text.replace('\u{a0}', " "))
    }

    /// Waits until an element has this text: a page that was left may still be there for a moment.
    pub(crate) async fn sees(&self, selector: &str, text: &str) {
        self.until(&format!("`{text}` in {selector}"), async |browser| {
            browser.said(selector).await.is_some_and(|said| said.contains(text))
        })
        .await;
    }

    /// Presses keys, wherever the focus is.
    pub(crate) async fn keys(&self, text: &str) {
        let press = |key: char| ["keyDown", "keyUp"].map(|what| json!({"type": what, "value": key.to_string()}));
        let actions: Vec<Value> = text.chars().flat_map(press).collect();
        self.post("/actions", json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})).await;
    }

    /// Returns an attribute of the element that has the focus.
    pub(crate) async fn focused(&self, attribute: &str) -> String {
        let active = self.get("/element/active").await[ELEMENT].as_str().unwrap().to_owned();
        self.get(&format!("/element/{active}/attribute/{attribute}")).await.as_str().unwrap_or_default().to_owned()
    }

    pub(crate) async fn run(&self, script: &str, arguments: Value) -> Value {
        self.post("/execute/sync", json!({"script": script, "args": arguments})).await
    }

    /// Looks again until it is so.
    pub(crate) async fn until(&self, what: &str, so: impl AsyncFn(&Self) -> bool) {
        for _ in 0..2000 {
            if so(self).await {
                return;
            }
        }
        panic!("{what} does not happen: {} {}", self.url().await, self.text("body").await);
    }

    /// Goes on in a frame of the page.
    pub(crate) async fn enter_frame(&self, selector: &str) {
        let frame = self.find(selector).await;
        self.post("/frame", json!({"id": {ELEMENT: frame}})).await;
    }

    /// Goes on in the page itself.
    pub(crate) async fn leave_frame(&self) {
        self.post("/frame", json!({"id": null})).await;
    }

    /// Takes pictures of the whole page as large and small screens show it, in light and dark: `NAME-large-dark` and so on.
    pub(crate) async fn pictures(&self, name: &str) {
        self.devtools("Emulation.setScrollbarsHidden", json!({"hidden": true})).await;
        for (screen, width, mobile) in [("large", 760, false), ("small", 390, true)] {
            // Padding depends on the height: the second time it stays as it is.
            let mut height = json!(800);
            for _ in 0..2 {
                let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 2, "mobile": mobile});
                self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
                height = self.run("return document.body.scrollHeight", json!([])).await;
            }
            let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 2, "mobile": mobile});
            self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
            for theme in ["light", "dark"] {
                let media = json!({"features": [{"name": "prefers-color-scheme", "value": theme}]});
                self.devtools("Emulation.setEmulatedMedia", media).await;
                self.picture(&format!("{name}-{screen}-{theme}")).await;
            }
        }
        self.devtools("Emulation.clearDeviceMetricsOverride", json!({})).await;
        self.devtools("Emulation.setScrollbarsHidden", json!({"hidden": false})).await;
        self.devtools("Emulation.setEmulatedMedia", json!({"features": []})).await;
    }

    /// Kept in the target folder, for people to look at.
    pub(crate) async fn picture(&self, name: &str) {
        let picture = STANDARD.decode(self.get("/screenshot").await.as_str().unwrap()).unwrap();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
    }

    /// Returns what axe-core finds wrong for people who read with other means than most.
    pub(crate) async fn violations(&self, axe: &Path) -> Vec<String> {
        self.run(&std::fs::read_to_string(axe).unwrap(), json!([])).await;
        let script = "const done = arguments[0]; axe.run(document).then((found) => done(found.violations.map(
            (one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.html).join(' ')}`)))";
        let found = self.post("/execute/async", json!({"script": script, "args": []})).await;
        found.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    }
}

/// Returns axe-core, in the version that is pinned next to these tests.
pub(crate) fn axe(test: &str) -> Option<PathBuf> {
    if !there("npm") {
        let _ = writeln!(std::io::stderr(), "SKIPPED {test}: npm is not installed");
        return None;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("axe");
    let file = folder.join("node_modules/axe-core/axe.min.js");
    // Tests run at once: one installs, the others wait.
    std::fs::create_dir_all(&folder).unwrap();
    let lock = std::fs::File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    if !file.exists() {
        let pinned = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/axe");
        for name in ["package.json", "package-lock.json"] {
            std::fs::copy(pinned.join(name), folder.join(name)).unwrap();
        }
        let npm = Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&folder)
            .output();
        assert!(file.exists(), "{npm:?}");
    }
    Some(file)
}

/// Returns whether a test must be skipped because a program is missing, after printing so.
pub(crate) fn needs(test: &str, program: &str) -> bool {
    let missing = !there(program);
    if missing {
        let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {program} is not installed");
    }
    missing
}
