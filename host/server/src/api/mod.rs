//! The REST API: translates between JSON and the engine. Who may call what is decided in `access.rs`.

#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod accounts;
mod addresses;
mod assignments;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod audit;
mod body;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod challenges;
mod condition;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod directory;
mod document;
mod duplicate;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod enrolments;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod factor;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod factor_administration;
mod idempotency;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod instances;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod messages;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod part;
mod price;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod proof;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod providers;
mod reach;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod second_factor;
mod settings;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod sign_in_page;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod sign_ins;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod subscriptions;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod tokens;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod user_factors;
#[allow(unused_qualifications, reason = "utoipa's macro writes them")]
mod users;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

pub use document::openapi;

use crate::request_limits::{COMPONENT_BYTES, LIST_BYTES};
use crate::state::AppState;

/// Returns the routes of the API.
pub(crate) fn routes() -> Router<AppState> {
    calls().split_for_parts().0
}

/// Returns all calls with their documentation. Each is listed once, so that routes and documentation cannot differ.
fn calls() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(document::frame())
        .routes(routes!(challenges::available))
        .routes(routes!(challenges::start))
        .routes(routes!(challenges::verify))
        .routes(routes!(challenges::resend))
        .routes(routes!(challenges::cancel))
        .routes(routes!(enrolments::begin))
        .routes(routes!(enrolments::finish))
        .routes(routes!(user_factors::list))
        .routes(routes!(user_factors::rename, user_factors::remove))
        .routes(routes!(addresses::add))
        .routes(routes!(addresses::verify))
        .routes(routes!(addresses::list))
        .routes(routes!(addresses::remove))
        .routes(routes!(sign_ins::begin))
        .routes(routes!(sign_ins::read))
        .routes(routes!(sign_ins::redeem))
        .routes(routes!(subscriptions::list, subscriptions::create))
        .routes(routes!(subscriptions::read, subscriptions::change, subscriptions::remove))
        .routes(routes!(directory::list, directory::import).layer(DefaultBodyLimit::max(LIST_BYTES)))
        .routes(routes!(directory::read, directory::name, directory::remove))
        .routes(routes!(instances::list, instances::create))
        .routes(routes!(instances::read, instances::replace, instances::change, instances::remove))
        .routes(routes!(assignments::read, assignments::replace).layer(DefaultBodyLimit::max(LIST_BYTES)))
        .routes(routes!(instances::test))
        .routes(routes!(sign_in_page::read, sign_in_page::replace))
        .routes(routes!(users::unlock))
        .routes(routes!(factor_administration::issue_own_pass))
        .routes(routes!(factor_administration::reset_own))
        .routes(routes!(factor_administration::list))
        .routes(routes!(factor_administration::remove))
        .routes(routes!(factor_administration::suspend))
        .routes(routes!(factor_administration::resume))
        .routes(routes!(factor_administration::reset))
        .routes(routes!(factor_administration::issue_pass))
        .routes(routes!(factor_administration::list_devices, factor_administration::forget_devices))
        .routes(routes!(messages::find))
        .routes(routes!(settings::read, settings::replace))
        .routes(routes!(settings::check))
        .routes(routes!(providers::list, providers::add).layer(DefaultBodyLimit::max(COMPONENT_BYTES)))
        .routes(routes!(providers::preview).layer(DefaultBodyLimit::max(COMPONENT_BYTES)))
        .routes(routes!(providers::roll_back))
        .routes(routes!(providers::remove))
        .routes(routes!(tokens::list, tokens::issue))
        .routes(routes!(tokens::revoke))
        .routes(routes!(accounts::list, accounts::create))
        .routes(routes!(accounts::read, accounts::change, accounts::remove))
        .routes(routes!(accounts::invite))
        .routes(routes!(second_factor::read, second_factor::replace))
        .routes(routes!(audit::list))
}
