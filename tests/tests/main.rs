//! End-to-end suites, one topic a file. One program runs them all: linking takes longer than running most of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking and may print"
)]

mod a_code_travels;
mod accounts;
mod accounts_two_processes;
mod added_providers;
mod amr;
mod an_outcome_is_kept;
mod attested_passkeys;
mod audit_log;
mod bundled_providers;
mod calls_in_flight;
mod codes_that_are_asked_for;
mod context_of_messages;
mod debug_output;
mod destinations;
mod egress;
mod external_logins;
mod factors;
mod failed_steps;
mod failover;
mod fetch;
mod first_factor;
mod frozen_components;
mod frozen_factors;
mod gateways;
mod gateways_are_strict;
mod gateways_in_other_languages;
mod given_up_calls;
mod held_factors;
mod held_factors_two_processes;
mod held_passkeys;
mod hidden_codes;
mod hostile_components;
mod hostile_factors;
mod hostile_guests;
mod hostile_mail_servers;
mod hostile_upstreams;
mod hot_swap;
mod instances_of_a_subscription;
mod kept_mail_connections;
mod kill_nine;
mod known_browsers;
mod later_contract;
mod limits;
mod local_gateways_are_strict;
mod made_invalid;
mod mail_injection;
mod mail_through_exim;
mod message_history;
mod more_vendors;
mod more_vendors_are_strict;
mod one_store_two_processes;
mod operators_network;
mod other_languages;
mod passes_two_processes;
mod pauses_and_retries;
mod placed_secrets;
mod quotas;
mod recipients_by_handle;
mod replies_of_mail_servers;
mod reports;
mod reports_of_gateways;
mod required_factor;
mod schemas;
mod second_factor_of_accounts;
mod second_factor_stays_closed;
mod secrets_stay_in_credentials;
mod sessions;
mod signed_providers;
mod statistics;
mod tls_egress;
mod user_bindings;
mod vendors;
mod vendors_are_strict;
mod wasi_http;

#[test]
fn every_file_of_this_folder_is_run() {
    let apart = ["held_factors_canaries", "secrets_of_accounts", "upstream_verifies"];
    twofactor_tests::suites::listed(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"), include_str!("main.rs"), &apart);
}
