//! Evidence that a change of a user's factors comes from the user.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::problem::Problem;

/// Evidence that a change of a user's factors comes from the user: exactly one of these fields.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Proof {
    /// `true` if the user has just passed the first factor, such as a password, in the application. It is enough for the first factor of a
    /// user, if the policy of the instance allows it.
    first_factor: Option<bool>,
    /// The id of a challenge of this user that was verified in the last ten minutes. It proves one change. Once the user holds
    /// a factor, the challenge must have been answered with a factor.
    challenge: Option<String>,
    /// A temporary pass that an administrator issued.
    pass: Option<String>,
}

impl Proof {
    pub(super) fn read(self) -> Result<twofactor::factor::Proof, Problem> {
        match (self.first_factor, self.challenge, self.pass) {
            (Some(true), None, None) => Ok(twofactor::factor::Proof::FirstFactor),
            (None, Some(id), None) => Ok(twofactor::factor::Proof::Challenge(id)),
            (None, None, Some(pass)) => Ok(twofactor::factor::Proof::Pass(pass)),
            (Some(false), None, None) => Err(Problem::at("/proof/first_factor", "must be `true`, or another proof")),
            _ => Err(Problem::at("/proof", "must have exactly one of `first_factor`, `challenge` and `pass`")),
        }
    }
}
