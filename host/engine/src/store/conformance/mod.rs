//! A test suite for any [`Store`], to be run by each implementation.
//!
//! [`store_conformance!`](crate::store_conformance) expands to one `#[test]` for each case. Its argument is a function that opens an
//! empty store, and returns it with a guard that is dropped after the store:
//!
//! ```
//! use std::sync::Arc;
//! use twofactor::store::{SqliteStore, Store};
//!
//! async fn open() -> (Arc<dyn Store>, impl Sized) {
//!     (Arc::new(SqliteStore::in_memory().unwrap()), ())
//! }
//!
//! twofactor::store_conformance!(open);
//! ```
//!
//! Each case runs on a store of its own, many of them at the same time. A case panics if the store does not conform.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a case fails by panicking")]
#![allow(missing_docs, reason = "the name of a case says what it checks")]

pub mod accounts;
pub mod addresses;
pub mod administration;
pub mod answers;
pub mod challenges;
pub mod external_accounts;
pub mod factor_resets;
pub mod factors;
pub mod history;
pub mod keys;
pub mod nodes;
pub mod passes;
pub mod purge;
pub mod remembered_browsers;
pub mod revisions;
pub mod sign_ins;
pub mod statistics;
pub mod time;
pub mod wrong_answers;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::*;

/// Expands to a test for each case of the [suite](crate::store::conformance).
#[macro_export]
macro_rules! store_conformance {
    ($open:expr) => {
        $crate::store_conformance! { @list $open, tests }
    };
    // All cases in one test.
    (@one_after_another $open:expr) => {
        $crate::store_conformance! { @list $open, calls }
    };
    (@list $open:expr, $form:ident) => {
        $crate::store_conformance! { @$form $open;
            accounts {
                an_invitation_is_used_once_in_time_and_replaced_by_a_newer_one,
                the_first_administrators_link_works_while_no_account_is_active,
                the_first_administrators_link_fails_once_another_account_is_active,
                a_session_needs_an_unchanged_account_and_what_it_replaces,
                ending_all_other_sessions_ends_pending_logins,
                a_reset_of_an_accounts_owner_ends_sessions_and_pending_logins,
                a_new_generation_or_password_ends_sessions_and_other_changes_do_not,
                the_last_active_system_administrator_cannot_be_removed,
                of_two_system_administrators_removed_at_once_one_stays,
                a_clock_set_back_over_a_restart_extends_no_session,
                expired_sessions_are_purged_and_accounts_are_not,
                accounts_are_listed_in_pages_in_the_order_they_were_created,
                a_charge_over_its_limit_counts_nothing_and_a_released_one_counts_again,
            }
            addresses {
                an_address_is_stored_once_and_stays_verified,
                verified_addresses_come_first_and_only_unverified_ones_are_displaced,
                a_user_has_at_most_so_many_verified_addresses,
                a_verified_address_keeps_the_better_of_its_proofs,
                addresses_and_events_are_purged_after_a_year,
                the_newest_events_of_a_user_are_kept,
            }
            administration {
                the_components_of_a_type_are_replaced_from_the_top,
                instances_are_assigned_by_the_most_specific_target,
                the_audit_log_is_appended_in_order_and_filtered,
                sessions_are_listed_and_ended_and_browsers_are_remembered,
                the_answer_to_an_idempotency_key_is_kept_until_the_key_is_forgotten,
            }
            answers {
                a_right_answer_closes_its_challenge_once_and_proves_who_gave_it,
                a_wrong_answer_counts_for_its_challenge_and_its_person,
                an_answer_to_a_challenge_that_is_not_open_counts_against_the_limits_only,
                an_answer_over_a_limit_is_not_compared_and_changes_nothing,
                an_answer_is_compared_under_each_of_its_keys,
                an_answer_is_compared_with_the_codes_of_the_last_message,
                a_right_answer_ends_the_row_of_wrong_ones_but_not_their_day,
                a_right_answer_releases_the_count_of_each_message,
                of_many_right_answers_at_once_one_is_accepted,
                of_many_wrong_answers_at_once_the_allowed_number_is_compared,
                answers_of_nobody_count_for_their_challenge_alone,
            }
            challenges {
                a_verified_challenge_is_a_proof_once_and_while_it_is_fresh,
                an_earlier_code_that_is_kept_is_accepted_after_a_resend,
                a_code_replaced_between_comparing_and_consuming_is_not_accepted,
                of_many_right_answers_at_once_one_succeeds,
                a_used_code_releases_the_count_of_each_message,
                only_an_open_challenge_is_handed_over_by_its_newest_message,
            }
            external_accounts {
                an_authorization_request_is_used_once_and_in_time,
                identities_and_email_addresses_are_unique,
                an_account_with_an_identity_prevents_a_first_administrators_invitation,
            }
            factor_resets {
                any_change_of_a_users_factors_forgets_the_remembered_browsers,
                any_change_of_a_user_ends_what_began_before_it,
                a_reset_ends_everything_of_its_user,
            }
            factors {
                an_enrolment_accepts_answers_up_to_its_limit_and_until_it_expires,
                imported_factors_are_added_together_or_not_at_all,
                an_enrolment_that_is_cancelled_after_it_was_taken_adds_no_factor,
                an_enrolment_that_is_taken_accepts_no_other_answer,
                a_newer_enrolment_of_the_same_instance_removes_the_earlier_one,
                an_enrolment_adds_one_factor,
                a_unique_id_belongs_to_one_factor_of_all_users,
                a_user_has_at_most_as_many_factors_as_allowed,
                a_factor_replaces_the_earlier_ones_of_its_instance,
                a_fallback_needs_another_factor_and_ends_with_the_last_one,
                of_many_uses_of_one_state_at_once_one_succeeds,
                a_refused_use_leaves_its_challenge_open,
                a_factor_that_was_suspended_or_has_ended_is_not_used,
                an_ended_factor_keeps_no_state_and_frees_its_unique_id,
                the_factors_of_an_instance_end_with_it,
                an_answer_of_another_form_is_not_counted,
                a_challenge_proves_a_change_only_while_its_factor_can_be_used,
                an_enrolment_ends_when_a_factor_of_its_user_changes,
                nobody_is_never_locked,
                the_handle_of_a_user_never_changes,
            }
            history {
                the_newest_rows_of_a_person_are_kept_and_other_persons_lose_none,
                rows_beyond_the_total_or_too_old_are_trimmed,
                events_of_a_group_take_no_room_of_others,
                the_subscription_with_the_most_rows_loses_its_oldest,
                refused_requests_of_a_group_are_one_row_of_their_subscription,
                the_last_success_and_failure_of_an_upstream_are_kept_apart,
            }
            keys {
                of_processes_with_different_keys_only_one_starts_on_a_new_store,
                a_rotated_key_is_added_by_a_process_that_has_the_older_ones,
            }
            nodes {
                a_node_is_shown_until_it_ends_or_is_silent_for_a_day,
            }
            passes {
                of_many_uses_of_a_pass_at_once_one_succeeds,
                a_newer_pass_replaces_the_earlier_one,
                enrolments_rest_on_a_used_pass_until_something_ends_it,
                a_pass_is_valid_in_its_time_only,
                wrong_passes_are_limited_until_a_new_pass_is_issued,
                a_guess_counts_against_its_client_whether_there_is_a_pass_or_not,
                a_clock_set_back_over_a_restart_ends_passes_browsers_and_proofs,
                expired_passes_and_browsers_are_purged,
            }
            purge {
                expired_rows_are_purged_and_wrong_answers_are_kept_for_a_month,
            }
            remembered_browsers {
                a_browser_is_recognized_for_its_user_and_in_its_time_only,
                browsers_are_forgotten_one_by_one_or_all_at_once,
                of_too_many_browsers_those_used_least_recently_are_forgotten,
            }
            revisions {
                of_two_changes_to_the_same_revision_one_is_applied,
                directory_entries_are_added_all_or_none,
                what_is_in_use_is_not_removed,
                changes_applied_together_are_all_applied_or_none_is,
                a_subscription_has_at_most_so_many_instances,
            }
            sign_ins {
                a_sign_in_is_found_by_its_link_and_by_its_id_within_its_subscription,
                a_sign_in_is_bound_to_the_first_browser,
                a_step_is_taken_once,
                a_sign_in_is_rewritten_at_its_own_step_only,
                an_ended_sign_in_does_not_change,
                a_handle_is_redeemed_once_for_its_own_sign_in_within_its_time,
                an_expired_or_future_sign_in_does_not_change,
                a_clock_set_back_over_a_restart_ends_open_sign_ins,
                expired_sign_ins_are_purged,
                a_stale_change_of_a_sign_in_page_is_refused,
            }
            statistics {
                statistics_of_several_processes_add_up_within_their_hour,
                statistics_are_purged_after_ninety_days,
            }
            time {
                a_clock_set_back_over_a_restart_revives_no_challenge,
                a_clock_slightly_behind_continues_from_the_stored_time,
                no_time_that_was_used_comes_again_after_a_restart,
                the_time_of_the_store_is_that_of_no_process_that_is_behind,
                a_window_begun_by_a_clock_that_was_ahead_does_not_last_longer,
                processes_whose_clocks_differ_slightly_share_a_window,
                a_day_begun_by_a_clock_that_was_ahead_does_not_block_a_person,
            }
            wrong_answers {
                a_lock_ends_a_day_after_the_last_wrong_answer,
                a_person_can_be_unlocked_at_once,
                a_right_answer_resets_the_row_but_not_the_count_of_the_day,
            }
        }
    };
    (@calls $open:expr; $($subject:ident { $($case:ident,)* })*) => {
        $($($crate::store::conformance::run($open, $crate::store::conformance::$subject::$case);)*)*
    };
    (@tests $open:expr; $($subject:ident { $($case:ident,)* })*) => {
        $($(
            #[test]
            fn $case() {
                $crate::store::conformance::run($open, $crate::store::conformance::$subject::$case);
            }
        )*)*
    };
}

