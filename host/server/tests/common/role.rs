//! The roles of those who call or log in.

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Role {
    SystemAdmin,
    SubscriptionAdmin,
    Auditor,
    SubscriptionAuditor,
    /// Of tokens alone.
    Application,
}

impl Role {
    /// Those that accounts have.
    pub(crate) const OF_PEOPLE: [Self; 4] =
        [Self::SystemAdmin, Self::SubscriptionAdmin, Self::Auditor, Self::SubscriptionAuditor];

    pub(crate) fn is_auditor(self) -> bool {
        matches!(self, Self::Auditor | Self::SubscriptionAuditor)
    }

    pub(crate) fn is_of_the_system(self) -> bool {
        matches!(self, Self::SystemAdmin | Self::Auditor)
    }
}
