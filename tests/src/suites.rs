//! Programs that run several suites, each a module in a file of its own.

use std::fs;
use std::path::Path;

/// Fails if a file of a folder is not a module of the program whose source is given: its tests would never run. `apart` names those that
/// are programs of their own.
pub fn listed(folder: &str, main: &str, apart: &[&str]) {
    let mut missing = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let suite = path.extension().is_some_and(|extension| extension == "rs") && name != "main";
        if suite && !apart.contains(&name) && !main.lines().any(|line| line == format!("mod {name};")) {
            missing.push(name.to_owned());
        }
    }
    assert_eq!(missing, [""; 0], "add `mod NAME;` to {}", Path::new(folder).join("main.rs").display());
}
