//! A server whose administrators log in at an identity provider, and the way there and back.

#![allow(dead_code, reason = "each suite uses its own part")]

use std::collections::HashMap;

use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use crate::common::visitor::{Page, Visitor};
use crate::common::{self, Server};

pub(crate) const BACK: &str = "/admin/login/oidc/back";

/// The content of the client's secret file; its special characters must be encoded.
pub(crate) const SECRET: &str = "a secret: 100% of 32 signs & more";

/// The configuration beside the issuer.
#[derive(Default)]
pub(crate) struct Setup<'a> {
    /// Keys of `[accounts.oidc]`.
    pub(crate) oidc: &'a str,
    /// Keys of `[accounts]`.
    pub(crate) accounts: &'a str,
    /// More tables.
    pub(crate) tables: &'a str,
    /// Whether the client has no secret.
    pub(crate) public: bool,
}

pub(crate) struct Site {
    pub(crate) server: Server,
    folder: TempDir,
}

impl Site {
    /// `groups` has `admins` for system administrators, `team` is `shop` for those of the subscription `shop`.
    pub(crate) fn start(issuer: &str, setup: &Setup<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (store, secret) = (folder.path().join("twofactor.db"), folder.path().join("oidc.secret"));
        std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
        let secret = if setup.public { String::new() } else { format!("client_secret_file = {secret:?}") };
        let Setup { oidc, accounts, tables, .. } = setup;
        let text = format!(
            "listen = \"127.0.0.1:0\"\n[store]\npath = {store:?}\n[providers]\nload = []\n{tables}\n[accounts]\n{accounts}\n\
             [accounts.oidc]\nissuer = \"{issuer}\"\nclient_id = \"twofactor\"\nname = \"Example login\"\n{secret}\n{oidc}\n\
             [[accounts.oidc.roles]]\nclaim = \"groups\"\nvalue = \"admins\"\nrole = \"system_admin\"\n\
             [[accounts.oidc.roles]]\nclaim = \"team\"\nvalue = \"shop\"\nrole = \"subscription_admin\"\nsubscriptions = [\"shop\"]\n"
        );
        std::fs::write(folder.path().join("twofactor.toml"), text).unwrap();
        Self { server: Server::serve(&folder.path().join("twofactor.toml")), folder }
    }

    pub(crate) fn redirect_uri(&self) -> String {
        format!("{}{BACK}", self.server.url)
    }

    pub(crate) fn visitor(&self) -> Visitor {
        Visitor::at(&self.server.url)
    }

    /// Returns a system administrator's token.
    pub(crate) fn token(&self) -> String {
        let config = self.folder.path().join("twofactor.toml");
        let issue = ["token", "issue", "--name", "test", "--system-admin", "--config", config.to_str().unwrap()];
        let said: Value = serde_json::from_slice(&common::run(&issue).stdout).unwrap();
        said["token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn accounts(&self) -> Vec<Value> {
        let list = self.server.call("GET", "/v1/accounts", &self.token(), Value::Null).await.expect(200);
        list["accounts"].as_array().unwrap().clone()
    }

    pub(crate) async fn make_shop(&self) {
        let body = json!({"id": "shop", "name": "Shop"});
        self.server.call("POST", "/v1/subscriptions", &self.token(), body).await.expect(201);
    }

    /// Returns the audit log's lines on accounts, as `actor: action detail`, without addresses and the ids of accounts.
    pub(crate) async fn audited(&self) -> Vec<String> {
        let log = self.server.call("GET", "/v1/audit", &self.token(), Value::Null).await.expect(200);
        let lines = log["entries"].as_array().unwrap().iter().map(|line| {
            let [actor, action, detail] = ["actor", "action", "detail"].map(|name| line[name].as_str().unwrap());
            let actor = actor.split(" from ").next().unwrap();
            let actor = if actor.starts_with("account ") { "account" } else { actor };
            format!("{actor}: {action} {detail}").trim_end().to_owned()
        });
        lines.filter(|line| line.contains(": account.") && !line.starts_with("start-up")).collect()
    }
}

/// The parameters that a browser takes to the identity provider.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) url: Url,
    asked: HashMap<String, String>,
}

impl Sent {
    pub(crate) fn asks(&self, name: &str) -> &str {
        self.asked.get(name).map_or("", |value| value)
    }

    /// Returns the way back with an answer.
    pub(crate) fn back(&self, more: &[(&str, &str)]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("state", self.asks("state")).extend_pairs(more);
        format!("{BACK}?{}", query.finish())
    }
}

/// Follows the button.
pub(crate) async fn leave(visitor: &mut Visitor, to: &str) -> Sent {
    let form = visitor.get(&format!("/admin/login?to={to}")).await.shows("Log in with Example login");
    let link = form.value("class=\"button\" href=\"");
    let page: Page = visitor.get(&link).await;
    let url = Url::parse(page.leads_to()).unwrap();
    let asked = url.query_pairs().into_owned().collect();
    Sent { url, asked }
}
