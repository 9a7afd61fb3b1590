//! Which version of a contract a component was built for, and which interfaces it uses of it.

use std::fmt;

use semver::Version;

/// A contract: a WIT package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Package {
    /// `twofactor:provider`: delivers messages.
    Provider,
    /// `twofactor:factor`: verifies answers.
    Factor,
}

/// A version of a contract that this host supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contract {
    /// `twofactor:provider` 0.2: [`v0_2`](super::v0_2).
    ProviderV0_2,
    /// `twofactor:factor` 0.1: [`factor_v0_1`](super::factor_v0_1).
    FactorV0_1,
}

/// A component that was built for a version of a contract that this host does not support.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) struct UnsupportedContract(Package, Version);

impl Package {
    const ALL: [Self; 2] = [Self::Provider, Self::Factor];

    /// Returns its name, as in `wit/`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Provider => "twofactor:provider",
            Self::Factor => "twofactor:factor",
        }
    }

    /// Returns the folder that defines it.
    const fn folder(self) -> &'static str {
        match self {
            Self::Provider => "wit/",
            Self::Factor => "wit/factor/",
        }
    }
}

impl Contract {
    /// All versions that this host supports, the oldest of each contract first.
    pub(crate) const ALL: [Self; 2] = [Self::ProviderV0_2, Self::FactorV0_1];

    /// Returns the contract of which this is a version.
    pub(crate) const fn package(self) -> Package {
        match self {
            Self::ProviderV0_2 => Package::Provider,
            Self::FactorV0_1 => Package::Factor,
        }
    }

    /// Returns the version, as in `wit/`.
    pub(crate) const fn version(self) -> Version {
        match self {
            Self::ProviderV0_2 => Version::new(0, 2, 0),
            Self::FactorV0_1 => Version::new(0, 1, 0),
        }
    }

    /// Reads the version from the names of a component's imports and exports. A component that uses nothing of a contract has
    /// none; linking finds what it lacks.
    ///
    /// # Errors
    /// If one of them is of a version that this host does not support.
    pub(crate) fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Option<Self>, UnsupportedContract> {
        let mut found = None;
        for (package, _, version) in names.into_iter().filter_map(interface) {
            match Self::ALL.into_iter().find(|contract| contract.includes(package, &version)) {
                Some(contract) => found = Some(contract),
                None => return Err(UnsupportedContract(package, version)),
            }
        }
        Ok(found)
    }

    /// Returns whether a component that was built for a version can be run by this one. Before 1.0.0 the second number says what is
    /// compatible (semver section 4, as Cargo reads it).
    fn includes(self, package: Package, version: &Version) -> bool {
        let own = self.version();
        self.package() == package && version.major == own.major && (own.major > 0 || version.minor == own.minor)
    }
}

/// Splits `twofactor:provider/reports@0.2.0` into the contract, the interface and its version. `None` if the name is not one of a
/// contract's.
fn interface(name: &str) -> Option<(Package, &str, Version)> {
    let (package, interface) = name.split_once('/')?;
    let package = Package::ALL.into_iter().find(|known| known.name() == package)?;
    let (interface, version) = interface.split_once('@')?;
    Some((package, interface, Version::parse(version).ok()?))
}

/// Returns the contract to which an interface belongs, in any version.
pub(crate) fn package(name: &str) -> Option<Package> {
    interface(name).map(|(package, _, _)| package)
}

/// Returns whether a name is that of an interface of `twofactor:provider`, in any version.
pub(crate) fn is_interface(name: &str, wanted: &str) -> bool {
    interface(name).is_some_and(|(package, interface, _)| package == Package::Provider && interface == wanted)
}

impl fmt::Display for UnsupportedContract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(package, version) = self;
        let supported =
            || Contract::ALL.iter().filter(|contract| contract.package() == *package).map(|it| it.version());
        let newest = supported().max();
        let remedy = match newest.is_some_and(|newest| *version > newest) {
            true => format!("run it on a newer TwoFactor, or build it against the `{}` of this one", package.folder()),
            false => format!("build it against the `{}` of this host", package.folder()),
        };
        let supported: Vec<String> = supported().map(|version| version.to_string()).collect();
        write!(
            f,
            "the component was built for version {version} of the contract `{}`; this host supports {}: {remedy}",
            package.name(),
            supported.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_supported_version_is_that_of_the_wit_files() {
        for (package, wit) in [
            (Package::Provider, include_str!("../../wit/types.wit")),
            (Package::Factor, include_str!("../../wit/factor/types.wit")),
        ] {
            let of_package = |contract: &&Contract| contract.package() == package;
            let newest = Contract::ALL.iter().filter(of_package).map(|contract| contract.version()).max();
            let name = package.name();
            assert!(newest.is_some_and(|newest| wit.contains(&format!("package {name}@{newest};"))), "{name}");
        }
    }

    #[test]
    fn a_component_of_another_version_is_refused_with_the_supported_ones() {
        let of = |package: &str, version: &str| {
            let names = ["wasi:io/streams@0.2.6".to_owned(), format!("{package}/types@{version}")];
            Contract::of(names.iter().map(String::as_str)).map_err(|error| error.to_string())
        };
        for (package, version, contract) in [
            ("twofactor:provider", "0.2.0", Contract::ProviderV0_2),
            ("twofactor:provider", "0.2.7", Contract::ProviderV0_2),
            ("twofactor:factor", "0.1.0", Contract::FactorV0_1),
            ("twofactor:factor", "0.1.3", Contract::FactorV0_1),
        ] {
            assert_eq!(of(package, version), Ok(Some(contract)), "{package} {version}");
        }
        for (package, version, supported, remedy) in [
            ("twofactor:provider", "0.3.0", "0.2.0", "newer TwoFactor"),
            ("twofactor:provider", "1.0.0", "0.2.0", "newer TwoFactor"),
            ("twofactor:provider", "0.1.0", "0.2.0", "`wit/` of this host"),
            ("twofactor:factor", "0.2.0", "0.1.0", "newer TwoFactor"),
            ("twofactor:factor", "0.0.9", "0.1.0", "`wit/factor/` of this host"),
        ] {
            let error = of(package, version).err().unwrap_or_default();
            let told = [package, version, remedy, &format!("supports {supported}:")];
            assert!(told.iter().all(|part| error.contains(part)), "{error}");
        }
        assert_eq!(Contract::of(["wasi:io/streams@0.2.6"]), Ok(None));
    }
}
