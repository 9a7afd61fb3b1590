//! The state of the admin UI.

use axum::extract::FromRef;

use super::form_replies::FormReplies;
use super::pending_components::PendingComponents;
use crate::state::AppState;

/// The server's state, and what this process remembers of a person between two pages.
#[derive(Clone)]
pub(super) struct Ui {
    pub(super) app: AppState,
    pub(super) pending_components: PendingComponents,
    pub(super) form_replies: FormReplies,
}

impl Ui {
    pub(super) fn new(app: AppState) -> Self {
        Self { app, pending_components: PendingComponents::default(), form_replies: FormReplies::default() }
    }
}

impl FromRef<Ui> for AppState {
    fn from_ref(ui: &Ui) -> Self {
        ui.app.clone()
    }
}
