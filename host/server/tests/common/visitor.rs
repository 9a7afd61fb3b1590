//! Somebody at the admin UI, without a browser: forms and links over HTTP, redirects seen one by one.

use std::collections::BTreeMap;

use reqwest::header::HeaderMap;
use serde_json::Value;

use super::Server;

pub(crate) const PASSWORD: &str = "seven ducks cross a slow river";

/// As the documentation shows it.
pub(crate) const SMTP_SAMPLE: &str = r#"{
"MailType": "SMTP",
"Host": "smtp.example.com",
"Port": 465,
"EnableSSL": true,
"UserName": "<smtp-username>",
"Password": "<smtp-password>",
"Timeout": 20000
}"#;

/// A type, what is typed into its options, how a recipient is reached, and at what.
pub(crate) struct Case {
    pub(crate) type_id: &'static str,
    pub(crate) options: &'static [(&'static str, &'static str)],
    pub(crate) kind: &'static str,
    pub(crate) recipient: &'static str,
}

pub(crate) const CASES: [Case; 3] = [
    Case {
        type_id: "email",
        options: &[("/EMailSenderAddress", "codes@example.com")],
        kind: "email",
        recipient: "bob@example.org",
    },
    Case {
        type_id: "ecall",
        options: &[
            ("/ECallAccountName", "account"),
            ("/ECallAccountPassword", "secret"),
            ("/ECallAccountFromNumber", "Shop"),
        ],
        kind: "phone",
        recipient: "+41791112233",
    },
    Case {
        type_id: "twilio",
        options: &[
            ("/TwilioAccountSid", "AC0123456789abcdef0123456789abcdef"),
            ("/TwilioAuthToken", "secret"),
            ("/TwilioSmsFromNumber", "+15005550006"),
        ],
        kind: "phone",
        recipient: "+41791112244",
    },
];

/// Keeps cookies as a browser does, also those that it would send over TLS only.
pub(crate) struct Visitor {
    pub(crate) url: String,
    pub(crate) cookies: BTreeMap<String, String>,
    client: reqwest::Client,
}

/// A page as it came.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Page {
    /// Returns where it leads to.
    #[track_caller]
    pub(crate) fn leads_to(&self) -> &str {
        assert_eq!(self.status, 303, "{}", self.text);
        self.headers["location"].to_str().unwrap()
    }

    #[track_caller]
    pub(crate) fn shows(self, text: &str) -> Self {
        assert!(self.text.contains(text), "{text} is not in {}", self.text);
        self
    }

    /// Returns the value of the first attribute that begins so, such as `name="revision" value="`.
    #[track_caller]
    pub(crate) fn value(&self, before: &str) -> String {
        let rest = self.text.split_once(before).unwrap_or_else(|| panic!("{before} is not in {}", self.text)).1;
        rest.split_once('"').unwrap().0.to_owned()
    }
}

impl Visitor {
    pub(crate) fn at(url: &str) -> Self {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { url: url.to_owned(), cookies: BTreeMap::new(), client }
    }

    /// Returns the first administrator, logged in.
    pub(crate) async fn first(server: &Server) -> Self {
        let mut visitor = Self::at(&server.url);
        let link = server.said["first_administrator"].as_str().unwrap();
        let form = [("name", "Anna"), ("email", "anna@example.com"), ("password", PASSWORD)];
        let path = link.strip_prefix(&server.url).unwrap().to_owned();
        assert_eq!(visitor.post(&path, &form).await.leads_to(), "/admin");
        visitor
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.client.request(method, format!("{}{path}", self.url)).header("cookie", cookies.join("; "))
    }

    pub(crate) async fn send(&mut self, request: reqwest::RequestBuilder) -> Page {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        for cookie in headers.get_all("set-cookie") {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            self.cookies.remove(name);
            if !value.is_empty() {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Page { status, headers, text: response.text().await.unwrap() }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Page {
        self.send(self.request("GET", path)).await
    }

    /// Sends a form from a page of the server. One that comes back is shown, as a browser shows it.
    pub(crate) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Page {
        let page = self.post_alone(path, form).await;
        self.follow(page).await
    }

    /// Sends a form; the redirect that it is answered with.
    pub(crate) async fn post_alone(&mut self, path: &str, form: &[(&str, &str)]) -> Page {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.send(self.request("POST", path).header("sec-fetch-site", "same-origin").body(body)).await
    }

    /// Returns the page that shows what came of a form.
    pub(crate) async fn follow(&mut self, mut page: Page) -> Page {
        loop {
            let said = self.cookies.contains_key("__Host-twofactor-said");
            let to = page.headers.get("location").and_then(|to| to.to_str().ok()).unwrap_or_default();
            if page.status != 303 || !(said || to.contains("kept=")) {
                return page;
            }
            let to = to.split('#').next().unwrap().to_owned();
            page = self.get(&to).await;
        }
    }

    /// Creates an instance as the form does; answers with its path.
    pub(crate) async fn create(&mut self, type_id: &str, name: &str) -> String {
        let form = [("type", type_id), ("name", name), ("subscription", "demo"), ("active", "yes")];
        let created = self.post("/admin/two-factors/new", &form).await;
        created.leads_to().strip_suffix("?done=created").unwrap().to_owned()
    }

    /// Fills the extended edit view.
    pub(crate) async fn save(&mut self, path: &str, options: &[(&str, &str)]) -> Page {
        let page = self.get(path).await;
        let (revision, name) =
            (page.value("name=\"revision\" value=\""), page.value("<h1>").split("</h1>").next().unwrap().to_owned());
        let form = [&[("revision", &*revision), ("name", &*name), ("active", "yes")], options].concat();
        self.post(path, &form).await
    }
}

/// Returns the path of a page's API twin.
pub(crate) fn api_path(path: &str) -> String {
    let (subscription, id) = path.strip_prefix("/admin/two-factors/").unwrap().split_once('/').unwrap();
    format!("/v1/subscriptions/{subscription}/two-factors/{id}")
}

/// Returns the options that `GET` answers with.
pub(crate) async fn options(server: &Server, path: &str) -> Value {
    server.call("GET", &api_path(path), server.token("admin_token"), Value::Null).await.expect(200)["options"].clone()
}
