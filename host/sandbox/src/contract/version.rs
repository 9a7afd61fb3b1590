//! Which version of the contract a component was built for, and which interfaces it uses of it.

use std::fmt;

use semver::Version;

/// The package that the contract is.
const PACKAGE: &str = "twofactor:provider/";

/// A version of the contract that this host supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contract {
    /// 0.2: [`v0_2`](super::v0_2).
    V0_2,
}

/// A component that was built for a version of the contract that this host does not support.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) struct UnsupportedContract(Version);

impl Contract {
    /// All versions that this host supports, the oldest first.
    pub(crate) const ALL: [Self; 1] = [Self::V0_2];

    /// Returns the version, as in `wit/`.
    pub(crate) const fn version(self) -> Version {
        match self {
            Self::V0_2 => Version::new(0, 2, 0),
        }
    }

    /// Reads the version from the names of a component's imports and exports. A component that uses nothing of the contract has
    /// none; linking finds what it lacks.
    ///
    /// # Errors
    /// If one of them is of a version that this host does not support.
    pub(crate) fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Option<Self>, UnsupportedContract> {
        let mut found = None;
        for (_, version) in names.into_iter().filter_map(interface) {
            match Self::ALL.into_iter().find(|contract| contract.includes(&version)) {
                Some(contract) => found = Some(contract),
                None => return Err(UnsupportedContract(version)),
            }
        }
        Ok(found)
    }

    /// Returns whether a component that was built for a version can be run by this one. Before 1.0.0 the second number says what is
    /// compatible (semver section 4, as Cargo reads it).
    fn includes(self, version: &Version) -> bool {
        let own = self.version();
        version.major == own.major && (own.major > 0 || version.minor == own.minor)
    }
}

/// Splits `twofactor:provider/reports@0.2.0` into the interface and its version. `None` if the name is not one of the contract's.
fn interface(name: &str) -> Option<(&str, Version)> {
    let (interface, version) = name.strip_prefix(PACKAGE)?.split_once('@')?;
    Some((interface, Version::parse(version).ok()?))
}

/// Returns whether a name is that of an interface of the contract, in any version.
pub(crate) fn is_interface(name: &str, wanted: &str) -> bool {
    interface(name).is_some_and(|(interface, _)| interface == wanted)
}

impl fmt::Display for UnsupportedContract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let supported: Vec<String> = Contract::ALL.iter().map(|contract| contract.version().to_string()).collect();
        let newest = Contract::ALL.iter().map(|contract| contract.version()).max();
        let remedy = match newest.is_some_and(|newest| self.0 > newest) {
            true => "run it on a newer TwoFactor, or build it against the `wit/` of this one",
            false => "build it against the `wit/` of this host",
        };
        write!(
            f,
            "the component was built for version {} of the contract `twofactor:provider`; this host supports {}: {remedy}",
            self.0,
            supported.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_supported_version_is_that_of_the_wit_files() {
        let newest = Contract::ALL.iter().map(|contract| contract.version()).max();
        let wit = include_str!("../../wit/types.wit");
        assert!(newest.is_some_and(|newest| wit.contains(&format!("package twofactor:provider@{newest};"))));
    }

    #[test]
    fn a_component_of_another_version_is_refused_with_the_supported_ones() {
        let names = |version: &str| ["wasi:io/streams@0.2.6".to_owned(), format!("twofactor:provider/types@{version}")];
        let of = |version: &str| {
            let names = names(version);
            Contract::of(names.iter().map(String::as_str)).map_err(|error| error.to_string())
        };
        for version in ["0.2.0", "0.2.7"] {
            assert_eq!(of(version), Ok(Some(Contract::V0_2)), "{version}");
        }
        for (version, remedy) in [("0.3.0", "newer TwoFactor"), ("1.0.0", "newer TwoFactor"), ("0.1.0", "of this host")]
        {
            let error = of(version).err().unwrap_or_default();
            assert!(error.contains(version) && error.contains("supports 0.2.0") && error.contains(remedy), "{error}");
        }
        assert_eq!(Contract::of(["wasi:io/streams@0.2.6"]), Ok(None));
    }
}
