//! The guide for users: the commands in the README and the API guide work unchanged.

use std::path::Path;

use crate::tutorial;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

#[test]
fn the_commands_of_the_readme_work_unchanged() {
    // The program that cargo would build exists already, and its tests run elsewhere. The port may
    // be taken.
    let before = r#"cargo() {
        case "$1" in
            run) shift; while [ "$1" != -- ]; do shift; done; shift; exec twofactor "$@" --listen 127.0.0.1:0 ;;
            test | bench) ;;
            *) return 1 ;;
        esac
    }"#;
    tutorial::works_as_it_stands(&Path::new(ROOT).join("README.md"), &["bash", "curl", "sed", "oathtool"], before);
}

#[test]
fn the_api_guide_works_unchanged() {
    tutorial::works_as_it_stands(&Path::new(ROOT).join("docs/api.md"), &["bash", "curl", "sed", "cmp", "oathtool"], "");
}

#[test]
fn the_guide_to_the_sign_in_page_works_unchanged() {
    tutorial::works_as_it_stands(&Path::new(ROOT).join("docs/sign-in-page.md"), &["bash", "curl", "sed"], "");
}