/// Runs one case on an empty store.
///
/// # Panics
/// If the store does not conform.
pub fn run<G>(open: impl AsyncFnOnce() -> (Arc<dyn Store>, G), case: impl AsyncFnOnce(&dyn Store)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (store, guard) = open().await;
        case(&*store).await;
        drop(store);
        drop(guard);
    });
}

pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);
pub(super) const CODE: CodeMac = CodeMac { key: 1, mac: [1; 32] };
pub(super) const PERSON: PersonLimits =
    PersonLimits { consecutive: 100, daily: 50, consecutive_kept: 0, daily_kept: 0, day_ms: 86_400_000 };

pub(super) fn noon() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

/// Returns a challenge for five minutes and five answers.
pub(super) fn challenge(id: &str, now: Timestamp) -> ChallengeRecord {
    ChallengeRecord {
        id: id.to_owned(),
        subscription: "s".to_owned(),
        instance: "i".to_owned(),
        person: [7; 16],
        first_factor: false,
        sealed: vec![1],
        codes: vec![CODE],
        attempts: 0,
        max_attempts: 5,
        resends: 0,
        max_resends: 3,
        resend_after: now,
        created_at: now,
        expires_at: now + 5 * MINUTE,
        closed: None,
    }
}

pub(super) fn opening(id: &str, now: Timestamp) -> OpenChallenge {
    OpenChallenge {
        challenge: challenge(id, now),
        charges: Vec::new(),
        person: PERSON,
        idempotency: None,
        repeatable_for: None,
        changes: None,
        now,
    }
}

