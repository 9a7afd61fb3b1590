//! Suites of the program and its API, one topic a file. One program runs them all: linking takes longer than running most of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking and may print"
)]

#[path = "common/authenticator.rs"]
mod authenticator;
mod canary;
#[path = "common/chromium.rs"]
mod chromium;
mod common;
#[path = "common/factor_site.rs"]
mod factor_site;
#[path = "common/factors.rs"]
mod factors;
#[path = "common/http2.rs"]
mod http2;
#[path = "common/identity.rs"]
mod identity;
#[path = "common/own_provider.rs"]
mod own_provider;
#[path = "common/python.rs"]
mod python;
#[path = "common/real_provider.rs"]
mod real_provider;
#[path = "common/scripted.rs"]
mod scripted;
#[path = "../../../examples/shop/src/main.rs"]
#[allow(missing_docs, unreachable_pub, reason = "it is a program")]
mod shop;
#[path = "common/site.rs"]
mod site;
#[path = "common/totp.rs"]
mod totp;
#[path = "common/tutorial.rs"]
mod tutorial;

mod accounts;
mod admin_browser;
mod admin_browser_pages;
mod admin_finds;
mod admin_first_day;
mod admin_forms;
mod admin_german;
mod admin_known_browser;
mod admin_lists;
mod admin_messages;
mod admin_own_factors;
mod admin_providers;
mod admin_roles;
mod admin_second_factor;
mod admin_subscriptions;
mod admin_ui;
mod admin_users_factors;
mod administration;
mod as_code;
mod audit_of_changes;
mod author_book;
mod author_languages;
mod base_settings_check;
mod calls_of_applications;
mod canaries;
mod command_line;
mod concurrent_edits;
mod connections;
mod demo_provider;
mod directory;
mod factor_administration;
mod factor_canaries;
mod factors_browser;
mod factors_over_rest;
mod generated_client;
mod hosted_passkeys;
mod instance_limit;
mod more_outcomes;
mod my_factors;
mod odd_requests;
mod oidc_authorization_requests;
mod oidc_browser;
mod oidc_login;
mod oidc_provider_answers;
mod oidc_roles;
mod oidc_tokens;
mod outcomes;
mod paging;
mod passkey_settings;
mod postgresql;
mod problems;
mod provider_add;
mod provider_registry;
mod related_origins;
mod reports;
mod roles;
mod running;
mod schemas_of_strangers;
mod schemathesis;
mod sign_in_browser;
mod sign_in_forwarded;
mod sign_in_guards;
mod sign_in_page;
mod sign_in_result;
mod soft_webauthn;
mod store_backup;
mod texts;
mod user_guide;

#[test]
fn every_file_of_this_folder_is_run() {
    twofactor_tests::suites::listed(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"), include_str!("main.rs"), &[]);
}
