//! Names the browser and system of a `User-Agent`. The header may contain anything, and other
//! people may read the page, so only names of this list appear.

/// Parts of user agents, and the browsers' names. The first match counts: many browsers name others
/// as well.
const BROWSERS: [(&str, &str); 9] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Safari/", "Safari"),
];

const SYSTEMS: [(&str, &str); 8] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

/// Returns browser and system, such as `Firefox, Windows`, or nothing if neither is known.
pub(crate) fn name(user_agent: &str) -> Option<String> {
    let find = |names: &[(&str, &'static str)]| {
        names.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name)
    };
    let known: Vec<&str> = [find(&BROWSERS), find(&SYSTEMS)].into_iter().flatten().collect();
    (!known.is_empty()).then(|| known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn browser_and_system_are_named_as_people_know_them() {
        let apple = "AppleWebKit/537.36 (KHTML, like Gecko)";
        for (agent, known) in [
            (format!("Mozilla/5.0 (X11; Linux x86_64) {apple} Chrome/131.0.0.0 Safari/537.36"), "Chrome, Linux"),
            (
                format!("Mozilla/5.0 (Windows NT 10.0) {apple} Chrome/131.0.0.0 Safari/537.36 Edg/131.0"),
                "Edge, Windows",
            ),
            (format!("Mozilla/5.0 (Linux; Android 14) {apple} Chrome/131.0 Mobile Safari/537.36"), "Chrome, Android"),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 14.5; rv:132.0) Gecko/20100101 Firefox/132.0".into(),
                "Firefox, macOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Version/18.1 Safari/604.1".into(),
                "Safari, iPhone",
            ),
            ("curl/8 (Linux)".into(), "Linux"),
        ] {
            assert_eq!(name(&agent).as_deref(), Some(known), "{agent}");
        }
    }

    #[test]
    fn what_a_caller_wrote_is_not_repeated() {
        assert_eq!(name("Your bank: type the code to stop a payment"), None);
        assert_eq!(name("<b>Chrome/1</b> of your bank").as_deref(), Some("Chrome"));
        assert_eq!(name(""), None);
    }
}