pub(super) fn attempt(id: &str, now: Timestamp) -> Attempt {
    Attempt { subscription: "s".to_owned(), id: id.to_owned(), charges: Vec::new(), person: PERSON, now }
}

pub(super) fn answer(id: &str, code: CodeMac, now: Timestamp) -> CodeAnswer {
    CodeAnswer { attempt: attempt(id, now), codes: vec![code], release: Vec::new() }
}

/// The answer to a challenge of [`opening`].
pub(super) fn right(id: &str, now: Timestamp) -> CodeAnswer {
    answer(id, CODE, now)
}

pub(super) fn consume(id: &str, now: Timestamp) -> Consume {
    Consume {
        subscription: "s".to_owned(),
        id: id.to_owned(),
        code: CODE,
        person: [7; 16],
        release: Vec::new(),
        factor: None,
        now,
    }
}

#[cfg(test)]
mod tests {
    /// A case that is not in the list of `store_conformance!` would not run.
    #[test]
    fn every_case_is_listed() {
        let list = include_str!("mod.rs");
        let mut cases = 0;
        for source in [
            include_str!("accounts.rs"),
            include_str!("addresses.rs"),
            include_str!("administration.rs"),
            include_str!("challenges.rs"),
            include_str!("external_accounts.rs"),
            include_str!("factor_resets.rs"),
            include_str!("factors.rs"),
            include_str!("history.rs"),
            include_str!("passes.rs"),
            include_str!("purge.rs"),
            include_str!("remembered_browsers.rs"),
            include_str!("revisions.rs"),
            include_str!("sign_ins.rs"),
            include_str!("statistics.rs"),
            include_str!("time.rs"),
            include_str!("wrong_answers.rs"),
        ] {
            for line in source.lines().filter_map(|line| line.strip_prefix("pub async fn ")) {
                let name = line.split('(').next().unwrap();
                assert!(list.contains(&format!(" {name},")), "{name}");
                cases += 1;
            }
        }
        assert!(cases >= 80, "{cases}");
    }
}
