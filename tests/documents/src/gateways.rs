//! A provider for a gateway is small, and the guide says how to set it up.

use std::fs;

use super::root;

/// A gateway's own source has fewer lines than this.
const LINES: usize = 150;

#[test]
fn each_gateway_has_fewer_than_150_lines_and_a_section_in_the_guide() {
    let guide = fs::read_to_string(root().join("docs/gateways.md")).unwrap();
    for (type_id, source, file) in [
        ("vonage", "providers/vonage", "providers/vonage/src/lib.rs"),
        ("infobip", "providers/infobip", "providers/infobip/src/lib.rs"),
        ("telnyx", "providers/telnyx", "providers/telnyx/src/lib.rs"),
        ("sendgrid", "providers/sendgrid", "providers/sendgrid/src/lib.rs"),
        ("whatsapp", "providers/whatsapp", "providers/whatsapp/src/lib.rs"),
        ("sinch", "providers/javascript/sinch.js", "providers/javascript/sinch.js"),
        ("bird", "providers/javascript/bird.js", "providers/javascript/bird.js"),
        ("matrix", "providers/python/matrix.py", "providers/python/matrix.py"),
        ("telegram-gateway", "providers/go/telegram-gateway", "providers/go/telegram-gateway/provider.go"),
        ("lan-gateway", "providers/c", "providers/c/lan_gateway.c"),
    ] {
        let lines = fs::read_to_string(root().join(file)).unwrap().lines().count();
        assert!(lines < LINES, "{file} has {lines} lines");
        let listed = format!(") | `{type_id}` |");
        assert!(guide.lines().any(|line| line.starts_with("| [") && line.contains(&listed)), "{type_id} is not listed");
        let source = format!("\nSource: `{source}`.\n");
        assert_eq!(guide.split("\n## ").filter(|section| section.contains(&source)).count(), 1, "{type_id}");
    }
}
