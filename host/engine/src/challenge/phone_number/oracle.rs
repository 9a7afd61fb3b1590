//! Compares how we read phone numbers with libphonenumber itself, through its Python port
//! `phonenumbers`.

use std::env::current_exe;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use rlibphonenumber::PhoneNumber;

use super::{OLD_MEXICAN_MOBILE, canonical};
use crate::instance::Policy;

/// The version whose metadata equals that of `rlibphonenumber` in Cargo.toml. If you update one,
/// update the other and regenerate oracle.tsv.
const ORACLE: &str = "phonenumbers==9.0.42";

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/challenge/phone_number/oracle.py");

/// The number types that codes are not sent to, as the oracle names them.
const REFUSED: [&str; 6] = ["PREMIUM_RATE", "SHARED_COST", "PERSONAL_NUMBER", "PAGER", "UAN", "VOICEMAIL"];

/// Compares E.164, validity, region and type of each number, and whether codes may go there.
/// Returns how many are valid.
fn compare(answers: &str) -> usize {
    let everywhere = Policy { countries: ["*".to_owned()].into(), ..Policy::default() };
    let mut valid_numbers = 0;
    let mut differences = Vec::new();
    for line in answers.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [given, e164, valid, region, kind] = fields[..] else { panic!("not a line of the oracle: {line}") };
        let valid = valid == "1";
        valid_numbers += usize::from(valid);
        let ours = match given.parse::<PhoneNumber>() {
            Ok(number) => {
                let region = number.get_region_code().map(|region| region.as_region_str().to_string());
                let kind = format!("{:?}", number.get_type()).to_uppercase();
                (number.to_string(), number.is_valid(), region.unwrap_or_default(), kind)
            }
            Err(_) => Default::default(),
        };
        if ours != (e164.to_owned(), valid, region.to_owned(), kind.replace('_', "")) {
            differences.push(format!("{line}: {ours:?}"));
        }
        // libphonenumber no longer knows the old form of Mexican numbers, which we accept.
        if given[1..].starts_with(OLD_MEXICAN_MOBILE) && given.len() == 14 {
            continue;
        }
        let country = if region == "001" { "" } else { region };
        let expected = match (valid, REFUSED.contains(&kind)) {
            (false, _) => "not valid".to_owned(),
            (true, true) => "refused".to_owned(),
            (true, false) => format!("{e164} {country}"),
        };
        let became = match canonical(given, &everywhere) {
            Ok(number) => format!("{} {}", number.address, number.country),
            Err(error) if error.to_string().contains("not a valid") => "not valid".to_owned(),
            Err(_) => "refused".to_owned(),
        };
        if became != expected {
            differences.push(format!("{line}: {became}"));
        }
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    valid_numbers
}

#[test]
fn numbers_of_all_regions_are_read_as_libphonenumber_reads_them() {
    assert!(compare(include_str!("oracle.tsv")) >= 1466);
}

fn run(program: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {out}{err}", program.display());
    out.into_owned()
}

/// Python with the oracle, in its own virtual environment beside this program.
fn python() -> Option<PathBuf> {
    let python = Path::new("python3");
    if !Command::new(python).args(["-m", "venv", "--help"]).output().is_ok_and(|output| output.status.success()) {
        return None;
    }
    let folder = current_exe().unwrap().parent().unwrap().join("phone-number-oracle");
    let (program, installed) = (folder.join("bin/python"), folder.join("installed.txt"));
    if fs::read_to_string(&installed).ok().as_deref() != Some(ORACLE) {
        run(python, &["-m", "venv", "--clear", folder.to_str().unwrap()]);
        run(&program, &["-m", "pip", "install", "--quiet", ORACLE]);
        fs::write(&installed, ORACLE).unwrap();
    }
    Some(program)
}

/// Different numbers in each run. The message of a failure contains the seed.
#[test]
fn random_numbers_are_read_as_libphonenumber_reads_them_today() {
    let Some(python) = python() else {
        let _ = writeln!(std::io::stderr(), "\nSKIPPED: the oracle of phone numbers needs python3 with venv");
        return;
    };
    let seed = process::id().to_string();
    let _ = writeln!(std::io::stderr(), "oracle.py {seed} 3");
    assert!(compare(&run(&python, &[SCRIPT, &seed, "3"])) >= 1466);
}
